"""Conversations: the flow table's rows put together, both directions and all capture points.

The requester is who asked first in the words of the protocol (an echo request, a SYN), else who has the higher port
(RFC 6335 §6), else who was seen first.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

import numpy as np

from ipipscope.correlator import flow_keys
from ipipscope.decoder import ipv4
from ipipscope.model import CapturePoint, OuterPair, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipipscope.correlator.flows import Flows
    from ipipscope.correlator.stations import Station
    from ipipscope.decoder.columns import Array

PROTOCOLS: Final = {ipv4.PROTOCOL_ICMP: "icmp", ipv4.PROTOCOL_TCP: "tcp", ipv4.PROTOCOL_UDP: "udp"}
NO_ID: Final = 0x10000


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One direction of a conversation.

    packets, octets, native, encapsulated, retransmissions: as the one place showed that saw most packets of it, so
        that no packet is counted twice. Octets are those of the inner IP packets.
    """

    packets: int = 0
    octets: int = 0
    native: int = 0
    """On NICs without an outer header; on tunnels and pods' interfaces every packet is, and none counts here."""
    encapsulated: int = 0
    retransmissions: int = 0
    """TCP segments that begin before the end of an earlier one: sent again, or overtaken."""
    outers: tuple[OuterPair, ...] = ()
    """Outer pairs, busiest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointCount:
    """What one capture point showed of a conversation, the requester's packets and the answers."""

    point: CapturePoint
    sent: int
    sent_octets: int
    returned: int
    returned_octets: int
    encapsulated: int
    """Of both directions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Everything between two ends under one protocol and pair of ports, or one echo identifier."""

    src: IPv4Address
    dst: IPv4Address
    protocol: str
    """icmp, tcp, udp, or the protocol's number."""
    sport: int | None
    dport: int | None
    id: int | None
    first: int
    last: int
    forward: Way
    back: Way
    points: tuple[PointCount, ...]
    """In order of first sight."""


def conversations(flows: Flows, stations: Sequence[Station]) -> list[Conversation]:
    """What *flows* counted, one value a conversation, in order of their first packets."""
    rows = flows.rows
    addresses, numbers = np.asarray(flows.addresses)[:rows], np.asarray(flows.numbers)[:rows]
    order = np.lexsort((np.asarray(flows.first)[:rows], numbers, addresses))
    fresh = np.ones(rows, bool)
    fresh[1:] = (np.diff(addresses[order]) != 0) | (np.diff(numbers[order]) != 0)
    groups = np.split(order, np.flatnonzero(fresh)[1:]) if rows else []
    found = [_conversation(flows, group, stations) for group in groups]
    return sorted(found, key=lambda each: (each.first, each.src, each.dst))


def _conversation(flows: Flows, rows: Array, stations: Sequence[Station]) -> Conversation:
    key, numbers = int(flows.addresses[rows[0]]), int(flows.numbers[rows[0]])
    ends = list(zip(flow_keys.ends(key), flow_keys.ports(numbers), strict=True))
    protocol = numbers >> 40
    ways: tuple[list[int], list[int]] = ([], [])
    for row in rows.tolist():
        ways[flows.places[row] & 1].append(row)
    turned = _turned(flows, ways, ends, protocol)
    if turned:
        ends.reverse()
    forward, back = ways[turned], ways[not turned]
    (src, low), (dst, high) = ends
    ports = protocol in {ipv4.PROTOCOL_TCP, ipv4.PROTOCOL_UDP}
    echo = protocol == ipv4.PROTOCOL_ICMP and low != NO_ID
    every = rows.tolist()
    return Conversation(
        src=IPv4Address(src),
        dst=IPv4Address(dst),
        protocol=PROTOCOLS.get(protocol, str(protocol)),
        sport=low if ports else None,
        dport=high if ports else None,
        id=low if echo else None,
        first=min(flows.first[row] for row in every),
        last=max(flows.last[row] for row in every),
        forward=_way(flows, forward, stations),
        back=_way(flows, back, stations),
        points=_points(flows, forward, back, stations),
    )


def _turned(flows: Flows, ways: tuple[list[int], list[int]], ends: list[tuple[int, int]], protocol: int) -> bool:
    """Whether the second end is the requester."""
    asked = [sum(flows.asked[row] for row in way) for way in ways]
    if asked[0] != asked[1]:
        return bool(asked[1] > asked[0])
    if protocol in {ipv4.PROTOCOL_TCP, ipv4.PROTOCOL_UDP} and ends[0][1] != ends[1][1]:
        return ends[1][1] > ends[0][1]
    firsts = [min((flows.first[row] for row in way), default=None) for way in ways]
    if firsts[0] is None or firsts[1] is None:
        # An echo reply without its request: who it goes to asked.
        return (firsts[0] is None) != (protocol == ipv4.PROTOCOL_ICMP and ends[0][1] != NO_ID)
    return bool(firsts[1] < firsts[0])


def _way(flows: Flows, rows: list[int], stations: Sequence[Station]) -> Way:
    if not rows:
        return Way()
    at: dict[int, list[int]] = {}
    outers: dict[int, int] = {}
    for row in rows:
        at.setdefault(flows.places[row] >> 1, []).append(row)
        if flows.outers[row]:
            outers[flows.outers[row]] = max(outers.get(flows.outers[row], 0), flows.packets[row])
    most = max(at.values(), key=lambda members: sum(flows.packets[row] for row in members))
    busiest = sorted(outers, key=lambda pair: (-outers[pair], pair))
    nics = [m for place, m in at.items() if stations[place].role is Role.PHYSICAL or stations[place].carried_outer]
    return Way(
        packets=sum(flows.packets[row] for row in most),
        octets=sum(flows.octets[row] for row in most),
        native=max((sum(flows.packets[row] for row in m if not flows.outers[row]) for m in nics), default=0),
        encapsulated=max((sum(flows.packets[row] for row in m if flows.outers[row]) for m in nics), default=0),
        retransmissions=max(sum(flows.again[row] for row in members) for members in at.values()),
        outers=tuple(flow_keys.outer_pair(pair) for pair in busiest),
    )


def _points(flows: Flows, forward: list[int], back: list[int], stations: Sequence[Station]) -> tuple[PointCount, ...]:
    rows: dict[CapturePoint, tuple[list[int], list[int]]] = {}
    for way, members in enumerate((forward, back)):
        for row in members:
            rows.setdefault(stations[flows.places[row] >> 1].point, ([], []))[way].append(row)
    return tuple(
        PointCount(
            point=point,
            sent=sum(flows.packets[row] for row in sent),
            sent_octets=sum(flows.octets[row] for row in sent),
            returned=sum(flows.packets[row] for row in returned),
            returned_octets=sum(flows.octets[row] for row in returned),
            encapsulated=sum(flows.packets[row] for row in (*sent, *returned) if flows.outers[row]),
        )
        for point, (sent, returned) in sorted(
            rows.items(), key=lambda item: min(flows.first[row] for way in item[1] for row in way)
        )
    )
