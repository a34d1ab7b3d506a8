"""The ladder of one exchange: a column per capture point in path order, a rung per sighting; drawn by text and HTML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ipipscope.model import Leg, OuterPair, Passage, Role
from ipipscope.report.file_names import short_names
from ipipscope.report.path_picture import Column, Picture, picture

if TYPE_CHECKING:
    from ipipscope.analysis import Analysis, Exchange
    from ipipscope.correlator.journey import Seen
    from ipipscope.model import Hop

ERRORS: Final = {Leg.REQUEST_ERROR: Leg.REQUEST, Leg.REPLY_ERROR: Leg.REPLY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One sighting, or the place where the next one should have been.

    column: place in the picture's columns; None for a place outside them.
    time: capture time, nanoseconds; None where it is missing.
    delay: since the rung before, nanoseconds; between nodes it holds the difference of their clocks.
    outer: the outer header it carried, or should have carried.
    error: ICMP type and code where this is an error about the packet.
    """

    leg: Leg
    hop: Hop
    column: int | None
    time: int | None = None
    delay: int | None = None
    file: str | None = None
    frame: int | None = None
    outer: OuterPair | None = None
    inner_ttl: int | None = None
    outer_ttl: int | None = None
    error: tuple[int, int] | None = None

    @property
    def missing(self) -> bool:
        """Whether it should have been seen here and was not."""
        return self.time is None


@dataclass(frozen=True, slots=True)
class Ladder:
    """One exchange, ready to be drawn."""

    exchange: Exchange
    picture: Picture | None
    rungs: tuple[Rung, ...]

    @property
    def began(self) -> int:
        """Capture time of the first sighting."""
        return min(rung.time for rung in self.rungs if rung.time is not None)

    @property
    def clocks_differ(self) -> bool:
        """Whether a packet was seen at the next node before it left the one before."""
        return any(rung.delay is not None and rung.delay < 0 for rung in self.rungs)


def ladder(analysis: Analysis, number: int) -> Ladder:
    """The ladder of exchange *number*.

    Raises IndexError where there is none, or where exchanges were not kept.
    """
    exchange = analysis.exchange(number)
    drawn = picture(exchange.path)
    columns = drawn.columns if drawn else ()
    names = short_names(analysis.files)
    rungs: list[Rung] = []
    for leg in (Leg.REQUEST, Leg.REPLY):
        before: int | None = rungs[-1].time if rungs else None
        for seen, hop in _in_order(exchange, leg):
            rungs.append(
                Rung(
                    leg=seen.look.leg,
                    hop=hop,
                    column=_column(hop, columns),
                    time=seen.time,
                    delay=None if before is None else seen.time - before,
                    file=names[analysis.files[seen.source]],
                    frame=seen.frame,
                    outer=seen.look.outer,
                    inner_ttl=seen.look.inner_ttl,
                    outer_ttl=seen.look.outer_ttl if seen.look.encapsulated else None,
                    error=seen.look.error,
                )
            )
            before = seen.time
        missing = _missing(exchange, leg)
        if missing is not None:
            rungs.append(
                Rung(leg=leg, hop=missing, column=_column(missing, columns), outer=_expected(exchange, leg, missing))
            )
            break
    return Ladder(exchange, drawn, tuple(rungs))


def _in_order(exchange: Exchange, leg: Leg) -> list[tuple[Seen, Hop]]:
    """A leg's sightings in the order of its way; what stands nowhere on it, as errors, where it was made."""
    way = [hop for hop in exchange.path.hops if hop.leg is leg]
    pairs = zip(exchange.sightings, exchange.places, strict=True)
    mine = [pair for pair in pairs if ERRORS.get(pair[0].look.leg, pair[0].look.leg) is leg]
    mine.sort(key=lambda pair: way.index(pair[1]) if pair[1] in way else len(way))
    return mine


def _column(hop: Hop, columns: tuple[Column, ...]) -> int | None:
    wanted = Column(hop.node, hop.role, hop.interface)
    return columns.index(wanted) if wanted in columns else None


def _missing(exchange: Exchange, leg: Leg) -> Hop | None:
    """The first place behind the last sighting of a leg where it should have been."""
    hops = [hop for hop in exchange.path.hops if hop.leg is leg]
    last = max((place for place, hop in enumerate(hops) if hop.passage is Passage.SEEN), default=-1)
    return next((hop for hop in hops[last + 1 :] if hop.passage is Passage.MISSING), None)


def _expected(exchange: Exchange, leg: Leg, hop: Hop) -> OuterPair | None:
    """The outer header that was expected on a NIC: what the leg carried before, else the request's turned round.

    A reply that went to another node than asked is expected as it should have been.
    """
    if hop.role is not Role.PHYSICAL:
        return None
    carried, asked = (
        next((s.look.outer for s in exchange.sightings if s.look.leg is each and s.look.outer is not None), None)
        for each in (leg, Leg.REQUEST)
    )
    if leg is not Leg.REPLY:
        return carried
    if carried is not None and (asked is None or carried.dst == asked.src):
        return carried
    seen_native = any(seen.look.leg is leg and seen.look.depth == 1 for seen in exchange.sightings)
    return OuterPair(asked.dst, asked.src) if asked is not None and (carried is not None or seen_native) else None
