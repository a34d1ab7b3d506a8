"""IPIP604: Replies come late, or overtake one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say
from ipipscope.model import SECOND, Confidence, Leg
from ipipscope.rules.rule import Rule, Strike

if TYPE_CHECKING:
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


LATE: Final = SECOND
"""A round trip that is worth a word, nanoseconds."""


def struck(view: View) -> Strike | None:
    """Replies before those of earlier requests, or after a second."""
    if not view.journey.overtaken and (view.journey.trip < LATE or not view.looks(Leg.REPLY)):
        return None
    return Strike(
        node=None,
        interface=None,
        confidence=Confidence.CERTAIN,
        proofs=((view.looks(Leg.REPLY)[0], say("reply")),),
        lost=None,
    )


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    journey = view.journey
    return say(
        "Of {count} exchanges {overtaken} were overtaken by a later one; the longest took {trip:.3f} s.",
        count=count,
        overtaken=journey.overtaken,
        trip=journey.trip / SECOND,
    )
