"""The report as text: the verdict in three lines and what mends it, the path with its break, then why and what next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TextIO

from ipipscope.language.said import counted, joined, say, say_of
from ipipscope.language.told import told
from ipipscope.model import Confidence, Impact
from ipipscope.report.file_names import short_names
from ipipscope.report.inert import LONGEST_COMMAND, inert
from ipipscope.report.lines import Line, cells, fold, labelled, padded, plain, write_lines
from ipipscope.report.path_picture import picture
from ipipscope.report.path_text import draw
from ipipscope.report.standing import standing
from ipipscope.report.times import clock, from_to
from ipipscope.rules.catalogue import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ipipscope.language.said import Said
    from ipipscope.model import Finding, Remedy
    from ipipscope.report.model import Report

# White on red, black on yellow and on green: readable on dark and on light backgrounds.
STYLES: Final = {Impact.LOSS: "bold white on red", Impact.PARTIAL: "black on yellow", Impact.NONE: "bold"}
HEADLINES: Final = {
    "loss": STYLES[Impact.LOSS],
    "partial": STYLES[Impact.PARTIAL],
    "undecided": "black on yellow",
    "healthy": "black on green",
}
COMMAND: Final = "bold"
GUILTY: Final = "bold red"
LEAST_WIDTH: Final = 60
INDENT: Final = 13
"""Columns of a finding's labels."""
FLOWS_SHOWN: Final = 3
EVIDENCE_SHOWN: Final = 4
FILTER_SHOWN: Final = 240
HEADS: Final = (
    say("capture point"),
    say("role"),
    say("packets"),
    "ipip",
    say("first"),
    say("last"),
    say("dropped"),
)


def write_text(
    report: Report,
    out: TextIO,
    *,
    width: int = 100,
    colour: bool = False,
    unicode: bool = True,
    quiet: bool = False,
    verbose: bool = False,
) -> None:
    """The whole report, or its verdict in one line.

    width: columns of the terminal; longer lines are folded, commands never are.
    colour: write ANSI styles.
    unicode: else ASCII alone.
    verbose: all evidence and flows, what would disprove a finding, how to undo a remedy, every picture and table.
    """
    lines = _one_line(report) if quiet else _lines(report, max(LEAST_WIDTH, width), verbose=verbose)
    write_lines(lines, out, colour=colour, unicode=unicode)


def verdict_line(report: Report) -> str:
    """The verdict in one line of plain text."""
    return " ".join(map(plain, _one_line(report)))


def _lines(report: Report, width: int, *, verbose: bool) -> Iterator[Line]:
    names = short_names(file for point in report.points for file in point.files)
    yield from _verdict(report, width)
    for number, finding in enumerate(report.findings, 1):
        drawn = picture(finding.path) if finding.path and (verbose or number == 1) else None
        if drawn is not None and number == 1:
            yield []
            yield from draw(drawn, width)
        yield []
        yield _title(number, finding)
        if drawn is not None and number > 1:
            yield from draw(drawn, width)
        yield from _what(finding, width, verbose=verbose, told=number == 1 and standing(report).said == finding.summary)
        yield from _proof(finding, names, width, verbose=verbose)
        yield from _cause(finding, width)
        for place, remedy in enumerate(finding.remedy):
            yield from _remedy(remedy, width, first=place == 0, verbose=verbose)
        yield from _certainty(finding, width, verbose=verbose)
        yield from _next(finding, report, width)
    if report.points:
        yield []
        yield from _points(report) if verbose or not report.findings else _recorded(report, width)
    for note in report.notes:
        yield from labelled(say("note"), note, width, indent=INDENT)


# The verdict ---------------------------------------------------------------------------------------------------------


def _one_line(report: Report) -> Iterator[Line]:
    yield [*_headline(report), ("" if report.nodes else told(say("; {answered}", answered=_answered(report))), "")]


def _verdict(report: Report, width: int) -> Iterator[Line]:
    yield _headline(report)
    stands = standing(report)
    if report.findings and not report.healthy:
        yield from _folded(stands.said, width)
    if not report.nodes:
        answers = [_answered(report)]
        answers += [say("{count} unanswered", count=report.unanswered)] if report.unanswered else []
        answers += [say("{count} undecided", count=report.undecided)] if report.undecided else []
        tally = say(
            "{answers}; {packets}, {encapsulated} encapsulated",
            answers=joined(", ", answers),
            packets=counted(report.packets, "packet"),
            encapsulated=report.encapsulated,
        )
        yield [(told(tally), "")]
    if report.healthy:
        yield from _folded(stands.said, width)
    elif report.findings and report.findings[0].remedy:
        # What to do now, for who reads no further; its risk and other ways stand with the finding.
        first = report.findings[0].remedy[0]
        yield [(told(say("What to do first, on {node}:", node=inert(first.node))), "")]
        yield [("  ", ""), (inert(first.command, LONGEST_COMMAND), COMMAND)]


def _folded(text: str, width: int) -> Iterator[Line]:
    if text:
        for line in fold(inert(told(text)), width):
            yield [(line, "")]


def _headline(report: Report) -> Line:
    stands = standing(report)
    return [(f" {told(stands.word).upper()} ", HEADLINES[stands.kind]), (f" {inert(told(stands.title))}", "bold")]


def _answered(report: Report) -> Said:
    return say(
        "{answered} of {exchanges} answered", answered=report.answered, exchanges=counted(report.exchanges, "exchange")
    )


# A finding -----------------------------------------------------------------------------------------------------------


def _title(number: int, finding: Finding) -> Line:
    return [
        (f"{number}. {finding.code} {finding.rule}", "bold"),
        ("  ", ""),
        (f" {told(say(finding.impact.value))} ", STYLES[finding.impact]),
        (f" {told(finding.counted)}" if finding.last else "", ""),
    ]


def _what(finding: Finding, width: int, *, verbose: bool, told: bool) -> Iterator[Line]:
    """Where, when, and which traffic; the summary where the verdict did not say it."""
    if not told:
        yield from labelled(say("what"), finding.summary, width, indent=INDENT)
    place = f"{finding.node or '?'}:{finding.interface}" if finding.interface else finding.node or "?"
    yield from labelled(say("where"), place, width, indent=INDENT)
    if finding.last:
        yield from labelled(say("when"), from_to(finding.first, finding.last), width, indent=INDENT)
    if finding.pattern:
        yield from labelled(say("pattern"), finding.pattern, width, indent=INDENT)
    shown = len(finding.tunnels) if verbose else FLOWS_SHOWN
    for place_, pair in enumerate(finding.tunnels[:shown]):
        unseen = say("not seen encapsulated")
        outer = say("request {request}; reply {reply}", request=pair.request or unseen, reply=pair.reply or unseen)
        yield from labelled("" if place_ else say("outer"), outer, width, indent=INDENT)
    if len(finding.tunnels) > shown:
        more = say_of(len(finding.tunnels) - shown, "and {count} more pair", "and {count} more pairs")
        yield from labelled("", more, width, indent=INDENT)
    shown = len(finding.flows) if verbose else FLOWS_SHOWN
    for place_, flow in enumerate(finding.flows[:shown]):
        detail = f" id {flow.id}" if flow.id is not None else f" port {flow.dport}" if flow.dport is not None else ""
        text = f"{flow.src} > {flow.dst} {flow.protocol}{detail}"
        yield from labelled("" if place_ else say("flows"), text, width, indent=INDENT)
    if len(finding.flows) > shown:
        more = say_of(len(finding.flows) - shown, "and {count} more flow", "and {count} more flows")
        yield from labelled("", more, width, indent=INDENT)


def _proof(finding: Finding, names: Mapping[str, str], width: int, *, verbose: bool) -> Iterator[Line]:
    shown = len(finding.evidence) if verbose else EVIDENCE_SHOWN
    for place, evidence in enumerate(finding.evidence[:shown]):
        file = names.get(evidence.file, evidence.file)
        text = say(
            "{file} frame {frame}, {time}: {what}",
            file=file,
            frame=evidence.frame,
            time=clock(evidence.time),
            what=evidence.what,
        )
        yield from labelled("" if place else say("proof"), text, width, indent=INDENT)
    if len(finding.evidence) > shown:
        more = say_of(len(finding.evidence) - shown, "and {count} more frame (-v)", "and {count} more frames (-v)")
        yield from labelled("", more, width, indent=INDENT)
    if finding.consequences:
        follows = (f"{code} {RULES[code].name}" if code in RULES else code for code in finding.consequences)
        yield from labelled(say("hence"), ", ".join(follows), width, indent=INDENT)
    if finding.display_filter and (verbose or len(finding.display_filter) <= FILTER_SHOWN):
        yield [(padded(told(say("filter")), INDENT), "dim"), (inert(finding.display_filter, LONGEST_COMMAND), "")]


def _cause(finding: Finding, width: int) -> Iterator[Line]:
    cause = finding.cause
    if cause is None:
        return
    found = say("{cause} on {node}", cause=cause.cls.value, node=cause.node) if cause.node else cause.cls.value
    if cause.config:
        yield from labelled(say("cause"), say("{cause}, by this line:", cause=found), width, indent=INDENT)
        yield [(" " * (INDENT - 2), ""), (f"▶ {inert(cause.config)}", GUILTY)]
        yield from labelled("", cause.text, width, indent=INDENT)
    else:
        yield from labelled(say("cause"), say("{cause}: {text}", cause=found, text=cause.text), width, indent=INDENT)
    for counter in cause.counters:
        yield from labelled("", counter, width, indent=INDENT)


def _remedy(remedy: Remedy, width: int, *, first: bool, verbose: bool) -> Iterator[Line]:
    why = say("on {node}:", node=remedy.node)
    if remedy.why:
        why = say("on {node}: {why}", node=remedy.node, why=remedy.why)
    yield from labelled(say("mend") if first else say("or"), why, width, indent=INDENT)
    # A command is copied: it stands on a line of its own and is never folded.
    yield [(" " * INDENT, ""), (inert(remedy.command, LONGEST_COMMAND), COMMAND)]
    if remedy.risk:
        yield from labelled("", say("risk: {risk}", risk=remedy.risk), width, indent=INDENT, style="dim")
    if remedy.undo and verbose:
        yield [(" " * INDENT, ""), (told(say("undo:")), "dim")]
        yield [(" " * INDENT, ""), (inert(told(remedy.undo), LONGEST_COMMAND), "")]


def _certainty(finding: Finding, width: int, *, verbose: bool) -> Iterator[Line]:
    yield from labelled(say("confidence"), say(finding.confidence.value), width, indent=INDENT)
    if finding.disproved_by and (verbose or finding.confidence is not Confidence.CERTAIN):
        yield from labelled("", say("disproved by: {what}", what=finding.disproved_by), width, indent=INDENT)


def _next(finding: Finding, report: Report, width: int) -> Iterator[Line]:
    """What to do now."""
    commands: Sequence[str] = ()
    text = None
    if finding.next_captures:
        text, commands = say("To be sure, record:"), finding.next_captures
    elif report.nodes:
        pass
    elif finding.remedy:
        text = say("Mend it, record again, and triage the new capture.")
    elif finding.cause is None and finding.impact is not Impact.NONE:
        text, commands = _state_wanted(finding, report.state)
    if text is not None:
        yield from labelled(say("next"), text, width, indent=INDENT)
    for command in commands:
        yield [(" " * INDENT, ""), (inert(told(command), LONGEST_COMMAND), COMMAND)]
    yield from labelled(say("meaning"), f"ipipscope explain {finding.code}", width, indent=INDENT)


def _state_wanted(finding: Finding, at_hand: Sequence[str]) -> tuple[Said, list[str]]:
    """Whose state would tell the cause, and the commands that take it."""
    if not at_hand:
        node = finding.node or say("the node")
        text = say("Host state tells the cause: run this on {node} and add its file with --state.", node=node)
        return text, [_snapshot_of(finding.node or "node")]
    concerned = [finding.node, *(hop.node for hop in finding.path.hops)] if finding.path else [finding.node]
    nodes = list(dict.fromkeys(node for node in concerned if node is not None))
    lacking = [node for node in nodes if node not in at_hand]
    if lacking:
        text = say(
            "The state at hand shows no cause: take that of {nodes} as well, by running this on each.",
            nodes=joined(", ", lacking),
        )
        return text, list(map(_snapshot_of, lacking))
    text = say("The state of {nodes} shows no cause: take it anew while packets fail.", nodes=joined(", ", nodes))
    return text, []


def _snapshot_of(node: str) -> str:
    return f"ipipscope snapshot -o {_word(node)}.json"


def _word(name: str) -> str:
    return name if name.replace("-", "").replace(".", "").replace("_", "").isalnum() else "node"


# What was recorded ---------------------------------------------------------------------------------------------------


def _recorded(report: Report, width: int) -> Iterator[Line]:
    nodes: dict[str, list[str]] = {}
    for summary in report.points:
        nodes.setdefault(summary.point.node, []).append(summary.point.interface)
    text = "; ".join(f"{node}: {', '.join(interfaces)}" for node, interfaces in nodes.items())
    yield from labelled(say("recorded"), say("{points} (-v for the table)", points=text), width, indent=INDENT)


def _points(report: Report) -> Iterator[Line]:
    rows: list[tuple[str, ...]] = [tuple(map(told, HEADS))]
    rows += [
        (
            inert(summary.point),
            told(say(summary.role.value)),
            str(summary.packets),
            str(sum(count for kind, count in summary.kinds.items() if kind.startswith("ipip")) or "-"),
            clock(summary.first) if summary.first is not None else "-",
            clock(summary.last) if summary.last is not None else "-",
            "-" if summary.dropped is None else str(summary.dropped),
        )
        for summary in report.points
    ]
    if all(summary.dropped is None for summary in report.points):
        rows = [row[:-1] for row in rows]
    widths = [max(cells(row[column]) for row in rows) for column in range(len(rows[0]))]
    for place, row in enumerate(rows):
        line = ""
        for column, (text, width) in enumerate(zip(row, widths, strict=True)):
            room = " " * (width - cells(text))
            line += (room + text if column in {2, 3, 6} else text + room) + "  "
        yield [(line.rstrip(), "dim" if place == 0 else "")]
