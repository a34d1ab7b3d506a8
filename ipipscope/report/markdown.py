"""The report as Markdown, for a ticket: the verdict and the picture first, tables folded away behind it.

CommonMark with GitHub's tables; `<details>` is the one piece of HTML in it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TextIO

from ipipscope.language.said import say
from ipipscope.language.told import told
from ipipscope.report.file_names import short_names
from ipipscope.report.inert import LONGEST_COMMAND, inert
from ipipscope.report.path_picture import picture
from ipipscope.report.path_text import draw
from ipipscope.report.standing import standing
from ipipscope.report.terminal import verdict_line
from ipipscope.report.times import clock, from_to
from ipipscope.rules.catalogue import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ipipscope.model import Cause, Finding, PointSummary, Remedy
    from ipipscope.report.model import Report

SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|~&@$])")
LINKS: Final = re.compile(r"(://|www\.)", re.IGNORECASE)
ITEM: Final = re.compile(r"^(\d*)([-+=.)])")
WIDTH: Final = 100
"""Columns of the picture."""
FLOWS_SHOWN: Final = 10


def write_markdown(report: Report, out: TextIO) -> None:
    """Verdict, picture, and for each finding its facts, cause, commands and proof; then what was recorded."""
    out.writelines(f"{line}\n" for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    names = short_names(file for point in report.points for file in point.files)
    yield f"**{_text(verdict_line(report))}**"
    yield ""
    if said := standing(report).said:
        yield _text(said)
    if not report.nodes:
        if said:
            yield ""
        yield told(
            say(
                "{answered} of {exchanges} exchanges answered, {unanswered} unanswered, {undecided} undecided; "
                "{packets} packets, {encapsulated} encapsulated.",
                answered=report.answered,
                exchanges=report.exchanges,
                unanswered=report.unanswered,
                undecided=report.undecided,
                packets=report.packets,
                encapsulated=report.encapsulated,
            )
        )
    for finding in report.findings:
        yield from _finding(finding, names)
    if report.points:
        yield ""
        yield from _folded(
            told(say("Recorded: {count} capture points", count=len(report.points))), _points(report.points)
        )
    for problem in report.problems:
        yield ""
        yield f"{told(say('Not read:'))} {_text(problem.said)}"
    for note in report.notes:
        yield ""
        yield _text(note)


def _finding(finding: Finding, names: Mapping[str, str]) -> Iterator[str]:
    yield ""
    yield f"### {finding.code} {finding.rule}"
    drawn = picture(finding.path) if finding.path is not None else None
    if drawn is not None:
        yield ""
        yield from _fenced("\n".join("".join(text for text, _ in line).rstrip() for line in draw(drawn, WIDTH)), "text")
    yield ""
    yield "| | |"
    yield "|---|---|"
    for label, text in _facts(finding):
        yield f"| {told(label)} | {text} |"
    if finding.cause is not None:
        yield from _cause(finding.cause)
    for place, remedy in enumerate(finding.remedy):
        yield from _remedy(remedy, first=place == 0)
    for place, capture in enumerate(finding.next_captures):
        if place == 0:
            yield ""
            yield told(say("**Record next**, to be sure:"))
        yield ""
        yield from _fenced(inert(told(capture), LONGEST_COMMAND), "sh")
    if finding.evidence:
        yield ""
        rows = [
            f"| {_code(names.get(each.file, each.file), cell=True)} | {each.frame} | {clock(each.time)} "
            f"| {_text(each.what)} |"
            for each in finding.evidence
        ]
        table = [told(say("| file | frame | time (UTC) | what |")), "|---|---:|---|---|", *rows]
        if finding.display_filter:
            table += [
                "",
                told(say("Display filter for Wireshark:")),
                "",
                *_fenced(inert(finding.display_filter, LONGEST_COMMAND), "text"),
            ]
        yield from _folded(told(say("Proof: {count} frames", count=len(finding.evidence))), table)


def _facts(finding: Finding) -> Iterator[tuple[str, str]]:
    impact, confidence = say(finding.impact.value), say(finding.confidence.value)
    how_much = say("**{impact}**, {confidence}", impact=impact, confidence=confidence)
    if finding.last:
        how_much = say("{impact}; {count}", impact=how_much, count=finding.counted)
    yield say("impact"), told(how_much)
    place = f"{finding.node or '?'}:{finding.interface}" if finding.interface else finding.node or "?"
    yield say("where"), _code(place, cell=True)
    if finding.last:
        yield say("when"), told(from_to(finding.first, finding.last))
    yield say("what"), _text(finding.summary)
    if finding.pattern:
        yield say("pattern"), _text(finding.pattern)
    for pair in finding.tunnels[:FLOWS_SHOWN]:
        unseen = say("not seen encapsulated")
        request = _code(pair.request, cell=True) if pair.request else unseen
        reply = _code(pair.reply, cell=True) if pair.reply else unseen
        yield say("outer addresses"), told(say("request {request}, reply {reply}", request=request, reply=reply))
    flows = [f"{flow.src} > {flow.dst} {flow.protocol}" for flow in finding.flows]
    if flows:
        shown = ", ".join(_code(flow, cell=True) for flow in dict.fromkeys(flows[:FLOWS_SHOWN]))
        if len(flows) > FLOWS_SHOWN:
            shown = told(say("{flows} and {count} more", flows=shown, count=len(flows) - FLOWS_SHOWN))
        yield say("flows"), shown
    if finding.consequences:
        yield (
            say("hence"),
            ", ".join(f"{each} {RULES[each].name}" if each in RULES else each for each in finding.consequences),
        )
    if finding.disproved_by:
        yield say("disproved by"), _text(finding.disproved_by)


def _cause(cause: Cause) -> Iterator[str]:
    text = _text(cause.text)
    yield ""
    if cause.node:
        node = _code(cause.node)
        yield told(say("**Cause** on {node} ({cause}): {text}", node=node, cause=cause.cls.value, text=text))
    else:
        yield told(say("**Cause** ({cause}): {text}", cause=cause.cls.value, text=text))
    if cause.config:
        yield ""
        yield from _fenced(inert(cause.config), "text")
    for counter in cause.counters:
        yield ""
        yield f"- {_code(told(counter))}"


def _remedy(remedy: Remedy, *, first: bool) -> Iterator[str]:
    yield ""
    node = _code(remedy.node)
    title = told(say("**Mend** on {node}:", node=node) if first else say("**Or** on {node}:", node=node))
    yield f"{title} {_text(remedy.why)}".rstrip()
    yield ""
    yield from _fenced(inert(remedy.command, LONGEST_COMMAND), "sh")
    if remedy.risk:
        yield ""
        yield told(say("Risk: {risk}", risk=_text(remedy.risk)))
    if remedy.undo:
        yield ""
        yield told(say("Undo:"))
        yield ""
        yield from _fenced(inert(told(remedy.undo), LONGEST_COMMAND), "sh")


def _points(points: tuple[PointSummary, ...]) -> Iterator[str]:
    yield told(say("| capture point | role | packets | first | last |"))
    yield "|---|---|---:|---|---|"
    for point in points:
        first = clock(point.first) if point.first is not None else "-"
        last = clock(point.last) if point.last is not None else "-"
        role = told(say(point.role.value))
        yield f"| {_code(point.point, cell=True)} | {role} | {point.packets} | {first} | {last} |"


# Foreign text --------------------------------------------------------------------------------------------------------


def _text(text: object) -> str:
    """Foreign text in a paragraph or a cell: it makes no markup, no link and no list; what it quotes becomes code."""
    parts = inert(told(text) if isinstance(text, str) else text).strip().split("`")
    if len(parts) % 2:
        quoted = [
            _code(part, cell=True) if place % 2 else _prose(part, begins=place == 0) for place, part in enumerate(parts)
        ]
        return "".join(quoted)
    return _prose("`".join(parts))


def _prose(text: str, *, begins: bool = True) -> str:
    escaped = SPECIAL.sub(r"\\\1", text)
    if begins:  # else no list can begin here
        escaped = ITEM.sub(r"\1\\\2", escaped, count=1)
    return LINKS.sub(lambda found: found[0].replace(":", "\\:").replace(".", "\\."), escaped)


def _code(text: object, *, cell: bool = False) -> str:
    """A code span; its fence is longer than any run of backticks in it."""
    plain = inert(text).strip() or " "
    longest = max((len(run) for run in re.findall(r"`+", plain)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    span = f"{fence}{pad}{plain}{pad}{fence}"
    return span.replace("|", r"\|") if cell else span


def _fenced(text: str, language: str) -> Iterator[str]:
    """A code block, whatever backticks stand in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}{language}"
    yield text
    yield fence


def _folded(title: str, lines: Iterator[str] | list[str]) -> Iterator[str]:
    yield f"<details><summary>{title}</summary>"
    yield ""
    yield from lines
    yield ""
    yield "</details>"
