"""IPIP102: The request is on the requester's tunnel or workload point, and no copy of it with an outer header leaves any of its NICs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say_of
from ipipscope.model import Leg
from ipipscope.rules.reply_not_encapsulated import unencapsulated
from ipipscope.rules.rule import Rule, Strike
from ipipscope.rules.several import and_addresses

if TYPE_CHECKING:
    from ipipscope.rules.view import View

RULE: Final = Rule(
    code="IPIP102",
    name="request-not-encapsulated",
    source="RFC 2003 §3: the encapsulator puts an outer header around what it forwards into the tunnel",
    seen=(
        "The request is on the requester's tunnel or workload point, and no copy of it with an outer header "
        "leaves any of its NICs."
    ),
    meaning=(
        "The requester's kernel handed the request to its tunnel device, where it was dropped before it "
        "became an IPIP packet."
    ),
    looks="Request: workload, tunnel; nothing on any NIC of the requester, nothing at the replier.",
    causes=(
        "The route to the replier's block names one of the node's own addresses as next hop, or an address "
        "without a route; an outbound firewall that drops protocol 4; a tunnel device that is down (then ICMP "
        "port unreachable comes back)."
    ),
    mend=(
        "Give the requester a route to the replier's block by the peer's node address (ip route replace BLOCK "
        "via PEER dev tunl0 onlink); BIRD or Felix, whose route it is, should program it."
    ),
    disproved_by="A copy of the request with an outer header on any NIC of the requester at that time.",
    capture_next=(
        "Every NIC of the requester with its tunnel and the pod's interface at the same time: one `tcpdump -i "
        "any` shows all of them."
    ),
)


def struck(view: View) -> Strike | None:
    """None also where the request may leave by a NIC that nobody watched."""
    if view.looks(Leg.REPLY):
        return None
    return unencapsulated(view, Leg.REQUEST)


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    flow = view.journey.flow
    return say_of(
        count,
        "{count} request to {dst} reaches {node}:{interface} and never leaves a NIC as IPIP.",
        "{count} requests to {dst} reach {node}:{interface} and never leave a NIC as IPIP.",
        dst=and_addresses(flow.dst, {dst for _, dst in strike.pairs}),
        node=strike.node,
        interface=strike.interface,
    )
