"""IPIP602: Outages: exchanges are answered, then not, then again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say_of
from ipipscope.rules.rule import Rule, Strike
from ipipscope.rules.several import and_pairs

if TYPE_CHECKING:
    from ipipscope.rules.view import View

RULE: Final = Rule(
    code="IPIP602",
    name="intermittent",
    source="RFC 2680: one-way packet loss",
    seen="Outages: exchanges are answered, then not, then again.",
    meaning=(
        "Something changes on the way and changes back: what is wrong during the outages is named as consequence."
    ),
    looks="Several lost exchanges in a row between answered ones.",
    causes=(
        "Two programs that write the same route (BIRD and Felix, NetworkManager); a link or device that goes "
        "down and up; a moving address."
    ),
    mend="Watch `ip monitor route link` during an outage, and let one program own the routes.",
    disproved_by="Losses that are scattered one by one.",
    capture_next="A recording that spans several outages, with `ip monitor route link` beside it on both nodes.",
)


def struck(view: View) -> Strike | None:
    """Never by one journey alone: `ipipscope.rules.over_time` looks at all exchanges of a flow together."""
    del view
    return None


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    flow = view.journey.flow
    return say_of(
        count,
        "{count} exchange from {src} to {dst} fails during an outage, others before and after work.",
        "{count} exchanges from {src} to {dst} fail during outages and work between them.",
        src=flow.src,
        dst=and_pairs(flow.dst, strike.pairs),
    )
