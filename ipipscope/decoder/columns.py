"""Every column of a batch of packets: name, type, unit, meaning.

A batch is some ten thousand packets of one file, one array a field; row *i* of all arrays is one packet. Addresses and
numbers are in host order. A field that the packet does not have is 0; `depth`, `kind`, `part` and `flags` say which
fields it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

COLUMNS: Final[dict[str, str]] = {
    # The record
    "frame": "u4",  # place in its file, from 1, as Wireshark counts
    "time": "i8",  # capture time, nanoseconds since 1970-01-01 UTC
    "interface": "u2",  # which interface of its file, from 0
    "wire_length": "u4",  # octets on the wire
    "captured_length": "u4",  # octets in the file
    # What it is
    "kind": "u1",  # Kind
    "part": "u1",  # Part: what it is to an exchange
    "flags": "u2",  # Flags
    "depth": "u1",  # IP headers read: 1 native, 2 IPIP or another tunnel, 3 and more nested
    # Link layer
    "vlan": "u2",  # outermost VLAN id
    "direction": "u1",  # Direction, from Linux cooked headers
    "device": "u4",  # Linux cooked: interface index (v2) or hardware type (v1); bit 31 marks a tunnel device
    "src_mac": "u8",
    "dst_mac": "u8",
    # The outermost header where it is IPv4 and carries another packet, read or not; else 0
    "outer_src": "u4",
    "outer_dst": "u4",
    "outer_ttl": "u1",
    "outer_tos": "u1",
    "outer_id": "u2",
    # Innermost IPv4 header; 0 where that is the outer one
    "inner_src": "u4",
    "inner_dst": "u4",
    "inner_ttl": "u1",
    "inner_tos": "u1",
    "inner_proto": "u1",
    "inner_id": "u2",
    "inner_length": "u2",  # total length, octets
    "fragment_offset": "u2",  # octets, of the innermost header, or of the outer one where that is all there is
    "fragment_length": "u2",  # of a fragment: octets behind the header that makes it one, the outer one first
    # ICMP
    "icmp_type": "u1",
    "icmp_code": "u1",
    "icmp_id": "u2",
    "icmp_seq": "u2",
    "icmp_mtu": "u2",  # next-hop MTU of "fragmentation needed"
    # The innermost packet that an ICMP error quotes
    "quoted_src": "u4",
    "quoted_dst": "u4",
    "quoted_proto": "u1",
    "quoted_depth": "u1",  # IPv4 headers quoted
    "quoted_type": "u1",  # ICMP type, when an ICMP message is quoted
    "quoted_word": "u4",  # ICMP id and sequence number, or TCP/UDP ports
    "quoted_seq": "u4",  # TCP sequence number
    # TCP and UDP
    "sport": "u2",
    "dport": "u2",
    "tcp_flags": "u1",
    "tcp_seq": "u4",
    "tcp_ack": "u4",
    "payload_length": "u2",  # octets behind the transport header, as the headers say
    "digest": "u4",  # of the first 16 octets of that payload; 0 when they were not captured
}


class Kind(IntEnum):
    """What a packet is, as far as an IPIP overlay cares; each is counted and none is mistaken for another.

    Tunnels within tunnels have the kind of the outermost one. MPLS labels and PPPoE are link headers: what they carry
    counts, if it can be read.
    """

    OTHER = 0
    """An EtherType or link frame that carries nothing of ours."""
    NATIVE = 1
    """One IPv4 header."""
    IPIP = 2
    """IPv4 in IPv4 (protocol 4), to any depth."""
    IPIP_FRAGMENT = 3
    """A later fragment of an IPIP packet: outer header only."""
    IPIP_OPAQUE = 4
    """Protocol 4, and no IPv4 header behind it could be read: cut or malformed."""
    IPV6 = 5
    ARP = 6
    IPV6_IN_IPV4 = 7
    """6in4: protocol 41."""
    IPV6_UNDER_IPIP = 8
    """Protocol 4 with a version 6 header behind it, which RFC 2003 does not know."""
    IPV4_IN_IPV6 = 9
    IPV6_IN_IPV6 = 10
    GRE = 11
    """GRE (protocol 47), whatever it carries; `depth` tells whether an IP packet was read inside."""
    VXLAN = 12
    """VXLAN (UDP port 4789 or 8472) likewise."""
    MPLS = 13
    """MPLS labels over something else than IP."""
    PPPOE = 14
    """A PPPoE session that carries something else than IP, or its discovery."""
    UNREADABLE = 15
    """The link or IPv4 header itself is cut or malformed."""
    UNKNOWN_LINK = 16
    """A link type that is not decoded."""

    @property
    def label(self) -> str:
        """The name in reports: ipip, native, arp ..."""
        return self.name.lower().replace("_", "-")


class Part(IntEnum):
    """What a packet is to an exchange."""

    NONE = 0
    ECHO_REQUEST = 1
    ECHO_REPLY = 2
    SYN = 3
    SYN_ACK = 4
    DATAGRAM = 5
    """UDP: query or answer, which its flow decides."""
    ERROR = 6
    """An ICMP error that quotes a packet."""
    RESET = 7


class Flags(IntFlag):
    """What is special about a packet."""

    CUT = 1
    """The captured data end inside a header that was needed (snaplen)."""
    MALFORMED = 2
    """A header contradicts itself or the one around it."""
    OUTER_FRAGMENT = 4
    INNER_FRAGMENT = 8
    OUTER_DF = 16
    INNER_DF = 32
    OPTIONS = 64
    """Some IPv4 header carries options."""
    MORE_FRAGMENTS = 128
    """Of the innermost header."""
    QUOTE_CUT = 256
    """The packet quoted in an ICMP error ends before its addresses and numbers."""
    BAD_HEADER_CHECKSUM = 512
    """Of some IPv4 header. Where a packet is sent, a NIC may fill in checksums after it was recorded."""
    BAD_CHECKSUM = 1024
    """Of the ICMP message, TCP handshake or DNS datagram (others are not checked), which was captured whole."""
    INCOMPLETE = 2048
    """A first fragment, the rest of whose packet was not seen: set by the correlator."""


class Direction(IntEnum):
    """Which way a packet passed its device, where a Linux cooked header says so (packet(7), sll_pkttype)."""

    UNKNOWN = 0
    IN = 1
    OUT = 2


GROUPS: Final = [
    (np.dtype(f"{kind}{size}"), [name for name, dtype in COLUMNS.items() if dtype == f"{kind}{size}"])
    for size in (8, 4, 2, 1)
    for kind in "iu"
]
"""The columns by type, the wider ones first, so that each stands where its type may."""
BLOCK: Final = sum(dtype.itemsize * len(names) for dtype, names in GROUPS)
"""Octets of a row of all columns."""
BESIDE: Final = {
    "level_row": np.zeros(0, "u4"), "level_place": np.zeros(0, "u4"), "level_src": np.zeros(0, "u4"),
    "level_dst": np.zeros(0, "u4"), "six_row": np.zeros(0, "u4"), "six_place": np.zeros(0, "u4"),
    "six_src": np.zeros((0, 16), "u1"), "six_dst": np.zeros((0, 16), "u1"), "malformed": np.zeros((0, 6), "u4"),
}  # fmt: skip
"""What does not have one entry a row, without entries."""


@dataclass(slots=True, eq=False)
class Columns:
    """A batch of packets of one file: `len(batch)` rows in each array of `COLUMNS`.

    Levels between outermost and innermost header (depth > 2) stand in the `level_*` arrays, which have one entry a
    header: row of its packet, place (1 is the second header), source, destination. `six_*` have one entry an IPv6
    header: row, place (0 is the outermost header), source and destination (16 octets each). `malformed` has one line a
    packet that stops making sense: row, Layer, offset, need, have, LengthFrom (see `ipipscope.decoder.malformed`).
    """

    frame: Array
    time: Array
    interface: Array
    wire_length: Array
    captured_length: Array
    kind: Array
    part: Array
    flags: Array
    depth: Array
    vlan: Array
    direction: Array
    device: Array
    src_mac: Array
    dst_mac: Array
    outer_src: Array
    outer_dst: Array
    outer_ttl: Array
    outer_tos: Array
    outer_id: Array
    inner_src: Array
    inner_dst: Array
    inner_ttl: Array
    inner_tos: Array
    inner_proto: Array
    inner_id: Array
    inner_length: Array
    fragment_offset: Array
    fragment_length: Array
    icmp_type: Array
    icmp_code: Array
    icmp_id: Array
    icmp_seq: Array
    icmp_mtu: Array
    quoted_src: Array
    quoted_dst: Array
    quoted_proto: Array
    quoted_depth: Array
    quoted_type: Array
    quoted_word: Array
    quoted_seq: Array
    sport: Array
    dport: Array
    tcp_flags: Array
    tcp_seq: Array
    tcp_ack: Array
    payload_length: Array
    digest: Array
    level_row: Array
    level_place: Array
    level_src: Array
    level_dst: Array
    six_row: Array
    six_place: Array
    six_src: Array
    six_dst: Array
    malformed: Array

    @classmethod
    def empty(cls, rows: int) -> Columns:
        """All zero, *rows* packets, no levels.

        All columns stand in one block of memory: forty small ones would be given back to the system and faulted in
        again for every batch.
        """
        block = np.zeros(BLOCK * rows, "u1")
        columns = cls.__new__(cls)
        begin = 0
        for dtype, names in GROUPS:
            end = begin + len(names) * dtype.itemsize * rows
            for name, array in zip(names, block[begin:end].view(dtype).reshape(len(names), rows), strict=True):
                setattr(columns, name, array)
            begin = end
        for name, nothing in BESIDE.items():
            setattr(columns, name, nothing.copy())
        return columns

    def __len__(self) -> int:
        return len(self.frame)
