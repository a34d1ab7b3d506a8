"""Captures judged as they come through a pipe, or replayed as if they came: to see when a fault began and ended."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from ipipscope.analysis import assemble, snapshots_for
from ipipscope.capture.files import STDIN, find
from ipipscope.correlator.correlate import Correlator, steps
from ipipscope.correlator.merge import Chunk
from ipipscope.language.said import counted, say
from ipipscope.live.events import Findings
from ipipscope.live.watched import point_counts
from ipipscope.model import SECOND
from ipipscope.report.times import whole_seconds
from ipipscope.sources import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ipipscope.analysis import Analysis
    from ipipscope.capture.files import CaptureFile
    from ipipscope.capture.packets import Records
    from ipipscope.correlator.correlate import Correlation
    from ipipscope.language.said import Said
    from ipipscope.live.flight_recorder import FlightRecorder
    from ipipscope.live.watched import PointCount, View
    from ipipscope.model import CapturePoint
    from ipipscope.sources import Decoded

SLICE: Final = SECOND // 2
"""Capture time from one judgement to the next."""
TICK: Final = 0.1
"""Seconds after which a view may draw again."""
ENDED_EARLY: Final = say("The replay was ended early: what came after is not in this report.")
SHARE: Final = 0.3
"""Of the time that passes, how much may go into judgements when nothing else sets the pace."""


def replay(
    paths: Sequence[str],
    *,
    points: Mapping[str, CapturePoint] | None = None,
    timeout: int,
    pace: float = 0,
    state: Sequence[str] | None,
    view: View,
    stopped: Callable[[], bool] = lambda: False,
    flight: FlightRecorder | None = None,
    follow: Callable[[Sequence[CaptureFile]], None] | None = None,
) -> Analysis:
    """Feed *paths* through the judge in slices of capture time; what they amount to is what `analyse` says of them.

    points, timeout, state: as for `analyse`.
    pace: 1 as recorded, 10 ten times as fast, 0 as fast as it goes, or comes: `-` is judged whenever it pauses.
    stopped: asked again and again whether to read no more.
    flight: holds packets by capture time, and writes them when a finding opens.
    follow: reads on as the files grow, keeping every exchange; is told of the files at the beginning.
    """
    files, problems = find(paths, points)
    sources = decode(files)
    snapshots, state_problems = snapshots_for(paths, [source.file.path for source in sources], state)
    follows = follow is not None
    correlator = Correlator(sources, timeout, keep=follows)
    assembled = partial(assemble, sources, snapshots=snapshots)
    judge = _Judge(correlator, assembled, Findings(timeout), view, flight, sources, follows=follows)
    if flight is not None:
        flight.state = lambda: snapshots
        _hold(flight, correlator, sources)

    def goes_on(file: CaptureFile, paused: bool) -> bool:
        if paused:
            judge.pauses(file.path)
        return not stopped()

    for file in files:
        file.goes_on = partial(goes_on, file)
        file.follows = follows
    if follow is not None:
        follow(files)
    began = time.monotonic()
    start: int | None = None
    ended_early = False
    for until, chunks in _slices(steps(correlator, sources), timeout):
        start = until if start is None else start
        while pace and (early := (until - start) / SECOND / pace - (time.monotonic() - began)) > 0 and not stopped():
            judge.show()
            time.sleep(min(early, TICK))
        # Standard input is read no further then, but what was read of it is judged.
        if stopped() and STDIN not in paths:
            ended_early = not follows
            break
        correlator.take(until, chunks)
        judge.now = until
        if pace or judge.has_time:
            judge.so_far()
        judge.passed()
    analysis = assemble(sources, correlator.result(), snapshots, [*problems, *state_problems])
    if ended_early:
        analysis.report = replace(analysis.report, notes=(*analysis.report.notes, ENDED_EARLY))
    last = max((each.last for each in analysis.correlation.recorded.values()), default=0)
    judge.tell(analysis, last)
    if flight is not None:
        flight.finish()
    judge.passed()
    return analysis


def _hold(flight: FlightRecorder, correlator: Correlator, sources: Sequence[Decoded]) -> None:
    """Have *flight* take what is read of *sources*, on the clock that they are judged by."""

    def taker(number: int, source: Decoded) -> Callable[[Records], None]:
        numbers: list[int] = []

        def take(records: Records) -> None:
            for which in range(len(numbers), len(source.file.interfaces)):
                described = replace(source.file.interfaces[which], name=str(source.file.point_of(which)))
                numbers.append(flight.describe(described))
            flight.take(records, numbers, correlator.shifts[number] if correlator.shifts else 0)

        return take

    for number, source in enumerate(sources):
        source.heard = taker(number, source)


class _Judge:
    """Says what the exchanges that are closed amount to, where that may be something new.

    now: capture time.
    """

    doing = say("REPLAYING")
    behind = 0.0
    passed_over = 0

    def __init__(
        self,
        correlator: Correlator,
        assembled: Callable[[Correlation], Analysis],
        findings: Findings,
        view: View,
        flight: FlightRecorder | None,
        sources: Sequence[Decoded],
        *,
        follows: bool,
    ) -> None:
        self.findings = findings
        self.latest: Analysis | None = None
        self.waits_for: str | None = None
        self.now = 0
        self._first, self._sources = 0, sources
        self._correlator, self._assembled, self._view, self._flight = correlator, assembled, view, flight
        self._began, self._spent = time.monotonic(), 0.0
        self._judged, self._follows = (0, 0, 0), follows

    @property
    def done(self) -> Said:
        """Capture time that has passed, and how much came in it."""
        self._first = self._first or self.now
        passed = whole_seconds(self.now - self._first)
        return say("{time}, {packets}", time=passed, packets=counted(self.packets, "packet"))

    @property
    def packets(self) -> int:
        """At all points."""
        return sum(tally.packets for tally in self._correlator.tallies.values())

    @property
    def file(self) -> str | None:
        """What is replayed."""
        return self._sources[0].file.path if len(self._sources) == 1 else None

    def points(self) -> list[PointCount]:
        """What each point gave so far."""
        return point_counts(self._correlator.tallies, self._sources, {})

    def note(self, text: str) -> None:
        """Tell of something that happened."""
        self._view.note(text)

    def show(self) -> None:
        """Whoever looks on sees how far it has come."""
        self._view.show(self)

    @property
    def has_time(self) -> bool:
        """Whether the share of judgements is not yet spent."""
        return self._spent <= 1 + SHARE * (time.monotonic() - self._began)

    def pauses(self, file: str) -> None:
        """Nothing comes just now of *file*, which the others wait for."""
        self.waits_for = file
        if self.has_time:
            self.so_far()
        self.show()

    def so_far(self) -> None:
        """Tell what has changed; nothing where all is as it was the last time, and no packet followed."""
        state = *self._correlator.state, self.packets if self._follows else 0
        if state == self._judged:
            return
        before = time.monotonic()
        self._judged = state
        self.tell(self._assembled(self._correlator.so_far()), self.now)
        self._spent += time.monotonic() - before

    def tell(self, analysis: Analysis, now: int) -> None:
        """Tell what has changed with *analysis*."""
        self.latest = analysis
        events = self.findings.update(analysis.findings, now)
        self._view.events(events)
        if self._flight is not None:
            self._flight.opened(events, now)

    def passed(self) -> None:
        """Capture time passed."""
        self.waits_for = None
        if self.latest is not None:
            self._view.events(self.findings.update(self.latest.findings, self.now))
        self.show()
        if self._flight is not None:
            self._flight.passed(self.now)
            for text in self._flight.news():
                self.note(text)


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
