"""What the HTML page shows of an analysis: paths, ladders, time line and tables, sampled where there is too much."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from ipipscope.language.said import joined, say
from ipipscope.model import Leg, Passage
from ipipscope.report.kept_exchanges import KeptExchanges
from ipipscope.report.ladder import ladder
from ipipscope.report.path_picture import picture
from ipipscope.report.svg_topology import Strip
from ipipscope.rules.path import path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ipipscope.analysis import Analysis
    from ipipscope.model import Flow, OuterPair
    from ipipscope.report.ladder import Ladder
    from ipipscope.report.svg_timeline import Timeline
    from ipipscope.rules.part import Part

STRIPS_MAX: Final = 8
ROWS_MAX: Final = 1_000
"""Exchanges in the table."""
FLOWS_MAX: Final = 500
DRAWN_MAX: Final = 24
"""Ladders besides those of findings."""
BEST_OF: Final = 16
"""Journeys among which the one that was seen best is drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRow:
    """A line of the table of exchanges; offset: nanoseconds since the first one, trip: until it was answered."""

    number: int
    time: int
    offset: int
    src: str
    dst: str
    protocol: str
    verdict: str
    rule: str
    trip: int | None
    drawn: bool


@dataclass(slots=True, kw_only=True)
class FlowRow:
    """A line of the table of flows; requester and replier are nodes."""

    flow: Flow
    requester: str
    replier: str
    protocol: str
    answered: int = 0
    unanswered: int = 0
    undecided: int = 0
    rules: dict[str, None] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """All its exchanges."""
        return self.answered + self.unanswered + self.undecided

    @property
    def codes(self) -> str:
        """Rules that struck."""
        return ", ".join(self.rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is drawn and listed.

    strips_left_out: pairs of nodes that have no picture.
    finding_ladders: for each finding that has one, an exchange that it struck, and a healthy one where there is one.
    total: exchanges and flows there are, where the tables hold fewer.
    """

    strips: tuple[Strip, ...]
    strips_left_out: int
    finding_ladders: Mapping[int, tuple[Ladder, ...]]
    ladders: tuple[Ladder, ...]
    time: Timeline | None
    exchanges: tuple[ExchangeRow, ...]
    exchanges_total: int
    flows: tuple[FlowRow, ...]
    flows_total: int


def contents_of(analysis: Analysis) -> Contents:
    """Choose what is shown; the analysis should have kept its exchanges, else ladders, times and rows are left out."""
    strips, left_out = _strips(analysis)
    flows, flows_total = _flows(analysis)
    kept = KeptExchanges(analysis)
    chosen = kept.sample(ROWS_MAX)
    start = int(kept.time.min()) if len(kept.time) else 0
    finding_ladders: dict[int, tuple[Ladder, ...]] = {}
    drawn: dict[int, Ladder] = {}
    healthy = kept.healthy()
    for finding in range(len(analysis.findings)):
        example = kept.example(kept.finding == finding)
        if example is not None:
            numbers = [example] + ([healthy] if healthy is not None and healthy != example else [])
            for number in numbers:
                drawn.setdefault(number, ladder(analysis, number))
            finding_ladders[finding] = tuple(drawn[number] for number in numbers)
    more = chosen[:: max(1, -(-len(chosen) // DRAWN_MAX))]
    for number in more:
        drawn.setdefault(number, ladder(analysis, number))
    return Contents(
        strips=strips,
        strips_left_out=left_out,
        finding_ladders=finding_ladders,
        ladders=tuple(drawn[number] for number in sorted(drawn)),
        time=kept.timeline(),
        exchanges=tuple(_rows(analysis, sorted({*chosen, *drawn}), start, drawn)),
        exchanges_total=len(kept.time),
        flows=flows,
        flows_total=flows_total,
    )


def _rows(analysis: Analysis, numbers: Sequence[int], start: int, drawn: Mapping[int, Ladder]) -> Iterator[ExchangeRow]:
    """The lines of the table."""
    for number in numbers:
        exchange = analysis.exchange(number)
        flow, request, reply = exchange.flow, exchange.request, exchange.reply
        began = request or reply or 0
        detail = f" id {flow.id}" if flow.id is not None else f" port {flow.dport}" if flow.dport is not None else ""
        yield ExchangeRow(
            number=number,
            time=began,
            offset=began - start,
            src=f"{flow.src}{f':{flow.sport}' if flow.sport else ''}",
            dst=str(flow.dst),
            protocol=flow.protocol + detail + (f" seq {exchange.sequence}" if flow.protocol == "icmp" else ""),
            verdict=exchange.verdict.word,
            rule=exchange.verdict.code or "",
            trip=reply - request if exchange.verdict.answered and request and reply else None,
            drawn=number in drawn,
        )


class _Way(NamedTuple):
    """What exchanges of one strip have in common; finding: its place, or a number behind all for none."""

    finding: int
    requester: str | None
    replier: str | None
    reply_outer: OuterPair | None


def _strips(analysis: Analysis) -> tuple[tuple[Strip, ...], int]:
    """A picture for each pair of nodes and finding, those with findings first, and how many pairs have none."""
    groups: dict[_Way, list[Part]] = defaultdict(list)
    codes: dict[_Way, str | None] = {}
    none = len(analysis.findings)
    for told in analysis.judgement.parts.values():
        for part, verdict in told:
            view = part.view
            if not view.in_overlay and verdict.finding is None:
                continue
            outer = next((look.outer for look in view.outer_anywhere(Leg.REPLY)), None)
            requester, replier = view.name(Leg.REQUEST), view.name(Leg.REQUEST, target=True)
            way = _Way(none if verdict.finding is None else verdict.finding, requester, replier, outer)
            groups[way].append(part)
            codes[way] = verdict.code

    ordered = _most_telling(sorted(groups, key=lambda way: (way.finding, -sum(p.count for p in groups[way]))), codes)
    strips = []
    addresses, blocks = _named(analysis)
    for way in ordered[:STRIPS_MAX]:
        parts = groups[way]
        busiest = sorted(parts, key=lambda part: -part.count)[:BEST_OF]
        paths = [path(part.view) for part in busiest]
        drawn = picture(max(paths, key=lambda each: sum(hop.passage is Passage.SEEN for hop in each.hops)))
        if drawn is None:
            continue
        count = sum(part.count for part in parts)
        answered = sum(part.count for part in parts if part.arrived)
        title = say(
            "{requester} → {replier}: {answered:,} of {count:,} exchanges answered",
            requester=way.requester or say("unknown node"),
            replier=way.replier or say("unknown node"),
            answered=answered,
            count=count,
        )
        if codes[way]:
            title = say("{what}, {code}", what=title, code=codes[way])
        strips.append(Strip(picture=drawn, title=title, addresses=addresses, blocks=blocks))
    return tuple(strips), max(0, len(ordered) - STRIPS_MAX)


def _most_telling(ways: Sequence[_Way], codes: Mapping[_Way, str | None]) -> list[_Way]:
    """The first of each rule before the second of any, healthy ones among them; the rest as they come."""
    place: Counter[str | None] = Counter()
    turns = []
    for way in ways:
        turns.append(place[codes[way]])
        place[codes[way]] += 1
    return [way for _, way in sorted(zip(turns, ways, strict=True), key=lambda pair: pair[0])]


def _named(analysis: Analysis) -> tuple[dict[tuple[str | None, str | None], str], dict[str | None, str]]:
    """Addresses of interfaces, and blocks of nodes: from host state, those of pods from their packets."""
    addresses: dict[tuple[str | None, str | None], str] = {}
    blocks: dict[str | None, str] = {}
    part = next((parts[0][0] for parts in analysis.judgement.parts.values()), None)
    for address, points in part.view.knowledge.workload_of.items() if part is not None else ():
        for point in points:
            addresses[point.node, point.interface] = str(address)
    for node, snapshot in analysis.snapshots.items():
        for held in snapshot.addresses:
            addresses.setdefault((node, held.interface), str(held.address))
        own = [str(route.destination) for route in snapshot.routes if route.type == "blackhole"]
        if own:
            named = joined(", ", own[:2])
            blocks[node] = (
                say("block {blocks} …", blocks=named) if len(own) > 2 else say("block {blocks}", blocks=named)
            )
    return addresses, blocks


def _flows(analysis: Analysis) -> tuple[tuple[FlowRow, ...], int]:
    rows: dict[Flow, FlowRow] = {}
    for parts in analysis.judgement.parts.values():
        for part, verdict in parts:
            view, flow = part.view, part.view.journey.flow
            if flow not in rows:
                detail = (
                    f" id {flow.id}" if flow.id is not None else f" port {flow.dport}" if flow.dport is not None else ""
                )
                rows[flow] = FlowRow(
                    flow=flow,
                    requester=view.name(Leg.REQUEST) or "",
                    replier=view.name(Leg.REQUEST, target=True) or "",
                    protocol=flow.protocol + detail,
                )
            row = rows[flow]
            setattr(row, verdict.word, getattr(row, verdict.word) + part.count)
            if verdict.code:
                row.rules[verdict.code] = None
    ordered = sorted(rows.values(), key=lambda row: (-row.unanswered, not row.rules, -row.undecided, -row.count))
    return tuple(ordered[:FLOWS_MAX]), len(ordered)
