"""IPIP202: The reply's outer destination is not the request's outer source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say, say_of
from ipipscope.model import Confidence, Leg
from ipipscope.rules.outer_source_mismatch import same_node
from ipipscope.rules.rule import Rule, Strike

if TYPE_CHECKING:
    from ipipscope.rules.view import View

RULE: Final = Rule(
    code="IPIP202",
    name="reply-wrong-outer-destination",
    source="RFC 2003 §3.1: the outer addresses name the tunnel's ends",
    seen="The reply's outer destination is not the request's outer source.",
    meaning=(
        "The replier sends the answer to another node than the one that asked. That node unpacks it and drops "
        "or forwards it."
    ),
    looks=(
        "Request: outer source X. Reply: outer destination Z, which is no address of the requester's node; "
        "the requester never sees it, or sees it from a third node."
    ),
    causes=(
        "The route to the requester's block names a wrong node as next hop: a stale route, a block that "
        "moved, two nodes with the same tunnel address."
    ),
    mend=(
        "Point the block's route at its owner's node address (ip route replace BLOCK via OWNER dev tunl0 "
        "onlink); look for duplicate tunnel addresses and stale block affinities."
    ),
    disproved_by="Evidence that both outer addresses belong to the requester's node.",
    capture_next=(
        "The NICs of the node that gets the replies, and the tunnel of the one that asked: where do they arrive, "
        "and what becomes of them?"
    ),
)


def struck(view: View) -> Strike | None:
    """The outer destination belongs to another node than the requester's."""
    for reply in view.ipip_anywhere(Leg.REPLY):
        for request in view.ipip_anywhere(Leg.REQUEST):
            assert reply.outer is not None
            assert request.outer is not None
            if reply.outer.dst == request.outer.src or same_node(view, reply, request):
                continue
            if any(look.outer and look.outer.dst == request.outer.src for look in view.ipip_anywhere(Leg.REPLY)):
                continue  # it went on from there to the requester: that is a detour, not an end
            answered = view.answered()
            owner = view.knowledge.sides.outer_home.get(reply.outer.dst)
            return Strike(
                node=view.name(Leg.REPLY),
                interface=view.interface(view.at(Leg.REPLY, view.replier, "outer") or (reply,)),
                confidence=_confidence(view, known=owner is not None or answered is not None),
                proofs=(
                    (reply, say("{leg} to outer destination {dst}", leg=say(Leg.REPLY.value), dst=reply.outer.dst)),
                    (request, say("{leg} from outer source {src}", leg=say(Leg.REQUEST.value), src=request.outer.src)),
                ),
                lost=None if answered is None else not answered,
            )
    return None


def _confidence(view: View, *, known: bool) -> Confidence:
    """*known*: whose the outer destination is, or what became of the reply."""
    if view.requester is not None and view.unwatched_nics(view.requester):
        return Confidence.POSSIBLE  # the destination may be an address of a NIC of the requester that nobody watched
    return Confidence.CERTAIN if known else Confidence.LIKELY


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    reply, request = strike.proofs[0][0].outer, strike.proofs[1][0].outer
    assert reply is not None
    assert request is not None
    return say_of(
        count,
        "{node} sends {count} reply to {receiver} ({address}), asked by {src}.",
        "{node} sends {count} replies to {receiver} ({address}), asked by {src}.",
        node=strike.node,
        receiver=view.named(reply.dst),
        address=reply.dst,
        src=request.src,
    )
