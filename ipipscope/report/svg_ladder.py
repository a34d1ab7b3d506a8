"""A ladder as a picture: time runs down, requests go right, replies come back, what is missing is red."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import Said, joined, say
from ipipscope.language.told import told
from ipipscope.model import Leg
from ipipscope.report import svg
from ipipscope.report.lines import cells
from ipipscope.report.times import lasting

if TYPE_CHECKING:
    from ipipscope.report.ladder import Ladder, Rung

COLUMN: Final = 116
"""Width of a column: the longest name that Linux allows has room."""
GUTTER: Final = 92
"""Room for the time at the left."""
TOP: Final = 54
ROW: Final = 34
COLOUR: Final = {Leg.REQUEST: "request", Leg.REPLY: "reply", Leg.REQUEST_ERROR: "doubt", Leg.REPLY_ERROR: "doubt"}
NAME: Final = {
    Leg.REQUEST: say("request"),
    Leg.REPLY: say("reply"),
    Leg.REQUEST_ERROR: say("ICMP error about the request"),
    Leg.REPLY_ERROR: say("ICMP error about the reply"),
}
BEGINNING: Final = {**NAME, Leg.REQUEST: say("Request"), Leg.REPLY: say("Reply")}
"""At the beginning of a sentence."""


def ladder(drawn: Ladder, *, ident: str | None = None) -> str:
    """The exchange as one SVG drawing.

    ident: tells this drawing from others on one page; made from the exchange's number otherwise.
    """
    columns = _columns(drawn)
    height = TOP + ROW * max(1, len(drawn.rungs)) + 14
    width = GUTTER + COLUMN * max(1, columns)
    parts = [_nodes(drawn), _lifelines(drawn, height)]
    before: dict[Leg, int] = {}
    for place, rung in enumerate(drawn.rungs):
        column = columns - 1 if rung.column is None else rung.column
        parts.append(_rung(drawn, rung, column, before.get(rung.leg), TOP + ROW * (place + 0.72)))
        before[rung.leg] = column
    words = " ".join(told(describe(drawn, rung)) for rung in drawn.rungs)
    return svg.picture(
        width,
        height,
        *parts,
        title=title(drawn),
        description=words,
        ident=ident or f"ladder-{drawn.exchange.number}",
    )


def title(drawn: Ladder) -> Said:
    """Which exchange it is."""
    flow = drawn.exchange.flow
    text = f"{flow.protocol} {flow.src} > {flow.dst}" + (f":{flow.dport}" if flow.dport else "")
    if flow.protocol == "icmp":
        sequence = drawn.exchange.sequence
        text = say("{flow} sequence {sequence}", flow=text, sequence=sequence)
    return say("Exchange {number}: {flow}", number=drawn.exchange.number, flow=text)


def describe(drawn: Ladder, rung: Rung) -> Said:
    """One rung in words."""
    place = say(
        "{packet} at {node} {interface}",
        packet=BEGINNING[rung.leg],
        node=rung.hop.node or say("unknown node"),
        interface=rung.hop.interface or say(rung.hop.role.value),
    )
    outer = say("outer {src} to {dst}", src=rung.outer.src, dst=rung.outer.dst) if rung.outer else None
    if rung.time is None:
        missing = say("{place} missing", place=place)
        return (
            say("{missing}, expected {outer}.", missing=missing, outer=outer)
            if outer
            else say("{words}.", words=missing)
        )
    parts = [
        say("{place} at {time}", place=place, time=_since(drawn, rung.time)),
        outer or say("no outer header"),
        say("{file} frame {frame}", file=rung.file, frame=rung.frame),
        *([_error(rung)] if rung.error else []),
    ]
    return say("{words}.", words=joined(", ", parts))


def _error(rung: Rung) -> str:
    return f"ICMP type {rung.error[0]} code {rung.error[1]}" if rung.error else ""


def _since(drawn: Ladder, time: int) -> str:
    """Time since the ladder's first sighting."""
    return f"+{lasting(time - drawn.began)}"


def _columns(drawn: Ladder) -> int:
    """How many there are: one more than the picture's where a sighting stands outside them."""
    known = len(drawn.picture.columns) if drawn.picture else 0
    return known + any(rung.column is None for rung in drawn.rungs)


def _x(column: int) -> float:
    return GUTTER + COLUMN * (column + 0.5)


def _nodes(drawn: Ladder) -> str:
    """The nodes over their columns."""
    parts = []
    for node, first, last in drawn.picture.groups() if drawn.picture else ():
        left, width = GUTTER + COLUMN * first, COLUMN * (last - first + 1)
        parts.append(
            svg.text(
                left + width / 2,
                14,
                svg.fitted(node or say("unknown node"), width - 8, 13),
                size=13,
                font_weight="bold",
                font_family=svg.SANS,
                text_anchor="middle",
            )
        )
        parts.append(svg.line(left + 6, 21, left + width - 6, 21, colour="faint", stroke_width=2))
    return "".join(parts)


def _lifelines(drawn: Ladder, height: float) -> str:
    names = [column.label for column in drawn.picture.columns] if drawn.picture else []
    names += [say("elsewhere")] * (_columns(drawn) - len(names))
    parts = []
    for place, name in enumerate(names):
        parts.append(svg.text(_x(place), 37, svg.fitted(name, COLUMN - 4, 11), size=11, text_anchor="middle"))
        parts.append(svg.line(_x(place), 44, _x(place), height - 4, colour="faint", stroke_dasharray="1 3"))
    return "".join(parts)


def _rung(drawn: Ladder, rung: Rung, column: int, before: int | None, y: float) -> str:
    colour = "broken" if rung.missing else "doubt" if _strange(drawn, rung) else COLOUR[rung.leg]
    x = _x(column)
    parts = []
    if before is not None and before != column:
        came = _x(before)
        dashes = "5 4" if rung.missing else None
        parts.append(svg.line(came, y, x, y, colour=colour, stroke_width=2, stroke_dasharray=dashes))
        parts.append(svg.head(x + (-6 if x > came else 6), y, colour=colour, rightwards=x > came))
        if rung.missing:
            parts.append(svg.cross((came + x) / 2, y, 5))
    parts.append(svg.dot(x, y, colour, hollow=rung.missing))
    parts.append(_words(drawn, rung, column, before, y, colour))
    time = say("missing") if rung.time is None else _since(drawn, rung.time)
    tone = "broken" if rung.missing else "faint"
    parts.append(svg.text(GUTTER - 10, y + 4, time, size=11, colour=tone, text_anchor="end"))
    return svg.element("g", svg.hint(describe(drawn, rung)), *parts)


def _strange(drawn: Ladder, rung: Rung) -> bool:
    """Whether it is a reply whose outer addresses are not the request's."""
    outer, rows = rung.outer, drawn.picture.rows if drawn.picture else ()
    return outer is not None and any(
        row.leg is rung.leg is Leg.REPLY and {outer.src, outer.dst} & row.strange for row in rows
    )


def _words(drawn: Ladder, rung: Rung, column: int, before: int | None, y: float, colour: str) -> str:
    """What stands over a rung: its outer addresses or what it is, as far as there is room; and its frame."""
    outer = f"{rung.outer.src} → {rung.outer.dst}" if rung.outer else ""
    if rung.missing:
        label = told(say("not seen: {outer}", outer=outer) if outer else say("not seen"))
    else:
        label = outer or _error(rung) or (told(NAME[rung.leg]) if before is None else "")
    parts = []
    if rung.frame is not None:
        right = before is None or before <= column
        side = 8 if right else -8
        anchor = "start" if right else "end"
        parts.append(
            svg.text(_x(column) + side, y + 12, f"#{rung.frame}", size=9.5, colour="faint", text_anchor=anchor)
        )
    if label:
        whole = GUTTER + COLUMN * _columns(drawn)
        middle = _x(column) if before is None else (_x(before) + _x(column)) / 2
        half = cells(label) * 11 * svg.CHARACTER / 2
        middle = min(max(middle, GUTTER + half), max(whole - half, GUTTER + half))
        shown = svg.fitted(label, whole - GUTTER, 11)
        parts.append(svg.text(middle, y - 7, shown, size=11, colour=colour, text_anchor="middle"))
    return "".join(parts)
