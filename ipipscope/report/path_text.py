"""The picture of a path, drawn for a terminal."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say
from ipipscope.language.told import told
from ipipscope.model import Leg, Role
from ipipscope.report.canvas import Canvas
from ipipscope.report.inert import inert
from ipipscope.report.lines import cells, fold, shortened
from ipipscope.report.path_picture import Link, Mark, error_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipipscope.language.said import Said
    from ipipscope.report.lines import Line
    from ipipscope.report.path_picture import Column, ErrorRow, Picture, Row, Stretch

MARGIN: Final = 11
"""Columns before the picture: the row's name stands there."""
MARKS: Final = {
    Mark.SEEN: ("●", ""),
    Mark.BROKEN: ("✗", "bold red"),
    Mark.AFTER: ("·", "dim"),
    Mark.UNWATCHED: ("○", "dim"),
}
STROKES: Final = {Link.INSIDE: "─", Link.IPIP: "═", Link.NATIVE: "─", Link.BROKEN: "╌"}
LEGEND: Final = (
    (Mark.SEEN, say("● seen")),
    (Mark.BROKEN, say("✗ should be here and is not")),
    (Mark.AFTER, say("· not reached")),
    (Mark.UNWATCHED, say("○ not recorded")),
)
ERROR_SENDER: Final = "◆"
LONGEST_LABEL, SHORTEST_LABEL = 15, 4
"""Linux's limit for the names of interfaces, and what is left of one in a narrow terminal."""


def draw(picture: Picture, width: int) -> list[Line]:
    """The picture in at most *width* columns, as far as names can be shortened."""
    layout = Layout(picture, width - 1, MARGIN)
    canvas = Canvas()
    heads(canvas, picture, layout)
    for row in picture.rows:
        _draw_row(canvas, picture, row, layout)
    for error in picture.errors:
        _draw_error(canvas, error, layout)
    lines = canvas.lines()
    lines += [[(" " * MARGIN, ""), (text, "dim")] for text in _legend(picture, layout.width - MARGIN)]
    return lines


class Layout:
    """Where each column stands, and each group of columns, right of a margin."""

    def __init__(self, picture: Picture, width: int, margin: int) -> None:
        self.width = width
        self.groups = picture.groups()
        names = [inert(node or told(say("unknown node"))) for node, _, _ in self.groups]
        longest = LONGEST_LABEL
        while True:
            self.labels = [shortened(inert(column.label), longest) for column in picture.columns]
            rooms = [max(longest * 2, self._labels_need(first, last) - 5) for _, first, last in self.groups]
            self.names = names
            if longest < LONGEST_LABEL:
                self.names = [shortened(name, room) for name, room in zip(names, rooms, strict=True)]
            needs = [
                self._need(first, last, name) for (_, first, last), name in zip(self.groups, self.names, strict=True)
            ]
            spare = width - margin - sum(needs)
            gaps = len(self.groups) - 1
            if spare >= 5 * gaps or longest == SHORTEST_LABEL:
                break
            longest -= 1
        gap = max(2, min(spare // gaps, 48 if gaps == 1 else 12)) if gaps else 0
        self.spans: list[tuple[int, int]] = []
        self.centres: list[int] = []
        at = margin
        for (_, first, last), need in zip(self.groups, needs, strict=True):
            self.spans.append((at, at + need - 1))
            used = sum(cells(label) for label in self.labels[first : last + 1])
            pause = max(2, (need - 2 - used) // max(1, last - first)) if last > first else 0
            start = at + 1 if last > first else at + (need - used) // 2
            for number in range(first, last + 1):
                self.centres.append(start + cells(self.labels[number]) // 2)
                start += cells(self.labels[number]) + pause
            at += need + gap

    def _labels_need(self, first: int, last: int) -> int:
        labels = self.labels[first : last + 1]
        return sum(map(cells, labels)) + 3 * (len(labels) - 1) + 2

    def _need(self, first: int, last: int, name: str) -> int:
        return max(self._labels_need(first, last), cells(name) + 5)


def heads(canvas: Canvas, picture: Picture, layout: Layout) -> None:
    """The nodes with their inner addresses, and the names of their interfaces."""
    head, labels = canvas.row(), canvas.row()
    for number, ((left, right), name) in enumerate(zip(layout.spans, layout.names, strict=True)):
        canvas.put(head, left, "┌" + "─" * (right - left - 1) + "┐", "dim")
        canvas.put(head, left + 2, f" {name} ", "bold")
        end = picture.ends[0] if number == 0 else picture.ends[1] if number == len(layout.spans) - 1 else ""
        room = right - left - cells(name) - 6
        if end and cells(end) + 2 <= room:
            canvas.put(head, right - 2 - cells(end), f" {inert(end)} ")
    for centre, label, column in zip(layout.centres, layout.labels, picture.columns, strict=True):
        canvas.centred(labels, centre, label, "" if column.role is not Role.WORKLOAD else "dim")


def _draw_row(canvas: Canvas, picture: Picture, row: Row, layout: Layout) -> None:
    at = canvas.row()
    canvas.put(at, 2, told(say(row.leg.value)))
    request = picture.rows[0]
    if not row.seen and request.broken is not None and row is not request:
        canvas.put(at, MARGIN, told(say("none seen")), "dim")
        return
    below: list[tuple[int, list[tuple[str, str]]]] = []
    labelled = False
    for stretch in row.stretches:
        _draw_stretch(canvas, at, stretch, layout)
        if labelled or picture.columns[stretch.start].node == picture.columns[stretch.end].node:
            continue
        pieces = _pieces(row, picture)
        start, end = sorted((layout.centres[stretch.start], layout.centres[stretch.end]))
        labelled = bool(pieces)
        if end - start - 1 >= sum(cells(text) for text, _ in pieces) + 8 and pieces:
            _put_pieces(canvas, at, (start + end) // 2, [(" ", ""), *pieces, (" ", "")], layout)
        elif pieces:
            below.append(((start + end) // 2, pieces))
    for column, mark in row.marks.items():
        text, style = MARKS[mark]
        canvas.put(at, layout.centres[column], text, style)
    if below:
        under = canvas.row()
        for centre, pieces in below:
            _put_pieces(canvas, under, centre, pieces, layout)
    if row.leg is Leg.REPLY and (odd := _odd(row, request)):
        canvas.centred(canvas.row(), _crossing(row, picture, layout), odd, "bold red", least=2, most=layout.width)
    if row.broken is not None:
        under = canvas.row()
        reason = told(_reason(row, picture))
        canvas.centred(under, layout.centres[row.broken], reason, "bold red", least=2, most=layout.width)


def _draw_error(canvas: Canvas, row: ErrorRow, layout: Layout) -> None:
    """An ICMP error's way from its sender, and below it what it says."""
    at = canvas.row()
    canvas.put(at, 2, told(say("error")))
    places = [layout.centres[place] for place in row.places]
    start = layout.centres[row.origin] if row.origin is not None else _beside(row, layout)
    for here, there in pairwise([start, *places]):
        low, high = sorted((here, there))
        canvas.put(at, low, STROKES[Link.NATIVE] * (high - low))
        if high - low > 1:
            canvas.put(at, there - 1 if there > here else there + 1, "▶" if there > here else "◀")
    for place in places:
        canvas.put(at, place, "●")
    canvas.put(at, start, ERROR_SENDER, "bold")
    for said in fold(inert(told(error_words(row))), layout.width - MARGIN):
        canvas.centred(canvas.row(), (start + places[-1]) // 2, said, "bold", least=MARGIN, most=layout.width)


def _beside(row: ErrorRow, layout: Layout) -> int:
    """The middle of the gap from which an error came to a node; the edge of the picture where there is none."""
    left, right = layout.spans[row.beside]
    other = row.beside + (1 if row.leftwards else -1)
    if 0 <= other < len(layout.spans):
        return (right + layout.spans[other][0]) // 2 if row.leftwards else (layout.spans[other][1] + left) // 2
    return min(right + 3, layout.width) if row.leftwards else max(left - 3, MARGIN)


def _draw_stretch(canvas: Canvas, at: int, stretch: Stretch, layout: Layout) -> None:
    here, there = layout.centres[stretch.start], layout.centres[stretch.end]
    low, high = sorted((here, there))
    style = "red" if stretch.link is Link.BROKEN else "bold" if stretch.link is Link.IPIP else ""
    canvas.put(at, low, STROKES[stretch.link] * (high - low), style)
    if stretch.link is not Link.BROKEN and high - low > 1:
        canvas.put(at, there - 1 if there > here else there + 1, "▶" if there > here else "◀", style)


def _pieces(row: Row, picture: Picture) -> list[tuple[str, str]]:
    """What stands on the link between nodes: the outer pair, or that there is none where there should be."""
    if row.outer is not None:
        return [
            (str(row.outer.src), "bold red" if row.outer.src in row.strange else ""),
            (" → ", ""),
            (str(row.outer.dst), "bold red" if row.outer.dst in row.strange else ""),
        ]
    if row.native and any(other.outer for other in picture.rows):
        return [(told(say("no outer header")), "bold red")]
    return []


def _odd(reply: Row, request: Row) -> str:
    """How the reply's outer pair does not answer the request's."""
    if not reply.outer or not request.outer or not reply.strange:
        return ""
    if reply.outer.src != request.outer.dst:
        return told(say("outer source {seen}, expected {right}", seen=reply.outer.src, right=request.outer.dst))
    return told(say("outer destination {seen}, expected {right}", seen=reply.outer.dst, right=request.outer.src))


def _crossing(row: Row, picture: Picture, layout: Layout) -> int:
    """The middle of the row's first link between nodes."""
    for stretch in row.stretches:
        if picture.columns[stretch.start].node != picture.columns[stretch.end].node:
            return (layout.centres[stretch.start] + layout.centres[stretch.end]) // 2
    return layout.width // 2


def _put_pieces(canvas: Canvas, row: int, centre: int, pieces: Sequence[tuple[str, str]], layout: Layout) -> None:
    length = sum(cells(text) for text, _ in pieces)
    start = max(MARGIN, min(centre - length // 2, layout.width - length))
    for text, style in pieces:
        canvas.put(row, start, text, style)
        start += cells(text)


def _reason(row: Row, picture: Picture) -> Said:
    """What is missing at the break."""
    assert row.broken is not None
    column: Column = picture.columns[row.broken]
    node = inert(column.node or told(say("the node")))
    near = row.broken < picture.sender
    leaving = near == (row.leg is Leg.REQUEST)
    name = inert(column.label)
    if column.role is Role.WORKLOAD:
        return (
            say("nothing comes from the pod on {node}", node=node)
            if leaving
            else say("never reaches the pod on {node}", node=node)
        )
    if column.role is Role.TUNNEL:
        return (
            say("never handed to {interface} of {node}", interface=name, node=node)
            if leaving
            else say("never comes out of {interface} of {node}", interface=name, node=node)
        )
    if leaving:
        return say("never leaves {node} as IPIP", node=node)
    return say("never arrives at {interface} of {node}", interface=name, node=node)


def _legend(picture: Picture, width: int) -> list[str]:
    """What the marks mean that the picture has, in lines of at most *width* columns."""
    marks = {mark for row in picture.rows for mark in row.marks.values()}
    links = {stretch.link for row in picture.rows for stretch in row.stretches}
    shown = [told(text) for mark, text in LEGEND if mark in marks]
    if Link.IPIP in links:
        shown.append("═ IPIP")
    if picture.errors:
        shown.append(told(say("◆ sends an ICMP error")))
    lines = [""]
    for text in shown:
        if lines[-1] and cells(lines[-1]) + 2 + cells(text) > width:
            lines.append("")
        lines[-1] += f"  {text}" if lines[-1] else text
    return lines
