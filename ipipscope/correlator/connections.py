"""What TCP connections prove beyond their handshakes: that a direction works.

An acknowledgement that moves on proves that data arrived (RFC 9293 §3.4), wherever it was seen: also where nobody
recorded the data themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

import numpy as np

from ipipscope.correlator.flow_keys import ends, outer_pair, ports
from ipipscope.correlator.marks import SETTLED
from ipipscope.decoder import ipv4

if TYPE_CHECKING:
    from ipipscope.correlator.flows import Flows
    from ipipscope.decoder.columns import Array
    from ipipscope.model import OuterPair

STREAMS_MAX: Final = 256
"""Pairs of addresses that are told of, the busiest."""
TIME_MAX: Final = (1 << 63) - 1


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


class Connections:
    """The TCP rows of a flow table, read as evidence.

    addresses, numbers, places: of each row, as in `Flows`; back: whether its packets go to the lower address.
    """

    def __init__(self, flows: Flows) -> None:
        self.flows = flows
        rows = flows.rows
        tcp = np.flatnonzero(np.asarray(flows.numbers)[:rows] >> np.uint64(40) == ipv4.PROTOCOL_TCP)
        self.addresses = np.asarray(flows.addresses)[tcp]
        self.numbers = np.asarray(flows.numbers)[tcp]
        self.places = np.asarray(flows.places)[tcp]
        self._rows = tcp
        self._columns: dict[str, Array] = {}
        self.back = (self.places & np.uint64(1)).astype(bool)

    def column(self, name: str) -> Array:
        """A column of the flow table, of these rows."""
        if name not in self._columns:
            self._columns[name] = np.asarray(getattr(self.flows, name))[self._rows]
        return self._columns[name]

    def streams(self, first: int = 0, last: int = TIME_MAX) -> list[Stream]:
        """One for each pair of addresses and direction in which data surely arrived between two times; busiest first.

        Counted are connections whole, whatever of them lies outside.
        """
        acked, begin, end = self.column("acked"), self.column("acked_first"), self.column("acked_last")
        inside = ((first <= begin) & (begin <= last)) | ((first <= end) & (end <= last))
        # Where acknowledgements began before and ended after, one lay between, unless they once paused for as long.
        over = (begin < first) & (last < end) & (self.column("acked_pause") < last - first)
        told = np.flatnonzero((acked > 0) & (inside | over))
        if not len(told):
            return []
        # What is acknowledged went the other way. Every station shows the same acknowledgements of a connection.
        told = told[np.lexsort((acked[told], self.numbers[told], self.back[told], self.addresses[told]))]
        ways = _starts(self.addresses[told], self.back[told])
        connections = _starts(self.addresses[told], self.back[told], self.numbers[told])
        busiest = np.append(connections[1:], len(told)) - 1
        of = np.searchsorted(ways, busiest, side="right") - 1
        delivered = np.bincount(of, acked[told[busiest]], len(ways)).astype("i8")
        number = np.bincount(of, minlength=len(ways))
        found = []
        for way in np.argsort(-delivered, kind="stable")[:STREAMS_MAX].tolist():
            members = told[ways[way] : ways[way + 1] if way + 1 < len(ways) else len(told)]
            addresses, back = int(self.addresses[members[0]]), not self.back[members[0]]
            src, dst = ends(addresses, back=back)
            sent = (self.addresses == np.uint64(addresses)) & (self.back == back)
            found.append(
                Stream(
                    src=IPv4Address(src),
                    dst=IPv4Address(dst),
                    delivered=int(delivered[way]),
                    connections=int(number[way]),
                    outers=_outers(self.column("outers")[sent]),
                    stations=frozenset((self.places[sent] >> np.uint64(1)).tolist()),
                )
            )
        return found

    def opened(self, src: IPv4Address, dst: IPv4Address, dport: int) -> int:
        """How many connections that *src* asked *dst* for went on behind the answer: so it came, seen or not."""
        return self._opened.get((int(src), int(dst), dport), 0)

    @cached_property
    def _opened(self) -> dict[tuple[int, int, int], int]:
        asked = (self.column("asked") > 0) & (self.column("began") & SETTLED != 0)
        found: dict[tuple[int, int, int], set[int]] = {}
        for row in np.flatnonzero(asked).tolist():
            numbers, back = int(self.numbers[row]), bool(self.back[row])
            src, dst = ends(int(self.addresses[row]), back=back)
            sport, dport = ports(numbers, back=back)
            found.setdefault((src, dst, dport), set()).add(sport)
        return {key: len(ports) for key, ports in found.items()}


def _outers(pairs: Array) -> frozenset[OuterPair]:
    return frozenset(outer_pair(pair) for pair in np.unique(pairs).tolist() if pair)


def _starts(*keys: Array) -> Array:
    """Where groups of rows begin that agree in all of *keys*, which are sorted."""
    fresh = np.ones(len(keys[0]), bool)
    fresh[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return np.flatnonzero(fresh)
