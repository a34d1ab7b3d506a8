"""Frames into files: record headers, the order of time, rotation over several files, a bound on what is written."""

from __future__ import annotations

import shutil
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from headers import Array

LINKTYPE_ETHERNET: Final = 1
LINKTYPE_RAW: Final = 101
SNAPLEN: Final = 262_144
PCAP_MICROSECONDS: Final = 0xA1B2C3D4
PCAP_NANOSECONDS: Final = 0xA1B23C4D

PAYLOAD_POOL_SIZE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Interface:
    """Where frames are recorded."""

    name: str
    link_type: int


@dataclass(frozen=True, slots=True)
class Payload:
    """What follows a frame's header: *length* octets of *pool* from *start* on, one row a frame."""

    pool: Array
    start: Array
    length: Array


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames of one form at one interface: their headers as rows of one width, then their payload if they have one."""

    interface: int
    time: Array
    """Nanoseconds since 1970-01-01 UTC, in any order."""
    rows: Array
    payload: Payload | None = None

    def __len__(self) -> int:
        return len(self.time)

    def lengths(self) -> Array:
        """Octets of each frame."""
        header = np.full(len(self), self.rows.dtype.itemsize, dtype=np.int64)
        return header if self.payload is None else header + self.payload.length

    def where(self, mask: Array) -> Frames:
        """Those frames that *mask* names."""
        payload = self.payload and Payload(self.payload.pool, self.payload.start[mask], self.payload.length[mask])
        return Frames(self.interface, self.time[mask], self.rows[mask], payload)


class RefusedError(Exception):
    """More would be written than is allowed or than the disk has room for."""


class Budget:
    """A bound on octets written, watched before and while writing."""

    def __init__(self, limit: int | None) -> None:
        """limit: octets; None for a stream that touches no disk."""
        self.limit = limit
        self.written = 0

    @classmethod
    def on_disk(cls, folder: Path, *, at_most: int) -> Budget:
        """*at_most* octets, and never more than half of what is free where *folder* is (or will be)."""
        while not folder.exists():
            folder = folder.parent
        return cls(min(at_most, shutil.disk_usage(folder).free // 2))

    def check(self, more: int) -> None:
        """Raise RefusedError if *more* octets would pass the bound."""
        if self.limit is not None and self.written + more > self.limit:
            raise RefusedError(
                f"{self.written + more:,} octets are more than the {self.limit:,} allowed "
                "(--max-size, and never above half of the free disk)"
            )


class Pcap:
    """The classic format: one link type a file."""

    prefix_size: Final = 16

    def __init__(self, link_type: int, *, nanoseconds: bool) -> None:
        self._link_type, self._nanoseconds = link_type, nanoseconds

    def file_header(self) -> bytes:
        """What each file begins with."""
        magic = PCAP_NANOSECONDS if self._nanoseconds else PCAP_MICROSECONDS
        return struct.pack("<IHHiIII", magic, 2, 4, 0, 0, SNAPLEN, self._link_type)

    def record_sizes(self, lengths: Array) -> Array:
        """Octets of the records that hold frames of these lengths."""
        return lengths + self.prefix_size

    def prefixes(self, _interface: int, time: Array, lengths: Array) -> Array:
        """What stands before each frame; uint32, shape (frames, 4)."""
        prefix = np.empty((len(time), 4), dtype="<u4")
        seconds, rest = np.divmod(time, 1_000_000_000)
        prefix[:, 0], prefix[:, 1] = seconds, rest if self._nanoseconds else rest // 1000
        prefix[:, 2] = prefix[:, 3] = lengths
        return prefix

    def close_records(self, _out: Array, _offsets: Array, _lengths: Array) -> None:
        """Nothing follows a frame."""


class Pcapng:
    """The newer format: several named interfaces in one file, nanoseconds."""

    prefix_size: Final = 28

    def __init__(self, interfaces: Sequence[Interface]) -> None:
        self._interfaces = interfaces

    def file_header(self) -> bytes:
        """A section header and the interface descriptions."""
        section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
        return _block(0x0A0D0D0A, section) + b"".join(map(_interface_description, self._interfaces))

    def record_sizes(self, lengths: Array) -> Array:
        """Octets of the enhanced packet blocks that hold frames of these lengths."""
        return ((lengths + 3) & ~3) + 32

    def prefixes(self, interface: int, time: Array, lengths: Array) -> Array:
        """What stands before each frame; uint32, shape (frames, 7)."""
        prefix = np.empty((len(time), 7), dtype="<u4")
        prefix[:, 0], prefix[:, 1], prefix[:, 2] = 6, self.record_sizes(lengths), interface
        prefix[:, 3], prefix[:, 4] = time >> 32, time & 0xFFFFFFFF
        prefix[:, 5] = prefix[:, 6] = lengths
        return prefix

    def close_records(self, out: Array, offsets: Array, lengths: Array) -> None:
        """Write the padding and the total length that end each block."""
        sizes = self.record_sizes(lengths)
        ends = offsets + sizes - 4
        for pad in (1, 2, 3):
            out[ends[-lengths % 4 >= pad] - pad] = 0
        scatter(out, ends, sizes.astype("<u4"))


def _block(kind: int, body: bytes) -> bytes:
    size = len(body) + 12
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def _interface_description(interface: Interface) -> bytes:
    if_name, if_tsresol, end = 2, 9, 0
    body = struct.pack("<HHI", interface.link_type, 0, SNAPLEN)
    options = _option(if_name, interface.name.encode()) + _option(if_tsresol, bytes([9])) + _option(end, b"")
    return _block(1, body + options)


def scatter(out: Array, offsets: Array, items: Array) -> None:
    """Copy each of *items* (C-contiguous along its last axes) to its offset in *out*: one memcpy an item."""
    width = items.nbytes // len(items) if len(items) else 0
    if width:
        _overlapping(out, width)[offsets] = np.ascontiguousarray(items).view(f"V{width}").reshape(-1)


def _overlapping(octets: Array, width: int) -> Array:
    """*octets* seen as items of *width*, one from every offset on."""
    return np.ndarray((len(octets) - width + 1,), dtype=f"V{width}", buffer=octets, strides=(1,))


def payload_pool(seed: int) -> Array:
    """Octets that do not compress, as TLS does not: what payloads are cut from."""
    return np.random.default_rng(seed).integers(0, 256, PAYLOAD_POOL_SIZE, dtype=np.uint8)


class Output:
    """One stream of frames into one file, or evenly into several; frames come in any order within a horizon.

    paths: the files, in order; `-` for standard output.
    packets: how many will come, to divide them over several files.
    """

    def __init__(self, form: Pcap | Pcapng, paths: Sequence[str], *, packets: int, budget: Budget) -> None:
        self._form, self._paths, self._budget = form, list(paths), budget
        self._per_file = max(1, -(-packets // len(paths)))
        self._held: list[Frames] = []
        self._file: BinaryIO | None = None
        self._opened = 0
        self.packets = 0
        self.octets = 0

    def write(self, frames: Iterable[Frames], *, horizon: int) -> None:
        """Take *frames*; write all that are older than *horizon*, in the order of time, and hold the rest."""
        batch = [*self._held, *frames]
        self._held = [held for group in batch if len(held := group.where(group.time >= horizon))]
        ready = [due for group in batch if len(due := group.where(group.time < horizon))]
        if ready:
            self._store(*self._records(ready))

    def close(self) -> None:
        """Write what is held and close the file."""
        self.write((), horizon=np.iinfo(np.int64).max)
        while self._opened < len(self._paths):
            self._next_file()
        self._close_file()

    def _records(self, groups: Sequence[Frames]) -> tuple[Array, Array]:
        """Records of all groups in the order of time, and the offsets where they begin, the end included."""
        lengths = [group.lengths() for group in groups]
        # Stable: a kernel gives one time stamp to a packet's sightings before and after decapsulation.
        order = np.argsort(np.concatenate([group.time for group in groups]), kind="stable")
        starts = np.zeros(len(order) + 1, dtype=np.int64)
        np.cumsum(self._form.record_sizes(np.concatenate(lengths))[order], out=starts[1:])
        offsets = np.empty(len(order), dtype=np.int64)
        offsets[order] = starts[:-1]
        out = np.empty(starts[-1], dtype=np.uint8)
        first = 0
        for group, length in zip(groups, lengths, strict=True):
            here = offsets[first : first + len(group)]
            first += len(group)
            scatter(out, here, self._form.prefixes(group.interface, group.time, length))
            after = here + self._form.prefix_size
            scatter(out, after, group.rows)
            if group.payload is not None:
                _scatter_payload(out, after + group.rows.dtype.itemsize, group.payload)
            self._form.close_records(out, here, length)
        return out, starts

    def _store(self, out: Array, starts: Array) -> None:
        self._budget.check(len(out))
        begin, count = 0, len(starts) - 1
        while begin < count:
            full = self.packets == self._opened * self._per_file and self._opened < len(self._paths)
            if self._file is None or full:
                self._next_file()
            left = self._opened * self._per_file - self.packets if self._opened < len(self._paths) else count
            end = min(count, begin + left)
            self._put(out[starts[begin] : starts[end]].data)
            self.packets += end - begin
            begin = end

    def _next_file(self) -> None:
        self._close_file()
        path = self._paths[self._opened]
        self._opened += 1
        if path == "-":
            self._file = sys.stdout.buffer
        else:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._file = Path(path).open("wb")  # noqa: SIM115 -- closed when the next one opens
        self._put(memoryview(self._form.file_header()))

    def _put(self, octets: memoryview) -> None:
        assert self._file is not None
        self._budget.check(len(octets))
        self._file.write(octets)
        self._budget.written += len(octets)
        self.octets += len(octets)

    def _close_file(self) -> None:
        if self._file is None:
            return
        self._file.flush()
        if self._file is not sys.stdout.buffer:
            self._file.close()
        self._file = None


def _scatter_payload(out: Array, offsets: Array, payload: Payload) -> None:
    # Few distinct lengths, so that each is one vectorised copy.
    for length in np.unique(payload.length):
        if length:
            chosen = payload.length == length
            view = _overlapping(out, int(length))
            view[offsets[chosen]] = _overlapping(payload.pool, int(length))[payload.start[chosen]]
