"""When exchanges of a flow are lost: scattered, in outages, or only the large ones."""

from __future__ import annotations

from bisect import bisect_left
from enum import Enum, auto
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from ipipscope.rules.part import slices_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipipscope.rules.part import Part

OUTAGE: Final = 4
"""Lost exchanges in a row, with none answered between, that make an outage."""
BETWEEN_NODES: Final = frozenset({"IPIP306", "IPIP307", "IPIP308"})
"""Rules that scattered loss strikes: packets vanish, nothing is wrong with them."""
LARGE_LOST: Final = 3
"""Fewer large packets lost than this say nothing of size."""
LARGE: Final = 1000
"""Octets from which on a packet's size may be the reason for its loss."""


def pattern(lost: Sequence[Part], answered: Sequence[Part]) -> str | None:
    """Which rule the losses of one flow follow: IPIP401, IPIP601, IPIP602; None where they follow none of these.

    lost, answered: parts of the same inner source, destination and protocol.
    """
    codes = {part.struck[0][0].RULE.code for part in lost if part.struck}
    if codes <= BETWEEN_NODES and too_large(lost, answered):
        return "IPIP401"
    how = come_and_go(lost, answered)
    if how is None:
        return None
    return "IPIP601" if how is Losses.SCATTERED and codes <= BETWEEN_NODES else "IPIP602"


class Losses(Enum):
    """How losses that come and go lie in time."""

    SCATTERED = auto()
    OUTAGES = auto()


def come_and_go(lost: Sequence[Part], answered: Sequence[Part]) -> Losses | None:
    """How losses lie between answered exchanges; None where they lie only before or after them."""
    times = _times(lost, answered)
    runs = _runs(times)
    lost_runs = [count for is_lost, count in runs if is_lost]
    # Lost from the start or to the end says nothing of coming and going: there must be answers on both sides.
    if not any(is_lost for is_lost, _ in runs[1:-1]):
        return None
    # Losses that share a slice of time with as many answers are scattered there: a slice may be long.
    long = sum(count for count in lost_runs if count >= OUTAGE)
    return Losses.OUTAGES if (long - _mixed(times)) * 2 > sum(lost_runs) else Losses.SCATTERED


def too_large(lost: Sequence[Part], answered: Sequence[Part]) -> bool:
    """Whether the losses are of large packets only, and everything smaller was answered."""
    shortest = min(part.view.journey.shortest for part in lost)
    longest = max(part.view.journey.longest for part in answered)
    return shortest >= LARGE and shortest > longest and sum(part.count for part in lost) >= LARGE_LOST


def outages(lost: Sequence[Part], answered: Sequence[Part]) -> list[tuple[int, int]]:
    """Begin and end of each time in which at least OUTAGE exchanges were lost in a row, none answered between.

    Empty where the losses are not outages. Exact to the slices of the journeys' time lines.
    """
    if come_and_go(lost, answered) is not Losses.OUTAGES:
        return []
    gone = sorted(slices_of(lost))
    came = sorted((begin, end) for begin, end, _ in slices_of(answered))
    starts = [begin for begin, _ in came]
    furthest = list(accumulate((end for _, end in came), max))
    spans: list[list[int]] = []
    for begin, end, count in gone:
        # Slices that touch are one outage: answers that share them came before or after it.
        before = bisect_left(starts, begin)
        apart = bool(spans) and spans[-1][1] < begin and before > 0 and furthest[before - 1] > spans[-1][1]
        if spans and not apart:
            spans[-1][1] = max(spans[-1][1], end)
            spans[-1][2] += count
        else:
            spans.append([begin, end, count])
    return [(begin, end) for begin, end, count in spans if count >= OUTAGE]


def _times(lost: Sequence[Part], answered: Sequence[Part]) -> list[tuple[int, int, bool, int]]:
    """Begin, end, fate and count of each slice of time in which exchanges began, in order."""
    times = [(begin, end, True, count) for begin, end, count in slices_of(lost)]
    times += [(begin, end, False, count) for begin, end, count in slices_of(answered)]
    return sorted(times)


def _mixed(times: Sequence[tuple[int, int, bool, int]]) -> int:
    """Lost exchanges of slices that look like outages and hold at least as many answered ones."""
    answered = [(begin, end, count) for begin, end, is_lost, count in times if not is_lost]
    begins = [begin for begin, _, _ in answered]
    longest = max((end - begin for begin, end, _ in answered), default=0)
    mixed = 0
    for begin, end, is_lost, count in times:
        if is_lost and count >= OUTAGE:
            near = answered[bisect_left(begins, begin - longest) : bisect_left(begins, end)]
            if count <= sum(there for _, until, there in near if until > begin):
                mixed += count
    return mixed


def _runs(times: Sequence[tuple[int, int, bool, int]]) -> list[tuple[bool, int]]:
    """Neighbouring slices of the same fate put together."""
    runs: list[tuple[bool, int]] = []
    for _, _, is_lost, count in times:
        if runs and runs[-1][0] == is_lost:
            runs[-1] = (is_lost, runs[-1][1] + count)
        else:
            runs.append((is_lost, count))
    return runs
