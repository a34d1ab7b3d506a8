"""The test that four rules share: a leg was seen at one position of its target node and is missing at the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipscope.language.said import say
from ipipscope.model import Confidence, Leg, Role
from ipipscope.rules.rule import Strike

if TYPE_CHECKING:
    from ipipscope.rules.view import View


def stopped(view: View, leg: Leg, before: str, after: str, role: Role) -> Strike | None:
    """Struck where *leg* came to *before* on its target node, not to *after*, and no answer shows that it did."""
    node = _receiver(view, leg) or view.target(leg)
    came = view.at(leg, node, before)
    if not came or not view.missing(leg, node, after):
        return None
    if view.at(leg, node, "tunnel" if after == "workload" else "workload") and before == "outer":
        return None
    if leg is Leg.REQUEST and view.looks(Leg.REPLY):
        return None
    if leg is Leg.REPLY and not view.journey.requested:
        return None  # who asked is not known: it may be here by mistake, or on its way
    if len({look.outer for look in view.at(leg, node, "outer")}) > 1:
        return None  # it went on to another node
    if any(look.error == (3, 4) for look in view.journey.sightings):
        return None
    return Strike(
        node=node,
        interface=view.interface(came),
        confidence=Confidence.LIKELY if view.presumed(node, role) else Confidence.CERTAIN,
        proofs=((came[0], say("{leg}, last seen here", leg=say(leg.value))),),
    )


def _receiver(view: View, leg: Leg) -> str | None:
    """The node that an encapsulated packet was last sent to, by its outer destination: not always the right one."""
    last = None
    for look in view.outer_anywhere(leg):
        node = view.knowledge.sides.outer_home.get(look.outer.dst) if look.outer else view.target(leg)
        if node is not None and view.at(leg, node, "outer") and (last is None or node != view.origin(leg)):
            last = node
    return last
