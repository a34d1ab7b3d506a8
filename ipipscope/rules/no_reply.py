"""IPIP306: The request was delivered as far as can be seen and nothing came back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say, say_of
from ipipscope.model import Confidence, Leg
from ipipscope.rules.rule import Rule, Strike
from ipipscope.rules.several import and_pairs

if TYPE_CHECKING:
    from ipipscope.rules.view import View

RULE: Final = Rule(
    code="IPIP306",
    name="no-reply",
    source="RFC 1122 §3.2.2.6: a host must answer an echo request",
    seen="The request was delivered as far as can be seen and nothing came back.",
    meaning="Nobody answered, or the answer left by a way that was not recorded.",
    looks="Request: at every point that was recorded. Reply: nowhere.",
    causes=(
        "The pod does not answer, is gone, or drops the request; the fault lies behind the last point that "
        "was recorded."
    ),
    mend="Record on the replier too: its NICs, its tunnel and the pod's interface.",
    disproved_by="The reply at any point.",
    capture_next=(
        "Everything on the node of the address that was asked: its NICs, tunnel and pod interfaces, `tcpdump -i any`."
    ),
)


def struck(view: View) -> Strike | None:
    """None for exchanges outside the overlay, and where only NICs were recorded, by one of which a reply may come."""
    requests = view.looks(Leg.REQUEST)
    if not requests or view.looks(Leg.REPLY) or not view.in_overlay:
        return None
    if any(look.leg is Leg.REQUEST_ERROR for look in view.journey.sightings):
        return None
    requester, replier = view.requester, view.replier
    sent_by_pod = bool(view.at(Leg.REQUEST, requester, "workload"))
    sent_by_tunnel = bool(view.at(Leg.REQUEST, requester, "tunnel") and view.missing(Leg.REPLY, requester, "outer"))
    taken_by_pod = bool(view.at(Leg.REQUEST, replier, "workload"))
    taken_by_tunnel = bool(view.at(Leg.REQUEST, replier, "tunnel")) and _would_be_seen(view, replier)
    if not (sent_by_pod or sent_by_tunnel or taken_by_pod or taken_by_tunnel):
        return None
    if not view.recording:
        return None
    last = view.at(Leg.REQUEST, replier, "workload") or view.at(Leg.REQUEST, replier, "tunnel") or requests[-1:]
    certain = sent_by_pod or taken_by_pod
    watched = {view.station(look).point for look in requests} & view.recording
    if not watched:
        return None
    return Strike(
        node=view.name(Leg.REQUEST, target=True) if taken_by_pod or taken_by_tunnel else view.name(Leg.REQUEST),
        interface=view.interface(last),
        confidence=Confidence.CERTAIN if certain else Confidence.LIKELY,
        proofs=((last[0], say("request, last seen here")),),
        look_at=None if taken_by_pod else view.name(Leg.REQUEST, target=True),
    )


def _would_be_seen(view: View, replier: str | None) -> bool:
    """Whether a reply of the node whose tunnel took the request would have been recorded, whatever way it left.

    One that is sent without an outer header shows on no tunnel, and may arrive; the hosts' routes may tell.
    """
    if view.missing(Leg.REPLY, replier, "workload") or view.missing(Leg.REPLY, replier, "bare"):
        return True
    to = view.journey.flow.src
    return replier is not None and any(to in network for network in view.knowledge.hosts.tunnelled.get(replier, ()))


def unexplained(view: View) -> Strike:
    """For an exchange whose reply was seen and surely did not arrive, where no rule knows what became of it."""
    looks = view.looks(Leg.REPLY)
    last = view.at(Leg.REPLY, view.replier, "tunnel") or view.at(Leg.REPLY, view.replier, "workload") or looks[-1:]
    node = view.station(last[0]).node
    return Strike(
        node=node,
        interface=view.interface(last),
        confidence=Confidence.LIKELY,
        proofs=((last[0], say("reply, last seen here")),),
    )


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    flow = view.journey.flow
    if strike.proofs[0][0].leg is Leg.REPLY:
        return say_of(
            count,
            "{count} reply from {src} to {dst}, last seen on {node}:{interface}, never arrives.",
            "{count} replies from {src} to {dst}, last seen on {node}:{interface}, never arrive.",
            src=flow.dst,
            dst=and_pairs(flow.src, strike.pairs),
            node=strike.node,
            interface=strike.interface,
        )
    return say_of(
        count,
        "{count} request from {src} to {dst}, last seen on {node}:{interface}, gets no reply.",
        "{count} requests from {src} to {dst}, last seen on {node}:{interface}, get no reply.",
        src=flow.src,
        dst=and_pairs(flow.dst, strike.pairs),
        node=strike.node,
        interface=strike.interface,
    )
