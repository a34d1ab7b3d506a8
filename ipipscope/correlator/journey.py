"""Journeys: what the exchanges of one flow look like, where they were seen alike."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ipipscope.correlator.address import Address
from ipipscope.correlator.looks import BUCKETS, LEGS, SEVERAL, Look, unpack
from ipipscope.decoder import ipv4
from ipipscope.model import Flow, Leg

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ipipscope.correlator.pairing import Pairing

PROTOCOLS: Final = {ipv4.PROTOCOL_ICMP: "icmp", ipv4.PROTOCOL_TCP: "tcp", ipv4.PROTOCOL_UDP: "udp"}


class Seen(NamedTuple):
    """One packet of an example exchange."""

    look: Look
    time: int
    frame: int
    source: int
    """Number of its file."""
    again: bool = False
    """Whether it is a copy of another one at its station."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Some:
    """Those of a journey's exchanges that are unlike the others in one thing.

    first, last: when the first and the last of them began, nanoseconds.
    examples: packets of a few of them: the slowest first, those that overtook an earlier one last.
    overtaken: the replies that the last of the examples came before, one for each.
    overtook: how many came before the reply to an earlier request.
    slow: how many took LATE or longer until the reply had arrived; slowest: the longest of these, nanoseconds.
    """

    count: int
    first: int
    last: int
    examples: tuple[tuple[Seen, ...], ...]
    overtaken: tuple[Seen, ...] = ()
    overtook: int = 0
    slow: int = 0
    slowest: int = 0

    def __add__(self, other: Some) -> Some:
        """Those of two journeys together; the examples are those of the journey with the slower one."""
        shown = max(self, other, key=lambda some: some.slowest)
        return Some(
            count=self.count + other.count,
            first=min(self.first, other.first),
            last=max(self.last, other.last),
            examples=shown.examples,
            overtaken=shown.overtaken,
            overtook=self.overtook + other.overtook,
            slow=self.slow + other.slow,
            slowest=shown.slowest,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Journey:
    """Exchanges of one flow that were seen at the same stations, in the same form and order.

    row: its number among the journeys, which `Exchanges.journey` names.
    sightings: the looks in order: requests first, node by node, each node's in order of time.
    begin, width: of the first slice of its time line, nanoseconds.
    counts: how many exchanges began in each slice, u4, packed: there may be tens of thousands of journeys.
    examples: packets of the first few exchanges.
    """

    row: int
    flow: Flow
    state: int
    sightings: tuple[Look, ...]
    count: int
    first: int
    last: int
    shortest: int
    """Inner total length of the smallest exchange's largest packet, octets."""
    longest: int
    repeats: int
    """Packets sent again (another IP id): retransmissions."""
    copies: int
    """Packets seen again at the same station: duplicates."""
    trip: int
    """Longest time from first sighting of the request to first sighting of the reply, nanoseconds."""
    copied: Some | None
    """Exchanges of which packets were seen again at the same station; None where there are none."""
    delayed: Some | None
    """Exchanges whose reply took LATE or longer, or came before the reply to an earlier request."""
    begin: int
    width: int
    counts: bytes
    examples: tuple[tuple[Seen, ...], ...]
    legs: Mapping[Leg, tuple[Look, ...]]
    """The sightings of each leg, in order; one for all journeys of a state."""

    @property
    def line(self) -> list[tuple[int, int, int]]:
        """How many exchanges began in each slice of time: (begin, end, count), nanoseconds, without empty slices."""
        counts = np.frombuffer(self.counts, "u4")
        filled = np.flatnonzero(counts)
        begins = (self.begin + part * self.width for part in filled.tolist())
        return [
            (begin, begin + self.width, count) for begin, count in zip(begins, counts[filled].tolist(), strict=True)
        ]

    def looks(self, leg: Leg) -> tuple[Look, ...]:
        """The sightings of one leg, in order."""
        return self.legs[leg]

    def times(self) -> list[tuple[int, int]]:
        """First and last moment of each slice of its time line in which an exchange may have begun."""
        return [(max(begin, self.first), min(end - 1, self.last)) for begin, end, _ in self.line]

    @property
    def requested(self) -> bool:
        """Whether the request was seen at all."""
        return bool(self.legs[Leg.REQUEST])


def by_leg(sightings: Sequence[Look]) -> Mapping[Leg, tuple[Look, ...]]:
    """The sightings of each leg, in order."""
    return {leg: tuple(look for look in sightings if look.leg is leg) for leg in LEGS}


def rows_since(pairing: Pairing, since: int) -> list[int]:
    """The journeys between two addresses that asked one another at *since* or later, whatever they asked before."""
    some = slice(pairing.journeys)
    ends = np.asarray(pairing.j_src)[some].astype("u8") << np.uint64(32) | np.asarray(pairing.j_dst)[some]
    found: list[int] = np.flatnonzero(np.isin(ends, ends[np.asarray(pairing.j_last)[some] >= since])).tolist()
    return found


def journeys(pairing: Pairing, rows: Sequence[int] | None = None) -> list[Journey]:
    """The journeys that *pairing* has counted so far, busiest first.

    rows: these alone; None for all.
    """
    looks: dict[int, Look] = {}

    def look(token: int) -> Look:
        if token not in looks:
            looks[token] = unpack(pairing.t_words, token)
        return looks[token]

    paths: dict[int, tuple[Look, ...]] = {0: ()}

    def path(state: int) -> tuple[Look, ...]:
        if state not in paths:
            paths[state] = (*path(int(pairing.st_parent[state])), look(int(pairing.st_token[state])))
        return paths[state]

    known_legs: dict[int, Mapping[Leg, tuple[Look, ...]]] = {}

    def legs(state: int) -> Mapping[Leg, tuple[Look, ...]]:
        if state not in known_legs:
            known_legs[state] = by_leg(path(state))
        return known_legs[state]

    examples, copied, overtakings = (defaultdict[int, list[tuple[Seen, ...]]](list) for _ in range(3))

    def seen(chain: Sequence[tuple[int, int, int, int]], again: Sequence[int] = ()) -> tuple[Seen, ...]:
        return tuple(
            Seen(look(token), time, frame, source, place in again)
            for place, (token, time, frame, source) in enumerate(chain)
        )

    for row, chain in pairing.examples:
        examples[row].append(seen(chain))
    for row, chain, again in pairing.copied:
        copied[row].append(seen(chain, again))
    for row, chain in pairing.overtakings:
        overtakings[row].append(seen(chain))

    def copies(row: int) -> Some | None:
        if not pairing.j_copied[row]:
            return None
        return Some(
            count=int(pairing.j_copied[row]),
            first=int(pairing.j_copied_first[row]),
            last=int(pairing.j_copied_last[row]),
            examples=tuple(copied[row]),
        )

    def delays(row: int) -> Some | None:
        if not pairing.j_delayed[row]:
            return None
        slowest = pairing.slowest.get(row)
        return Some(
            count=int(pairing.j_delayed[row]),
            first=int(pairing.j_delayed_first[row]),
            last=int(pairing.j_delayed_last[row]),
            examples=(*([seen(slowest)] if slowest else []), *(chain[:-1] for chain in overtakings[row])),
            overtaken=tuple(chain[-1] for chain in overtakings[row]),
            overtook=int(pairing.j_overtook[row]),
            slow=int(pairing.j_slow[row]),
            slowest=int(pairing.j_slowest[row]),
        )

    lines = np.asarray(pairing.j_line)
    address = cache(Address)  # each of them once
    found = [
        Journey(
            row=row,
            flow=_flow(pairing, row, address),
            state=int(pairing.j_state[row]),
            sightings=path(int(pairing.j_state[row])),
            count=int(pairing.j_count[row]),
            first=int(pairing.j_first[row]),
            last=int(pairing.j_last[row]),
            shortest=int(pairing.j_shortest[row]),
            longest=int(pairing.j_longest[row]),
            repeats=int(pairing.j_repeats[row]),
            copies=int(pairing.j_copies[row]),
            trip=int(pairing.j_trip[row]),
            copied=copies(row),
            delayed=delays(row),
            begin=int(pairing.j_start[row]),
            width=int(pairing.j_width[row]),
            counts=lines[row * BUCKETS : (row + 1) * BUCKETS].tobytes(),
            examples=tuple(examples[row]),
            legs=legs(int(pairing.j_state[row])),
        )
        for row in (range(pairing.journeys) if rows is None else rows)
    ]
    found.sort(key=lambda journey: (-journey.count, journey.first, journey.flow.src, journey.flow.dst))
    return found


def _flow(pairing: Pairing, row: int, address: Callable[[int], Address]) -> Flow:
    protocol = PROTOCOLS[int(pairing.j_proto[row])]
    ident = int(pairing.j_id[row])
    several = ident == SEVERAL
    icmp = protocol == "icmp"
    return Flow(
        address(int(pairing.j_src[row])),
        address(int(pairing.j_dst[row])),
        protocol,
        id=ident if icmp and not several else None,
        dport=ident if not icmp and not several else None,
    )
