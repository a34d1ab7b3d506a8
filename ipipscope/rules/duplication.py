"""IPIP603: The same packet passes one point more than once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say, say_of
from ipipscope.model import Confidence
from ipipscope.rules.on_the_way import on_the_way
from ipipscope.rules.rule import Rule, Strike

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipipscope.correlator.journey import Seen
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
    copied = view.journey.copied
    if copied is None or any(view.station(look).device is not None for look in view.journey.sightings):
        return None
    frames: list[tuple[Seen, str]] = []
    for example in copied.examples:
        packet, copy, _ = first_copy(view, example)
        frames += [(packet, say("packet")), (copy, say("copy of it"))]
    point = view.station(frames[0][0].look).point
    return Strike(
        node=point.node,
        interface=point.interface,
        confidence=Confidence.CERTAIN,
        lost=None,
        some=copied,
        frames=tuple(frames),
    )


def first_copy(view: View, example: Sequence[Seen]) -> tuple[Seen, Seen, Seen | None]:
    """A packet and its copy where they first appear on its way, and the place before, which it passed once."""
    way = on_the_way(view, example)
    doubled = {seen.look for seen in way if seen.again}
    copy = next(seen for seen in way if seen.again)
    packet = next(seen for seen in way if seen.look == copy.look and not seen.again)
    before = [seen for seen in way[: way.index(packet)] if seen.look.leg is packet.look.leg]
    once = [seen for seen in before if seen.look not in doubled]
    return packet, copy, once[-1] if once else None


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    before = first_copy(view, view.journey.copied.examples[0])[2] if view.journey.copied else None
    once = say(", once at {point} before it", point=view.station(before.look).point) if before is not None else ""
    return say_of(
        count,
        "A packet of {count} exchange passes {node}:{interface} more than once{once}.",
        "Packets of {count} exchanges pass {node}:{interface} more than once{once}.",
        node=strike.node,
        interface=strike.interface,
        once=once,
    )
