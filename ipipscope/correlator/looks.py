"""How a packet of an exchange looks at one station, packed into words for the pairing loop and unpacked for people.

Two packets with the same look differ only in what does not matter to an overlay: time, frame, IP id, sequence number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ipipscope.correlator.address import Address
from ipipscope.decoder.columns import Direction, Kind
from ipipscope.model import SECOND, Leg, OuterPair

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Address

WORDS: Final = 5
"""64-bit words of a look:
0: station (32), kind (8, at bit 24), leg (8, at bit 16), depth (8, at bit 8), damaged (1, at bit 7),
   incomplete (1, at bit 6), direction (6)
1: outer source (32), outer destination (32)
2: outer TTL (8), inner TTL (8), source MAC (48)
3: ICMP type (8), code (8) of an error, destination MAC (48)
4: source of an ICMP error (32), its next-hop MTU (16)
"""
LEGS: Final = (Leg.REQUEST, Leg.REPLY, Leg.REQUEST_ERROR, Leg.REPLY_ERROR)
DAMAGED: Final = 1 << 7
"""Of the first word: some checksum is wrong."""
INCOMPLETE: Final = 1 << 6
"""Of the first word: a first fragment whose packet did not become whole."""
BUCKETS: Final = 64
"""Slices of a journey's time line; each doubles its length whenever the line grows too short."""
LATE: Final = SECOND
"""A round trip that is worth a word, nanoseconds."""
SEVERAL: Final = 0xFFFFFFFF
"""A flow's id where several were folded into one journey."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look; what the packet does not have is None or 0.

    outer: the ends of the tunnel; None where the packet has one IP header, or the outermost is IPv6.
    carrier: what kind of packet it is; of those that `encapsulated` is true for, the kind of the outermost tunnel.
    incomplete: a first fragment, and the rest of its packet was not seen: nobody can use it.
    damaged: some checksum is wrong. On the node that sends a packet that is no fault: a NIC may fill them in later.
    """

    station: int
    leg: Leg
    depth: int
    direction: Direction
    outer: OuterPair | None
    carrier: Kind
    damaged: bool
    incomplete: bool
    outer_ttl: int
    inner_ttl: int
    src_mac: int
    dst_mac: int
    error: tuple[int, int] | None = None
    """ICMP type and code, when this is an error about the leg."""
    error_from: IPv4Address | None = None
    error_mtu: int = 0

    @property
    def encapsulated(self) -> bool:
        """Whether it carries an outer header, of whatever tunnel."""
        return self.depth > 1

    @property
    def ipip(self) -> bool:
        """Whether that outer header is IPIP's."""
        return self.depth > 1 and self.carrier is Kind.IPIP


def unpack(words: Sequence[int], token: int) -> Look:
    """The look that *token* stands for."""
    word0, word1, word2, word3, word4 = (int(word) for word in words[token * WORDS : (token + 1) * WORDS])
    depth = (word0 >> 8) & 0xFF
    leg = LEGS[(word0 >> 16) & 0xFF]
    is_error = leg in {Leg.REQUEST_ERROR, Leg.REPLY_ERROR}
    return Look(
        station=word0 >> 32,
        leg=leg,
        depth=depth,
        direction=Direction(word0 & 0x3F),
        outer=OuterPair(Address(word1 >> 32), Address(word1 & 0xFFFFFFFF)) if depth > 1 and word1 else None,
        carrier=Kind((word0 >> 24) & 0xFF),
        damaged=bool(word0 & DAMAGED),
        incomplete=bool(word0 & INCOMPLETE),
        outer_ttl=word2 >> 56,
        inner_ttl=(word2 >> 48) & 0xFF,
        src_mac=word2 & 0xFFFFFFFFFFFF,
        dst_mac=word3 & 0xFFFFFFFFFFFF,
        error=(word3 >> 56, (word3 >> 48) & 0xFF) if is_error else None,
        error_from=Address(word4 >> 32) if is_error else None,
        error_mtu=word4 & 0xFFFF,
    )
