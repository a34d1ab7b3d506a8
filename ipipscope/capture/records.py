"""The record walk over a file's octets: where each packet stands, how long it is, when it was seen.

Compiled: the `.pxd` beside this module gives the C types. Nothing here reads a file or allocates: the caller owns the
buffer and the arrays, and learns from `position`, `count` and `status` how far the walk came.
"""

from __future__ import annotations

from typing import Any, Final

from ipipscope import words

MORE: Final = 0
"""The walk came to the end of the buffer, or to a record that goes on behind it."""
FULL: Final = 1
"""The arrays are full."""
BROKEN: Final = 2
"""The octets at `position` are no record: its lengths contradict each other or the limit."""
OTHER_BLOCK: Final = 3
"""pcapng: a block that is no packet stands at `position`."""
DOUBTFUL: Final = 4
"""pcap: the record at `position` can be read, but its numbers are odd: it may be the inside of a packet."""
FOUND: Final = 5
"""What was looked for begins at `position`."""
ABSENT: Final = 6
"""Nothing of the kind begins before `position`."""

LONG, LATE = -1, -2  # how a record in doubt is odd: see `follow_pcap`
CHAIN = 3  # headers in a row that must make sense before damaged octets are left behind
YEAR = 31_557_600  # seconds: neighbouring packets are nearer to each other than this
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
    status: MORE, FULL, BROKEN, OTHER_BLOCK or DOUBTFUL; of a search MORE, FOUND or ABSENT.
    need: with MORE, octets from `position` that the record at hand asks for; 0 when not even that is known.
    seconds: pcap: of the last record; -1 before the first.
    undescribed: pcapng: packet blocks that were passed over, for their interface is not described.
    """

    def __init__(self) -> None:
        self.position = 0
        self.count = 0
        self.status = 0
        self.need = 0
        self.seconds = -1
        self.undescribed = 0


def walk_pcap(
    octets: Any,
    start: int,
    end: int,
    big: int,
    header: int,
    tick: int,
    limit: int,
    trusted: int,
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
    trusted: so many records are taken without a doubt: more captured than was on the wire, a fraction above a second,
        all zero, or more than a year from the record before.
    offsets, captured, wire: u4, filled with where each frame begins, its octets there and on the wire.
    time: i8, nanoseconds.
    walk: filled with how far it came; its `seconds` are carried from call to call.
    """
    rows = len(offsets)
    unit = BILLION // tick
    at = start
    row = 0
    status = 0
    need = 0
    last = walk.seconds
    while True:
        if row >= rows:
            status = 1
            break
        if end - at < header:
            need = header
            break
        length = words.either(octets, at + 8, big)
        if length > limit:
            status = 2
            break
        seconds = words.either(octets, at, big)
        fraction = words.either(octets, at + 4, big)
        on_wire = words.either(octets, at + 12, big)
        if row >= trusted:
            odd = length > on_wire or fraction >= unit or (on_wire == 0 and seconds == 0 and fraction == 0)
            if odd or (last >= 0 and (seconds - last > YEAR or last - seconds > YEAR)):
                status = 4
                break
        if end - at - header < length:
            need = header + length
            break
        offsets[row] = at + header
        captured[row] = length
        wire[row] = on_wire
        time[row] = seconds * BILLION + fraction * tick
        last = seconds
        at += header + length
        row += 1
    walk.position, walk.count, walk.status, walk.need, walk.seconds = at, row, status, need, last


def follow_pcap(
    octets: Any,
    start: int,
    end: int,
    ended: int,
    big: int,
    header: int,
    unit: int,
    limit: int,
    strict: int,
    cross: int,
    last: int,
    walk: Any,
) -> int:
    """Whether records that make sense follow one another from `start`: `CHAIN` of them, or fewer to the very end.

    ended: 1 when the file ends at `end`; 2 when it ends inside a record, which needs no explanation: then the whole
        chain is asked for.
    unit: fractions of a second, 1_000_000 or 1_000_000_000.
    strict: 1 where octets are searched: sizes and times must be those of packets on a network. 0 where a record is in
        doubt: its followers must make sense, and where the file ends at once there is nothing against it. LONG, LATE
        or their sum where the one in doubt captured more than was on the wire, or its fraction is above a second:
        what all records have in common is the writer's habit.
    cross: the chain must lead over this octet.
    last: seconds of the record before; -1 for none.
    Returns MORE, FOUND or ABSENT; with MORE `walk.need` says how many octets from `start` are asked for.
    """
    at = start
    count = 0
    while True:
        if at > end or end - at < header:
            if not ended:
                walk.need = at - start + header
                return 0
            if strict != 1 or count >= 3 or (ended == 1 and ((at == end and count > 0) or (at < end and count == 2))):
                return 5
            return 6
        length = words.either(octets, at + 8, big)
        on_wire = words.either(octets, at + 12, big)
        seconds = words.either(octets, at, big)
        fraction = words.either(octets, at + 4, big)
        if length > limit:
            return 6
        if length > on_wire and strict != LONG and strict != LONG + LATE:
            return 6
        if fraction >= unit and strict != LATE and strict != LONG + LATE:
            return 6
        if strict == 1:
            if on_wire == 0 or on_wire > limit:
                return 6
            if last >= 0 and (seconds - last > YEAR or last - seconds > YEAR):
                return 6
        elif seconds == 0 and fraction == 0 and on_wire == 0:
            return 6
        last = seconds
        at += header + length
        count += 1
        if count >= CHAIN and at > cross:
            return 5


def find_pcap(
    octets: Any,
    start: int,
    end: int,
    ended: int,
    big: int,
    header: int,
    unit: int,
    limit: int,
    cross: int,
    last: int,
    walk: Any,
) -> None:
    """Find the first octet from `start` on where records that make sense follow one another; see `follow_pcap`.

    walk: filled with FOUND, ABSENT or MORE, and the position; with MORE, `need` octets from there are asked for.
    """
    at = start
    status = 6
    while end - at >= header:
        if words.either(octets, at + 8, big) <= limit:
            status = follow_pcap(octets, at, end, ended, big, header, unit, limit, 1, cross, last, walk)
            if status != 6:
                break
        at += 1
    walk.position, walk.status = at, status


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
        kind = words.either(octets, at, big)
        if kind not in (2, 3, 6):
            status = 3
            break
        total = words.either(octets, at + 4, big)
        if total & 3 or total < 16 or total > limit + 65536:  # options are the 65536
            status = 2
            break
        if end - at < total:
            need = total
            break
        if words.either(octets, at + total - 4, big) != total:
            status = 2
            break
        if kind == 3:
            on_wire = words.either(octets, at + 8, big)
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
            length = words.either(octets, at + 20, big)
            on_wire = words.either(octets, at + 24, big)
            if length > total - 32:
                status = 2
                break
            if kind == 6:
                which = words.either(octets, at + 8, big)
            elif big:
                which = (octets[at + 8] << 8) | octets[at + 9]
            else:
                which = octets[at + 8] | (octets[at + 9] << 8)
            body = at + 28
            high = words.either(octets, at + 12, big)
            ticks[row] = (high << 32) | words.either(octets, at + 16, big)
        if which >= interfaces:
            walk.undescribed += 1
            at += total
            continue
        offsets[row] = body
        captured[row] = length
        wire[row] = on_wire
        interface[row] = first_interface + which
        at += total
        row += 1
    walk.position, walk.count, walk.status, walk.need = at, row, status, need


def follow_pcapng(octets: Any, start: int, end: int, ended: int, big: int, limit: int, cross: int, walk: Any) -> int:
    """Whether blocks that make sense follow one another from `start`: see `follow_pcap`.

    A section header is enough by itself: its magic and its two lengths agree by no accident.
    """
    at = start
    count = 0
    while True:
        if at > end or end - at < 12:
            if not ended:
                walk.need = at - start + 12
                return 0
            if count >= 3 or (ended == 1 and ((at == end and count > 0) or (at < end and count == 2))):
                return 5
            return 6
        kind = words.either(octets, at, big)
        section = kind == 0x0A0D0D0A
        order = big
        if section:
            order = octets[at + 8] == 0x1A
            if words.either(octets, at + 8, order) != 0x1A2B3C4D:
                return 6
        elif (kind == 0 or kind > 0x20) and kind not in (0x0BAD, 0x40000BAD):
            return 6
        total = words.either(octets, at + 4, order)
        if total & 3 or total < 12 or total > limit + 65536:
            return 6
        if kind == 6 or kind == 2:  # noqa: PLR1714  (compiles to two comparisons)
            if total < 32:
                return 6
            if end - at >= 32 and words.either(octets, at + 20, big) > total - 32:
                return 6
        if at + total > end:
            if not ended:
                walk.need = at - start + total
                return 0
            return 5 if count >= 2 and ended == 1 else 6
        if words.either(octets, at + total - 4, order) != total:
            return 6
        if section:
            return 5
        at += total
        count += 1
        if count >= CHAIN and at > cross:
            return 5


def find_pcapng(octets: Any, start: int, end: int, ended: int, big: int, limit: int, cross: int, walk: Any) -> None:
    """Find the first octet from `start` on where blocks that make sense follow one another; see `find_pcap`."""
    at = start
    status = 6
    while end - at >= 12:
        status = follow_pcapng(octets, at, end, ended, big, limit, cross, walk)
        if status != 6:
            break
        at += 1
    walk.position, walk.status = at, status
