"""Clocks: how far apart those of the nodes are, from packets that two of them recorded.

A request and its reply seen at both ends give four times, as in RFC 5905 §8: half the sum of the two differences is the
offset of the clocks, half of what the way took is how wrong that can be. One direction alone gives a bound: a packet
does not arrive before it left. All points of a node share its clock.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from ipipscope.decoder.columns import Part
from ipipscope.model import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ipipscope.decoder.columns import Array, Columns

SAMPLE: Final = 100_000
"""Packets of a node that are looked at, from the beginnings of its files."""
SAMPLE_LEAST: Final = 2_000
"""Of each file, however many there are."""
AGREE: Final = 500 * MILLISECOND
"""Within this, the same packet at two nodes says that their clocks agree."""
SETTLED: Final = 20 * MILLISECOND
"""Clocks that differ by less are left as they are: no rule looks closer."""
DRIFT_SPAN: Final = 10 * SECOND
"""Drift shows over this time and longer."""
FIELDS: Final = (
    ("inner_src", 7), ("inner_dst", 11), ("inner_proto", 13), ("inner_id", 17), ("inner_length", 19),
    ("fragment_offset", 23), ("icmp_type", 29), ("icmp_id", 31), ("icmp_seq", 37), ("sport", 41), ("dport", 43),
    ("tcp_seq", 47), ("tcp_ack", 53),
)  # fmt: skip
"""What a packet keeps on its way: DESIGN's identity. Neither TTL nor outer header; the digest may be cut off."""
MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
PARTS: Final = (int(Part.ECHO_REQUEST), int(Part.ECHO_REPLY), int(Part.SYN), int(Part.SYN_ACK), int(Part.DATAGRAM))


class Sampled(Protocol):
    """A source whose beginning can be read ahead."""

    def sample(self, packets: int) -> Iterable[Columns]:
        """Its first *packets* packets, about."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """One node's clock against another's.

    offset: nanoseconds by which it is ahead of the reference.
    uncertainty: how wrong that may be, nanoseconds; None where only one direction was seen at both nodes, so that
        nothing bounds it.
    drift: nanoseconds it gains in a second, where the exchanges span long enough.
    packets: how many both recorded.
    """

    node: str
    reference: str
    offset: int
    uncertainty: int | None
    drift: float | None
    packets: int

    @property
    def shift(self) -> int:
        """What to add to its times; 0 where it agrees well enough."""
        # Seen one way only, an offset is not told from delay: then only what no network delays is believed.
        least = AGREE if self.uncertainty is None else max(SETTLED, self.uncertainty)
        return -self.offset if abs(self.offset) >= least else 0

    @property
    def doubt(self) -> int:
        """By how much its times may still be off once they are shifted, nanoseconds."""
        return abs(self.offset + self.shift) + (self.uncertainty or 0)


@dataclass(slots=True)
class _Sightings:
    """When one node saw which packets: identity, time, whether it is a reply, and the pair of inner addresses."""

    identity: list[Array] = field(default_factory=list)
    time: list[Array] = field(default_factory=list)
    way: list[Array] = field(default_factory=list)

    def add(self, batch: Columns) -> None:
        rows = np.isin(batch.part, PARTS) & (batch.time >= 0)
        if rows.any():
            self.identity.append(_identities(batch, rows))
            self.time.append(batch.time[rows])
            self.way.append((batch.inner_src[rows] < batch.inner_dst[rows]).astype("u1"))

    def first(self) -> tuple[Array, Array, Array]:
        """Each packet once, at its first time; those that come again much later are left out."""
        if not self.identity:
            return np.zeros(0, "u8"), np.zeros(0, "i8"), np.zeros(0, "u1")
        identity, time, way = np.concatenate(self.identity), np.concatenate(self.time), np.concatenate(self.way)
        order = np.lexsort((time, identity))
        identity, time, way = identity[order], time[order], way[order]
        begin = np.flatnonzero(np.r_[True, identity[1:] != identity[:-1]])
        end = np.r_[begin[1:], len(identity)] - 1
        once = time[end] - time[begin] < AGREE
        return identity[begin][once], time[begin][once], way[begin][once]


def _identities(batch: Columns, rows: Array) -> Array:
    identity = np.zeros(int(rows.sum()), "u8")
    for name, rotation in FIELDS:
        identity ^= getattr(batch, name)[rows].astype("u8")
        identity = ((identity << np.uint64(rotation)) | (identity >> np.uint64(64 - rotation))) * MULTIPLIER
    return identity


def clocks(sources: Sequence[Sampled], nodes: Sequence[str | None]) -> list[Clock]:
    """The clock of each node that shares packets with another, the first of them the reference.

    nodes: the node of each source; None for a source that is not of one node.
    """
    members = {node: _Sightings() for node in nodes if node is not None}
    if len(members) < 2:
        return []
    # A share for each of a node's files: what is held stays bounded, and each point has a say.
    files = Counter(nodes)
    for source, node in zip(sources, nodes, strict=True):
        if node is not None:
            for batch in source.sample(max(SAMPLE // files[node], SAMPLE_LEAST)):
                members[node].add(batch)
    seen = {node: sightings.first() for node, sightings in members.items()}
    pairs = {(a, b): pair for a, b in combinations(seen, 2) if (pair := _compare(seen[a], seen[b])) is not None}
    return _chain(list(seen), pairs)


@dataclass(frozen=True, slots=True)
class _Pair:
    offset: int
    uncertainty: int | None
    drift: float | None
    packets: int


def _compare(a: tuple[Array, Array, Array], b: tuple[Array, Array, Array]) -> _Pair | None:
    """How far *b* is ahead of *a*; None where they share no packet, or do not agree with themselves."""
    _, at_a, at_b = np.intersect1d(a[0], b[0], assume_unique=True, return_indices=True)
    if not len(at_a):
        return None
    time, way = a[1][at_a], a[2][at_a]
    ahead = b[1][at_b] - time
    if bool((np.abs(ahead) < AGREE).any()):
        # A packet does not reach the other node an hour before or after: what agrees is right.
        near = np.abs(ahead) < AGREE
    else:
        near = np.abs(ahead - np.int64(np.median(ahead))) < AGREE
        if int(near.sum()) * 2 <= len(ahead):
            return None
    time, way, ahead = time[near], way[near], ahead[near]
    one, other = ahead[way == 0], ahead[way == 1]
    if len(one) and len(other):
        # Packets one way are late by their delay, those the other way early by theirs: the least ones count.
        low, high = sorted((_least(one, other), _least(other, one)))
        offset, uncertainty = (low + high) // 2, (high - low + 1) // 2
    else:
        offset, uncertainty = int(np.median(ahead)), None
    return _Pair(offset, uncertainty, _drift(time, way, ahead), len(ahead))


def _least(ahead: Array, against: Array) -> int:
    """Of the differences in one direction the one nearest to the other direction's."""
    return int(ahead.min() if np.median(ahead) >= np.median(against) else ahead.max())


def _drift(time: Array, way: Array, ahead: Array) -> float | None:
    """The slope of the differences, nanoseconds a second, each direction about its own mean."""
    span = int(time.max() - time.min())
    if span < DRIFT_SPAN or len(time) < 8:
        return None
    seconds = (time - time.min()) / SECOND
    value = ahead.astype("f8")
    for each in (0, 1):
        rows = way == each
        if rows.any():
            seconds = np.where(rows, seconds - seconds[rows].mean(), seconds)
            value = np.where(rows, value - value[rows].mean(), value)
    square = float((seconds * seconds).sum())
    return float((seconds * value).sum() / square) if square else None


def _chain(nodes: Sequence[str], pairs: Mapping[tuple[str, str], _Pair]) -> list[Clock]:
    """Every node against the one that shares most packets with others, over nodes between where needed."""
    shared = {node: sum(pair.packets for ends, pair in pairs.items() if node in ends) for node in nodes}
    found: list[Clock] = []
    left = [node for node in nodes if shared[node]]
    while left:
        reference = max(left, key=lambda node: shared[node])
        known = {reference: Clock(node=reference, reference=reference, offset=0, uncertainty=0, drift=0.0, packets=0)}
        while reach := [(pair.packets, a, b) for (a, b), pair in pairs.items() if (a in known) != (b in known)]:
            _, a, b = max(reach)
            pair = pairs[a, b]
            near, far, sign = (a, b, 1) if a in known else (b, a, -1)
            base = known[near]
            unsure = pair.uncertainty is None or base.uncertainty is None
            known[far] = Clock(
                node=far,
                reference=reference,
                offset=base.offset + sign * pair.offset,
                uncertainty=None if unsure else (base.uncertainty or 0) + (pair.uncertainty or 0),
                drift=None if pair.drift is None else (base.drift or 0.0) + sign * pair.drift,
                packets=pair.packets,
            )
        found += known.values()
        left = [node for node in left if node not in known]
    return found
