"""Gathers what all journeys tell: outer addresses, whose the pods' interfaces are, when points recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.correlator.recorded_time import Recorded, together
from ipipscope.correlator.sides import FRESH_TTLS
from ipipscope.decoder.columns import Kind
from ipipscope.model import CapturePoint, Leg, Role
from ipipscope.rules.established import passed_empty_points
from ipipscope.rules.knowledge import Knowledge
from ipipscope.rules.presumed import passed_unseen, presumed_windows
from ipipscope.rules.translation import translations
from ipipscope.rules.view import LEGS, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from ipaddress import IPv4Address

    from ipipscope.correlator.correlate import Correlation
    from ipipscope.correlator.journey import Journey
    from ipipscope.correlator.sides import Sides
    from ipipscope.rules.known_hosts import KnownHosts

CUT_SHARE: Final = 20
"""One packet in so many that the snaplen cut too short, and the point proves nothing missing."""


def recording_windows(
    correlation: Correlation,
) -> tuple[dict[CapturePoint, Recorded | None], frozenset[CapturePoint]]:
    """When each point is known, or presumed, to have recorded; and which are presumed.

    Presumed are those without packets of their own, and pods' interfaces that showed no IPv4: their few ARP and IPv6
    packets tell little of when they were watched.
    """
    windows: dict[CapturePoint, Recorded | None] = {}
    presumed = set()
    recorded = correlation.recorded
    for point, tally in correlation.tallies.items():
        quiet = correlation.roles[point] is Role.WORKLOAD and not tally.kinds[Kind.NATIVE]
        if point in recorded and not quiet:
            windows[point] = recorded[point]
            continue
        windows[point] = together(each for other, each in recorded.items() if other.node == point.node)
        presumed.add(point)
    return windows, frozenset(presumed)


def know(correlation: Correlation, sides: Sides, hosts: KnownHosts, carried: Sequence[Journey] = ()) -> Knowledge:
    """Gather what the journeys tell about outer addresses, pods and times.

    carried: segments of established connections, which tell of addresses and of pods.
    """
    windows, presumed = recording_windows(correlation)
    used = {correlation.stations[look.station].point for each in correlation.journeys for look in each.sightings}
    pods = {point for point, role in correlation.roles.items() if role is Role.WORKLOAD}
    unused = frozenset(pods - used)
    vain = frozenset(point for point in unused if correlation.tallies[point].kinds[Kind.ARP])
    knowledge = Knowledge(
        correlation.stations,
        sides,
        windows,
        correlation.roles,
        presumed,
        unused,
        vain,
        hosts=hosts,
        connections=correlation.connections,
        shifts=correlation.shifts,
    )
    knowledge.cut = frozenset(
        point for point, tally in correlation.tallies.items() if tally.cut * CUT_SHARE > tally.packets
    )
    knowledge.doubt = max((clock.doubt for clock in correlation.clocks), default=0)
    knowledge.carriers = {station.point for station in correlation.stations if station.carried_outer}
    knowledge.before_translation = translations(correlation.journeys, correlation.stations)
    everywhere = frozenset(windows)
    views = [View(journey, knowledge, everywhere) for journey in correlation.journeys]
    for view in [*views, *(View(journey, knowledge, everywhere) for journey in carried)]:
        journey = view.journey
        knowledge.showed[journey.flow.protocol] |= {view.station(look).node for look in journey.sightings}
        for leg in LEGS:
            source, destination = journey.flow.src, journey.flow.dst
            if leg is Leg.REPLY:
                source, destination = destination, source
            for look in view.looks(leg):
                if look.ipip and look.outer is not None:
                    knowledge.overlay.add(destination)
                    knowledge.reached[destination][look.outer.dst] += journey.count
                    knowledge.served[look.outer.dst].add(destination)
                    knowledge.sent_from[source][look.outer.src] += journey.count
        for point, address in _pods(view):
            knowledge.workload_of[address].add(point)
        if journey.requested and journey.looks(Leg.REPLY):
            knowledge.trip = max(knowledge.trip, journey.trip)
    for view in views:
        for leg in LEGS:
            came_through = view.came_through(leg)
            if leg is Leg.REQUEST and came_through is None and not view.looks(Leg.REPLY):
                came_through = False if view.origin(leg) is not None else None
            for look in view.looks(leg):
                if look.outer is not None and came_through is not None:
                    (knowledge.accepted if came_through else knowledge.refused)[look.outer] += view.journey.count
    for stream in knowledge.connections.streams() if carried else ():
        for outer in stream.outers:
            knowledge.accepted[outer] += stream.connections
    unseen = passed_unseen(knowledge, views)
    passed = passed_empty_points(knowledge)
    for point, window in windows.items():
        if point in passed or (point in presumed and unseen[point]):
            windows[point] = None  # empty, though something passed there
        elif window is not None and window.bridges:
            windows[point] = window.without(unseen[point])
    knowledge.presumed_windows = presumed_windows(knowledge, unseen)
    return knowledge


def _pods(view: View) -> Iterator[tuple[CapturePoint, IPv4Address]]:
    """Whose the workload points are that a journey passed.

    A TTL that was lowered tells that the packet goes to the pod. Where both ends are on the point's node and it was not,
    either may be the pod and the other the node itself.
    """
    flow, home = view.journey.flow, view.knowledge.sides.home
    for look in view.journey.sightings:
        station = view.station(look)
        if station.role is not Role.WORKLOAD:
            continue
        source, target = (flow.src, flow.dst) if look.leg is Leg.REQUEST else (flow.dst, flow.src)
        if look.inner_ttl not in FRESH_TTLS and home.get(target, station.node) == station.node:
            yield station.point, target
        elif home.get(source) == station.node != home.get(target):
            yield station.point, source
        elif home.get(target) == station.node and home.get(source, station.node) != station.node:
            yield station.point, target
