"""The octets of a batch of frames while they are rewritten: reading, writing and checksums, many frames at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipipscope.anonymize.addresses import Addresses
    from ipipscope.capture.packets import Records
    from ipipscope.decoder.columns import Array

WRONG = 0x5555
"""What makes a checksum wrong that was wrong before."""


class Frames:
    """A batch's frames, one entry each.

    begin, end: where a frame stands in `octets`; i8.
    limit: up to where it has sense, as its headers say so far; beyond lies padding. i8.
    keep: up to where it is kept so far. i8.
    whole: whether it is kept to its end, blank behind `keep`; bool.
    quoted: whether what is read now stands in an ICMP error; bool.
    bad: whether the checksum of its ICMP message, TCP segment or UDP datagram is wrong; bool.
    """

    def __init__(self, records: Records, addresses: Addresses) -> None:
        self.addresses = addresses
        self.octets = np.frombuffer(bytearray(records.octets), "u1").copy()
        self.begin = records.offsets.astype("i8")
        self.end = self.begin + records.captured
        self.limit = self.end.copy()
        self.keep = self.begin.copy()
        self.whole = np.zeros(len(self.begin), bool)
        self.quoted = np.zeros(len(self.begin), bool)
        self.bad = np.zeros(len(self.begin), bool)
        self._sums: list[tuple[Array, Array, Array, int, Array]] = []

    def kept(self) -> tuple[Array, Array]:
        """What is left of the frames, once checksums are right again: octets, u1, and how many each has, i8."""
        rest = self.whole & (self.keep < self.end)
        self.wipe(self.keep[rest], self.end[rest])
        self.keep[rest] = self.end[rest]
        for each in self._sums:
            self._sum_up(*each)
        kept = self.keep - self.begin
        starts = np.cumsum(kept) - kept
        picked = np.repeat(self.begin - starts, kept) + np.arange(int(kept.sum()))
        return self.octets[picked], kept

    def have(self, rows: Array, at: Array, header: int) -> Array:
        """Which frames hold a header of that size; the others are kept up to where it would begin."""
        fits: Array = self.limit[rows] - at >= header
        return fits

    def first(self, rows: Array, at: Array) -> Array:
        """The octet there, 0 where the frame has ended; i8."""
        there = at < self.limit[rows]
        found = np.zeros(len(rows), "i8")
        found[there] = self.octets[at[there]]
        return found

    def u16(self, at: Array) -> Array:
        """Numbers of two octets, i8."""
        number: Array = self.octets[at].astype("i8") << 8
        number += self.octets[at + 1]
        return number

    def u32(self, at: Array) -> Array:
        """Numbers of four octets, i8."""
        number: Array = (self.u16(at) << 16) + self.u16(at + 2)
        return number

    def replace_v4(self, at: Array) -> None:
        """Put others in the place of IPv4 addresses."""
        replaced = self.addresses.column(self.u32(at).astype("u4"))
        for place, shift in enumerate((24, 16, 8, 0)):
            self.octets[at + place] = (replaced >> np.uint32(shift)).astype("u1")

    def replace_macs(self, at: Array) -> None:
        """Put others in the place of MAC addresses."""
        self._replace(at, 6, self.addresses.mac)

    def replace_v6(self, at: Array) -> None:
        """Put others in the place of IPv6 addresses."""
        self._replace(at, 16, self.addresses.v6)

    def _replace(self, at: Array, size: int, replacement: Callable[[bytes], bytes]) -> None:
        if len(at):
            places = at[:, None] + np.arange(size)
            distinct, inverse = np.unique(self.octets[places], axis=0, return_inverse=True)
            replaced = [np.frombuffer(replacement(each.tobytes()), "u1") for each in distinct]
            self.octets[places] = np.array(replaced, "u1")[inverse.reshape(-1)]

    def wipe(self, start: Array, stop: Array, value: int = 0) -> None:
        """Set the octets from *start* to *stop* of some frames."""
        length = np.maximum(stop - start, 0)
        if length.any():
            first = np.cumsum(length) - length
            self.octets[np.repeat(start - first, length) + np.arange(int(length.sum()))] = value

    def header_sum(self, at: Array, size: Array) -> Array:
        """The ones' complement sum of each header; 0xFFFF over one whose checksum is right (RFC 1071)."""
        total = np.zeros(len(at), "i8")
        for word in range(0, int(size.max(initial=0)), 2):
            within = size > word
            total[within] += self.u16(at[within] + word)
        return _folded(total)

    def sum_later(self, rows: Array, at: Array, place: int, pseudo: Array) -> None:
        """Have the Internet checksum of what stands from *at* to the frames' limits made right at the end.

        place: of the checksum behind *at*, where now are zeros. pseudo: what else it covers, summed up.
        """
        self._sums.append((rows, at, self.limit[rows], place, pseudo))

    def _sum_up(self, rows: Array, at: Array, end: Array, place: int, pseudo: Array) -> None:
        """Of those that are kept whole; of the others it stays zero, for nobody can check it."""
        whole = (self.keep[rows] >= end) & (end - at >= place + 2)
        rows, at, end, total = rows[whole], at[whole], end[whole], pseudo[whole]
        if not len(at):
            return
        length = end - at
        first = np.cumsum(length) - length
        within = np.arange(int(length.sum())) - np.repeat(first, length)
        octets = self.octets[np.repeat(at, length) + within].astype("i8")
        total = total + np.add.reduceat(np.where(within % 2 == 0, octets << 8, octets), first)
        total = ~_folded(total) & 0xFFFF ^ np.where(self.bad[rows], WRONG, 0)
        self.octets[at + place], self.octets[at + place + 1] = total >> 8, total & 0xFF


def _folded(total: Array) -> Array:
    for _ in range(3):
        total = (total & 0xFFFF) + (total >> 16)
    return total
