"""When points may be presumed to have recorded beyond their packets: as long as nothing passed them unseen."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from ipipscope.correlator.recorded_time import Recorded, together
from ipipscope.model import CapturePoint, Flow, Leg
from ipipscope.rules.forwarding import passed_like_others, passed_points
from ipipscope.rules.view import LEGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ipipscope.correlator.recorded_time import Span
    from ipipscope.rules.knowledge import Knowledge
    from ipipscope.rules.view import View


def passed_unseen(knowledge: Knowledge, views: Sequence[View]) -> dict[CapturePoint, list[Span]]:
    """For each point, when packets surely passed of a kind that it shows at other times, and it has none of them."""
    shows: dict[tuple[Flow, Leg], set[CapturePoint]] = defaultdict(set)
    for view in views:
        for leg in LEGS:
            shows[_ends(view.journey.flow), leg] |= {view.station(look).point for look in view.looks(leg)}
    unseen: dict[CapturePoint, list[Span]] = defaultdict(list)
    for view in views:
        for leg in LEGS:
            here = {view.station(look).point for look in view.looks(leg)}
            like = shows[_ends(view.journey.flow), leg]
            passed = {p for p in like if passed_like_others(view, leg, p.node, knowledge.roles[p])}
            for point in (passed | passed_points(view, leg)) - here:
                unseen[point] += view.journey.times()
    return unseen


def presumed_windows(knowledge: Knowledge, unseen: Mapping[CapturePoint, list[Span]]) -> dict[CapturePoint, Recorded]:
    """Each point's window, stretched at both ends over the time in which its node recorded anything.

    Not beyond a time at which packets passed that the point shows at other times, and not over its pauses.
    """
    nodes = {point.node for point in knowledge.windows}
    watched = {
        node: together(each for p, each in knowledge.windows.items() if p.node == node and each is not None)
        for node in nodes
    }
    found = {}
    for point, window in knowledge.windows.items():
        node = watched[point.node]
        if window is None or node is None:
            continue
        # One nanosecond more: the last packet of all is then inside.
        begin, end = node.around(window.spans[0])[0], node.around(window.spans[-1])[1] + knowledge.trip + 1
        begin = max([begin, *(min(last + 1, window.first) for first, last in unseen[point] if first < window.first)])
        end = min([end, *(max(first, window.last) for first, last in unseen[point] if last > window.last)])
        found[point] = window.stretched(min(begin, window.first), max(end, window.last))
    return found


def _ends(flow: Flow) -> Flow:
    """The flow without its numbers."""
    return Flow(flow.src, flow.dst, flow.protocol)
