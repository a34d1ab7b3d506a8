"""IPIP603: The same packet passes one point more than once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say
from ipipscope.model import Confidence
from ipipscope.rules.rule import Rule, Strike

if TYPE_CHECKING:
    from ipipscope.rules.view import View

RULE: Final = Rule(
    code="IPIP603",
    name="duplication",
    source="RFC 791 §1.4: the internet protocol neither forbids nor promises against duplicates",
    seen="The same packet passes one point more than once.",
    meaning=(
        "Something on the way copies packets: a loop, a bond or bridge that floods, a mirror port that leads back."
    ),
    looks="A packet with the same inner addresses, IP id and payload twice at one NIC or tunnel.",
    causes=(
        "Bonding in a mode that the switch does not know; a bridge loop; two routes for one packet in a faulty fabric."
    ),
    mend="Look for the first point on the way at which the copies appear; what lies before it makes them.",
    disproved_by="Different IP ids: then the sender sent it again.",
    capture_next="The point before the first one that shows copies, in the direction the packet travels.",
)


def struck(view: View) -> Strike | None:
    """Copies with the same IP id at one device; a cooked capture shows a packet once a device and proves nothing."""
    if not view.journey.copies or any(view.station(look).device is not None for look in view.journey.sightings):
        return None
    return Strike(
        node=None,
        interface=None,
        confidence=Confidence.CERTAIN,
        proofs=((view.journey.sightings[0], say("one of the copies")),),
        lost=None,
    )


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    return say("{copies} packets of {count} exchanges are copies of others.", copies=view.journey.copies, count=count)
