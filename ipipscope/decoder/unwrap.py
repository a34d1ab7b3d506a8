"""Outer and inner headers of each packet, and what lies between, into columns.

A packet is read header by header. What stands between IP headers, or between link header and IP, is a *step*: how many
octets to skip and which EtherType follows, packed into one number (`length << 16 | ethertype`, 0 where nothing follows
that is read here).

Compiled: the `.pxd` beside this module gives the C types. In plain Python the same text runs on `memoryview`s, whose
items are Python ints, so that no NumPy scalar ever takes part in the arithmetic.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ipipscope import words
from ipipscope.decoder import gre, icmp, ipv4, ipv6, link, tcp, udp, vxlan
from ipipscope.decoder.columns import Columns, Direction, Flags, Kind, Part
from ipipscope.decoder.malformed import Layer, LengthFrom

# Constants of other modules become C variables here; the names stay.
NULL, ETHERNET, PPP, RAW_BSD, RAW_OPENBSD, PPP_HDLC = (
    link.LINKTYPE_NULL, link.LINKTYPE_ETHERNET, link.LINKTYPE_PPP, link.DLT_RAW, link.DLT_RAW_OPENBSD,
    link.LINKTYPE_PPP_HDLC,
)  # fmt: skip
RAW, C_HDLC, LOOP, SLL, ONLY_IPV4, ONLY_IPV6, SLL2, PPP_ETHER = (
    link.LINKTYPE_RAW, link.LINKTYPE_C_HDLC, link.LINKTYPE_LOOP, link.LINKTYPE_LINUX_SLL, link.LINKTYPE_IPV4,
    link.LINKTYPE_IPV6, link.LINKTYPE_LINUX_SLL2, link.LINKTYPE_PPP_ETHER,
)  # fmt: skip
ETHERTYPE_IPV4, ETHERTYPE_ARP, ETHERTYPE_IPV6 = link.ETHERTYPE_IPV4, link.ETHERTYPE_ARP, link.ETHERTYPE_IPV6
ETHERTYPE_VLAN, ETHERTYPE_QINQ, ETHERTYPE_QINQ_OLD = (
    link.ETHERTYPE_VLAN, link.ETHERTYPE_QINQ, link.ETHERTYPE_QINQ_OLD,
)  # fmt: skip
ETHERTYPE_MPLS, ETHERTYPE_MPLS_MULTICAST, ETHERTYPE_PPPOE, ETHERTYPE_PPPOE_DISCOVERY = (
    link.ETHERTYPE_MPLS, link.ETHERTYPE_MPLS_MULTICAST, link.ETHERTYPE_PPPOE, link.ETHERTYPE_PPPOE_DISCOVERY,
)  # fmt: skip
PPP_IPV4, PPP_IPV6, PPP_MPLS, PACKET_OUTGOING = link.PPP_IPV4, link.PPP_IPV6, link.PPP_MPLS, link.PACKET_OUTGOING
PPP_ADDRESS, PPP_CONTROL, PPPOE_HEADER = link.PPP_ADDRESS, link.PPP_CONTROL, link.PPPOE_HEADER
MPLS_LABEL, MPLS_BOTTOM = link.MPLS_LABEL, link.MPLS_BOTTOM
ETHERNET_HEADER, ETHERNET_TYPE, ETHERNET_SOURCE, VLAN_TAG, LENGTH_MAX = (
    link.ETHERNET_HEADER, link.ETHERNET_TYPE, link.ETHERNET_SOURCE, link.VLAN_TAG, link.LENGTH_MAX,
)  # fmt: skip
SLL_TYPE, SLL_HARDWARE, SLL_PROTOCOL, SLL_ADDRESS, SLL_HEADER = (
    link.SLL_TYPE, link.SLL_HARDWARE, link.SLL_PROTOCOL, link.SLL_ADDRESS, link.SLL_HEADER,
)  # fmt: skip
SLL2_PROTOCOL, SLL2_INTERFACE, SLL2_HARDWARE, SLL2_TYPE, SLL2_ADDRESS, SLL2_HEADER, ARPHRD_TUNNEL = (
    link.SLL2_PROTOCOL, link.SLL2_INTERFACE, link.SLL2_HARDWARE, link.SLL2_TYPE, link.SLL2_ADDRESS,
    link.SLL2_HEADER, link.ARPHRD_TUNNEL,
)  # fmt: skip

TOTAL_LENGTH, IDENTIFICATION, FRAGMENT, TTL, PROTOCOL, SOURCE, DESTINATION = (
    ipv4.TOTAL_LENGTH, ipv4.IDENTIFICATION, ipv4.FRAGMENT, ipv4.TTL, ipv4.PROTOCOL, ipv4.SOURCE, ipv4.DESTINATION,
)  # fmt: skip
HEADER_MIN, DONT_FRAGMENT, MORE, OFFSET_MASK = (
    ipv4.HEADER_MIN, ipv4.DONT_FRAGMENT, ipv4.MORE_FRAGMENTS, ipv4.OFFSET_MASK,
)  # fmt: skip
ICMP, IPIP, TCP, UDP, IPV6, GRE = (
    ipv4.PROTOCOL_ICMP, ipv4.PROTOCOL_IPIP, ipv4.PROTOCOL_TCP, ipv4.PROTOCOL_UDP, ipv4.PROTOCOL_IPV6,
    ipv4.PROTOCOL_GRE,
)  # fmt: skip
IPV6_HEADER, IPV6_PAYLOAD, IPV6_NEXT, IPV6_SOURCE, IPV6_OFFSET_MASK, NO_NEXT = (
    ipv6.HEADER, ipv6.PAYLOAD_LENGTH, ipv6.NEXT_HEADER, ipv6.SOURCE, ipv6.OFFSET_MASK, ipv6.NO_NEXT_HEADER,
)  # fmt: skip
HOP_BY_HOP, ROUTING, IPV6_FRAGMENT, AH, DESTINATION_OPTIONS = (
    ipv6.HOP_BY_HOP, ipv6.ROUTING, ipv6.FRAGMENT, ipv6.AUTHENTICATION, ipv6.DESTINATION_OPTIONS,
)  # fmt: skip
GRE_CHECKSUM, GRE_ROUTING, GRE_KEY, GRE_SEQUENCE, GRE_VERSION, GRE_HEADER, TRANSPARENT_ETHERNET = (
    gre.CHECKSUM, gre.ROUTING, gre.KEY, gre.SEQUENCE, gre.VERSION, gre.HEADER_MIN, gre.TRANSPARENT_ETHERNET,
)  # fmt: skip
VXLAN_HEADER, VNI_IS_VALID = vxlan.HEADER, vxlan.VNI_IS_VALID
ICMP_HEADER, ECHO_REPLY, ECHO_REQUEST, UNREACHABLE, SOURCE_QUENCH, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM = (
    icmp.HEADER, icmp.ECHO_REPLY, icmp.ECHO_REQUEST, icmp.UNREACHABLE, icmp.SOURCE_QUENCH, icmp.REDIRECT,
    icmp.TIME_EXCEEDED, icmp.PARAMETER_PROBLEM,
)  # fmt: skip
FRAGMENTATION_NEEDED = icmp.FRAGMENTATION_NEEDED
TCP_READ, TCP_HEADER, TCP_SYN, TCP_RST, TCP_ACK = tcp.READ, tcp.HEADER_MIN, tcp.SYN, tcp.RST, tcp.ACK
UDP_HEADER, UDP_CHECKSUM, PORT_VXLAN, PORT_VXLAN_LINUX, PORT_DNS = (
    udp.HEADER, udp.CHECKSUM, udp.PORT_VXLAN, udp.PORT_VXLAN_LINUX, udp.PORT_DNS,
)  # fmt: skip

K_OTHER, K_NATIVE, K_IPIP, K_FRAGMENT, K_OPAQUE, K_IPV6, K_ARP = (
    int(Kind.OTHER), int(Kind.NATIVE), int(Kind.IPIP), int(Kind.IPIP_FRAGMENT), int(Kind.IPIP_OPAQUE),
    int(Kind.IPV6), int(Kind.ARP),
)  # fmt: skip
K_6IN4, K_V6_UNDER_IPIP, K_4IN6, K_6IN6, K_GRE, K_VXLAN, K_MPLS, K_PPPOE, K_UNREADABLE, K_UNKNOWN_LINK = (
    int(Kind.IPV6_IN_IPV4), int(Kind.IPV6_UNDER_IPIP), int(Kind.IPV4_IN_IPV6), int(Kind.IPV6_IN_IPV6),
    int(Kind.GRE), int(Kind.VXLAN), int(Kind.MPLS), int(Kind.PPPOE), int(Kind.UNREADABLE), int(Kind.UNKNOWN_LINK),
)  # fmt: skip
P_ECHO_REQUEST, P_ECHO_REPLY, P_SYN, P_SYN_ACK, P_DATAGRAM, P_ERROR, P_RESET = (
    int(Part.ECHO_REQUEST), int(Part.ECHO_REPLY), int(Part.SYN), int(Part.SYN_ACK), int(Part.DATAGRAM),
    int(Part.ERROR), int(Part.RESET),
)  # fmt: skip
F_CUT, F_MALFORMED, F_OUTER_FRAGMENT, F_INNER_FRAGMENT, F_OUTER_DF, F_INNER_DF, F_OPTIONS, F_MORE, F_QUOTE_CUT = (
    int(Flags.CUT), int(Flags.MALFORMED), int(Flags.OUTER_FRAGMENT), int(Flags.INNER_FRAGMENT), int(Flags.OUTER_DF),
    int(Flags.INNER_DF), int(Flags.OPTIONS), int(Flags.MORE_FRAGMENTS), int(Flags.QUOTE_CUT),
)  # fmt: skip
F_BAD_HEADER_CHECKSUM, F_BAD_CHECKSUM = int(Flags.BAD_HEADER_CHECKSUM), int(Flags.BAD_CHECKSUM)
GOING_IN, GOING_OUT = int(Direction.IN), int(Direction.OUT)
L_LINK, L_IPV4, L_INNER_IPV4, L_IPV6, L_CARRIER, L_ICMP, L_TCP, L_UDP = (
    int(Layer.LINK), int(Layer.IPV4), int(Layer.INNER_IPV4), int(Layer.IPV6), int(Layer.CARRIER), int(Layer.ICMP),
    int(Layer.TCP), int(Layer.UDP),
)  # fmt: skip
BY_CAPTURE, BY_FRAME, BY_AROUND, BY_OWN, BY_VERSION, BY_FRAGMENT = (
    int(LengthFrom.CAPTURED), int(LengthFrom.FRAME), int(LengthFrom.AROUND), int(LengthFrom.OWN),
    int(LengthFrom.VERSION), int(LengthFrom.FRAGMENT),
)  # fmt: skip

# Literals beyond 31 bits would be Python objects in the loop.
MASK32, DIGEST_START, DIGEST_FACTOR, SNAP = 0xFFFFFFFF, 2166136261, 16777619, link.SNAP
TUNNEL_DEVICE, INDEXED_DEVICE = link.TUNNEL_DEVICE, link.INDEXED_DEVICE
ALL_ONES = 0xFFFF
LEVELS_A_PACKET = 64
"""IPv4 headers between outermost and innermost that are kept; deeper ones are read and not kept."""
LEVELS = 1 << 16
"""The same of a batch."""
DEPTH_MAX = 255
LABELS_MAX = 32
"""MPLS labels that are looked through."""


class _Room:
    """Where the loop writes what does not have one entry a packet, before it is known how much there is of it."""

    def __init__(self, rows: int) -> None:
        self.levels = np.empty((4, LEVELS), "u4")
        self.malformed = np.empty((rows, 6), "u4")
        self.six = np.empty(2 * rows, "u4"), np.empty(2 * rows, "u4"), np.empty((2 * rows, 32), "u1")
        self.counts = np.zeros(3, "u4")


_ROOMS: list[_Room] = []
"""Used again: two megabytes that come and go with every batch make the allocator give memory back to the system, and
the system zero it again, which took a third of the time."""


def unwrap(octets: Any, offsets: Any, captured: Any, wire: Any, interface: Any, link_types: Any) -> Columns:
    """Decode the records that stand in one buffer.

    octets: the buffer.
    offsets, captured, wire: per record, where its frame begins in *octets*, how many octets of it stand there and how
        many were on the wire; u4.
    interface: per record, an index into *link_types*; u2.
    link_types: of each interface of the file; u4.
    Returns columns without `frame` and `time`, which only the reader knows. Never raises on frame contents: what does
    not decode is flagged CUT or MALFORMED (RFC 791 §3.1, RFC 2003 §3), and `malformed` says where it stopped.
    """
    rows = len(offsets)
    columns = Columns.empty(rows)
    columns.captured_length[:] = captured
    columns.wire_length[:] = wire
    columns.interface[:] = interface
    room = _ROOMS.pop() if _ROOMS else _Room(rows)
    if len(room.malformed) < rows:
        room = _Room(rows)
    # What is kept must not depend on the batch before.
    levels = [each[: rows * LEVELS_A_PACKET] for each in room.levels]
    malformed, six, counts = room.malformed[:rows], [each[: 2 * rows] for each in room.six], room.counts
    _unwrap(
        octets, memoryview(offsets), memoryview(captured), memoryview(wire), memoryview(interface),
        memoryview(link_types), columns, levels[0].data, levels[1].data, levels[2].data, levels[3].data,
        malformed.reshape(-1).data, six[0].data, six[1].data, six[2].reshape(-1).data, counts.data,
    )  # fmt: skip
    if counts[0]:
        columns.level_row, columns.level_place, columns.level_src, columns.level_dst = (
            each[: counts[0]].copy() for each in levels
        )
    if counts[1]:
        columns.malformed = malformed[: counts[1]].copy()
    if counts[2]:
        columns.six_row, columns.six_place = six[0][: counts[2]].copy(), six[1][: counts[2]].copy()
        columns.six_src, columns.six_dst = six[2][: counts[2], :16].copy(), six[2][: counts[2], 16:].copy()
    _ROOMS.append(room)
    return columns


def _unwrap(
    octets: Any,
    offsets: Any,
    captured: Any,
    wire: Any,
    interface: Any,
    link_types: Any,
    columns: Any,
    level_row: Any,
    level_place: Any,
    level_src: Any,
    level_dst: Any,
    malformed: Any,
    six_row: Any,
    six_place: Any,
    six: Any,
    counts: Any,
) -> int:
    """The loop of `unwrap`: fills *columns*, and *counts* with how many levels, malformed and IPv6 headers it wrote."""
    o_kind, o_part, o_flags = memoryview(columns.kind), memoryview(columns.part), memoryview(columns.flags)
    o_depth, o_vlan, o_direction = memoryview(columns.depth), memoryview(columns.vlan), memoryview(columns.direction)
    o_device, o_src_mac, o_dst_mac = (
        memoryview(columns.device),
        memoryview(columns.src_mac),
        memoryview(columns.dst_mac),
    )
    o_outer_src, o_outer_dst = memoryview(columns.outer_src), memoryview(columns.outer_dst)
    o_outer_ttl, o_outer_tos, o_outer_id = (
        memoryview(columns.outer_ttl),
        memoryview(columns.outer_tos),
        memoryview(columns.outer_id),
    )
    o_inner_src, o_inner_dst = memoryview(columns.inner_src), memoryview(columns.inner_dst)
    o_inner_ttl, o_inner_tos, o_inner_id = (
        memoryview(columns.inner_ttl),
        memoryview(columns.inner_tos),
        memoryview(columns.inner_id),
    )
    o_inner_proto, o_inner_length = memoryview(columns.inner_proto), memoryview(columns.inner_length)
    o_fragment_offset, o_fragment_length = memoryview(columns.fragment_offset), memoryview(columns.fragment_length)
    o_icmp_type, o_icmp_code = memoryview(columns.icmp_type), memoryview(columns.icmp_code)
    o_icmp_id, o_icmp_seq = memoryview(columns.icmp_id), memoryview(columns.icmp_seq)
    o_sport, o_dport = memoryview(columns.sport), memoryview(columns.dport)
    o_tcp_flags = memoryview(columns.tcp_flags)
    o_tcp_seq, o_tcp_ack = memoryview(columns.tcp_seq), memoryview(columns.tcp_ack)
    o_payload_length, o_digest = memoryview(columns.payload_length), memoryview(columns.digest)

    levels = stops = sixes = 0
    interfaces = len(link_types)
    for row in range(len(offsets)):
        start = at = offsets[row]
        end = at + captured[row]
        limit = BY_CAPTURE if captured[row] < wire[row] else BY_FRAME  # who says that the packet ends at `end`
        flags = 0
        kind = K_OTHER

        # The link layer: leaves `at` behind its header and `protocol` an EtherType, or counts the packet and goes on.
        protocol = 0
        link_type = link_types[interface[row]] if interface[row] < interfaces else 0xFFFF
        need = 0
        if link_type == ETHERNET:
            if end - at < ETHERNET_HEADER:
                need = ETHERNET_HEADER
            else:
                o_dst_mac[row], o_src_mac[row] = words.u48(octets, at), words.u48(octets, at + ETHERNET_SOURCE)
                protocol = words.u16(octets, at + ETHERNET_TYPE)
                at += ETHERNET_HEADER
                if protocol <= LENGTH_MAX:
                    step = _snap(octets, at, end)
                    protocol, at = step & 0xFFFF, at + (step >> 16)
        elif link_type in (RAW, RAW_BSD, RAW_OPENBSD):
            protocol = ETHERTYPE_IPV6 if at < end and octets[at] >> 4 == 6 else ETHERTYPE_IPV4
        elif link_type == SLL:
            if end - at < SLL_HEADER:
                need = SLL_HEADER
            else:
                o_direction[row] = GOING_OUT if words.u16(octets, at + SLL_TYPE) == PACKET_OUTGOING else GOING_IN
                o_device[row] = words.u16(octets, at + SLL_HARDWARE)
                if o_device[row] == ARPHRD_TUNNEL:
                    o_device[row] |= TUNNEL_DEVICE
                o_src_mac[row] = words.u48(octets, at + SLL_ADDRESS)
                protocol = words.u16(octets, at + SLL_PROTOCOL)
                at += SLL_HEADER
        elif link_type == SLL2:
            if end - at < SLL2_HEADER:
                need = SLL2_HEADER
            else:
                o_direction[row] = GOING_OUT if octets[at + SLL2_TYPE] == PACKET_OUTGOING else GOING_IN
                o_device[row] = (words.u32(octets, at + SLL2_INTERFACE) & (INDEXED_DEVICE - 1)) | INDEXED_DEVICE
                if words.u16(octets, at + SLL2_HARDWARE) == ARPHRD_TUNNEL:
                    o_device[row] |= TUNNEL_DEVICE
                o_src_mac[row] = words.u48(octets, at + SLL2_ADDRESS)
                protocol = words.u16(octets, at + SLL2_PROTOCOL)
                at += SLL2_HEADER
        elif link_type == ONLY_IPV4:
            protocol = ETHERTYPE_IPV4
        elif link_type == ONLY_IPV6:
            protocol = ETHERTYPE_IPV6
        elif link_type == PPP_ETHER:
            protocol = ETHERTYPE_PPPOE
        elif link_type in (NULL, LOOP, PPP, PPP_HDLC, C_HDLC):
            if end - at < 4:
                need = 4
            else:
                step = _other_link(octets, at, end, link_type)
                protocol, at = step & 0xFFFF, at + (step >> 16)
        else:
            o_kind[row] = K_UNKNOWN_LINK
            continue

        if protocol != ETHERTYPE_IPV4 and need == 0:
            while protocol in (ETHERTYPE_VLAN, ETHERTYPE_QINQ, ETHERTYPE_QINQ_OLD):
                if end - at < VLAN_TAG:
                    need = VLAN_TAG
                    break
                if o_vlan[row] == 0:
                    o_vlan[row] = words.u16(octets, at) & 0x0FFF
                protocol = words.u16(octets, at + 2)
                at += VLAN_TAG
                if protocol <= LENGTH_MAX:
                    step = _snap(octets, at, end)
                    protocol, at = step & 0xFFFF, at + (step >> 16)
            if protocol in (ETHERTYPE_PPPOE, ETHERTYPE_PPPOE_DISCOVERY):
                kind = K_PPPOE
                step = _session(octets, at, end) if protocol == ETHERTYPE_PPPOE else 0
                protocol, at = step & 0xFFFF, at + (step >> 16)
            if protocol in (ETHERTYPE_MPLS, ETHERTYPE_MPLS_MULTICAST):
                kind = K_MPLS
                step = _labels(octets, at, end)
                protocol, at = step & 0xFFFF, at + (step >> 16)
            if protocol not in (ETHERTYPE_IPV4, ETHERTYPE_IPV6) and need == 0:
                o_kind[row] = K_ARP if protocol == ETHERTYPE_ARP else kind
                continue
            kind = K_OTHER
        if need:
            o_flags[row] = _stop(malformed, stops, row, L_LINK, at - start, need, end - at, limit)
            stops += 1
            o_kind[row] = K_UNREADABLE
            continue

        # IP, header by header, until one carries something else.
        depth = 0
        place = (
            -1
        )  # of the last IPv4 header that was read, counted from the outermost IP header; -1 while there is none
        ip = header = length = total = 0
        first = second = third = 0  # its words
        source = destination = fragment = 0
        proto = 0
        outer = 0  # whether the outermost header is IPv4 and carries a packet
        open_ended = 0  # whether some header around this is a first fragment, so that lengths within may go beyond
        layer = -1  # where the packet stops making sense
        have = 0
        while True:
            layer = -1
            if protocol == ETHERTYPE_IPV4:
                have = end - at
                need = HEADER_MIN
                if have < HEADER_MIN:
                    layer = L_IPV4 if depth == 0 else L_INNER_IPV4
                    break
                # The header as five words: cheaper than field by field.
                first, second, third = words.u32(octets, at), words.u32(octets, at + 4), words.u32(octets, at + 8)
                if first >> 28 != 4:
                    layer = L_IPV4 if depth == 0 else L_INNER_IPV4
                    need, have, limit = 4, first >> 28, BY_VERSION
                    break
                header = (first >> 22) & 0x3C
                total = first & 0xFFFF
                if header < HEADER_MIN:
                    layer = L_IPV4 if depth == 0 else L_INNER_IPV4
                    have, limit = header, BY_OWN
                    break
                if total != 0 and total < header:
                    layer = L_IPV4 if depth == 0 else L_INNER_IPV4
                    need, have, limit = header, total, BY_OWN
                    break
                if have < header:
                    layer = L_IPV4 if depth == 0 else L_INNER_IPV4
                    need = header
                    break
                if place > 0 and levels < len(level_row) and place <= LEVELS_A_PACKET:
                    level_row[levels], level_place[levels] = row, place
                    level_src[levels], level_dst[levels] = source, destination
                    levels += 1
                # A total length of 0 is TCP segmentation offload: the packet is as long as was captured.
                if total != 0:
                    if total <= have:
                        if total < have:  # Ethernet padding, or what stands behind an inner packet
                            end, limit = at + total, BY_AROUND
                    elif limit != BY_CAPTURE and not open_ended:
                        _stop(
                            malformed,
                            stops,
                            row,
                            L_IPV4 if depth == 0 else L_INNER_IPV4,
                            at - start,
                            total,
                            have,
                            limit,
                        )
                        stops += 1
                        flags |= F_MALFORMED  # and yet its headers may all be there
                        open_ended = 1
                ip, place = at, depth
                depth += 1
                source, destination = words.u32(octets, at + SOURCE), words.u32(octets, at + DESTINATION)
                fragment = second & 0xFFFF
                proto = (third >> 16) & 0xFF
                summed = first  # a variable of 64 bits
                summed += second
                summed += third
                summed += source
                summed += destination
                if header > HEADER_MIN:
                    flags |= F_OPTIONS
                    summed += words.total(octets, at + HEADER_MIN, header - HEADER_MIN)
                summed = (summed & 0xFFFF) + (summed >> 16)
                summed = (summed & 0xFFFF) + (summed >> 16)
                if (summed & 0xFFFF) + (summed >> 16) != ALL_ONES:
                    flags |= F_BAD_HEADER_CHECKSUM
                at += header
                if proto in (ICMP, TCP) or depth == DEPTH_MAX:
                    break
                if proto == IPIP:
                    if kind == K_OTHER:
                        kind = K_IPIP
                elif proto == IPV6:
                    if kind == K_OTHER:
                        kind = K_6IN4
                elif proto == GRE:
                    if kind == K_OTHER:
                        kind = K_GRE
                elif proto != UDP or fragment & OFFSET_MASK or end - at < UDP_HEADER:
                    break
                else:
                    port = words.u16(octets, at + 2)
                    if (port != PORT_VXLAN and port != PORT_VXLAN_LINUX) or not _is_vxlan(octets, at, end):  # noqa: PLR1714
                        break
                    if kind == K_OTHER:
                        kind = K_VXLAN
                if place == 0:
                    outer = 1
                    o_outer_src[row], o_outer_dst[row] = source, destination
                    o_outer_ttl[row], o_outer_tos[row] = third >> 24, (first >> 16) & 0xFF
                    o_outer_id[row] = second >> 16
                    if fragment & DONT_FRAGMENT:
                        flags |= F_OUTER_DF
                    if fragment & (MORE | OFFSET_MASK):
                        flags |= F_OUTER_FRAGMENT
                        o_fragment_length[row] = max(0, total - header)
                        if fragment & OFFSET_MASK:
                            o_fragment_offset[row] = (fragment & OFFSET_MASK) * 8
                            if fragment & MORE:
                                flags |= F_MORE
                if fragment & (MORE | OFFSET_MASK):
                    open_ended = 1
                    if fragment & OFFSET_MASK:
                        break
                if proto == IPIP:
                    if at < end and octets[at] >> 4 == 6:
                        protocol = ETHERTYPE_IPV6
                        if kind == K_IPIP and depth == 1:
                            kind = K_V6_UNDER_IPIP
                elif proto == IPV6:
                    protocol = ETHERTYPE_IPV6
                else:
                    step = _inside(octets, at, end, proto)
                    protocol, at = step & 0xFFFF, at + (step >> 16)
            elif protocol == ETHERTYPE_IPV6:
                have = end - at
                need = IPV6_HEADER
                if have < IPV6_HEADER:
                    layer = L_IPV6
                    break
                if octets[at] >> 4 != 6:
                    layer = L_IPV6
                    need, have, limit = 6, octets[at] >> 4, BY_VERSION
                    break
                if sixes < len(six_row):
                    six_row[sixes], six_place[sixes] = row, depth
                    for place_in in range(32):
                        six[32 * sixes + place_in] = octets[at + IPV6_SOURCE + place_in]
                    sixes += 1
                depth += 1
                length = words.u16(octets, at + IPV6_PAYLOAD)
                if 0 < length < have - IPV6_HEADER:
                    end, limit = at + IPV6_HEADER + length, BY_AROUND
                step = _upper(octets, at, end)
                proto, at = step & 0xFFFF, at + (step >> 16)
                protocol = 0
                if kind == K_OTHER:
                    kind = K_IPV6
                if depth == DEPTH_MAX:
                    break
                if proto in (IPIP, IPV6):
                    if end - at < 8:
                        break
                    protocol = ETHERTYPE_IPV4 if proto == IPIP else ETHERTYPE_IPV6
                    if octets[at] >> 4 != (4 if proto == IPIP else 6):
                        layer = L_INNER_IPV4 if proto == IPIP else L_IPV6
                        need, have, limit = 4 if proto == IPIP else 6, octets[at] >> 4, BY_VERSION
                        break
                    if kind == K_IPV6:
                        kind = K_4IN6 if proto == IPIP else K_6IN6
                elif proto == GRE or (proto == UDP and _is_vxlan(octets, at, end)):
                    if kind == K_IPV6:
                        kind = K_GRE if proto == GRE else K_VXLAN
                    step = _inside(octets, at, end, proto)
                    protocol, at = step & 0xFFFF, at + (step >> 16)
                else:
                    break
            else:
                protocol = 0
                break

        o_depth[row] = depth
        if layer >= 0:
            flags |= _stop(malformed, stops, row, layer, at - start, need, have, limit)
            stops += 1
            if place >= 0:  # the words in hand may be those of what is no header: back to the last that is one
                first, second, third = words.u32(octets, ip), words.u32(octets, ip + 4), words.u32(octets, ip + 8)
                header, total = (first >> 22) & 0x3C, first & 0xFFFF
        if place > 0 or (place == 0 and not outer):
            o_inner_src[row], o_inner_dst[row] = source, destination
            o_inner_ttl[row], o_inner_tos[row] = third >> 24, (first >> 16) & 0xFF
            o_inner_id[row], o_inner_length[row] = second >> 16, total
            o_inner_proto[row] = proto
            o_fragment_offset[row] = (fragment & OFFSET_MASK) * 8
            if fragment & DONT_FRAGMENT:
                flags |= F_INNER_DF
            if fragment & (MORE | OFFSET_MASK):
                flags |= F_INNER_FRAGMENT
                if o_fragment_length[row] == 0:
                    o_fragment_length[row] = max(0, total - header)
                if fragment & MORE:
                    flags |= F_MORE
        if kind == K_IPIP and depth == 1:
            kind = K_FRAGMENT if fragment & OFFSET_MASK else K_OPAQUE
        elif kind == K_OTHER:
            kind = K_UNREADABLE if depth == 0 else K_NATIVE
        o_kind[row] = kind
        o_flags[row] = flags
        # The transport header of first fragments and whole packets.
        if place < 0 or place + 1 != depth or layer >= 0 or protocol != ETHERTYPE_IPV4 or fragment & OFFSET_MASK:
            continue

        length = total - header if total >= header else end - at
        have = end - at
        payload = at
        if proto == ICMP:
            if have < ICMP_HEADER:
                if have >= 2:
                    o_icmp_type[row], o_icmp_code[row] = octets[at], octets[at + 1]
                if length < ICMP_HEADER:
                    limit = BY_AROUND
                elif open_ended or fragment & MORE:
                    limit = BY_FRAGMENT
                o_flags[row] = flags | _stop(malformed, stops, row, L_ICMP, at - start, ICMP_HEADER, have, limit)
                stops += 1
                continue
            first, second = words.u32(octets, at), words.u32(octets, at + 4)
            message = first >> 24
            o_icmp_type[row], o_icmp_code[row] = message, (first >> 16) & 0xFF
            payload = at + ICMP_HEADER
            if length == have and fragment & MORE == 0 and words.total(octets, at, length) != ALL_ONES:
                flags |= F_BAD_CHECKSUM
            length -= ICMP_HEADER
            if message in (ECHO_REQUEST, ECHO_REPLY):
                o_icmp_id[row], o_icmp_seq[row] = second >> 16, second & 0xFFFF
                o_part[row] = P_ECHO_REQUEST if message == ECHO_REQUEST else P_ECHO_REPLY
            elif message in (UNREACHABLE, TIME_EXCEEDED, SOURCE_QUENCH, REDIRECT, PARAMETER_PROBLEM):
                o_part[row] = P_ERROR
                if _quoted(octets, payload, end, row, columns) == 0:
                    flags |= F_QUOTE_CUT
                if message == UNREACHABLE and o_icmp_code[row] == FRAGMENTATION_NEEDED:
                    columns.icmp_mtu[row] = second & 0xFFFF
        elif proto == TCP:
            if have < TCP_READ:
                if length < TCP_READ:
                    limit = BY_AROUND
                elif open_ended or fragment & MORE:
                    limit = BY_FRAGMENT
                o_flags[row] = flags | _stop(malformed, stops, row, L_TCP, at - start, TCP_READ, have, limit)
                stops += 1
                continue
            o_sport[row], o_dport[row] = words.u16(octets, at), words.u16(octets, at + 2)
            o_tcp_seq[row], o_tcp_ack[row] = words.u32(octets, at + 4), words.u32(octets, at + 8)
            bits = octets[at + 13]
            o_tcp_flags[row] = bits
            header = (octets[at + 12] >> 4) * 4
            if header < TCP_HEADER or (header > length and not open_ended and fragment & MORE == 0):
                flags |= _stop(malformed, stops, row, L_TCP, at - start, TCP_HEADER, header, BY_OWN)
                stops += 1
            if bits & (TCP_RST | TCP_SYN):
                if bits & TCP_RST:
                    o_part[row] = P_RESET if bits & TCP_ACK else 0
                else:
                    o_part[row] = P_SYN_ACK if bits & TCP_ACK else P_SYN
                if length == have and fragment & MORE == 0 and _bad(octets, ip, at, length, TCP):
                    flags |= F_BAD_CHECKSUM
            payload = at + header
            length -= header
        elif proto == UDP:
            if have < UDP_HEADER:
                if length < UDP_HEADER:
                    limit = BY_AROUND
                elif open_ended or fragment & MORE:
                    limit = BY_FRAGMENT
                o_flags[row] = flags | _stop(malformed, stops, row, L_UDP, at - start, UDP_HEADER, have, limit)
                stops += 1
                continue
            o_sport[row], o_dport[row] = words.u16(octets, at), words.u16(octets, at + 2)
            o_part[row] = P_DATAGRAM
            if (
                (o_dport[row] == PORT_DNS or o_sport[row] == PORT_DNS)
                and length == have
                and fragment & MORE == 0
                and words.u16(octets, at + UDP_CHECKSUM) != 0  # none was made
                and _bad(octets, ip, at, length, UDP)
            ):
                flags |= F_BAD_CHECKSUM
            payload = at + UDP_HEADER
            length -= UDP_HEADER
        o_flags[row] = flags
        o_payload_length[row] = max(0, length)
        if end - payload >= 16:
            digest = (DIGEST_START ^ words.u32(octets, payload)) * DIGEST_FACTOR & MASK32
            digest = ((digest ^ (digest >> 15)) ^ words.u32(octets, payload + 4)) * DIGEST_FACTOR & MASK32
            digest = ((digest ^ (digest >> 15)) ^ words.u32(octets, payload + 8)) * DIGEST_FACTOR & MASK32
            digest = ((digest ^ (digest >> 15)) ^ words.u32(octets, payload + 12)) * DIGEST_FACTOR & MASK32
            o_digest[row] = digest ^ (digest >> 15)
        elif payload < end and (captured[row] == wire[row] or limit == BY_AROUND):
            # Else it is cut: a digest of less would not compare.
            o_digest[row] = _digest(octets, payload, end)
    counts[0], counts[1], counts[2] = levels, stops, sixes
    return 0


def _stop(malformed: Any, stops: int, row: int, layer: int, offset: int, need: int, have: int, limited_by: int) -> int:
    """Note where a packet stops making sense; the flag it gets for that."""
    base = 6 * stops
    if base + 6 <= len(malformed):
        malformed[base], malformed[base + 1], malformed[base + 2] = row, layer, offset
        malformed[base + 3], malformed[base + 4], malformed[base + 5] = need, max(have, 0), limited_by
    return F_CUT if limited_by == BY_CAPTURE else F_MALFORMED


def _digest(octets: Any, at: int, end: int) -> int:
    """Of fewer than sixteen octets: in words of four, the last one filled with zeros."""
    digest = DIGEST_START
    while at < end:
        word = octets[at] << 24
        if end - at > 1:
            word |= octets[at + 1] << 16
        if end - at > 2:
            word |= octets[at + 2] << 8
        if end - at > 3:
            word |= octets[at + 3]
        digest = ((digest ^ word) * DIGEST_FACTOR) & MASK32
        digest ^= digest >> 15
        at += 4
    return digest


def _bad(octets: Any, ip: int, at: int, length: int, proto: int) -> int:
    """Whether the checksum of a TCP segment or UDP datagram is wrong (RFC 9293 §3.1: with the pseudo-header)."""
    summed = words.total(octets, ip + SOURCE, 8) + proto + length + words.total(octets, at, length)
    summed = (summed & 0xFFFF) + (summed >> 16)
    return (summed & 0xFFFF) + (summed >> 16) != ALL_ONES


# Steps: between the link header and IP, and between one IP header and the next ----------------------------------------


def _step(length: int, protocol: int) -> int:
    return (length << 16) | protocol


def _snap(octets: Any, at: int, end: int) -> int:
    """Behind an IEEE 802.3 length: SNAP with an EtherType, or nothing that is read here."""
    if end - at >= 8 and words.u32(octets, at) == SNAP and words.u16(octets, at + 4) == 0:
        return _step(8, words.u16(octets, at + 6))
    return 0


def _other_link(octets: Any, at: int, end: int, link_type: int) -> int:
    """BSD loopback, PPP and Cisco HDLC, of which four octets are there."""
    if link_type in (NULL, LOOP):
        family = words.u32(octets, at)
        if family > 0xFFFF:  # written by a machine of the other octet order
            family = octets[at] | (octets[at + 1] << 8)
        if family == 2:
            return _step(4, ETHERTYPE_IPV4)
        return _step(4, ETHERTYPE_IPV6) if family in (10, 24, 28, 30) else 0
    if link_type == C_HDLC and octets[at] != PPP_ADDRESS:
        return _step(4, words.u16(octets, at + 2))
    if octets[at] == PPP_ADDRESS and octets[at + 1] == PPP_CONTROL:
        step = _ppp(octets, at + 2, end)
        return step + (2 << 16) if step else 0
    return _ppp(octets, at, end)


def _ppp(octets: Any, at: int, end: int) -> int:
    """Behind the protocol field of PPP."""
    if at >= end:
        return 0
    length = 1
    protocol = octets[at]
    if protocol & 1 == 0:  # a compressed protocol field has one octet, which is odd (RFC 1661 §6.5)
        if end - at < 2:
            return 0
        length = 2
        protocol = words.u16(octets, at)
    if protocol == PPP_IPV4:
        return _step(length, ETHERTYPE_IPV4)
    if protocol == PPP_IPV6:
        return _step(length, ETHERTYPE_IPV6)
    return _step(length, ETHERTYPE_MPLS) if protocol == PPP_MPLS else 0


def _session(octets: Any, at: int, end: int) -> int:
    """Behind a PPPoE header: version and type 1, code 0 (RFC 2516 §4)."""
    if end - at < PPPOE_HEADER or octets[at] != 0x11 or octets[at + 1] != 0:
        return 0
    step = _ppp(octets, at + PPPOE_HEADER, end)
    return step + (PPPOE_HEADER << 16) if step else 0


def _labels(octets: Any, at: int, end: int) -> int:
    """Behind MPLS labels: nothing names what follows, but IP shows its version (RFC 4928 §3)."""
    length = 0
    bottom = 0
    while bottom == 0:
        if end - at - length <= MPLS_LABEL or length == LABELS_MAX * MPLS_LABEL:
            return 0
        bottom = words.u32(octets, at + length) & MPLS_BOTTOM
        length += MPLS_LABEL
    version = octets[at + length] >> 4
    if version == 4:
        return _step(length, ETHERTYPE_IPV4)
    return _step(length, ETHERTYPE_IPV6) if version == 6 else 0


def _ethernet(octets: Any, at: int, end: int) -> int:
    """Behind an Ethernet header within a tunnel, and its VLAN tags."""
    if end - at < ETHERNET_HEADER:
        return 0
    length = ETHERNET_HEADER
    protocol = words.u16(octets, at + ETHERNET_TYPE)
    while protocol in (ETHERTYPE_VLAN, ETHERTYPE_QINQ, ETHERTYPE_QINQ_OLD) and end - at - length >= VLAN_TAG:
        protocol = words.u16(octets, at + length + 2)
        length += VLAN_TAG
    return _step(length, protocol)


def _is_vxlan(octets: Any, at: int, end: int) -> int:
    """Whether a UDP datagram is VXLAN: by its destination port and the flag that all have."""
    if end - at < UDP_HEADER:
        return 0
    port = words.u16(octets, at + 2)
    if port == PORT_VXLAN:
        return end - at < UDP_HEADER + 1 or octets[at + UDP_HEADER] & VNI_IS_VALID != 0
    # This port is also used for other things.
    return (
        port == PORT_VXLAN_LINUX
        and end - at >= UDP_HEADER + VXLAN_HEADER
        and words.u32(octets, at + UDP_HEADER) == VNI_IS_VALID << 24
        and octets[at + UDP_HEADER + VXLAN_HEADER - 1] == 0
    )


def _inside(octets: Any, at: int, end: int, proto: int) -> int:
    """Behind a GRE header, or a UDP and a VXLAN header with an Ethernet header behind them."""
    if proto == UDP:
        length = UDP_HEADER + VXLAN_HEADER
        step = _ethernet(octets, at + length, end)
        return step + (length << 16) if step else 0
    if end - at < GRE_HEADER:
        return 0
    bits = words.u16(octets, at)
    if bits & (GRE_ROUTING | GRE_VERSION):  # source routes (RFC 1701) and PPTP (RFC 2637) are not read
        return 0
    length = GRE_HEADER
    if bits & GRE_CHECKSUM:
        length += 4
    if bits & GRE_KEY:
        length += 4
    if bits & GRE_SEQUENCE:
        length += 4
    protocol = words.u16(octets, at + 2)
    if protocol == TRANSPARENT_ETHERNET:
        step = _ethernet(octets, at + length, end)
        return step + (length << 16) if step else 0
    if protocol in (ETHERTYPE_MPLS, ETHERTYPE_MPLS_MULTICAST):
        step = _labels(octets, at + length, end)
        return step + (length << 16) if step else 0
    return _step(length, protocol)


def _upper(octets: Any, at: int, end: int) -> int:
    """Behind an IPv6 header and its extension headers (RFC 8200 §4): as a step, but what follows is a protocol."""
    following = octets[at + IPV6_NEXT]
    length = IPV6_HEADER
    while end - at - length >= 8:  # extension headers have eight octets and more
        if following in (HOP_BY_HOP, ROUTING, DESTINATION_OPTIONS):
            following, length = octets[at + length], length + (octets[at + length + 1] + 1) * 8
        elif following == AH:  # RFC 4302 §2.2: in words of four octets, less two
            following, length = octets[at + length], length + (octets[at + length + 1] + 2) * 4
        elif following == IPV6_FRAGMENT:
            if words.u16(octets, at + length + 2) & IPV6_OFFSET_MASK:
                return _step(length, NO_NEXT)
            following, length = octets[at + length], length + 8
        else:
            break
    return _step(length, following)


def _quoted(octets: Any, at: int, end: int, row: int, columns: Any) -> int:
    """Read the packet that an ICMP error quotes (RFC 792, RFC 1812 §4.3.2.3); returns 0 where it is cut."""
    depth = 0
    while True:
        if end - at < HEADER_MIN or octets[at] >> 4 != 4 or (octets[at] & 0x0F) * 4 < HEADER_MIN:
            return 0
        depth += 1
        columns.quoted_depth[row] = depth
        columns.quoted_src[row] = words.u32(octets, at + SOURCE)
        columns.quoted_dst[row] = words.u32(octets, at + DESTINATION)
        proto = octets[at + PROTOCOL]
        columns.quoted_proto[row] = proto
        fragment = words.u16(octets, at + FRAGMENT) & OFFSET_MASK
        at += (octets[at] & 0x0F) * 4
        if proto == IPIP and fragment == 0 and depth < 8:
            continue
        break
    if fragment or end - at < 8:
        return 0
    if proto == ICMP:
        columns.quoted_type[row] = octets[at]
        columns.quoted_word[row] = words.u32(octets, at + 4)
    else:
        columns.quoted_word[row] = words.u32(octets, at)
        columns.quoted_seq[row] = words.u32(octets, at + 4)
    return 1
