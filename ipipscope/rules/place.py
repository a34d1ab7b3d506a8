"""Where on its way a packet was when it was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.model import Hop, Passage, Role

if TYPE_CHECKING:
    from ipipscope.correlator.looks import Look
    from ipipscope.rules.view import View

POSITIONS: Final = {Role.PHYSICAL: ("outer", "bare"), Role.TUNNEL: ("tunnel",), Role.WORKLOAD: ("workload",)}


def place(view: View, look: Look) -> Hop:
    """Where a sighting was made, as one place of the way."""
    point = view.station(look).point
    position = view.position(look, look.leg, point.node)
    role = next((role for role, positions in POSITIONS.items() if position in positions), None)
    return Hop(
        leg=look.leg,
        node=point.node,
        role=role or view.station(look).role or Role.PHYSICAL,
        interface=point.interface,
        passage=Passage.SEEN,
        outer=look.outer,
    )
