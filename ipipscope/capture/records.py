"""The record walk over a file's octets: where each packet stands, how long it is, when it was seen.

Compiled: the `.pxd` beside this module gives the C types. Nothing here reads a file or allocates: the caller owns the
buffer and the arrays, and learns from `position`, `count` and `status` how far the walk came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MORE: Final = 0
"""The walk came to the end of the buffer, or to a record that goes on behind it."""
FULL: Final = 1
"""The arrays are full."""
BROKEN: Final = 2
"""The octets at `position` are no record: its lengths contradict each other or the limit."""
OTHER_BLOCK: Final = 3
"""pcapng: a block that is no packet stands at `position`."""

NO_TICKS = 0xFFFFFFFFFFFFFFFF  # a block without a time; a literal beyond 31 bits would be a Python object in the loop
BILLION = 1_000_000_000

# pcap: draft-ietf-opsawg-pcap §5, octets from the start of a record
PCAP_SECONDS, PCAP_FRACTION, PCAP_CAPTURED, PCAP_WIRE = 0, 4, 8, 12
# pcapng: draft-ietf-opsawg-pcapng §4, octets from the start of a block
BLOCK_TYPE, BLOCK_LENGTH, BLOCK_BODY = 0, 4, 8
OBSOLETE_PACKET_BLOCK, SIMPLE_PACKET_BLOCK, ENHANCED_PACKET_BLOCK = 2, 3, 6


class Walk:
    """How far a walk came.

    position: octet in the buffer where the next record begins.
    count: how many records were found.
    status: MORE, FULL, BROKEN or OTHER_BLOCK.
    need: with MORE, octets from `position` that the record at hand asks for; 0 when not even that is known.
    """

    def __init__(self) -> None:
        self.position = 0
        self.count = 0
        self.status = 0
        self.need = 0


def number(octets: Sequence[int], at: int, big: int) -> int:
    """Four octets, big- or little-endian."""
    if big:
        return (octets[at] << 24) | (octets[at + 1] << 16) | (octets[at + 2] << 8) | octets[at + 3]
    return octets[at] | (octets[at + 1] << 8) | (octets[at + 2] << 16) | (octets[at + 3] << 24)


def walk_pcap(
    octets: Any,
    start: int,
    end: int,
    big: int,
    header: int,
    tick: int,
    limit: int,
    offsets: Any,
    captured: Any,
    wire: Any,
    time: Any,
    walk: Any,
) -> None:
    """Find the records of a pcap file that stand whole in `octets[start:end]`.

    big: 1 when the file is big-endian.
    header: octets of a record header: 16, or 24 in the modified format (magic a1b2cd34).
    tick: nanoseconds that one unit of the fraction lasts: 1000 or 1.
    limit: the longest captured length that is believed.
    offsets, captured, wire: u4, filled with where each frame begins, its octets there and on the wire.
    time: i8, nanoseconds.
    walk: filled with how far it came.
    """
    rows = len(offsets)
    at = start
    row = 0
    status = 0
    need = 0
    while True:
        if row >= rows:
            status = 1
            break
        if end - at < header:
            need = header
            break
        length = number(octets, at + 8, big)
        if length > limit:
            status = 2
            break
        if end - at - header < length:
            need = header + length
            break
        offsets[row] = at + header
        captured[row] = length
        wire[row] = number(octets, at + 12, big)
        seconds = number(octets, at, big)
        time[row] = seconds * BILLION + number(octets, at + 4, big) * tick
        at += header + length
        row += 1
    walk.position, walk.count, walk.status, walk.need = at, row, status, need


def walk_pcapng(
    octets: Any,
    start: int,
    end: int,
    big: int,
    first_interface: int,
    interfaces: int,
    limit: int,
    simple_limit: int,
    offsets: Any,
    captured: Any,
    wire: Any,
    ticks: Any,
    interface: Any,
    walk: Any,
) -> None:
    """Find the packet blocks that stand whole in `octets[start:end]`, up to the first block that is none.

    big: 1 when the section is big-endian.
    first_interface: number in the file of the section's interface 0; interfaces: how many the section has so far.
    limit: the longest captured length that is believed.
    simple_limit: snaplen of the section's first interface, which a Simple Packet Block relies on; 0 for none.
    offsets, captured, wire, interface: as in `walk_pcap`; the interface is numbered through the file.
    ticks: u8, time in units of the interface's resolution; 2**64 - 1 where the block has no time.
    walk: filled with how far it came.
    """
    rows = len(offsets)
    at = start
    row = 0
    status = 0
    need = 0
    while True:
        if row >= rows:
            status = 1
            break
        if end - at < 12:
            need = 12
            break
        kind = number(octets, at, big)
        if kind not in (2, 3, 6):
            status = 3
            break
        total = number(octets, at + 4, big)
        if total & 3 or total < 16 or total > limit + 65536:  # options are the 65536
            status = 2
            break
        if end - at < total:
            need = total
            break
        if number(octets, at + total - 4, big) != total:
            status = 2
            break
        if kind == 3:
            on_wire = number(octets, at + 8, big)
            length = on_wire
            if simple_limit and length > simple_limit:
                length = simple_limit
            length = min(length, total - 16)
            which = 0
            body = at + 12
            ticks[row] = NO_TICKS
        else:
            if total < 32:
                status = 2
                break
            length = number(octets, at + 20, big)
            on_wire = number(octets, at + 24, big)
            if length > total - 32:
                status = 2
                break
            if kind == 6:
                which = number(octets, at + 8, big)
            elif big:
                which = (octets[at + 8] << 8) | octets[at + 9]
            else:
                which = octets[at + 8] | (octets[at + 9] << 8)
            body = at + 28
            high = number(octets, at + 12, big)
            ticks[row] = (high << 32) | number(octets, at + 16, big)
        if which >= interfaces:
            status = 2
            break
        offsets[row] = body
        captured[row] = length
        wire[row] = on_wire
        interface[row] = first_interface + which
        at += total
        row += 1
    walk.position, walk.count, walk.status, walk.need = at, row, status, need
