"""A capture while it is judged, recorded or replayed, as those see it who draw it or tell of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ipipscope.analysis import Analysis
    from ipipscope.correlator.tally import Tally
    from ipipscope.language.said import Said
    from ipipscope.live.events import Event, Findings
    from ipipscope.model import CapturePoint
    from ipipscope.sources import Decoded


@dataclass(frozen=True, slots=True)
class PointCount:
    """One capture point so far."""

    point: CapturePoint
    packets: int
    last: int | None
    """Capture time of its latest packet."""
    dropped: int | None
    """Packets that the capture lost; None as long as the recorder does not say."""


def point_counts(
    tallies: Mapping[CapturePoint, Tally], sources: Sequence[Decoded], before: Mapping[CapturePoint, int]
) -> list[PointCount]:
    """What each point gave so far, in order of their names; *before*: packets that the tallies lack."""
    dropped = {
        source.file.point_of(number): interface.dropped
        for source in sources
        for number, interface in enumerate(source.file.interfaces)
    }
    return [
        PointCount(point, before.get(point, 0) + tally.packets, tally.last, dropped.get(point))
        for point, tally in sorted(tallies.items())
    ]


class Watched(Protocol):
    """What may be drawn of a capture that goes on; asked by the thread that judges."""

    findings: Findings

    @property
    def doing(self) -> Said:
        """In a word, as RECORDING."""
        ...

    @property
    def done(self) -> Said:
        """How far it has come: time, packets, octets."""
        ...

    @property
    def file(self) -> str | None:
        """Where the packets go to, or come from; None where that is not one file."""
        ...

    @property
    def packets(self) -> int:
        """So far, at all points."""
        ...

    @property
    def waits_for(self) -> str | None:
        """The file that gives nothing just now, and that others wait for."""
        ...

    @property
    def now(self) -> int:
        """Capture time, nanoseconds; 0 before the first packet."""
        ...

    @property
    def latest(self) -> Analysis | None:
        """What the exchanges that are closed show, as it was last judged."""
        ...

    @property
    def behind(self) -> float:
        """Seconds that the latest packets waited for the judge."""
        ...

    @property
    def passed_over(self) -> int:
        """Packets that were not judged: more came than could be."""
        ...

    def points(self) -> list[PointCount]:
        """What each point gave so far."""
        ...

    def note(self, text: str) -> None:
        """Tell of something that happened to the capture itself, now and at its end."""
        ...


class View(Protocol):
    """Who is told what happens; called by the thread that judges."""

    def events(self, events: Sequence[Event]) -> None:
        """Findings opened, changed or closed."""
        ...

    def note(self, text: str) -> None:
        """Something happened to the capture itself."""
        ...

    def show(self, watched: Watched) -> None:
        """Time passed: refresh what is on the screen."""
        ...
