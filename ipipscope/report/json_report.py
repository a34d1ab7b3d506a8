"""The JSON report (DESIGN.md §7); its schema stands beside this module and is made from `ipipscope.report.schema`."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, TextIO

from ipipscope.language.told import told
from ipipscope.model import SECOND
from ipipscope.report.file_names import short_names
from ipipscope.report.times import iso

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipscope.model import Finding, Flow, OuterPair, PathSeen, PointSummary
    from ipipscope.report.model import Report

SCHEMA: Final = "ipipscope.report/1"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the report."""
    text = files("ipipscope.report").joinpath("report.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def as_json(report: Report) -> dict[str, Any]:
    """The report as plain values."""
    names = short_names(file for point in report.points for file in point.files)
    return {
        "schema": SCHEMA,
        "capture_points": [_point(point, names) for point in report.points],
        "summary": {
            "packets": report.packets,
            "encapsulated": report.encapsulated,
            "exchanges": report.exchanges,
            "answered": report.answered,
            "unanswered": report.unanswered,
            "undecided": report.undecided,
            "healthy": report.healthy,
        },
        "findings": [finding_as_json(finding, names) for finding in report.findings],
        "problems": [
            {
                "file": names.get(problem.source, problem.source),
                "problem": told(problem.problem),
                "hint": told(problem.hint),
                "frame": getattr(problem, "frame", None),
                "offset": getattr(problem, "offset", None),
            }
            for problem in report.problems
        ],
        "notes": [told(note) for note in report.notes],
        "clocks": [
            {
                "node": clock.node,
                "reference": clock.reference,
                "offset": clock.offset / SECOND,
                "uncertainty": None if clock.uncertainty is None else clock.uncertainty / SECOND,
                "drift": clock.drift,
                "packets": clock.packets,
            }
            for clock in report.clocks
        ],
    }


def write_json(report: Report, out: TextIO) -> None:
    """The report as one JSON document, for people's eyes too."""
    json.dump(as_json(report), out, indent=2, ensure_ascii=True)
    out.write("\n")


def write_ndjson(report: Report, out: TextIO) -> None:
    """One JSON object a line: the summary, then a finding each, each with its `type`."""
    whole = as_json(report)
    out.writelines(json.dumps({"type": "finding", **finding}) + "\n" for finding in whole.pop("findings"))
    out.write(json.dumps({"type": "report", **whole}) + "\n")


def _point(point: PointSummary, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "node": point.point.node,
        "interface": point.point.interface,
        "role": point.role.value,
        "file": names[point.files[0]],
        "files": [names[file] for file in point.files],
        "link_type": point.link_types[0],
        "packets": point.packets,
        "first": None if point.first is None else iso(point.first),
        "last": None if point.last is None else iso(point.last),
        "dropped": point.dropped,
        "kinds": point.kinds,
        "malformed": point.malformed,
    }


def _pair(outer: OuterPair | None) -> list[str] | None:
    return None if outer is None else [str(outer.src), str(outer.dst)]


def _flow(flow: Flow) -> dict[str, Any]:
    return {
        "src": str(flow.src),
        "dst": str(flow.dst),
        "protocol": flow.protocol,
        "id": flow.id,
        "dport": flow.dport,
    }


def _path(path: PathSeen) -> dict[str, Any]:
    return {
        "flow": _flow(path.flow),
        "hops": [
            {
                "leg": hop.leg.value,
                "node": hop.node,
                "role": hop.role.value,
                "interface": hop.interface,
                "passage": hop.passage.value,
                "outer": _pair(hop.outer),
            }
            for hop in path.hops
        ],
        "errors": [
            {
                "about": error.about.value,
                "what": told(error.what),
                "from": str(error.sender),
                "node": error.node,
                "to": str(error.to),
                "seen": [{"node": hop.node, "interface": hop.interface} for hop in error.hops],
                "arrived": error.arrived,
            }
            for error in path.errors
        ],
    }


def finding_as_json(finding: Finding, names: Mapping[str, str]) -> dict[str, Any]:
    """One finding as plain values; *names* shortens file names."""
    cause = finding.cause
    return {
        "code": finding.code,
        "rule": finding.rule,
        "impact": finding.impact.value,
        "confidence": finding.confidence.value,
        "node": finding.node,
        "interface": finding.interface,
        "count": finding.count,
        "first": iso(finding.first),
        "last": iso(finding.last),
        "summary": told(finding.summary),
        "tunnels": [{"request": _pair(pair.request), "reply": _pair(pair.reply)} for pair in finding.tunnels],
        "flows": [_flow(flow) for flow in finding.flows],
        "evidence": [
            {
                "file": names.get(evidence.file, evidence.file),
                "frame": evidence.frame,
                "time": iso(evidence.time),
                "what": told(evidence.what),
            }
            for evidence in finding.evidence
        ],
        "display_filter": finding.display_filter,
        "consequences": list(finding.consequences),
        "pattern": told(finding.pattern),
        "disproved_by": told(finding.disproved_by),
        "next_captures": [told(capture) for capture in finding.next_captures],
        "path": None if finding.path is None else _path(finding.path),
        "cause": None
        if cause is None
        else {
            "class": cause.cls.value,
            "node": cause.node,
            "config": cause.config,
            "text": told(cause.text),
            "counters": [told(counter) for counter in cause.counters],
        },
        "remedy": [
            {
                "node": remedy.node,
                "command": remedy.command,
                "why": told(remedy.why),
                "risk": told(remedy.risk),
                "undo": told(remedy.undo),
            }
            for remedy in finding.remedy
        ],
    }
