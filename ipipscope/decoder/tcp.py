"""The TCP header (RFC 9293 §3.1), drawn: octets from its start."""

from __future__ import annotations

SOURCE_PORT, DESTINATION_PORT, SEQUENCE, ACKNOWLEDGMENT, DATA_OFFSET, FLAGS, HEADER_MIN = 0, 2, 4, 8, 12, 13, 20
READ = 14  # octets up to and including the flags: all that a handshake needs
SYN, RST, ACK = 0x02, 0x04, 0x10
