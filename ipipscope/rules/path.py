"""The way of a journey, place by place: where it was seen, where it is missing, and where nobody watched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.model import Hop, Leg, Passage, PathSeen, Role
from ipipscope.rules.error_way import errors
from ipipscope.rules.place import POSITIONS, place
from ipipscope.rules.view import LEGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipipscope.rules.view import View

INWARDS: Final = (Role.PHYSICAL, Role.TUNNEL, Role.WORKLOAD)
OUTWARDS: Final = INWARDS[::-1]


def path(view: View) -> PathSeen:
    """Every place that request and reply passed or should have passed, in the order of their way.

    A node between the two, seen to pass the packet on, stands where it was seen. A node that nobody captured is one
    unwatched place; a tunnel that a packet without outer header went past is none.
    """
    hops: list[Hop] = []
    for leg in LEGS:
        origin, target = view.origin(leg), view.target(leg)
        if origin is not None and origin == target and not view.in_overlay:
            hops += _node(view, leg, origin, (Role.WORKLOAD,))
            continue
        hops += _node(view, leg, origin, OUTWARDS) if origin else [_unknown(leg, view.name(leg))]
        hops += _between(view, leg, {origin, target})
        hops += _node(view, leg, target, INWARDS) if target else [_unknown(leg, view.name(leg, target=True))]
    return PathSeen(view.journey.flow, tuple(hops), errors(view))


def _unknown(leg: Leg, name: str | None) -> Hop:
    return Hop(leg=leg, node=name, role=Role.PHYSICAL, interface=None, passage=Passage.UNWATCHED)


def _node(view: View, leg: Leg, node: str, roles: tuple[Role, ...]) -> Iterator[Hop]:
    native = bool(view.at(leg, node, "bare")) and not view.at(leg, node, "outer")
    for role in roles:
        seen = [look for position in POSITIONS[role] for look in view.at(leg, node, position)]
        if seen:
            yield from dict.fromkeys(place(view, look) for look in seen)
        elif not (role is Role.TUNNEL and (native or not view.in_overlay)):
            missing = view.missing(leg, node, POSITIONS[role][0])
            passage = Passage.MISSING if missing else Passage.UNWATCHED
            yield Hop(leg=leg, node=node, role=role, interface=_expected(view, leg, node, role), passage=passage)


def _between(view: View, leg: Leg, ends: set[str | None]) -> Iterator[Hop]:
    """Nodes that are neither end: captured on the way, or captured while one end is not known."""
    for look in view.looks(leg):
        if view.station(look).node not in ends:
            yield place(view, look)


def _expected(view: View, leg: Leg, node: str, role: Role) -> str | None:
    """The interface where a leg should have been seen: that of the other leg, else one that was recording."""
    other = Leg.REQUEST if leg is Leg.REPLY else Leg.REPLY
    for position in POSITIONS[role]:
        looks = view.at(other, node, position)
        if looks:
            return view.station(looks[0]).point.interface
    points = view.recorded(node, role)
    if role is Role.WORKLOAD:
        address = view.journey.flow.src if view.requester == node else view.journey.flow.dst
        points = sorted(view.knowledge.workload_of.get(address, ()))
    return points[0].interface if points else None
