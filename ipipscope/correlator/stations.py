"""Stations: the places where packets were seen, one a capture point, or one a device of a cooked capture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ipipscope.decoder.link import INDEXED_DEVICE, TUNNEL_DEVICE
from ipipscope.model import CapturePoint, Role

if TYPE_CHECKING:
    from ipipscope.decoder.columns import Array

RANK: Final = {Role.PHYSICAL: 0, Role.TUNNEL: 1, Role.OTHER_TUNNEL: 1, Role.WORKLOAD: 2}
"""From the wire inwards: the order of sightings whose times agree."""


@dataclass(slots=True)
class Station:
    """One place.

    role: None while nothing tells; a cooked capture's devices other than tunnels are NICs and pods alike.
    device: of a cooked capture, as in the column `device`; None elsewhere.
    """

    number: int
    point: CapturePoint
    role: Role | None
    device: int | None = None
    carried_outer: bool = False
    """Whether packets with an outer header passed here."""
    joins: bool = False
    """Whether a packet in fragments was seen here as a whole."""

    @property
    def told_apart(self) -> bool:
        """Whether its packets all passed one device: not so in a cooked capture of version 1."""
        return self.device is None or bool(self.device & (INDEXED_DEVICE | TUNNEL_DEVICE))

    @property
    def node(self) -> str:
        """The node it belongs to."""
        return self.point.node


class Stations:
    """All stations, numbered in order of appearance; nodes are numbered by name."""

    def __init__(self) -> None:
        self.all: list[Station] = []
        self._numbers: dict[tuple[CapturePoint, int | None], int] = {}
        self._nodes: dict[str, int] = {}

    def number(self, point: CapturePoint, role: Role | None, device: int | None = None) -> int:
        """The station's number; a new one where it was not seen before."""
        key = (point, device)
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self.all)
            if device is not None:
                role = Role.TUNNEL if device & TUNNEL_DEVICE else None
            self.all.append(Station(found, point, role, device))
            self.expect(point.node)
        return found

    def expect(self, node: str) -> None:
        """Give a node its number: its place among the nodes whose sightings are put in order."""
        self._nodes.setdefault(node, len(self._nodes))

    def of_devices(self, point: CapturePoint, devices: Array) -> Array:
        """Station numbers of the packets of a cooked capture, from its column `device`; i4."""
        numbers = np.empty(len(devices), "i4")
        for device in np.unique(devices):
            numbers[devices == device] = self.number(point, Role.ANY, int(device))
        return numbers

    def nodes(self) -> Array:
        """Per station, the number of its node; i4."""
        return np.array([self._nodes[station.node] for station in self.all], "i4")

    def ranks(self) -> Array:
        """Per station, its place from the wire inwards; i4."""
        return np.array([0 if s.role is None else RANK.get(s.role, 0) for s in self.all], "i4")
