"""One capture: recorders, the file they are written to, the judge, and what becomes of it all."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Protocol

from ipipscope.capture.commands import Recorder, Settings, Wanted, commands
from ipipscope.capture.files import reader_of
from ipipscope.capture.interfaces import Equipment, equipment
from ipipscope.capture.recording import Recording, RecordingStopped, first_rows
from ipipscope.capture.window import Window
from ipipscope.errors import CaptureTruncated, InputError
from ipipscope.live.events import Event, Findings
from ipipscope.model import SECOND
from ipipscope.report.times import iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipipscope.analysis import Analysis
    from ipipscope.capture.elsewhere import Host
    from ipipscope.capture.packets import Interface, Records
    from ipipscope.capture.pcap import PcapReader
    from ipipscope.capture.pcapng import PcapngReader
    from ipipscope.live.judge import LiveJudge

BACKLOG: Final = 128
"""Batches that wait for the judge, of up to 8192 packets each."""
JUDGE_EVERY: Final = 0.5
"""Seconds from one judgement to the next; ten times as long as one takes where that is more."""
AGAIN: Final = 1.0
"""Seconds between looks for an interface that has gone."""


@dataclass(frozen=True, slots=True)
class Target:
    """Interfaces of one node that are to be recorded.

    filters: by interface.
    """

    node: str
    host: Host
    equipment: Equipment
    interfaces: tuple[str, ...]
    filters: dict[str, str]

    @property
    def tool(self) -> str:
        """The best recorder that is installed there."""
        return self.equipment.recorders[0] if self.equipment.recorders else "scapy"


class View(Protocol):
    """Who is told what happens."""

    def events(self, events: Sequence[Event]) -> None:
        """Findings opened, changed or closed."""
        ...

    def note(self, text: str) -> None:
        """Something happened to the capture itself."""
        ...

    def show(self, session: Session) -> None:
        """Time passed: refresh what is on the screen."""
        ...


@dataclass(slots=True)
class Stream:
    """One running recorder and where its packets go."""

    target: Target
    recorder: Recorder
    source: int
    described: list[Interface] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    """Of its interfaces in the recording."""
    problems: list[InputError] = field(default_factory=list)
    told: int | None = None
    """When it was told to stop."""
    reader: PcapReader | PcapngReader | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class _Batch:
    stream: Stream
    records: Records
    frame: int
    file: str
    arrived: int


@dataclass(frozen=True, slots=True)
class _End:
    stream: Stream


class Session:
    """Records *targets* until a limit, `stop`, or the end of all recorders.

    recording: takes the packets.
    judge: is told of them.
    duration: seconds; None for no limit.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        recording: Recording,
        judge: LiveJudge,
        *,
        settings: Settings,
        timeout: int,
        duration: float | None = None,
    ) -> None:
        self.targets, self.recording, self.judge = targets, recording, judge
        self.findings = Findings(timeout)
        self.latest: Analysis | None = None
        self.began = time.monotonic()
        self.failure: BaseException | None = None
        """What ended the capture early: a full disk, a pipe that nobody reads."""
        self._settings, self._duration = settings, duration
        self._queue: queue.Queue[_Batch | _End] = queue.Queue(BACKLOG)
        self._running: list[Stream] = []
        self._gone: list[tuple[Target, str]] = []
        self._stop = threading.Event()
        self._look_again = 0.0
        self._next_judgement = 0.0
        self._judged = 0

    def stop(self) -> None:
        """End the capture; may be called from a signal handler."""
        self._stop.set()

    def run(self, view: View) -> None:
        """Record and judge to the end of the capture."""
        for target in self.targets:
            self._start(target, target.interfaces)
        stopping = False
        while self._running or (self._gone and not stopping):
            stopping = stopping or self._ends_now()
            if stopping:
                self._tell_to_stop()
            elif self._gone:
                self._look(view)
            self._describe_all()
            idle = self._take_waiting(view)
            self._judge(view, idle=idle)
        self._close()

    def finish(self, view: View) -> Analysis:
        """What it all amounts to."""
        self.latest = self.judge.finish()
        view.events(self.findings.update(self.latest.findings, self.judge.pass_time(time.monotonic_ns(), idle=False)))
        return self.latest

    def _start(self, target: Target, interfaces: Sequence[str]) -> None:
        wanted = [Wanted(name, target.filters[name]) for name in interfaces]
        for command, recorded in commands(target.tool, wanted, self._settings):
            recorder = Recorder(target.host, command, recorded)
            described: list[Interface] = []
            source = self.judge.source(self.recording.path or f"{target.node}", described)
            stream = Stream(target, recorder, source, described)
            self._running.append(stream)
            threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream: Stream) -> None:
        """A recorder's thread: what it gives is written before anything else."""
        try:
            stream.reader = reader = reader_of(Window(stream.recorder.stdout), stream.target.node)
            for records in reader.batches():
                arrived = time.monotonic_ns()
                self._describe(stream)
                place = self.recording.take(records, stream.numbers)
                if place.taken:
                    taken = first_rows(records, place.taken)
                    self._queue.put(_Batch(stream, taken, place.number, place.file, arrived))
                if self.recording.full:
                    self.failure = self.failure or self.recording.failure
                    self.stop()
            self._describe(stream)
            stream.problems = [each for each in reader.problems if not isinstance(each, CaptureTruncated)]
            self._count(stream, reader.interfaces)
        except (RecordingStopped, BrokenPipeError) as failure:
            self.failure = self.failure or failure
            self.stop()
            while stream.recorder.stdout.read(1 << 16):
                pass  # let it end by itself
        except InputError as problem:
            stream.problems = [problem]
        finally:
            self._queue.put(_End(stream))

    def _describe(self, stream: Stream) -> None:
        """Hand on the interfaces that the recorder has described since the last time."""
        interfaces = stream.reader.interfaces if stream.reader else ()
        with stream.lock:
            for number in range(len(stream.described), len(interfaces)):
                given = interfaces[number]
                wanted = stream.recorder.wanted
                name = given.name or wanted[min(number, len(wanted) - 1)].name
                described = replace(
                    given,
                    name=f"{stream.target.node}:{name}",
                    filter=given.filter or stream.target.filters.get(name, ""),
                    os=given.os or stream.target.equipment.system,
                )
                stream.numbers.append(self.recording.describe(described))
                stream.described.append(described)

    def _describe_all(self) -> None:
        """Interfaces are in the file, and known to the judge, before their first packet."""
        for stream in self._running:
            try:
                self._describe(stream)
            except (RecordingStopped, BrokenPipeError) as failure:
                self.failure = self.failure or failure
                self.stop()
            self.judge.describe(stream.source)

    def _count(self, stream: Stream, interfaces: Sequence[Interface]) -> None:
        """Hand on what the kernel counted: from the capture itself, else from what the recorder said at its end."""
        stream.recorder.ended()
        for number, interface in enumerate(interfaces):
            described = stream.described[number]
            name = described.name.partition(":")[2]
            received = interface.received if interface.received is not None else stream.recorder.received.get(name)
            dropped = interface.dropped if interface.dropped is not None else stream.recorder.dropped.get(name)
            described.received, described.dropped = received, dropped
            self.recording.count(stream.numbers[number], received, dropped)

    def _ends_now(self) -> bool:
        late = self._duration is not None and time.monotonic() - self.began >= self._duration
        return late or self._stop.is_set()

    def _tell_to_stop(self) -> None:
        for stream in self._running:
            if stream.told is None:
                stream.told = time.monotonic_ns()
                stream.recorder.stop()
            elif time.monotonic_ns() - stream.told > 5 * SECOND:
                stream.recorder.kill()

    def _take_waiting(self, view: View) -> bool:
        """Take what waits, up to the next look at the clock; whether nothing is left."""
        until = time.monotonic() + 0.1
        while (rest := until - time.monotonic()) > 0:
            try:
                item = self._queue.get(timeout=rest)
            except queue.Empty:
                return True
            if isinstance(item, _End):
                self._ended(item.stream, view)
                if not self._running:
                    return True
            else:
                self.judge.begins_file(item.file, item.frame)
                stepped = self.judge.take(item.stream.source, item.records, item.frame, item.arrived)
                if stepped:
                    self._note(
                        view,
                        f"the clock of {item.stream.target.node} was set by {stepped.by / SECOND:+.3f} s; the first"
                        f" packet after that is of {iso(stepped.time)}. Times in this report go on as before.",
                    )
        return self._queue.empty()

    def _ended(self, stream: Stream, view: View) -> None:
        self._running.remove(stream)
        self.judge.describe(stream.source)
        self.judge.end(stream.source, stream.told)
        status = stream.recorder.ended()
        self.judge.problems.extend(stream.problems if stream.described else ())
        if stream.told is not None or self.failure is not None:
            return
        recorder = stream.recorder
        names = [each.name for each in recorder.wanted]
        place = f"{stream.target.node}:{','.join(names)}"
        if recorder.interface_gone:
            self._note(
                view,
                f"{place}: {recorder.complaint.rstrip('.')}. What is there is recorded on, the rest once it is back.",
            )
            self._gone.extend((stream.target, name) for name in names)
            self._look_again = 0.0
            return
        said = recorder.complaint or (f"it ended with status {status}" if status else "it ended")
        self.judge.problems.append(InputError(place, said))
        self._note(view, f"{place}: {said}")

    def _look(self, view: View) -> None:
        """Whether interfaces that have gone are back."""
        if time.monotonic() < self._look_again:
            return
        self._look_again = time.monotonic() + AGAIN
        for target in {id(target): target for target, _ in self._gone}.values():
            try:
                there = equipment(target.host).link_types
            except InputError:
                continue
            back = [name for one, name in self._gone if one is target and name in there]
            if back:
                self._gone = [pair for pair in self._gone if not (pair[0] is target and pair[1] in back)]
                self._note(view, f"{target.node}:{','.join(back)}: recorded again.")
                self._start(target, back)

    def _note(self, view: View, text: str) -> None:
        self.judge.notes.append(text)
        view.note(text)

    def _judge(self, view: View, *, idle: bool) -> None:
        began = time.monotonic()
        now = self.judge.pass_time(time.monotonic_ns(), idle=idle)
        if began >= self._next_judgement and self.judge.closed != self._judged:
            self._judged = self.judge.closed
            self.latest = self.judge.so_far()
            view.events(self.findings.update(self.latest.findings, now))
            self._next_judgement = began + max(JUDGE_EVERY, 10 * (time.monotonic() - began))
        view.show(self)

    def _close(self) -> None:
        try:
            self.recording.close()
        except (RecordingStopped, BrokenPipeError) as failure:
            self.failure = self.failure or failure
        if isinstance(self.failure, InputError):
            self.judge.problems.append(self.failure)
