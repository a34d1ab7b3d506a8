"""Packets whose time contradicts those around them: a damaged record, not a clock that was set.

A single time far ahead would make its file wait for all others, and would say that its point recorded until then. So
the packet is placed at the one before it on its interface: order within a file is known, whatever the times say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ipipscope.model import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ipipscope.decoder.columns import Array, Columns

APART: Final = 60 * SECOND
"""Times nearer to those around them than this are believed: several interfaces' packets are out of order by less."""
YEAR: Final = 31_557_600 * SECOND
"""A silence before a file's second or last packet that is longer is none."""
FEW: Final = 16
"""More strays in a batch, and not times are damaged: several clocks were written into one file."""


class Placed:
    """One file's batches with stray times mended.

    count: how many packets were placed so far; first: frame number of the first of them, None while there is none.
    """

    def __init__(self, batches: Iterator[Columns]) -> None:
        self._batches = batches
        self._before: dict[int, list[int]] = {}
        """The last two times of each interface."""
        self.count = 0
        self.first: int | None = None

    def __iter__(self) -> Iterator[Columns]:
        """The batches in file order; one is read ahead where the last packet of another is in doubt."""
        batch = next(self._batches, None)
        while batch is not None:
            ahead, read = None, False
            if self._restless(batch):
                ahead, read = next(self._batches, None), True
                self._place(batch, ahead)
            if len(batch):
                self._remember(batch)
            yield batch
            batch = ahead if read else next(self._batches, None)

    def _restless(self, batch: Columns) -> bool:
        """Whether some times are far apart at all, or nothing stands beside them to tell."""
        if not len(batch):
            return False
        if len(batch) == 1 and not self._before:
            return True
        low, high = int(batch.time.min()), int(batch.time.max())
        known = [time for times in self._before.values() for time in times]
        return max(high, *known, high) - min(low, *known, low) > APART

    def _remember(self, batch: Columns) -> None:
        first = int(batch.interface[0])
        if bool((batch.interface == first).all()) and int(batch.time[-2:].min()) >= 0:
            interfaces, tail = [first], {first: batch.time[-2:]}
        else:
            interfaces = np.unique(batch.interface).tolist()
            tail = {interface: batch.time[_known(batch, interface)[-2:]] for interface in interfaces}
        for interface in interfaces:
            self._before[interface] = [*self._before.get(interface, ()), *tail[interface].tolist()][-2:]

    def _place(self, batch: Columns, ahead: Columns | None) -> None:
        time = batch.time.copy()
        frames = []
        for interface in np.unique(batch.interface):
            rows = _known(batch, int(interface))
            before = self._before.get(int(interface), [])
            behind = ahead.time[_known(ahead, int(interface))[:2]].tolist() if ahead is not None else []
            for place, value in _strays(before, batch.time[rows], behind):
                time[rows[place]] = value
                frames.append(int(batch.frame[rows[place]]))
        if not frames or len(frames) > FEW:
            return
        batch.time = time
        self.count += len(frames)
        self.first = min(frames) if self.first is None else self.first


def _known(batch: Columns, interface: int) -> Array:
    """Rows of packets of *interface* that have a time."""
    return np.flatnonzero((batch.interface == interface) & (batch.time >= 0))


def _strays(before: Sequence[int], time: Array, behind: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Which of one interface's times stray, and the time to take in place of each.

    time: i8; before, behind: those of up to two packets before and behind them.
    """
    around = np.concatenate([np.array(before, "i8"), time, np.array(behind, "i8")])
    step = np.diff(around)
    if len(step) < 2:
        return
    far = np.where(np.abs(step) > APART, np.sign(step), 0)
    stray = (np.flatnonzero(far[:-1] * far[1:] < 0) + 1).tolist()
    # At either end there is one neighbour only, and what this one agrees with: time went back, or more passed than
    # anybody waits.
    if not before and not far[1] and not -APART <= step[0] <= YEAR:
        stray.insert(0, 0)
    if not behind and not far[-2] and not -APART <= step[-1] <= YEAR:
        stray.append(len(step))
    latest = -2
    for place in stray:
        row = place - len(before)
        if place > latest + 1 and 0 <= row < len(time):  # once one is placed, its neighbour has no reason to stray
            latest = place
            yield row, int(around[place - 1] if place else around[1])
