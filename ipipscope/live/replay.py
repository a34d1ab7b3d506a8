"""Captures replayed as if they came live: for trials, for tests, and to see when a fault began and ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import numpy as np

from ipipscope.analysis import assemble, snapshots_for
from ipipscope.capture.files import find
from ipipscope.correlator.correlate import Correlator
from ipipscope.correlator.merge import Chunk, merge
from ipipscope.live.events import Findings
from ipipscope.model import SECOND
from ipipscope.sources import decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ipipscope.analysis import Analysis
    from ipipscope.live.session import View

SLICE: Final = SECOND // 2
"""Capture time from one judgement to the next."""
SHARE: Final = 0.3
"""Of the time that passes, how much may go into judgements when nothing else sets the pace."""


def replay(paths: Sequence[str], *, timeout: int, pace: float, state: Sequence[str] | None, view: View) -> Analysis:
    """Feed *paths* through the judge in slices of capture time; what they amount to is what `analyse` says of them.

    timeout: nanoseconds within which a reply counts.
    pace: 1 as recorded, 10 ten times as fast, 0 as fast as it goes.
    state: as for `analyse`.
    """
    files, problems = find(paths)
    sources = decode(files)
    names = [source.file.path for source in sources]
    snapshots, state_problems = snapshots_for(paths, names, state)
    correlator = Correlator(sources, timeout)
    findings = Findings(timeout)
    began, spent, judged = time.monotonic(), 0.0, 0
    start: int | None = None
    for until, chunks in _slices(
        merge([source.batches() for source in sources], [source.begins for source in sources], [0] * len(sources)),
        timeout,
    ):
        start = until if start is None else start
        if pace and (early := (until - start) / SECOND / pace - (time.monotonic() - began)) > 0:
            time.sleep(early)
        correlator.take(until, chunks)
        before = time.monotonic()
        if correlator.pairing.closed != judged and (pace or spent <= 1 + SHARE * (before - began)):
            judged = correlator.pairing.closed
            told = assemble(sources, correlator.so_far(), snapshots)
            view.events(findings.update(told.findings, until))
            spent += time.monotonic() - before
    analysis = assemble(sources, correlator.result(), snapshots, [*problems, *state_problems])
    last = max((span[1] for span in analysis.correlation.spans.values()), default=0)
    view.events(findings.update(analysis.findings, last))
    return analysis


def _slices(steps: Iterator[tuple[int, list[Chunk]]], timeout: int) -> Iterator[tuple[int, list[Chunk]]]:
    """The steps of a merge, cut so that capture time passes in slices, also while nothing was recorded."""
    now: int | None = None
    for until, chunks in steps:
        times = [np.maximum.accumulate(chunk.batch.time[chunk.start : chunk.stop]) for chunk in chunks]
        taken = [0] * len(chunks)
        known = [int(each[each >= 0][0]) for each in times if (each >= 0).any()]
        first = min(known, default=until)
        if now is None or first - now > timeout + 4 * SECOND:
            if now is not None:
                yield now + timeout + 3 * SECOND, []  # everything that was open has closed by then
            now = first
        while now < until:
            now = min(now + SLICE, until)
            part = []
            for number, (chunk, reached) in enumerate(zip(chunks, times, strict=True)):
                stop = len(reached) if now == until else int(np.searchsorted(reached, now, "right"))
                if stop > taken[number]:
                    part.append(Chunk(chunk.source, chunk.batch, chunk.start + taken[number], chunk.start + stop))
                    taken[number] = stop
            yield now, part
