# Bounds are checked here by hand, once a number: the checks that Cython makes are one an octet. `raise` would make the
# functions too long for the C compiler to put them where they are called.
cimport cython
from cpython.exc cimport PyErr_SetString
from libc.string cimport memcpy

@cython.boundscheck(False)
cdef inline unsigned int u16(const unsigned char[::1] octets, Py_ssize_t at) except? 0xFFFFFFFF:
    if at < 0 or at > octets.shape[0] - 2:
        PyErr_SetString(IndexError, "two octets past the end")
        return 0xFFFFFFFF
    cdef const unsigned char* found = &octets[0] + at
    return (<unsigned int> found[0] << 8) | found[1]

@cython.boundscheck(False)
cdef inline unsigned int u32(const unsigned char[::1] octets, Py_ssize_t at) except? 0xFFFFFFFF:
    if at < 0 or at > octets.shape[0] - 4:
        PyErr_SetString(IndexError, "four octets past the end")
        return 0xFFFFFFFF
    cdef const unsigned char* found = &octets[0] + at
    return (
        (<unsigned int> found[0] << 24) | (<unsigned int> found[1] << 16) | (<unsigned int> found[2] << 8) | found[3]
    )

@cython.boundscheck(False)
cdef inline unsigned long long u48(const unsigned char[::1] octets, Py_ssize_t at) except? 0xFFFFFFFFFFFFFFFF:
    if at < 0 or at > octets.shape[0] - 6:
        PyErr_SetString(IndexError, "six octets past the end")
        return 0xFFFFFFFFFFFFFFFF
    cdef const unsigned char* found = &octets[0] + at
    return (
        (<unsigned long long> found[0] << 40) | (<unsigned long long> found[1] << 32)
        | (<unsigned long long> found[2] << 24) | (<unsigned long long> found[3] << 16)
        | (<unsigned long long> found[4] << 8) | found[5]
    )

@cython.boundscheck(False)
cdef inline unsigned int either(const unsigned char[::1] octets, Py_ssize_t at, bint big) except? 0xFFFFFFFF:
    if at < 0 or at > octets.shape[0] - 4:
        PyErr_SetString(IndexError, "four octets past the end")
        return 0xFFFFFFFF
    cdef const unsigned char* found = &octets[0] + at
    if big:
        return (
            (<unsigned int> found[0] << 24) | (<unsigned int> found[1] << 16) | (<unsigned int> found[2] << 8)
            | found[3]
        )
    return (
        (<unsigned int> found[3] << 24) | (<unsigned int> found[2] << 16) | (<unsigned int> found[1] << 8) | found[0]
    )

@cython.boundscheck(False)
cdef inline unsigned int total(const unsigned char[::1] octets, Py_ssize_t at, Py_ssize_t length) except? 0xFFFFFFFF:
    if length <= 0:
        return 0
    if at < 0 or at > octets.shape[0] - length:
        PyErr_SetString(IndexError, "octets past the end")
        return 0xFFFFFFFF
    cdef const unsigned char* found = &octets[0] + at
    cdef unsigned long long summed = 0
    cdef unsigned int word
    cdef unsigned short half
    cdef unsigned char pair[2]
    cdef Py_ssize_t part
    cdef Py_ssize_t fours = length >> 2
    # The sum of numbers in this machine's octet order is that in network order with its octets swapped (RFC 1071 §2 B).
    for part in range(fours):
        memcpy(&word, found + 4 * part, 4)
        summed += word
    if length & 2:
        memcpy(&half, found + 4 * fours, 2)
        summed += half
    if length & 1:
        pair[0], pair[1] = found[length - 1], 0
        memcpy(&half, pair, 2)
        summed += half
    summed = <unsigned long long> <unsigned int> summed + (summed >> 32)
    summed = (summed & 0xFFFF) + (summed >> 16)
    summed = (summed & 0xFFFF) + (summed >> 16)
    half = <unsigned short> ((summed & 0xFFFF) + (summed >> 16))
    memcpy(pair, &half, 2)
    return (<unsigned int> pair[0] << 8) | pair[1]
