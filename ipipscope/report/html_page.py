"""The report as one HTML file: it holds all it needs, fetches nothing, and forbids itself to."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, TextIO

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from ipipscope import __version__
from ipipscope.language.said import counted, joined, say, say_of
from ipipscope.language.told import told, written_in
from ipipscope.report.file_names import short_names
from ipipscope.report.host_excerpt import excerpts
from ipipscope.report.host_table import hosts
from ipipscope.report.inert import inert
from ipipscope.report.page_contents import contents_of
from ipipscope.report.standing import standing
from ipipscope.report.svg_ladder import ladder as draw_ladder
from ipipscope.report.svg_ladder import title
from ipipscope.report.svg_timeline import timeline as draw_timeline
from ipipscope.report.svg_topology import topology as draw_topology
from ipipscope.report.times import clock, lasting
from ipipscope.rules.catalogue import RULES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipscope.analysis import Analysis
    from ipipscope.hosts.model import Snapshot
    from ipipscope.model import Finding, Flow, PointSummary, Remedy
    from ipipscope.report.ladder import Ladder
    from ipipscope.report.model import Report
    from ipipscope.report.page_contents import Contents
    from ipipscope.report.svg_timeline import Timeline

FINDINGS_MAX: Final = 20
"""Findings that are told in full; the others have a line each."""
TUNNELS_MAX: Final = 6
QUOTED: Final = re.compile(r"`([^`]+)`")
"""Commands and lines of configuration in a sentence."""
ROWS_OF_TIME: Final = 24
"""Lines of the time line's table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """What stands at the top."""

    kind: str
    word: str
    title: str
    said: str
    numbers: tuple[tuple[str, str], ...]
    command: Remedy | None


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A ladder and its words."""

    number: int
    title: str
    verdict: str
    drawing: Markup


def write_html(
    report: Report,
    out: TextIO,
    analysis: Analysis | None = None,
    *,
    snapshots: Mapping[str, Snapshot] | None = None,
) -> None:
    """The whole page.

    analysis: what the report was made of; without it, as in an audit, there are no pictures and no exchanges.
    snapshots: host state by node, of which guilty lines are shown; those of *analysis* where there is one.
    """
    state = analysis.snapshots if analysis is not None else snapshots or {}
    contents = contents_of(analysis) if analysis is not None else None
    style, script = _asset("page.css"), _asset("page.js")
    page = _environment().get_template("page.html.j2")
    pieces = page.generate(
        policy=_policy(style, script),
        style=Markup(style),  # noqa: S704  (ours)
        script=Markup(script),  # noqa: S704  (ours)
        version=__version__,
        language=written_in().replace("_", "-"),
        report=report,
        problems=[problem.said for problem in report.problems],
        names=short_names(file for point in report.points for file in point.files),
        verdict=_verdict(report),
        findings=[_finding(place, each, contents, state) for place, each in enumerate(report.findings[:FINDINGS_MAX])],
        more_findings=report.findings[FINDINGS_MAX:],
        hosts=hosts(state),
        **_shown(contents),
    )
    out.writelines(pieces)


@cache
def _asset(name: str) -> str:
    return files("ipipscope.report").joinpath("page", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    made = Environment(
        loader=DictLoader({"page.html.j2": _asset("page.html.j2")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown_as,
    )
    made.globals.update(_=say, counted=counted, joined=joined)
    made.filters.update(told=told, clock=clock, lasting=lasting, flow=_flow, ipip=_ipip, prose=_prose)
    return made


def _shown_as(value: object) -> object:
    """What an expression of the page puts into it: our markup as it is, all else in the page's language and inert."""
    return value if isinstance(value, Markup) else inert(told(value) if isinstance(value, str) else value)


def _prose(text: str) -> Markup:
    """A sentence in the page's language, inert, what it quotes set as code."""
    pieces = QUOTED.split(inert(told(text)))
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if place % 2 else escape(piece) for place, piece in enumerate(pieces)
    )


def _policy(style: str, script: str) -> str:
    """Content-Security-Policy: our style, our script, and nothing else from anywhere."""

    def allowed(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    return (
        f"default-src 'none'; style-src 'sha256-{allowed(style)}'; script-src 'sha256-{allowed(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _verdict(report: Report) -> _Verdict:
    stands = standing(report)
    numbers: list[tuple[str, str]] = []
    if report.exchanges:
        numbers.append(
            (
                say("exchanges answered"),
                say("{answered:,} of {exchanges:,}", answered=report.answered, exchanges=report.exchanges),
            )
        )
        numbers += [(say("unanswered"), f"{report.unanswered:,}")] if report.unanswered else []
        numbers += [(say("undecided"), f"{report.undecided:,}")] if report.undecided else []
    if stands.since:
        numbers.append((say("since (UTC)"), stands.since))
    if not report.nodes:
        numbers += [(say("packets"), f"{report.packets:,}"), (say("encapsulated"), f"{report.encapsulated:,}")]
    else:
        numbers += [
            (say("node") if len(report.nodes) == 1 else say("nodes"), f"{len(report.nodes):,}"),
            (say("finding") if len(report.findings) == 1 else say("findings"), f"{len(report.findings):,}"),
        ]
    worst = report.findings[0] if report.findings and not report.healthy else None
    title = told(stands.timeless or stands.title)
    return _Verdict(
        kind=stands.kind,
        word=stands.word,
        title=title if worst is not None else title[:1].upper() + title[1:],
        said=stands.said,
        numbers=tuple(numbers),
        command=worst.remedy[0] if worst is not None and worst.remedy else None,
    )


def _finding(
    place: int, finding: Finding, contents: Contents | None, snapshots: Mapping[str, Snapshot]
) -> dict[str, Any]:
    cause = finding.cause
    ladders = contents.finding_ladders.get(place, ()) if contents is not None else ()
    where = finding.node or say("unknown node")
    return {
        "finding": finding,
        "place": say("{node}, {interface}", node=where, interface=finding.interface) if finding.interface else where,
        "tunnels": finding.tunnels[:TUNNELS_MAX],
        "ladders": [_drawn(each, f"finding-{place + 1}-ladder-{each.exchange.number}") for each in ladders],
        "excerpts": excerpts(snapshots.get(cause.node or ""), cause.config) if cause and cause.config else (),
        "rule": RULES.get(finding.code),
    }


def _drawn(ladder: Ladder, ident: str | None = None) -> _Drawn:
    exchange = ladder.exchange
    verdict = say(exchange.verdict.word)
    if exchange.verdict.code:
        verdict = say("{verdict}, {code}", verdict=verdict, code=exchange.verdict.code)
    if ladder.clocks_differ:
        verdict = say("{verdict}; the clocks of its nodes differ", verdict=verdict)
    drawing = Markup(draw_ladder(ladder, ident=ident or f"drawn-{exchange.number}"))  # noqa: S704  (escapes its text)
    return _Drawn(exchange.number, title(ladder), verdict, drawing)


def _shown(contents: Contents | None) -> dict[str, Any]:
    """The sections that need the analysis; empty without one."""
    if contents is None:
        return dict.fromkeys(
            (
                "strips",
                "strips_errors",
                "strips_left_out",
                "time",
                "ladders",
                "exchanges",
                "exchanges_note",
                "flows",
                "flows_note",
            )
        )
    many, listed = contents.exchanges_total, len(contents.exchanges)
    flows = len(contents.flows)
    left = contents.strips_left_out
    return {
        "strips": Markup(draw_topology(contents.strips)) if contents.strips else None,  # noqa: S704  (escapes its text)
        "strips_errors": any(strip.picture.errors for strip in contents.strips),
        "strips_left_out": say_of(
            left,
            "{count} more pair of nodes is in the tables only.",
            "{count} more pairs of nodes are in the tables only.",
        )
        if left
        else "",
        "time": _time(contents.time) if contents.time is not None else None,
        "ladders": [_drawn(each) for each in contents.ladders],
        "ladders_note": say(
            "{drawn:,} of {many:,} exchanges are drawn: one of each finding, others taken evenly from each verdict.",
            drawn=len(contents.ladders),
            many=many,
        )
        if len(contents.ladders) < many
        else "",
        "exchanges": contents.exchanges,
        "exchanges_note": say(
            "{listed:,} of {many:,} exchanges, taken evenly from each verdict.", listed=listed, many=many
        )
        if listed < many
        else "",
        "flows": contents.flows,
        "flows_note": say("The {flows:,} most concerned of {many:,} flows.", flows=flows, many=contents.flows_total)
        if flows < contents.flows_total
        else "",
    }


def _time(shown: Timeline) -> dict[str, Any]:
    step = max(1, -(-len(shown.answered) // ROWS_OF_TIME))
    rows = [
        (
            shown.start + shown.width * place,
            *(sum(counts[place : place + step]) for counts in (shown.answered, shown.unanswered, shown.undecided)),
        )
        for place in range(0, len(shown.answered), step)
    ]
    return {"drawing": Markup(draw_timeline(shown)), "rows": [row for row in rows if any(row[1:])]}  # noqa: S704


def _flow(flow: Flow) -> str:
    detail = f" id {flow.id}" if flow.id is not None else f" port {flow.dport}" if flow.dport is not None else ""
    return f"{flow.src} > {flow.dst} {flow.protocol}{detail}"


def _ipip(point: PointSummary) -> int:
    return sum(count for kind, count in point.kinds.items() if kind.startswith("ipip"))
