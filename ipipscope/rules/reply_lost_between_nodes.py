"""IPIP308: The encapsulated reply left one node's NIC and never reached the other's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say_of
from ipipscope.model import Leg
from ipipscope.rules.lost_between_nodes import lost_between_nodes
from ipipscope.rules.rule import Rule

if TYPE_CHECKING:
    from ipipscope.rules.rule import Strike
    from ipipscope.rules.view import View

RULE: Final = Rule(
    code="IPIP308",
    name="reply-lost-between-nodes",
    source="RFC 791 §1.2: nothing between may keep a datagram",
    seen="The encapsulated reply left one node's NIC and never reached the other's.",
    meaning=(
        "The answer left the replier's node and never came to the requester's: the network lost it, or took it "
        "elsewhere, on the way back only."
    ),
    looks="Reply: the replier's NIC with outer header; nothing at the requester.",
    causes=(
        "A security group or firewall that lets IP protocol 4 pass one way only; an outer source that the "
        "network takes for forged; a route or ARP entry that is wrong on the way back; a full queue."
    ),
    mend=(
        "Allow IP protocol number 4 from the replier to the requester as well as the other way, and let both "
        "nodes send from the addresses the network knows."
    ),
    disproved_by="The reply on any NIC of the requester's node.",
    capture_next=(
        "The requester's NICs while the replier's go on being recorded; then the same packet at gateways on the "
        "way back."
    ),
)


def struck(view: View) -> Strike | None:
    """Seen leaving with an outer header, missing on the target's NICs, with nothing of it further on."""
    return lost_between_nodes(view, Leg.REPLY)


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    outer = strike.proofs[0][0].outer
    if outer is None:  # the outer header is IPv6
        return say_of(
            count,
            "{count} reply leaves {node}:{interface} and never reaches the other node.",
            "{count} replies leave {node}:{interface} and never reach the other node.",
            node=strike.node,
            interface=strike.interface,
        )
    return say_of(
        count,
        "{count} reply leaves {node}:{interface} for {dst} and never reaches {peer}.",
        "{count} replies leave {node}:{interface} for {dst} and never reach {peer}.",
        node=strike.node,
        interface=strike.interface,
        dst=outer.dst,
        peer=view.named(outer.dst),
    )
