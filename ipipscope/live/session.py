"""One capture: recorders, the file they are written to, the judge beside it, and what becomes of it all.

Three kinds of threads: one a recorder, which reads and records; one that judges, on which the others never wait; and
the one that calls `run`, which tells recorders when to begin and when to end.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ipipscope.analysis import analyse
from ipipscope.capture.commands import Settings, Wanted, commands, cure
from ipipscope.capture.interfaces import equipment
from ipipscope.capture.link_watch import LinkWatch
from ipipscope.capture.recording import STDOUT, Recording, RecordingStopped
from ipipscope.errors import InputError
from ipipscope.language.said import counted, joined, say
from ipipscope.live.events import Findings
from ipipscope.live.judging import TICK, Judging
from ipipscope.live.link_changes import Changes
from ipipscope.live.stream import Stream, Target
from ipipscope.model import SECOND
from ipipscope.report.times import whole_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipipscope.analysis import Analysis
    from ipipscope.capture.links import Event as LinkEvent
    from ipipscope.language.said import Said
    from ipipscope.live.clock import Ahead
    from ipipscope.live.judge import LiveJudge
    from ipipscope.live.watched import PointCount, View

SWITCH: Final = 0.0005
"""Seconds that the judge computes on while a recorder's thread waits for the interpreter, which it asks for at every
step of a batch: Python's own 0.005 make a recorder lose packets."""
AGAIN: Final = 1.0
"""Seconds between looks for an interface that has gone."""


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
        self.began = time.monotonic()
        self.failure: BaseException | None = None
        """What ended the capture early: a full disk, a pipe that nobody reads."""
        self._timeout, self._settings, self._duration = timeout, settings, duration
        self._judging: Judging | None = None
        self._running: list[Stream] = []
        self._ended: queue.Queue[Stream] = queue.Queue()  # not SimpleQueue: a signal at its time-out blocks it for ever
        self._gone: list[tuple[Target, str]] = []
        self._clocks: dict[str, list[Ahead]] = {}
        """By node."""
        self._stop = False
        self._search = _Search()

    @property
    def latest(self) -> Analysis | None:
        """What the exchanges that are closed show, as it was last judged."""
        return self._judging.latest if self._judging else None

    @property
    def behind(self) -> float:
        """Seconds that the latest packets waited for the judge."""
        return self._judging.behind if self._judging else 0.0

    @property
    def passed_over(self) -> int:
        """Packets that were recorded and not judged while it ran: more came than could be judged."""
        return self._judging.passed_over if self._judging else 0

    @property
    def doing(self) -> Said:
        """What a view says that it does."""
        return say("ENDING") if self._stop else say("RECORDING")

    @property
    def done(self) -> Said:
        """For how long it has recorded, and how much."""
        passed = whole_seconds(int((time.monotonic() - self.began) * SECOND))
        packets = counted(self.recording.packets, "packet")
        if not self.file:
            return say("{time}, {packets}", time=passed, packets=packets)
        return say("{time}, {packets}, {size:.1f} MB", time=passed, packets=packets, size=self.recording.octets / 1e6)

    @property
    def file(self) -> str | None:
        """Where the packets go to; None where there is no file yet."""
        return self.recording.path or None

    waits_for = None
    """Of recorders, none waits for another."""

    @property
    def packets(self) -> int:
        """So far, at all points."""
        return self.recording.packets

    @property
    def now(self) -> int:
        """Capture time; 0 before the first packet."""
        return self.judge.now

    def points(self) -> list[PointCount]:
        """What each point gave so far."""
        return self.judge.points()

    def stop(self) -> None:
        """End the capture; may be called from a signal handler."""
        # No lock, no event: a second signal that comes inside the first one's handler would wait for it for ever.
        self._stop = True

    def run(self, view: View) -> None:
        """Record and judge to the end of the capture; raises a fault of ours when the file is closed."""
        before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH)
        try:
            self._run(view)
        finally:
            sys.setswitchinterval(before)

    def _run(self, view: View) -> None:
        self._judging = judging = Judging(self.judge, self.findings, view, lambda: view.show(self))
        for target in self.targets:
            self._start(target, target.interfaces)
        watches = [LinkWatch(each.host, self._heard(each)) for each in self.targets]
        stopping = told = False
        while self._running or (self._gone and not stopping):
            stopping = stopping or self._ends_now()
            if stopping:
                for stream in list(self._running):
                    stream.stop()
                    if stream.is_lost:
                        self._running.remove(stream)
                        place = _place(stream.target, [each.name for each in stream.recorder.wanted])
                        self._problem(InputError(place, say("the recorder does not end; what it gave is recorded.")))
            elif self._gone:
                self._look()
            self._describe_all()
            self._take_ended()
            if judging.fault is not None and not told:
                told = True
                self._judging_ended(judging.fault, view)
        for watch in watches:
            watch.stop()
        self._close()
        judging.finish()

    def finish(self, view: View) -> Analysis:
        """What it all amounts to; what was not judged while it ran is read again from the file."""
        judged = self.judge.finish()
        if self.passed_over and self.recording.files:
            files = list(self.recording.files)
            again = analyse(files, state=[], timeout=self._timeout, snapshots=self.judge.host_state())
            again.problems = [*self.judge.problems, *again.problems]
            again.report = replace(
                again.report,
                notes=(
                    *again.report.notes,
                    *self.judge.notes,
                    say(
                        "{count} packets were judged only now, from {files}.",
                        count=self.passed_over,
                        files=joined(", ", files),
                    ),
                ),
            )
            judged = again
        assert self._judging is not None
        self._judging.latest = judged
        view.events(self.findings.update(judged.findings, self.judge.pass_time(time.monotonic_ns(), idle=False)))
        return judged

    def _start(self, target: Target, interfaces: Sequence[str]) -> None:
        assert self._judging is not None
        wanted = [Wanted(name, target.filters[name]) for name in interfaces]
        for command, recorded in commands(target.tool, wanted, self._settings):
            try:
                stream = Stream(
                    target, command, recorded, self.recording, self._judging, self._ended.put,
                    self._clocks.setdefault(target.node, []),
                )  # fmt: skip
            except InputError as problem:
                place = _place(target, [each.name for each in recorded])
                self._problem(InputError(place, str(problem)))
            else:
                self._running.append(stream)

    def _describe_all(self) -> None:
        """Interfaces are in the file, and known to the judge, before their first packet."""
        for stream in self._running:
            try:
                stream.describe()
            except (RecordingStopped, BrokenPipeError) as failure:
                self.failure = self.failure or failure
                self.stop()

    def _ends_now(self) -> bool:
        late = self._duration is not None and time.monotonic() - self.began >= self._duration
        return late or self.recording.full or self._stop

    def _take_ended(self) -> None:
        """Wait a moment for a recorder to end."""
        assert self._judging is not None
        try:
            stream = self._ended.get(timeout=TICK)
        except queue.Empty:
            return
        if stream not in self._running:
            return  # lost, and ended after all
        self._running.remove(stream)
        self.failure = self.failure or stream.failure or stream.fault
        if self.failure is not None:
            self.stop()
        if stream.described:
            self._judging.tell(lambda: self.judge.problems.extend(stream.problems))
        if stream.told is not None or self.failure is not None or self.recording.full:
            return
        recorder = stream.recorder
        names = [each.name for each in recorder.wanted]
        place = _place(stream.target, names)
        if recorder.interface_gone:
            self.note(
                say(
                    "{place}: {complaint}. What is there is recorded on, the rest once it is back.",
                    place=place,
                    complaint=recorder.complaint.rstrip("."),
                )
            )
            self._gone.extend((stream.target, name) for name in names)
            self._search.now()
            return
        said = recorder.complaint or (f"it ended with status {stream.status}" if stream.status else "it ended")
        self._problem(InputError(place, said, cure(stream.target.tool) if recorder.forbidden else ""))

    def _look(self) -> None:
        """Whether interfaces that have gone are back; the hosts are asked in a thread of their own."""
        for target, there in self._search.found(list({id(target): target for target, _ in self._gone}.values())):
            back = [name for one, name in self._gone if one is target and name in there]
            if back:
                self._gone = [pair for pair in self._gone if not (pair[0] is target and pair[1] in back)]
                self.note(say("{place}: recorded again.", place=_place(target, back)))
                self._start(target, back)

    def _heard(self, target: Target) -> Callable[[LinkEvent], None]:
        """Takes what is heard of a node's interfaces, and tells of those that are recorded and of its tunnels."""
        changes = Changes(target.node, {*target.interfaces, *target.equipment.tunnels}, target.equipment.links)

        def heard(event: LinkEvent) -> None:
            for sentence in changes.told(event):
                self.note(sentence)

        return heard

    def note(self, text: str) -> None:
        """Tell of something that happened to the capture itself, now and in the report."""
        assert self._judging is not None
        judging = self._judging
        judging.tell(lambda: judging.note(text), text)

    def _problem(self, problem: InputError) -> None:
        """Tell of what could not be recorded, now and in the report."""
        assert self._judging is not None
        judging = self._judging
        judging.tell(lambda: judging.problem(problem), str(problem))

    def _judging_ended(self, fault: BaseException, view: View) -> None:
        """Without a judge it records on, if there is a file to record into."""
        if isinstance(fault, BrokenPipeError) or not self.recording.path or self.recording.path == STDOUT:
            self.stop()
        else:
            view.note(
                say(
                    "judging ended with a fault of ipipscope ({fault}); it records on into {file}.",
                    fault=repr(fault),
                    file=self.recording.path,
                )
            )

    def _close(self) -> None:
        try:
            self.recording.close()
        except (RecordingStopped, BrokenPipeError) as failure:
            self.failure = self.failure or failure
        if isinstance(self.failure, InputError):
            problem = self.failure
            assert self._judging is not None
            self._judging.tell(lambda: self.judge.problems.append(problem))
        elif self.failure is not None and not isinstance(self.failure, BrokenPipeError):
            raise self.failure


class _Search:
    """Asks hosts for their interfaces, once a second at most, in a thread: a host may take its time to answer."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._found: queue.SimpleQueue[tuple[Target, set[str]]] = queue.SimpleQueue()
        self._next = 0.0

    def now(self) -> None:
        """Do not wait with the next question."""
        self._next = 0.0

    def found(self, targets: Sequence[Target]) -> list[tuple[Target, set[str]]]:
        """What was answered since the last time; asks again when it is time to."""
        answers = []
        while not self._found.empty():
            answers.append(self._found.get())
        if time.monotonic() >= self._next and not (self._thread and self._thread.is_alive()):
            self._next = time.monotonic() + AGAIN
            self._thread = threading.Thread(target=self._ask, args=(targets,), name="search", daemon=True)
            self._thread.start()
        return answers

    def _ask(self, targets: Sequence[Target]) -> None:
        for target in targets:
            try:
                self._found.put((target, set(equipment(target.host).link_types)))
            except InputError:
                continue  # asked again


def _place(target: Target, interfaces: Sequence[str]) -> str:
    return f"{target.node}:{','.join(interfaces)}"
