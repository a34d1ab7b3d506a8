"""Exchanges over time as a picture: stacked bars of answered, unanswered and undecided ones, findings below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ipipscope.language.said import Said, joined, say
from ipipscope.report import svg
from ipipscope.report.times import clock, lasting

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH: Final = 1000
BARS: Final = 120
"""Height of the tallest bar."""
SPAN: Final = 18
COLOUR: Final = {"answered": "reply", "unanswered": "broken", "undecided": "faint"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """When a finding's exchanges took place, nanoseconds."""

    label: str
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Exchanges counted by slices of time.

    start: of the first slice; width: of each, nanoseconds.
    answered, unanswered, undecided: exchanges that began in each slice, all of one length.
    """

    start: int
    width: int
    answered: Sequence[int]
    unanswered: Sequence[int]
    undecided: Sequence[int]
    spans: tuple[Span, ...] = ()

    @property
    def end(self) -> int:
        """Where the last slice ends."""
        return self.start + self.width * len(self.answered)


def timeline(shown: Timeline, *, ident: str = "timeline") -> str:
    """The time line as one SVG drawing; its bars and spans are an inner drawing that a script may zoom.

    ident: tells this drawing from others on one page.
    """
    tallest = max((sum(slices) for slices in zip(*_rows(shown), strict=True)), default=0)
    spans = [_span(shown, span, place) for place, span in enumerate(shown.spans)]
    height = BARS + SPAN * len(spans) + 4
    bars = svg.element(
        "svg",
        *_bars(shown, tallest),
        *(bar for bar, _ in spans),
        svg.line(0, BARS, WIDTH, BARS, colour="ink", vector_effect="non-scaling-stroke"),
        x=0,
        y=16,
        width=WIDTH,
        height=height,
        viewBox=f"0 0 {WIDTH} {height}",
        preserveAspectRatio="none",
        class_="zoomed",
        data_start=shown.start,
        data_end=shown.end,
    )
    scale = svg.text(
        2, 11, say("up to {count} in {time}", count=tallest, time=lasting(shown.width)), size=11, colour="faint"
    )
    return svg.picture(
        WIDTH,
        height + 34,
        scale,
        bars,
        *(label for _, label in spans),
        svg.element("g", *_ticks(shown, height + 16), class_="ticks"),
        title=say("Exchanges over time"),
        description=describe(shown),
        ident=ident,
    )


def describe(shown: Timeline) -> Said:
    """The time line in words."""
    answered, unanswered, undecided = (sum(row) for row in _rows(shown))
    counts = [
        say("{count} answered", count=answered),
        say("{count} unanswered", count=unanswered),
        say("{count} undecided", count=undecided),
    ]
    first, last = clock(shown.start), clock(shown.end)
    whole = say("From {first} to {last} UTC: {counts}.", first=first, last=last, counts=joined(", ", counts))
    spans = [
        say("{rule} from {first} to {last}.", rule=span.label, first=clock(span.first), last=clock(span.last))
        for span in shown.spans
    ]
    return joined(" ", [whole, *spans])


def _rows(shown: Timeline) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    return shown.answered, shown.unanswered, shown.undecided


def _bars(shown: Timeline, tallest: int) -> list[str]:
    """One path for each kind: a picture of a thousand slices stays small."""
    if not tallest:
        return []
    step = WIDTH / len(shown.answered)
    below = [0.0] * len(shown.answered)
    paths = []
    for name, row in zip(COLOUR, _rows(shown), strict=True):
        drawn = []
        for place, count in enumerate(row):
            if not count:
                continue
            tall = max(BARS * count / tallest, 0.8)
            drawn.append(f"M{place * step:.5g} {BARS - below[place]:.4g}v{-tall:.4g}h{step:.4g}v{tall:.4g}z")
            below[place] += tall
        if drawn:
            colour = COLOUR[name]
            paths.append(svg.element("path", d="".join(drawn), class_=f"f-{colour}", fill=svg.COLOURS[colour]))
    return paths


def _span(shown: Timeline, span: Span, place: int) -> tuple[str, str]:
    """A finding's bar, which is zoomed, and its name, which stays."""
    whole = max(1, shown.end - shown.start)
    left = WIDTH * (span.first - shown.start) / whole
    wide = max(2.0, WIDTH * (span.last - span.first) / whole)
    y = BARS + SPAN * place + 5
    bar = svg.element(
        "rect",
        x=left,
        y=y,
        width=wide,
        height=SPAN - 6,
        class_="f-broken span",
        fill=svg.COLOURS["broken"],
        fill_opacity=0.3,
    )
    return bar, svg.text(4, y + 16 + 10, span.label, size=11)


def _ticks(shown: Timeline, y: float) -> list[str]:
    whole = shown.end - shown.start
    return [
        svg.text(
            WIDTH * part / 4,
            y + 14,
            clock(shown.start + whole * part // 4)[: 8 if whole > 60_000_000_000 else 12],
            size=11,
            colour="faint",
            text_anchor="start" if part == 0 else "end" if part == 4 else "middle",
        )
        for part in range(5)
    ]
