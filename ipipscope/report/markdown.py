"""The report as Markdown, for a ticket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TextIO

from ipipscope.report.file_names import short_names
from ipipscope.report.inert import inert
from ipipscope.report.terminal import verdict_line
from ipipscope.report.times import clock, iso

if TYPE_CHECKING:
    from ipipscope.report.model import Report

SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|~])")


def _text(text: object) -> str:
    return SPECIAL.sub(r"\\\1", inert(text))


def _code(text: object) -> str:
    """A code span; its fence is longer than any run of backticks in it."""
    plain = inert(text)
    longest = max((len(run) for run in re.findall(r"`+", plain)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{plain}{pad}{fence}"


def write_markdown(report: Report, out: TextIO) -> None:
    """Verdict, findings with proofs and commands, capture points."""
    names = short_names(file for point in report.points for file in point.files)
    out.write(f"**{_text(verdict_line(report))}**\n\n")
    out.write(f"{report.answered} of {report.exchanges} exchanges answered, {report.unanswered} unanswered, ")
    out.write(f"{report.undecided} undecided.\n")
    for finding in report.findings:
        out.write(f"\n### {finding.code} {finding.rule}: {finding.impact.value}, {finding.confidence.value}\n\n")
        out.write(f"{_text(finding.summary)} From {iso(finding.first)} to {iso(finding.last)}.\n\n")
        for pair in finding.tunnels:
            request, reply = pair.request or "not seen encapsulated", pair.reply or "not seen encapsulated"
            out.write(f"- tunnel: request {_code(request)}, reply {_code(reply)}\n")
        for evidence in finding.evidence:
            file = names.get(evidence.file, evidence.file)
            out.write(f"- {_code(file)} frame {evidence.frame}, {clock(evidence.time)}: {_text(evidence.what)}\n")
        if finding.cause is not None:
            out.write(f"\nCause ({finding.cause.cls.value}): {_text(finding.cause.text)}\n")
            if finding.cause.config:
                out.write(f"\n    {inert(finding.cause.config)}\n")
        out.writelines(
            f"\nOn {_text(remedy.node)}: {_text(remedy.why)}\n\n    {inert(remedy.command)}\n"
            for remedy in finding.remedy
        )
        out.writelines(f"\nTo record next:\n\n    {inert(capture)}\n" for capture in finding.next_captures)
    out.write("\n| capture point | role | packets | first | last |\n|---|---|---:|---|---|\n")
    for point in report.points:
        first = clock(point.first) if point.first is not None else "-"
        last = clock(point.last) if point.last is not None else "-"
        out.write(f"| {_text(point.point)} | {point.role.value} | {point.packets} | {first} | {last} |\n")
    out.writelines(f"\nNot read: {_text(problem)}\n" for problem in report.problems)
    out.writelines(f"\n{_text(note)}\n" for note in report.notes)
