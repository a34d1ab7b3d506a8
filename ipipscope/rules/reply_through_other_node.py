"""IPIP203: The reply arrives with the outer source of a third node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say, say_of
from ipipscope.model import Confidence, Leg
from ipipscope.rules.outer_source_mismatch import third_node
from ipipscope.rules.rule import Rule, Strike

if TYPE_CHECKING:
    from ipipscope.rules.view import View

RULE: Final = Rule(
    code="IPIP203",
    name="reply-through-other-node",
    source="RFC 2003 §3.1: the outer addresses name the tunnel's ends",
    seen="The reply arrives with the outer source of a third node.",
    meaning=(
        "The answer takes a detour: the replier, or a router behind it, hands it to another node, which puts "
        "it into the tunnel in its own name."
    ),
    looks=(
        "Request: outer destination X. Reply at the requester: outer source of a third node; the inner TTL is "
        "lower by the detour."
    ),
    causes=(
        "A route on the replier that sends the requester's block to the third node, by tunnel or natively; a "
        "block that two nodes own."
    ),
    mend=(
        "Point the block's route on the replier at its owner's node address (ip route replace BLOCK via OWNER "
        "dev tunl0 onlink)."
    ),
    disproved_by="Evidence that the outer source is an address of the replier itself.",
    capture_next=(
        "The NICs and tunnel of the node in the middle, together with the replier's: does the reply pass it, or "
        "does the replier use its address?"
    ),
)


def struck(view: View) -> Strike | None:
    """The outer source belongs to a node that is neither end."""
    for reply in view.ipip_anywhere(Leg.REPLY):
        for request in view.ipip_anywhere(Leg.REQUEST):
            assert reply.outer is not None
            assert request.outer is not None
            if reply.outer.src == request.outer.dst or reply.outer.dst != request.outer.src:
                continue
            if not third_node(view, reply, request):
                continue
            node = view.replier or (str(request.outer.dst))
            return Strike(
                node=node,
                interface=view.interface((reply,)),
                confidence=Confidence.CERTAIN
                if reply.outer.src in view.knowledge.sides.outer_home
                else Confidence.LIKELY,
                proofs=(
                    (reply, say("{leg} from outer source {src}", leg=say(Leg.REPLY.value), src=reply.outer.src)),
                    (
                        request,
                        say("{leg} to outer destination {dst}", leg=say(Leg.REQUEST.value), dst=request.outer.dst),
                    ),
                ),
                lost=None if (answered := view.answered()) is None else not answered,
            )
    return None


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    outer = strike.proofs[0][0].outer
    assert outer is not None
    return say_of(
        count,
        "{count} reply of {node} comes through {through} ({address}).",
        "{count} replies of {node} come through {through} ({address}).",
        node=strike.node,
        through=view.named(outer.src),
        address=outer.src,
    )
