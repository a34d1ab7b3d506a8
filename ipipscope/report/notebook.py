"""What notebooks show of captures, reports, findings and exchanges: the HTML report's pictures, and plain tables.

All text from packets and hosts is made harmless and escaped here; nothing is fetched, and no script runs.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from ipipscope.report.file_names import short_names
from ipipscope.report.inert import inert
from ipipscope.report.ladder import ladder
from ipipscope.report.ladder_text import flow_text, write_ladder
from ipipscope.report.path_picture import picture
from ipipscope.report.svg_ladder import ladder as draw_ladder
from ipipscope.report.svg_topology import Strip
from ipipscope.report.svg_topology import topology as draw_topology
from ipipscope.report.terminal import verdict_line
from ipipscope.report.times import clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ipipscope.analysis import Analysis
    from ipipscope.model import Finding
    from ipipscope.report.model import Report

EVIDENCE_SHOWN: Final = 4
WIDTH: Final = 100


def capture_html(analysis: Analysis) -> str:
    """The verdict and the capture points."""
    report = analysis.report
    rows = [
        (point.point, point.role.value, f"{point.packets:,}", _when(point.first), _when(point.last))
        for point in report.points
    ]
    return report_html(report) + _table(("point", "role", "packets", "first (UTC)", "last (UTC)"), rows)


def report_html(report: Report) -> str:
    """The verdict, and every finding."""
    names = short_names(file for point in report.points for file in point.files)
    parts = [f"<p><strong>{_text(verdict_line(report))}</strong></p>"]
    parts += [finding_html(finding, names) for finding in report.findings]
    if report.problems:
        parts.append("<p>" + "<br>".join(_text(problem) for problem in report.problems) + "</p>")
    return f"<div>{''.join(parts)}</div>"


def finding_html(finding: Finding, names: Mapping[str, str] | None = None) -> str:
    """What was found: path, evidence, cause and remedy.

    names: short names of files.
    """
    short = names or {}
    place = ":".join(each for each in (finding.node, finding.interface) if each)
    head = f"{finding.code} {finding.rule}" + (f" on {place}" if place else "")
    facts = f"impact {finding.impact.value}, {finding.confidence.value}, {finding.counted}"
    parts = [f"<p><strong>{_text(head)}</strong> ({_text(facts)})<br>{_text(finding.summary)}</p>"]
    drawn = picture(finding.path) if finding.path else None
    if drawn is not None:
        parts.append(draw_topology([Strip(picture=drawn)], ident=f"finding-{finding.code}-{finding.first}"))
    if finding.evidence:
        shown = [
            (short.get(each.file, each.file), each.frame, clock(each.time), each.what)
            for each in finding.evidence[:EVIDENCE_SHOWN]
        ]
        parts.append(_table(("file", "frame", "time (UTC)", "what"), shown))
    if finding.cause:
        config = f"<pre>{_text(finding.cause.config)}</pre>" if finding.cause.config else ""
        parts.append(f"<p>Cause: {_text(finding.cause.text)}</p>{config}")
    if finding.remedy:
        commands = "\n".join(f"{remedy.command}    # on {remedy.node}" for remedy in finding.remedy)
        parts.append(f"<p>Remedy, to be checked and run by hand:</p><pre>{_lines(commands)}</pre>")
    return f"<div>{''.join(parts)}</div>"


def exchange_html(analysis: Analysis, number: int) -> str:
    """The ladder of exchange *number*."""
    drawn = ladder(analysis, number)
    verdict, flow = drawn.exchange.verdict, flow_text(drawn.exchange.flow, drawn.exchange.sequence)
    told = f"exchange {number}: {flow}, {verdict.word}{f', {verdict.code}' if verdict.code else ''}"
    return f"<div><p>{_text(told)}</p>{draw_ladder(drawn, ident=f'notebook-ladder-{number}')}</div>"


def exchange_text(analysis: Analysis, number: int) -> str:
    """The same as text, as `ipipscope show --exchange` draws it."""
    lines = write_ladder(ladder(analysis, number), WIDTH, len(analysis.rows))
    return "\n".join(inert("".join(text for text, _ in line)).rstrip() for line in lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    titles = "".join(f"<th>{_text(each)}</th>" for each in head)
    body = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _text(value: object) -> str:
    return escape(inert(value))


def _lines(text: str) -> str:
    return "\n".join(_text(line) for line in text.splitlines())


def _when(time: int | None) -> str:
    return "" if time is None else clock(time)
