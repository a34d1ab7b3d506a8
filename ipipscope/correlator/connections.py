"""What TCP connections prove beyond their handshakes: that a direction works, or that nothing comes back.

An acknowledgement that moves on proves that data arrived (RFC 9293 §3.4), wherever it was seen: also where nobody
recorded the data themselves. A sender that sends its oldest segment again and again got no acknowledgement for it
(RFC 6298 §5), wherever that went.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

import numpy as np

from ipipscope.correlator.marks import HALF, MASK32, SETTLED
from ipipscope.decoder import ipv4
from ipipscope.model import OuterPair

if TYPE_CHECKING:
    from ipipscope.correlator.flows import Flows
    from ipipscope.decoder.columns import Array

STALLED: Final = 3
"""So many times one segment is sent again in vain before its connection counts as stalled."""
STREAMS_MAX: Final = 1024
"""Pairs of addresses that are told of, the busiest."""
TIME_MAX: Final = (1 << 63) - 1
PORT: Final = np.uint64(0xFFFFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """TCP segments from one address to another, of all connections between the two.

    delivered: how often an acknowledgement told that some arrived.
    connections: how many of them are told by such.
    outers: outer pairs under which segments were seen.
    stations: where segments were seen, by number.
    """

    src: IPv4Address
    dst: IPv4Address
    delivered: int
    connections: int
    outers: frozenset[OuterPair]
    stations: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """A connection whose oldest segment from *src* to *dst* was sent again and again, and never acknowledged.

    again: how often it was; last: when it was for the last time, nanoseconds.
    """

    src: IPv4Address
    dst: IPv4Address
    sport: int
    dport: int
    again: int
    last: int


class Connections:
    """The TCP rows of a flow table, read as evidence."""

    def __init__(self, flows: Flows) -> None:
        self._flows = flows
        rows = flows.rows
        tcp = np.flatnonzero(np.asarray(flows.numbers)[:rows] >> np.uint64(40) == ipv4.PROTOCOL_TCP)
        self._addresses = np.asarray(flows.addresses)[tcp]
        self._numbers = np.asarray(flows.numbers)[tcp]
        self._places = np.asarray(flows.places)[tcp]
        self._rows = tcp
        self._back = (self._places & np.uint64(1)).astype(bool)

    def _column(self, name: str) -> Array:
        return np.asarray(getattr(self._flows, name))[self._rows]

    def streams(self, first: int = 0, last: int = TIME_MAX) -> list[Stream]:
        """One for each pair of addresses and direction in which data surely arrived between two times; busiest first.

        Counted are connections whole, whatever of them lies outside.
        """
        acked, begin, end = self._column("acked"), self._column("acked_first"), self._column("acked_last")
        inside = ((first <= begin) & (begin <= last)) | ((first <= end) & (end <= last))
        # Where acknowledgements began before and ended after, one lay between, unless they once paused for as long.
        over = (begin < first) & (last < end) & (self._column("acked_pause") < last - first)
        told = np.flatnonzero((acked > 0) & (inside | over))
        if not len(told):
            return []
        # What is acknowledged went the other way. Every station shows the same acknowledgements of a connection.
        told = told[np.lexsort((acked[told], self._numbers[told], self._back[told], self._addresses[told]))]
        ways = _starts(self._addresses[told], self._back[told])
        connections = _starts(self._addresses[told], self._back[told], self._numbers[told])
        busiest = np.append(connections[1:], len(told)) - 1
        of = np.searchsorted(ways, busiest, side="right") - 1
        delivered = np.bincount(of, acked[told[busiest]], len(ways)).astype("i8")
        number = np.bincount(of, minlength=len(ways))
        found = []
        for way in np.argsort(-delivered, kind="stable")[:STREAMS_MAX].tolist():
            members = told[ways[way] : ways[way + 1] if way + 1 < len(ways) else len(told)]
            addresses, back = int(self._addresses[members[0]]), not self._back[members[0]]
            src, dst = _ends(addresses, back)
            sent = (self._addresses == np.uint64(addresses)) & (self._back == back)
            found.append(
                Stream(
                    src=IPv4Address(src),
                    dst=IPv4Address(dst),
                    delivered=int(delivered[way]),
                    connections=int(number[way]),
                    outers=_outers(self._column("outers")[sent]),
                    stations=frozenset((self._places[sent] >> np.uint64(1)).tolist()),
                )
            )
        return found

    @cached_property
    def stalled(self) -> list[Stall]:
        """Connections in which one end sends in vain."""
        stuck, at, last = self._column("stuck"), self._column("stuck_at"), self._column("stuck_last")
        in_vain = np.flatnonzero(stuck >= STALLED)
        if not len(in_vain):
            return []
        ack = self._column("ack")
        worst: dict[tuple[int, int, bool], int] = {}
        for row in in_vain.tolist():
            key = (int(self._addresses[row]), int(self._numbers[row]), bool(self._back[row]))
            if key not in worst or stuck[row] > stuck[worst[key]]:
                worst[key] = row
        found = []
        for (addresses, numbers, back), row in worst.items():
            same = (self._addresses == np.uint64(addresses)) & (self._numbers == np.uint64(numbers))
            beyond = (ack[same & (self._back != back)].astype("i8") - int(at[row])) & MASK32
            if ((beyond > 0) & (beyond < HALF)).any():
                continue  # it arrived after all
            src, dst = _ends(int(self._addresses[row]), back)
            low, high = numbers >> 20 & int(PORT), numbers & int(PORT)
            found.append(
                Stall(
                    src=IPv4Address(src),
                    dst=IPv4Address(dst),
                    sport=high if back else low,
                    dport=low if back else high,
                    again=int(stuck[row]),
                    last=int(last[row]),
                )
            )
        return found

    def opened(self, src: IPv4Address, dst: IPv4Address, dport: int) -> int:
        """How many connections that *src* asked *dst* for went on behind the answer: so it came, seen or not."""
        return self._opened.get((int(src), int(dst), dport), 0)

    @cached_property
    def _opened(self) -> dict[tuple[int, int, int], int]:
        asked = (self._column("asked") > 0) & (self._column("began") & SETTLED != 0)
        found: dict[tuple[int, int, int], set[int]] = {}
        for row in np.flatnonzero(asked).tolist():
            numbers, back = int(self._numbers[row]), bool(self._back[row])
            low, high = numbers >> 20 & int(PORT), numbers & int(PORT)
            src, dst = _ends(int(self._addresses[row]), back)
            found.setdefault((src, dst, low if back else high), set()).add(high if back else low)
        return {key: len(ports) for key, ports in found.items()}


def _ends(addresses: int, back: bool) -> tuple[int, int]:
    """Source and destination of a row's packets."""
    ends = (addresses >> 32, addresses & MASK32)
    return ends[::-1] if back else ends


def _outers(pairs: Array) -> frozenset[OuterPair]:
    return frozenset(
        OuterPair(IPv4Address(pair >> 32), IPv4Address(pair & MASK32)) for pair in np.unique(pairs).tolist() if pair
    )


def _starts(*keys: Array) -> Array:
    """Where groups of rows begin that agree in all of *keys*, which are sorted."""
    fresh = np.ones(len(keys[0]), bool)
    fresh[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return np.flatnonzero(fresh)
