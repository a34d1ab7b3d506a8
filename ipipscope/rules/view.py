"""One journey, seen with everything else that is known: sides, stations, and which points were recording.

A position is a kind of place on a node: its NICs with an outer header (`outer`), its NICs without one (`bare`), its
tunnel and its workloads. A sighting counts as missing at a position only if a point that would have shown it was
recording then; where none was, the answer is None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ipipscope.decoder.columns import Direction
from ipipscope.model import CapturePoint, Leg, Role
from ipipscope.rules.forwarding import ROLES, passed_positions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ipaddress import IPv4Address

    from ipipscope.correlator.journey import Journey
    from ipipscope.correlator.looks import Look
    from ipipscope.correlator.stations import Station
    from ipipscope.rules.knowledge import Knowledge

LEGS: Final = (Leg.REQUEST, Leg.REPLY)


@dataclass(slots=True)
class View:
    """A journey and what can be said about it.

    recording: the points that were recording while its exchanges took place.
    """

    journey: Journey
    knowledge: Knowledge
    recording: frozenset[CapturePoint]
    _homes: tuple[str | None, str | None] | None = field(default=None, init=False, repr=False, compare=False)
    """Of source and destination, once they were asked for: rules ask again and again."""

    # --- what was seen -------------------------------------------------------------------------------------------

    def looks(self, leg: Leg) -> tuple[Look, ...]:
        """All sightings of a leg."""
        return self.journey.looks(leg)

    def station(self, look: Look) -> Station:
        """Where a sighting was made."""
        return self.knowledge.stations[look.station]

    def origin(self, leg: Leg) -> str | None:
        """The node that a leg comes from; None when no captured node is known to be it."""
        return self._ends[leg is Leg.REPLY]

    def target(self, leg: Leg) -> str | None:
        """The node that a leg goes to."""
        return self._ends[leg is not Leg.REPLY]

    @property
    def _ends(self) -> tuple[str | None, str | None]:
        if self._homes is None:
            flow, home = self.journey.flow, self.knowledge.sides.home
            self._homes = home.get(flow.src), home.get(flow.dst)
        return self._homes

    @property
    def requester(self) -> str | None:
        """The requester's node."""
        return self.origin(Leg.REQUEST)

    @property
    def replier(self) -> str | None:
        """The replier's node."""
        return self.target(Leg.REQUEST)

    def at(self, leg: Leg, node: str | None, position: str) -> tuple[Look, ...]:
        """Sightings of a leg at a position of a node: outer, bare, tunnel or workload; or incomplete."""
        return () if node is None else self._placed(leg).get((node, position), ())

    def _placed(self, leg: Leg) -> Mapping[tuple[str | None, str], tuple[Look, ...]]:
        """Sightings of a leg by node and position, and of all nodes together for None.

        Worked out once for all journeys that were seen alike between the same two nodes.
        """
        key = self.journey.state, leg, self._ends
        placed = self.knowledge.placed.get(key)
        if placed is None:
            gathered: dict[tuple[str | None, str], list[Look]] = {}
            for look in self.looks(leg):
                node = self.station(look).node
                position = self.position(look, leg, node)
                gathered.setdefault((node, position), []).append(look)
                gathered.setdefault((None, position), []).append(look)
            placed = {place: tuple(looks) for place, looks in gathered.items()}
            self.knowledge.placed[key] = placed
        return placed

    def position(self, look: Look, leg: Leg, node: str) -> str:
        """Which position of *node* a sighting stands for."""
        if look.incomplete and self.station(look).joins and self.target(leg) == node:
            return "incomplete"  # it arrived in part: as good as not at all
        role = self.station(look).role
        if look.ipip or (look.encapsulated and role not in {Role.TUNNEL, Role.WORKLOAD}):
            return "outer"  # else it is a tunnel of the pod's own, inside ours
        if role is Role.TUNNEL:
            return "tunnel"
        if role is Role.OTHER_TUNNEL:
            return "elsewhere"
        if role is Role.WORKLOAD:
            return "workload"
        if role is Role.PHYSICAL:
            return "bare"
        # A device of a cooked capture that may be a NIC or a pod's: towards the other node it is a NIC.
        if look.src_mac == 0xEEEEEEEEEEEE and look.direction is Direction.OUT:
            return "workload"  # the MAC address of Calico's host side
        outwards = look.direction is Direction.OUT
        return "bare" if outwards == (self.origin(leg) == node) else "workload"

    def sender(self, leg: Leg, *, anywhere: bool = False) -> str | None:
        """The node whose address a leg has as its outer source, as that node's NIC shows it, or whoever's."""
        homes = self.knowledge.sides.outer_home
        nodes = ((self.station(look).node, look.outer) for look in self.looks(leg) if look.ipip)
        senders = ((node, homes.get(outer.src)) for node, outer in nodes if outer is not None)
        return next((sender for node, sender in senders if sender is not None and (anywhere or sender == node)), None)

    def outer_anywhere(self, leg: Leg) -> tuple[Look, ...]:
        """Sightings of a leg with an outer header, at any node."""
        return self._placed(leg).get((None, "outer"), ())

    def ipip_anywhere(self, leg: Leg) -> tuple[Look, ...]:
        """Those whose outer header is IPIP's: VXLAN and GRE have addresses, and rules, of their own."""
        return tuple(look for look in self.outer_anywhere(leg) if look.ipip)

    def bare_anywhere(self, leg: Leg) -> tuple[Look, ...]:
        """Sightings of a leg on NICs without an outer header."""
        return self._placed(leg).get((None, "bare"), ())

    @property
    def in_overlay(self) -> bool:
        """Whether any packet of it was seen encapsulated or on a tunnel, or belongs there."""
        return self.seen_in_overlay or self.belongs_in_overlay

    @property
    def seen_in_overlay(self) -> bool:
        """Whether any packet of it was seen encapsulated or on a tunnel."""
        return any(
            look.encapsulated or self.station(look).role is Role.TUNNEL
            for look in (*self.looks(Leg.REQUEST), *self.looks(Leg.REPLY))
        )

    @property
    def belongs_in_overlay(self) -> bool:
        """Whether it asks in vain for an address that is known to lie at the far end of a tunnel."""
        target, hosts = self.journey.flow.dst, self.knowledge.hosts
        here, there = self.requester, self.replier
        if here is None or here == there or self.looks(Leg.REPLY):
            return False
        routed = any(target in network for network in hosts.tunnelled.get(here, ()))
        elsewhere = target in hosts.inner and there is not None
        if not (routed or elsewhere or target in self.knowledge.overlay):
            return False
        return bool(self.at(Leg.REQUEST, here, "workload") or self.at(Leg.REQUEST, here, "bare"))

    # --- what is missing -----------------------------------------------------------------------------------------

    def recorded(self, node: str | None, role: Role) -> list[CapturePoint]:
        """The points of a role on a node that were recording."""
        if node is None:
            return []
        points = self.knowledge.points(node, role)
        return [point for point in points if point in self.recording and point not in self.knowledge.cut]

    def missing(self, leg: Leg, node: str | None, position: str) -> bool | None:
        """Whether a leg was not seen where it would have been recorded; None where nothing was recording."""
        if node is None:
            return None
        if self.at(leg, node, position):
            return False
        if leg is Leg.REPLY and self.journey.requested and self._blind(node, position):
            return None
        points = self.recorded(node, ROLES[position])
        if position == "workload":
            address = self.journey.flow.dst if self.replier == node else self.journey.flow.src
            own = self.knowledge.workload_of.get(address, set())
            mine = [p for p in points if p in own or self.knowledge.roles[p] is Role.ANY]
            # Nobody ever saw the pod, and a pod's interface that was watched showed no packet: most likely that one,
            # unless the pod sent something.
            sent = self.journey.requested if node == self.requester else bool(self.looks(Leg.REPLY))
            points = mine or [p for p in points if p in self.knowledge.unused and not own and not sent]
        elif position in {"outer", "bare"} and not self._carrier_watched(node, points):
            return None
        return True if points else None

    def _blind(self, node: str, position: str) -> bool:
        """Whether the request surely passed a position and was not seen there: nothing that it shows was recorded then."""
        if self.at(Leg.REQUEST, node, position):
            return False
        if node == self.requester and not any(self.station(look).node == node for look in self.looks(Leg.REQUEST)):
            return True
        return position in passed_positions(self, Leg.REQUEST, node)

    def _carrier_watched(self, node: str, points: Sequence[CapturePoint]) -> bool:
        """Whether the NIC that carries the tunnel is among some recorded ones."""
        roles, carriers = self.knowledge.roles, self.knowledge.carriers
        return any(roles[p] is Role.ANY or p in carriers for p in points) or self.all_nics_watched(node)

    def presumed(self, node: str | None, role: Role) -> bool:
        """Whether what is missing there rests on points of which no packet proves that they recorded."""
        points = self.recorded(node, role)
        doubtful = self.knowledge.presumed | self.knowledge.unused
        return bool(points) and all(point in doubtful for point in points)

    def name(self, leg: Leg, *, target: bool = False) -> str | None:
        """The node a leg comes from, or goes to; its outer address where it was not captured."""
        known = self.target(leg) if target else self.origin(leg)
        if known is not None:
            return known
        other = Leg.REQUEST if leg is Leg.REPLY else Leg.REPLY
        for look in self.outer_anywhere(leg):
            if look.outer is not None:
                return self.named(look.outer.dst if target else look.outer.src)
        for look in self.outer_anywhere(other):
            if look.outer is not None:
                return self.named(look.outer.src if target else look.outer.dst)
        return None

    def named(self, address: IPv4Address) -> str:
        """The node that owns an outer address, or the address."""
        return self.knowledge.sides.outer_home.get(address) or str(address)

    def interface(self, looks: Sequence[Look]) -> str | None:
        """The interface of the first of some sightings."""
        return self.station(looks[0]).point.interface if looks else None

    def came_through(self, leg: Leg) -> bool | None:
        """Whether a leg arrived in the overlay of its target node; None where that node was not watched."""
        node = self.target(leg)
        if node is None:
            return None
        if self.at(leg, node, "tunnel") or self.at(leg, node, "workload"):
            return True
        if self.at(leg, node, "outer") and self.missing(leg, node, "tunnel"):
            return False
        return None

    # --- where a reply would leave -------------------------------------------------------------------------------

    def exit_watched(self, leg: Leg) -> bool | None:
        """Whether the NIC by which a leg would leave its origin was recording.

        True when it surely was: a cooked capture of all devices, or several NICs and the opposite leg came in on one
        of them from a neighbour on the link. None when it most likely was: the opposite leg came in there, from a
        neighbour. False when the leg may well leave by a NIC that nobody watched.
        """
        node = self.origin(leg)
        nics = self.recorded(node, Role.PHYSICAL)
        if node is None or not nics:
            return False
        if any(self.knowledge.roles[point] is Role.ANY for point in nics):
            return True
        if any(point.node == node and point not in nics for point in self.knowledge.carriers):
            return False  # one by which the tunnel goes at other times
        unwatched = bool(self.unwatched_nics(node))
        other = Leg.REQUEST if leg is Leg.REPLY else Leg.REPLY
        came_in = [look for look in self.at(other, node, "outer") if self.station(look).point in nics]
        several = len(nics) > 1
        far = self.missing(leg, self.target(leg), "outer")
        if came_in:
            # The tunnel's TTL begins as the inner one: less than that, and a router lies between.
            neighbour = all(look.outer_ttl >= look.inner_ttl for look in came_in)
            if neighbour:
                return True if (several or far) and not unwatched else None
            return None if (several or far) and not unwatched else False
        if unwatched:
            return False
        if leg is Leg.REQUEST or self._sends_there(leg, node):
            return True if several and far else None
        return None if several else False

    def all_nics_watched(self, node: str) -> bool:
        """Whether every NIC of a node was recorded, as far as its own number and the other nodes' NICs tell."""
        recorded = self.recorded(node, Role.PHYSICAL)
        if any(self.knowledge.roles[point] is Role.ANY for point in recorded):
            return True
        if not recorded or self.unwatched_nics(node):
            return False
        known = node in self.knowledge.hosts.nics
        others = any(p.node != node and role is Role.PHYSICAL for p, role in self.knowledge.roles.items())
        return known or others or len(recorded) > 1

    def unwatched_nics(self, node: str) -> set[str]:
        """NICs that a node has, or that its like have, and that were not recorded there."""
        roles = self.knowledge.roles
        names = {point.interface for point in self.recorded(node, Role.PHYSICAL)}
        known = self.knowledge.hosts.nics.get(node)
        if known is None:
            known = frozenset(p.interface for p, role in roles.items() if role is Role.PHYSICAL and p.node != node)
        return set(known - names)

    def _sends_there(self, leg: Leg, node: str) -> bool:
        """Whether this node's packets to the same place were seen leaving by a recorded NIC at other times."""
        destination = self.journey.flow.src if leg is Leg.REPLY else self.journey.flow.dst
        return self.knowledge.sides.home.get(destination) is not None and bool(self.recorded(node, Role.PHYSICAL))

    # --- answered? -----------------------------------------------------------------------------------------------

    def answered(self) -> bool | None:
        """Whether the reply arrived at the requester, as far as the captures show; None where they do not."""
        replies = self.looks(Leg.REPLY)
        if not replies or not self.journey.requested:
            return None
        node = self.requester
        if not self.in_overlay:
            there = {self.station(look).node for look in replies} == {self.replier}
            elsewhere = node is not None and node != self.replier and self.journey.flow.dst in self.knowledge.overlay
            return None if there and elsewhere else True
        if node is not None and any(point.node == node for point in self.knowledge.windows):
            if self.at(Leg.REPLY, node, "workload"):
                return True
            if self.missing(Leg.REPLY, node, "workload"):
                return False
            if self.at(Leg.REPLY, node, "tunnel") or self.at(Leg.REPLY, node, "bare"):
                # The pod's own interface, where it was watched at other times, leaves it open now.
                return None if self.knowledge.workload_of.get(self.journey.flow.src) else True
            if self.at(Leg.REPLY, node, "outer"):
                if self.missing(Leg.REPLY, node, "tunnel"):
                    return False
                # A tunnel, or the pod's own interface, that was watched at other times leaves it open now.
                watched = self.knowledge.workload_of.get(self.journey.flow.src)
                return None if self.knowledge.points(node, Role.TUNNEL) or watched else self.pair_taken(Leg.REPLY)
            if self.bare_anywhere(Leg.REPLY) and not self.outer_anywhere(Leg.REPLY):  # it needs no tunnel to arrive
                return False if self.all_nics_watched(node) else None
            lacking = self.missing(Leg.REPLY, node, "outer") or self.missing(Leg.REPLY, node, "tunnel")
            return False if lacking else None
        if self.outer_anywhere(Leg.REPLY):
            return self.pair_taken(Leg.REPLY)
        if self.bare_anywhere(Leg.REPLY) and self.outer_anywhere(Leg.REQUEST):
            return self.returns_to_sender(Leg.REPLY)
        return None

    def pair_taken(self, leg: Leg) -> bool | None:
        """Whether packets with this leg's outer pair are taken by their target.

        A pair that mirrors the opposite leg's is. Another one is judged by what became of other packets with it; None
        where nothing tells.
        """
        outers = {look.outer for look in self.outer_anywhere(leg) if look.outer is not None}
        opposite = {
            look.outer
            for look in self.outer_anywhere(Leg.REQUEST if leg is Leg.REPLY else Leg.REPLY)
            if look.outer is not None
        }
        if any(a.src == b.dst and a.dst == b.src for a in outers for b in opposite):
            return True
        accepted = sum(self.knowledge.accepted[outer] for outer in outers)
        refused = sum(self.knowledge.refused[outer] for outer in outers)
        if accepted or refused:
            return accepted >= refused
        return None if opposite else True

    def returns_to_sender(self, leg: Leg) -> bool | None:
        """Whether a bare packet goes to the very machine that the opposite leg's outer packet came from, by MAC.

        None where they pass different NICs: machines have other addresses there.
        """
        other = Leg.REQUEST if leg is Leg.REPLY else Leg.REPLY
        bare = self.bare_anywhere(leg)
        here = {look.station for look in bare}
        senders = {look.src_mac for look in self.outer_anywhere(other) if look.station in here} - {0}
        receivers = {look.dst_mac for look in bare} - {0}
        if not senders or not receivers:
            return None
        return bool(senders & receivers)
