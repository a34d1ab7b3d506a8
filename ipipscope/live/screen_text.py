"""What stands on the screen while a capture runs: the verdict first, then exchanges, points, journeys, notes."""

from __future__ import annotations

from heapq import nlargest
from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say
from ipipscope.language.told import told
from ipipscope.live.layout import Block, cut, opposite, stacked
from ipipscope.model import Impact, Leg, Passage
from ipipscope.report.inert import inert
from ipipscope.report.ladder_text import LEGS
from ipipscope.report.lines import cells, fold, shortened
from ipipscope.report.standing import standing
from ipipscope.report.times import clock, whole_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ipipscope.analysis import Analysis
    from ipipscope.correlator.journey import Journey
    from ipipscope.language.said import Said
    from ipipscope.live.events import Known
    from ipipscope.live.watched import PointCount, Watched
    from ipipscope.model import CapturePoint, Finding, Hop
    from ipipscope.report.lines import Line

STYLES: Final = {
    Impact.LOSS: "bold white on red",
    Impact.PARTIAL: "black on yellow",
    Impact.NONE: "black on cyan",
}
KINDS: Final = {
    "loss": STYLES[Impact.LOSS],
    "partial": STYLES[Impact.PARTIAL],
    "undecided": "black on yellow",
    "healthy": "black on green",
}
REQUESTS: Final = {Leg.REQUEST, Leg.REQUEST_ERROR}
VERDICTS: Final = {"answered": "green", "unanswered": "bold red", "undecided": "yellow"}
SUMMARY_LINES: Final = 3
JOURNEYS: Final = 8
BEHIND: Final = 1.0
"""Seconds from which on it is said that judging is late."""
NARROW: Final = 60
"""Columns below which a table leaves out what matters least."""


def screen_lines(
    watched: Watched, rates: Mapping[CapturePoint, float], notes: Sequence[str], width: int, height: int
) -> list[Line]:
    """At most *height* lines of at most *width* columns.

    rates: packets a second.
    """
    analysis = watched.latest
    blocks = [
        Block([_head(watched, width), *_late(watched, width)], least=3),
        _findings(watched, width),
        Block([_exchanges(analysis)] if analysis else []),
        _points(watched.points(), rates, width),
        _journeys(analysis, width) if analysis else Block([]),
        Block([[[(told(say("note")), "yellow"), ("  " + inert(told(note)), "")]] for note in reversed(notes)]),
    ]
    return [cut(line, width) for line in stacked(blocks, (0, 1, 2, 5, 3, 4), height)]


def _head(watched: Watched, width: int) -> list[Line]:
    line: Line = [(f" {told(watched.doing)} ", "black on green"), (f" {told(watched.done)}", "")]
    if watched.now:
        line.append((f"  {clock(watched.now)[:8]} UTC", ""))
    end: Line = [(told(say("Ctrl-C: report")), "dim")]
    if watched.file is not None:
        room = width - sum(cells(text) for text, _ in line) - cells(end[0][0]) - 4
        name = next((name for each in _names(watched.file) if cells(name := inert(each)) <= room), None)
        line += [(f"  {name}", "dim")] if name else []
    return [opposite(line, end, width)]


def _names(file: str) -> tuple[str, str]:
    return file, file.rpartition("/")[2]


def _late(watched: Watched, width: int) -> list[list[Line]]:
    late = []
    if watched.behind >= BEHIND:
        late.append(say("judging is {count:.0f} s behind", count=watched.behind))
    if watched.passed_over:
        late.append(
            say("{count} packets recorded and not judged yet: more came than can be", count=watched.passed_over)
        )
    return [[[(line, "yellow")]] for said in late for line in fold(told(said), width)]


# Verdict -------------------------------------------------------------------------------------------------------------


def _findings(watched: Watched, width: int) -> Block:
    """What is broken now, then what was; the standing of all where that is nothing."""
    is_open, closed = watched.findings.open, watched.findings.closed
    items = [_finding(known, watched.now, width) for known in is_open]
    items += [_past(known, width) for known in closed if known.finding.impact is not Impact.NONE]
    if not any(known.finding.impact is not Impact.NONE for known in is_open):
        items.insert(0, _nothing_now(watched, width, before=any(_is_loss(known.finding) for known in closed)))
    return Block(items, least=3)


def _is_loss(finding: Finding) -> bool:
    return finding.impact is not Impact.NONE


def _nothing_now(watched: Watched, width: int, *, before: bool) -> list[Line]:
    analysis = watched.latest
    if analysis is None or not analysis.report.exchanges:
        waits = say("no exchange is judged yet: each is when the time for its reply is over")
        return [[(f" {told(say('WAITING'))} ", "reverse"), (f" {line}", "")] for line in fold(told(waits), width)[:1]]
    if before:
        return [
            [(f" {told(say('QUIET'))} ", KINDS["undecided"]), (f" {told(say('nothing new is broken now'))}", "bold")]
        ]
    stands = standing(analysis.report)
    head: Line = [(f" {told(stands.word).upper()} ", KINDS[stands.kind]), (f" {inert(told(stands.title))}", "bold")]
    return [head, *([(line, "")] for line in fold(inert(told(stands.said)), width)[:SUMMARY_LINES] if line)]


def _title(finding: Finding, room: int) -> str:
    """Rule and place, with as much of the rule as fits into *room* columns: the place says where to look."""
    place = finding.node or told(say("an unknown node"))
    if finding.interface and finding.interface != "any":
        place = f"{place}:{finding.interface}"
    rules = (f"{finding.code} {finding.rule}", finding.rule, finding.code)
    titles = [inert(told(say("{rule} on {place}", rule=rule, place=place))) for rule in rules]
    return next((title for title in titles if cells(title) <= room), titles[-1])


def _finding(known: Known, now: int, width: int) -> list[Line]:
    """Rule, place, count and begin in one line; what it is in the next ones."""
    finding = known.finding
    badge = f" {told(say(finding.impact.value)).upper()} "
    since = _since(finding, width)
    indent = " " * (cells(badge) + 1)
    title = _title(finding, width - cells(indent) - cells(since) - 2)
    lines = [opposite([(badge, STYLES[finding.impact]), (f" {title}", "bold")], [(since, "bold")], width)]
    ago = told(
        say(
            "for {time}, the last one {ago} ago",
            time=whole_seconds(max(0, now - finding.first)),
            ago=whole_seconds(max(0, now - finding.last)),
        )
    )
    summary = fold(inert(told(finding.summary)), max(20, width - cells(indent)))
    lines += [[(indent + line, "")] for line in summary[:SUMMARY_LINES]]
    return [*lines, [(indent + ago, "dim")]]


def _since(finding: Finding, width: int) -> str:
    since = clock(finding.first)[:8]
    if width < NARROW + 20:
        return f"{finding.count}x {since}"
    return told(say("{count} since {time}", count=finding.counted, time=since))


def _past(known: Known, width: int) -> list[Line]:
    """A finding that is no more, in one line."""
    finding = known.finding
    span = f"{finding.count}x {clock(finding.first)[:8]}-{clock(finding.last)[:8]}"
    badge = f" {told(say('before'))} "
    title = _title(finding, width - cells(badge) - cells(span) - 3)
    return [opposite([(badge, "dim reverse"), (f" {title}", "dim")], [(span, "dim")], width)]


# What was seen -------------------------------------------------------------------------------------------------------


def _exchanges(analysis: Analysis) -> list[Line]:
    told_of = analysis.judgement
    pieces: Line = [(f"{told(say('exchanges'))}  ", "dim")]
    counts: list[tuple[Said, int, str]] = [
        (say("{count} answered", count=f"{told_of.answered:,}"), told_of.answered, VERDICTS["answered"]),
        (say("{count} unanswered", count=f"{told_of.unanswered:,}"), told_of.unanswered, VERDICTS["unanswered"]),
        (say("{count} undecided", count=f"{told_of.undecided:,}"), told_of.undecided, VERDICTS["undecided"]),
    ]
    for place, (said, count, style) in enumerate(counts):
        pieces += [(told(say(", ")) if place else "", ""), (told(said), style if count else "dim")]
    return [pieces]


def _points(points: Sequence[PointCount], rates: Mapping[CapturePoint, float], width: int) -> Block:
    names = [inert(point.point) for point in points]
    drops = any(point.dropped is not None for point in points)
    heads = [told(say("packets")), told(say("a second"))]
    rows = [[f"{point.packets:,}", f"{rates.get(point.point, 0):,.0f}"] for point in points]
    if drops:
        heads.append(told(say("dropped")))
        for row, point in zip(rows, points, strict=True):
            row.append("-" if point.dropped is None else f"{point.dropped:,}")
    if width >= NARROW:
        heads.append(told(say("last (UTC)")))
        for row, point in zip(rows, points, strict=True):
            row.append(clock(point.last)[:12] if point.last else "-")
    columns = [max(cells(text) for text in column) for column in zip(heads, *rows, strict=True)]
    room = width - sum(columns) - 2 * len(columns)
    first = told(say("capture point"))
    widest = max(8, min(room, max(map(cells, [first, *names]))))

    def line(name: str, cells_of: Sequence[str], style: str) -> Line:
        name = shortened(name, widest)
        text = name + " " * (widest - cells(name))
        text += "".join("  " + " " * (size - cells(cell)) + cell for size, cell in zip(columns, cells_of, strict=True))
        return [(text, style)]

    items = [
        [line(name, row, "bold red" if point.dropped else "")]
        for name, row, point in zip(names, rows, points, strict=True)
    ]
    return Block(items, head=[line(first, heads, "dim")], least=2) if items else Block([])


def _journeys(analysis: Analysis, width: int) -> Block:
    """The latest ones, whose exchanges look alike: which way they went, how far they came."""
    latest = nlargest(JOURNEYS, analysis.correlation.journeys, key=lambda journey: journey.last)
    items = [lines for journey in latest if (lines := _journey(analysis, journey, width))]
    return Block(items, head=[[(told(say("latest exchanges")), "dim")]], least=1)


def _journey(analysis: Analysis, journey: Journey, width: int) -> list[Line]:
    verdict = analysis.judgement.verdict(journey.row, journey.last)
    view = analysis.judgement.view(journey.row, journey.last)
    if verdict is None or view is None:
        return []
    from ipipscope.rules.path import path  # noqa: PLC0415  (with the judge, which has it by now)

    flow = journey.flow
    detail = f" id {flow.id}" if flow.id is not None else f" port {flow.dport}" if flow.dport is not None else ""
    line: Line = [
        (f"{clock(journey.last)[:12]}  ", "dim"),
        (f"{told(say(verdict.word))}{f' {verdict.code}' if verdict.code else ''}", VERDICTS[verdict.word]),
        (f"  {flow.src} > {flow.dst} {flow.protocol}{detail}", ""),
    ]
    if journey.count > 1:
        line.append((f" {journey.count}x", "dim"))
    way = _way(path(view).hops)
    if way and sum(cells(text) for text, _ in line) + 2 + cells(way) > width:
        return [line, [(" " * 14 + way, "dim")]]
    return [[*line, (f"  {way}", "dim")]]


def _way(hops: Sequence[Hop]) -> str:
    """How far they came, where a point proves that they came no further."""
    missing = next((place for place, hop in enumerate(hops) if hop.passage is Passage.MISSING and hop.interface), None)
    if missing is None:
        return ""
    at = f"{hops[missing].node or '?'}:{hops[missing].interface}"
    seen = [hop for hop in hops[:missing] if hop.passage is Passage.SEEN]
    if not seen:
        return inert(told(say("not seen at {at}", at=at)))
    after = f"{seen[-1].node or '?'}:{seen[-1].interface}"
    if seen[-1].leg in REQUESTS and hops[missing].leg not in REQUESTS:
        return inert(told(say("request seen at {after}, no reply at {at}", after=after, at=at)))
    leg = LEGS[hops[missing].leg]
    return inert(told(say("{leg} seen at {after}, not at {at}", leg=leg, after=after, at=at)))
