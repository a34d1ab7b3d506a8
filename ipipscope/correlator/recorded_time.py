"""When each capture point recorded, and when nobody can tell: what is not seen while nobody recorded is not missing.

A file's own first and last packet prove that it recorded in between, and so does what a recorder wrote of itself. Files
of one point that overlap, or touch, make one span of time. Between two files that do not, the point recorded if they
are neighbours of a ring, most likely also if the gap is no longer than the silences in both of them; these are bridges,
and they fall where packets passed in that time and the point has none of them.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ipipscope.decoder.columns import Array
    from ipipscope.model import CapturePoint

Span = tuple[int, int]
"""From when to when, nanoseconds."""
RHYTHM: Final = 5, 4
"""A gap that is longer than the silences around it by no more than this share may be one of them."""
MANY: Final = 5
"""So many gaps between a point's files have a rhythm of their own."""


class Told(Protocol):
    """What a source knows of its recording apart from packets."""

    @property
    def at_once(self) -> bool:
        """Whether one process recorded all its interfaces; asked when its packets are read."""
        ...

    def recorded(self, interface: int, seen: Stretch) -> Span | None:
        """From when to when the interface is said to have recorded, packets or not; None where nothing says.

        seen: its packets as they were read.
        """
        ...

    @property
    def place(self) -> tuple[str, int] | None:
        """Of a file of a ring, which ring, and its number there; None for a file by itself."""
        ...


@dataclass(slots=True)
class Stretch:
    """One interface of one source: its packets' times, nanoseconds; None while it has none.

    silence: the longest time between two packets that follow one another.
    """

    first: int | None = None
    last: int | None = None
    packets: int = 0
    silence: int = 0

    @property
    def span(self) -> Span | None:
        """From its first to its last packet; None while it has none."""
        return None if self.first is None or self.last is None else (self.first, self.last)

    def shifted(self, by: int) -> Stretch:
        """The same on a clock that is ahead by so many nanoseconds."""
        span = self.span
        return self if span is None else replace(self, first=span[0] + by, last=span[1] + by)

    def see(self, time: Array, *, silences: bool) -> None:
        """Add packets in file order; those without a time say nothing of when their point recorded.

        time: i8. silences: whether anybody will ask for the longest one.
        """
        self.packets += len(time)
        first, last = int(time.min()), int(time.max())
        if first < 0:
            time = time[time >= 0]
            if not len(time):
                return
            first = int(time.min())
        if silences:
            longest = int(np.diff(time).max()) if len(time) > 1 else 0
            self.silence = max(self.silence, longest, 0 if self.last is None else first - self.last)
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)


@dataclass(frozen=True, slots=True)
class Recorded:
    """When a capture point recorded.

    spans: ascending and apart from one another.
    bridges: gaps between files that lie inside the spans, most likely recorded.
    """

    spans: tuple[Span, ...]
    bridges: tuple[Span, ...] = ()

    @property
    def first(self) -> int:
        """When it began."""
        return self.spans[0][0]

    @property
    def last(self) -> int:
        """When it ended for good."""
        return self.spans[-1][1]

    def throughout(self, first: int, last: int) -> bool:
        """Whether it recorded from *first* to *last* and a moment longer."""
        if len(self.spans) == 1:
            begin, end = self.spans[0]
        else:
            place = bisect_right(self.spans, first, key=_begin) - 1
            begin, end = self.spans[max(place, 0)]
        return begin <= first and last < end

    def around(self, span: Span) -> Span:
        """*span*, stretched over whatever of this touches it."""
        return next((each for each in _joined([*self.spans, span]) if each[0] <= span[0] and span[1] <= each[1]), span)

    def stretched(self, begin: int, end: int) -> Recorded:
        """The same pauses, from *begin* to *end*."""
        spans = list(self.spans)
        spans[0] = begin, spans[0][1]
        spans[-1] = spans[-1][0], end
        return Recorded(tuple(spans), self.bridges)

    def without(self, unseen: Iterable[Span]) -> Recorded:
        """Without the bridges across which packets passed unseen.

        unseen: when they did.
        """
        missed = list(unseen)
        fallen = [gap for gap in self.bridges if any(begin < gap[1] and end > gap[0] for begin, end in missed)]
        if not fallen:
            return self
        spans = list(self.spans)
        for begin, end in fallen:
            at = next(place for place, span in enumerate(spans) if span[0] <= begin and end <= span[1])
            spans[at : at + 1] = [(spans[at][0], begin), (end, spans[at][1])]
        return Recorded(tuple(spans), tuple(gap for gap in self.bridges if gap not in fallen))


def _begin(span: Span) -> int:
    return span[0]


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Ascending, those that overlap or touch made one."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((begin, end))
    return found


def together(several: Iterable[Recorded]) -> Recorded | None:
    """When any of several points recorded; None where there are none."""
    spans = _joined(span for each in several for span in each.spans)
    return Recorded(tuple(spans)) if spans else None


@dataclass(frozen=True, slots=True)
class _Part:
    """What one source says of one point.

    begins, ends: whether it is known that nothing was recorded before, or behind.
    """

    span: Span
    source: int
    silence: int
    begins: bool = False
    ends: bool = False


def recorded_time(
    stretches: Mapping[tuple[int, int], Stretch],
    point_of: Mapping[tuple[int, int], CapturePoint],
    sources: Sequence[Told],
    shift: Callable[[int], int],
) -> dict[CapturePoint, Recorded]:
    """When each point recorded; points of which neither packets nor anything else tells are left out.

    stretches, point_of: by source and interface.
    shift: what was added to a source's times.
    """
    by_source: dict[int, list[int]] = {}
    for source, interface in point_of:
        by_source.setdefault(source, []).append(interface)
    parts: dict[CapturePoint, list[_Part]] = {}
    for source, interfaces in by_source.items():
        for interface, each in _parts(source, interfaces, stretches, sources[source], shift(source)):
            parts.setdefault(point_of[source, interface], []).append(each)
    return {point: _recorded(sorted(some, key=lambda each: each.span), sources) for point, some in parts.items()}


def _parts(
    source: int, interfaces: Sequence[int], stretches: Mapping[tuple[int, int], Stretch], told: Told, shift: int
) -> Iterable[tuple[int, _Part]]:
    """For each interface of a source, when it recorded."""
    seen = {interface: stretches.get((source, interface), Stretch()) for interface in interfaces}
    said = {interface: told.recorded(interface, stretch.shifted(-shift)) for interface, stretch in seen.items()}
    known = {interface: span for interface, each in seen.items() if (span := each.span) is not None}
    silences = {interface: each.silence for interface, each in seen.items()}
    if known and len(seen) > 1 and told.at_once:
        # One process recorded all interfaces of the file: each recorded while any did.
        together = min(first for first, _ in known.values()), max(last for _, last in known.values())
        known = dict.fromkeys(seen, together)
        busiest = max(seen, key=lambda interface: seen[interface].packets)
        silences = dict.fromkeys(seen, seen[busiest].silence)
    for interface, span in said.items():
        of_packets = known.get(interface)
        if span is not None:
            begin, end = span[0] + shift, span[1] + shift
            if of_packets is not None:  # what lies outside of what is said was recorded all the same
                begin, end = min(begin, of_packets[0]), max(end, of_packets[1])
            yield interface, _Part((begin, end), source, silences[interface], begins=True, ends=True)
        elif of_packets is not None:
            yield interface, _Part(of_packets, source, silences[interface])


def _recorded(parts: Sequence[_Part], sources: Sequence[Told]) -> Recorded:
    """The spans of one point's sources, in order of time, with bridges where it most likely recorded on."""
    spans = [parts[0].span]
    bridges = []
    usual = _usual(parts)
    latest = parts[0]
    for part in parts[1:]:
        begin, end = spans[-1]
        if part.span[0] > end:
            gap = end, part.span[0]
            if not _bridged(latest, part, gap[1] - gap[0], usual, sources):
                spans.append(part.span)
                latest = part
                continue
            bridges.append(gap)
        if part.span[1] >= end:
            latest = part
        spans[-1] = begin, max(end, part.span[1])
    return Recorded(tuple(spans), tuple(bridges))


def _bridged(before: _Part, after: _Part, gap: int, usual: int, sources: Sequence[Told]) -> bool:
    one, other = sources[before.source].place, sources[after.source].place
    if one is not None and other is not None and one[0] == other[0] and one[1] < other[1]:
        return other[1] == one[1] + 1  # else a file of the ring is missing
    if before.ends or after.begins:
        return False
    more, than = RHYTHM
    return gap * than <= max(min(before.silence, after.silence), usual) * more


def _usual(parts: Sequence[_Part]) -> int:
    """Three in four gaps between a point's files are no longer, where there are many: each may have few packets."""
    gaps = sorted(after.span[0] - before.span[1] for before, after in pairwise(parts))
    return max(0, gaps[len(gaps) * 3 // 4]) if len(gaps) >= MANY else 0
