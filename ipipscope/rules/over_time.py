"""When exchanges of a flow are lost: scattered, in outages, or only the large ones."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

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
    longest_answered = max(part.view.journey.longest for part in answered)
    shortest_lost = min(part.view.journey.shortest for part in lost)
    too_long = shortest_lost >= LARGE and shortest_lost > longest_answered
    if codes <= BETWEEN_NODES and too_long and sum(part.count for part in lost) >= LARGE_LOST:
        return "IPIP401"
    times = [(begin, end, True, count) for part in lost for begin, end, count in part.line()]
    times += [(begin, end, False, count) for part in answered for begin, end, count in part.line()]
    times.sort()
    runs = _runs(times)
    lost_runs = [count for is_lost, count in runs if is_lost]
    # Lost from the start or to the end says nothing of coming and going: there must be answers on both sides.
    inner = [count for (is_lost, count) in runs[1:-1] if is_lost]
    if not inner:
        return None
    # Losses that share a slice of time with as many answers are scattered there: a slice may be long.
    outages = [count for count in lost_runs if count >= OUTAGE]
    if (sum(outages) - _mixed(times)) * 2 > sum(lost_runs):
        return "IPIP602"
    return "IPIP601" if codes <= BETWEEN_NODES else "IPIP602"


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
