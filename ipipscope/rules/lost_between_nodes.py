"""The test that two rules share: a leg left its node with an outer header and never came to the node that it goes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say
from ipipscope.model import Confidence, Leg, Role
from ipipscope.rules.rule import Strike

if TYPE_CHECKING:
    from ipipscope.rules.view import View

ERRORS: Final = frozenset({Leg.REQUEST_ERROR, Leg.REPLY_ERROR})


def lost_between_nodes(view: View, leg: Leg) -> Strike | None:
    """Struck where *leg* was seen leaving, is missing on the target's NICs, and nothing shows that it came further."""
    node, target = view.origin(leg), view.target(leg)
    for look in view.outer_anywhere(leg):
        if look.outer is not None:
            target = view.knowledge.sides.outer_home.get(look.outer.dst, target)
    left = view.at(leg, node, "outer")
    if not left or target is None or target == node or not view.missing(leg, target, "outer"):
        return None
    if any(_arrived(view, leg, each) for each in (target, view.target(leg))):
        return None
    if leg is Leg.REQUEST and view.looks(Leg.REPLY):
        return None
    if any(look.leg in ERRORS for look in view.journey.sightings):
        return None
    sure = not view.presumed(target, Role.PHYSICAL)
    return Strike(
        node=node,
        interface=view.interface(left),
        confidence=Confidence.CERTAIN if sure else Confidence.LIKELY,
        proofs=((left[0], say("{leg}, last seen here", leg=say(leg.value))),),
    )


def _arrived(view: View, leg: Leg, node: str | None) -> bool:
    """Whether a node shows the leg; a packet that came in part is as good as lost."""
    looks = (look for look in view.looks(leg) if view.station(look).node == node)
    return node is not None and any(view.position(look, leg, node) != "incomplete" for look in looks)
