"""The flow table's loop: every conversation's packets, counted by direction, station and outer header.

One row is one direction of one conversation at one station under one outer pair; `conversations` puts the rows of a
conversation together. A conversation is known by its inner addresses, protocol and ports, or the identifier of echoes
(RFC 792); other ICMP messages of two hosts are one conversation, and so are fragments behind the first, which have no
ports.

Compiled: the `.pxd` beside this module gives the C types. In plain Python the same text runs on `memoryview`s.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ipipscope import bits
from ipipscope.correlator import marks
from ipipscope.decoder import ipv4
from ipipscope.decoder.columns import Part

ICMP, TCP, UDP = ipv4.PROTOCOL_ICMP, ipv4.PROTOCOL_TCP, ipv4.PROTOCOL_UDP
P_ECHO_REQUEST, P_ECHO_REPLY, P_SYN = int(Part.ECHO_REQUEST), int(Part.ECHO_REPLY), int(Part.SYN)
FIN, SYN = 1, 2  # RFC 9293 §3.1: each takes one sequence number
RST, ACK = 4, 16  # RFC 9293 §3.1
FOLLOWS, ACKNOWLEDGES, SETTLED, REFUSES = marks.FOLLOWS, marks.ACKNOWLEDGES, marks.SETTLED, marks.REFUSES
PATIENCE = 100_000_000
"""Copies of one packet come sooner than this after one another, a sender whose timer ran out later; nanoseconds. Linux
waits 200 ms at least (TCP_RTO_MIN)."""
NO_ID = 0x10000  # in place of an identifier: an ICMP message that is no echo
# A literal beyond 31 bits would be a Python object in the loop.
MASK32, HALF = marks.MASK32, marks.HALF
STUCK_MAX = 0xFFFF
SIZE_FIRST = 1 << 10


def _view(array: Any) -> Any:
    """The memory of *array*, as the loop reads and writes it."""
    return memoryview(array)


class Flows:
    """The rows, and a hash index over them.

    rows_max: how many rows are kept; packets of what would be a row more are counted in `folded`. A row takes 171
        octets and up to 8 of the index.
    only: the protocol whose packets are counted; 0 for all.

    Of TCP, a row also tells how often its acknowledgements moved on (`acked`), when for the first and the last time
    (`acked_first`, `acked_last`), the longest time between two (`acked_pause`), and how often in a row its oldest
    segment was sent again in vain (`stuck`). Of its first packet, every row keeps how it looked: kind, depth and
    direction (`form`), TTLs, MAC addresses and IP id; of its last one, where it stands.
    """

    # Columns that `_room` makes and widens by name; their C types are in the .pxd.
    addresses: Any
    numbers: Any
    places: Any
    outers: Any
    packets: Any
    octets: Any
    asked: Any
    again: Any
    first: Any
    last: Any
    follow: Any
    began: Any
    ack: Any
    acked: Any
    acked_first: Any
    acked_last: Any
    acked_pause: Any
    stuck: Any
    stuck_at: Any
    stuck_first: Any
    stuck_last: Any
    stuck_length: Any
    frame_last: Any
    source_last: Any
    form: Any
    ttls: Any
    src_mac: Any
    dst_mac: Any
    id: Any

    def __init__(self, rows_max: int = 1 << 18, only: int = 0) -> None:
        self.rows_max = rows_max
        self.only = only
        self.rows = 0
        self.folded = 0
        self.index = _view(np.full(2 * SIZE_FIRST, -1, "i4"))
        self._room(min(SIZE_FIRST, rows_max))

    def _room(self, size: int) -> None:
        names = (
            ("addresses", "u8"), ("numbers", "u8"), ("places", "u8"), ("outers", "u8"), ("packets", "i8"),
            ("octets", "i8"), ("asked", "i8"), ("again", "i8"), ("first", "i8"), ("last", "i8"), ("follow", "u4"),
            ("began", "u1"), ("ack", "u4"), ("acked", "u4"), ("acked_first", "i8"), ("acked_last", "i8"),
            ("acked_pause", "i8"), ("stuck", "u2"), ("stuck_at", "u4"), ("stuck_first", "i8"), ("stuck_last", "i8"),
            ("stuck_length", "u2"), ("frame_last", "u4"), ("source_last", "u2"), ("form", "u4"), ("ttls", "u2"),
            ("src_mac", "u8"), ("dst_mac", "u8"), ("id", "u2"),
        )  # fmt: skip
        for name, dtype in names:
            fresh = np.zeros(size, dtype)
            if self.rows:
                fresh[: self.rows] = np.asarray(getattr(self, name))[: self.rows]
            setattr(self, name, _view(fresh))

    def feed(self, columns: Any, start: int, stop: int, station: Any, shift: int, source: int = 0) -> None:
        """Count the packets in rows *start* to *stop* of one batch.

        station: i4, per row: the station it was seen at; negative where it is to be left out.
        shift: nanoseconds to add to the capture time.
        source: number of the file.
        """
        part, depth = memoryview(columns.part), memoryview(columns.depth)
        c_time, length = memoryview(columns.time), memoryview(columns.inner_length)
        outer_src, outer_dst = memoryview(columns.outer_src), memoryview(columns.outer_dst)
        inner_src, inner_dst = memoryview(columns.inner_src), memoryview(columns.inner_dst)
        inner_proto, fragment = memoryview(columns.inner_proto), memoryview(columns.fragment_offset)
        sport, dport = memoryview(columns.sport), memoryview(columns.dport)
        icmp_id, payload = memoryview(columns.icmp_id), memoryview(columns.payload_length)
        tcp_flags, tcp_seq = memoryview(columns.tcp_flags), memoryview(columns.tcp_seq)
        tcp_ack, frame = memoryview(columns.tcp_ack), memoryview(columns.frame)
        kind, direction = memoryview(columns.kind), memoryview(columns.direction)
        outer_ttl, inner_ttl = memoryview(columns.outer_ttl), memoryview(columns.inner_ttl)
        src_mac, dst_mac = memoryview(columns.src_mac), memoryview(columns.dst_mac)
        inner_id = memoryview(columns.inner_id)
        only = self.only
        for row in range(start, stop):
            proto = inner_proto[row]
            if (only and proto != only) or station[row] < 0 or depth[row] == 0:
                continue
            src, dst = inner_src[row], inner_dst[row]
            low = high = 0
            if proto == ICMP:
                echo = part[row] == P_ECHO_REQUEST or part[row] == P_ECHO_REPLY
                low = high = icmp_id[row] if echo else NO_ID
            elif (proto == TCP or proto == UDP) and fragment[row] == 0:  # noqa: PLR1714, SIM109  (no tuple per packet)
                low, high = sport[row], dport[row]
            back = src > dst or (src == dst and low > high)
            if back:
                src, dst = dst, src
                low, high = high, low
            addresses = bits.at(src, 32) | dst
            numbers = bits.at(proto, 40) | bits.at(low, 20) | high
            places = bits.at(station[row], 1) | (1 if back else 0)
            outers = bits.at(outer_src[row], 32) | outer_dst[row] if depth[row] > 1 else 0
            place = self._row(addresses, numbers, places, outers)
            if place < 0:
                self.folded += 1
                continue
            time = c_time[row] + shift
            if self.packets[place] == 0:
                self.first[place] = self.last[place] = time
                self.form[place] = bits.at(kind[row], 24) | bits.at(depth[row], 8) | direction[row]
                self.ttls[place] = bits.at(outer_ttl[row], 8) | inner_ttl[row]
                self.src_mac[place], self.dst_mac[place] = src_mac[row], dst_mac[row]
                self.id[place] = inner_id[row]
            self.packets[place] += 1
            self.frame_last[place], self.source_last[place] = frame[row], source
            self.octets[place] += length[row]
            self.first[place] = min(self.first[place], time)
            self.last[place] = max(self.last[place], time)
            if part[row] == P_ECHO_REQUEST or part[row] == P_SYN:
                self.asked[place] += 1
            if proto == TCP and fragment[row] == 0:
                marks = (tcp_flags[row] & SYN != 0) + (tcp_flags[row] & FIN != 0)
                size = payload[row] + marks
                if tcp_flags[row] & SYN and (tcp_seq[row] + size) & MASK32 != self.follow[place]:
                    # A new connection of these ports, whose numbers begin anywhere (RFC 9293 §3.4.1).
                    self.began[place] &= SETTLED
                    self.stuck[place] = 0
                if size > 0:
                    # Sequence numbers wrap: what is less than half the circle behind was there before. One octet
                    # before the next is a keep-alive (RFC 9293 §3.8.4).
                    behind = (self.follow[place] - tcp_seq[row]) & MASK32
                    keep_alive = behind == 1 and size == 1 and marks == 0
                    began = self.began[place] & FOLLOWS
                    if began and 0 < behind < HALF and not keep_alive:
                        self.again[place] += 1
                        if tcp_flags[row] & SYN == 0 and self._again(place, tcp_seq[row], time):
                            self.stuck_length[place] = length[row]
                    elif not keep_alive:
                        self.stuck[place] = 0
                    end = (tcp_seq[row] + size) & MASK32
                    ahead = (end - self.follow[place]) & MASK32
                    if not began or ahead < HALF:
                        self.follow[place] = end
                        self.began[place] |= FOLLOWS
                if tcp_flags[row] & RST:
                    self.began[place] |= REFUSES
                elif tcp_flags[row] & ACK:
                    ahead = (tcp_ack[row] - self.ack[place]) & MASK32
                    if self.began[place] & ACKNOWLEDGES and 0 < ahead < HALF:
                        if self.acked[place] == 0:
                            self.acked_first[place] = self.acked_last[place] = time
                        self.acked[place] += 1
                        self.acked_pause[place] = max(self.acked_pause[place], time - self.acked_last[place])
                        self.acked_last[place] = time
                    if ahead < HALF or not self.began[place] & ACKNOWLEDGES:
                        self.ack[place] = tcp_ack[row]
                    self.began[place] |= ACKNOWLEDGES if tcp_flags[row] & SYN else ACKNOWLEDGES | SETTLED

    def _again(self, place: int, seq: int, time: int) -> bool:
        """A segment was sent again: the oldest one again and again, later and later, when nothing comes back.

        Whether this counts: it is the first time, or the next one after a while.
        """
        if self.stuck[place] == 0 or self.stuck_at[place] != seq:
            self.stuck[place] = 1
            self.stuck_at[place] = seq
            self.stuck_first[place] = self.stuck_last[place] = time
            return True
        if time - self.stuck_last[place] < PATIENCE or self.stuck[place] == STUCK_MAX:
            return False
        self.stuck[place] += 1
        self.stuck_last[place] = time
        return True

    def _row(self, addresses: int, numbers: int, places: int, outers: int) -> int:
        """The row of this key; a new one where there is none; -1 when there are too many."""
        mask = len(self.index) - 1
        at = bits.mix(addresses ^ bits.mix(numbers ^ bits.mix(places ^ bits.mix(outers)))) & mask
        while True:
            row = self.index[at]
            if row < 0:
                break
            if (
                self.addresses[row] == addresses
                and self.numbers[row] == numbers
                and self.places[row] == places
                and self.outers[row] == outers
            ):
                return row
            at = (at + 1) & mask
        if self.rows >= self.rows_max:
            return -1
        if self.rows == len(self.addresses):
            self._room(min(2 * self.rows, self.rows_max))
        row = self.rows
        self.addresses[row], self.numbers[row] = addresses, numbers
        self.places[row], self.outers[row] = places, outers
        self.index[at] = row
        self.rows += 1
        if self.rows * 2 > len(self.index):
            self._grow_index()
        return row

    def _grow_index(self) -> None:
        mask = len(self.index) * 2 - 1
        self.index = _view(np.full(mask + 1, -1, "i4"))
        for row in range(self.rows):
            spread = bits.mix(self.places[row] ^ bits.mix(self.outers[row]))
            spread = bits.mix(self.addresses[row] ^ bits.mix(self.numbers[row] ^ spread))
            at = spread & mask
            while self.index[at] >= 0:
                at = (at + 1) & mask
            self.index[at] = row
