"""IPIP601: Exchanges are lost here and there, scattered over the capture, while others of the same flow are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say, say_of
from ipipscope.rules.rule import Rule, Strike
from ipipscope.rules.several import and_pairs

if TYPE_CHECKING:
    from ipipscope.rules.view import View

RULE: Final = Rule(
    code="IPIP601",
    name="random-loss",
    source="RFC 2680: one-way packet loss",
    seen=("Exchanges are lost here and there, scattered over the capture, while others of the same flow are answered."),
    meaning="Single packets vanish on the way; routes and encapsulation are right, or nothing would come through.",
    looks=("Lost exchanges one by one or in twos between answered ones; the last sighting says between which points."),
    causes=("A lossy link, a full queue, a rate limit, a bad cable or optic; rarely a firewall with a random match."),
    mend=("Find the two points between which packets vanish, and look at the drop counters of what lies between."),
    disproved_by="Lost exchanges that come in a row: then it is an outage.",
    capture_next=(
        "The same flow for some minutes at both NICs and at each device between them, so that the hop that loses "
        "packets shows."
    ),
)


def struck(view: View) -> Strike | None:
    """Never by one journey alone: `ipipscope.rules.over_time` looks at all exchanges of a flow together."""
    del view
    return None


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    where = (
        say(", last seen on {node}:{interface}", node=strike.node, interface=strike.interface) if strike.node else ""
    )
    flow = view.journey.flow
    return say_of(
        count,
        "{count} exchange from {src} to {dst} is lost here and there{where}.",
        "{count} exchanges from {src} to {dst} are lost here and there{where}.",
        src=flow.src,
        dst=and_pairs(flow.dst, strike.pairs),
        where=where,
    )
