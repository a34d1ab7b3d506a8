"""Judges while packets come: the same stages as for files, asked again and again what has closed so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ipipscope.analysis import Analysis, assemble
from ipipscope.capture.files import CaptureFile
from ipipscope.correlator.correlate import Correlator
from ipipscope.correlator.merge import Chunk
from ipipscope.live.clock import LAG, CaptureClock, Stepped
from ipipscope.sources import Decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ipipscope.capture.packets import Interface, Records
    from ipipscope.correlator.correlate import Correlation
    from ipipscope.errors import InputError
    from ipipscope.hosts.model import Snapshot
    from ipipscope.model import CapturePoint, Finding


@dataclass(slots=True)
class LiveFile(CaptureFile):
    """What one recorder gives, as if it were a file: it is part of one."""

    described: list[Interface] = field(default_factory=list)

    @property
    def interfaces(self) -> Sequence[Interface]:
        """Those that the recorder has described so far."""
        return self.described


@dataclass(slots=True)
class LiveSource:
    """One recorder as the judge knows it."""

    decoded: Decoded
    clock: CaptureClock
    until: int | None = None
    """Capture time up to which it recorded; None while it runs."""


@dataclass(frozen=True, slots=True)
class PointCount:
    """One capture point while it records."""

    point: CapturePoint
    packets: int
    last: int | None
    """Capture time of its latest packet."""
    dropped: int | None
    """Packets that the capture lost; None as long as the recorder does not say."""


class LiveJudge:
    """Takes batches of several recorders as they come.

    timeout: how long after its request a reply still counts, nanoseconds of capture time.
    host_state: gives the newest snapshots by node.
    """

    def __init__(self, timeout: int) -> None:
        self.host_state: Callable[[], Mapping[str, Snapshot]] = dict
        self.problems: list[InputError] = []
        self.notes: list[str] = []
        self._sources: list[LiveSource] = []
        self._timeout = timeout
        self._decoded: list[Decoded] = []
        self._correlator = Correlator(self._decoded, timeout, disorder=LAG)
        self._counted: Counter[CapturePoint] = Counter()
        """Packets before judging began anew."""
        self._starts: list[tuple[int, str]] = []
        """Rings: number in the whole recording before each file's first packet, and the file."""
        self._watermark = 0

    def source(self, path: str, described: list[Interface]) -> int:
        """Add a recorder that writes to *path* and whose interfaces stand in *described*; its number."""
        decoded = Decoded(LiveFile(path, described=described))
        self._decoded.append(decoded)
        self._sources.append(LiveSource(decoded, CaptureClock()))
        return len(self._sources) - 1

    def take(self, source: int, records: Records, frame: int, arrived: int) -> Stepped | None:
        """Take a batch.

        frame: number of its first packet in the recording, from 1.
        arrived: when it came, nanoseconds of a clock that is never set.
        Returns the step of the recorder's clock, if there was one in it.
        """
        one = self._sources[source]
        batch = one.decoded.columns(records)
        batch.frame = np.arange(frame, frame + len(records), dtype="u4")
        batch.time, stepped = one.clock.steady(batch.time, arrived)
        if len(batch):
            self._correlator.take(self._watermark, [Chunk(source, batch, 0, len(batch))])
        return stepped

    def begin_anew(self) -> None:
        """Packets were passed over: what came before them is forgotten, for half of an exchange proves nothing."""
        for point, tally in self._correlator.tallies.items():
            self._counted[point] += tally.packets
        self._correlator = Correlator(self._decoded, self._timeout, disorder=LAG)

    def describe(self, source: int) -> None:
        """The recorder has begun to record the interfaces that it described."""
        decoded = self._decoded[source]
        if len(decoded.file.interfaces) > decoded.interfaces:
            decoded.interfaces = len(decoded.file.interfaces)
            self._correlator.describe(source)

    def pass_time(self, now: int, *, idle: bool) -> int:
        """Close what has waited long enough; capture time now.

        now: by the clock of `take`'s arrivals.
        idle: whether everything that arrived was taken: then time passes without packets, too.
        """
        running = [one.clock for one in self._sources if one.until is None and one.clock.ahead is not None]
        if running:
            reached = min(clock.passed(now) if idle else clock.reached for clock in running)
            if reached > self._watermark:
                self._watermark = reached
                self._correlator.take(reached, [])
        return self._watermark

    def end(self, source: int, told: int | None) -> None:
        """Nothing more comes of a recorder; *told* is when it was told to stop, None when it ended by itself."""
        one = self._sources[source]
        one.until = one.clock.reached if told is None else one.clock.passed(told)

    def begins_file(self, path: str, frame: int) -> None:
        """From packet *frame* of the recording on, packets stand in file *path* of a ring."""
        if not self._starts or self._starts[-1][1] != path:
            self._starts.append((frame - 1, path))

    @property
    def now(self) -> int:
        """Capture time; 0 before the first packet."""
        return self._watermark

    def points(self) -> list[PointCount]:
        """What each point gave so far."""
        dropped = {
            one.decoded.file.point_of(number): interface.dropped
            for one in self._sources
            for number, interface in enumerate(one.decoded.file.interfaces)
        }
        return [
            PointCount(point, self._counted[point] + tally.packets, tally.last, dropped.get(point))
            for point, tally in sorted(self._correlator.tallies.items())
        ]

    @property
    def closed(self) -> int:
        """How many exchanges are closed: the next judgement differs only where there are more of them."""
        return self._correlator.pairing.closed

    def so_far(self) -> Analysis:
        """What the exchanges that are closed show."""
        return self._analysis(self._correlator.so_far())

    def finish(self) -> Analysis:
        """What everything shows; open exchanges are closed."""
        analysis = self._analysis(self._correlator.result())
        analysis.report = replace(analysis.report, notes=(*analysis.report.notes, *self.notes))
        return analysis

    def _analysis(self, correlation: Correlation) -> Analysis:
        self._extend(correlation.spans)
        analysis = assemble(self._decoded, correlation, self.host_state(), self.problems)
        if len(self._starts) > 1:
            analysis.findings = [self._placed(finding) for finding in analysis.findings]
        return analysis

    def _extend(self, spans: dict[CapturePoint, tuple[int, int]]) -> None:
        """A recorder that runs records, packets or not."""
        seen = dict(spans)
        for one in self._sources:
            until = self._watermark if one.until is None else one.until
            for number in range(one.decoded.interfaces):
                point = one.decoded.file.point_of(number)
                # A recorder that gave nothing began with the others of its node.
                beside = [span for other, span in seen.items() if other.node == point.node]
                if beside:
                    first, last = spans.get(point, (max(first for first, _ in beside), 0))
                    spans[point] = first, max(last, until)

    def _placed(self, finding: Finding) -> Finding:
        """Frames numbered within their file of the ring."""
        evidence = []
        for each in finding.evidence:
            before, file = next(start for start in reversed(self._starts) if start[0] < each.frame)
            evidence.append(replace(each, file=file, frame=each.frame - before))
        return replace(finding, evidence=tuple(evidence))
