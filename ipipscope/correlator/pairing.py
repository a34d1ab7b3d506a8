"""The pairing loop: packets of all points to exchanges, exchanges to the few journeys they share.

An exchange is open from its first packet until the watermark of capture time has left it `timeout` behind. Then its
sightings are put in order and counted with the exchanges of the same flow that were seen in the same way: a million
healthy pings of one flow end as one row. Everything later looks at those rows, so its cost does not grow with the
capture.

Identity (DESIGN.md §5): a request is known by its inner addresses, protocol, identifier and sequence number (ICMP, RFC
792) or ports and initial sequence number (TCP, RFC 9293 §3.4); copies at other points agree in IP id and payload. Its
reply has addresses swapped and the same numbers; where numbers were used again, the nearest in time.

Compiled: the `.pxd` beside this module gives the C types. In plain Python the same text runs on `memoryview`s.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ipipscope import bits
from ipipscope.correlator import looks
from ipipscope.decoder import icmp, ipv4, udp
from ipipscope.decoder.columns import Flags, Part
from ipipscope.model import Leg

ICMP, TCP, UDP = ipv4.PROTOCOL_ICMP, ipv4.PROTOCOL_TCP, ipv4.PROTOCOL_UDP
PORT_DNS = udp.PORT_DNS
ECHO_REQUEST, ECHO_REPLY = icmp.ECHO_REQUEST, icmp.ECHO_REPLY
P_ECHO_REQUEST, P_ECHO_REPLY, P_SYN, P_SYN_ACK, P_DATAGRAM, P_ERROR, P_RESET = (
    int(Part.ECHO_REQUEST), int(Part.ECHO_REPLY), int(Part.SYN), int(Part.SYN_ACK), int(Part.DATAGRAM),
    int(Part.ERROR), int(Part.RESET),
)  # fmt: skip

LEG_REQUEST, LEG_REPLY, LEG_REQUEST_ERROR, LEG_REPLY_ERROR = (
    looks.LEGS.index(Leg.REQUEST), looks.LEGS.index(Leg.REPLY), looks.LEGS.index(Leg.REQUEST_ERROR),
    looks.LEGS.index(Leg.REPLY_ERROR),
)  # fmt: skip
DAMAGED, LOOKS_DAMAGED = int(Flags.BAD_HEADER_CHECKSUM | Flags.BAD_CHECKSUM), looks.DAMAGED
CUT_OFF, LOOKS_CUT = int(Flags.INCOMPLETE), looks.INCOMPLETE
SPECIAL = DAMAGED | CUT_OFF
WORDS, BUCKETS, SEVERAL = looks.WORDS, looks.BUCKETS, looks.SEVERAL
MASK32 = 0xFFFFFFFF  # a literal in the loops would be a Python object
END = (1 << 63) - 1  # later than all
QUERIES_MAX = 64  # open at once between two ports: more is a stream, not queries
SIGHTINGS_MAX = 96  # of one exchange; further ones are counted
LATE = looks.LATE
EXAMPLES = 3  # exchanges of a journey whose frames are kept as evidence
TOKENS_MAX = 1 << 18  # different looks that are told apart; what looks yet otherwise is counted in `overlooked`
STATES_MAX = 1 << 20


def view(array: Any) -> Any:
    """The memory of *array*, as the loops read and write it."""
    return memoryview(array)


def _zeros(size: int, dtype: str) -> Any:
    return view(np.zeros(size, dtype))


def _empty(size: int) -> Any:
    """An index without an entry."""
    return view(np.full(size, -1, "i4"))


def _grown(old: Any, size: int, dtype: str) -> Any:
    """A copy of *old* with room for *size* items."""
    new = np.zeros(size, dtype)
    new[: len(old)] = np.asarray(old)
    return view(new)


class Pairing:
    """The open exchanges, and the journeys of the closed ones.

    timeout: nanoseconds of capture time between a request and the last packet that may belong to it.
    open_max, sightings_max, journeys_max: bounds on what is held. When an exchange more would be open, the oldest is
        closed early and counted in `pressed`; when a journey more would be kept, it joins others in one with the id
        `SEVERAL` and is counted in `folded`.
    keep: 1 to keep each closed exchange in the `x_*` and `xs_*` arrays too, about 100 octets an exchange.
    """

    # Columns that `_slots`, `_journey_room` and the like make and widen by name; their C types are in the .pxd.
    e_low: Any
    e_high: Any
    e_proto: Any
    e_request: Any
    e_reply: Any
    e_opened: Any
    e_request_id: Any
    e_reply_id: Any
    e_request_digest: Any
    e_reply_digest: Any
    e_head: Any
    e_tail: Any
    e_count: Any
    e_next: Any
    e_queue: Any
    e_flags: Any
    e_length: Any
    j_state: Any
    j_src: Any
    j_dst: Any
    j_proto: Any
    j_id: Any
    j_count: Any
    j_first: Any
    j_last: Any
    j_shortest: Any
    j_longest: Any
    j_repeats: Any
    j_copies: Any
    j_width: Any
    j_start: Any
    j_trip: Any
    j_request: Any
    j_reply: Any
    j_copied: Any
    j_copied_first: Any
    j_copied_last: Any
    j_delayed: Any
    j_delayed_first: Any
    j_delayed_last: Any
    j_overtook: Any
    j_slow: Any
    j_slowest: Any
    j_answer: Any
    j_answer_frame: Any
    j_answer_source: Any
    j_line: Any
    x_journey: Any
    x_request: Any
    x_reply: Any
    x_number: Any
    x_port: Any
    x_length: Any
    x_start: Any
    xs_token: Any
    xs_time: Any
    xs_frame: Any
    xs_source: Any

    def __init__(
        self,
        timeout: int,
        open_max: int = 1 << 18,
        sightings_max: int = 1 << 21,
        journeys_max: int = 1 << 16,
        keep: int = 0,
    ) -> None:
        self.timeout = timeout
        self.open_max = open_max
        self.sightings_max = sightings_max
        self.journeys_max = journeys_max
        self.pressed = 0
        self.folded = 0
        self.overlooked = 0
        self.closed = 0
        self.opened = 0
        # Open exchanges: a chained hash table and a queue in order of opening.
        self.room = min(1 << 12, open_max)
        self.used = 0
        self.free = -1
        self.oldest = -1
        self.newest = -1
        self.buckets = _empty(1 << 12)
        self._slots(0)
        # Their sightings.
        self.pool = min(1 << 14, sightings_max)
        self.pool_used = 0
        self.pool_free = -1
        self.s_token, self.s_frame = _zeros(self.pool, "i4"), _zeros(self.pool, "u4")
        self.s_source, self.s_id = _zeros(self.pool, "u2"), _zeros(self.pool, "u2")
        self.s_time, self.s_next = _zeros(self.pool, "i8"), _zeros(self.pool, "i4")
        # Tokens: how one packet looks at one station.
        self.tokens = 0
        self.t_words = _zeros(256 * WORDS, "u8")
        self.t_index = _empty(1024)
        # States: the sightings of an exchange, in order, as a path through a tree of tokens; 0 is the root.
        self.states = 1
        self.st_parent, self.st_token = _zeros(256, "i4"), _zeros(256, "i4")
        self.st_index = _empty(1024)
        # Journeys: exchanges of one flow with the same state.
        self.journeys = 0
        self._journey_room(256)
        self.j_index = _empty(1024)
        self.examples: list[tuple[int, list[tuple[int, int, int, int]]]] = []
        # Of those that are unlike the others of their journey: with the places of their copies; with the reply that
        # they overtook, at the end; and the slowest exchange of each journey that has slow ones.
        self.copied: list[tuple[int, list[tuple[int, int, int, int]], list[int]]] = []
        self.overtakings: list[tuple[int, list[tuple[int, int, int, int]]]] = []
        self.slowest: dict[int, list[tuple[int, int, int, int]]] = {}
        # What the correlator says of the stations: their node, and their place on the way out of it.
        self.station_node, self.station_rank = _zeros(0, "i4"), _zeros(0, "i4")
        # Closed exchanges one by one, for who wants them, and their sightings.
        self.keep = keep
        self.kept = self.kept_sightings = 0
        self._kept_room(256 if keep else 0)
        self._kept_sightings_room(1024 if keep else 0)

    def _slots(self, used: int) -> None:
        """Room for open exchanges; the first *used* stay."""
        size = self.room
        names = (
            ("e_low", "u8"), ("e_high", "u8"), ("e_proto", "u1"), ("e_request", "i8"), ("e_reply", "i8"),
            ("e_opened", "i8"), ("e_request_id", "u2"), ("e_reply_id", "u2"), ("e_request_digest", "u4"),
            ("e_reply_digest", "u4"), ("e_head", "i4"), ("e_tail", "i4"), ("e_count", "i4"), ("e_next", "i4"),
            ("e_queue", "i4"), ("e_flags", "u1"), ("e_length", "u4"),
        )  # fmt: skip
        for name, dtype in names:
            setattr(self, name, _grown(getattr(self, name), size, dtype) if used else _zeros(size, dtype))

    def _journey_room(self, size: int) -> None:
        names = (
            ("j_state", "i4"), ("j_src", "u4"), ("j_dst", "u4"), ("j_proto", "u1"), ("j_id", "u4"), ("j_count", "i8"),
            ("j_first", "i8"), ("j_last", "i8"), ("j_shortest", "u4"), ("j_longest", "u4"), ("j_repeats", "i8"),
            ("j_copies", "i8"), ("j_width", "i8"), ("j_start", "i8"), ("j_trip", "i8"),
            ("j_request", "i8"), ("j_reply", "i8"), ("j_copied", "i8"), ("j_copied_first", "i8"),
            ("j_copied_last", "i8"), ("j_delayed", "i8"), ("j_delayed_first", "i8"), ("j_delayed_last", "i8"),
            ("j_overtook", "i8"), ("j_slow", "i8"), ("j_slowest", "i8"), ("j_answer", "i4"),
            ("j_answer_frame", "u4"), ("j_answer_source", "u2"),
        )  # fmt: skip
        for name, dtype in names:
            setattr(self, name, _grown(getattr(self, name), size, dtype) if self.journeys else _zeros(size, dtype))
        line = _grown(self.j_line, size * BUCKETS, "u4") if self.journeys else _zeros(size * BUCKETS, "u4")
        self.j_line = line

    def _kept_room(self, size: int) -> None:
        names = (
            ("x_journey", "i4"), ("x_request", "i8"), ("x_reply", "i8"), ("x_number", "u4"), ("x_port", "u2"),
            ("x_length", "u4"), ("x_start", "i8"),
        )  # fmt: skip
        for name, dtype in names:
            setattr(self, name, _grown(getattr(self, name), size, dtype) if self.kept else _zeros(size, dtype))

    def _kept_sightings_room(self, size: int) -> None:
        for name, dtype in (("xs_token", "i4"), ("xs_time", "i8"), ("xs_frame", "u4"), ("xs_source", "u2")):
            old = self.kept_sightings
            setattr(self, name, _grown(getattr(self, name), size, dtype) if old else _zeros(size, dtype))

    # --- in: packets ---------------------------------------------------------------------------------------------

    def feed(self, columns: Any, start: int, stop: int, station: Any, source: int, shift: int) -> int:
        """Take the packets in rows *start* to *stop* of one batch.

        station: i4, per row: the station it was seen at.
        source: number of the file, for evidence.
        shift: nanoseconds to add to the capture time, which puts all nodes on one clock.
        Returns how many packets belong to exchanges.
        """
        part = memoryview(columns.part)
        c_time, frame = memoryview(columns.time), memoryview(columns.frame)
        depth, direction = memoryview(columns.depth), memoryview(columns.direction)
        outer_src, outer_dst = memoryview(columns.outer_src), memoryview(columns.outer_dst)
        outer_ttl, inner_ttl = memoryview(columns.outer_ttl), memoryview(columns.inner_ttl)
        src_mac, dst_mac = memoryview(columns.src_mac), memoryview(columns.dst_mac)
        inner_src, inner_dst = memoryview(columns.inner_src), memoryview(columns.inner_dst)
        inner_id, length = memoryview(columns.inner_id), memoryview(columns.inner_length)
        icmp_id, icmp_seq = memoryview(columns.icmp_id), memoryview(columns.icmp_seq)
        icmp_type, icmp_code = memoryview(columns.icmp_type), memoryview(columns.icmp_code)
        sport, dport = memoryview(columns.sport), memoryview(columns.dport)
        tcp_seq, tcp_ack = memoryview(columns.tcp_seq), memoryview(columns.tcp_ack)
        digest = memoryview(columns.digest)
        quoted_src, quoted_dst = memoryview(columns.quoted_src), memoryview(columns.quoted_dst)
        quoted_proto, quoted_type = memoryview(columns.quoted_proto), memoryview(columns.quoted_type)
        quoted_word, quoted_seq = memoryview(columns.quoted_word), memoryview(columns.quoted_seq)
        mtu = memoryview(columns.icmp_mtu)
        carrier, flags = memoryview(columns.kind), memoryview(columns.flags)
        taken = 0
        for row in range(start, stop):
            kind = part[row]
            if kind == 0:
                continue
            time = c_time[row] + shift
            if time < 0:  # noqa: PLR1730  (no time at all, or before 1970: order is lost, identity is not)
                time = 0
            where = station[row]
            word0 = bits.at(where, 32) | bits.at(carrier[row], 24) | bits.at(depth[row], 8) | direction[row]
            if flags[row] & SPECIAL:
                word0 |= (LOOKS_DAMAGED if flags[row] & DAMAGED else 0) | (LOOKS_CUT if flags[row] & CUT_OFF else 0)
            word4 = 0
            word3 = dst_mac[row]
            if kind == P_ECHO_REQUEST:
                low = bits.at(inner_src[row], 32) | inner_dst[row]
                high = bits.at(icmp_id[row], 16) | icmp_seq[row]
                slot = self._request(low, high, ICMP, time, inner_id[row], digest[row])
                leg = LEG_REQUEST
            elif kind == P_ECHO_REPLY:
                low = bits.at(inner_dst[row], 32) | inner_src[row]
                high = bits.at(icmp_id[row], 16) | icmp_seq[row]
                slot = self._reply(low, high, ICMP, time, inner_id[row], digest[row], 1)
                leg = LEG_REPLY
            elif kind == P_SYN:
                low = bits.at(inner_src[row], 32) | inner_dst[row]
                high = bits.at(sport[row], 48) | bits.at(dport[row], 32) | tcp_seq[row]
                slot = self._request(low, high, TCP, time, 0, 0)
                leg = LEG_REQUEST
            elif kind == P_SYN_ACK or kind == P_RESET:  # noqa: PLR1714, SIM109  (a tuple would be built per packet)
                low = bits.at(inner_dst[row], 32) | inner_src[row]
                high = bits.at(dport[row], 48) | bits.at(sport[row], 32) | ((tcp_ack[row] - 1) & MASK32)
                slot = self._reply(low, high, TCP, time, 0, 0, 1 if kind == P_SYN_ACK else 0)
                leg = LEG_REPLY
            elif kind == P_DATAGRAM:
                # The lower port is the server's (RFC 6335 §6); between equal ports nobody can tell who asks.
                if sport[row] > dport[row]:
                    low = bits.at(inner_src[row], 32) | inner_dst[row]
                    high = bits.at(sport[row], 48) | bits.at(dport[row], 32)
                    slot = self._request(low, high, UDP, time, inner_id[row], digest[row])
                    leg = LEG_REQUEST
                elif sport[row] < dport[row]:
                    low = bits.at(inner_dst[row], 32) | inner_src[row]
                    high = bits.at(dport[row], 48) | bits.at(sport[row], 32)
                    slot = self._reply(low, high, UDP, time, inner_id[row], digest[row], 0)
                    leg = LEG_REPLY
                else:
                    continue
            elif kind == P_ERROR:
                if quoted_proto[row] == ICMP:
                    if quoted_type[row] == ECHO_REQUEST:
                        low = bits.at(quoted_src[row], 32) | quoted_dst[row]
                        leg = LEG_REQUEST_ERROR
                    elif quoted_type[row] == ECHO_REPLY:
                        low = bits.at(quoted_dst[row], 32) | quoted_src[row]
                        leg = LEG_REPLY_ERROR
                    else:
                        continue
                    slot = self._quoted(low, quoted_word[row], ICMP, time)
                elif quoted_proto[row] == TCP:
                    leg = LEG_REQUEST_ERROR
                    low = bits.at(quoted_src[row], 32) | quoted_dst[row]
                    high = bits.at(quoted_word[row], 32) | quoted_seq[row]
                    slot = self._quoted(low, high, TCP, time)
                else:
                    continue
                word3 |= bits.at(icmp_type[row], 56) | bits.at(icmp_code[row], 48)
                word4 = bits.at(inner_src[row], 32) | mtu[row]
            else:
                continue
            if slot < 0:
                continue
            taken += 1
            word0 |= bits.at(leg, 16)
            token = self._token(
                word0,
                bits.at(outer_src[row], 32) | outer_dst[row],
                src_mac[row] | bits.at(outer_ttl[row], 56) | bits.at(inner_ttl[row], 48),
                word3,
                word4,
            )
            if token >= 0:
                self._sighting(slot, token, time, frame[row], source, inner_id[row], length[row])
        return taken

    def _find(self, low: int, high: int, proto: int) -> int:
        """The bucket of a key."""
        return bits.mix(low ^ bits.mix(high + proto)) & (len(self.buckets) - 1)

    def _request(self, low: int, high: int, proto: int, time: int, ip_id: int, digest: int) -> int:
        """The open exchange of this request: one that has this very packet, or waits for it with a reply; or new."""
        slot = self.buckets[self._find(low, high, proto)]
        best = -1
        nearest = self.timeout + 1
        alike = 0
        while slot >= 0:
            if self.e_low[slot] == low and self.e_high[slot] == high and self.e_proto[slot] == proto:
                alike += 1
                if self.e_flags[slot] & 1:
                    away = time - self.e_request[slot]
                    if away < 0:
                        away = -away
                    same = self.e_request_id[slot] == ip_id and (
                        digest == 0 or self.e_request_digest[slot] == 0 or self.e_request_digest[slot] == digest
                    )
                    if same and away < nearest:
                        best, nearest = slot, away
                else:
                    away = self.e_reply[slot] - time
                    if away < 0:
                        away = -away
                    if away < nearest:
                        best, nearest = slot, away
            slot = self.e_next[slot]
        if best < 0:
            if alike >= QUERIES_MAX and proto == UDP:
                return -1
            best = self._open(low, high, proto, time)
        if self.e_flags[best] & 1 == 0:
            self.e_flags[best] |= 1
            self.e_request[best] = time
            self.e_request_id[best] = ip_id
            self.e_request_digest[best] = digest
        else:
            self.e_request[best] = min(self.e_request[best], time)
            if self.e_request_digest[best] == 0:
                self.e_request_digest[best] = digest
        return best

    def _reply(self, low: int, high: int, proto: int, time: int, ip_id: int, digest: int, may_open: int) -> int:
        """The open exchange that this reply answers, nearest in time; a new one where no request was seen yet."""
        slot = self.buckets[self._find(low, high, proto)]
        best = -1
        nearest = 4 * (self.timeout + 1)
        while slot >= 0:
            if self.e_low[slot] == low and self.e_high[slot] == high and self.e_proto[slot] == proto:
                away = time - (self.e_request[slot] if self.e_flags[slot] & 1 else self.e_reply[slot])
                if away < 0:
                    away = -away
                    if proto == UDP:  # nothing but its time tells which query an answer belongs to
                        away += self.timeout
                if away <= self.timeout:
                    if self.e_flags[slot] & 2:
                        same = self.e_reply_id[slot] == ip_id and (
                            digest == 0 or self.e_reply_digest[slot] == 0 or self.e_reply_digest[slot] == digest
                        )
                        if not same:  # a second reply: only where no exchange fits better
                            away += 2 * self.timeout if self.e_flags[slot] & 1 else 4 * self.timeout + 4
                    elif proto == ICMP and digest and self.e_request_digest[slot] not in (0, digest):
                        away += self.timeout  # RFC 792: an echo reply returns the request's data
                    if away < nearest:
                        best, nearest = slot, away
            slot = self.e_next[slot]
        if best < 0:
            if not may_open:
                return -1
            best = self._open(low, high, proto, time)
        if self.e_flags[best] & 2 == 0:
            self.e_flags[best] |= 2
            self.e_reply[best] = time
            self.e_reply_id[best] = ip_id
            self.e_reply_digest[best] = digest
        else:
            self.e_reply[best] = min(self.e_reply[best], time)
            if self.e_reply_digest[best] == 0:
                self.e_reply_digest[best] = digest
        return best

    def _quoted(self, low: int, high: int, proto: int, time: int) -> int:
        """The open exchange whose packet an ICMP error quotes; -1 where there is none."""
        slot = self.buckets[self._find(low, high, proto)]
        best = -1
        nearest = self.timeout + 1
        while slot >= 0:
            if self.e_low[slot] == low and self.e_high[slot] == high and self.e_proto[slot] == proto:
                away = time - self.e_opened[slot]
                if away < 0:
                    away = -away
                if away < nearest:
                    best, nearest = slot, away
            slot = self.e_next[slot]
        return best

    def _open(self, low: int, high: int, proto: int, time: int) -> int:
        """A new exchange, last in the queue."""
        if self.free < 0 and self.used == self.room:
            if self.room < self.open_max:
                self.room = min(self.room * 2, self.open_max)
                self._slots(self.used)
                if self.room * 2 > len(self.buckets):  # seldom two in a bucket: each step of a chain is a cache miss
                    self._rehash()
            else:
                self._close_oldest()
                self.pressed += 1
        if self.free >= 0:
            slot = self.free
            self.free = self.e_queue[slot]
        else:
            slot = self.used
            self.used += 1
        bucket = self._find(low, high, proto)
        self.e_low[slot], self.e_high[slot], self.e_proto[slot] = low, high, proto
        self.e_opened[slot] = time
        self.e_request[slot] = self.e_reply[slot] = 0
        self.e_request_id[slot] = self.e_reply_id[slot] = 0
        self.e_request_digest[slot] = self.e_reply_digest[slot] = 0
        self.e_head[slot] = self.e_tail[slot] = -1
        self.e_count[slot] = 0
        self.e_length[slot] = 0
        self.e_flags[slot] = 0
        self.e_next[slot] = self.buckets[bucket]
        self.buckets[bucket] = slot
        self.e_queue[slot] = -1
        if self.newest >= 0:
            self.e_queue[self.newest] = slot
        else:
            self.oldest = slot
        self.newest = slot
        self.opened += 1
        return slot

    def _rehash(self) -> None:
        self.buckets = _empty(len(self.buckets) * 4)
        slot = self.oldest
        while slot >= 0:
            bucket = self._find(self.e_low[slot], self.e_high[slot], self.e_proto[slot])
            self.e_next[slot] = self.buckets[bucket]
            self.buckets[bucket] = slot
            slot = self.e_queue[slot]

    def _token(self, word0: int, word1: int, word2: int, word3: int, word4: int) -> int:
        """The number of a look; a new one where it was not seen before."""
        mask = len(self.t_index) - 1
        spread = bits.mix(word0 ^ bits.mix(word1 ^ bits.mix(word2 ^ bits.mix(word3 ^ word4))))
        at = spread & mask
        while True:
            token = self.t_index[at]
            if token < 0:
                break
            base = token * WORDS
            if (
                self.t_words[base] == word0
                and self.t_words[base + 1] == word1
                and self.t_words[base + 2] == word2
                and self.t_words[base + 3] == word3
                and self.t_words[base + 4] == word4
            ):
                return token
            at = (at + 1) & mask
        if self.tokens >= TOKENS_MAX:
            self.overlooked += 1
            return -1
        token = self.tokens
        base = token * WORDS
        if base == len(self.t_words):
            self.t_words = _grown(self.t_words, 2 * base, "u8")
        self.t_words[base], self.t_words[base + 1], self.t_words[base + 2] = word0, word1, word2
        self.t_words[base + 3], self.t_words[base + 4] = word3, word4
        self.t_index[at] = token
        self.tokens += 1
        if self.tokens * 2 > len(self.t_index):
            self._token_index()
        return token

    def _token_index(self) -> None:
        """A larger index over the tokens."""
        mask = len(self.t_index) * 2 - 1
        self.t_index = _empty(mask + 1)
        for token in range(self.tokens):
            base = token * WORDS
            spread = bits.mix(
                self.t_words[base]
                ^ bits.mix(
                    self.t_words[base + 1]
                    ^ bits.mix(self.t_words[base + 2] ^ bits.mix(self.t_words[base + 3] ^ self.t_words[base + 4]))
                )
            )
            at = spread & mask
            while self.t_index[at] >= 0:
                at = (at + 1) & mask
            self.t_index[at] = token

    def _sighting(self, slot: int, token: int, time: int, frame: int, source: int, ip_id: int, length: int) -> None:
        """Add what one packet looked like to its exchange."""
        self.e_count[slot] += 1
        self.e_length[slot] = max(self.e_length[slot], length)
        if self.e_count[slot] > SIGHTINGS_MAX:
            return
        if self.pool_free >= 0:
            at = self.pool_free
            self.pool_free = self.s_next[at]
        else:
            if self.pool_used == self.pool:
                if self.pool >= self.sightings_max:
                    return  # counted, not kept
                self.pool *= 2
                self.s_token, self.s_frame = (
                    _grown(self.s_token, self.pool, "i4"),
                    _grown(self.s_frame, self.pool, "u4"),
                )
                self.s_source, self.s_id = _grown(self.s_source, self.pool, "u2"), _grown(self.s_id, self.pool, "u2")
                self.s_time, self.s_next = _grown(self.s_time, self.pool, "i8"), _grown(self.s_next, self.pool, "i4")
            at = self.pool_used
            self.pool_used += 1
        self.s_token[at], self.s_frame[at], self.s_source[at] = token, frame, source
        self.s_id[at], self.s_time[at], self.s_next[at] = ip_id, time, -1
        if self.e_tail[slot] >= 0:
            self.s_next[self.e_tail[slot]] = at
        else:
            self.e_head[slot] = at
        self.e_tail[slot] = at

    # --- out: journeys -------------------------------------------------------------------------------------------

    def close(self, watermark: int) -> None:
        """Close the exchanges that were opened *timeout* or longer before *watermark* (nanoseconds)."""
        count = 0
        slot = self.oldest
        while slot >= 0 and self.e_opened[slot] + self.timeout <= watermark:
            count += 1
            slot = self.e_queue[slot]
        self._close(count)

    def close_all(self) -> None:
        """Close what is open: the captures have ended."""
        self.close(END)

    def _close(self, count: int) -> None:
        """Close the oldest *count* in the order of their requests, whichever file was read first."""
        asked = view(np.zeros(count, "i8"))
        slot = self.oldest
        last = at = disorder = 0
        while at < count:
            time = self.e_request[slot] if self.e_flags[slot] & 1 else self.e_reply[slot]
            if at and time < last:
                disorder = 1
            asked[at] = last = time
            slot = self.e_queue[slot]
            at += 1
        if disorder:
            self._sort(count, asked)
        while count:
            self._close_oldest()
            count -= 1

    def _sort(self, count: int, asked: Any) -> None:
        """Put the oldest *count* of the queue in the order of *asked*, their times, i8."""
        slots = view(np.zeros(count, "i4"))
        slot = self.oldest
        for at in range(count):
            slots[at] = slot
            slot = self.e_queue[slot]
        order = view(np.argsort(np.asarray(asked), kind="stable"))
        for at in range(count - 1):
            self.e_queue[slots[order[at]]] = slots[order[at + 1]]
        self.e_queue[slots[order[count - 1]]] = slot
        self.oldest = slots[order[0]]
        if slot < 0:
            self.newest = slots[order[count - 1]]

    def _close_oldest(self) -> None:
        slot = self.oldest
        self.oldest = self.e_queue[slot]
        if self.oldest < 0:
            self.newest = -1
        bucket = self._find(self.e_low[slot], self.e_high[slot], self.e_proto[slot])
        if self.buckets[bucket] == slot:
            self.buckets[bucket] = self.e_next[slot]
        else:
            before = self.buckets[bucket]
            while self.e_next[before] != slot:
                before = self.e_next[before]
            self.e_next[before] = self.e_next[slot]
        self._count(slot)
        self.e_queue[slot] = self.free
        self.free = slot
        self.closed += 1

    def _before(self, a: int, b: int) -> int:
        """Whether sighting *a* comes before *b*: by leg, node, time, and where times agree from the NIC inwards.

        A decapsulated packet keeps its time stamp, so NIC and tunnel agree to the nanosecond on the way in.
        """
        word_a: int = self.t_words[self.s_token[a] * WORDS]
        word_b: int = self.t_words[self.s_token[b] * WORDS]
        leg_a, leg_b = (word_a >> 16) & 0xFF, (word_b >> 16) & 0xFF
        if leg_a != leg_b:
            return leg_a < leg_b
        station_a, station_b = word_a >> 32, word_b >> 32
        node_a, node_b = self.station_node[station_a], self.station_node[station_b]
        if node_a != node_b:
            return bool(node_a < node_b)
        if self.s_time[a] != self.s_time[b]:
            return bool(self.s_time[a] < self.s_time[b])
        rank_a, rank_b = self.station_rank[station_a], self.station_rank[station_b]
        if rank_a != rank_b:
            return bool(rank_a < rank_b)
        return station_a < station_b

    def _count(self, slot: int) -> None:
        """Put the sightings of a closed exchange in order and count it with its like."""
        at = self.e_head[slot]
        head = -1
        # An insertion sort on the chain itself; chains are short and mostly in order.
        last = -1
        while at >= 0:
            follow = self.s_next[at]
            if last < 0:
                head = at
                self.s_next[at] = -1
                last = at
            elif self._before(last, at):
                self.s_next[last] = at
                self.s_next[at] = -1
                last = at
            elif self._before(at, head):
                self.s_next[at] = head
                head = at
            else:
                spot = head
                while self.s_next[spot] >= 0 and self._before(self.s_next[spot], at):
                    spot = self.s_next[spot]
                self.s_next[at] = self.s_next[spot]
                self.s_next[spot] = at
                if self.s_next[at] < 0:
                    last = at
            at = follow
        self.e_head[slot] = head

        state = 0
        repeats = 0
        copies = 0
        # The reply where it was seen last on its way: there it has arrived, as far as the captures show.
        answer = -1
        at = head
        while at >= 0:
            # The same look again is no new sighting: a copy (same IP id) or a retransmission.
            again = 0
            spot = head
            while spot != at:
                if self.s_token[spot] == self.s_token[at]:
                    again = 1
                    if self.s_id[spot] == self.s_id[at] and (self.s_id[at] or self.e_proto[slot] == ICMP):
                        again = 2  # hosts may send every TCP segment with DF and IP id 0 (RFC 6864 §4.1)
                        break
                spot = self.s_next[spot]
            if again == 2:
                copies += 1
            elif again == 1:
                repeats += 1
            else:
                state = self._state(state, self.s_token[at])
                word = self.t_words[self.s_token[at] * WORDS]
                if (word >> 16) & 0xFF == LEG_REPLY and (answer < 0 or self.s_time[at] > self.s_time[answer]):
                    answer = at
            at = self.s_next[at]

        low, high = self.e_low[slot], self.e_high[slot]
        proto = self.e_proto[slot]
        if proto == UDP and self.e_flags[slot] & 2 == 0 and (high >> 32) & 0xFFFF != PORT_DNS:
            self._release(head)  # one way is how many protocols talk: only DNS must be answered
            return
        ident = high >> 16 if proto == ICMP else (high >> 32) & 0xFFFF
        journey = self._journey(state, low >> 32, low & MASK32, proto, ident)
        time = self.e_request[slot] if self.e_flags[slot] & 1 else self.e_reply[slot]
        if self.j_count[journey] == 0:
            self.j_first[journey] = self.j_last[journey] = time
            self.j_shortest[journey] = self.j_longest[journey] = self.e_length[slot]
        else:
            self.j_first[journey] = min(self.j_first[journey], time)
            self.j_last[journey] = max(self.j_last[journey], time)
            self.j_shortest[journey] = min(self.j_shortest[journey], self.e_length[slot])
            self.j_longest[journey] = max(self.j_longest[journey], self.e_length[slot])
        self.j_count[journey] += 1
        self.j_repeats[journey] += repeats
        self.j_copies[journey] += copies
        if self.e_flags[slot] & 3 == 3:
            trip = self.e_reply[slot] - self.e_request[slot]
            self.j_trip[journey] = max(self.j_trip[journey], trip)
            if answer >= 0 and repeats == 0:  # of a request that was sent again nobody knows which one was answered
                self._arrival(slot, journey, head, answer)
        if copies > 0:
            if self.j_copied[journey] == 0:
                self.j_copied_first[journey] = time
            self.j_copied_first[journey] = min(self.j_copied_first[journey], time)
            self.j_copied_last[journey] = max(self.j_copied_last[journey], time)
            self.j_copied[journey] += 1
            if self.j_copied[journey] <= EXAMPLES:
                self.copied.append((journey, self._chain(head), self._doubles(slot, head)))
        self._mark(journey, time)
        if self.j_count[journey] <= EXAMPLES:
            self.examples.append((journey, self._chain(head)))
        if self.keep:
            self._keep(slot, journey, head)
        self._release(head)

    def _arrival(self, slot: int, journey: int, head: int, answer: int) -> None:
        """Count an exchange whose reply came late, or before that to an earlier request."""
        asked, arrived = self.e_request[slot], self.s_time[answer]
        trip = arrived - asked
        # Exchanges are closed in the order of their requests. Only an echo is answered at once, in the order
        # in which it was asked; servers take the time they need.
        overtook = self.e_proto[slot] == ICMP and asked > self.j_request[journey] and arrived < self.j_reply[journey]
        if overtook:
            self.j_overtook[journey] += 1
            if self.j_overtook[journey] <= EXAMPLES:
                earlier = (
                    self.j_answer[journey],
                    self.j_reply[journey],
                    self.j_answer_frame[journey],
                    self.j_answer_source[journey],
                )
                self.overtakings.append((journey, [*self._chain(head), earlier]))
        if trip >= LATE:
            self.j_slow[journey] += 1
            if trip > self.j_slowest[journey]:
                self.j_slowest[journey] = trip
                self.slowest[journey] = self._chain(head)
        if overtook or trip >= LATE:
            if self.j_delayed[journey] == 0:
                self.j_delayed_first[journey] = asked
            self.j_delayed_first[journey] = min(self.j_delayed_first[journey], asked)
            self.j_delayed_last[journey] = max(self.j_delayed_last[journey], asked)
            self.j_delayed[journey] += 1
        self.j_request[journey] = asked
        if trip < LATE and arrived > self.j_reply[journey]:  # whatever comes before a slow reply is in order
            self.j_reply[journey] = arrived
            self.j_answer[journey], self.j_answer_frame[journey] = self.s_token[answer], self.s_frame[answer]
            self.j_answer_source[journey] = self.s_source[answer]

    def _chain(self, head: int) -> list[tuple[int, int, int, int]]:
        """Token, time, frame and source of an exchange's sightings, in order."""
        chain = []
        at = head
        while at >= 0:
            chain.append((self.s_token[at], self.s_time[at], self.s_frame[at], self.s_source[at]))
            at = self.s_next[at]
        return chain

    def _doubles(self, slot: int, head: int) -> list[int]:
        """Which of an exchange's sightings, by place in its chain, are copies of earlier ones (as `_count` has it)."""
        doubles = []
        place = 0
        at = head
        while at >= 0:
            spot = head
            while spot != at:
                same = self.s_token[spot] == self.s_token[at] and self.s_id[spot] == self.s_id[at]
                if same and (self.s_id[at] or self.e_proto[slot] == ICMP):
                    doubles.append(place)
                    break
                spot = self.s_next[spot]
            place += 1
            at = self.s_next[at]
        return doubles

    def _keep(self, slot: int, journey: int, head: int) -> None:
        """Write a closed exchange and its sightings, in order, behind those already kept."""
        row = self.kept
        if row == len(self.x_journey):
            self._kept_room(2 * row)
        high, icmp = self.e_high[slot], self.e_proto[slot] == ICMP
        self.x_journey[row] = journey
        # Times are 0 where that packet was never seen.
        self.x_request[row], self.x_reply[row] = self.e_request[slot], self.e_reply[slot]
        self.x_number[row] = high & 0xFFFF if icmp else high & MASK32
        self.x_port[row] = 0 if icmp else high >> 48
        self.x_length[row] = self.e_length[slot]
        self.x_start[row] = self.kept_sightings
        at = head
        while at >= 0:
            place = self.kept_sightings
            if place == len(self.xs_token):
                self._kept_sightings_room(2 * place)
            self.xs_token[place], self.xs_time[place] = self.s_token[at], self.s_time[at]
            self.xs_frame[place], self.xs_source[place] = self.s_frame[at], self.s_source[at]
            self.kept_sightings += 1
            at = self.s_next[at]
        self.kept += 1

    def _release(self, head: int) -> None:
        """The places of a chain of sightings are free again."""
        if head < 0:
            return
        at = head
        while self.s_next[at] >= 0:
            at = self.s_next[at]
        self.s_next[at] = self.pool_free
        self.pool_free = head

    def _state(self, state: int, token: int) -> int:
        """Where *token* leads from *state*."""
        mask = len(self.st_index) - 1
        at = bits.mix((state << 32) | token) & mask
        while True:
            child = self.st_index[at]
            if child < 0:
                break
            if self.st_parent[child] == state and self.st_token[child] == token:
                return child
            at = (at + 1) & mask
        if self.states >= STATES_MAX:
            self.overlooked += 1
            return state
        child = self.states
        if child == len(self.st_parent):
            self.st_parent = _grown(self.st_parent, 2 * child, "i4")
            self.st_token = _grown(self.st_token, 2 * child, "i4")
        self.st_parent[child], self.st_token[child] = state, token
        self.st_index[at] = child
        self.states += 1
        if self.states * 2 > len(self.st_index):
            mask = len(self.st_index) * 2 - 1
            self.st_index = _empty(mask + 1)
            for each in range(1, self.states):
                at = bits.mix(bits.at(self.st_parent[each], 32) | self.st_token[each]) & mask
                while self.st_index[at] >= 0:
                    at = (at + 1) & mask
                self.st_index[at] = each
        return child

    def _journey(self, state: int, src: int, dst: int, proto: int, ident: int) -> int:
        """The row that counts exchanges of this flow and state."""
        if self.journeys >= self.journeys_max:
            ident = SEVERAL
            src = dst = 0
        mask = len(self.j_index) - 1
        at = bits.mix(state ^ bits.mix(((src << 32) | dst) ^ bits.mix((ident << 8) | proto))) & mask
        while True:
            journey = self.j_index[at]
            if journey < 0:
                break
            if (
                self.j_state[journey] == state
                and self.j_src[journey] == src
                and self.j_dst[journey] == dst
                and self.j_proto[journey] == proto
                and self.j_id[journey] == ident
            ):
                if ident == SEVERAL:
                    self.folded += 1
                return journey
            at = (at + 1) & mask
        journey = self.journeys
        if journey == len(self.j_state):
            self._journey_room(2 * journey)
        self.j_state[journey], self.j_src[journey], self.j_dst[journey] = state, src, dst
        self.j_proto[journey], self.j_id[journey] = proto, ident
        self.j_index[at] = journey
        self.journeys += 1
        if self.journeys * 2 > len(self.j_index):
            mask = len(self.j_index) * 2 - 1
            self.j_index = _empty(mask + 1)
            for each in range(self.journeys):
                key = bits.at(self.j_id[each], 8) | self.j_proto[each]
                addresses = bits.at(self.j_src[each], 32) | self.j_dst[each]
                at = bits.mix(self.j_state[each] ^ bits.mix(addresses ^ bits.mix(key))) & mask
                while self.j_index[at] >= 0:
                    at = (at + 1) & mask
                self.j_index[at] = each
        return journey

    def _mark(self, journey: int, time: int) -> None:
        """Count an exchange in its journey's time line: BUCKETS slices of equal width from `j_start` on."""
        base = journey * BUCKETS
        if self.j_width[journey] == 0:
            self.j_width[journey] = 1 << 20  # about a millisecond
            self.j_start[journey] = (time >> 20) << 20
        while True:
            width = self.j_width[journey]
            start = self.j_start[journey]
            if start <= time < start + width * BUCKETS:
                break
            # Twice the width; slices stay on multiples of it, so that neighbours join in pairs.
            odd = (start // width) & 1
            fresh = start - odd * width
            if time < start:
                # Room to the left: what is there moves into the right half.
                fresh -= width * (BUCKETS - 2)
                for part in range(BUCKETS - 1, -1, -1):
                    count = self.j_line[base + part]
                    self.j_line[base + part] = 0
                    self.j_line[base + ((part + BUCKETS - 2 + odd) >> 1)] += count
            else:
                for part in range(BUCKETS):
                    count = self.j_line[base + part]
                    self.j_line[base + part] = 0
                    self.j_line[base + ((part + odd) >> 1)] += count
            self.j_width[journey] = 2 * width
            self.j_start[journey] = fresh
        self.j_line[base + (time - self.j_start[journey]) // self.j_width[journey]] += 1
