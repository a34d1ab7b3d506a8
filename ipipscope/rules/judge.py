"""Asks every rule of every journey, and gathers what they struck into findings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ipipscope.correlator.sides import find_sides
from ipipscope.model import Confidence, Evidence, Finding, Flow, Impact, Leg, Role, TunnelPair
from ipipscope.rules.catalogue import CAPTURE_RULES, JOURNEY_RULES
from ipipscope.rules.display_filter import display_filter
from ipipscope.rules.view import View, know, segments

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Address

    from ipipscope.correlator.correlate import Correlation
    from ipipscope.correlator.journey import Journey
    from ipipscope.rules.capture_facts import CaptureFacts
    from ipipscope.rules.rule import RuleModule, Strike
    from ipipscope.rules.view import Knowledge

FLOWS_MAX: Final = 100
"""Flows that a finding names; it counts them all."""
EVIDENCE_MAX: Final = 12
IMPACTS: Final = (Impact.LOSS, Impact.PARTIAL, Impact.NONE)
CONFIDENCES: Final = (Confidence.CERTAIN, Confidence.LIKELY, Confidence.POSSIBLE)


@dataclass(slots=True)
class Judgement:
    """What all exchanges show.

    verdicts: how many exchanges were answered, unanswered, undecided.
    """

    findings: list[Finding]
    answered: int = 0
    unanswered: int = 0
    undecided: int = 0
    undecided_at: Counter[str] = field(default_factory=Counter)
    """Undecided exchanges of the overlay, by each node that saw them."""

    @property
    def exchanges(self) -> int:
        """All of them."""
        return self.answered + self.unanswered + self.undecided


@dataclass(slots=True)
class _Case:
    """What one rule struck on one node towards one peer."""

    module: RuleModule
    strike: Strike
    view: View
    count: int = 0
    first: int = 0
    last: int = 0
    lost: Counter[bool | None] = field(default_factory=Counter)
    confidences: set[Confidence] = field(default_factory=set)
    consequences: Counter[str] = field(default_factory=Counter)
    journeys: list[tuple[Journey, Strike]] = field(default_factory=list)
    order: int = 0


def judge(correlation: Correlation, facts: CaptureFacts, file_names: Sequence[str]) -> Judgement:
    """The verdict on every exchange, and the findings, the one that explains most first.

    facts: what is known of the capture itself.
    file_names: by source number, for evidence.
    """
    tunnels: dict[str, list[tuple[int, int] | None]] = {}
    for point, role in correlation.roles.items():
        if role is Role.TUNNEL:
            tunnels.setdefault(point.node, []).append(correlation.spans.get(point))
    knowledge = know(correlation, find_sides(correlation.journeys, correlation.stations, tunnels))
    judgement = Judgement([])
    cases: dict[tuple[str, str | None, IPv4Address | None], _Case] = {}
    for journey in correlation.journeys:
        _judge_journey(journey, knowledge, judgement, cases)
    findings = [_finding(case, knowledge, file_names) for case in cases.values()]
    order = {module.RULE.code: place for place, module in enumerate(JOURNEY_RULES)}
    findings.sort(key=lambda f: (IMPACTS.index(f.impact), -f.count, order[f.code], f.node or ""))
    for module in CAPTURE_RULES:
        findings.extend(module.found(correlation, knowledge, facts, judgement.undecided_at))
    judgement.findings = findings
    return judgement


def _judge_journey(
    journey: Journey,
    knowledge: Knowledge,
    judgement: Judgement,
    cases: dict[tuple[str, str | None, IPv4Address | None], _Case],
) -> None:
    nodes = {station.node for look in journey.sightings if (station := knowledge.stations[look.station])}
    nodes |= {
        node for address in (journey.flow.src, journey.flow.dst) if (node := knowledge.sides.home.get(address))
    }
    for look in journey.sightings:
        if look.outer is not None:
            ends = (look.outer.src, look.outer.dst)
            nodes |= {node for end in ends if (node := knowledge.sides.outer_home.get(end))}
    parts = []
    for count, first, last, recording in segments(journey, knowledge.windows, nodes, knowledge.trip):
        view = View(journey, knowledge, recording)
        struck = [(module, strike) for module in JOURNEY_RULES if (strike := module.struck(view)) is not None]
        struck.sort(key=lambda pair: pair[1].lost is False)  # what lost it before what did not; else the rules' order
        parts.append((count, first, last, view, struck))
    # The same sightings while some point was not recording: where another part proves the fault, it explains these too.
    proven = next((struck for *_, struck in parts if struck), [])
    view_of_proof = next((view for *_, view, struck in parts if struck), None)
    for count, first, last, view, own_strikes in parts:
        struck = own_strikes
        answered = view.answered()
        if not struck and answered is not True and view_of_proof is not None:
            struck, view, answered = proven, view_of_proof, view_of_proof.answered()  # noqa: PLW2901
        _tell(judgement, count, answered, struck, view)
        if struck:
            module, strike = struck[0]
            key = (module.RULE.code, strike.node, _peer(view, strike))
            case = cases.setdefault(key, _Case(module, strike, view, first=first, last=last, order=len(cases)))
            case.count += count
            case.first, case.last = min(case.first, first), max(case.last, last)
            case.lost[strike.lost] += count
            case.confidences.add(strike.confidence)
            case.journeys.append((journey, strike))
            for other, _ in struck[1:]:
                case.consequences[other.RULE.code] += count


def _tell(
    judgement: Judgement,
    count: int,
    answered: bool | None,  # noqa: FBT001
    struck: Sequence[tuple[RuleModule, Strike]],
    view: View,
) -> None:
    """Count the verdict."""
    if answered is None and struck:
        lost = struck[0][1].lost
        answered = None if lost is None else not lost
    if answered is None and not view.in_overlay and view.recording and not view.looks(Leg.REPLY):
        answered = False
    if answered is None:
        judgement.undecided += count
        if view.in_overlay:
            for node in {view.station(look).node for look in view.journey.sightings}:
                judgement.undecided_at[node] += count
    elif answered:
        judgement.answered += count
    else:
        judgement.unanswered += count


def _peer(view: View, strike: Strike) -> IPv4Address | None:
    """The outer address at the other end of the tunnel, seen from the node that was struck."""
    outers = [look.outer for look, _ in strike.proofs if look.outer is not None]
    outers += [look.outer for leg in (Leg.REPLY, Leg.REQUEST) for look in view.outer_anywhere(leg) if look.outer]
    for outer in outers:
        if strike.node in {view.named(outer.src), str(outer.src)}:
            return outer.dst
        if strike.node in {view.named(outer.dst), str(outer.dst)}:
            return outer.src
    return outers[0].dst if outers else None


def _finding(case: _Case, knowledge: Knowledge, file_names: Sequence[str]) -> Finding:
    rule = case.module.RULE
    lost, kept = case.lost[True] + case.lost[None], case.lost[False]
    impact = Impact.PARTIAL if lost and kept else Impact.LOSS if lost else Impact.NONE
    tunnels: dict[TunnelPair, None] = {}
    flows: Counter[Flow] = Counter()
    evidence: dict[tuple[str, int], Evidence] = {}
    for journey, strike in case.journeys:
        request = next((look.outer for look in journey.looks(Leg.REQUEST) if look.outer), None)
        reply = next((look.outer for look in journey.looks(Leg.REPLY) if look.outer), None)
        tunnels[TunnelPair(request, reply)] = None
        flows[journey.flow] += journey.count
        for example in journey.examples:
            for look, what in strike.proofs:
                for seen in example:
                    if seen.look == look and len(evidence) < EVIDENCE_MAX:
                        file = file_names[seen.source]
                        evidence.setdefault(
                            (file, seen.frame), Evidence(file=file, frame=seen.frame, time=seen.time, what=what)
                        )
    busiest = [flow for flow, _ in flows.most_common(FLOWS_MAX)]
    confidence = next(each for each in CONFIDENCES if each in case.confidences)
    return Finding(
        code=rule.code,
        rule=rule.name,
        impact=impact,
        confidence=confidence,
        node=case.strike.node,
        interface=case.strike.interface,
        count=case.count,
        first=case.first,
        last=case.last,
        summary=case.module.summary(case.count, case.strike, case.view),
        tunnels=tuple(tunnels),
        flows=tuple(sorted(busiest)),
        evidence=tuple(evidence.values()),
        display_filter=display_filter(busiest),
        consequences=tuple(sorted(case.consequences)),
        disproved_by=rule.disproved_by,
        next_captures=() if confidence is Confidence.CERTAIN else _next_captures(case, knowledge),
    )


def _next_captures(case: _Case, knowledge: Knowledge) -> tuple[str, ...]:
    """What to record to be sure: all devices of each node that is concerned and was not wholly recorded."""
    nodes = {case.strike.node, case.view.name(Leg.REQUEST), case.view.name(Leg.REQUEST, target=True)} - {None}
    return tuple(
        f"on {node}: tcpdump -i any -s 128 -w {node}_any.pcap 'ip proto 4 or icmp'"
        for node in sorted(str(node) for node in nodes)
        if not any(p.node == node and role is Role.ANY for p, role in knowledge.roles.items())
    )
