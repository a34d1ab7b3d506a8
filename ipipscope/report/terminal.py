"""The report as text: the verdict first, then each finding with its proof, then what was recorded.

Lines are built as pieces with a style each; a terminal gets the styles, a pipe the plain text of the same lines.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final, TextIO

from ipipscope.model import Impact
from ipipscope.report.file_names import short_names
from ipipscope.report.inert import inert
from ipipscope.report.times import clock, lasting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ipipscope.model import Finding
    from ipipscope.report.model import Report

Piece = tuple[str, str]
"""Text and its style, in rich's words; "" is plain."""
Line = list[Piece]

STYLES: Final = {Impact.LOSS: "bold red", Impact.PARTIAL: "bold yellow", Impact.NONE: "bold cyan"}
LABEL: Final = 11
"""Columns of a finding's labels."""
FLOWS_SHOWN: Final = 4
EVIDENCE_SHOWN: Final = 4


def write_text(report: Report, out: TextIO, *, width: int = 100, colour: bool = False, quiet: bool = False) -> None:
    """The whole report, or its first line.

    width: columns of the terminal; longer lines are folded.
    colour: write ANSI styles.
    """
    lines = list(_verdict(report))[:1] if quiet else list(_lines(report, max(60, width)))
    if colour:
        from rich.console import Console  # noqa: PLC0415  (80 ms that a pipe need not wait for)
        from rich.text import Text  # noqa: PLC0415

        console = Console(file=out, force_terminal=True, width=max(60, width), highlight=False)
        for line in lines:
            console.print(Text.assemble(*line), soft_wrap=True)
        return
    for line in lines:
        out.write("".join(text for text, _ in line).rstrip() + "\n")


def _lines(report: Report, width: int) -> Iterator[Line]:
    names = short_names(file for point in report.points for file in point.files)
    yield from _verdict(report)
    for number, finding in enumerate(report.findings, 1):
        yield []
        yield from _finding(number, finding, names, width)
    if report.points:
        yield []
        yield from _points(report)
    if report.notes:
        yield []
    for note in report.notes:
        yield [("note  ", "dim"), (inert(note), "")]


def _verdict(report: Report) -> Iterator[Line]:
    worst = report.findings[0] if report.findings else None
    if worst is None or report.healthy:
        if report.nodes:
            yield [("NOTHING FOUND", "bold green"), (f"  in the state of {', '.join(map(inert, report.nodes))}", "")]
            return
        if not report.exchanges:
            yield [("UNDECIDED", "bold yellow"), ("  no exchange of request and reply in these captures", "")]
        elif report.undecided:
            yield [("UNDECIDED", "bold yellow"), ("  no fault found as far as the captures show", "")]
        else:
            yield [("HEALTHY", "bold green"), ("  every exchange is accounted for", "")]
    else:
        yield [
            (worst.impact.value.upper(), STYLES[worst.impact]),
            (f"  {worst.rule} on {inert(worst.node or 'an unknown node')}", "bold"),
            ("" if report.nodes else f", since {clock(worst.first)} UTC", ""),
        ]
        yield [(inert(worst.summary), "")]
    if report.nodes:
        return
    told = [f"{report.answered} of {report.exchanges} exchanges answered"]
    told += [f"{report.unanswered} unanswered"] if report.unanswered else []
    told += [f"{report.undecided} undecided"] if report.undecided else []
    yield [(f"{', '.join(told)}; {report.packets} packets, {report.encapsulated} encapsulated", "")]


def _finding(number: int, finding: Finding, names: Mapping[str, str], width: int) -> Iterator[Line]:
    yield [
        (f"{number}. {finding.code} {finding.rule}", "bold"),
        ("  ", ""),
        (finding.impact.value, STYLES[finding.impact]),
        (f", {finding.confidence.value}" + (f", {finding.count} exchanges" if finding.last else ""), ""),
    ]
    place = f"{finding.node or '?'}:{finding.interface}" if finding.interface else finding.node or "?"
    yield from _labelled("where", place, width)
    if finding.last:
        span = lasting(finding.last - finding.first)
        yield from _labelled("when", f"{clock(finding.first)} to {clock(finding.last)} UTC ({span})", width)
    yield from _labelled("what", finding.summary, width)
    for pair in finding.tunnels[:FLOWS_SHOWN]:
        request = pair.request or "not seen encapsulated"
        yield from _labelled("tunnel", f"request {request}; reply {pair.reply or 'not seen encapsulated'}", width)
    for flow in finding.flows[:FLOWS_SHOWN]:
        detail = f" id {flow.id}" if flow.id is not None else f" port {flow.dport}" if flow.dport is not None else ""
        yield from _labelled("flow", f"{flow.src} > {flow.dst} {flow.protocol}{detail}", width)
    if len(finding.flows) > FLOWS_SHOWN:
        yield from _labelled("", f"and {len(finding.flows) - FLOWS_SHOWN} more flows", width)
    for evidence in finding.evidence[:EVIDENCE_SHOWN]:
        file = names.get(evidence.file, evidence.file)
        yield from _labelled("proof", f"{file} frame {evidence.frame}, {clock(evidence.time)}: {evidence.what}", width)
    if finding.consequences:
        yield from _labelled("hence", ", ".join(finding.consequences), width)
    if finding.cause is not None:
        yield from _labelled("cause", f"{finding.cause.cls.value}: {finding.cause.text}", width)
        if finding.cause.config:
            on = f"on {finding.cause.node}: " if finding.cause.node else ""
            yield from _labelled("", f"{on}{finding.cause.config}", width)
        for counter in finding.cause.counters:
            yield from _labelled("", counter, width)
    for remedy in finding.remedy:
        # A command is copied: it is never folded.
        yield [
            (f"   {'mend':<{LABEL}}", "dim"),
            (f"on {inert(remedy.node)}: ", ""),
            (inert(remedy.command), "bold green"),
        ]
        if remedy.why:
            yield from _labelled("", remedy.why, width)
        if remedy.risk:
            yield from _labelled("", f"risk: {remedy.risk}", width)
    for capture in finding.next_captures:
        yield [(f"   {'record':<{LABEL}}", "dim"), (inert(capture), "")]
    if finding.display_filter:
        yield [(f"   {'filter':<{LABEL}}", "dim"), (inert(finding.display_filter), "")]


def _labelled(label: str, text: str, width: int) -> Iterator[Line]:
    indent = 3 + LABEL
    folded = textwrap.wrap(inert(text), max(20, width - indent), break_on_hyphens=False) or [""]
    yield [(f"   {label:<{LABEL}}", "dim"), (folded[0], "")]
    for rest in folded[1:]:
        yield [(" " * indent, ""), (rest, "")]


def _points(report: Report) -> Iterator[Line]:
    rows = [("capture point", "role", "packets", "ipip", "first", "last", "dropped")]
    rows += [
        (
            inert(summary.point),
            summary.role.value,
            str(summary.packets),
            str(sum(count for kind, count in summary.kinds.items() if kind.startswith("ipip")) or "-"),
            clock(summary.first) if summary.first is not None else "-",
            clock(summary.last) if summary.last is not None else "-",
            "-" if summary.dropped is None else str(summary.dropped),
        )
        for summary in report.points
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for place, row in enumerate(rows):
        cells = [
            cell.rjust(width) if column in {2, 3, 6} else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield [("  ".join(cells), "dim" if place == 0 else "")]
