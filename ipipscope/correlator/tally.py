"""What each capture point recorded: how many packets of which kind, from when to when."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from ipipscope.decoder.columns import Array, Columns, Flags, Kind
from ipipscope.decoder.link import TUNNEL_DEVICE
from ipipscope.decoder.malformed import Layer, LengthFrom, Malformed, malformed


@dataclass(slots=True)
class Tally:
    """One capture point's count; times are capture times of its packets, None while it has none."""

    packets: int = 0
    kinds: Array = field(default_factory=lambda: np.zeros(len(Kind), "i8"))
    on_tunnel: int = 0
    """Packets that a cooked capture saw on an IPIP tunnel device."""
    cut: int = 0
    """Packets whose needed headers the snaplen cut."""
    malformed: int = 0
    """Packets with a header that contradicts itself or the one around it."""
    layers: Counter[Layer] = field(default_factory=Counter)
    """Where those stop making sense."""
    first_malformed: tuple[int, int, Malformed] | None = None
    """Source and frame of the first of them, and where it does."""
    damaged: int = 0
    """Packets with a wrong checksum; no fault on the node that sends them."""
    first: int | None = None
    last: int | None = None
    first_cut: tuple[int, int, int] | None = None
    """Source, frame and time of the first packet that was cut."""
    cut_span: tuple[int, int] | None = None
    """When the first and the last of these came."""
    fragments_span: tuple[int, int] | None = None
    """The same of later fragments of IPIP packets."""

    def count(self, batch: Columns, rows: Array, source: int) -> None:
        """Add the packets of a batch that *rows* (a mask or slice) picks."""
        kinds = batch.kind[rows]
        if not len(kinds):
            return
        self.packets += len(kinds)
        fragments = kinds == Kind.IPIP_FRAGMENT
        if fragments.any():
            self.fragments_span = _wider(self.fragments_span, batch.time[rows][fragments])
        self.kinds += np.bincount(kinds, minlength=len(Kind))
        self.on_tunnel += int(np.count_nonzero(batch.device[rows] & np.uint32(TUNNEL_DEVICE)))
        flags = batch.flags[rows]
        special = flags & np.uint16(Flags.CUT | Flags.MALFORMED)
        if special.any():
            cut = (special & np.uint16(Flags.CUT)) != 0
            self.cut += int(cut.sum())
            self.malformed += int(((special & np.uint16(Flags.MALFORMED)) != 0).sum())
            self._note_malformed(batch, rows, source)
            if cut.any():
                self.cut_span = _wider(self.cut_span, batch.time[rows][cut])
            if self.first_cut is None and cut.any():
                at = int(np.argmax(cut))
                self.first_cut = (source, int(batch.frame[rows][at]), int(batch.time[rows][at]))
        self.damaged += int(np.count_nonzero(flags & np.uint16(Flags.BAD_HEADER_CHECKSUM | Flags.BAD_CHECKSUM)))
        before = None if self.first is None or self.last is None else (self.first, self.last)
        self.first, self.last = _wider(before, batch.time[rows]) or (None, None)

    def _note_malformed(self, batch: Columns, rows: Array, source: int) -> None:
        picked = np.zeros(len(batch), bool)
        picked[rows] = True
        for row, where in malformed(batch):
            if picked[row] and where.limited_by is not LengthFrom.CAPTURED:
                self.layers[where.layer] += 1
                if self.first_malformed is None:
                    self.first_malformed = (source, int(batch.frame[row]), where)

    def by_label(self) -> dict[str, int]:
        """Counts by the kinds' names, without zeros."""
        return {Kind(kind).label: int(count) for kind, count in enumerate(self.kinds) if count}


def _wider(span: tuple[int, int] | None, time: Array) -> tuple[int, int] | None:
    """*span* with some more times; packets without a time say nothing of when they came."""
    first, last = int(time.min()), int(time.max())
    if first < 0:
        known = time[time >= 0]
        if not len(known):
            return span
        first = int(known.min())
    return (first, last) if span is None else (min(span[0], first), max(span[1], last))
