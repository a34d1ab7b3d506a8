"""Requester and replier: on which node each inner address lives, decided by all exchanges together.

Every node sees a packet pass in one direction. Which one follows from the packet itself where a cooked capture says so,
from the order of NIC and tunnel (a decapsulated packet keeps its time stamp, a packet to be encapsulated is seen on the
tunnel first), from the TTL, which forwarding to or from a pod lowers, and from the NIC's own MAC address once that is
known. A packet that goes out comes from an address that lives here; one that comes in goes to such an address.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ipipscope.decoder.columns import Direction
from ipipscope.model import Leg, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from ipaddress import IPv4Address

    from ipipscope.correlator.journey import Journey
    from ipipscope.correlator.looks import Look
    from ipipscope.correlator.recorded_time import Recorded
    from ipipscope.correlator.stations import Station

FRESH_TTLS: Final = frozenset({32, 64, 128, 255})
"""TTLs that hosts begin with: a packet that still has one was not forwarded yet."""

MAC_SHARE: Final = 0.9
"""Of a NIC's packets, those with one MAC address, for that to tell other NICs who sent them."""


@dataclass(slots=True)
class Sides:
    """Where addresses live, as far as the sightings tell.

    home: node of an inner address.
    outer_home: node of an outer address.
    """

    home: dict[IPv4Address, str] = field(default_factory=dict)
    outer_home: dict[IPv4Address, str] = field(default_factory=dict)

    def origin(self, journey: Journey, leg: Leg) -> str | None:
        """The node that the leg's packet comes from."""
        return self.home.get(journey.flow.dst if leg is Leg.REPLY else journey.flow.src)

    def target(self, journey: Journey, leg: Leg) -> str | None:
        """The node that it goes to."""
        return self.home.get(journey.flow.src if leg is Leg.REPLY else journey.flow.dst)


class _Votes:
    """For and against: an address lives on a node."""

    def __init__(self) -> None:
        self._votes: dict[IPv4Address, Counter[str]] = defaultdict(Counter)

    def add(self, address: IPv4Address, node: str, weight: int) -> None:
        self._votes[address][node] += weight

    @property
    def asked(self) -> set[IPv4Address]:
        """All addresses for or against which somebody voted."""
        return set(self._votes)

    def winners(self) -> dict[IPv4Address, str]:
        found = {}
        for address, votes in self._votes.items():
            node, weight = max(votes.items(), key=lambda vote: (vote[1], vote[0]))
            if weight > 0:
                found[address] = node
        return found


def find_sides(
    journeys: Sequence[Journey], stations: Sequence[Station], tunnels: dict[str, list[Recorded | None]]
) -> Sides:
    """Hear all journeys, then hear those that told nothing again with the MAC addresses learned from the others.

    tunnels: per node, when each of its tunnel points recorded; None for one without packets.
    """
    inner, outer = _Votes(), _Votes()
    beyond = frozenset(place for place, station in enumerate(stations) if station.role is not Role.WORKLOAD)
    macs: dict[int, Counter[int]] = defaultdict(Counter)
    undecided: list[tuple[Journey, Leg, str, list[Look]]] = []
    for journey in journeys:
        if (node := _own_node(journey, stations)) is not None:
            inner.add(journey.flow.src, node, journey.count)
            inner.add(journey.flow.dst, node, journey.count)
            continue
        for leg in (Leg.REQUEST, Leg.REPLY):
            for node, looks in _by_node(journey.looks(leg), stations).items():
                direction = _direction(looks, stations)
                if direction is None:
                    undecided.append((journey, leg, node, looks))
                elif direction is Direction.UNKNOWN:
                    _vote_for_relay(outer, journey, node, looks)
                else:
                    _vote(inner, outer, journey, leg, node, looks, direction, beyond)
                    for look in looks:
                        if look.encapsulated and stations[look.station].device is None:
                            own = look.src_mac if direction is Direction.OUT else look.dst_mac
                            macs[look.station][own] += journey.count
    silent = []
    known_macs = _Macs(macs, stations)
    for journey, leg, node, looks in undecided:
        direction = _direction_by_mac(looks, known_macs, node)
        if direction is not None:
            _vote(inner, outer, journey, leg, node, looks, direction, beyond)
        elif any(look.encapsulated for look in looks):
            silent.append((journey, leg, node, looks))
    known = _sides(inner, outer)
    for journey, leg, node, looks in silent:
        # Only the NIC saw it. From or to an address of another node, it came in or went out here.
        source, target = known.origin(journey, leg), known.target(journey, leg)
        if _ends(journey, leg, stations) - {node, source, target}:
            continue  # a router between two nodes
        if source is not None and source != node:
            _vote(inner, outer, journey, leg, node, looks, Direction.IN, beyond)
        elif target is not None and target != node:
            _vote(inner, outer, journey, leg, node, looks, Direction.OUT, beyond)
        elif source is None and target == node:
            _vote(inner, outer, journey, leg, node, looks, Direction.IN, beyond)
        elif source is None and target is None and _tunnel_watched(journey, tunnels.get(node, [])):
            # What leaves through the tunnel is seen there first: this came in and went no further.
            _vote(inner, outer, journey, leg, node, looks, Direction.IN, beyond)
    return _sides(inner, outer)


def _sides(inner: _Votes, outer: _Votes) -> Sides:
    """Where addresses live. An outer address that tunnels tell nothing of is known from the node's own packets."""
    home = inner.winners()
    own = {address: home[address] for address in outer.asked if address in home}
    return Sides(home, own | outer.winners())


def _ends(journey: Journey, leg: Leg, stations: Sequence[Station]) -> set[str]:
    """The nodes at whose tunnels or pods' interfaces a leg was seen."""
    places = (stations[look.station] for look in journey.looks(leg))
    return {place.node for place in places if place.role in {Role.TUNNEL, Role.WORKLOAD}}


def _own_node(journey: Journey, stations: Sequence[Station]) -> str | None:
    """The node of a pod that talks with its own node: nothing was forwarded, only the pod's interface saw it."""
    seen = {look.station for look in journey.sightings}
    if len(seen) != 1 or {look.leg for look in journey.sightings} != {Leg.REQUEST, Leg.REPLY}:
        return None
    station = stations[seen.pop()]
    fresh = all(look.inner_ttl in FRESH_TTLS for look in journey.sightings)
    return station.node if fresh and station.role is Role.WORKLOAD else None


def _tunnel_watched(journey: Journey, tunnels: list[Recorded | None]) -> bool:
    times = journey.times()
    return any(tunnel is None or all(tunnel.throughout(*time) for time in times) for tunnel in tunnels)


def _by_node(looks: Iterable[Look], stations: Sequence[Station]) -> dict[str, list[Look]]:
    found: dict[str, list[Look]] = {}
    for look in looks:
        found.setdefault(stations[look.station].node, []).append(look)
    return found


def _vote(
    inner: _Votes,
    outer: _Votes,
    journey: Journey,
    leg: Leg,
    node: str,
    looks: list[Look],
    direction: Direction,
    beyond: frozenset[int],
) -> None:
    """Vote for where the ends of a packet live.

    beyond: stations that show what crosses the node's border. Those of pods alone do not: both ends may be on the node.
    """
    source, destination = journey.flow.src, journey.flow.dst
    if leg is Leg.REPLY:
        source, destination = destination, source
    here, away = (source, destination) if direction is Direction.OUT else (destination, source)
    # Where a packet begins is told more surely than where it ends: it may end on the wrong node.
    weight = journey.count * (3 if direction is Direction.OUT else 1)
    inner.add(here, node, weight)
    if any(look.station in beyond for look in looks):
        inner.add(away, node, -weight)
    for look in looks:
        if look.outer is not None:
            mine, theirs = look.outer.src, look.outer.dst
            if direction is Direction.IN:
                mine, theirs = theirs, mine
            outer.add(mine, node, journey.count)
            outer.add(theirs, node, -journey.count)


def _vote_for_relay(outer: _Votes, journey: Journey, node: str, looks: list[Look]) -> None:
    """A node that unpacks a packet and puts it into the tunnel again owns the address at which the tunnels meet."""
    pairs = {look.outer for look in looks if look.outer is not None}
    for first in pairs:
        for second in pairs:
            if first != second and first.dst == second.src:
                outer.add(first.dst, node, journey.count)


def _direction(looks: list[Look], stations: Sequence[Station]) -> Direction | None:
    """Which way a node's sightings of one packet went; UNKNOWN for one that only passes through, None for no idea."""
    outer = [look for look in looks if look.encapsulated]
    if len({look.outer_ttl for look in outer}) > 1:
        return Direction.UNKNOWN  # a router between NICs: the tunnel goes on
    told = {look.direction for look in outer} - {Direction.UNKNOWN}
    tunnel = [look for look in looks if not look.encapsulated and stations[look.station].role is Role.TUNNEL]
    if not told:
        told = {look.direction for look in tunnel} - {Direction.UNKNOWN}
    if told:
        return told.pop() if len(told) == 1 else Direction.UNKNOWN
    workload = [look for look in looks if stations[look.station].role is Role.WORKLOAD]
    rest = tunnel or outer or [look for look in looks if look not in workload]
    if len(workload) > 1:
        return Direction.UNKNOWN  # from pod to pod of one node
    if workload and rest:
        difference = workload[0].inner_ttl - rest[0].inner_ttl
        if difference:
            return Direction.OUT if difference > 0 else Direction.IN
        return Direction.OUT if looks.index(workload[0]) < looks.index(rest[0]) else Direction.IN
    if tunnel and outer:
        return Direction.OUT if looks.index(tunnel[0]) < looks.index(outer[0]) else Direction.IN
    if workload:
        return Direction.OUT if workload[0].inner_ttl in FRESH_TTLS else Direction.IN
    return None


def _direction_by_mac(looks: list[Look], macs: _Macs, node: str) -> Direction | None:
    """Which way *node*'s sightings went by the MAC addresses of NICs.

    A NIC of which nothing is known receives what another node's sent, and the other way round.
    """
    for look in looks:
        if look.src_mac == look.dst_mac:
            continue
        own = macs.of_station.get(look.station)
        if own is not None:
            if own in {look.src_mac, look.dst_mac}:
                return Direction.OUT if look.src_mac == own else Direction.IN
            continue
        sender, receiver = macs.of_node.get(look.src_mac), macs.of_node.get(look.dst_mac)
        if sender == receiver:
            continue
        if node in {sender, receiver}:
            return Direction.OUT if sender == node else Direction.IN
        return Direction.IN if sender is not None else Direction.OUT
    return None


class _Macs:
    """The MAC addresses of NICs, by station; and whose each is, but for those that several nodes have."""

    def __init__(self, counts: dict[int, Counter[int]], stations: Sequence[Station]) -> None:
        self.of_station = {station: each.most_common(1)[0][0] for station, each in counts.items()}
        nodes: dict[int, set[str]] = defaultdict(set)
        for station, each in counts.items():
            mac, seen = each.most_common(1)[0]
            if seen > each.total() * MAC_SHARE:
                nodes[mac].add(stations[station].node)
        self.of_node = {mac: few.pop() for mac, few in nodes.items() if mac and len(few) == 1}
