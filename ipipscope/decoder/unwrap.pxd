cimport cython

cdef int NULL, ETHERNET, PPP, RAW_BSD, RAW_OPENBSD, PPP_HDLC, RAW, C_HDLC, LOOP, SLL, ONLY_IPV4, ONLY_IPV6, SLL2
cdef int ETHERTYPE_IPV4, ETHERTYPE_ARP, ETHERTYPE_IPV6, ETHERTYPE_VLAN, ETHERTYPE_QINQ, ETHERTYPE_QINQ_OLD
cdef int ETHERTYPE_MPLS, ETHERTYPE_MPLS_MULTICAST, ETHERTYPE_PPPOE, PPP_IPV4, PPP_IPV6, PACKET_OUTGOING
cdef int ETHERNET_HEADER, ETHERNET_TYPE, ETHERNET_SOURCE, VLAN_TAG
cdef int SLL_TYPE, SLL_HARDWARE, SLL_PROTOCOL, SLL_ADDRESS, SLL_HEADER
cdef int ARPHRD_TUNNEL, SLL2_PROTOCOL, SLL2_INTERFACE, SLL2_HARDWARE, SLL2_TYPE, SLL2_ADDRESS, SLL2_HEADER
cdef int TOTAL_LENGTH, IDENTIFICATION, FRAGMENT, TTL, PROTOCOL, SOURCE, DESTINATION
cdef int HEADER_MIN, DONT_FRAGMENT, MORE, OFFSET_MASK
cdef int ICMP, IPIP, TCP, UDP, IPV6, GRE
cdef int ICMP_HEADER, ECHO_REPLY, ECHO_REQUEST, UNREACHABLE, SOURCE_QUENCH, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM
cdef int IPV6_HEADER, IPV6_NEXT, IPV6_OFFSET_MASK, HOP_BY_HOP, ROUTING, IPV6_FRAGMENT, AH, DESTINATION_OPTIONS
cdef int FRAGMENTATION_NEEDED, TCP_READ, TCP_SYN, TCP_RST, TCP_ACK, UDP_HEADER, PORT_VXLAN
cdef int K_OTHER, K_NATIVE, K_IPIP, K_FRAGMENT, K_OPAQUE, K_IPV6, K_ARP
cdef int K_6IN4, K_V6_UNDER_IPIP, K_4IN6, K_6IN6, K_GRE, K_VXLAN, K_MPLS, K_PPPOE, K_UNREADABLE, K_UNKNOWN_LINK
cdef int P_ECHO_REQUEST, P_ECHO_REPLY, P_SYN, P_SYN_ACK, P_DATAGRAM, P_ERROR, P_RESET
cdef int F_CUT, F_MALFORMED, F_OUTER_FRAGMENT, F_INNER_FRAGMENT, F_OUTER_DF, F_INNER_DF, F_OPTIONS, F_MORE, F_QUOTE_CUT
cdef unsigned int MASK32, FNV_START, FNV_PRIME, SNAP, TUNNEL_DEVICE, INDEXED_DEVICE
cdef int GOING_IN, GOING_OUT, LEVELS_A_PACKET

cdef unsigned int u16(const unsigned char[::1] octets, Py_ssize_t at) except? 0xFFFFFFFF
cdef unsigned int u32(const unsigned char[::1] octets, Py_ssize_t at) except? 0xFFFFFFFF
@cython.locals(high=cython.ulonglong)
cdef unsigned long long u48(const unsigned char[::1] octets, Py_ssize_t at) except? 0xFFFFFFFFFFFFFFFF
cdef unsigned int _on_wire(columns, Py_ssize_t row) except? 0xFFFFFFFF

@cython.locals(following=cython.int)
cdef int _ipv6(const unsigned char[::1] octets, Py_ssize_t at, Py_ssize_t end) except? -2

@cython.locals(
    proto=cython.int, fragment=cython.uint, depth=cython.int,
)
cdef int _quoted(const unsigned char[::1] octets, Py_ssize_t at, Py_ssize_t end, Py_ssize_t row, columns) except -1

@cython.locals(
    o_kind=cython.uchar[::1], o_part=cython.uchar[::1], o_flags=cython.ushort[::1], o_depth=cython.uchar[::1],
    o_vlan=cython.ushort[::1], o_direction=cython.uchar[::1], o_device=cython.uint[::1],
    o_src_mac=cython.ulonglong[::1], o_dst_mac=cython.ulonglong[::1],
    o_outer_src=cython.uint[::1], o_outer_dst=cython.uint[::1], o_outer_ttl=cython.uchar[::1],
    o_outer_tos=cython.uchar[::1], o_outer_id=cython.ushort[::1],
    o_inner_src=cython.uint[::1], o_inner_dst=cython.uint[::1], o_inner_ttl=cython.uchar[::1],
    o_inner_tos=cython.uchar[::1], o_inner_id=cython.ushort[::1], o_inner_proto=cython.uchar[::1],
    o_inner_length=cython.ushort[::1], o_fragment_offset=cython.ushort[::1],
    o_icmp_type=cython.uchar[::1], o_icmp_code=cython.uchar[::1], o_icmp_id=cython.ushort[::1],
    o_icmp_seq=cython.ushort[::1], o_sport=cython.ushort[::1], o_dport=cython.ushort[::1],
    o_tcp_flags=cython.uchar[::1], o_tcp_seq=cython.uint[::1], o_tcp_ack=cython.uint[::1],
    o_payload_length=cython.ushort[::1], o_digest=cython.uint[::1],
    levels=cython.Py_ssize_t, interfaces=cython.Py_ssize_t, row=cython.Py_ssize_t, at=cython.Py_ssize_t,
    end=cython.Py_ssize_t, flags=cython.uint, kind=cython.int, protocol=cython.uint, link_type=cython.uint,
    family=cython.uint, depth=cython.int, previous_src=cython.uint, previous_dst=cython.uint, source=cython.uint,
    destination=cython.uint, proto=cython.int, fragment=cython.uint, header=cython.Py_ssize_t,
    total=cython.Py_ssize_t, length=cython.Py_ssize_t, payload=cython.Py_ssize_t, message=cython.int,
    bits=cython.uint, stop=cython.Py_ssize_t, digest=cython.uint,
)
cdef Py_ssize_t _unwrap(
    const unsigned char[::1] octets,
    const unsigned int[::1] offsets,
    const unsigned int[::1] captured,
    const unsigned short[::1] interface,
    const unsigned int[::1] link_types,
    columns,
    unsigned int[::1] level_row,
    unsigned int[::1] level_place,
    unsigned int[::1] level_src,
    unsigned int[::1] level_dst,
) except -1
