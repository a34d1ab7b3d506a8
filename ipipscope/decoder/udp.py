"""The UDP header (RFC 768), drawn: octets from its start."""

from __future__ import annotations

SOURCE_PORT, DESTINATION_PORT, LENGTH, CHECKSUM, HEADER = 0, 2, 4, 6, 8
PORT_VXLAN = 4789  # RFC 7348 §5; Calico's vxlanPort
PORT_VXLAN_LINUX = 8472  # before RFC 7348, and still Linux's default: flannel, Canal
PORT_DNS = 53  # RFC 1035 §4.2.1
