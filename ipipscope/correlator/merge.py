"""Brings the batches of many files forward together, so that an exchange's packets meet while it is open.

Each step takes from every file the packets up to the same capture time. Files that begin later are opened later. Within
a file packets may be out of order (dumpcap does not sort its interfaces): what counts is how far the file has come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ipipscope.decoder.columns import Array, Columns

END: Final = (1 << 63) - 1
PACE: Final = 1_000
"""Steps end on whole microseconds, so that recordings of one packet with finer and coarser clocks share a step."""


@dataclass(slots=True)
class Chunk:
    """Rows *start* to *stop* of a batch of file *source*."""

    source: int
    batch: Columns
    start: int
    stop: int


class _Head:
    """Where the reading of one file stands."""

    def __init__(self, source: int, batches: Iterator[Columns], shift: int) -> None:
        self.source = source
        self._batches = batches
        self._shift = shift
        self.batch: Columns | None = None
        self.reached: Array = np.zeros(0, "i8")
        self.at = 0
        self._latest = -1

    def advance(self) -> bool:
        """Make sure that there are rows to take; False at the end of the file."""
        while self.batch is None or self.at >= len(self.batch):
            self.batch = next(self._batches, None)
            if self.batch is None:
                return False
            self.at = 0
            if len(self.batch):
                time = np.maximum(self.batch.time + self._shift, self._latest)
                self.reached = np.maximum.accumulate(time)
                self._latest = int(self.reached[-1])
        return True

    def take(self, until: int) -> Chunk | None:
        """The rows up to capture time *until*."""
        assert self.batch is not None
        stop = int(np.searchsorted(self.reached, until, "right"))
        if stop <= self.at:
            return None
        chunk = Chunk(self.source, self.batch, self.at, stop)
        self.at = stop
        return chunk


def merge(
    sources: Sequence[Iterable[Columns]], begins: Sequence[int], shifts: Sequence[int]
) -> Iterator[tuple[int, list[Chunk]]]:
    """Step through *sources* together.

    begins: capture time of each source's first packet, shift included; a source is first read when the others come
        there. Use the smallest i8 where it is not known.
    shifts: nanoseconds to add to each source's times.
    Yields the time up to which all sources have been read, and the rows to take, in order of the sources.
    """
    waiting = sorted(range(len(sources)), key=lambda source: (begins[source], source), reverse=True)
    heads: list[_Head] = []
    while waiting or heads:
        if not heads:
            _start(waiting, heads, sources, begins, shifts, begins[waiting[-1]])
            continue
        until = min(int(head.reached[-1]) for head in heads)
        if waiting and begins[waiting[-1]] <= until:
            _start(waiting, heads, sources, begins, shifts, until)
            continue
        until = until // PACE * PACE + PACE - 1
        chunks = [chunk for head in heads if (chunk := head.take(until)) is not None]
        yield until, sorted(chunks, key=lambda chunk: chunk.source)
        heads = [head for head in heads if head.advance()]


def _start(
    waiting: list[int],
    heads: list[_Head],
    sources: Sequence[Iterable[Columns]],
    begins: Sequence[int],
    shifts: Sequence[int],
    until: int,
) -> None:
    """Open the waiting sources that begin before *until*."""
    while waiting and begins[waiting[-1]] <= until:
        source = waiting.pop()
        head = _Head(source, iter(sources[source]), shifts[source])
        if head.advance():
            heads.append(head)
