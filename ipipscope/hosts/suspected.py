"""Faults that the hosts' state proves on the way of exchanges of which the packets leave open what became of them.

The way is walked as for a finding, there and back. Only what the kernel surely drops is told, never as certain: the
state is of another moment than the packets. Where anything between the two nodes is known to have worked, nothing is.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Final

from ipipscope.hosts.causes import cause_of, searched
from ipipscope.hosts.cluster import Cluster
from ipipscope.hosts.faults import MEANINGS, Fault, Kind
from ipipscope.hosts.remedies import remedies
from ipipscope.language.said import say, say_of
from ipipscope.model import Confidence, Finding, Impact, TunnelPair
from ipipscope.rules.catalogue import RULES
from ipipscope.rules.display_filter import display_filter
from ipipscope.rules.next_capture import everything
from ipipscope.rules.path import path
from ipipscope.rules.several import and_pairs
from ipipscope.rules.view import LEGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ipipscope.hosts.model import Snapshot
    from ipipscope.rules.judge import Judgement
    from ipipscope.rules.part import Part

SURE: Final = frozenset({
    Kind.OWN_NEXT_HOP, Kind.UNROUTED, Kind.UNDERLAY_LOOP, Kind.NO_UNDERLAY, Kind.TUNNEL_DOWN,
    Kind.POD_GONE,
})  # fmt: skip
"""Faults by which no packet comes through, whatever else is configured. A third node may hand on what it gets."""
FLOWS_MAX: Final = 100
NO_REPLY: Final = "IPIP306"


@dataclass(slots=True)
class _Open:
    """Exchanges between two nodes, of the fates of which nothing is known."""

    parts: list[Part] = field(default_factory=list)

    @property
    def finding(self) -> Finding:
        """As far as packets go: no reply was seen."""
        tunnels: dict[TunnelPair, None] = {}
        for part in self.parts:
            outers = [next((look.outer for look in part.view.looks(leg) if look.outer), None) for leg in LEGS]
            tunnels[TunnelPair(*outers)] = None
        flows = dict.fromkeys(part.view.journey.flow for part in self.parts)
        return Finding(
            code=NO_REPLY,
            rule=RULES[NO_REPLY].name,
            impact=Impact.LOSS,
            confidence=Confidence.POSSIBLE,
            node=None,
            interface=None,
            count=sum(part.count for part in self.parts),
            first=min(part.first for part in self.parts),
            last=max(part.last for part in self.parts),
            summary="",
            tunnels=tuple(tunnels),
            flows=tuple(sorted(list(flows)[:FLOWS_MAX])),
            display_filter=display_filter(list(flows)[:FLOWS_MAX]),
            path=path(self.parts[0].view),
        )


def suspected(judgement: Judgement, snapshots: Mapping[str, Snapshot]) -> list[Finding]:
    """Findings on undecided exchanges; none of them `certain`."""
    groups = _undecided(judgement)
    if not groups:
        return []
    cluster = Cluster(snapshots)
    found = []
    for group in groups:
        finding = group.finding
        fault = next((fault for fault in searched(finding, cluster) if fault.kind in SURE and fault.config), None)
        if fault is not None:
            found.append(_told(group, finding, fault, cluster))
    return found


def _undecided(judgement: Judgement) -> list[_Open]:
    """By pair of nodes, where none of their exchanges was answered and none is explained."""
    groups: dict[tuple[str, str], _Open] = defaultdict(_Open)
    worked: set[frozenset[str]] = set()
    for part, verdict in chain.from_iterable(judgement.parts.values()):
        view = part.view
        ends = view.requester, view.replier
        if not part.count or ends[0] is None or ends[1] is None or ends[0] == ends[1]:
            continue
        if part.arrived is not None or verdict.code is not None:
            worked.add(frozenset((ends[0], ends[1])))
        elif view.journey.requested and view.in_overlay:
            groups[ends[0], ends[1]].parts.append(part)
    return [group for ends, group in groups.items() if frozenset(ends) not in worked]


def _told(group: _Open, finding: Finding, fault: Fault, cluster: Cluster) -> Finding:
    """The finding under the rule that the fault shows itself by, where the packets that it drops are recorded."""
    view = group.parts[0].view
    meaning = MEANINGS[fault.kind]
    requesters = fault.node == view.requester and meaning.consequences
    rule = RULES[meaning.consequences[0] if requesters else meaning.code]
    flow = finding.flows[0]
    protocols = {flow.protocol for flow in finding.flows}
    return replace(
        finding,
        code=rule.code,
        rule=rule.name,
        confidence=Confidence.LIKELY if fault.counters else Confidence.POSSIBLE,
        node=fault.node,
        interface=fault.interface,
        summary=say_of(
            finding.count,
            "Nothing recorded shows what became of {count} request from {src} to {dst}; by the state of {node} it "
            "fails.",
            "Nothing recorded shows what became of {count} requests from {src} to {dst}; by the state of {node} they "
            "fail.",
            src=flow.src,
            dst=and_pairs(flow.dst, {(flow.src, flow.dst) for flow in finding.flows}),
            node=fault.node,
        ),
        disproved_by=say(rule.disproved_by),
        next_captures=tuple(everything(node, protocols) for node in _nodes(view.requester, view.replier)),
        cause=cause_of(fault),
        remedy=remedies(cluster, fault),
    )


def _nodes(*nodes: str | None) -> Sequence[str]:
    return sorted({node for node in nodes if node is not None})
