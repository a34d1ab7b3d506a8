"""The exchanges of an analysis as columns with their verdicts: sampled, counted over time, examples picked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ipipscope.model import VERDICTS
from ipipscope.report.svg_timeline import Span, Timeline

if TYPE_CHECKING:
    from ipipscope.analysis import Analysis
    from ipipscope.decoder.columns import Array

SLICES_MIN, SLICES = 60, 800
"""Of the time line: few where there are few exchanges."""
SPANS_MAX: Final = 10
BEST_OF: Final = 16
"""Exchanges among which the one that was seen best is the example."""
ANSWERED, UNANSWERED, UNDECIDED = range(len(VERDICTS))


class KeptExchanges:
    """The exchanges as columns, one entry an exchange: exchange *n* is entry n - 1.

    verdict: index into `VERDICTS`; finding: place of the finding that counts it, -1 for none.
    """

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis
        kept = analysis.correlation.exchanges
        rows = np.array(analysis.rows, "i8")
        self.time: Array = np.zeros(len(rows), "i8")
        self.sightings: Array = np.zeros(len(rows), "i8")
        self.verdict: Array = np.full(len(rows), UNDECIDED, "i1")
        self.finding: Array = np.full(len(rows), -1, "i4")
        if kept is None or not len(rows):
            return
        request = kept.request[rows]
        self.time = np.where(request > 0, request, kept.reply[rows])
        self.sightings = (kept.stop - kept.start)[rows]
        told, verdicts = analysis.judgement.verdicts(kept.journey[rows], self.time)
        self.verdict = np.array([VERDICTS.index(verdict.word) for verdict in verdicts], "i1")[told]
        found = [-1 if verdict.finding is None else verdict.finding for verdict in verdicts]
        self.finding = np.array(found, "i4")[told]

    def sample(self, most: int, among: Array | None = None) -> list[int]:
        """At most *most* exchange numbers: every kind of verdict has its share, taken evenly over time.

        among: the entries to choose from; all when not given.
        """
        which = np.arange(len(self.time)) if among is None else among
        if len(which) <= most:
            return [int(entry) + 1 for entry in which]
        kinds = (self.finding.astype("i8") * len(VERDICTS) + self.verdict)[which]
        groups = [which[kinds == kind] for kind in np.unique(kinds)]
        groups.sort(key=len)
        chosen: list[int] = []
        for place, group in enumerate(groups):
            room = (most - len(chosen)) // (len(groups) - place)
            taken = group if len(group) <= room else group[np.linspace(0, len(group) - 1, room).astype("i8")]
            chosen += (taken + 1).tolist()
        return sorted(chosen)

    def example(self, which: Array) -> int | None:
        """Of the first exchanges that *which* selects, the one with most sightings."""
        first = np.flatnonzero(which)[:BEST_OF]
        return int(first[np.argmax(self.sightings[first])]) + 1 if len(first) else None

    def healthy(self) -> int | None:
        """An answered exchange that no rule struck, else one that was answered all the same."""
        answered = self.verdict == ANSWERED
        return self.example(answered & (self.finding < 0)) or self.example(answered)

    def timeline(self) -> Timeline | None:
        """All exchanges, counted by slices of time."""
        if not len(self.time):
            return None
        start, end = int(self.time.min()), int(self.time.max())
        wanted = min(SLICES, max(SLICES_MIN, 4 * len(self.time)))
        width = max(1, -(-(end - start + 1) // wanted))
        slices = (end - start) // width + 1
        at = (self.time - start) // width
        counts = [np.bincount(at[self.verdict == each], minlength=slices).tolist() for each in range(len(VERDICTS))]
        spans = [
            Span(label=f"{finding.code} {finding.rule}", first=finding.first, last=finding.last)
            for finding in self._analysis.findings
            if finding.last and finding.last >= start and finding.first <= end
        ]
        return Timeline(
            start=start,
            width=width,
            answered=counts[ANSWERED],
            unanswered=counts[UNANSWERED],
            undecided=counts[UNDECIDED],
            spans=tuple(spans[:SPANS_MAX]),
        )
