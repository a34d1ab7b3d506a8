"""Connections as journeys: how the segments of one looked at each station, and how the one that nobody acknowledges.

A sender that sends its oldest segment again and again got no acknowledgement for it (RFC 6298 §5), wherever that went,
and though nobody recorded the handshake.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

import numpy as np

from ipipscope.correlator.flow_keys import ends, outer_pair, ports
from ipipscope.correlator.journey import Journey, Seen, by_leg
from ipipscope.correlator.looks import BUCKETS, Look
from ipipscope.correlator.marks import HALF, MASK32, REFUSES
from ipipscope.decoder.columns import Direction, Kind
from ipipscope.model import SECOND, Flow, Leg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipipscope.correlator.connections import Connections
    from ipipscope.decoder.columns import Array

STALLED, STALLED_FOR = 2, SECOND
"""How often a segment is sent again in vain before its connection stalls, and over how long a time, nanoseconds."""
AFTER: Final = SECOND
"""An acknowledgement that was seen so long before the last time that its segment was sent again did not arrive."""
CARRIED_MAX, STALLED_MAX = 256, 256
"""Pairs of addresses, and connections, that are told of."""


def carried(connections: Connections, nodes: Sequence[str]) -> list[Journey]:
    """For each pair of addresses, the segments of the connection that was seen at most stations, there and back.

    nodes: the node of each station. Of a node's stations, only those are told that began with the same packet: their
        order is that of its way.
    """
    best: dict[int, Array] = {}
    order = np.lexsort((connections.numbers, connections.addresses))
    addresses, numbers = connections.addresses[order], connections.numbers[order]
    fresh = np.flatnonzero((np.diff(addresses) != 0) | (np.diff(numbers) != 0)) + 1
    for rows in np.split(order, fresh) if len(order) else ():
        pair = int(connections.addresses[rows[0]])
        if pair not in best and len(best) == CARRIED_MAX:
            continue
        if pair not in best or len(rows) > len(best[pair]):
            best[pair] = rows
    return [_journey(connections, rows, nodes, -1 - place) for place, rows in enumerate(best.values())]


def _journey(connections: Connections, rows: Array, nodes: Sequence[str], number: int) -> Journey:
    """One connection's first packets at each station, as request and reply."""
    turned = _turned(connections, rows)
    looks = []
    for leg in (Leg.REQUEST, Leg.REPLY):
        alike: dict[str, dict[int, list[int]]] = {}
        for row in _by_time(connections, rows[connections.back[rows] == (turned != (leg is Leg.REPLY))]):
            node = nodes[int(connections.places[row]) >> 1]
            alike.setdefault(node, {}).setdefault(int(connections.column("id")[row]), []).append(row)
        for groups in alike.values():
            looks += [_look(connections, row, leg) for row in max(groups.values(), key=len)]
    return _made(connections, rows, number, looks, back=turned)


def _by_time(connections: Connections, rows: Array) -> list[int]:
    """Rows in order of their first packets."""
    found: list[int] = rows[np.argsort(connections.column("first")[rows], kind="stable")].tolist()
    return found


def _turned(connections: Connections, rows: Array) -> bool:
    """Whether the requests go to the lower address: so the SYN, and what goes to the lower port."""
    asked = connections.back[rows[connections.column("asked")[rows] > 0]]
    if len(asked):
        return bool(asked[0])
    low, high = ports(int(connections.numbers[rows[0]]))
    return low < high


def _look(connections: Connections, row: int, leg: Leg) -> Look:
    form, ttls = int(connections.column("form")[row]), int(connections.column("ttls")[row])
    pair = int(connections.column("outers")[row])
    return Look(
        station=int(connections.places[row]) >> 1,
        leg=leg,
        depth=form >> 8 & 0xFF,
        direction=Direction(form & 0xFF),
        outer=outer_pair(pair) if pair else None,
        carrier=Kind(form >> 24 & 0xFF),
        damaged=False,
        incomplete=False,
        outer_ttl=ttls >> 8,
        inner_ttl=ttls & 0xFF,
        src_mac=int(connections.column("src_mac")[row]),
        dst_mac=int(connections.column("dst_mac")[row]),
    )


def _made(connections: Connections, rows: Array, number: int, looks: Sequence[Look], *, back: bool) -> Journey:
    src, dst = ends(int(connections.addresses[rows[0]]), back=back)
    _, dport = ports(int(connections.numbers[rows[0]]), back=back)
    counts = np.zeros(BUCKETS, "u4")
    counts[0] = 1
    first, last = int(connections.column("first")[rows].min()), int(connections.column("last")[rows].max())
    return Journey(
        row=number,
        flow=Flow(IPv4Address(src), IPv4Address(dst), "tcp", dport=dport),
        state=number,  # no other journey was seen alike
        sightings=tuple(looks),
        legs=by_leg(looks),
        count=1,
        first=first,
        last=last,
        shortest=0,
        longest=0,
        repeats=0,
        copies=0,
        trip=0,
        copied=None,
        delayed=None,
        begin=first,
        width=last - first + 1,
        counts=counts.tobytes(),
        examples=(),
    )


def stalled(connections: Connections) -> list[Journey]:
    """Connections whose oldest segment is sent again and again: the segment and what acknowledges it, from then on.

    `repeats` tells how often it was sent again. Left out are those of which an acknowledgement may have arrived,
    and those whose peer still sends segments that acknowledge no more than before, or refuses.
    """
    stuck = connections.column("stuck")
    worst: dict[tuple[int, int, bool], int] = {}
    long = connections.column("stuck_last") - connections.column("stuck_first") >= STALLED_FOR
    for row in np.flatnonzero((stuck >= STALLED) & long).tolist():
        key = (int(connections.addresses[row]), int(connections.numbers[row]), bool(connections.back[row]))
        if key not in worst or stuck[row] > stuck[worst[key]]:
            worst[key] = row
    found = (
        _stalled(connections, row, -1 - CARRIED_MAX - place)
        for place, row in enumerate(list(worst.values())[:STALLED_MAX])
    )
    return [journey for journey in found if journey is not None]


def _stalled(connections: Connections, row: int, number: int) -> Journey | None:
    at, back = int(connections.column("stuck_at")[row]), bool(connections.back[row])
    begin, end = int(connections.column("stuck_first")[row]), int(connections.column("stuck_last")[row])
    rows = np.flatnonzero(
        (connections.addresses == connections.addresses[row]) & (connections.numbers == connections.numbers[row])
    )
    same = connections.back[rows] == back
    came = (connections.column("follow")[rows].astype("i8") - at) & MASK32
    sent = rows[same & (came > 0) & (came < HALF) & (connections.column("last")[rows] >= begin)]
    beyond = (connections.column("ack")[rows].astype("i8") - at) & MASK32
    acknowledges = (beyond > 0) & (beyond < HALF)
    refuses = connections.column("began")[rows] & REFUSES != 0
    # A peer whose window is closed, or that takes the segment for an old or a foreign one, acknowledges what it did
    # before or refuses (RFC 9293 §3.8.6.1, §3.10.7.4, RFC 7323 §5.3): segments of it that still come are answers.
    if (~same & (~acknowledges | refuses) & (connections.column("last")[rows] >= begin)).any():
        return None
    returned = rows[~same & acknowledges]
    if (connections.column("acked_last")[returned] > end - AFTER).any():
        return None
    returned = returned[connections.column("last")[returned] >= begin]
    told = [(each, Leg.REQUEST) for each in _by_time(connections, sent)]
    told += [(each, Leg.REPLY) for each in _by_time(connections, returned)]
    looks = [_look(connections, each, leg) for each, leg in told]
    last, frame = connections.column("last"), connections.column("frame_last")
    source, length = connections.column("source_last"), int(connections.column("stuck_length")[row])
    frames = [
        Seen(look, int(last[each]), int(frame[each]), int(source[each]))
        for look, (each, _) in zip(looks, told, strict=True)
    ]
    made = _made(connections, rows, number, looks, back=back)
    # An answer to the last copy may have been under way when a point ended. Each copy waits twice as long as the last.
    until = begin + (end - begin) // 2
    return replace(
        made,
        first=begin,
        last=until,
        begin=begin,
        width=until - begin + 1,
        shortest=length,
        longest=length,
        repeats=int(connections.column("stuck")[row]),
        examples=(tuple(frames),),
    )
