"""IPIP204: request and reply cross different NICs of one node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say, say_of
from ipipscope.model import Confidence, Leg
from ipipscope.rules.rule import Rule, Strike

if TYPE_CHECKING:
    from ipipscope.rules.view import View

RULE: Final = Rule(
    code="IPIP204",
    name="interface-asymmetry",
    source="RFC 1812 §5.3.8: source address validation drops what comes in by another way than it would go out",
    seen="Request and reply cross different NICs of one node.",
    meaning="The node sends to its peer by one NIC and hears from it on another. That works as long as nothing on the "
    "way expects both directions in one place: strict reverse path filters and stateful firewalls do.",
    looks="Outer headers of one direction on one NIC, of the other direction on another NIC of the same node.",
    causes="Several NICs, and node addresses of different networks registered with Calico; policy routing.",
    mend="Let all nodes register addresses of one network (IP_AUTODETECTION_METHOD=cidr=...).",
    disproved_by="Both directions on one NIC.",
    capture_next=(
        "All NICs of this node at once (`tcpdump -i any`), so that both directions are seen whichever way they take."
    ),
)


def struck(view: View) -> Strike | None:
    """Each direction was seen encapsulated on a NIC of this node, and on no NIC were both."""
    for node in (view.replier, view.requester):
        requests, replies = view.at(Leg.REQUEST, node, "outer"), view.at(Leg.REPLY, node, "outer")
        if not requests or not replies:
            continue
        here = {look.station for look in requests}
        if any(not view.station(look).told_apart for look in (*requests, *replies)):
            continue
        if here.isdisjoint(look.station for look in replies):
            return Strike(
                node=node,
                interface=view.interface(replies),
                confidence=Confidence.CERTAIN,
                proofs=((replies[0], say("reply")), (requests[0], say("request, on another NIC"))),
                lost=None,
            )
    return None


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    reply, request = (view.station(look).point.interface for look, _ in strike.proofs)
    return say_of(
        count,
        "{count} exchange crosses {node} by two NICs: request on {request}, reply on {reply}.",
        "{count} exchanges cross {node} by two NICs: requests on {request}, replies on {reply}.",
        node=strike.node,
        request=request,
        reply=reply,
    )
