cimport cython
from ipipscope cimport bits

cdef int ICMP, TCP, UDP, PORT_DNS, ECHO_REQUEST, ECHO_REPLY
cdef int P_ECHO_REQUEST, P_ECHO_REPLY, P_SYN, P_SYN_ACK, P_DATAGRAM, P_ERROR, P_RESET
cdef unsigned int DAMAGED, LOOKS_DAMAGED, CUT_OFF, LOOKS_CUT, SPECIAL
cdef Py_ssize_t QUERIES_MAX, WORDS, BUCKETS, SIGHTINGS_MAX, EXAMPLES, TOKENS_MAX, STATES_MAX
cdef unsigned long long SEVERAL, MASK32
cdef long long LATE, END
cdef int LEG_REQUEST, LEG_REPLY, LEG_REQUEST_ERROR, LEG_REPLY_ERROR

cdef class Pairing:
    cdef public long long timeout
    cdef public Py_ssize_t open_max, sightings_max, journeys_max
    cdef public long long pressed, folded, overlooked, closed, opened
    cdef public Py_ssize_t room, used
    cdef public int free, oldest, newest
    cdef public int[::1] buckets
    cdef public unsigned long long[::1] e_low, e_high
    cdef public unsigned char[::1] e_proto, e_flags
    cdef public long long[::1] e_request, e_reply, e_opened
    cdef public unsigned short[::1] e_request_id, e_reply_id
    cdef public unsigned int[::1] e_request_digest, e_reply_digest, e_length
    cdef public int[::1] e_head, e_tail, e_count, e_next, e_queue
    cdef public Py_ssize_t pool, pool_used
    cdef public int pool_free
    cdef public int[::1] s_token, s_next
    cdef public unsigned int[::1] s_frame
    cdef public unsigned short[::1] s_source, s_id
    cdef public long long[::1] s_time
    cdef public Py_ssize_t tokens
    cdef public unsigned long long[::1] t_words
    cdef public int[::1] t_index
    cdef public Py_ssize_t states
    cdef public int[::1] st_parent, st_token, st_index
    cdef public Py_ssize_t journeys
    cdef public int[::1] j_state, j_index
    cdef public unsigned int[::1] j_src, j_dst, j_id, j_shortest, j_longest, j_line
    cdef public unsigned char[::1] j_proto
    cdef public long long[::1] j_count, j_first, j_last, j_repeats, j_copies, j_width, j_start, j_trip, j_request, j_reply
    cdef public long long[::1] j_copied, j_copied_first, j_copied_last, j_delayed, j_delayed_first, j_delayed_last
    cdef public long long[::1] j_overtook, j_slow, j_slowest
    cdef public int[::1] j_answer
    cdef public unsigned int[::1] j_answer_frame
    cdef public unsigned short[::1] j_answer_source
    cdef public list examples, copied, overtakings
    cdef public dict slowest
    cdef public int[::1] station_node, station_rank
    cdef public bint keep
    cdef public Py_ssize_t kept, kept_sightings
    cdef public int[::1] x_journey, xs_token
    cdef public long long[::1] x_request, x_reply, x_start, xs_time
    cdef public unsigned int[::1] x_number, x_length, xs_frame
    cdef public unsigned short[::1] x_port, xs_source

    @cython.locals(
        part=cython.uchar[::1], c_time=cython.longlong[::1], frame=cython.uint[::1], depth=cython.uchar[::1],
        direction=cython.uchar[::1], outer_src=cython.uint[::1], outer_dst=cython.uint[::1],
        outer_ttl=cython.uchar[::1], inner_ttl=cython.uchar[::1], src_mac=cython.ulonglong[::1],
        dst_mac=cython.ulonglong[::1], inner_src=cython.uint[::1], inner_dst=cython.uint[::1],
        inner_id=cython.ushort[::1], length=cython.ushort[::1], icmp_id=cython.ushort[::1],
        icmp_seq=cython.ushort[::1], icmp_type=cython.uchar[::1], icmp_code=cython.uchar[::1],
        sport=cython.ushort[::1], dport=cython.ushort[::1], tcp_seq=cython.uint[::1], tcp_ack=cython.uint[::1],
        digest=cython.uint[::1], quoted_src=cython.uint[::1], quoted_dst=cython.uint[::1],
        quoted_proto=cython.uchar[::1], quoted_type=cython.uchar[::1], quoted_word=cython.uint[::1],
        quoted_seq=cython.uint[::1], mtu=cython.ushort[::1], carrier=cython.uchar[::1], flags=cython.ushort[::1],
        taken=cython.Py_ssize_t, row=cython.Py_ssize_t,
        kind=cython.int, time=cython.longlong, where=cython.ulonglong, word0=cython.ulonglong,
        word3=cython.ulonglong, word4=cython.ulonglong, low=cython.ulonglong, high=cython.ulonglong,
        slot=cython.int, leg=cython.ulonglong, token=cython.int,
    )
    cpdef Py_ssize_t feed(
        self, columns, Py_ssize_t start, Py_ssize_t stop, const int[::1] station, unsigned int source, long long shift,
    ) except -1

    cdef Py_ssize_t _find(self, unsigned long long low, unsigned long long high, unsigned long long proto) except -1

    @cython.locals(
        slot=cython.int, best=cython.int, nearest=cython.longlong, away=cython.longlong, same=cython.bint,
        alike=cython.Py_ssize_t,
    )
    cdef int _request(
        self, unsigned long long low, unsigned long long high, int proto, long long time, unsigned int ip_id,
        unsigned int digest,
    ) except -2

    @cython.locals(slot=cython.int, best=cython.int, nearest=cython.longlong, away=cython.longlong, same=cython.bint)
    cdef int _reply(
        self, unsigned long long low, unsigned long long high, int proto, long long time, unsigned int ip_id,
        unsigned int digest, bint may_open,
    ) except -2

    @cython.locals(slot=cython.int, best=cython.int, nearest=cython.longlong, away=cython.longlong)
    cdef int _quoted(self, unsigned long long low, unsigned long long high, int proto, long long time) except -2

    @cython.locals(slot=cython.int, bucket=cython.Py_ssize_t)
    cdef int _open(self, unsigned long long low, unsigned long long high, int proto, long long time) except -2

    @cython.locals(slot=cython.int, bucket=cython.Py_ssize_t)
    cdef void _rehash(self) except *

    @cython.locals(
        mask=cython.ulonglong, spread=cython.ulonglong, at=cython.ulonglong, token=cython.Py_ssize_t,
        base=cython.Py_ssize_t,
    )
    cdef int _token(
        self, unsigned long long word0, unsigned long long word1, unsigned long long word2, unsigned long long word3,
        unsigned long long word4,
    ) except -2

    @cython.locals(
        mask=cython.ulonglong, spread=cython.ulonglong, at=cython.ulonglong, token=cython.Py_ssize_t,
        base=cython.Py_ssize_t,
    )
    cdef void _token_index(self) except *

    @cython.locals(at=cython.int)
    cdef void _sighting(
        self, int slot, int token, long long time, unsigned int frame, unsigned int source, unsigned int ip_id,
        unsigned int length,
    ) except *

    @cython.locals(slot=cython.int, count=cython.Py_ssize_t)
    cpdef close(self, long long watermark)

    cpdef close_all(self)

    @cython.locals(
        asked=cython.longlong[::1], slot=cython.int, at=cython.Py_ssize_t, last=cython.longlong, time=cython.longlong,
        disorder=cython.bint,
    )
    cdef void _close(self, Py_ssize_t count) except *

    @cython.locals(
        slots=cython.int[::1], order=cython.longlong[::1], slot=cython.int, at=cython.Py_ssize_t,
    )
    cdef void _sort(self, Py_ssize_t count, asked) except *

    @cython.locals(slot=cython.int, bucket=cython.Py_ssize_t, before=cython.int)
    cdef void _close_oldest(self) except *

    @cython.locals(
        word_a=cython.ulonglong, word_b=cython.ulonglong, leg_a=cython.ulonglong, leg_b=cython.ulonglong,
        station_a=cython.Py_ssize_t, station_b=cython.Py_ssize_t, node_a=cython.int, node_b=cython.int,
        rank_a=cython.int, rank_b=cython.int,
    )
    cdef bint _before(self, int a, int b) except -1

    @cython.locals(
        at=cython.int, head=cython.int, last=cython.int, follow=cython.int, spot=cython.int, state=cython.int,
        repeats=cython.longlong, copies=cython.longlong, again=cython.int, low=cython.ulonglong,
        high=cython.ulonglong, proto=cython.int, ident=cython.ulonglong, journey=cython.Py_ssize_t,
        time=cython.longlong, trip=cython.longlong, answer=cython.int, word=cython.ulonglong,
    )
    cdef void _count(self, int slot) except *

    @cython.locals(asked=cython.longlong, arrived=cython.longlong, trip=cython.longlong, overtook=cython.bint)
    cdef void _arrival(self, int slot, Py_ssize_t journey, int head, int answer) except *

    @cython.locals(at=cython.int)
    cdef list _chain(self, int head)

    @cython.locals(at=cython.int, spot=cython.int, place=cython.Py_ssize_t, same=cython.bint)
    cdef list _doubles(self, int slot, int head)

    @cython.locals(row=cython.Py_ssize_t, place=cython.Py_ssize_t, at=cython.int, high=cython.ulonglong, icmp=cython.bint)
    cdef void _keep(self, int slot, Py_ssize_t journey, int head) except *

    @cython.locals(at=cython.int)
    cdef void _release(self, int head) except *

    @cython.locals(mask=cython.ulonglong, at=cython.ulonglong, child=cython.int, each=cython.Py_ssize_t)
    cdef int _state(self, unsigned long long state, unsigned long long token) except -1

    @cython.locals(
        mask=cython.ulonglong, at=cython.ulonglong, journey=cython.Py_ssize_t, each=cython.Py_ssize_t,
        key=cython.ulonglong, addresses=cython.ulonglong,
    )
    cdef Py_ssize_t _journey(
        self, unsigned long long state, unsigned long long src, unsigned long long dst, unsigned long long proto,
        unsigned long long ident,
    ) except -1

    @cython.locals(
        base=cython.Py_ssize_t, width=cython.longlong, start=cython.longlong, odd=cython.longlong,
        fresh=cython.longlong, part=cython.Py_ssize_t, count=cython.uint,
    )
    cdef void _mark(self, Py_ssize_t journey, long long time) except *
