"""Judging beside recording: a queue of bounded size between them, on which recording never waits.

What does not fit is recorded and not judged while it runs; judging begins anew behind it, for an exchange of which half
was passed over must not look broken. Who is told of findings is told from here, too: a terminal that takes nothing more
(Ctrl-S), a pipe that nobody reads, hold up the judge and nothing else.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ipipscope.model import SECOND
from ipipscope.report.times import iso

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipipscope.analysis import Analysis
    from ipipscope.capture.packets import Interface, Records
    from ipipscope.errors import InputError
    from ipipscope.live.events import Findings
    from ipipscope.live.judge import LiveJudge
    from ipipscope.live.watched import View

BACKLOG: Final = 64 << 20
"""Octets of packets that wait for the judge."""
ROW: Final = 32
"""Octets that one packet takes besides its own."""
EVERY: Final = 0.5
"""Seconds from one judgement to the next, where it takes no more than its share of them."""
SHARE: Final = 0.25
"""Of the time that passes, how much may go into judgements; the rest is for what comes."""
TICK: Final = 0.1
"""Seconds after which time has passed, packets or not."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Packets of one recorder as they were recorded.

    frame: number of the first one in the whole recording, from 1.
    file: where they stand; before: packets of the recording in files before that one.
    arrived: nanoseconds of a clock that is never set.
    """

    source: int
    node: str
    records: Records
    frame: int
    file: str
    before: int
    arrived: int


@dataclass(slots=True)
class _Missed:
    """Packets that were not judged because too many waited."""

    packets: int = 0
    first: int | None = None
    last: int = 0

    def add(self, records: Records) -> None:
        known = records.time[records.time >= 0]
        self.packets += len(records)
        if len(known):
            self.first = int(known[0]) if self.first is None else self.first
            self.last = max(self.last, int(known[-1]))

    def __str__(self) -> str:
        when = f" of {iso(self.first)} to {iso(self.last)}" if self.first is not None else ""
        return f"{self.packets} packets{when} came faster than they could be judged"


class Judging:
    """A thread that judges what it is handed, in the order in which it was.

    judge, findings, view: used by that thread alone, but for what `view` draws of them.
    drawn: called by it now and then, to draw.
    """

    def __init__(self, judge: LiveJudge, findings: Findings, view: View, drawn: Callable[[], None]) -> None:
        self.judge, self.findings = judge, findings
        self.latest: Analysis | None = None
        self.passed_over = 0
        """Packets that were recorded and not judged while it ran."""
        self.behind = 0.0
        """Seconds that packets waited for the judge, the latest ones."""
        self.fault: BaseException | None = None
        """What ended judging: a fault of ours, a pipe that nobody reads any more."""
        self._view, self._drawn = view, drawn
        self._sources = 0
        self._waiting: deque[Batch | Callable[[], object]] = deque()
        self._octets = 0
        self._missed: _Missed | None = None
        self._change = threading.Condition()
        self._ends = False
        self._next = 0.0
        self._judged = (0, 0)
        # in the language of the thread that started it
        self._thread = threading.Thread(target=copy_context().run, args=(self._run,), name="judging", daemon=True)
        self._thread.start()

    def source(self, path: str, described: list[Interface]) -> int:
        """Add a recorder, see `LiveJudge.source`; its number."""
        with self._change:
            number = self._sources
            self._sources += 1
        self.tell(lambda: self.judge.source(path, described))
        return number

    def take(self, batch: Batch) -> None:
        """Hand over a batch; returns at once."""
        size = _size(batch)
        with self._change:
            if self.fault is not None:
                return
            full = BACKLOG if self._missed is None else BACKLOG // 2
            if self._octets and self._octets + size > full:
                self._missed = self._missed or _Missed()
                self._missed.add(batch.records)
                self.passed_over += len(batch.records)
                return
            self._pass_over()
            self._waiting.append(replace(batch, records=batch.records.alone()))
            self._octets += size
            self._change.notify()

    def tell(self, action: Callable[[], object], note: str = "") -> None:
        """Have something done by the thread, after what was handed over before.

        note: what it would tell the view, which is told so here when a fault has ended the thread.
        """
        with self._change:
            if self.fault is None:
                self._waiting.append(action)
                self._change.notify()
                return
        if note and not isinstance(self.fault, BrokenPipeError):
            self._view.note(note)

    def finish(self) -> None:
        """Wait until everything is judged; raises what ended judging."""
        with self._change:
            self._pass_over()
            self._ends = True
            self._change.notify()
        while self._thread.is_alive():
            self._thread.join(TICK)  # a signal's handler runs between two
        if self.fault is not None:
            raise self.fault

    def _pass_over(self) -> None:
        """What was missed has its place among what was not; under the lock."""
        if self._missed is not None:
            missed, self._missed = self._missed, None
            self._waiting.append(lambda: self._begin_anew(missed))

    def _begin_anew(self, missed: _Missed) -> None:
        self.judge.begin_anew()
        self.note(f"{missed}: they are recorded, and judging begins anew behind them.")

    def note(self, text: str) -> None:
        """Tell of something that happened to the capture itself; for the thread."""
        self.judge.notes.append(text)
        self._view.note(text)

    def problem(self, problem: InputError) -> None:
        """Tell of what could not be recorded, now and in the report; for the thread."""
        self.judge.problems.append(problem)
        self._view.note(str(problem))

    def _run(self) -> None:
        try:
            while self._step():
                pass
        except BaseException as fault:  # noqa: BLE001  (raised again by `finish`: recording goes on until then)
            with self._change:
                self.fault = fault
                self._waiting.clear()
                self._octets = 0

    def _step(self) -> bool:
        """Take what waits, up to the next look at the clock; False at the end."""
        until = time.monotonic() + TICK
        while (rest := until - time.monotonic()) > 0:
            with self._change:
                if not self._waiting and not self._ends:
                    self._change.wait(rest)
                item = self._waiting.popleft() if self._waiting else None
                if isinstance(item, Batch):
                    self._octets -= _size(item)
                ends = self._ends and not self._waiting
            if isinstance(item, Batch):
                self._judge(item)
            elif item is not None:
                item()
            elif ends:
                return False
        with self._change:
            if not self._waiting:
                self._pass_over()
            idle = not self._waiting
        self._look(idle=idle)
        return True

    def _judge(self, batch: Batch) -> None:
        self.behind = (time.monotonic_ns() - batch.arrived) / SECOND
        self.judge.stands_in(batch.file, batch.before)
        stepped = self.judge.take(batch.source, batch.records, batch.frame, batch.arrived)
        if stepped:
            self.note(
                f"the clock of {batch.node} was set by {stepped.by / SECOND:+.3f} s; the first packet after that is of"
                f" {iso(stepped.time)}. Times in this report go on as before."
            )

    def _look(self, *, idle: bool) -> None:
        began = time.monotonic()
        now = self.judge.pass_time(time.monotonic_ns(), idle=idle)
        if idle:
            self.behind = 0.0
        if began >= self._next:
            if self.judge.state != self._judged:
                self._judged = self.judge.state
                self.latest = self.judge.so_far()
            if self.latest is not None:
                # also where nothing came since: findings close when time passes without them
                self._view.events(self.findings.update(self.latest.findings, now))
            self._next = began + max(EVERY, (time.monotonic() - began) / SHARE)
        self._drawn()


def _size(batch: Batch) -> int:
    return int(batch.records.captured.sum()) + ROW * len(batch.records)
