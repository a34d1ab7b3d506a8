"""Established TCP connections: what passes between two nodes while something else between them is lost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say, say_of
from ipipscope.model import SECOND, CapturePoint, Confidence, Role
from ipipscope.rules.loss_pattern import nodes_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Address

    from ipipscope.correlator.connections import Connections, Stream
    from ipipscope.language.said import Said
    from ipipscope.rules.knowledge import Knowledge
    from ipipscope.rules.loss_pattern import Fates
    from ipipscope.rules.part import Part

AROUND: Final = SECOND
"""How long after the last lost exchange began traffic still counts as having passed meanwhile, nanoseconds."""


@dataclass(frozen=True, slots=True)
class Passing:
    """Connections between two addresses of two nodes, of which data arrived in both directions.

    there, back: its two directions, the busier first.
    """

    there: Stream
    back: Stream

    @property
    def encapsulated(self) -> bool:
        """Whether both directions were seen with outer headers."""
        return bool(self.there.outers and self.back.outers)

    def said(self) -> Said:
        """One sentence."""
        return say_of(
            min(self.there.connections, self.back.connections),
            "Meanwhile {count} TCP connection between these nodes works {how}: "
            "{src} and {dst} acknowledge each other's data {acknowledgements} times.",
            "Meanwhile {count} TCP connections between these nodes work {how}: "
            "{src} and {dst} acknowledge each other's data {acknowledgements} times.",
            how=say("encapsulated both ways") if self.encapsulated else say("in both directions"),
            src=self.there.src,
            dst=self.there.dst,
            acknowledgements=self.there.delivered + self.back.delivered,
        )


def passing_meanwhile(lost: Sequence[Part], fates: Fates, knowledge: Knowledge) -> Passing | None:
    """The busiest connections between the two nodes of *lost*, through a tunnel, that worked meanwhile; None for none.

    None also for losses that come and go, or that ended: what works between proves nothing of them.
    """
    nodes = nodes_of(lost) if lost else (None, None)
    if None in nodes:
        return None
    first, last = min(part.first for part in lost), max(part.last for part in lost)
    if any(part.last >= first for part in fates.answered_of(lost)):
        return None
    streams = knowledge.connections.streams(first, last + AROUND)
    back = {(stream.dst, stream.src): stream for stream in streams}
    for there in streams:
        answer = back.get((there.src, there.dst))
        if answer is None or not _through_tunnel(knowledge, there, answer):
            continue
        ends = _node(knowledge, there.src, there, answer), _node(knowledge, there.dst, answer, there)
        if None not in ends and ends[0] != ends[1] and set(ends) == set(nodes):
            return Passing(there, answer)
    return None


def less_sure(confidence: Confidence, lost: Sequence[Part], knowledge: Knowledge) -> Confidence:
    """How sure a fault between two nodes is while TCP between them works.

    What was presumed is doubtful then. What was seen to be missing is not, unless a node of which something was
    recorded shows no packet of that protocol at all: a capture filter may leave it out.
    """
    if confidence is not Confidence.CERTAIN:
        return Confidence.POSSIBLE
    ends = {node for part in lost for node in (part.view.requester, part.view.replier)}
    captured = {point.node for point in knowledge.windows} & ends
    whole = all(captured <= knowledge.showed[part.view.journey.flow.protocol] for part in lost)
    return confidence if whole else Confidence.LIKELY


def settle(parts: Sequence[Part], connections: Connections) -> None:
    """Handshakes whose connections went on behind them were answered, whether the answer was seen or not.

    parts: of one flow. Where not all connections to a port went on, nothing tells which did.
    """
    for port in {part.view.journey.flow.dport for part in parts if part.view.journey.flow.protocol == "tcp"}:
        mine = [part for part in parts if part.view.journey.flow.dport == port]
        if port is None or all(part.arrived for part in mine):
            continue
        flow = mine[0].view.journey.flow
        if connections.opened(flow.src, flow.dst, port) < sum(part.count for part in mine):
            continue
        for part in mine:
            if not part.arrived:
                part.answered = True
                part.struck = [(rule, replace(strike, lost=False)) for rule, strike in part.struck if not strike.lost]


def _through_tunnel(knowledge: Knowledge, there: Stream, back: Stream) -> bool:
    stations = (knowledge.stations[number] for number in there.stations | back.stations)
    return bool(there.outers or back.outers) or any(station.role is Role.TUNNEL for station in stations)


def _node(knowledge: Knowledge, address: IPv4Address, sent: Stream, got: Stream) -> str | None:
    """The node of an inner address; its outer address where it was not captured; None where nothing tells."""
    home = knowledge.sides.home.get(address)
    if home is not None:
        return home
    outers = {outer.src for outer in sent.outers} or {outer.dst for outer in got.outers}
    if len(outers) != 1:
        return None
    outer = outers.pop()
    return knowledge.sides.outer_home.get(outer, str(outer))


def passed_empty_points(knowledge: Knowledge) -> set[CapturePoint]:
    """Points without a packet of their own that established connections passed: they recorded nothing."""
    empty = {point for point in knowledge.presumed if knowledge.roles[point] in {Role.TUNNEL, Role.PHYSICAL}}
    if not empty:
        return set()
    found = set()
    for stream in knowledge.connections.streams():
        if not stream.outers:
            continue
        ends = knowledge.sides.home.get(stream.src), knowledge.sides.home.get(stream.dst)
        if ends[0] == ends[1]:
            continue
        for point in empty:
            alike = knowledge.points(point.node, knowledge.roles[point])
            if point.node in ends and (len(alike) == 1 or set(alike) <= empty):
                found.add(point)
    return found
