"""The same exchanges under two addresses: journeys before and after a translation of the inner source."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from ipipscope.model import MILLISECOND, SECOND, Leg, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipipscope.correlator.journey import Journey
    from ipipscope.correlator.stations import Station

NEAR: Final = 50 * MILLISECOND
"""How far apart the first packets of the two may be."""


def translations(journeys: Sequence[Journey], stations: Sequence[Station]) -> dict[Journey, Journey]:
    """For a journey that was seen behind a translation, the journey of the same exchanges before it.

    Requests: one seen at pods' interfaces alone, the other not at any of that node, to the same destination with the
    same numbers at the same time. Answers: one without a request, the other without an answer and begun before it, and
    nobody seen to ask the address that answers: else the request of this answer was only not recorded.
    """
    by_numbers: dict[tuple[object, ...], list[Journey]] = defaultdict(list)
    by_asker: dict[tuple[object, ...], list[Journey]] = defaultdict(list)
    for journey in journeys:
        flow = journey.flow
        if flow.id is not None or flow.dport is not None:
            by_numbers[flow.protocol, flow.dst, flow.id, flow.dport].append(journey)
            by_asker[flow.protocol, flow.src, flow.id].append(journey)
    found: dict[Journey, Journey] = {}
    for group in by_numbers.values():
        inside = [j for j in group if j.requested and _roles(j, stations) <= {Role.WORKLOAD}]
        outside = [j for j in group if j.requested and Role.WORKLOAD not in _first_role(j, stations)]
        for after in outside:
            for before in inside:
                same_time = abs(after.first - before.first) <= NEAR and abs(after.last - before.last) <= NEAR
                if before.flow.src != after.flow.src and same_time and before not in found.values():
                    found[after] = before
                    break
    for group in by_asker.values():
        asked = {(j.flow.dst, j.flow.dport) for j in group if j.requested}
        unasked = [j for j in group if not j.requested and (j.flow.dst, j.flow.dport) not in asked]
        unanswered = [j for j in group if j.requested and not _arrives(j)]
        for after in unasked:
            for before in unanswered:
                soon = 0 <= after.first - before.first <= SECOND
                if before.flow.dst != after.flow.dst and soon and after.count <= before.count:
                    found[after] = before
                    break
    return found


def _roles(journey: Journey, stations: Sequence[Station]) -> set[Role | None]:
    return {stations[look.station].role for look in journey.looks(Leg.REQUEST)}


def _first_role(journey: Journey, stations: Sequence[Station]) -> set[Role | None]:
    """Roles on the first node that saw the request."""
    requests = journey.looks(Leg.REQUEST)
    first = min(
        (seen for example in journey.examples for seen in example if seen.look in requests),
        key=lambda seen: seen.time,
        default=None,
    )
    if first is None:
        return set()
    node = stations[first.look.station].node
    return {stations[look.station].role for look in requests if stations[look.station].node == node}


def _arrives(journey: Journey) -> bool:
    """Whether some reply was seen beyond a pod's interface."""
    return any(look.encapsulated for look in journey.looks(Leg.REPLY))
