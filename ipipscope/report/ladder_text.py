"""The ladder of one exchange, drawn for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say
from ipipscope.language.told import told
from ipipscope.model import Leg, Role
from ipipscope.report.canvas import Canvas
from ipipscope.report.inert import inert
from ipipscope.report.lines import cells, fold
from ipipscope.report.path_picture import LABELS
from ipipscope.report.path_text import Layout, heads
from ipipscope.report.times import clock, iso, lasting
from ipipscope.rules.catalogue import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipipscope.analysis import Exchange
    from ipipscope.model import Flow
    from ipipscope.report.ladder import Ladder, Rung
    from ipipscope.report.lines import Line

MARGIN: Final = 19
"""Columns for time and delay, left of the ladder."""
WORDS: Final = {
    "answered": (say("answered"), "black on green"),
    "unanswered": (say("unanswered"), "bold white on red"),
    "undecided": (say("undecided"), "black on yellow"),
}


LEGS: Final = {
    Leg.REQUEST: say("request"),
    Leg.REPLY: say("reply"),
    Leg.REQUEST_ERROR: say("request error"),
    Leg.REPLY_ERROR: say("reply error"),
}


def write_ladder(ladder: Ladder, width: int, total: int) -> Iterator[Line]:
    """Verdict, ladder and the list of sightings, in at most *width* columns as far as names can be shortened."""
    yield from _head(ladder.exchange, total, ladder.began)
    if ladder.picture is not None:
        yield []
        yield from _draw(ladder, Layout(ladder.picture, width - 1, MARGIN))
    yield []
    yield from _list(ladder, width)
    if ladder.exchange.verdict.answered is False and not any(rung.missing for rung in ladder.rungs):
        yield []
        text = told(
            say("No recording proves the loss of this exchange alone: it is judged with the others of its flow.")
        )
        yield from ([(line, "dim")] for line in fold(text, width))
    if ladder.clocks_differ:
        yield []
        text = told(say("The clocks of these nodes differ: delays between nodes hold that difference."))
        yield from ([(line, "dim")] for line in fold(text, width))


def flow_text(flow: Flow, sequence: int | None) -> str:
    """The inner addresses, ports or id, and the sequence number, where there is one."""
    source, destination = str(flow.src), str(flow.dst)
    if flow.protocol == "icmp":
        return f"icmp {source} > {destination} id {flow.id}" + ("" if sequence is None else f" seq {sequence}")
    return f"{flow.protocol} {source}:{flow.sport or '?'} > {destination}:{flow.dport or '?'}"


def _head(exchange: Exchange, total: int, began: int) -> Iterator[Line]:
    title = told(say("exchange {number} of {total}", number=exchange.number, total=total))
    yield [(title, "bold"), (f"  {flow_text(exchange.flow, exchange.sequence)}", "")]
    verdict = exchange.verdict
    rule = f"{verdict.code} {RULES[verdict.code].name}" if verdict.code else ""
    when = say("on {date} (UTC)", date=iso(began)[:10])
    if verdict.answered and exchange.request and exchange.reply:
        when = say("after {time}, {when}", time=lasting(exchange.reply - exchange.request), when=when)
    word, style = WORDS[verdict.word]
    yield [(f" {told(word)} ", style), (f" {told(when)}{':' if rule else ''}", ""), (f" {rule}", "bold")]


def _draw(ladder: Ladder, layout: Layout) -> list[Line]:
    assert ladder.picture is not None
    canvas = Canvas()
    heads(canvas, ladder.picture, layout)
    before: int | None = None
    leg = None
    for rung in ladder.rungs:
        at = canvas.row()
        if leg is not None and rung.leg is not leg and not rung.missing:
            canvas.put(at, 0, _leg(rung), "dim")
            at = canvas.row()
        leg = rung.leg
        _draw_rung(canvas, at, rung, before, layout)
        before = rung.column if rung.column is not None else before
    return canvas.lines()


def _draw_rung(canvas: Canvas, at: int, rung: Rung, before: int | None, layout: Layout) -> None:
    when = _when(rung) if rung.time is None or rung.delay is None else _delay(rung.delay)
    canvas.put(at, MARGIN - 3 - cells(when), when, "bold red" if rung.missing else "")
    if rung.column is None:
        return
    here = layout.centres[rung.column]
    if before is not None and before != rung.column:
        there = layout.centres[before]
        low, high = sorted((here, there))
        stroke = "╌" if rung.missing else "═" if rung.outer is not None and _crosses(rung, before, layout) else "─"
        style = "red" if rung.missing else "bold" if stroke == "═" else ""
        canvas.put(at, low + 1, stroke * (high - low - 1), style)
        canvas.put(at, there, "└" if here > there else "┘", style)
        if not rung.missing and high - low > 1:
            canvas.put(at, here - 1 if here > there else here + 1, "▶" if here > there else "◀", style)
        pair = f" {rung.outer.src} → {rung.outer.dst} " if rung.outer is not None else ""
        if stroke == "═" and high - low > cells(pair) + 6:
            canvas.put(at, (low + high - cells(pair)) // 2, pair)
    canvas.put(at, here, "✗" if rung.missing else "●", "bold red" if rung.missing else "")


def _crosses(rung: Rung, before: int, layout: Layout) -> bool:
    assert rung.column is not None
    for _, first, last in layout.groups:
        if first <= before <= last:
            return not first <= rung.column <= last
    return False


def _delay(nanoseconds: int) -> str:
    return f"{'-' if nanoseconds < 0 else '+'}{lasting(abs(nanoseconds))}"


def _list(ladder: Ladder, width: int) -> Iterator[Line]:
    """Every sighting with its headers and its frame, which stands on a line of its own where the terminal is narrow."""
    rows = [[_leg(rung), _when(rung), _where(rung), _headers(rung), _frame(rung)] for rung in ladder.rungs]
    widths = [max(cells(row[column]) for row in rows) for column in range(5)]
    beside = sum(widths) + 8 < width
    for rung, row in zip(ladder.rungs, rows, strict=True):
        shown = zip(row[: 4 if beside else 3], widths, strict=False)
        line = "".join(text + " " * (size - cells(text) + 2) for text, size in shown)
        style = "bold red" if rung.missing else ""
        if beside:
            yield [(line, style), (row[4], "dim")]
            continue
        yield [(line.rstrip(), style)]
        for part in fold("; ".join(text for text in row[3:] if text), width - widths[0] - 2):
            yield [(" " * (widths[0] + 2) + part, style or "dim")]


def _leg(rung: Rung) -> str:
    return told(LEGS[rung.leg])


def _when(rung: Rung) -> str:
    return told(say("missing")) if rung.time is None else clock(rung.time)


def _where(rung: Rung) -> str:
    node = inert(rung.hop.node or "?")
    kind = told(LABELS[rung.hop.role])
    interface = inert(rung.hop.interface or kind)
    return f"{node}:{interface} ({kind})" if interface == "any" else f"{node}:{interface}"


def _headers(rung: Rung) -> str:
    if rung.missing:
        expected = say("expected here: IPIP {outer}", outer=rung.outer) if rung.outer else say("expected here")
        return told(expected)
    text = f"IPIP {rung.outer}, ttl {rung.outer_ttl}/{rung.inner_ttl}" if rung.outer else f"ttl {rung.inner_ttl}"
    if rung.outer is None and rung.hop.role is Role.PHYSICAL:
        text = f"{told(say('no outer header'))}, {text}"
    if rung.error is not None:
        text = f"icmp type {rung.error[0]} code {rung.error[1]}, {text}"
    return text


def _frame(rung: Rung) -> str:
    return "" if rung.frame is None else told(say("{file} frame {frame}", file=inert(rung.file), frame=rung.frame))
