cimport cython
from ipipscope cimport words

cdef unsigned long long NO_TICKS
cdef long long BILLION
cdef long long YEAR
cdef int CHAIN
cdef int LONG
cdef int LATE

cdef class Walk:
    cdef public Py_ssize_t position
    cdef public Py_ssize_t count
    cdef public int status
    cdef public Py_ssize_t need
    cdef public long long seconds
    cdef public Py_ssize_t undescribed

@cython.locals(
    rows=cython.Py_ssize_t, at=cython.Py_ssize_t, row=cython.Py_ssize_t, status=cython.int, need=cython.Py_ssize_t,
    length=cython.Py_ssize_t, seconds=cython.longlong, last=cython.longlong, fraction=cython.longlong,
    on_wire=cython.Py_ssize_t, unit=cython.longlong, odd=cython.bint,
)
cpdef walk_pcap(
    const unsigned char[::1] octets, Py_ssize_t start, Py_ssize_t end, bint big, Py_ssize_t header, long long tick,
    Py_ssize_t limit, Py_ssize_t trusted, unsigned int[::1] offsets, unsigned int[::1] captured,
    unsigned int[::1] wire, long long[::1] time, Walk walk,
)

@cython.locals(
    rows=cython.Py_ssize_t, at=cython.Py_ssize_t, row=cython.Py_ssize_t, status=cython.int, need=cython.Py_ssize_t,
    length=cython.Py_ssize_t, kind=cython.uint, total=cython.Py_ssize_t, on_wire=cython.uint, which=cython.uint,
    body=cython.Py_ssize_t, high=cython.ulonglong,
)
cpdef walk_pcapng(
    const unsigned char[::1] octets, Py_ssize_t start, Py_ssize_t end, bint big, unsigned int first_interface,
    unsigned int interfaces, Py_ssize_t limit, Py_ssize_t simple_limit, unsigned int[::1] offsets,
    unsigned int[::1] captured, unsigned int[::1] wire, unsigned long long[::1] ticks,
    unsigned short[::1] interface, Walk walk,
)

@cython.locals(
    at=cython.Py_ssize_t, count=cython.int, length=cython.Py_ssize_t, on_wire=cython.Py_ssize_t,
    seconds=cython.longlong, fraction=cython.longlong,
)
cpdef int follow_pcap(
    const unsigned char[::1] octets, Py_ssize_t start, Py_ssize_t end, int ended, bint big, Py_ssize_t header,
    long long unit, Py_ssize_t limit, int strict, Py_ssize_t cross, long long last, Walk walk,
) except -1

@cython.locals(at=cython.Py_ssize_t, status=cython.int)
cpdef find_pcap(
    const unsigned char[::1] octets, Py_ssize_t start, Py_ssize_t end, int ended, bint big, Py_ssize_t header,
    long long unit, Py_ssize_t limit, Py_ssize_t cross, long long last, Walk walk,
)

@cython.locals(
    at=cython.Py_ssize_t, count=cython.int, kind=cython.uint, section=cython.bint, order=cython.bint,
    total=cython.Py_ssize_t,
)
cpdef int follow_pcapng(
    const unsigned char[::1] octets, Py_ssize_t start, Py_ssize_t end, int ended, bint big, Py_ssize_t limit,
    Py_ssize_t cross, Walk walk,
) except -1

@cython.locals(at=cython.Py_ssize_t, status=cython.int)
cpdef find_pcapng(
    const unsigned char[::1] octets, Py_ssize_t start, Py_ssize_t end, int ended, bint big, Py_ssize_t limit,
    Py_ssize_t cross, Walk walk,
)
