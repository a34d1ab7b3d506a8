"""What the readers hand on: records of one file, its interfaces, and the time they were recorded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from ipipscope.decoder.columns import Array

ROWS: Final = 8192
"""Records of a batch: their columns stay in the processor's cache."""


def rows_of(window: int) -> int:
    """Records of a batch that a window of so many octets is worth: small windows are for many files at once."""
    return max(256, min(ROWS, window // 64))


@dataclass(slots=True)
class Interface:
    """One interface that a file describes; a pcap file has one without a name."""

    link_type: int
    snaplen: int = 0
    """0 when the file sets no limit."""
    name: str = ""
    description: str = ""
    filter: str = ""
    os: str = ""
    resolution: int = 9
    """Capture time comes in powers of ten: 6 for microseconds, 9 for nanoseconds (finer ones are cut to 9)."""
    received: int | None = None
    """Packets that the capture saw, from interface statistics; None when the file does not say."""
    dropped: int | None = None
    """Packets that the capture lost, from interface statistics."""
    recorded: tuple[int, int] | None = None
    """From when to when it was recorded, nanoseconds, as its recorder says; None when the file does not say."""
    kept: int | None = None
    """Packets of it that its recorder wrote into the file: with more or fewer, somebody else has changed the file."""


@dataclass(slots=True)
class Records:
    """Some records of one file. `octets` holds them all; row *i* of each array is one record."""

    octets: bytearray
    offsets: Array
    """u4: where the frame begins in `octets`."""
    captured: Array
    """u4: how many of its octets stand there."""
    wire: Array
    """u4: how many were on the wire."""
    time: Array
    """i8: nanoseconds since 1970-01-01 UTC; the smallest i8 where the record has no time."""
    interface: Array
    """u2: index into the reader's `interfaces`."""
    first_frame: int
    """Number of the first record in its file, from 1."""

    def __len__(self) -> int:
        return len(self.offsets)

    def alone(self) -> Records:
        """The same records, which keep no more than their own octets in memory, not the window around them."""
        if not len(self):
            return replace(self, octets=bytearray())
        first, end = int(self.offsets[0]), int(self.offsets[-1]) + int(self.captured[-1])
        return replace(self, octets=self.octets[first:end], offsets=self.offsets - np.uint32(first))

    def rows(self, rows: slice | Array) -> Records:
        """Some of them, in their order."""
        return replace(
            self,
            offsets=self.offsets[rows],
            captured=self.captured[rows],
            wire=self.wire[rows],
            time=self.time[rows],
            interface=self.interface[rows],
        )


@dataclass(slots=True)
class Span:
    """First and last capture time of something; None while nothing was seen."""

    first: int | None = field(default=None)
    last: int | None = field(default=None)

    def include(self, first: int, last: int) -> None:
        """Stretch over *first* to *last*."""
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)
