"""What is recorded goes to one pcapng file, or a ring of them, before anything else happens to it.

Each batch is one unbuffered write of whole packet blocks: whatever ends this process, the file opens with everything up
to then. On a full disk the file is cut back to the last block that stands whole.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from ipipscope.capture.files import STDIN
from ipipscope.capture.pcapng_writer import AROUND, PcapngWriter
from ipipscope.capture.points import SUFFIXES
from ipipscope.errors import InputError, UsageError, writing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipipscope.capture.packets import Interface, Records

STDOUT: Final = STDIN
LATE: Final = 1_000_000_000
"""Nanoseconds of capture time by which packets of one interface may come after those of another."""
Span = tuple[int, int]
"""From when to when, nanoseconds of capture time."""
KILO: Final = 1000
"""dumpcap's kB for -a filesize and -b filesize."""


class RecordingStopped(InputError):
    """The file cannot be written any further; what stands in it opens.

    kept: octets of the last write that stand in the file, whole blocks.
    """

    kept: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop (-a, -c), and when to begin the next file of a ring (-b); None for never."""

    packets: int | None = None
    duration: float | None = None
    """Seconds."""
    size: int | None = None
    """Octets written."""
    file_size: int | None = None
    file_duration: float | None = None
    file_packets: int | None = None
    files: int | None = None
    """How many files of the ring are kept."""

    @property
    def ring(self) -> bool:
        """Whether there is more than one file."""
        return any(each is not None for each in (self.file_size, self.file_duration, self.file_packets, self.files))


@dataclass(slots=True)
class _Part:
    """What one file holds of an interface.

    number: in the file.
    began: whether its recorder began in this file, not in an earlier one of the ring.
    first, last: capture times of its recorder's packets in this file, whatever their interface.
    """

    number: int
    began: bool
    packets: int = 0
    first: int | None = None
    last: int | None = None

    def span(self, told: Span | None) -> Span | None:
        """From when to when the interface was recorded into this file for sure; None where that is no time.

        told: from when to when its recorder ran; None while it does.
        """
        if self.first is None or self.last is None:
            return told if self.began else None
        # Where one file of a ring ends, and the next begins, a packet that was late may stand in either.
        begin, end = self.first + LATE, self.last - LATE
        if told is not None:
            begin, end = told[0] if self.began else begin, told[1]
        return (begin, end) if begin < end else None


class _Sink:
    """A file that takes octets whole or not at all, as far as that is possible."""

    def __init__(self, path: str, *, force: bool) -> None:
        self.path = path
        self.octets = 0
        if path == STDOUT:
            self._descriptor = os.dup(sys.stdout.fileno())
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_TRUNC if force else os.O_EXCL)
        with writing(path):
            try:
                self._descriptor = os.open(path, flags, 0o640)
            except FileExistsError as failure:
                raise UsageError(f"{path} exists: name another file, or overwrite it with --force") from failure

    def write(self, octets: bytes | bytearray) -> None:
        """Write all of it; raises RecordingStopped, the file cut back, or BrokenPipeError."""
        rest = memoryview(octets)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except BrokenPipeError:
            raise
        except OSError as failure:
            kept = _whole_blocks(octets, len(octets) - len(rest))
            self.octets += kept
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.octets)
            stopped = RecordingStopped(
                self.path,
                f"{(failure.strerror or 'no more can be written').lower()}, after {self.octets} octets.",
                "It opens with everything up to then.",
            )
            stopped.kept = kept
            raise stopped from failure
        self.octets += len(octets)

    def close(self) -> None:
        os.close(self._descriptor)


def _whole_blocks(octets: bytes | bytearray, limit: int) -> int:
    """Octets of the blocks that stand whole before *limit*."""
    at = 0
    while at + 8 <= limit and (end := at + int.from_bytes(octets[at + 4 : at + 8], "little")) <= limit:
        at = end
    return at


@dataclass(slots=True)
class Place:
    """Where a batch was written."""

    file: str
    number: int
    """Of its first packet in the whole recording, from 1."""
    taken: int
    """How many of its packets were taken: fewer when a limit was reached."""
    before: int = 0
    """Packets of the whole recording that stand in files before this one."""


@dataclass(slots=True)
class _File:
    """The file that is being written."""

    sink: _Sink
    writer: PcapngWriter
    opened: float
    before: int
    """Packets of the whole recording in earlier files."""
    packets: int = 0
    parts: dict[int, _Part] = field(default_factory=dict)
    """By the interface's number in the whole recording; those that are recorded."""

    def describe(self, number: int, interface: Interface, *, began: bool) -> None:
        self.parts[number] = _Part(self.writer.interface(interface), began)

    def note(self, records: Records, numbers: Sequence[int]) -> None:
        """Packets of one recorder were written; *numbers* are those of its interfaces."""
        parts = [self.parts[number] for number in numbers]
        self.packets += len(records)
        for interface, packets in enumerate(np.bincount(records.interface).tolist()):
            if packets:
                parts[interface].packets += packets
        known = records.time[records.time >= 0]
        if len(known):
            first, last = int(known.min()), int(known.max())
            for part in parts:  # one process records them all
                part.first = first if part.first is None else min(part.first, first)
                part.last = last if part.last is None else max(part.last, last)

    def statistics(self, number: int, told: Span | None, received: int | None, dropped: int | None) -> None:
        """Write what there is to say of an interface, for the last time in this file."""
        part = self.parts.pop(number)
        span = part.span(told)
        self.writer.statistics(
            part.number,
            time=part.last or (span[1] if span else time.time_ns()),
            received=received,
            dropped=dropped,
            kept=part.packets,
            recorded=span,
        )


class Recording:
    """Takes batches of several recorders, from their threads, into one file or ring of files.

    path: the file, or `-` for standard output; None to write nothing and only count.
    """

    def __init__(
        self, path: str | None, limits: Limits, *, tool: str = "", system: str = "", force: bool = False
    ) -> None:
        self.path, self._limits, self._force = path, limits, force
        self._tool, self._system = tool, system
        self.packets = 0
        self.octets = 0
        self.full = False
        """Whether no more is taken: -c or -a filesize was reached, or the disk is full."""
        self.failure: RecordingStopped | None = None
        self.files: deque[str] = deque()
        """Those written and kept, oldest first."""
        self._number = 0
        self._lock = threading.Lock()
        self._interfaces: dict[int, Interface] = {}
        """By number; those that are recorded."""
        self._described = 0
        self._file: _File | None = None
        if path == STDOUT and limits.ring:
            raise UsageError("-b makes several files: standard output is none")
        self._open()

    def describe(self, interface: Interface) -> int:
        """Add an interface that is recorded from now on; its number in the whole recording.

        One that has gone and is recorded again is another one: the file tells when it was not recorded.
        """
        with self._lock:
            number = self._described
            self._described += 1
            self._interfaces[number] = replace(interface)
            if self._file:
                self._file.describe(number, interface, began=True)
            return number

    def take(self, records: Records, numbers: Sequence[int]) -> Place:
        """Write a batch; raises BrokenPipeError.

        A full disk is told by `failure`, and by a place that took fewer packets.
        numbers: for each interface of the records' reader, its number as `describe` gave it.
        """
        with self._lock:
            if self.full:
                return Place(self.path or "", 0, 0)
            if self._limits.packets is not None and self.packets + len(records) > self._limits.packets:
                records = records.rows(slice(self._limits.packets - self.packets))
            if self._turn():
                self._close()
                self._open()
            place = Place(self.path or "", self.packets + 1, len(records))
            if self._file:
                place.file, place.before = self._file.sink.path, self._file.before
                before = self._file.sink.octets
                try:
                    self._file.writer.packets(records, [self._file.parts[number].number for number in numbers])
                except RecordingStopped as stopped:
                    self.failure, self.full = stopped, True
                    ends = np.cumsum(AROUND + (records.captured.astype("i8") + 3) // 4 * 4)
                    place.taken = int(np.searchsorted(ends, stopped.kept, "right"))
                    records = records.rows(slice(place.taken))
                self.octets += self._file.sink.octets - before
                self._file.note(records, numbers)
            self.packets += len(records)
            limits = self._limits
            self.full = (
                self.full
                or (limits.packets is not None and self.packets >= limits.packets)
                or (limits.size is not None and self.octets >= limits.size)
            )
            return place

    def ended(self, number: int, recorded: Span | None, received: int | None, dropped: int | None) -> None:
        """Interface *number* is recorded no longer; raises BrokenPipeError. A full disk is told by `failure`.

        recorded: from when to when it was, as far as that is known.
        received, dropped: what the kernel counted, as far as that is known.
        """
        with self._lock:
            self._interfaces.pop(number, None)
            if self._file is None:
                return
            try:
                self._file.statistics(number, recorded, received, dropped)
            except RecordingStopped as stopped:
                self.failure, self.full = self.failure or stopped, True

    def close(self) -> None:
        """Write the statistics and close; raises RecordingStopped when they do not fit."""
        with self._lock:
            self._close()

    def _turn(self) -> bool:
        """Whether the next file of the ring is due."""
        file, limits = self._file, self._limits
        if file is None or not limits.ring or not file.packets:
            return False
        return (
            (limits.file_size is not None and file.sink.octets >= limits.file_size)
            or (limits.file_packets is not None and file.packets >= limits.file_packets)
            or (limits.file_duration is not None and time.monotonic() - file.opened >= limits.file_duration)
        )

    def _open(self) -> None:
        if self.path is None:
            return
        path = self.path
        if self._limits.ring:
            self._number += 1
            path = _ring_name(path, self._number)
        sink = _Sink(path, force=self._force)
        try:
            writer = PcapngWriter(sink, tool=self._tool, os=self._system)
            file = _File(sink, writer, time.monotonic(), self.packets)
            for number, interface in self._interfaces.items():
                file.describe(number, interface, began=False)
        except BaseException:
            sink.close()
            raise
        self._file = file
        if path != STDOUT:
            self.files.append(path)
        while self._limits.files is not None and len(self.files) > self._limits.files:
            Path(self.files.popleft()).unlink(missing_ok=True)

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            for number in sorted(file.parts):
                file.statistics(number, None, None, None)
        finally:
            file.sink.close()


def _ring_name(path: str, number: int) -> str:
    """`a_00001_20261125103028.pcapng` of `a.pcapng`, as dumpcap names its files."""
    whole = Path(path)
    stem = SUFFIXES.sub("", whole.name) or whole.name
    ending = whole.name[len(stem) :]
    return str(whole.with_name(f"{stem}_{number:05}_{time.strftime('%Y%m%d%H%M%S')}{ending}"))
