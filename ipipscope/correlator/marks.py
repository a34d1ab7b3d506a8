"""What a row of the flow table notes of TCP, and the circle of sequence numbers."""

from __future__ import annotations

FOLLOWS, ACKNOWLEDGES, SETTLED, REFUSES = 1, 2, 4, 8
"""Of the column `began`: a sequence number was seen; an acknowledgement was; one that neither opens nor refuses was; a
refusal (RST) was."""
MASK32, HALF = 0xFFFFFFFF, 0x80000000
"""Sequence numbers wrap (RFC 9293 §3.4): what is less than half the circle behind was there before."""
