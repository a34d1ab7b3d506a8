"""The IPv4 header (RFC 791 §3.1), drawn: octets from its start."""

from __future__ import annotations

VERSION_IHL, TOS, TOTAL_LENGTH, IDENTIFICATION, FRAGMENT, TTL, PROTOCOL, SOURCE, DESTINATION = (
    0, 1, 2, 4, 6, 8, 9, 12, 16,
)  # fmt: skip
HEADER_MIN = 20  # IHL below 5 is no header: check it, or a forged inner header decodes as nonsense
DONT_FRAGMENT, MORE_FRAGMENTS, OFFSET_MASK = 0x4000, 0x2000, 0x1FFF

PROTOCOL_ICMP = 1
PROTOCOL_IPIP = 4  # RFC 2003 §3.1
PROTOCOL_TCP = 6
PROTOCOL_UDP = 17
PROTOCOL_IPV6 = 41  # RFC 4213 §3
PROTOCOL_GRE = 47  # RFC 2784 §2.4
PROTOCOL_ICMPV6 = 58
