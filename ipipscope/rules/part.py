"""A part of a journey: exchanges during which the same points were recording, with the verdict on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipipscope.model import Leg

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipipscope.rules.rule import RuleModule, Strike
    from ipipscope.rules.view import View


@dataclass(slots=True)
class Part:
    """*count* exchanges that began from *first* to *last*.

    answered: whether the reply arrived; None where the captures do not show it.
    struck: the rules that struck, the fault first.
    """

    view: View
    count: int
    first: int
    last: int
    answered: bool | None
    struck: list[tuple[RuleModule, Strike]]
    presumed: bool = False
    """Judged on points of which no packet proves that they were recording then."""

    @property
    def arrived(self) -> bool | None:
        """Whether the exchanges were answered, the rules' word included; None where nothing tells."""
        if self.answered is not None:
            return self.answered
        if self.struck:
            lost = self.struck[0][1].lost
            return None if lost is None else not lost
        view = self.view
        return False if not view.in_overlay and view.recording and not view.looks(Leg.REPLY) else None

    @property
    def decided(self) -> bool:
        """Whether it is known what became of the exchanges."""
        return self.answered is not None or any(strike.lost is not None for _, strike in self.struck)

    @property
    def lost(self) -> bool:
        """Whether the exchanges failed."""
        return bool(self.struck) and self.struck[0][1].lost is True


def slices_of(parts: Iterable[Part]) -> list[tuple[int, int, int]]:
    """Begin, end and count of each slice of time in which exchanges of *parts* began.

    Parts of one journey share its slices: each counts once.
    """
    by_journey: dict[int, list[Part]] = {}
    for part in parts:
        by_journey.setdefault(part.view.journey.row, []).append(part)
    return [
        (max(begin, min(part.first for part in some)), min(end, max(part.last for part in some) + 1), count)
        for some in by_journey.values()
        for begin, end, count in some[0].view.journey.line
        if any(end > part.first and begin <= part.last for part in some)
    ]
