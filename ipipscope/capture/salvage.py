"""Leaves damaged octets behind and goes on where records make sense again: counted, with their places, one line a file.

Where damage shows is not where it begins: a wrong length leads the walk astray, and what it finds there may look like
a record. So the search begins inside the last record, and a chain of sensible records must lead over the octet where
the walk stopped (a capture of somebody copying a capture holds such chains in its packets).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ipipscope.capture import records
from ipipscope.errors import CaptureDamaged
from ipipscope.language.said import Said, joined, say, say_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipipscope.capture.window import Window

SHOWN: Final = 3
"""Damaged regions that are told with their places; all are counted."""


@dataclass(frozen=True, slots=True)
class Region:
    """Octets of a file that were skipped.

    offset: of the first one; octets: how many; frame: number of the first record behind them.
    """

    offset: int
    octets: int
    frame: int
    blank: bool
    """All of them are zero: a disk that filled up, a machine that stopped while the file was written."""
    to_the_end: bool


class Salvage:
    """The damaged regions of one file that is read through *window*."""

    def __init__(self, window: Window, name: str) -> None:
        self._window, self._name = window, name
        self.regions: list[Region] = []
        self._blank = True

    def skip(
        self,
        find: Callable[[int, int], None],
        walk: records.Walk,
        *,
        last: int,
        header: int,
        frame: int,
        cut: bool = False,
    ) -> bool:
        """Move the window to the next record that makes sense; False when there is none, with the window at the end.

        find: searches the window's octets from the place in the buffer that it is given, for a chain that leads over
            the place that it is given next; tells *walk* where.
        last: octets at the window's start that are the last sound record; what makes no sense stands behind it.
        header: octets that a record has at least.
        frame: number of the next record.
        cut: the file ends inside a record, which is no damage: keep quiet when nothing follows.
        """
        window = self._window
        broken = window.offset + last
        begin = window.offset
        self._blank = True
        self._leave(1, broken)
        while True:
            find(window.start, broken - window.offset + window.start)
            self._leave(walk.position - window.start, broken)
            if walk.status == records.FOUND:
                first = broken if window.offset > broken else begin
                self._add(first, window.offset - first, frame)
                return True
            ended = window.ended
            if not window.fill(walk.need if walk.status == records.MORE else header) and ended:
                self._leave(len(window), broken)
                if not cut:
                    self._add(broken, window.offset - broken, frame, to_the_end=True)
                return False

    def _leave(self, octets: int, broken: int) -> None:
        """Move on; octets behind *broken* are looked at, whether they are all zero."""
        window = self._window
        start = window.start + min(max(0, broken - window.offset), octets)
        stop = window.start + octets
        if self._blank and stop > start:
            self._blank = window.octets.count(0, start, stop) == stop - start
        window.forward(octets)

    def _add(self, offset: int, octets: int, frame: int, *, to_the_end: bool = False) -> None:
        self.regions.append(Region(offset, octets, frame, self._blank, to_the_end))

    def problems(self) -> list[CaptureDamaged]:
        """One line for all regions."""
        if not self.regions:
            return []
        first = self.regions[0]
        octets = sum(region.octets for region in self.regions)
        places = [_place(region) for region in self.regions[:SHOWN]]
        if len(self.regions) > SHOWN:
            places.append(say_of(len(self.regions) - SHOWN, "and {count} more place", "and {count} more places"))
        blank = all(region.blank for region in self.regions)
        what = say("are all zero") if blank else say("make no sense")
        only_end = len(self.regions) == 1 and first.to_the_end
        behind = say("before them") if only_end else say("before and behind them")
        return [
            CaptureDamaged(
                self._name,
                say(
                    "{octets} octets {what} and were skipped: {places}.",
                    octets=octets,
                    what=what,
                    places=joined(", ", places),
                ),
                say(
                    "Everything {behind} is in the report. Fetch the file again if its origin is sound.",
                    behind=behind,
                ),
                frame=first.frame,
                offset=first.offset,
            )
        ]


def _place(region: Region) -> Said:
    if region.to_the_end:
        return say("octet {first} (frame {frame}) to the end", first=region.offset, frame=region.frame)
    last = region.offset + region.octets - 1
    return say("octets {first} to {last} (before frame {frame})", first=region.offset, last=last, frame=region.frame)
