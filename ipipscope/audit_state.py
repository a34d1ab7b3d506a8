"""An audit from end to end: host state in, a report out, no packet read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipipscope.hosts.audit import audit as faults_in
from ipipscope.hosts.audit import is_idle
from ipipscope.hosts.cluster import Cluster
from ipipscope.hosts.errors import StateUnreadable
from ipipscope.hosts.reading import State, read_state
from ipipscope.hosts.snapshot import collect
from ipipscope.language.said import joined, say
from ipipscope.report.model import Report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ipipscope.hosts.model import Snapshot
    from ipipscope.model import Finding

WANTED = say("Give a snapshot, `ip route`, `ip addr`, `calicoctl node status` ... as printed.")
NAMED_MAX = 3
"""Findings without effect that the note names."""


@dataclass(frozen=True, slots=True)
class Audit:
    """A report, and the state by node that it is about."""

    report: Report
    snapshots: Mapping[str, Snapshot]


def audit_report(state: Sequence[str] = (), *, strict: bool = False) -> Report:
    """What host state alone tells: see `audit_of`."""
    return audit_of(state, strict=strict).report


def audit_of(state: Sequence[str] = (), *, strict: bool = False) -> Audit:
    """What host state alone tells, with that state: see `ipipscope.hosts.audit`.

    state: snapshots, folders of host state, pasted listings; none for this host as it is now.
    strict: list also what has no effect as far as the state shows; otherwise a note says how much that is.
    Never raises for what a file holds: what cannot be read is in the report's problems.
    """
    read = read_state(state) if state else _this_host()
    findings = faults_in(read.snapshots)
    idle = [] if strict else [finding for finding in findings if is_idle(finding)]
    notes = [
        *_note(idle),
        *(say("{node}: nothing leads into an IP-in-IP tunnel.", node=node) for node in _without(read)),
    ]
    notes += [
        say("left out: {what}: {why}", what=one.what, why=one.why)
        for here in read.snapshots.values()
        for one in here.left_out
        if not state
    ]
    problems = read.problems
    if state and not read.snapshots and not problems:
        problems = tuple(
            StateUnreadable(path, say("no host state in it that ipipscope knows."), WANTED) for path in state
        )
    report = Report(
        points=(), findings=tuple(finding for finding in findings if finding not in idle),
        packets=0, encapsulated=0, exchanges=0, answered=0, unanswered=0, undecided=0,
        problems=problems, notes=tuple(notes), nodes=tuple(sorted(read.snapshots)),
    )  # fmt: skip
    return Audit(report, read.snapshots)


def _this_host() -> State:
    here = collect()
    return State({here.node: here})


def _without(read: State) -> list[str]:
    """Nodes whose routes were read and of which none is the overlay's: their silence proves nothing."""
    cluster = Cluster(read.snapshots)
    return sorted(host.key for host in cluster.hosts.values() if host.knows_routes and not host.tunnel_routes)


def _note(idle: Sequence[Finding]) -> tuple[str, ...]:
    if not idle:
        return ()
    about = sorted({(finding.rule, finding.node or "") for finding in idle})
    names: list[str] = [say("{rule} on {place}", rule=rule, place=node) for rule, node in about[:NAMED_MAX]]
    names += ["..."] if len(about) > NAMED_MAX else []
    return (
        say(
            "{count} without effect as far as this state shows, listed with --strict: {findings}.",
            count=len(idle),
            findings=joined(", ", names),
        ),
    )
