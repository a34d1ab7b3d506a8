"""IPIP101: The reply is on the replier's tunnel or workload point, and no copy of it with an outer header leaves any of its NICs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say, say_of
from ipipscope.model import Confidence, Leg
from ipipscope.rules.rule import Rule, Strike

if TYPE_CHECKING:
    from ipipscope.rules.view import View

RULE: Final = Rule(
    code="IPIP101",
    name="reply-not-encapsulated",
    source="RFC 2003 §3: the encapsulator puts an outer header around what it forwards into the tunnel",
    seen=(
        "The reply is on the replier's tunnel or workload point, and no copy of it with an outer header "
        "leaves any of its NICs."
    ),
    meaning=(
        "The replier answered and its kernel handed the answer to the tunnel device, where it was dropped. A "
        "tunnel's capture point sits before encapsulation and before any drop in the tunnel, so a reply seen "
        "there proves nothing about the NIC."
    ),
    looks=(
        "Request: NIC with outer header, tunnel, workload. Reply: workload, tunnel; nothing on any NIC of the "
        "replier, nothing at the requester."
    ),
    causes=(
        "The route to the requester's block names one of the node's own addresses as next hop: the kernel "
        "then takes the inner destination as outer destination, the route leads back into the tunnel, and the "
        "packet is dropped (tx errors and collisions of tunl0 count). An outbound firewall that drops "
        "protocol 4 looks the same (tx dropped counts, collisions do not), and so does a tunnel device "
        "without a route to the peer (carrier errors)."
    ),
    mend=(
        "Point the route at the peer's node address (ip route replace BLOCK via PEER dev tunl0 onlink) and "
        "let its owner, BIRD or Felix, program it again."
    ),
    disproved_by="A copy of the reply with an outer header on any NIC of the replier at that time.",
    capture_next=(
        "Every NIC of the replier with its tunnel at the same time: `tcpdump -i any` with the filter `ip proto 4 "
        "or icmp`, while the ping goes on."
    ),
)


def struck(view: View) -> Strike | None:
    """None also where the reply may leave by a NIC that nobody watched."""
    return unencapsulated(view, Leg.REPLY)


def unencapsulated(view: View, leg: Leg) -> Strike | None:
    """The test, for either leg: it was handed to the tunnel of its origin and left no NIC at all."""
    node = view.origin(leg)
    inside = view.at(leg, node, "tunnel") or view.at(leg, node, "workload")
    if node is None or not inside or not view.in_overlay:
        return None
    if view.outer_anywhere(leg) or view.bare_anywhere(leg) or not view.missing(leg, node, "outer"):
        return None
    if view.at(leg, view.target(leg), "tunnel") or view.at(leg, view.target(leg), "workload"):
        return None
    if any(look.leg in ERRORS for look in view.journey.sightings):
        return None  # the sender was told why: that is another rule's
    watched = view.exit_watched(leg)
    if watched is False:
        return None
    handed = view.at(leg, node, "tunnel")
    if not handed and not (view.missing(leg, node, "tunnel") and view.all_nics_watched(node)):
        return None  # a packet that a pod sent may have gone elsewhere than into the tunnel
    proofs = [(look, say("{leg}, not encapsulated", leg=say(leg.value))) for look in inside[:1]]
    other = Leg.REQUEST if leg is Leg.REPLY else Leg.REPLY
    proofs += [(look, say("{leg}, encapsulated", leg=say(other.value))) for look in view.at(other, node, "outer")[:1]]
    confidence = Confidence.CERTAIN if watched and handed else Confidence.LIKELY
    if not watched and view.unwatched_nics(node):
        confidence = Confidence.POSSIBLE  # with another outer destination it may have left by another NIC
    return Strike(
        node=node,
        interface=view.interface(inside),
        confidence=confidence,
        proofs=tuple(proofs),
    )


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    outer = next((look.outer for look in view.outer_anywhere(Leg.REQUEST)), None)
    towards = say(" to {peer}", peer=outer.src) if outer else ""
    return say_of(
        count,
        "{count} reply reaches {node}:{interface} and never leaves a NIC as IPIP{towards}.",
        "{count} replies reach {node}:{interface} and never leave a NIC as IPIP{towards}.",
        node=strike.node,
        interface=strike.interface,
        towards=towards,
    )


ERRORS: Final = frozenset({Leg.REQUEST_ERROR, Leg.REPLY_ERROR})
