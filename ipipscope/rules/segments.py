"""Cuts a journey where points began or ended to record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipscope.rules.knowledge import recording

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipipscope.correlator.journey import Journey
    from ipipscope.model import CapturePoint
    from ipipscope.rules.knowledge import Knowledge


def segments(
    journey: Journey, knowledge: Knowledge, nodes: Iterable[str]
) -> list[tuple[int, int, int, frozenset[CapturePoint]]]:
    """Cut a journey where one of its nodes' points began or ended to record.

    Returns count, first, last and the points that were recording, for each part.
    """
    concerned = set(nodes)
    relevant = {point: window for point, window in knowledge.windows.items() if point.node in concerned}
    whole = recording(relevant, *knowledge.needed(journey.first, journey.last))
    rest = {point: window for point, window in relevant.items() if window is not None and point not in whole}
    if not rest:  # the usual case: none of them began or ended meanwhile
        return [(journey.count, journey.first, journey.last, whole)]
    parts: dict[frozenset[CapturePoint], list[int]] = {}
    for begin, end, count in journey.line:
        first, last = max(begin, journey.first), min(end - 1, journey.last)
        part = parts.setdefault(whole | recording(rest, *knowledge.needed(first, last)), [0, first, last])
        part[0] += count
        part[1], part[2] = min(part[1], first), max(part[2], last)
    return [(count, first, last, points) for points, (count, first, last) in parts.items()]
