"""IPIP307: The encapsulated request left one node's NIC and never reached the other's."""

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
    code="IPIP307",
    name="request-lost-between-nodes",
    source="RFC 791 §1.2: nothing between may keep a datagram",
    seen="The encapsulated request left one node's NIC and never reached the other's.",
    meaning=(
        "The request left the requester's node and never came to the other: the network between lost it or took "
        "it elsewhere."
    ),
    looks="Request: the requester's NIC with outer header; nothing at the replier.",
    causes=(
        "A fabric, security group or cloud network that drops IP protocol 4; an outer destination that nobody "
        "serves; a full queue; a wrong ARP entry."
    ),
    mend=(
        "Allow IP protocol number 4 between the nodes, both ways (94 or the word ipip mean something else in "
        "some security groups); else use VXLAN."
    ),
    disproved_by="The request on any NIC of the node it is sent to.",
    capture_next="The NICs of both nodes at the same time; then switch ports or gateways between them, one by one.",
)


def struck(view: View) -> Strike | None:
    """Seen leaving with an outer header, missing on the target's NICs, with nothing of it further on."""
    return lost_between_nodes(view, Leg.REQUEST)


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    outer = strike.proofs[0][0].outer
    if outer is None:  # the outer header is IPv6
        return say_of(
            count,
            "{count} request leaves {node}:{interface} and never reaches the other node.",
            "{count} requests leave {node}:{interface} and never reach the other node.",
            node=strike.node,
            interface=strike.interface,
        )
    return say_of(
        count,
        "{count} request leaves {node}:{interface} for {dst} and never reaches {peer}.",
        "{count} requests leave {node}:{interface} for {dst} and never reach {peer}.",
        node=strike.node,
        interface=strike.interface,
        dst=outer.dst,
        peer=view.named(outer.dst),
    )
