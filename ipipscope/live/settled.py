"""What was counted of flows that went quiet: while a capture runs, they are not judged again and again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipipscope.rules.judge import Judgement

Counts = Counter[bool | None]
"""Exchanges by whether they were answered; None for undecided."""


class Settled:
    """Adds to each judgement of the journeys that are still asked what the others were when they were last judged."""

    def __init__(self) -> None:
        self._quiet: dict[int, Counts] = {}
        """By row of their journey."""
        self._before: Judgement | None = None

    def add_to(self, judgement: Judgement) -> None:
        """Complete the counts of *judgement*; its journeys count as it says."""
        if self._before is not None:
            for row in self._before.parts.keys() - judgement.parts.keys():
                self._quiet[row] = _counts(self._before, row)
        for row in self._quiet.keys() & judgement.parts.keys():
            del self._quiet[row]
        self._before = judgement
        for counts in self._quiet.values():
            judgement.answered += counts[True]
            judgement.unanswered += counts[False]
            judgement.undecided += counts[None]


def _counts(judgement: Judgement, row: int) -> Counts:
    counts: Counts = Counter()
    for part, verdict in judgement.parts[row]:
        counts[verdict.answered] += part.count
    return counts
