"""The UDP header (RFC 768), drawn: octets from its start."""

from __future__ import annotations

SOURCE_PORT, DESTINATION_PORT, LENGTH, HEADER = 0, 2, 4, 8
PORT_VXLAN = 4789  # RFC 7348 §5
PORT_DNS = 53  # RFC 1035 §4.2.1
