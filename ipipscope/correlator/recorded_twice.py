"""Packets that two files recorded at the same capture point: each counts once.

A per-interface file beside a merged one, or two tcpdumps on one device: the kernel stamps a packet once, so the second
recording agrees in time (to the microsecond, the coarser clock) and in every header field. Copies within one file are
another matter: they were on the wire (IPIP603).

Most files of one point follow one another (a rotated capture) and share no time: nothing is compared then.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from ipipscope.decoder.columns import Array, Columns

WINDOW: Final = 2_000_000_000
"""Nanoseconds for which a recording is remembered."""
CLOCK: Final = 1_000
"""Nanoseconds by which the times of one packet differ at most."""
HELD: Final = 32
"""Batches of a file that are remembered as they are; of older ones the identities alone are kept."""
FIELDS: Final = (
    ("outer_src", 7), ("outer_dst", 11), ("outer_id", 13), ("inner_src", 17), ("inner_dst", 19), ("inner_id", 23),
    ("inner_length", 29), ("fragment_offset", 31), ("icmp_type", 37), ("icmp_id", 41), ("icmp_seq", 43),
    ("sport", 47), ("dport", 53), ("tcp_seq", 59), ("tcp_ack", 3), ("tcp_flags", 5), ("kind", 2), ("direction", 9),
)  # fmt: skip
MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)


def identities(batch: Columns, start: int, stop: int) -> Array:
    """One number a packet; equal for recordings of the same packet at the same point; u8."""
    identity = (batch.time[start:stop] // CLOCK).astype("u8") * MULTIPLIER
    for name, rotation in FIELDS:
        field = getattr(batch, name)[start:stop].astype("u8")
        identity ^= field
        identity = ((identity << np.uint64(rotation)) | (identity >> np.uint64(64 - rotation))) * MULTIPLIER
    return identity


class _Shown:
    """Rows of one batch that a file showed, and when; their identities are worked out when somebody asks."""

    def __init__(self, batch: Columns, start: int, stop: int, rows: Array) -> None:
        time = batch.time[start:stop][rows]
        self.first, self.last = (int(time.min()), int(time.max())) if len(time) else (0, -1)
        self._rows: tuple[Columns, int, int, Array] | None = (batch, start, stop, rows)
        self._identities: Array | None = None

    def identities(self) -> Array:
        if self._rows is not None:
            batch, start, stop, rows = self._rows
            self._identities, self._rows = identities(batch, start, stop)[rows], None
        assert self._identities is not None
        return self._identities


class RecordedTwice:
    """Remembers, for one capture point, what each of its files recorded lately."""

    def __init__(self) -> None:
        self._recent: dict[int, deque[_Shown]] = {}
        self._reached = -1

    def fresh(self, source: int, batch: Columns, start: int, stop: int, rows: Array) -> Array:
        """Which of *rows* (a mask over start to stop) no other file of this point has shown yet: a mask."""
        now = _Shown(batch, start, stop, rows)
        fresh = rows.copy()
        if now.first > self._reached + CLOCK:
            self._forget(now.first - WINDOW)
        else:
            fresh &= self._unseen(source, batch, start, stop, now)
        self._reached = max(self._reached, now.last)
        if fresh.any():
            shown = self._recent.setdefault(source, deque())
            shown.append(_Shown(batch, start, stop, fresh))
            while shown[0].last < now.first - WINDOW:
                shown.popleft()
            if len(shown) > HELD:
                shown[-HELD - 1].identities()
        return fresh

    def _forget(self, before: int) -> None:
        """Leave the files behind that came to their end long ago: they stand in order of their beginnings."""
        while self._recent:
            oldest = next(iter(self._recent))
            if self._recent[oldest][-1].last >= before:
                return
            del self._recent[oldest]

    def _unseen(self, source: int, batch: Columns, start: int, stop: int, now: _Shown) -> Array:
        """Which of the rows no other file has shown, among those of about the same time: a mask."""
        unseen = np.ones(stop - start, bool)
        mine: Array | None = None
        for other in list(self._recent):
            shown = self._recent[other]
            while shown and shown[0].last < now.first - WINDOW:
                shown.popleft()
            if not shown:
                del self._recent[other]
            elif other != source:
                for each in shown:
                    if each.first <= now.last + CLOCK and each.last >= now.first - CLOCK:
                        mine = identities(batch, start, stop) if mine is None else mine
                        unseen &= ~np.isin(mine, each.identities())
        return unseen
