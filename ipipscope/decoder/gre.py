"""The GRE header (RFC 2784 §2, RFC 2890 §2), drawn: octets from its start."""

from __future__ import annotations

FLAGS, PROTOCOL_TYPE, HEADER_MIN = 0, 2, 4
CHECKSUM, ROUTING, KEY, SEQUENCE, VERSION = 0x8000, 0x4000, 0x2000, 0x1000, 0x0007
"""Flags: each of checksum (with what was reserved), key and sequence number adds four octets."""
TRANSPARENT_ETHERNET = 0x6558  # RFC 7637 §3.2
