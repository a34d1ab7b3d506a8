"""What all journeys together tell, for the judgement of each."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ipipscope.correlator.connections import Connections
from ipipscope.correlator.flows import Flows
from ipipscope.model import CapturePoint, Role
from ipipscope.rules.known_hosts import KnownHosts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ipaddress import IPv4Address

    from ipipscope.correlator.journey import Journey
    from ipipscope.correlator.looks import Look
    from ipipscope.correlator.recorded_time import Recorded
    from ipipscope.correlator.sides import Sides
    from ipipscope.correlator.stations import Station
    from ipipscope.model import OuterPair


@dataclass(slots=True)
class Knowledge:
    """What all journeys together tell, for the judgement of each.

    windows: when each point is known to have recorded; None for an empty point of a node of which nothing is known.
    reached: outer destinations by which others reach an inner address.
    served: the same from the other end: the inner addresses that are reached by an outer destination.
    sent_from: outer sources from which an inner address's packets leave.
    accepted, refused: outer pairs whose packets are known to have come through to the overlay, or not.
    trip: the longest answer that was seen, nanoseconds.
    doubt: by how much the nodes' clocks may differ once they are put together, nanoseconds.
    """

    stations: Sequence[Station]
    sides: Sides
    windows: dict[CapturePoint, Recorded | None]
    roles: dict[CapturePoint, Role]
    presumed: frozenset[CapturePoint] = frozenset()
    """Points without a packet of their own, taken to have recorded while their node's other points did."""
    unused: frozenset[CapturePoint] = frozenset()
    """Workload points at which no exchange was seen: nothing tells whose they are."""
    asked_in_vain: frozenset[CapturePoint] = frozenset()
    """Of these, the ones with ARP: the node asked for a pod and nobody answered with a packet."""
    reached: dict[IPv4Address, Counter[IPv4Address]] = field(default_factory=lambda: defaultdict(Counter))
    served: dict[IPv4Address, set[IPv4Address]] = field(default_factory=lambda: defaultdict(set))
    sent_from: dict[IPv4Address, Counter[IPv4Address]] = field(default_factory=lambda: defaultdict(Counter))
    accepted: Counter[OuterPair] = field(default_factory=Counter)
    refused: Counter[OuterPair] = field(default_factory=Counter)
    workload_of: dict[IPv4Address, set[CapturePoint]] = field(default_factory=lambda: defaultdict(set))
    before_translation: dict[Journey, Journey] = field(default_factory=dict)
    """For journeys behind a translation of the inner source, those of the same exchanges before it."""
    trip: int = 0
    doubt: int = 0
    presumed_windows: dict[CapturePoint, Recorded] = field(default_factory=dict)
    """While its node's other points recorded, as far as nothing shows that this one did not."""
    hosts: KnownHosts = field(default_factory=KnownHosts)
    cut: frozenset[CapturePoint] = frozenset()
    """Points whose snaplen cut headers that were needed: what is missing there may be among them."""
    carriers: set[CapturePoint] = field(default_factory=set)
    """NICs that showed packets with outer headers."""
    overlay: set[IPv4Address] = field(default_factory=set)
    """Inner addresses at the far end of a tunnel, of whatever exchange."""

    showed: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By protocol, the nodes that show packets of it."""
    connections: Connections = field(default_factory=lambda: Connections(Flows(0)))
    """What established TCP proves."""
    placed: dict[object, Mapping[tuple[str | None, str], tuple[Look, ...]]] = field(default_factory=dict)
    """What `View` has worked out of where looks were seen, by state, leg and the nodes of the two ends."""
    shifts: tuple[int, ...] = ()
    """Nanoseconds that were added to each source's times, to put all nodes on one clock."""

    def recorded_time(self, source: int, time: int) -> int:
        """A time as its file has it."""
        return time - self.shifts[source] if self.shifts else time

    def needed(self, first: int, last: int) -> tuple[int, int]:
        """From when to when a point must have recorded to have all packets of exchanges begun from *first* to *last*.

        Answers take a while, and clocks of nodes agree as far as it is known.
        """
        return first - self.doubt, last + self.trip + self.doubt

    def presumably_recording(self, first: int, last: int) -> frozenset[CapturePoint]:
        """The points that were recording from *first* to *last*, unless they began late or ended early unseen."""
        return recording(self.presumed_windows, *self.needed(first, last))

    def points(self, node: str, role: Role) -> list[CapturePoint]:
        """The points of a node that show what a role shows; an `any` point shows all."""
        return [p for p, r in self.roles.items() if p.node == node and (r is role or r is Role.ANY)]


def recording(windows: Mapping[CapturePoint, Recorded | None], first: int, last: int) -> frozenset[CapturePoint]:
    """The points that recorded all the time from *first* to *last*."""
    return frozenset(point for point, window in windows.items() if window and window.throughout(first, last))
