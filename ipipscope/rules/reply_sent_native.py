"""IPIP103: The request came encapsulated, the reply leaves a NIC without an outer header."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import Said, say, say_of
from ipipscope.model import Confidence, Leg
from ipipscope.rules.rule import Rule, Strike
from ipipscope.rules.several import and_addresses

if TYPE_CHECKING:
    from ipipscope.rules.view import View

RULE: Final = Rule(
    code="IPIP103",
    name="reply-sent-native",
    source="RFC 2003 §3; Calico documentation, ipipMode: both directions of a pool's traffic use the same mode",
    seen="The request came encapsulated, the reply leaves a NIC without an outer header.",
    meaning=(
        "The replier routes the answer straight to a NIC instead of the tunnel. The network between may not "
        "know where the inner address lives, then the answer is lost; where it does, the path is asymmetric "
        "and strict reverse path filters drop it sooner or later."
    ),
    looks=(
        "Request: NIC with outer header, tunnel, workload. Reply: workload, then a NIC with the inner header "
        "only; the tunnel stays empty."
    ),
    causes=(
        "No route to the requester's block, so that the default route takes the answer; a route to the block "
        "with dev NIC in place of dev tunl0, left from a change of mode or of CrossSubnet; unequal masks of "
        "the node addresses."
    ),
    mend=(
        "Put the block's route on the tunnel (ip route replace BLOCK via PEER dev tunl0 onlink) and let its "
        "owner, BIRD or Felix, program it again."
    ),
    disproved_by="A copy of the reply with an outer header, or a request that came without one.",
    capture_next=(
        "The replier's NICs and the requester's, without the filter `ip proto 4`: a reply without outer header "
        "is plain ICMP, TCP or UDP there."
    ),
)


def struck(view: View) -> Strike | None:
    """The reply bare on a NIC, with no encapsulated copy, to a request that came encapsulated."""
    return sent_native(view, Leg.REPLY)


def sent_native(view: View, leg: Leg) -> Strike | None:
    """The test, for either leg: bare where the opposite leg is encapsulated."""
    other = Leg.REQUEST if leg is Leg.REPLY else Leg.REPLY
    bare = view.bare_anywhere(leg)
    encapsulated = view.outer_anywhere(other)
    if not bare or not encapsulated or view.outer_anywhere(leg):
        return None
    node = view.origin(leg)
    if node is not None and not view.at(leg, node, "bare") and view.missing(leg, node, "bare"):
        return None  # it was unpacked on the way: not its origin's doing
    destination = view.journey.flow.src if leg is Leg.REPLY else view.journey.flow.dst
    outers = {address for look in encapsulated if look.outer for address in (look.outer.src, look.outer.dst)}
    answered = view.answered()
    if destination in outers and answered is not False:
        return None  # to a node's own address no tunnel is needed
    left = view.at(leg, node, "bare") or bare
    delivered = answered
    if delivered is None and leg is Leg.REPLY:
        delivered = view.returns_to_sender(leg)
    proofs = [(look, say("{leg} without outer header", leg=say(leg.value))) for look in left[:1]]
    proofs += [(look, say("{leg}, encapsulated", leg=say(other.value))) for look in encapsulated[:1]]
    return Strike(
        node=view.name(leg),
        interface=view.interface(left),
        confidence=Confidence.CERTAIN if node is not None and view.at(leg, node, "bare") else Confidence.LIKELY,
        proofs=tuple(proofs),
        lost=None if delivered is None else not delivered,
    )


def lost(strike: Strike) -> Said:
    """What became of packets that did not come through, or may not have."""
    return say("are lost") if strike.lost else say("may be lost")


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    fate = say("arrive all the same") if strike.lost is False else lost(strike)
    return say_of(
        count,
        "{count} reply to {src} leaves {node}:{interface} without outer header and {fate}.",
        "{count} replies to {src} leave {node}:{interface} without outer header and {fate}.",
        src=and_addresses(view.journey.flow.src, {src for src, _ in strike.pairs}),
        node=strike.node,
        interface=strike.interface,
        fate=fate,
    )
