"""IPIP104: The request leaves a NIC without an outer header, the reply comes encapsulated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say, say_of
from ipipscope.model import Confidence, Leg
from ipipscope.rules.reply_sent_native import lost, sent_native
from ipipscope.rules.rule import Rule, Strike
from ipipscope.rules.several import and_addresses

if TYPE_CHECKING:
    from ipipscope.rules.view import View

RULE: Final = Rule(
    code="IPIP104",
    name="request-sent-native",
    source="RFC 2003 §3; Calico documentation, ipipMode: both directions of a pool's traffic use the same mode",
    seen="The request leaves a NIC without an outer header, the reply comes encapsulated.",
    meaning=(
        "The requester routes the request straight to a NIC instead of the tunnel, while the replier answers "
        "through the tunnel."
    ),
    looks=(
        "Request: workload, a NIC with the inner header only; on the replier no tunnel. Reply: tunnel, NIC "
        "with outer header."
    ),
    causes=(
        "A route to the replier's block with dev NIC in place of dev tunl0, left from a change of mode or of "
        "CrossSubnet; unequal masks of the node addresses."
    ),
    mend=(
        "Send the replier's block into the requester's tunnel (ip route replace BLOCK via PEER dev tunl0 "
        "onlink), and set tunl0 up where it is down."
    ),
    disproved_by="A copy of the request with an outer header, or a reply that came without one.",
    capture_next=(
        "The requester's NICs and the replier's, without the filter `ip proto 4`: a request without outer header "
        "is plain ICMP, TCP or UDP there."
    ),
)


def struck(view: View) -> Strike | None:
    """The request bare on a NIC, with no encapsulated copy, and a reply that comes encapsulated, or none at all."""
    return sent_native(view, Leg.REQUEST) or _in_vain(view)


def _in_vain(view: View) -> Strike | None:
    """A request for an address behind a tunnel, bare on its node's NIC and never at the other node."""
    leg = Leg.REQUEST
    left = view.at(leg, view.requester, "bare")
    if not left or not view.belongs_in_overlay or view.outer_anywhere(leg):
        return None
    target = view.replier
    came = any(view.at(leg, target, position) for position in ("bare", "tunnel", "workload"))
    if came or any(look.leg is Leg.REQUEST_ERROR for look in view.journey.sightings):
        return None  # neighbours of one subnet may talk without a tunnel
    return Strike(
        node=view.requester,
        interface=view.interface(left),
        confidence=Confidence.CERTAIN if view.missing(leg, target, "bare") else Confidence.LIKELY,
        proofs=((left[0], say("{leg} without outer header", leg=say(leg.value))),),
    )


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    fate = say("are answered all the same") if strike.lost is False else lost(strike)
    return say_of(
        count,
        "{count} request to {dst} leaves {node}:{interface} without outer header and {fate}.",
        "{count} requests to {dst} leave {node}:{interface} without outer header and {fate}.",
        dst=and_addresses(view.journey.flow.dst, {dst for _, dst in strike.pairs}),
        node=strike.node,
        interface=strike.interface,
        fate=fate,
    )
