"""When exchanges of a flow are lost: scattered, in outages, or only the large ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipipscope.rules.part import Part

OUTAGE: Final = 4
"""Lost exchanges in a row, with none answered between, that make an outage."""
BETWEEN_NODES: Final = frozenset({"IPIP306", "IPIP307", "IPIP308"})
"""Rules that scattered loss strikes: packets vanish, nothing is wrong with them."""
LARGE: Final = 1000
"""Octets from which on a packet's size may be the reason for its loss."""


def pattern(lost: Sequence[Part], answered: Sequence[Part]) -> str | None:
    """Which rule the losses of one flow follow: IPIP401, IPIP601, IPIP602; None where they follow none of these.

    lost, answered: parts of the same inner source, destination and protocol.
    """
    codes = {part.struck[0][0].RULE.code for part in lost if part.struck}
    longest_answered = max(part.view.journey.longest for part in answered)
    shortest_lost = min(part.view.journey.shortest for part in lost)
    if codes <= BETWEEN_NODES and shortest_lost >= LARGE and shortest_lost > longest_answered:
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
    outages = [count for count in lost_runs if count >= OUTAGE]
    if sum(outages) * 2 > sum(lost_runs):
        return "IPIP602"
    return "IPIP601" if codes <= BETWEEN_NODES else "IPIP602"


def _runs(times: Sequence[tuple[int, int, bool, int]]) -> list[tuple[bool, int]]:
    """Neighbouring slices of the same fate put together."""
    runs: list[tuple[bool, int]] = []
    for _, _, is_lost, count in times:
        if runs and runs[-1][0] == is_lost:
            runs[-1] = (is_lost, runs[-1][1] + count)
        else:
            runs.append((is_lost, count))
    return runs
