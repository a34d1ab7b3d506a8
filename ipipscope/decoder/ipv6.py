"""The IPv6 header (RFC 8200 §3), drawn: octets from its start; and its extension headers (§4)."""

from __future__ import annotations

PAYLOAD_LENGTH, NEXT_HEADER, SOURCE, DESTINATION, HEADER = 4, 6, 8, 24, 40
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION_OPTIONS = 0, 43, 44, 51, 60
NO_NEXT_HEADER = 59
OFFSET_MASK = 0xFFF8  # of the Fragment header's third and fourth octet (§4.5)
