"""Judges while packets come: the same stages as for files, asked again and again what has closed so far."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from ipipscope.analysis import Analysis, assemble
from ipipscope.capture.files import CaptureFile
from ipipscope.correlator.correlate import Correlator
from ipipscope.correlator.journey import rows_since
from ipipscope.correlator.merge import Chunk
from ipipscope.live.clock import LAG, CaptureClock, Stepped
from ipipscope.live.settled import Settled
from ipipscope.live.watched import PointCount, point_counts
from ipipscope.model import SECOND
from ipipscope.sources import Decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ipipscope.capture.packets import Interface, Records
    from ipipscope.correlator.correlate import Correlation
    from ipipscope.correlator.recorded_time import Stretch
    from ipipscope.errors import InputError
    from ipipscope.hosts.model import Snapshot
    from ipipscope.model import CapturePoint, Finding

MANY: Final = 1000
"""Journeys beyond which the quiet ones are left out while the capture runs: each takes some tenths of a millisecond."""
RECENT: Final = 60 * SECOND
"""Capture time after which a flow is quiet, six timeouts where those are longer: its findings have closed by then."""


@dataclass(slots=True)
class LiveFile(CaptureFile):
    """What one recorder gives, as if it were a file: it is part of one."""

    described: list[Interface] = field(default_factory=list)

    @property
    def interfaces(self) -> Sequence[Interface]:
        """Those that the recorder has described so far."""
        return self.described


@dataclass(slots=True)
class LiveSource(Decoded):
    """One recorder as the judge knows it.

    first: capture time of its first packet; since: when it had begun to record, None where nothing told, as at the
        very beginning; until: when it ended, None while it runs.
    span: what is known of when it recorded, packets or not.
    """

    clock: CaptureClock = field(default_factory=CaptureClock)
    first: int | None = None
    since: int | None = None
    until: int | None = None
    span: tuple[int, int] | None = None

    @property
    def node(self) -> str | None:
        """Whose interfaces it records; None before it has described one."""
        return self.file.point_of(0).node if self.file.interfaces else None

    def recorded(self, interface: int, seen: Stretch) -> tuple[int, int] | None:
        """A recorder that runs records, packets or not."""
        del interface, seen
        return self.span


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
        self._correlator = Correlator(self._sources, timeout, disorder=LAG)
        self._counted: Counter[CapturePoint] = Counter()
        """Packets before judging began anew."""
        self._starts: list[tuple[int, str]] = []
        """Rings: packets of the whole recording before each file's first one, and the file."""
        self._watermark = 0
        self._settled = Settled()

    def source(self, path: str, described: list[Interface]) -> int:
        """Add a recorder that writes to *path* and whose interfaces stand in *described*; its number."""
        self._sources.append(LiveSource(LiveFile(path, described=described)))
        return len(self._sources) - 1

    def take(self, source: int, records: Records, frame: int, arrived: int) -> Stepped | None:
        """Take a batch.

        frame: number of its first packet in the recording, from 1.
        arrived: when it came, nanoseconds of a clock that is never set.
        Returns the step of the recorder's clock, if there was one in it.
        """
        one = self._sources[source]
        batch = one.columns(records)
        batch.frame = np.arange(frame, frame + len(records), dtype="u4")
        batch.time, stepped = one.clock.steady(batch.time, arrived)
        if len(batch):
            if one.first is None and (known := batch.time[batch.time >= 0]).size:
                one.first = int(known.min())
            self._correlator.take(self._watermark, [Chunk(source, batch, 0, len(batch))])
        return stepped

    def begin_anew(self) -> None:
        """Packets were passed over: what came before them is forgotten, for half of an exchange proves nothing."""
        for point, tally in self._correlator.tallies.items():
            self._counted[point] += tally.packets
        for one in self._sources:
            one.first = one.since = None
        self._correlator = Correlator(self._sources, self._timeout, disorder=LAG)
        self._settled = Settled()

    def describe(self, source: int, now: int) -> None:
        """The recorder has begun to record the interfaces that it described.

        now: by the clock of `take`'s arrivals.
        """
        one = self._sources[source]
        if len(one.file.interfaces) > one.interfaces:
            known = [each.clock for each in self._sources if each.node == one.node and each.clock.reached]
            beside = [clock.passed_at_most(now) for clock in known]
            if beside and one.since is None:
                one.since = max(beside)
            one.interfaces = len(one.file.interfaces)
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

    def stands_in(self, path: str, before: int) -> None:
        """Packets stand in file *path* of a ring, whose first one comes behind *before* others of the recording.

        Of several recorders, batches come in any order, and some not at all: more came than could be judged.
        """
        if (before, path) not in self._starts:
            insort(self._starts, (before, path))

    @property
    def now(self) -> int:
        """Capture time; 0 before the first packet."""
        return self._watermark

    def points(self) -> list[PointCount]:
        """What each point gave so far."""
        return point_counts(self._correlator.tallies, self._sources, self._counted)

    @property
    def state(self) -> tuple[int, int]:
        """What a judgement rests on: the next one differs only where this does, see `Correlator.state`."""
        return self._correlator.state

    def so_far(self) -> Analysis:
        """What the exchanges that are closed show; of many flows, those that asked lately, and what they asked before.

        The rules are asked about the flows of a minute alone, however long it runs. Three things grow with all that was
        seen, up to the bounds of what is kept: which journeys those are, what the others counted (`Settled`), and which
        TCP connections stall.
        """
        self._note_spans()
        pairing = self._correlator.pairing
        quiet = self._watermark - max(RECENT, 6 * self._timeout)
        rows = rows_since(pairing, quiet) if pairing.journeys > MANY else None
        analysis = self._analysis(self._correlator.so_far(rows))
        self._settled.add_to(analysis.judgement)
        return analysis

    def finish(self) -> Analysis:
        """What everything shows; open exchanges are closed."""
        self._note_spans()
        analysis = self._analysis(self._correlator.result())
        analysis.report = replace(analysis.report, notes=(*analysis.report.notes, *self.notes))
        return analysis

    def _analysis(self, correlation: Correlation) -> Analysis:
        analysis = assemble(self._sources, correlation, self.host_state(), self.problems)
        if self._starts and self._starts[-1][0]:
            analysis.findings = [self._placed(finding) for finding in analysis.findings]
        return analysis

    def _note_spans(self) -> None:
        """A recorder that runs records, packets or not; one that gave nothing began with the others of its node."""
        for one in self._sources:
            beside = [each.first for each in self._sources if each.node == one.node and each.first is not None]
            known = (each for each in (one.since, one.first, max(beside, default=None)) if each is not None)
            began = next(known, None)
            until = self._watermark if one.until is None else one.until
            one.span = None if began is None else (began, max(began, until))

    def _placed(self, finding: Finding) -> Finding:
        """Frames numbered within their file of the ring."""
        evidence = []
        for each in finding.evidence:
            before, file = next(start for start in reversed(self._starts) if start[0] < each.frame)
            evidence.append(replace(each, file=file, frame=each.frame - before))
        return replace(finding, evidence=tuple(evidence))
