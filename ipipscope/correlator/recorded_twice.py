"""Packets that two files recorded at the same capture point: each counts once.

A per-interface file beside a merged one, or two tcpdumps on one device: the kernel stamps a packet once, so the second
recording agrees in time (to the microsecond, the coarser clock) and in every header field. Copies within one file are
another matter: they were on the wire (IPIP603).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from ipipscope.decoder.columns import Array, Columns

WINDOW: Final = 2_000_000_000
"""Nanoseconds for which a recording is remembered."""
FIELDS: Final = (
    ("outer_src", 7), ("outer_dst", 11), ("outer_id", 13), ("inner_src", 17), ("inner_dst", 19), ("inner_id", 23),
    ("inner_length", 29), ("fragment_offset", 31), ("icmp_type", 37), ("icmp_id", 41), ("icmp_seq", 43),
    ("sport", 47), ("dport", 53), ("tcp_seq", 59), ("tcp_ack", 3), ("tcp_flags", 5), ("kind", 2), ("direction", 9),
)  # fmt: skip
MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)


def identities(batch: Columns, start: int, stop: int) -> Array:
    """One number a packet; equal for recordings of the same packet at the same point; u8."""
    identity = (batch.time[start:stop] // 1000).astype("u8") * MULTIPLIER
    for name, rotation in FIELDS:
        field = getattr(batch, name)[start:stop].astype("u8")
        identity ^= field
        identity = ((identity << np.uint64(rotation)) | (identity >> np.uint64(64 - rotation))) * MULTIPLIER
    return identity


class RecordedTwice:
    """Remembers, for one capture point, what each of its files recorded lately."""

    def __init__(self) -> None:
        self._recent: dict[int, tuple[Array, Array]] = {}

    def fresh(self, source: int, batch: Columns, start: int, stop: int, rows: Array) -> Array:
        """Which of *rows* (a mask over start to stop) no other file of this point has shown yet: a mask."""
        ids = identities(batch, start, stop)
        time = batch.time[start:stop]
        fresh = rows.copy()
        for other, (known, _) in self._recent.items():
            if other != source:
                fresh &= ~np.isin(ids, known)
        known, times = self._recent.get(source, (np.zeros(0, "u8"), np.zeros(0, "i8")))
        oldest = int(time[0]) - WINDOW if len(time) else 0
        keep = times >= oldest
        self._recent[source] = (np.concatenate([known[keep], ids[fresh]]), np.concatenate([times[keep], time[fresh]]))
        return fresh
