"""Headers as they lie on the wire, one structured row a packet, and the checksums over them.

Every number is in network order in the rows, so that a row's octets are the packet's.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

# IEEE 802.3, RFC 826
ETHERNET: Final = np.dtype([("destination", "u1", 6), ("source", "u1", 6), ("type", ">u2")])
ARP: Final = np.dtype(
    [
        ("hardware", ">u2"),
        ("protocol", ">u2"),
        ("lengths", ">u2"),
        ("operation", ">u2"),
        ("sender_mac", "u1", 6),
        ("sender", ">u4"),
        ("target_mac", "u1", 6),
        ("target", ">u4"),
    ]
)
# RFC 791 section 3.1
IPV4: Final = np.dtype(
    [
        ("version_ihl_tos", ">u2"),
        ("length", ">u2"),
        ("id", ">u2"),
        ("fragment", ">u2"),
        ("ttl", "u1"),
        ("protocol", "u1"),
        ("checksum", ">u2"),
        ("src", ">u4"),
        ("dst", ">u4"),
    ]
)
# RFC 792, and what iputils' ping puts into its 56 octets: the clock as two 64-bit numbers, then 0x10, 0x11 ...
ECHO: Final = np.dtype(
    [
        ("type", "u1"),
        ("code", "u1"),
        ("checksum", ">u2"),
        ("id", ">u2"),
        ("seq", ">u2"),
        ("clock", "<i8", 2),
        ("pattern", "u1", 40),
    ]
)
# RFC 9293 section 3.1, RFC 7323 section 3: no-operation twice, then the timestamps option
TCP: Final = np.dtype(
    [
        ("sport", ">u2"),
        ("dport", ">u2"),
        ("seq", ">u4"),
        ("ack", ">u4"),
        ("offset_flags", ">u2"),
        ("window", ">u2"),
        ("checksum", ">u2"),
        ("urgent", ">u2"),
        ("option", ">u4"),
        ("tsval", ">u4"),
        ("tsecr", ">u4"),
    ]
)

ETHERTYPE_IPV4: Final = 0x0800
ETHERTYPE_ARP: Final = 0x0806
PROTOCOL_ICMP: Final = 1
PROTOCOL_IPIP: Final = 4
PROTOCOL_TCP: Final = 6
DONT_FRAGMENT: Final = 0x4000
ECHO_REQUEST: Final = 8
ECHO_REPLY: Final = 0
FIN, SYN, PSH, ACK = 0x01, 0x02, 0x08, 0x10
TIMESTAMPS: Final = 0x0101080A
ECHO_PATTERN: Final = np.arange(0x10, 0x38, dtype=np.uint8)


def folded(total: Array) -> Array:
    """Ones' complement of a sum of 16-bit words (RFC 1071); *total* below 2^48."""
    total = (total >> 16) + (total & 0xFFFF)
    total = (total >> 16) + (total & 0xFFFF)
    total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


def words(address: Array) -> Array:
    """Sum of the two 16-bit words of each 32-bit number."""
    wide = address.astype(np.int64)
    return (wide >> 16) + (wide & 0xFFFF)


def fill_ipv4(
    header: Array,
    *,
    length: Array | int,
    identification: Array,
    fragment: Array | int,
    ttl: Array | int,
    protocol: int,
    src: Array | int,
    dst: Array | int,
) -> None:
    """Fill a column of IPv4 headers without options, checksum included."""
    header["version_ihl_tos"] = 0x4500
    header["length"] = length
    header["id"] = identification & 0xFFFF
    header["fragment"] = fragment
    header["ttl"] = ttl
    header["protocol"] = protocol
    header["src"] = src
    header["dst"] = dst
    total = (
        0x4500
        + header["length"].astype(np.int64)
        + header["id"]
        + header["fragment"]
        + (header["ttl"].astype(np.int64) << 8)
        + protocol
        + words(header["src"])
        + words(header["dst"])
    )
    header["checksum"] = folded(total)


def fill_echo(message: Array, *, kind: int, identifier: Array, seq: Array, clock: Array) -> None:
    """Fill a column of ICMP echo messages as ping writes them, checksum included.

    clock: the requester's clock when it sent, ns since 1970; a reply carries the request's.
    """
    message["type"] = kind
    message["code"] = 0
    message["id"] = identifier
    message["seq"] = seq
    stamp = np.empty((len(clock), 2), dtype="<i8")
    stamp[:, 0], stamp[:, 1] = np.divmod(clock // 1000, 1_000_000)
    message["clock"] = stamp
    message["pattern"] = ECHO_PATTERN
    total = (
        (kind << 8)
        + message["id"].astype(np.int64)
        + message["seq"]
        + stamp.view(">u2").sum(axis=1, dtype=np.int64)
        + int(ECHO_PATTERN.view(">u2").sum(dtype=np.int64))
    )
    message["checksum"] = folded(total)


def fill_tcp_checksum(segment: Array, ip: Array, *, length: Array, payload_words: Array) -> None:
    """Fill the checksum of TCP segments, all other fields being set.

    length: of header and payload, octets. payload_words: sum of the payload's 16-bit words, odd ends padded with zero.
    """
    total = PROTOCOL_TCP + length + payload_words + words(ip["src"]) + words(ip["dst"])
    for name in ("sport", "dport", "offset_flags", "window", "urgent"):
        total = total + segment[name]
    for name in ("seq", "ack", "option", "tsval", "tsecr"):
        total = total + words(segment[name])
    segment["checksum"] = folded(total)
