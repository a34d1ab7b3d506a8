"""The flight recorder: packets are held in memory until a finding opens, then written with what came before and after.

For faults that come and go. Nothing is on disk until then; each finding has a folder of its own, which is never written
to again: the packets as pcapng, the hosts' state, and the report on them.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from ipipscope.capture.recording import LATE, Limits, Place, Recording, RecordingStopped, Span
from ipipscope.errors import InputError, UsageError
from ipipscope.language.said import joined, say
from ipipscope.live.events import Change
from ipipscope.live.state import folder as state_folder
from ipipscope.model import SECOND, Impact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ipipscope.capture.packets import Interface, Records
    from ipipscope.decoder.columns import Array
    from ipipscope.hosts.model import Snapshot
    from ipipscope.live.events import Event
    from ipipscope.live.watched import Watched

AFTER: Final = 10 * SECOND
"""How long is recorded on after a finding opened."""
BATCH: Final = 2048
"""Octets that a batch takes besides its packets: arrays and what Python puts around them."""
ROW: Final = 24
"""Octets that a packet takes besides its own."""
PATIENCE: Final = 60.0
"""Seconds that the end waits for reports that are being written."""
FILE: Final = "capture.pcapng"


@dataclass(frozen=True, slots=True)
class _Held:
    """A batch in memory.

    numbers: those of its recorder's interfaces.
    times: of each packet, or one for all, by the clock that `FlightRecorder.passed` is told of.
    """

    records: Records
    numbers: Sequence[int]
    times: Array
    octets: int

    @property
    def last(self) -> int:
        return int(self.times.max())

    def between(self, after: int, until: int) -> Records:
        if len(self.times) == 1:
            inside = after < int(self.times[0]) <= until
            return self.records.rows(slice(None if inside else 0))
        return self.records.rows(np.flatnonzero((after < self.times) & (self.times <= until)))


@dataclass(slots=True)
class _Flight:
    """What is written on a finding."""

    folder: Path
    file: Recording
    until: int
    codes: list[str]
    numbers: dict[int, int] = field(default_factory=dict)
    """Of interfaces in the file, by their number in the whole recording."""
    throughout: set[int] = field(default_factory=set)
    """Those that were recorded from the beginning, and still are."""
    first: int | None = None
    last: int = 0

    def describe(self, number: int, interface: Interface) -> None:
        self.numbers[number] = self.file.describe(interface)

    def note(self, time: Array) -> None:
        known = time[time >= 0]
        if len(known):
            self.first = int(known.min()) if self.first is None else min(self.first, int(known.min()))
            self.last = max(self.last, int(known.max()))


class FlightRecorder(Recording):
    """Takes packets as a `Recording` does, and keeps the latest of them.

    where: the folder in which each finding's folder is made.
    keep: for how long packets are held, nanoseconds.
    memory: octets that may be held; the oldest are dropped, and that is told.
    by_capture_time: packets are held by their capture time, as in a replay; else by when they came.
    state: gives the newest snapshots by node.
    """

    def __init__(
        self,
        where: str,
        limits: Limits,
        *,
        keep: int,
        memory: int,
        tool: str = "",
        system: str = "",
        by_capture_time: bool = False,
    ) -> None:
        super().__init__(None, limits)
        self.state: Callable[[], Mapping[str, Snapshot]] = dict
        self._where, self._keep, self._memory = Path(where), keep, memory
        self._written_by = tool, system
        self._by_capture_time = by_capture_time
        self._guard = threading.RLock()
        self._held: deque[_Held] = deque()
        self._octets = 0
        self._dropped = 0
        self._told_short = False
        self._all: dict[int, Interface] = {}
        """Interfaces by number, those that are recorded no longer as well."""
        self._news: list[str] = []
        self._flight: _Flight | None = None
        self._reports: list[threading.Thread] = []
        if self._where.exists() and not self._where.is_dir():
            raise UsageError(f"--on-finding {where}: that is no folder")
        try:
            self._where.mkdir(parents=True, exist_ok=True)
        except OSError as failure:
            raise InputError(where, say("cannot be made: {strerror}.", strerror=failure.strerror)) from failure

    def describe(self, interface: Interface) -> int:
        """Add an interface; its number."""
        with self._guard:
            number = super().describe(interface)
            self._all[number] = replace(interface)
            if self._flight is not None:
                self._flight.describe(number, interface)
            return number

    def ended(self, number: int, recorded: Span | None, received: int | None, dropped: int | None) -> None:
        """Interface *number* is recorded no longer."""
        with self._guard:
            super().ended(number, recorded, received, dropped)
            if self._flight is not None:
                self._flight.throughout.discard(number)

    def take(self, records: Records, numbers: Sequence[int], shift: int = 0) -> Place:
        """Hold a batch, and write it while a finding is being written.

        shift: what is added to its times to hold them against the time that passes.
        """
        with self._guard:
            place = super().take(records, numbers)
            if not place.taken:
                return place
            kept = records.rows(slice(place.taken)).alone()
            times = kept.time + shift if self._by_capture_time else np.array([time.monotonic_ns()])
            held = _Held(kept, tuple(numbers), times, len(kept.octets) + BATCH + ROW * len(kept))
            self._held.append(held)
            self._octets += held.octets
            if self._flight is not None:
                self._write(held, np.iinfo("i8").min, self._flight.until)
            while self._octets > self._memory and len(self._held) > 1:
                self._dropped += len(self._drop().records)
            return place

    def opened(self, events: Sequence[Event], now: int) -> None:
        """Findings changed at *now*: on one that opens and loses packets, what is held is written."""
        serious = [
            event.finding for event in events if event.change is Change.OPEN and event.finding.impact is not Impact.NONE
        ]
        if not serious:
            return
        with self._guard:
            flight, codes = self._flight, [finding.code for finding in serious]
            if flight is not None:
                before, flight.until = flight.until, max(flight.until, now + AFTER)
                flight.codes += [code for code in codes if code not in flight.codes]
                for held in list(self._held):
                    self._write(held, before, flight.until)
                return
            first = serious[0]
            moment = next(event.time for event in events if event.finding is first)
            self._begin(moment, codes, first.node or "")
            for held in list(self._held):
                self._write(held, now - self._keep, now + AFTER)

    def passed(self, now: int) -> None:
        """Time passed: what is too old is forgotten, what is complete is closed."""
        with self._guard:
            while self._held and self._held[0].last < now - self._keep:
                self._drop()
            if self._dropped and not self._told_short:
                self._told_short = True
                self._news.append(
                    say(
                        "more came than {memory:.0f} MB hold: the oldest packets go first, so a finding may be written "
                        "with less than {keep:g} s before it. Allow more with --memory.",
                        memory=self._memory / 1e6,
                        keep=self._keep / SECOND,
                    )
                )
            if self._flight is not None and now >= self._flight.until:
                self._end()

    def news(self) -> list[str]:
        """What there is to tell since the last time."""
        with self._guard:
            told, self._news = self._news, []
            return told

    def finish(self) -> None:
        """The capture ends: close what is being written, wait for its report."""
        with self._guard:
            if self._flight is not None:
                self._end()
        for thread in self._reports:
            thread.join(PATIENCE)

    def _drop(self) -> _Held:
        held = self._held.popleft()
        self._octets -= held.octets
        return held

    def _begin(self, moment: int, codes: list[str], node: str) -> None:
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(moment / SECOND))
        name = re.sub(r"[^\w.-]", "_", "_".join(part for part in (stamp, codes[0], node) if part))
        try:
            made = _new_folder(self._where, name)
            tool, system = self._written_by
            file = Recording(str(made / FILE), Limits(), tool=tool, system=system)
            flight = _Flight(made, file, 0, codes)
            held = {number for each in self._held for number in each.numbers}
            for number in sorted(held | set(self._interfaces)):
                flight.describe(number, self._all[number])
        except OSError as failure:
            reason = (failure.strerror or "").lower()
            self._news.append(say("{folder}: nothing is written: {reason}.", folder=self._where / name, reason=reason))
        except InputError as failure:
            self._news.append(str(failure))
        else:
            if not self._by_capture_time:
                flight.throughout = set(self._interfaces)
            self._flight = flight
            self._news.append(
                say(
                    "{rules}: the last {keep:g} s and the next {after} s go to {folder}/",
                    rules=joined(", ", codes),
                    keep=self._keep / SECOND,
                    after=AFTER // SECOND,
                    folder=made,
                )
            )

    def _write(self, held: _Held, after: int, until: int) -> None:
        flight = self._flight
        if flight is None:
            return
        flight.until = max(flight.until, until)
        records = held.between(after, until)
        if not len(records):
            return
        flight.file.take(records, [flight.numbers[number] for number in held.numbers])
        flight.note(records.time)
        if flight.file.failure is not None:
            self._news.append(str(flight.file.failure))
            self._end()

    def _end(self) -> None:
        flight, self._flight = self._flight, None
        assert flight is not None
        # What the kernel counted is not known yet. That these interfaces were recorded throughout, however, is.
        if flight.first is not None and flight.first + LATE < flight.last - LATE:
            for number in flight.throughout:
                span = flight.first + LATE, flight.last - LATE
                flight.file.ended(flight.numbers[number], span, None, None)
        try:
            flight.file.close()
        except RecordingStopped as failure:
            self._news.append(str(failure))
        thread = threading.Thread(target=copy_context().run, args=(self._report, flight), name="report", daemon=True)
        self._reports = [each for each in self._reports if each.is_alive()] + [thread]
        thread.start()

    def _report(self, flight: _Flight) -> None:
        """Write the hosts' state and the report beside the packets."""
        file = str(flight.folder / FILE)
        try:
            verdict = _write_report(flight.folder, file, self.state())
            news = say("{file}: {count} packets. {verdict}", file=file, count=flight.file.packets, verdict=verdict)
        except Exception as failure:  # noqa: BLE001  (nobody waits for this thread who could be told otherwise)
            reason = failure.strerror.lower() if isinstance(failure, OSError) and failure.strerror else repr(failure)
            news = say("{folder}: the report is not written: {reason}.", folder=flight.folder, reason=reason)
        with self._guard:
            self._news.append(news)


class FlightView:
    """Tells a flight recorder of findings, and the session of its news."""

    def __init__(self, flight: FlightRecorder) -> None:
        self._flight = flight
        self._behind = 0

    def events(self, events: Sequence[Event]) -> None:
        """Findings opened, changed or closed."""
        self._flight.opened(events, time.monotonic_ns() - self._behind)

    def note(self, text: str) -> None:
        """Nothing of concern."""

    def show(self, watched: Watched) -> None:
        """Time passed."""
        self._behind = round(watched.behind * SECOND)
        self._flight.passed(time.monotonic_ns() - self._behind)
        for text in self._flight.news():
            watched.note(text)


def _new_folder(where: Path, name: str) -> Path:
    """A folder that was not there before."""
    number = 1
    while True:
        made = where / (name if number == 1 else f"{name}-{number}")
        try:
            made.mkdir()
        except FileExistsError:
            number += 1
        else:
            return made


def _write_report(folder: Path, file: str, snapshots: Mapping[str, Snapshot]) -> str:
    """State, and the report as text, JSON and HTML; the verdict in one line."""
    from ipipscope.analysis import analyse  # noqa: PLC0415  (what follows is only wanted when something was found)
    from ipipscope.hosts.snapshot_json import to_json  # noqa: PLC0415
    from ipipscope.report.html_page import write_html  # noqa: PLC0415
    from ipipscope.report.json_report import write_json  # noqa: PLC0415
    from ipipscope.report.terminal import verdict_line, write_text  # noqa: PLC0415

    state = state_folder(file)
    for node, snapshot in snapshots.items():
        state.mkdir(exist_ok=True)
        name = re.sub(r"[^\w.-]", "_", node)
        (state / f"{name}.json").write_text(to_json(snapshot), encoding="utf-8")
    analysis = analyse([file], keep=True)
    with (folder / "report.txt").open("x", encoding="utf-8") as out:
        write_text(analysis.report, out)
    with (folder / "report.json").open("x", encoding="utf-8") as out:
        write_json(analysis.report, out)
    with (folder / "report.html").open("x", encoding="utf-8") as out:
        write_html(analysis.report, out, analysis)
    return verdict_line(analysis.report)
