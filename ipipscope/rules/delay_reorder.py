"""IPIP604: Replies come late, or overtake one another."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from ipipscope.language.said import joined, say, say_of
from ipipscope.model import SECOND, Confidence
from ipipscope.rules.on_the_way import on_the_way
from ipipscope.rules.rule import Rule, Strike

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipipscope.correlator.journey import Seen
    from ipipscope.rules.view import View

RULE: Final = Rule(
    code="IPIP604",
    name="delay-reorder",
    source="RFC 4737: packet reordering metrics",
    seen="Replies come late, or overtake one another.",
    meaning=(
        "Packets wait, or take ways of different length. Nothing is lost, but TCP takes reordering for loss "
        "and slows down."
    ),
    looks="Replies in another order than their requests; round trips of a second and more.",
    causes="A congested or shaped link, several paths with different delays, a busy node.",
    mend="Find the hop where the delay appears: compare the times of the same packet at two points.",
    disproved_by="Round trips that stay short, and replies in order.",
    capture_next="Points on both sides of the hop that is slow, on machines with synchronised clocks.",
)


def struck(view: View) -> Strike | None:
    """Replies before those of earlier requests, or after a second."""
    delayed = view.journey.delayed
    if delayed is None:
        return None
    frames: list[tuple[Seen, str]] = []
    if delayed.slow:
        way = on_the_way(view, delayed.examples[0])
        frames += [(way[0], say("request")), (way[-1], say("reply, {trip:.3f} s later", trip=delayed.slowest / SECOND))]
    overtook = delayed.examples[len(delayed.examples) - len(delayed.overtaken) :]
    for example, earlier in zip(overtook, delayed.overtaken, strict=True):
        later = on_the_way(view, example)[-1]
        frames += [(later, say("reply, before that to an earlier request")), (earlier, say("reply to that request"))]
    hop = slow_hop(view, delayed.examples[0]) if delayed.slow else None
    point = view.station((hop[0] if hop else frames[-1][0]).look).point
    return Strike(
        node=point.node,
        interface=point.interface,
        confidence=Confidence.CERTAIN,
        lost=None,
        some=delayed,
        frames=tuple(frames),
    )


def slow_hop(view: View, example: Sequence[Seen]) -> tuple[Seen, Seen] | None:
    """The two places next to each other between which more than half of an exchange's time passed, both ways together.

    Both ways, because clocks of two nodes are compared by assuming that the ways there and back take equally long.
    """
    way = on_the_way(view, example)
    spent: Counter[frozenset[int]] = Counter()
    hops: dict[frozenset[int], tuple[Seen, Seen]] = {}
    for before, after in pairwise(way):
        places = frozenset((before.look.station, after.look.station))
        spent[places] += after.time - before.time
        hops.setdefault(places, (before, after))
    places, most = spent.most_common(1)[0]
    return hops[places] if most * 2 > way[-1].time - way[0].time else None


def summary(count: int, strike: Strike, view: View) -> str:
    """One or two sentences."""
    del count  # late ones and overtaken ones have numbers of their own
    delayed, own = strike.some, view.journey.delayed
    assert delayed is not None
    assert own is not None
    told = []
    if delayed.slow:
        hop = slow_hop(view, own.examples[0]) if own.slow else None
        where: str = ""
        if hop is not None:
            before, after = (view.station(seen.look).point for seen in hop)
            where = say(", most of it between {before} and {after}", before=before, after=after)
            if before == after:
                where = say(", most of it behind {before}", before=before)
        told.append(
            say_of(
                delayed.slow,
                "{count} reply takes {trip:.3f} s{where}.",
                "{count} replies take a second or more, the slowest {trip:.3f} s{where}.",
                trip=delayed.slowest / SECOND,
                where=where,
            )
        )
    if delayed.overtook:
        told.append(
            say_of(
                delayed.overtook,
                "{count} reply comes before that to an earlier request{at}.",
                "{count} replies come before those to earlier requests{at}.",
                at=say(", at {point}", point=view.station(own.overtaken[0].look).point) if own.overtaken else "",
            )
        )
    return joined(" ", told)
