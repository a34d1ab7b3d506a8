"""The packets of one exchange in the order of their way, request before reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipscope.rules.view import LEGS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipipscope.correlator.journey import Seen
    from ipipscope.rules.view import View


def on_the_way(view: View, example: Iterable[Seen]) -> list[Seen]:
    """Request and reply, each from the node it comes from to the one it goes to, on each node by time.

    Clocks of different nodes agree only so far: their order is the way's, not the clocks'.
    """

    def place(seen: Seen) -> tuple[int, int, int]:
        leg, node = seen.look.leg, view.station(seen.look).node
        side = 0 if node == view.origin(leg) else 2 if node == view.target(leg) else 1
        return LEGS.index(leg), side, seen.time

    return sorted((seen for seen in example if seen.look.leg in LEGS), key=place)
