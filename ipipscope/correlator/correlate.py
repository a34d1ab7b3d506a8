"""From batches of packets to journeys: stations, tallies and pairing, one pass, bounded memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ipipscope.correlator.clocks import Clock, clocks
from ipipscope.correlator.connections import Connections
from ipipscope.correlator.exchanges import Exchanges, exchanges
from ipipscope.correlator.flows import Flows
from ipipscope.correlator.fragments import HOLD, Fragments, Waiting
from ipipscope.correlator.journey import Journey, journeys
from ipipscope.correlator.merge import Chunk, merge
from ipipscope.correlator.pairing import Pairing, view
from ipipscope.correlator.recorded_time import Recorded, Span, Stretch, recorded_time
from ipipscope.correlator.recorded_twice import RecordedTwice
from ipipscope.correlator.stations import Station, Stations
from ipipscope.correlator.strays import Placed
from ipipscope.correlator.tally import Tally
from ipipscope.decoder.columns import Kind
from ipipscope.decoder.ipv4 import PROTOCOL_TCP
from ipipscope.model import SECOND, CapturePoint, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ipipscope.decoder.columns import Array, Columns

CONNECTIONS_ROWS = 1 << 15
"""Rows of the flow table that is kept of TCP alone, where nobody asked for one of everything; 6 MB."""
DISORDER = 2 * SECOND
"""How far times within one file may jump back without an exchange being lost."""


class Source(Protocol):
    """One file's packets, decoded."""

    begins: int
    """Capture time of its first packet; the smallest i8 where that is not known."""
    interfaces: int
    """How many interfaces it is known to have; all of them when its packets are read."""

    @property
    def at_once(self) -> bool:
        """Whether one process recorded all its interfaces, which files put together later do not tell; asked last."""
        ...

    @property
    def place(self) -> tuple[str, int] | None:
        """Of a file of a ring, which ring, and its number there; None for a file by itself."""
        ...

    def recorded(self, interface: int, seen: Stretch) -> Span | None:
        """From when to when the interface is said to have recorded, packets or not; None where nothing says.

        seen: its packets as they were read; asked last.
        """
        ...

    def batches(self) -> Iterator[Columns]:
        """Its packets in file order."""
        ...

    def sample(self, packets: int) -> Iterable[Columns]:
        """Its first packets, read ahead; `batches` begins anew."""
        ...

    def point_of(self, interface: int) -> tuple[CapturePoint, Role | None]:
        """The capture point of an interface of this file, and its role as far as names tell."""
        ...


@dataclass(slots=True)
class Correlation:
    """What the packets of all files amount to."""

    journeys: list[Journey]
    stations: list[Station]
    tallies: dict[CapturePoint, Tally]
    roles: dict[CapturePoint, Role]
    recorded: dict[CapturePoint, Recorded]
    """When each point is known to have recorded; none for one of which nothing tells."""
    pressed: int = 0
    """Exchanges closed early because too many were open."""
    folded: int = 0
    """Exchanges whose flows are not told apart because there are too many."""
    overlooked: int = 0
    """Packets that looked in too many different ways to be kept apart."""
    unjoined: int = 0
    """Packets whose fragments were not waited for because too many were awaited."""
    incomplete: dict[CapturePoint, int] = field(default_factory=dict)
    """Packets whose first fragment was seen and some other was not, at points that show whole ones too."""
    repeated: dict[CapturePoint, int] = field(default_factory=dict)
    """Packets left out because another file of the same point has them."""
    exchanges: Exchanges | None = None
    """One by one, where they were asked for."""
    flows: Flows | None = None
    """The flow table, where it was asked for."""
    connections: Connections = field(default_factory=lambda: Connections(Flows(0)))
    """What TCP beyond its handshakes proves."""
    clocks: list[Clock] = field(default_factory=list)
    """The nodes' clocks, where they share packets. All times here are those of the reference."""
    shifts: tuple[int, ...] = ()
    """Nanoseconds that were added to each source's times; empty where none was changed."""
    strays: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By source, how many packets have a time that those around them contradict, and the first one's frame."""

    def shift(self, node: str) -> int:
        """What was added to a node's times, nanoseconds."""
        return next((clock.shift for clock in self.clocks if clock.node == node), 0)


class Correlator:
    """Takes chunks of batches in step with capture time.

    timeout: nanoseconds within which a reply counts.
    keep: keep every exchange, not only the journeys that count them.
    flows: counts conversations on the way; None where nobody asks for them.
    disorder: how far times may jump back without an exchange being lost, nanoseconds.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        timeout: int,
        *,
        keep: bool = False,
        flows: Flows | None = None,
        disorder: int = DISORDER,
    ) -> None:
        self._sources = sources
        self.flows = flows
        self._counted = Flows(CONNECTIONS_ROWS, only=PROTOCOL_TCP) if flows is None else flows
        self._disorder = disorder
        self._timeout = timeout
        self.pairing = Pairing(timeout, keep=keep)
        self.fragments = Fragments(min(HOLD, timeout))
        self.stations = Stations()
        self.tallies: dict[CapturePoint, Tally] = {}
        self.clocks: list[Clock] = []
        self.shifts: tuple[int, ...] = ()
        self.placed: Sequence[Placed] = ()
        """The sources, as far as their times are mended on the way."""
        self._known_roles: dict[CapturePoint, Role | None] = {}
        self._points: dict[tuple[int, int], CapturePoint] = {}
        self._files: dict[CapturePoint, set[int]] = {}
        self._stretches: dict[tuple[int, int], Stretch] = {}
        self._twice: dict[CapturePoint, RecordedTwice] = {}
        self._repeated: Counter[CapturePoint] = Counter()
        self._tcp = 0
        for number in range(len(sources)):
            self.describe(number)

    def describe(self, source: int) -> None:
        """Take note of the interfaces that *source* is known to have: one without packets tells something, too."""
        for interface in range(self._sources[source].interfaces):
            self._point(source, interface)

    def take(self, until: int, chunks: Sequence[Chunk]) -> None:
        """One step: the chunks' packets, then whatever has waited long enough before *until* is closed."""
        prepared = [(chunk, self._stations_of(chunk)) for chunk in chunks]
        if len(self.stations.all) != len(self.pairing.station_node):
            self.pairing.station_node = view(self.stations.nodes())
        self.pairing.station_rank = view(self.stations.ranks())
        for chunk, stations in prepared:
            tcp = int(np.count_nonzero(chunk.batch.inner_proto[chunk.start : chunk.stop] == PROTOCOL_TCP))
            self._tcp += tcp
            if self.flows is not None or tcp:
                self._counted.feed(chunk.batch, chunk.start, chunk.stop, view(stations), 0, chunk.source)
            self.fragments.take(chunk.batch, chunk.start, chunk.stop, stations, chunk.source)
            self.pairing.feed(chunk.batch, chunk.start, chunk.stop, view(stations), chunk.source, 0)
        self._go_on(self.fragments.release(until))
        self.pairing.close(until - self._disorder)

    def _go_on(self, waited: Sequence[Waiting]) -> None:
        """First fragments whose packets became whole, or will not."""
        for each in waited:
            self.pairing.feed(each.batch, 0, 1, view(np.full(1, each.station, "i4")), each.source, 0)

    def _stations_of(self, chunk: Chunk) -> Array:
        """The station of each row of the chunk's batch; counts the packets on the way."""
        batch, rows = chunk.batch, slice(chunk.start, chunk.stop)
        interfaces = batch.interface[rows]
        stations = np.full(len(batch), -1, "i4")
        first = int(interfaces[0])
        single = bool((interfaces == first).all())
        for interface in [first] if single else np.unique(interfaces):
            point = self._point(chunk.source, int(interface))
            mask = np.ones(len(interfaces), bool) if single else interfaces == interface
            several = len(self._files[point]) > 1
            time = batch.time[rows] if single else batch.time[rows][mask]
            self._stretches[chunk.source, int(interface)].see(time, silences=several)
            if several:
                twice = self._twice.setdefault(point, RecordedTwice())
                fresh = twice.fresh(chunk.source, batch, chunk.start, chunk.stop, mask)
                again = mask & ~fresh
                self._repeated[point] += int(again.sum())
                batch.part[rows][again] = 0
                mask = fresh
                single = False
            everything = single and chunk.start == 0 and chunk.stop == len(batch)
            picked: Array = slice(None) if everything else np.flatnonzero(mask) + chunk.start  # type: ignore[assignment]
            self.tallies[point].count(batch, picked, chunk.source)
            role = self._known_roles[point]
            if role is Role.ANY:
                stations[picked] = self.stations.of_devices(point, batch.device[picked])
            else:
                stations[picked] = self.stations.number(point, role)
            self._note_outer(stations, batch, picked)
        return stations

    def _note_outer(self, stations: Array, batch: Columns, picked: Array) -> None:
        outer = batch.depth[picked] > 1
        if outer.any():
            for number in np.unique(stations[picked][outer]):
                station = self.stations.all[number]
                station.carried_outer = True
                if station.role is None and station.told_apart:
                    station.role = Role.PHYSICAL

    def _point(self, source: int, interface: int) -> CapturePoint:
        key = (source, interface)
        if key not in self._points:
            point, role = self._sources[source].point_of(interface)
            self._points[key] = point
            self._files.setdefault(point, set()).add(source)
            self._known_roles[point] = self._known_roles.get(point) or role
            self.tallies.setdefault(point, Tally())
            self.stations.expect(point.node)  # by the order of files, not by that of packets: steps may be of any size
            self._stretches[key] = Stretch()
        return self._points[key]

    def result(self) -> Correlation:
        """What all packets amount to; open exchanges are closed."""
        self._go_on(self.fragments.release_all())
        self.pairing.close_all()
        for number, source in enumerate(self._sources):
            for interface in range(source.interfaces):
                # A filter that was applied later leaves interfaces without packets, too: they must have recorded.
                if (number, interface) not in self._points and source.recorded(interface, Stretch()):
                    self._point(number, interface)
        return self.so_far()

    @property
    def state(self) -> tuple[int, int]:
        """Exchanges that are closed, and packets of TCP: where neither has grown, `so_far` gives what it gave before.

        A connection stalls while no exchange closes.
        """
        return self.pairing.closed, self._tcp

    def so_far(self, rows: Sequence[int] | None = None) -> Correlation:
        """What the closed exchanges amount to, while packets go on coming.

        rows: these journeys alone; None for all.
        """
        roles = {point: self._role(point, role) for point, role in self._known_roles.items()}
        for station in self.stations.all:
            if station.device is None:
                station.role = roles[station.point]
        return Correlation(
            journeys=journeys(self.pairing, rows),
            stations=self.stations.all,
            tallies=self.tallies,
            roles=roles,
            recorded=recorded_time(self._stretches, self._points, self._sources, self._shift),
            pressed=self.pairing.pressed,
            folded=self.pairing.folded,
            overlooked=self.pairing.overlooked,
            incomplete=self._incomplete(),
            unjoined=self.fragments.pressed,
            repeated=dict(self._repeated),
            exchanges=exchanges(self.pairing) if self.pairing.keep else None,
            flows=self.flows,
            connections=Connections(self._counted),
            clocks=self.clocks,
            shifts=self.shifts,
            strays={
                source: (each.count, each.first) for source, each in enumerate(self.placed) if each.first is not None
            },
        )

    def _incomplete(self) -> dict[CapturePoint, int]:
        """Told only of stations that record later fragments at all: a capture filter may leave them out."""
        found: dict[CapturePoint, int] = {}
        for number in self.fragments.complete:
            station = self.stations.all[number]
            station.joins = True
            if count := self.fragments.incomplete.get(number, 0):
                found[station.point] = found.get(station.point, 0) + count
        return found

    def _shift(self, source: int) -> int:
        return self.shifts[source] if self.shifts else 0

    def _role(self, point: CapturePoint, named: Role | None) -> Role:
        """What a point shows: its name says so, unless IPIP goes over what is called another tunnel: a NIC, to IPIP."""
        kinds = self.tallies[point].kinds
        if named is Role.OTHER_TUNNEL and (kinds[Kind.IPIP] or kinds[Kind.IPIP_FRAGMENT]):
            return Role.PHYSICAL
        return named or self._role_by_content(point)

    def _role_by_content(self, point: CapturePoint) -> Role:
        """A point whose name says nothing: outer headers and ARP are seen on NICs, only inner IPv4 on tunnels."""
        tally = self.tallies[point]
        if tally.kinds[Kind.IPIP] or tally.kinds[Kind.IPIP_FRAGMENT] or tally.kinds[Kind.ARP] or tally.kinds[Kind.IPV6]:
            return Role.PHYSICAL
        return Role.TUNNEL if tally.packets and tally.kinds[Kind.NATIVE] == tally.packets else Role.PHYSICAL


def correlate(
    sources: Sequence[Source],
    *,
    timeout: int,
    keep: bool = False,
    flows: Flows | None = None,
    step: Callable[[], None] | None = None,
) -> Correlation:
    """Pair the packets of all *sources* and count how their exchanges were seen.

    timeout: how long after its request a reply still counts, nanoseconds of capture time; no clock is read.
    keep: keep every exchange, about 100 octets each, not only the journeys that count them.
    flows: an empty flow table to fill on the way.
    step: called after each step through the files, some ten thousand packets.
    """
    correlator = Correlator(sources, timeout, keep=keep, flows=flows)
    for until, chunks in steps(correlator, sources):
        correlator.take(until, chunks)
        if step is not None:
            step()
    return correlator.result()


def steps(correlator: Correlator, sources: Sequence[Source]) -> Iterator[tuple[int, list[Chunk]]]:
    """What *correlator* is to take, step by step, from the files that it was made for; see `merge`.

    Puts the nodes on one clock, and says so to the correlator.
    """
    nodes = [_node(source) for source in sources]
    correlator.clocks = clocks(sources, nodes)
    by_node = {clock.node: clock.shift for clock in correlator.clocks}
    shifts = [by_node.get(node, 0) if node is not None else 0 for node in nodes]
    correlator.shifts = tuple(shifts)
    # The smallest time stands for a begin that is not known: it stays.
    begins = [
        source.begins + shift if source.begins >= 0 else source.begins
        for source, shift in zip(sources, shifts, strict=True)
    ]
    correlator.placed = [Placed(_shifted(source, shift)) for source, shift in zip(sources, shifts, strict=True)]
    yield from merge(correlator.placed, begins, [0] * len(sources))


def _node(source: Source) -> str | None:
    """The node that all of a source's interfaces belong to, as far as they are known before its packets are read."""
    nodes = {source.point_of(interface)[0].node for interface in range(source.interfaces)}
    return nodes.pop() if len(nodes) == 1 else None


def _shifted(source: Source, shift: int) -> Iterator[Columns]:
    """A source's batches on the reference's clock."""
    for batch in source.batches():
        if shift:
            batch.time = np.where(batch.time >= 0, batch.time + shift, batch.time)
        yield batch
