"""Asks every rule of every journey, and gathers what they struck into findings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from ipipscope.correlator.connection_journeys import carried as carried_by
from ipipscope.correlator.connection_journeys import stalled
from ipipscope.correlator.sides import find_sides
from ipipscope.language.said import say
from ipipscope.model import (
    Confidence,
    Evidence,
    Finding,
    Flow,
    Impact,
    Leg,
    OuterPair,
    Passage,
    Role,
    TunnelPair,
    Verdict,
)
from ipipscope.rules import next_capture, no_reply
from ipipscope.rules.catalogue import BY_CODE, CAPTURE_RULES, journey_rules
from ipipscope.rules.display_filter import display_filter
from ipipscope.rules.established import less_sure, passing_meanwhile, settle
from ipipscope.rules.know import know
from ipipscope.rules.knowledge import recording
from ipipscope.rules.known_hosts import KnownHosts
from ipipscope.rules.loss_pattern import Fates, loss_pattern
from ipipscope.rules.over_time import pattern
from ipipscope.rules.part import Part
from ipipscope.rules.path import path
from ipipscope.rules.segments import segments
from ipipscope.rules.told_points import told_of, told_points
from ipipscope.rules.view import LEGS, View

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from ipaddress import IPv4Address

    from ipipscope.correlator.correlate import Correlation
    from ipipscope.correlator.journey import Journey, Seen, Some
    from ipipscope.correlator.looks import Look
    from ipipscope.correlator.recorded_time import Recorded
    from ipipscope.correlator.sides import Sides
    from ipipscope.decoder.columns import Array
    from ipipscope.rules.capture_facts import CaptureFacts
    from ipipscope.rules.knowledge import Knowledge
    from ipipscope.rules.rule import RuleModule, Strike

FLOWS_MAX: Final = 100
"""Flows that a finding names; it counts them all."""
EVIDENCE_MAX: Final = 12
VIEWS_MAX: Final = 16
EDGE: Final = 4
"""Exchanges lie well outside the time of a point when they are further from it than such a part of it."""
NO_REPLY: Final = "IPIP306"
TOO_LARGE: Final = "IPIP401"
IMPACTS: Final = (Impact.LOSS, Impact.PARTIAL, Impact.NONE)
CONFIDENCES: Final = (Confidence.CERTAIN, Confidence.LIKELY, Confidence.POSSIBLE)


@dataclass(slots=True)
class Judgement:
    """What all exchanges show.

    sides: which node is whose, for each journey.
    answered, unanswered, undecided: how many exchanges were.
    """

    findings: list[Finding]
    sides: Sides
    answered: int = 0
    unanswered: int = 0
    undecided: int = 0
    parts: dict[int, list[tuple[Part, Verdict]]] = field(default_factory=dict)
    """The verdicts of each journey, by its row; none for journeys seen again behind a translation."""
    undecided_at: Counter[str] = field(default_factory=Counter)
    """Undecided exchanges of the overlay, by each node that saw them."""

    def verdict(self, journey: int, time: int) -> Verdict | None:
        """What an exchange shows; None for one that is counted as another, seen behind a translation.

        journey: row of its journey.
        time: when it began, nanoseconds.
        """
        if journey not in self.parts:
            return None
        told, verdicts = self.verdicts(np.array([journey], "i4"), np.array([time], "i8"))
        return verdicts[int(told[0])]

    def verdicts(self, journeys: Array, times: Array) -> tuple[Array, list[Verdict]]:
        """What each of some exchanges shows: its place in a list of verdicts, i4, and that list.

        journeys: rows of their journeys, of which each must have parts.
        times: when each began, i8, nanoseconds.
        """
        verdicts: list[Verdict] = []
        told = np.zeros(len(journeys), "i4")
        order = np.argsort(journeys, kind="stable")
        starts = np.flatnonzero(np.diff(journeys[order], prepend=-1))
        for rows in np.split(order, starts[1:]) if len(order) else ():
            parts = sorted(self.parts[int(journeys[rows[0]])], key=lambda pair: pair[0].last - pair[0].first)
            # Parts of one journey lie one inside another where a point paused: the shortest around an exchange is
            # its own, and the shortest of all where none lies around.
            told[rows] = len(verdicts)
            for place, (part, _) in reversed(list(enumerate(parts))):
                around = rows[(times[rows] >= part.first) & (times[rows] <= part.last)]
                told[around] = len(verdicts) + place
            verdicts.extend(verdict for _, verdict in parts)
        return told, verdicts

    def view(self, journey: int, time: int) -> View | None:
        """What can be said about one exchange of a journey, from the points that were recording just then."""
        parts = self.parts.get(journey)
        if not parts:
            return None
        view = parts[0][0].view
        knowledge = view.knowledge
        return replace(view, recording=recording(knowledge.windows, *knowledge.needed(time, time)))

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
    parts: list[Part] = field(default_factory=list)
    some: Some | None = None
    """The exchanges that were struck, where not all of the journeys' were."""
    stalls: list[Journey] = field(default_factory=list)
    """Connections that share its fault: of a case without exchanges these are all that it counts."""
    views: list[View] = field(default_factory=list)
    """The busiest ones: of these, the path is drawn that was seen best."""


def judge(
    correlation: Correlation,
    facts: CaptureFacts,
    file_names: Sequence[str],
    hosts: KnownHosts | None = None,
) -> Judgement:
    """The verdict on every exchange, and the findings, the one that explains most first.

    facts: what is known of the capture itself.
    file_names: by source number, for evidence.
    hosts: what host state tells; it is believed before the packets.
    """
    everything = correlation
    correlation, unseen = told_points(everything)
    tunnels: dict[str, list[Recorded | None]] = {}
    for point, role in correlation.roles.items():
        if role is Role.TUNNEL:
            tunnels.setdefault(point.node, []).append(correlation.recorded.get(point))
    stations, left_out = correlation.stations, everything.roles.keys() - correlation.roles.keys()
    carried = told_of(carried_by(correlation.connections, [each.node for each in stations]), stations, left_out)
    sides = find_sides([*correlation.journeys, *carried], stations, tunnels)
    hosts = hosts or KnownHosts()
    sides.home.update(hosts.addresses)
    sides.outer_home.update(hosts.addresses)
    knowledge = know(correlation, sides, hosts, carried)
    judgement = Judgement([], sides)
    cases: dict[tuple[str, str | None, IPv4Address | None], _Case] = {}
    flows: dict[tuple[object, ...], list[Part]] = {}
    translated = set(knowledge.before_translation.values())
    asked = journey_rules()
    for journey in correlation.journeys:
        if journey not in translated:  # its exchanges are counted where they were seen after the translation
            flow = journey.flow
            flows.setdefault((flow.src, flow.dst, flow.protocol), []).extend(_parts(journey, knowledge, asked))
    told: list[tuple[Part, _Case | None]] = []
    worked: set[tuple[IPv4Address, IPv4Address]] = set()
    for parts in flows.values():
        settle(parts, knowledge.connections)
        _explain_together(parts)
        worked |= {(part.view.journey.flow.src, part.view.journey.flow.dst) for part in parts if part.arrived}
        for part in parts:
            _tell(judgement, part)
            told.append((part, _gather(part, cases) if part.struck else None))
    for journey in told_of(stalled(correlation.connections), stations, left_out):
        _gather_stall(_parts(journey, knowledge, asked), cases)
    order = {module.RULE.code: place for place, module in enumerate(asked)}
    fates = Fates(part for part, _ in told)
    gathered = [(_finding(case, knowledge, file_names, worked, fates), case) for case in cases.values()]
    gathered.sort(key=lambda pair: _rank(pair[0], order))
    findings = [finding for finding, _ in gathered]
    place = {id(case): number for number, (_, case) in enumerate(gathered)}
    for part, struck_case in told:
        verdict = Verdict(
            answered=part.arrived,
            code=part.struck[0][0].RULE.code if part.struck else None,
            finding=place[id(struck_case)] if struck_case is not None else None,
        )
        judgement.parts.setdefault(part.view.journey.row, []).extend(_verdicts(part, verdict))
    for journey in unseen:
        part = Part(View(journey, knowledge, frozenset()), journey.count, journey.first, journey.last, None, [])
        judgement.parts[journey.row] = [(part, Verdict(answered=None))]
        judgement.undecided += journey.count
    for module in CAPTURE_RULES:
        findings.extend(module.found(everything, knowledge, facts, judgement.undecided_at))
    judgement.findings = findings
    return judgement


def _rank(finding: Finding, order: Mapping[str, int]) -> tuple[int, int, int, str]:
    """What lost most comes first; of two that lost as much, the one whose rule explains more."""
    return IMPACTS.index(finding.impact), -finding.count, order[finding.code], finding.node or ""


def _parts(journey: Journey, knowledge: Knowledge, asked: Sequence[RuleModule]) -> list[Part]:
    """The journey cut where its nodes' points began or ended to record, each part asked of every rule."""
    nodes = {knowledge.stations[look.station].node for look in journey.sightings}
    nodes |= {node for address in (journey.flow.src, journey.flow.dst) if (node := knowledge.sides.home.get(address))}
    for look in journey.sightings:
        if look.outer is not None:
            ends = (look.outer.src, look.outer.dst)
            nodes |= {node for end in ends if (node := knowledge.sides.outer_home.get(end))}
    parts = []
    for count, first, last, watching in segments(journey, knowledge, nodes):
        view = View(journey, knowledge, watching)
        part = Part(view, count, first, last, view.answered(), _struck(view, asked))
        unexplained = part.answered is False and not part.struck
        if not part.decided or unexplained or (part.lost and part.struck[0][0].RULE.code == NO_REPLY):
            part = _presume(part, asked)
        parts.append(part)
    # The same sightings while some point was not recording: where another part proves the fault, it explains these too.
    proven = next((part for part in parts if part.struck and part.decided), None)
    if proven is not None:
        for part in parts:
            if not part.decided or (not part.struck and part.answered is not True):
                part.view, part.struck, part.answered = proven.view, proven.struck, proven.answered
                part.presumed = proven.presumed
    for part in parts:
        if part.answered is False and not part.struck and part.view.in_overlay:
            part.struck = [(BY_CODE[NO_REPLY], no_reply.unexplained(part.view))]
    return parts


def _struck(view: View, asked: Sequence[RuleModule]) -> list[tuple[RuleModule, Strike]]:
    """What each rule says: what lost it before what did not, and that before what is not known; else in their order."""
    struck = [(module, strike) for module in asked if (strike := module.struck(view)) is not None]
    struck.sort(key=lambda pair: (pair[1].lost is not True, pair[1].lost is not False))
    return struck


def _presume(part: Part, asked: Sequence[RuleModule]) -> Part:
    """The part judged as if points had recorded before their first and after their last packet, where none denies it."""
    view = part.view
    more = view.knowledge.presumably_recording(part.first, part.last) - view.recording
    # A point that has one packet of an exchange and not the next may have stopped between the two.
    more -= {view.station(look).point for look in view.journey.sightings}
    more = frozenset(point for point in more if _well_outside(part, view.knowledge.windows[point]))
    nodes = {view.station(look).node for look in view.journey.sightings} | {view.requester, view.replier}
    if not any(point.node in nodes for point in more):
        return part
    presumed = View(view.journey, view.knowledge, view.recording | more)
    struck = [(module, _less_sure(strike)) for module, strike in _struck(presumed, asked)]
    found = Part(presumed, part.count, part.first, part.last, presumed.answered(), struck, presumed=True)
    named = found.lost and struck[0][0].RULE.code != NO_REPLY
    return found if named else part


def _well_outside(part: Part, window: Recorded | None) -> bool:
    """Whether exchanges lie so far outside the time of a point that it would hardly have been silent without a reason.

    Points of a node seldom begin and end together: what lies just before or behind tells nothing. Nor does one ping
    alone; a handshake is asked for again and again.
    """
    if window is None:
        return True
    away = max(window.first - part.first, part.last - window.last)
    several = part.count > 1 or part.view.journey.flow.protocol == "tcp"
    return several and away > (window.last - window.first) // EDGE > 0


def _less_sure(strike: Strike) -> Strike:
    sure = strike.confidence is Confidence.CERTAIN
    return replace(strike, confidence=Confidence.LIKELY) if sure else strike


def _explain_together(parts: Sequence[Part]) -> None:
    """What exchanges of one flow tell about one another: the fault behind an unknown loss, and losses that follow time.

    parts: all of the same inner source, destination and protocol.
    """
    lost = [part for part in parts if part.lost]
    named = [part for part in lost if part.struck[0][0].RULE.code != NO_REPLY]
    if named:
        # An ICMP error may come for one request in three, a point may have recorded half of the time.
        best = max(named, key=lambda part: (not part.presumed, part.count))
        for part in parts:
            code = part.struck[0][0].RULE.code if part.struck else None
            unexplained = part.lost and (code == NO_REPLY or (part.presumed and not best.presumed))
            unknown = not part.struck and part.answered is None and part.view.journey.requested
            silent = not part.view.looks(Leg.REPLY) and not best.view.looks(Leg.REPLY)
            doubtful = part.presumed and not best.presumed
            if (unexplained or unknown) and (silent or doubtful) and _same_way(part.view, best.view):
                part.struck = [best.struck[0], *(pair for pair in part.struck if pair[0] is not best.struck[0][0])]
                part.answered = False
    _too_large(parts)
    answered = [part for part in parts if part.answered]
    lost = [part for part in parts if part.lost]
    if not answered or not lost:
        return
    code = pattern(lost, answered)
    if code is None:
        return
    module = BY_CODE[code]
    for part in lost:
        first = part.struck[0]
        if first[0].RULE.code == code:
            continue
        part.struck = [(module, first[1]), *part.struck]


def _too_large(parts: Sequence[Part]) -> None:
    """What is as large as a packet for which fragmentation was needed shares its fate, wherever it was dropped.

    The first router's word counts: nodes repeat it with their own address once they have heard it.
    """
    told = [(part, strike) for part in parts for module, strike in part.struck if module.RULE.code == TOO_LARGE]
    if not told:
        return
    first = min(told, key=lambda pair: pair[0].first)[1]
    size = min(part.view.journey.shortest for part, _ in told)
    for part in parts:
        if part.lost and part.view.journey.shortest >= size:
            others = [pair for pair in part.struck if pair[0].RULE.code != TOO_LARGE]
            part.struck = [(BY_CODE[TOO_LARGE], first), *others]


def _same_way(view: View, other: View) -> bool:
    """Whether two journeys' requests carry the same outer headers, and the first came to no node beyond the other's."""
    outers = {look.outer for look in view.outer_anywhere(Leg.REQUEST)}
    if outers != {look.outer for look in other.outer_anywhere(Leg.REQUEST)}:
        return False
    return {view.station(look).node for look in view.looks(Leg.REQUEST)} <= {
        other.station(look).node for look in other.looks(Leg.REQUEST)
    }


def _tell(judgement: Judgement, part: Part) -> None:
    """Count the verdict."""
    answered, view = part.arrived, part.view
    if answered is None:
        judgement.undecided += part.count
        if view.in_overlay:
            for node in {view.station(look).node for look in view.journey.sightings}:
                judgement.undecided_at[node] += part.count
    elif answered:
        judgement.answered += part.count
    else:
        judgement.unanswered += part.count


def _gather(part: Part, cases: dict[tuple[str, str | None, IPv4Address | None], _Case]) -> _Case:
    """Add a part to the case of its fault; the case."""
    module, strike = part.struck[0]
    key = (module.RULE.code, strike.node, _peer(part.view, strike))
    case = cases.setdefault(key, _Case(module, strike, part.view, first=part.first, last=part.last))
    count, first, last = part.count, part.first, part.last
    if strike.some is not None:
        count, first, last = _those_struck(case, part.view, strike)
    case.first, case.last = (min(case.first, first), max(case.last, last)) if case.count else (first, last)
    case.count += count
    case.lost[strike.lost] += count
    case.confidences.add(strike.confidence)
    case.journeys.append((part.view.journey, strike))
    case.parts.append(part)
    if len(case.views) < VIEWS_MAX:
        case.views.append(part.view)
    for other, _ in part.struck[1:]:
        if other is not module:
            case.consequences[other.RULE.code] += part.count
    return case


def _gather_stall(parts: Sequence[Part], cases: dict[tuple[str, str | None, IPv4Address | None], _Case]) -> None:
    """Add a connection that nothing comes back for to the case of its fault: a case of its own where no exchange is."""
    for part in parts:
        if part.lost:
            code, strike = part.struck[0][0].RULE.code, part.struck[0][1]
            case = cases.get((code, strike.node, _peer(part.view, strike)))
            if case is None or len(case.stalls) == len(case.parts):
                case = _gather(part, cases)
            case.stalls.append(part.view.journey)


def _verdicts(part: Part, verdict: Verdict) -> list[tuple[Part, Verdict]]:
    """The verdict on the exchanges of a part: where a rule struck only some, on each of these that is known."""
    some = part.struck[0][1].some if part.struck else None
    if some is None:
        return [(part, verdict)]
    begins = {min(seen.time for seen in example) for example in some.examples}
    struck = [(replace(part, first=begin, last=begin, count=0), verdict) for begin in sorted(begins)]
    return [(part, replace(verdict, code=None, finding=None)), *struck]


def _those_struck(case: _Case, view: View, strike: Strike) -> tuple[int, int, int]:
    """How many exchanges of a journey were struck, when the first and the last of them began.

    0 for a further part of the same journey: which of its parts they belong to is not known.
    """
    some = strike.some
    assert some is not None
    if any(journey is view.journey for journey, _ in case.journeys):
        return 0, some.first, some.last
    if case.some is not None and some.slowest > case.some.slowest:
        case.strike, case.view = strike, view
    case.some = some if case.some is None else case.some + some
    return some.count, some.first, some.last


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


def _finding(
    case: _Case,
    knowledge: Knowledge,
    file_names: Sequence[str],
    worked: Collection[tuple[IPv4Address, IPv4Address]],
    fates: Fates,
) -> Finding:
    """worked: source and destination of exchanges that were answered."""
    rule = case.module.RULE
    lost, kept = case.lost[True], case.lost[False]
    # Whatever is too large is lost, however many small ones come through.
    some = rule.code != TOO_LARGE and any(
        (j.flow.src, j.flow.dst) in worked for j, strike in case.journeys if strike.lost
    )
    impact = Impact.PARTIAL if lost and (kept or some) else Impact.LOSS if lost else Impact.NONE
    tunnels: dict[TunnelPair, None] = {}
    flows: Counter[Flow] = Counter()
    evidence: dict[tuple[str, int], Evidence] = {}
    for journey, strike in case.journeys:
        request, reply = (_sent(knowledge, journey, leg) for leg in LEGS)
        tunnels[TunnelPair(request, reply)] = None
        flows[journey.flow] += journey.count
        for seen, what in _frames(journey, strike):
            file = file_names[seen.source]
            if len(evidence) == EVIDENCE_MAX:
                break
            damaged = arrived_damaged(seen.look, knowledge, journey)
            evidence.setdefault(
                (file, seen.frame),
                Evidence(
                    file=file,
                    frame=seen.frame,
                    time=knowledge.recorded_time(seen.source, seen.time),
                    what=say("{what}, with a wrong checksum", what=what) if damaged else what,
                ),
            )
    named = (knowledge.before_translation.get(journey, journey).flow for journey, _ in case.journeys)
    pairs = frozenset((flow.src, flow.dst) for flow in named)
    busiest = [flow for flow, _ in flows.most_common(FLOWS_MAX)]
    confidence = next(each for each in CONFIDENCES if each in case.confidences)
    gone = [part for part in case.parts if part.lost]
    passes = passing_meanwhile(gone, fates, knowledge)
    if passes is not None:
        confidence = less_sure(confidence, gone, knowledge)
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
        summary=case.module.summary(case.count, replace(case.strike, some=case.some, pairs=pairs), case.view),
        tunnels=tuple(tunnels),
        flows=tuple(sorted(busiest)),
        evidence=tuple(evidence.values()),
        display_filter=display_filter(busiest),
        consequences=tuple(sorted(case.consequences)),
        pattern=loss_pattern(gone, fates, passes, case.stalls),
        disproved_by=say(rule.disproved_by),
        path=max(map(path, case.views), key=lambda seen: sum(hop.passage is Passage.SEEN for hop in seen.hops)),
        next_captures=_next_captures(case, knowledge, sure=confidence is Confidence.CERTAIN),
    )


def _sent(knowledge: Knowledge, journey: Journey, leg: Leg) -> OuterPair | None:
    """The outer addresses with which a leg left its node, before any other node sent it on; or those it was seen with."""
    outer = [look for look in journey.looks(leg) if look.outer]
    origin = knowledge.sides.origin(journey, leg)
    own = [look for look in outer if knowledge.stations[look.station].node == origin]
    return next((look.outer for look in own or outer), None)


def _frames(journey: Journey, strike: Strike) -> Iterator[tuple[Seen, str]]:
    """The packets that prove a strike, each with a few words: of the exchanges that were struck, no others."""
    yield from strike.frames
    for example in journey.examples:
        for look, what in strike.proofs:
            yield from ((seen, what) for seen in example if seen.look == look)


def arrived_damaged(look: Look, knowledge: Knowledge, journey: Journey) -> bool:
    """Whether a packet came to its node's NIC with a wrong checksum; where it is sent, a NIC may yet fill it in."""
    if not look.damaged or not look.encapsulated or look.leg not in {Leg.REQUEST, Leg.REPLY}:
        return False
    return knowledge.stations[look.station].node == knowledge.sides.target(journey, look.leg)


def _next_captures(case: _Case, knowledge: Knowledge, *, sure: bool) -> tuple[str, ...]:
    """What to record to be sure: all devices of each node that is concerned and was not wholly recorded.

    Where all of them were, they are to be recorded again, for longer. Of what is sure, only what is yet to be found out.
    """
    if sure:
        nodes = {case.strike.look_at} - {None}
    else:
        nodes = {case.strike.node, case.view.name(Leg.REQUEST), case.view.name(Leg.REQUEST, target=True)} - {None}
    protocols = {journey.flow.protocol for journey, _ in case.journeys}
    whole = {point.node for point, role in knowledge.roles.items() if role is Role.ANY}
    asked = sorted(str(node) for node in nodes - whole or (set() if sure else nodes))
    return tuple(next_capture.everything(node, protocols) for node in asked)
