cimport cython
from ipipscope cimport words

cdef int NULL, ETHERNET, PPP, RAW_BSD, RAW_OPENBSD, PPP_HDLC, RAW, C_HDLC, LOOP, SLL, ONLY_IPV4, ONLY_IPV6, SLL2
cdef int PPP_ETHER
cdef int ETHERTYPE_IPV4, ETHERTYPE_ARP, ETHERTYPE_IPV6, ETHERTYPE_VLAN, ETHERTYPE_QINQ, ETHERTYPE_QINQ_OLD
cdef int ETHERTYPE_MPLS, ETHERTYPE_MPLS_MULTICAST, ETHERTYPE_PPPOE, ETHERTYPE_PPPOE_DISCOVERY
cdef int PPP_IPV4, PPP_IPV6, PPP_MPLS, PPP_ADDRESS, PPP_CONTROL, PPPOE_HEADER, MPLS_LABEL, MPLS_BOTTOM, PACKET_OUTGOING
cdef int ETHERNET_HEADER, ETHERNET_TYPE, ETHERNET_SOURCE, VLAN_TAG, LENGTH_MAX
cdef int SLL_TYPE, SLL_HARDWARE, SLL_PROTOCOL, SLL_ADDRESS, SLL_HEADER
cdef int ARPHRD_TUNNEL, SLL2_PROTOCOL, SLL2_INTERFACE, SLL2_HARDWARE, SLL2_TYPE, SLL2_ADDRESS, SLL2_HEADER
cdef int TOTAL_LENGTH, IDENTIFICATION, FRAGMENT, TTL, PROTOCOL, SOURCE, DESTINATION
cdef int HEADER_MIN, DONT_FRAGMENT, MORE, OFFSET_MASK
cdef int ICMP, IPIP, TCP, UDP, IPV6, GRE
cdef int ICMP_HEADER, ECHO_REPLY, ECHO_REQUEST, UNREACHABLE, SOURCE_QUENCH, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM
cdef int IPV6_HEADER, IPV6_PAYLOAD, IPV6_NEXT, IPV6_SOURCE, IPV6_OFFSET_MASK, NO_NEXT
cdef int HOP_BY_HOP, ROUTING, IPV6_FRAGMENT, AH, DESTINATION_OPTIONS
cdef int GRE_CHECKSUM, GRE_ROUTING, GRE_KEY, GRE_SEQUENCE, GRE_VERSION, GRE_HEADER, TRANSPARENT_ETHERNET
cdef int VXLAN_HEADER, VNI_IS_VALID
cdef int FRAGMENTATION_NEEDED, TCP_READ, TCP_HEADER, TCP_SYN, TCP_RST, TCP_ACK
cdef int UDP_HEADER, UDP_CHECKSUM, PORT_VXLAN, PORT_VXLAN_LINUX, PORT_DNS
cdef int K_OTHER, K_NATIVE, K_IPIP, K_FRAGMENT, K_OPAQUE, K_IPV6, K_ARP
cdef int K_6IN4, K_V6_UNDER_IPIP, K_4IN6, K_6IN6, K_GRE, K_VXLAN, K_MPLS, K_PPPOE, K_UNREADABLE, K_UNKNOWN_LINK
cdef int P_ECHO_REQUEST, P_ECHO_REPLY, P_SYN, P_SYN_ACK, P_DATAGRAM, P_ERROR, P_RESET
cdef int F_CUT, F_MALFORMED, F_OUTER_FRAGMENT, F_INNER_FRAGMENT, F_OUTER_DF, F_INNER_DF, F_OPTIONS, F_MORE, F_QUOTE_CUT
cdef int F_BAD_HEADER_CHECKSUM, F_BAD_CHECKSUM
cdef int L_LINK, L_IPV4, L_INNER_IPV4, L_IPV6, L_CARRIER, L_ICMP, L_TCP, L_UDP
cdef int BY_CAPTURE, BY_FRAME, BY_AROUND, BY_OWN, BY_VERSION, BY_FRAGMENT
cdef unsigned int MASK32, DIGEST_START, DIGEST_FACTOR, SNAP, TUNNEL_DEVICE, INDEXED_DEVICE, ALL_ONES
cdef int GOING_IN, GOING_OUT, LEVELS_A_PACKET, DEPTH_MAX, LABELS_MAX

@cython.locals(base=cython.Py_ssize_t)
cdef int _stop(
    unsigned int[::1] malformed, Py_ssize_t stops, Py_ssize_t row, int layer, Py_ssize_t offset, Py_ssize_t need,
    Py_ssize_t have, int limited_by,
) except -1
@cython.locals(digest=cython.uint, word=cython.uint)
cdef unsigned int _digest(const unsigned char[::1] octets, Py_ssize_t at, Py_ssize_t end) except? 0xFFFFFFFF
@cython.locals(summed=cython.ulonglong)
cdef int _bad(
    const unsigned char[::1] octets, Py_ssize_t ip, Py_ssize_t at, Py_ssize_t length, int proto
) except -1

cdef Py_ssize_t _step(Py_ssize_t length, Py_ssize_t protocol) noexcept
cdef Py_ssize_t _snap(const unsigned char[::1] octets, Py_ssize_t at, Py_ssize_t end) except -1
@cython.locals(family=cython.uint, step=cython.Py_ssize_t)
cdef Py_ssize_t _other_link(
    const unsigned char[::1] octets, Py_ssize_t at, Py_ssize_t end, unsigned int link_type
) except -1
@cython.locals(length=cython.Py_ssize_t, protocol=cython.uint)
cdef Py_ssize_t _ppp(const unsigned char[::1] octets, Py_ssize_t at, Py_ssize_t end) except -1
@cython.locals(step=cython.Py_ssize_t)
cdef Py_ssize_t _session(const unsigned char[::1] octets, Py_ssize_t at, Py_ssize_t end) except -1
@cython.locals(length=cython.Py_ssize_t, bottom=cython.uint, version=cython.int)
cdef Py_ssize_t _labels(const unsigned char[::1] octets, Py_ssize_t at, Py_ssize_t end) except -1
@cython.locals(length=cython.Py_ssize_t, protocol=cython.uint)
cdef Py_ssize_t _ethernet(const unsigned char[::1] octets, Py_ssize_t at, Py_ssize_t end) except -1
@cython.locals(port=cython.uint)
cdef int _is_vxlan(const unsigned char[::1] octets, Py_ssize_t at, Py_ssize_t end) except -1
@cython.locals(length=cython.Py_ssize_t, step=cython.Py_ssize_t, bits=cython.uint, protocol=cython.uint)
cdef Py_ssize_t _inside(const unsigned char[::1] octets, Py_ssize_t at, Py_ssize_t end, int proto) except -1
@cython.locals(following=cython.int, length=cython.Py_ssize_t)
cdef Py_ssize_t _upper(const unsigned char[::1] octets, Py_ssize_t at, Py_ssize_t end) except -1

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
    o_inner_length=cython.ushort[::1], o_fragment_offset=cython.ushort[::1], o_fragment_length=cython.ushort[::1],
    o_icmp_type=cython.uchar[::1], o_icmp_code=cython.uchar[::1], o_icmp_id=cython.ushort[::1],
    o_icmp_seq=cython.ushort[::1], o_sport=cython.ushort[::1], o_dport=cython.ushort[::1],
    o_tcp_flags=cython.uchar[::1], o_tcp_seq=cython.uint[::1], o_tcp_ack=cython.uint[::1],
    o_payload_length=cython.ushort[::1], o_digest=cython.uint[::1],
    levels=cython.Py_ssize_t, stops=cython.Py_ssize_t, sixes=cython.Py_ssize_t, interfaces=cython.Py_ssize_t,
    row=cython.Py_ssize_t, start=cython.Py_ssize_t, at=cython.Py_ssize_t, end=cython.Py_ssize_t, limit=cython.int,
    flags=cython.uint, kind=cython.int, protocol=cython.uint, link_type=cython.uint, step=cython.Py_ssize_t,
    need=cython.Py_ssize_t, have=cython.Py_ssize_t, layer=cython.int, depth=cython.int, place=cython.int,
    place_in=cython.Py_ssize_t, ip=cython.Py_ssize_t, outer=cython.int, open_ended=cython.int, source=cython.uint,
    destination=cython.uint, proto=cython.int, fragment=cython.uint, header=cython.Py_ssize_t,
    total=cython.Py_ssize_t, length=cython.Py_ssize_t, payload=cython.Py_ssize_t, message=cython.int,
    bits=cython.uint, first=cython.uint, second=cython.uint, third=cython.uint, summed=cython.ulonglong,
    port=cython.uint, digest=cython.uint,
)
cdef int _unwrap(
    const unsigned char[::1] octets,
    const unsigned int[::1] offsets,
    const unsigned int[::1] captured,
    const unsigned int[::1] wire,
    const unsigned short[::1] interface,
    const unsigned int[::1] link_types,
    columns,
    unsigned int[::1] level_row,
    unsigned int[::1] level_place,
    unsigned int[::1] level_src,
    unsigned int[::1] level_dst,
    unsigned int[::1] malformed,
    unsigned int[::1] six_row,
    unsigned int[::1] six_place,
    unsigned char[::1] six,
    unsigned int[::1] counts,
) except -1
