"""The topology as a picture: a strip for each pair of nodes, requests above, replies below, the broken leg in red."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from ipipscope.language.said import Said, joined, say
from ipipscope.language.told import told
from ipipscope.model import Leg
from ipipscope.report import svg
from ipipscope.report.lines import cells
from ipipscope.report.path_picture import LABELS, Link, Mark, error_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ipipscope.report.path_picture import Column, ErrorRow, Picture, Row, Stretch

PLACE: Final = 118
"""Width of an interface's box: the longest name that Linux allows has room."""
GAP: Final = 14
NODE_MIN: Final = 180
"""Width of the narrowest node: an address has room as its name."""
FABRIC: Final = 260
"""Room between two nodes: an outer source and destination fit on the arrow."""
HEIGHT: Final = 172
ERROR_HEIGHT: Final = 46
"""What each ICMP error adds to that."""
TITLE: Final = 24
APART: Final = 18
LEVEL: Final = {Leg.REQUEST: 56, Leg.REPLY: 138}
"""Where a leg's arrow stands, from the top of a strip's boxes."""
BOX_Y, BOX_HEIGHT = 70, 52
COLOUR: Final = {Leg.REQUEST: "request", Leg.REPLY: "reply"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Exchanges between two nodes that went the same way.

    title: what they are and how many, in a few words.
    addresses: of interfaces, by node and interface.
    blocks: what stands beside a node's name.
    """

    picture: Picture
    title: str = ""
    addresses: Mapping[tuple[str | None, str | None], str] = field(default_factory=dict)
    blocks: Mapping[str | None, str] = field(default_factory=dict)


def topology(strips: Sequence[Strip], *, ident: str = "topology") -> str:
    """The strips below one another as one SVG drawing.

    ident: tells this drawing from others on one page.
    """
    drawn, y, width = [], 0.0, 400.0
    for strip in strips:
        wide, markup = _strip(strip)
        drawn.append(svg.element("g", markup, transform=f"translate(0 {y:g})"))
        y += _height(strip) + APART + (TITLE if strip.title else 0)
        width = max(width, wide)
    words = joined(" ", map(describe, strips)) or say("No exchange was seen.")
    return svg.picture(width, max(1, y - APART), *drawn, title=say("Nodes and tunnels"), description=words, ident=ident)


def describe(strip: Strip) -> Said:
    """The strip in words, as a screen reader says it."""
    columns = strip.picture.columns
    words = [say("{words}.", words=strip.title)] if strip.title else []
    for row in strip.picture.rows:
        outer = say("no outer header seen")
        if row.outer:
            outer = say("outer {src} to {dst}", src=row.outer.src, dst=row.outer.dst)
        seen = [_place(columns[place]) for place, mark in sorted(row.marks.items()) if mark is Mark.SEEN]
        places = joined(", ", seen) if seen else say("no point")
        parts = [say("{outer}, seen at {places}", outer=outer, places=places)]
        if row.broken is not None:
            parts.append(say("missing at {place}", place=_place(columns[row.broken])))
        name = say("Request") if row.leg is Leg.REQUEST else say("Reply")
        words.append(say("{packet}: {words}.", packet=name, words=joined(", ", parts)))
    words += [say("ICMP error: {words}.", words=error_words(error)) for error in strip.picture.errors]
    return joined(" ", words)


def _height(strip: Strip) -> int:
    return HEIGHT + ERROR_HEIGHT * len(strip.picture.errors)


def _place(column: Column) -> Said:
    return say("{node} {interface}", node=column.node or say("unknown node"), interface=column.label)


def _strip(strip: Strip) -> tuple[float, str]:
    picture = strip.picture
    centres: list[float] = []
    boxes: list[str] = []
    spans: list[tuple[float, float]] = []
    fabric: list[tuple[float, float]] = []
    x = 0.0
    for node, first, last in picture.groups():
        if boxes:
            fabric.append((x, x + FABRIC))
            x += FABRIC
        width = max(GAP + (last - first + 1) * (PLACE + GAP), NODE_MIN)
        marks = [row.marks.get(place) for row in picture.rows for place in range(first, last + 1)]
        watched = any(mark not in {None, Mark.UNWATCHED} for mark in marks)
        size = width, _height(strip)
        boxes.append(_node(x, size, node, strip.blocks.get(node, ""), watched=watched))
        spans.append((x, x + width))
        for place in range(first, last + 1):
            left = x + GAP + (place - first) * (PLACE + GAP)
            column = picture.columns[place]
            watched = any(row.marks.get(place) not in {None, Mark.UNWATCHED} for row in picture.rows)
            boxes.append(
                _interface(left, column, strip.addresses.get((column.node, column.interface)), watched=watched)
            )
            centres.append(left + PLACE / 2)
        x += width
    rows = [_row(row, centres, fabric) for row in picture.rows]
    for place, error in enumerate(picture.errors):
        rows.append(_error(error, centres, spans, HEIGHT + ERROR_HEIGHT * place + 8, x))
    title = svg.text(0, 14, strip.title, size=13, font_family=svg.SANS, font_weight="600") if strip.title else ""
    shift = TITLE if strip.title else 0
    return x, title + svg.element("g", *boxes, *rows, transform=f"translate(0 {shift})")


def _node(x: float, size: tuple[float, float], name: str | None, beside: str, *, watched: bool) -> str:
    width, height = size
    box = svg.element(
        "rect",
        x=x + 0.5,
        y=0.5,
        width=width - 1,
        height=height - 1,
        rx=8,
        class_="node",
        fill="none",
        stroke=svg.COLOURS["faint"],
        stroke_dasharray=None if watched else "5 4",
    )
    shown = svg.fitted(name or say("unknown node"), width - 2 * GAP, 15)
    told = svg.text(x + GAP, 24, shown, size=15, font_weight="bold", font_family=svg.SANS)
    room = width - 3 * GAP - cells(shown) * 9
    detail = beside if watched else say("not captured")
    if detail and room > 60:
        told += svg.text(x + width - GAP, 24, svg.fitted(detail, room, 11), size=11, colour="faint", text_anchor="end")
    return box + told


def _interface(x: float, column: Column, address: str | None, *, watched: bool) -> str:
    box = svg.element(
        "rect",
        x=x,
        y=BOX_Y,
        width=PLACE,
        height=BOX_HEIGHT,
        rx=5,
        class_=f"place {column.role.value}",
        fill="none",
        stroke=svg.COLOURS["faint"],
        stroke_dasharray=None if watched else "4 3",
    )
    middle = x + PLACE / 2
    name = svg.text(middle, BOX_Y + 22, svg.fitted(column.label, PLACE - 4), text_anchor="middle", font_weight="bold")
    kind = told(LABELS.get(column.role, say(column.role.value)) if watched else say("not recorded"))
    below = address if address and watched else "" if kind == column.label else kind
    return (
        box
        + name
        + svg.text(middle, BOX_Y + 39, svg.fitted(below, PLACE - 6, 11), size=11, colour="faint", text_anchor="middle")
    )


def _row(row: Row, centres: Sequence[float], fabric: Sequence[tuple[float, float]]) -> str:
    """One leg: its stretches, a dot where it was seen, and what it carried between the nodes."""
    y = LEVEL[row.leg]
    gaps = [sum(gap) / 2 for gap in fabric]
    odd = (row.strange and row.leg is Leg.REPLY) or (row.native and not row.outer)
    colour = "doubt" if odd else COLOUR[row.leg]
    parts = []
    for stretch in row.stretches:
        lost = stretch.link is Link.BROKEN
        tone = "broken" if lost else colour if _sure(row, stretch) else "faint"
        dashed = tone in {"broken", "faint"}
        parts.append(_stretch(centres[stretch.start], centres[stretch.end], gaps, y, tone, dashed=dashed))
        if lost:
            parts.append(svg.cross((centres[stretch.start] + centres[stretch.end]) / 2, y))
    if row.broken is not None:
        for near, far in pairwise([row.broken, *(place for place, mark in row.marks.items() if mark is Mark.AFTER)]):
            x1, x2 = centres[near], centres[far]
            parts.append(svg.line(x1, y, x2, y, colour="broken", stroke_width=1, stroke_dasharray="2 5"))
    for place, mark in row.marks.items():
        if mark is Mark.SEEN:
            parts.append(svg.dot(centres[place], y, colour))
        elif mark is not Mark.UNWATCHED:
            parts.append(svg.dot(centres[place], y, "broken", hollow=True))
    above = row.leg is Leg.REQUEST
    for place, middle in enumerate(gaps):
        label, tone = _label(row, colour, centres, middle)
        room = fabric[place][1] - fabric[place][0]
        parts.append(
            svg.text(middle, y + (-9 if above else 20), svg.fitted(label, room), colour=tone, text_anchor="middle")
        )
        if row.strange and row.outer is not None and not above:
            said = say("{addresses} is not the request's", addresses=joined(", ", sorted(row.strange)))
            parts.append(
                svg.text(middle, y + 34, said, colour=tone, size=11, text_anchor="middle", font_family=svg.SANS)
            )
    return "".join(parts)


def _error(
    row: ErrorRow, centres: Sequence[float], spans: Sequence[tuple[float, float]], y: float, width: float
) -> str:
    """An ICMP error's way back from its sender, a diamond, and below it what it says."""
    places = [centres[place] for place in row.places]
    start = centres[row.origin] if row.origin is not None else _beside(row, spans)
    parts = []
    for one, other in pairwise([start, *places]):
        if one != other:
            parts.append(_stretch(one, other, [], y, "doubt", dashed=False))
    parts += [svg.dot(place, y, "doubt") for place in places if place != start]
    parts.append(svg.diamond(start, y, "doubt"))
    said = told(error_words(row))
    half = cells(said) * 3.4
    middle = max(half, min((start + places[-1]) / 2, width - half))
    label = svg.text(middle, y + 22, said, colour="doubt", size=12, text_anchor="middle", font_family=svg.SANS)
    return "".join(parts) + label


def _beside(row: ErrorRow, spans: Sequence[tuple[float, float]]) -> float:
    """The middle of the room from which an error came to a node."""
    left, right = spans[row.beside]
    other = row.beside + (1 if row.leftwards else -1)
    if 0 <= other < len(spans):
        return (right + spans[other][0]) / 2 if row.leftwards else (spans[other][1] + left) / 2
    return right - GAP if row.leftwards else left + GAP


def _label(row: Row, colour: str, centres: Sequence[float], middle: float) -> tuple[str, str]:
    """What stands between two nodes, and its colour."""
    name = say(row.leg.value)
    over = [each for each in row.stretches if _between(centres[each.start], middle, centres[each.end])]
    if any(each.link is Link.IPIP for each in over) and row.outer is not None:
        return f"{row.outer.src} → {row.outer.dst}", colour
    if any(each.link is Link.NATIVE and _sure(row, each) for each in over):
        return say("{leg} without outer header", leg=name), "doubt"
    if any(each.link is Link.BROKEN for each in over):
        return f"{row.outer.src} → {row.outer.dst}" if row.outer else say("{leg} lost on the way", leg=name), "broken"
    if row.broken is not None:
        return say("no {leg} here", leg=name), "broken"
    return (
        (f"{row.outer.src} → {row.outer.dst}", colour) if row.outer else (say("no {leg} seen here", leg=name), "faint")
    )


def _sure(row: Row, stretch: Stretch) -> bool:
    """Whether the packet was seen at both ends."""
    return row.marks.get(stretch.start) is row.marks.get(stretch.end) is Mark.SEEN


def _between(one: float, middle: float, other: float) -> bool:
    return min(one, other) < middle < max(one, other)


def _stretch(x1: float, x2: float, gaps: Sequence[float], y: float, colour: str, *, dashed: bool) -> str:
    """A line with its arrowhead half-way, where it is not on a dot."""
    away = 1 if x2 > x1 else -1
    over = [gap for gap in gaps if _between(x1, gap, x2)]
    tip = over[0] if over else (x1 + x2) / 2
    tip += away * (16 if dashed else 5)
    drawn = svg.line(x1, y, x2, y, colour=colour, stroke_width=2, stroke_dasharray="5 4" if dashed else None)
    return drawn + svg.head(tip, y, colour=colour, rightwards=away > 0)
