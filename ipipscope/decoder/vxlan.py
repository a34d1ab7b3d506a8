"""The VXLAN header (RFC 7348 §5), drawn: octets from its start; behind it stands an Ethernet frame."""

from __future__ import annotations

FLAGS, HEADER = 0, 8
VNI_IS_VALID = 0x08
"""The flag I, which every VXLAN header has."""
