"""Fragments of one packet: does the whole of it pass a station?

The first fragment of a packet holds the headers that pairing needs, and alone it is worth nothing: nobody unpacks an
IPIP packet, or answers an echo, of which a fragment was lost (RFC 791 §3.2). First fragments therefore wait until the
rest is there, or until it has stayed away for a while; then they go on as `INCOMPLETE`. That holds for fragments of the
outer packet and for those of the inner one, each in an IPIP packet of its own; order does not matter.

Packets all of whose fragments stand in one batch, which is nearly all of them, are settled in a few array operations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from ipipscope.decoder.columns import COLUMNS, Columns, Flags
from ipipscope.model import SECOND

if TYPE_CHECKING:
    from ipipscope.decoder.columns import Array

HOLD: Final = SECOND
"""How long the rest of a packet may stay away, capture time; less than any exchange stays open."""
PACKETS_MAX: Final = 4096
"""Packets whose fragments are awaited at once; with one more the oldest goes on unjudged."""
PIECES_MAX: Final = 64
"""Separate stretches of one packet that are kept apart: sound ones have few, forged ones may have thousands."""
MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
FRAGMENT: Final = np.uint16(Flags.OUTER_FRAGMENT | Flags.INNER_FRAGMENT)


@dataclass(slots=True)
class Waiting:
    """A first fragment that goes on now."""

    batch: Columns
    """One row."""
    station: int
    source: int


@dataclass(slots=True)
class _Packet:
    """What is there of one packet."""

    since: int
    station: int
    pieces: list[tuple[int, int]] = field(default_factory=list)
    """Stretches of octets, in order, none touching another."""
    size: int = 0
    """Octets in all; 0 while the last fragment was not seen."""
    first: bool = False
    waiting: list[Waiting] = field(default_factory=list)

    def add(self, begin: int, end: int) -> None:
        """Join a stretch to those that it touches."""
        apart = [piece for piece in self.pieces if piece[1] < begin or piece[0] > end]
        joined = [piece for piece in self.pieces if piece not in apart]
        begin, end = min([begin, *(p[0] for p in joined)]), max([end, *(p[1] for p in joined)])
        if len(apart) < PIECES_MAX:
            self.pieces = sorted([*apart, (begin, end)])

    @property
    def whole(self) -> bool:
        return self.size > 0 and self.pieces[0][0] == 0 and self.pieces[0][1] >= self.size


class Fragments:
    """Holds back first fragments until their packets are whole.

    hold: nanoseconds of capture time for which the rest is awaited.
    packets_max: how many packets are awaited at once; `pressed` counts those that went on before their time.
    complete, incomplete: packets by station that were whole, and those whose rest stayed away.
    """

    def __init__(self, hold: int = HOLD, packets_max: int = PACKETS_MAX) -> None:
        self._hold = hold
        self._packets_max = packets_max
        self._awaited: dict[int, _Packet] = {}
        self._lately: dict[int, int] = {}
        self._ready: list[Waiting] = []
        self.pressed = 0
        self.complete: dict[int, int] = {}
        self.incomplete: dict[int, int] = {}

    def take(self, batch: Columns, start: int, stop: int, stations: Array, source: int) -> None:
        """Look at rows *start* to *stop*; what is held back has no part (`Part.NONE`) there any more."""
        rows = np.flatnonzero(batch.flags[start:stop] & FRAGMENT) + start
        rows = rows[stations[rows] >= 0]
        if not len(rows):
            return
        keys, begin, last = _identity(batch, rows, stations)
        length = batch.fragment_length[rows].astype("i8")
        settled = _whole(keys, begin, begin + length, last)
        if self._awaited or self._lately:
            settled &= ~np.isin(keys, np.array([*self._awaited, *self._lately], "u8"))
        done, of = np.unique(keys[settled], return_index=True)
        for station, count in zip(*np.unique(stations[rows[settled][of]], return_counts=True), strict=True):
            self.complete[int(station)] = self.complete.get(int(station), 0) + int(count)
        for key in done[-self._packets_max :].tolist():
            self._lately[key] = int(batch.time[rows[-1]])
        for at in np.flatnonzero(~settled).tolist():
            row = int(rows[at])
            place = int(begin[at]), int(begin[at] + length[at]), bool(last[at])
            self._add(int(keys[at]), place, batch, row, int(stations[row]), source)

    def _add(self, key: int, place: tuple[int, int, bool], batch: Columns, row: int, station: int, source: int) -> None:
        time = int(batch.time[row])
        if self._lately.get(key, time - 2 * self._hold) + self._hold > time:
            return  # once more what was whole already
        begin, end, last = place
        packet = self._awaited.get(key)
        if packet is None:
            if len(self._awaited) >= self._packets_max:
                self._ready += self._awaited.pop(next(iter(self._awaited))).waiting
                self.pressed += 1
            packet = self._awaited[key] = _Packet(time, station)
        packet.add(begin, end)
        if last:
            packet.size = max(packet.size, end)
        if begin == 0:
            packet.first = True
            if batch.part[row]:
                packet.waiting.append(Waiting(_alone(batch, row), station, source))
                batch.part[row] = 0
        if packet.whole:
            self._ready += packet.waiting
            self.complete[station] = self.complete.get(station, 0) + 1
            self._lately[key] = time
            del self._awaited[key]

    def release(self, until: int) -> list[Waiting]:
        """The first fragments that go on, now that all files have been read up to capture time *until*."""
        while self._awaited:
            key = next(iter(self._awaited))
            packet = self._awaited[key]
            if packet.since + self._hold > until:
                break
            del self._awaited[key]
            if packet.first:
                self.incomplete[packet.station] = self.incomplete.get(packet.station, 0) + 1
            for waiting in packet.waiting:
                waiting.batch.flags |= np.uint16(Flags.INCOMPLETE)
            self._ready += packet.waiting
        if self._lately:
            self._lately = {key: time for key, time in self._lately.items() if time + self._hold > until}
        ready, self._ready = self._ready, []
        return ready

    def release_all(self) -> list[Waiting]:
        """What is still held when the captures end: the rest may have come after them."""
        for packet in self._awaited.values():
            self._ready += packet.waiting
        self._awaited.clear()
        ready, self._ready = self._ready, []
        return ready


def _identity(batch: Columns, rows: Array, stations: Array) -> tuple[Array, Array, Array]:
    """Of each fragment: which packet it is of (RFC 791 §3.2), where it begins there, and whether it is the last."""
    flags = batch.flags[rows]
    outer = (flags & np.uint16(Flags.OUTER_FRAGMENT)) != 0
    alone = batch.depth[rows] == 1  # no header but the one that is a fragment
    key = stations[rows].astype("u8") * MULTIPLIER
    key ^= (batch.outer_src[rows].astype("u8") << np.uint64(32)) | batch.outer_dst[rows]
    key *= MULTIPLIER
    inner = (batch.inner_src[rows].astype("u8") << np.uint64(32)) | batch.inner_dst[rows]
    key ^= np.where(outer, np.uint64(0), inner)
    key = (key ^ (key >> np.uint64(29))) * MULTIPLIER
    number = np.where(outer, batch.outer_id[rows], batch.inner_id[rows]).astype("u8")
    key ^= (number << np.uint64(16)) | np.where(outer, 0xFFFF, batch.inner_proto[rows]).astype("u8")
    key = (key ^ (key >> np.uint64(32))) * MULTIPLIER
    begin = np.where(outer & ~alone, 0, batch.fragment_offset[rows]).astype("i8")
    last = (begin > 0) & ((flags & np.uint16(Flags.MORE_FRAGMENTS)) == 0)
    return key, begin, last


def _whole(keys: Array, begin: Array, end: Array, last: Array) -> Array:
    """Which fragments are of packets that are whole within these rows: a mask."""
    order = np.lexsort((end, begin, keys))
    key, at, to = keys[order], begin[order], end[order]
    fresh = np.ones(len(key), bool)
    fresh[1:] = key[1:] != key[:-1]
    gap = np.zeros(len(key), bool)
    gap[1:] = ~fresh[1:] & (at[1:] > to[:-1])
    gap |= fresh & (at > 0)
    group = np.cumsum(fresh) - 1
    count = int(group[-1]) + 1
    broken = np.bincount(group, gap, count) > 0
    ended = np.bincount(group, last[order], count) > 0
    settled = np.empty(len(key), bool)
    settled[order] = (ended & ~broken)[group]
    return settled


def _alone(batch: Columns, row: int) -> Columns:
    """One row, as a batch of its own."""
    columns = Columns.empty(1)
    for name in COLUMNS:
        getattr(columns, name)[0] = getattr(batch, name)[row]
    return columns
