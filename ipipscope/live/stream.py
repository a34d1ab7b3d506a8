"""One running recorder, read in a thread of its own: what it gives is written before anything else happens to it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ipipscope.capture.commands import Recorder
from ipipscope.capture.files import reader_of
from ipipscope.capture.recording import LATE, RecordingStopped
from ipipscope.capture.window import Window
from ipipscope.errors import CaptureTruncated, InputError
from ipipscope.live.clock import Ahead
from ipipscope.live.judging import Batch
from ipipscope.model import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipipscope.capture.commands import Wanted
    from ipipscope.capture.elsewhere import Host
    from ipipscope.capture.interfaces import Equipment
    from ipipscope.capture.packets import Interface
    from ipipscope.capture.pcap import PcapReader
    from ipipscope.capture.pcapng import PcapngReader
    from ipipscope.capture.recording import Recording
    from ipipscope.live.judging import Judging

LITTLE: Final = 1 << 17
"""Octets of a batch after which more is waited for."""
GATHER: Final = 0.015
"""Seconds: recorders write a few packets at a time, each batch costs what a hundred packets do, and pipes hold more."""


PATIENCE: Final = 5 * SECOND
"""How long a recorder has to end when it is told to, and its output when it is killed."""


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


class Stream:
    """Runs a recorder of *target*; its packets go into *recording*, then to *judging*.

    ended: called by its thread at the end of all, with the stream.
    clocks: of the node's recorders; this one adds its own.
    failure: what kept the recording from taking more: a full disk, a pipe that nobody reads.
    fault: a fault of ours that ended its thread.
    problems: what of its output could not be read.
    status: the recorder's, once it ended.
    told: when it was told to stop, nanoseconds of our own clock; None while it was not.
    Raises InputError when the recorder cannot be run.
    """

    def __init__(
        self,
        target: Target,
        command: Sequence[str],
        wanted: Sequence[Wanted],
        recording: Recording,
        judging: Judging,
        ended: Callable[[Stream], None],
        clocks: list[Ahead],
    ) -> None:
        self.target = target
        self.recorder = Recorder(target.host, command, wanted)
        self.described: list[Interface] = []
        self.problems: list[InputError] = []
        self.failure: RecordingStopped | BrokenPipeError | None = None
        self.fault: BaseException | None = None
        self.status = 0
        self.told: int | None = None
        self._last = 0
        """Capture time of the latest packet that was taken."""
        self._recording, self._judging, self._ended = recording, judging, ended
        self._source = judging.source(recording.path or target.node, self.described)
        self._numbers: list[int] = []
        """Of its interfaces in the recording."""
        self._began: list[int] = []
        """When they were described, nanoseconds of our own clock: they were recorded by then."""
        self._clock, self._clocks = Ahead(), clocks
        clocks.append(self._clock)
        self._reader: PcapReader | PcapngReader | None = None
        self._lock = threading.Lock()
        threading.Thread(target=self._run, name=f"recorder of {target.node}", daemon=True).start()

    def stop(self) -> None:
        """Tell the recorder to end; told again after five seconds, it is killed."""
        if self.told is None:
            self.told = time.monotonic_ns()
            self.recorder.stop()
        elif time.monotonic_ns() - self.told > PATIENCE:
            self.recorder.kill()

    @property
    def is_lost(self) -> bool:
        """Whether it was killed and something that it left behind still holds its output open: that may never end."""
        return self.told is not None and time.monotonic_ns() - self.told > 2 * PATIENCE

    def describe(self) -> None:
        """Hand on the interfaces that the recorder has described since the last time.

        Also called from outside: they stand in the file, and are known to the judge, before their first packet.
        Raises RecordingStopped and BrokenPipeError.
        """
        interfaces = self._reader.interfaces if self._reader else ()
        with self._lock:
            before = len(self.described)
            for number in range(before, len(interfaces)):
                given = interfaces[number]
                wanted = self.recorder.wanted
                name = given.name or wanted[min(number, len(wanted) - 1)].name
                described = replace(
                    given,
                    name=f"{self.target.node}:{name}",
                    filter=given.filter or self.target.filters.get(name, ""),
                    os=given.os or self.target.equipment.system,
                )
                self._numbers.append(self._recording.describe(described))
                self.described.append(described)
            if len(self.described) > before:
                now = time.monotonic_ns()
                self._began += [now] * (len(self.described) - before)
                self._judging.tell(lambda: self._judging.judge.describe(self._source, now))

    def _run(self) -> None:
        try:
            self._read()
            self.status = self.recorder.ended()
        except BaseException as fault:  # noqa: BLE001  (the session raises it again when the file is closed)
            self.fault = fault
            self.recorder.kill()
        finally:
            # What came between the last packet that was taken and the end was not recorded.
            told = None if self._recording.full else self.told
            self._judging.tell(lambda: self._judging.judge.end(self._source, told))
            self._ended(self)

    def _read(self) -> None:
        try:
            self._reader = reader = reader_of(Window(self.recorder.stdout), self.target.node)
        except InputError as problem:
            self.problems = [problem]
            return
        try:
            for records in reader.batches():
                arrived = time.monotonic_ns()
                self.describe()
                self._clock.see(int(records.time[-1]), arrived)
                place = self._recording.take(records, self._numbers)
                if place.taken:
                    taken = records.rows(slice(place.taken))
                    self._last = max(self._last, int(taken.time.max()))
                    number, file, before = place.number, place.file, place.before
                    self._judging.take(Batch(self._source, self.target.node, taken, number, file, before, arrived))
                self.failure = self.failure or self._recording.failure
                if int(records.captured.sum()) < LITTLE:
                    time.sleep(GATHER)
            self.describe()
            self.problems = [each for each in reader.problems if not isinstance(each, CaptureTruncated)]
            self._count(reader.interfaces)
        except (RecordingStopped, BrokenPipeError) as failure:
            self.failure = failure
            while self.recorder.stdout.read(1 << 16):
                pass  # let it end by itself

    def _count(self, interfaces: Sequence[Interface]) -> None:
        """Hand on what the kernel counted: from the capture itself, else from what the recorder said at its end."""
        ended = time.monotonic_ns() if self.told is None else self.told
        self.recorder.ended()
        for number, interface in enumerate(interfaces):
            described = self.described[number]
            name = described.name.partition(":")[2]
            received = interface.received if interface.received is not None else self.recorder.received.get(name)
            dropped = interface.dropped if interface.dropped is not None else self.recorder.dropped.get(name)
            described.received, described.dropped = received, dropped
            span = self._span(interface.recorded, self._began[number], ended)
            if span is not None and self._recording.full:  # it ran on; what came then was not taken
                span = (span[0], self._last) if span[0] < self._last else None
            self._recording.ended(self._numbers[number], span, received, dropped)
        self.failure = self.failure or self._recording.failure

    def _span(self, told: tuple[int, int] | None, began: int, ended: int) -> tuple[int, int] | None:
        """When it recorded for sure, in capture time: as its recorder *told*, else from our own; None if nothing tells.

        The node's recorders have one clock; one that hears nothing knows from the others that it was set.
        A packet comes with some delay, so capture time is later than it seems, but not by more than `LATE`.
        """
        if any(clock.stepped for clock in self._clocks):
            return None
        least = [ahead for clock in self._clocks if (ahead := clock.least(ended)) is not None]
        if told is not None or not least:
            return told
        most = max(clock.most for clock in self._clocks if clock.ahead is not None)
        begin, end = began + most + LATE, ended + max(least) - LATE
        return (begin, end) if begin < end else None
