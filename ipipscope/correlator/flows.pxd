cimport cython
from ipipscope cimport bits

cdef int ICMP, TCP, UDP, P_ECHO_REQUEST, P_ECHO_REPLY, P_SYN, FIN, SYN, RST, ACK
cdef int FOLLOWS, ACKNOWLEDGES, SETTLED, REFUSES, STUCK_MAX
cdef long long PATIENCE
cdef unsigned long long NO_ID, MASK32, HALF

cdef class Flows:
    cdef public Py_ssize_t rows_max, rows
    cdef public int only
    cdef public long long folded
    cdef public int[::1] index
    cdef public unsigned long long[::1] addresses, numbers, places, outers
    cdef public long long[::1] packets, octets, asked, again, first, last, acked_first, acked_last, acked_pause, stuck_first, stuck_last
    cdef public unsigned int[::1] follow, ack, acked, stuck_at, frame_last, form
    cdef public unsigned short[::1] stuck, stuck_length, source_last, ttls, id
    cdef public unsigned long long[::1] src_mac, dst_mac
    cdef public unsigned char[::1] began

    @cython.locals(
        station=cython.int[::1], part=cython.uchar[::1], depth=cython.uchar[::1], c_time=cython.longlong[::1],
        length=cython.ushort[::1], outer_src=cython.uint[::1], outer_dst=cython.uint[::1],
        inner_src=cython.uint[::1], inner_dst=cython.uint[::1], inner_proto=cython.uchar[::1],
        fragment=cython.ushort[::1], sport=cython.ushort[::1], dport=cython.ushort[::1], icmp_id=cython.ushort[::1],
        payload=cython.ushort[::1], tcp_flags=cython.uchar[::1], tcp_seq=cython.uint[::1],
        tcp_ack=cython.uint[::1], frame=cython.uint[::1], kind=cython.uchar[::1], direction=cython.uchar[::1],
        outer_ttl=cython.uchar[::1], inner_ttl=cython.uchar[::1], src_mac=cython.ulonglong[::1],
        dst_mac=cython.ulonglong[::1], inner_id=cython.ushort[::1], only=cython.int, began=cython.uchar, row=cython.Py_ssize_t,
        src=cython.ulonglong, dst=cython.ulonglong, proto=cython.int, low=cython.ulonglong, high=cython.ulonglong,
        echo=cython.bint, back=cython.bint, addresses=cython.ulonglong, numbers=cython.ulonglong,
        places=cython.ulonglong, outers=cython.ulonglong, place=cython.Py_ssize_t, time=cython.longlong,
        size=cython.ulonglong, marks=cython.ulonglong, keep_alive=cython.bint, behind=cython.ulonglong, end=cython.ulonglong, ahead=cython.ulonglong,
    )
    cpdef feed(self, columns, Py_ssize_t start, Py_ssize_t stop, int[::1] station, long long shift, unsigned int source=*)

    cdef bint _again(self, Py_ssize_t place, unsigned int seq, long long time) except -1

    @cython.locals(mask=cython.ulonglong, at=cython.ulonglong, row=cython.Py_ssize_t)
    cdef Py_ssize_t _row(
        self, unsigned long long addresses, unsigned long long numbers, unsigned long long places,
        unsigned long long outers,
    ) except -2

    @cython.locals(mask=cython.ulonglong, at=cython.ulonglong, row=cython.Py_ssize_t, spread=cython.ulonglong)
    cdef _grow_index(self)
