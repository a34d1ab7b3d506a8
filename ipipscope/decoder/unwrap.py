"""Outer and inner headers of each packet, and what lies between, into columns.

Compiled: the `.pxd` beside this module gives the C types. In plain Python the same text runs on `memoryview`s, whose
items are Python ints, so that no NumPy scalar ever takes part in the arithmetic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ipipscope.decoder import icmp, ipv4, ipv6, link, tcp, udp
from ipipscope.decoder.columns import Columns, Direction, Flags, Kind, Part

if TYPE_CHECKING:
    from collections.abc import Sequence

# Constants of other modules become C variables here; the names stay.
NULL, ETHERNET, PPP, RAW_BSD, RAW_OPENBSD, PPP_HDLC = (
    link.LINKTYPE_NULL, link.LINKTYPE_ETHERNET, link.LINKTYPE_PPP, link.DLT_RAW, link.DLT_RAW_OPENBSD,
    link.LINKTYPE_PPP_HDLC,
)  # fmt: skip
RAW, C_HDLC, LOOP, SLL, ONLY_IPV4, ONLY_IPV6, SLL2 = (
    link.LINKTYPE_RAW, link.LINKTYPE_C_HDLC, link.LINKTYPE_LOOP, link.LINKTYPE_LINUX_SLL, link.LINKTYPE_IPV4,
    link.LINKTYPE_IPV6, link.LINKTYPE_LINUX_SLL2,
)  # fmt: skip
ETHERTYPE_IPV4, ETHERTYPE_ARP, ETHERTYPE_IPV6 = link.ETHERTYPE_IPV4, link.ETHERTYPE_ARP, link.ETHERTYPE_IPV6
ETHERTYPE_VLAN, ETHERTYPE_QINQ, ETHERTYPE_QINQ_OLD = (
    link.ETHERTYPE_VLAN, link.ETHERTYPE_QINQ, link.ETHERTYPE_QINQ_OLD,
)  # fmt: skip
ETHERTYPE_MPLS, ETHERTYPE_MPLS_MULTICAST, ETHERTYPE_PPPOE = (
    link.ETHERTYPE_MPLS, link.ETHERTYPE_MPLS_MULTICAST, link.ETHERTYPE_PPPOE,
)  # fmt: skip
PPP_IPV4, PPP_IPV6, PACKET_OUTGOING = link.PPP_IPV4, link.PPP_IPV6, link.PACKET_OUTGOING
ETHERNET_HEADER, ETHERNET_TYPE, ETHERNET_SOURCE, VLAN_TAG = (
    link.ETHERNET_HEADER, link.ETHERNET_TYPE, link.ETHERNET_SOURCE, link.VLAN_TAG,
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
IPV6_HEADER, IPV6_NEXT, IPV6_OFFSET_MASK = ipv6.HEADER, ipv6.NEXT_HEADER, ipv6.OFFSET_MASK
HOP_BY_HOP, ROUTING, IPV6_FRAGMENT, AH, DESTINATION_OPTIONS = (
    ipv6.HOP_BY_HOP, ipv6.ROUTING, ipv6.FRAGMENT, ipv6.AUTHENTICATION, ipv6.DESTINATION_OPTIONS,
)  # fmt: skip
ICMP_HEADER, ECHO_REPLY, ECHO_REQUEST, UNREACHABLE, SOURCE_QUENCH, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM = (
    icmp.HEADER, icmp.ECHO_REPLY, icmp.ECHO_REQUEST, icmp.UNREACHABLE, icmp.SOURCE_QUENCH, icmp.REDIRECT,
    icmp.TIME_EXCEEDED, icmp.PARAMETER_PROBLEM,
)  # fmt: skip
FRAGMENTATION_NEEDED = icmp.FRAGMENTATION_NEEDED
TCP_READ, TCP_SYN, TCP_RST, TCP_ACK = tcp.READ, tcp.SYN, tcp.RST, tcp.ACK
UDP_HEADER, PORT_VXLAN = udp.HEADER, udp.PORT_VXLAN

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
GOING_IN, GOING_OUT = int(Direction.IN), int(Direction.OUT)

# Literals beyond 31 bits would be Python objects in the loop.
MASK32, FNV_START, FNV_PRIME, SNAP = 0xFFFFFFFF, 2166136261, 16777619, 0xAAAA0300
TUNNEL_DEVICE, INDEXED_DEVICE = link.TUNNEL_DEVICE, link.INDEXED_DEVICE
LEVELS_A_PACKET = 64
"""IPv4 headers between outermost and innermost that are kept; deeper ones are read and not kept."""


def u16(octets: Sequence[int], at: int) -> int:
    """Two octets in network order."""
    return (octets[at] << 8) | octets[at + 1]


def u32(octets: Sequence[int], at: int) -> int:
    """Four octets in network order."""
    return (u16(octets, at) << 16) | u16(octets, at + 2)


def u48(octets: Sequence[int], at: int) -> int:
    """A MAC address."""
    high = u16(octets, at)  # a variable of 64 bits
    return (high << 32) | u32(octets, at + 2)


def unwrap(octets: Any, offsets: Any, captured: Any, wire: Any, interface: Any, link_types: Any) -> Columns:
    """Decode the records that stand in one buffer.

    octets: the buffer.
    offsets, captured, wire: per record, where its frame begins in *octets*, how many octets of it stand there and how
        many were on the wire; u4.
    interface: per record, an index into *link_types*; u2.
    link_types: of each interface of the file; u4.
    Returns columns without `frame` and `time`, which only the reader knows. Never raises on frame contents: what does
    not decode is flagged CUT or MALFORMED (RFC 791 §3.1, RFC 2003 §3).
    """
    rows = len(offsets)
    columns = Columns.empty(rows)
    columns.captured_length[:] = captured
    columns.wire_length[:] = wire
    columns.interface[:] = interface
    levels = np.zeros((4, min(rows * LEVELS_A_PACKET, 1 << 16)), "u4")
    found = _unwrap(
        octets, memoryview(offsets), memoryview(captured), memoryview(interface), memoryview(link_types), columns,
        memoryview(levels[0]), memoryview(levels[1]), memoryview(levels[2]), memoryview(levels[3]),
    )  # fmt: skip
    if found:
        columns.level_row, columns.level_place, columns.level_src, columns.level_dst = levels[:, :found].copy()
    return columns


def _unwrap(
    octets: Any,
    offsets: Any,
    captured: Any,
    interface: Any,
    link_types: Any,
    columns: Any,
    level_row: Any,
    level_place: Any,
    level_src: Any,
    level_dst: Any,
) -> int:
    """The loop of `unwrap`: fills *columns*, returns how many levels it wrote."""
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
    o_fragment_offset = memoryview(columns.fragment_offset)
    o_icmp_type, o_icmp_code = memoryview(columns.icmp_type), memoryview(columns.icmp_code)
    o_icmp_id, o_icmp_seq = memoryview(columns.icmp_id), memoryview(columns.icmp_seq)
    o_sport, o_dport = memoryview(columns.sport), memoryview(columns.dport)
    o_tcp_flags = memoryview(columns.tcp_flags)
    o_tcp_seq, o_tcp_ack = memoryview(columns.tcp_seq), memoryview(columns.tcp_ack)
    o_payload_length, o_digest = memoryview(columns.payload_length), memoryview(columns.digest)

    levels = 0
    interfaces = len(link_types)
    for row in range(len(offsets)):
        at = offsets[row]
        end = at + captured[row]
        flags = 0
        kind = K_OTHER

        # The link layer: leaves `at` behind its header and `protocol` an EtherType, or counts the packet and goes on.
        protocol = 0
        link_type = link_types[interface[row]] if interface[row] < interfaces else 0xFFFF
        if link_type == ETHERNET:
            if end - at < ETHERNET_HEADER:
                o_kind[row], o_flags[row] = K_UNREADABLE, F_CUT
                continue
            o_dst_mac[row], o_src_mac[row] = u48(octets, at), u48(octets, at + ETHERNET_SOURCE)
            protocol = u16(octets, at + ETHERNET_TYPE)
            at += ETHERNET_HEADER
            if (
                protocol <= 1500  # an IEEE 802.2 length; SNAP with an EtherType behind it is IP all the same (RFC 1042)
                and end - at >= 8
                and u32(octets, at) == SNAP
                and u16(octets, at + 4) == 0
            ):
                protocol = u16(octets, at + 6)
                at += 8
        elif link_type in (RAW, RAW_BSD, RAW_OPENBSD):
            protocol = ETHERTYPE_IPV6 if at < end and octets[at] >> 4 == 6 else ETHERTYPE_IPV4
        elif link_type == SLL:
            if end - at < SLL_HEADER:
                o_kind[row], o_flags[row] = K_UNREADABLE, F_CUT
                continue
            o_direction[row] = GOING_OUT if u16(octets, at + SLL_TYPE) == PACKET_OUTGOING else GOING_IN
            o_device[row] = u16(octets, at + SLL_HARDWARE)
            if o_device[row] == ARPHRD_TUNNEL:
                o_device[row] |= TUNNEL_DEVICE
            o_src_mac[row] = u48(octets, at + SLL_ADDRESS)
            protocol = u16(octets, at + SLL_PROTOCOL)
            at += SLL_HEADER
        elif link_type == SLL2:
            if end - at < SLL2_HEADER:
                o_kind[row], o_flags[row] = K_UNREADABLE, F_CUT
                continue
            o_direction[row] = GOING_OUT if octets[at + SLL2_TYPE] == PACKET_OUTGOING else GOING_IN
            o_device[row] = (u32(octets, at + SLL2_INTERFACE) & (INDEXED_DEVICE - 1)) | INDEXED_DEVICE
            if u16(octets, at + SLL2_HARDWARE) == ARPHRD_TUNNEL:
                o_device[row] |= TUNNEL_DEVICE
            o_src_mac[row] = u48(octets, at + SLL2_ADDRESS)
            protocol = u16(octets, at + SLL2_PROTOCOL)
            at += SLL2_HEADER
        elif link_type == ONLY_IPV4:
            protocol = ETHERTYPE_IPV4
        elif link_type == ONLY_IPV6:
            protocol = ETHERTYPE_IPV6
        elif link_type in (NULL, LOOP):
            if end - at < 4:
                o_kind[row], o_flags[row] = K_UNREADABLE, F_CUT
                continue
            family = u32(octets, at)
            if family > 0xFFFF:  # written by a machine of the other octet order
                family = octets[at] | (octets[at + 1] << 8)
            at += 4
            if family == 2:
                protocol = ETHERTYPE_IPV4
            elif family in (10, 24, 28, 30):
                protocol = ETHERTYPE_IPV6
        elif link_type in (PPP, PPP_HDLC, C_HDLC):
            if end - at < 4:
                o_kind[row], o_flags[row] = K_UNREADABLE, F_CUT
                continue
            if link_type == C_HDLC and octets[at] != 0xFF:
                protocol = u16(octets, at + 2)
                at += 4
            else:
                if octets[at] == 0xFF and octets[at + 1] == 0x03:  # address and control (RFC 1662 §3.1)
                    at += 2
                if octets[at] & 1:  # a compressed protocol field has one octet (RFC 1661 §6.5)
                    protocol = octets[at]
                    at += 1
                elif end - at >= 2:
                    protocol = u16(octets, at)
                    at += 2
                if protocol == PPP_IPV4:
                    protocol = ETHERTYPE_IPV4
                elif protocol == PPP_IPV6:
                    protocol = ETHERTYPE_IPV6
                else:
                    protocol = 0
        else:
            o_kind[row] = K_UNKNOWN_LINK
            continue

        while protocol in (ETHERTYPE_VLAN, ETHERTYPE_QINQ, ETHERTYPE_QINQ_OLD):
            if end - at < VLAN_TAG:
                break
            if o_vlan[row] == 0:
                o_vlan[row] = u16(octets, at) & 0x0FFF
            protocol = u16(octets, at + 2)
            at += VLAN_TAG

        if protocol != ETHERTYPE_IPV4:
            if protocol == ETHERTYPE_ARP:
                kind = K_ARP
            elif protocol == ETHERTYPE_IPV6:
                kind = _ipv6(octets, at, end)
                if kind < 0:
                    kind, flags = K_IPV6, F_MALFORMED
            elif protocol in (ETHERTYPE_MPLS, ETHERTYPE_MPLS_MULTICAST):
                kind = K_MPLS
            elif protocol == ETHERTYPE_PPPOE:
                kind = K_PPPOE
            elif protocol in (ETHERTYPE_VLAN, ETHERTYPE_QINQ, ETHERTYPE_QINQ_OLD):
                kind = K_UNREADABLE
                flags = F_CUT
            o_kind[row], o_flags[row] = kind, flags
            continue

        # IPv4, header by header, until one carries something else than IPIP.
        depth = 0
        previous_src = previous_dst = 0
        source = destination = 0
        proto = 0
        fragment = 0
        while True:
            if end - at < HEADER_MIN:
                flags |= F_CUT if captured[row] < _on_wire(columns, row) else F_MALFORMED
                break
            header = (octets[at] & 0x0F) * 4
            total = u16(octets, at + TOTAL_LENGTH)
            if octets[at] >> 4 != 4 or header < HEADER_MIN or (total != 0 and total < header):
                flags |= F_MALFORMED
                break
            if end - at < header:
                flags |= F_CUT if captured[row] < _on_wire(columns, row) else F_MALFORMED
                break
            if header > HEADER_MIN:
                flags |= F_OPTIONS
            if total != 0 and total < end - at:
                end = at + total  # Ethernet padding, or what stands behind an inner packet
            # A total length of 0 is TCP segmentation offload: the packet is as long as was captured.
            previous_src, previous_dst = source, destination
            source, destination = u32(octets, at + SOURCE), u32(octets, at + DESTINATION)
            fragment = u16(octets, at + FRAGMENT)
            proto = octets[at + PROTOCOL]
            depth += 1
            if depth == 1 and proto == IPIP:
                o_outer_src[row], o_outer_dst[row] = source, destination
                o_outer_ttl[row], o_outer_tos[row] = octets[at + TTL], octets[at + 1]
                o_outer_id[row] = u16(octets, at + IDENTIFICATION)
                if fragment & DONT_FRAGMENT:
                    flags |= F_OUTER_DF
                if fragment & (MORE | OFFSET_MASK):
                    flags |= F_OUTER_FRAGMENT
            elif depth > 2 and levels < len(level_row) and depth - 2 <= LEVELS_A_PACKET:
                level_row[levels], level_place[levels] = row, depth - 2
                level_src[levels], level_dst[levels] = previous_src, previous_dst
                levels += 1
            if proto == IPIP and (fragment & OFFSET_MASK) == 0 and depth < 255:
                at += header
                if at < end and octets[at] >> 4 == 6:
                    kind = K_V6_UNDER_IPIP
                    break
                continue
            kind = K_IPIP if depth > 1 else K_NATIVE
            break

        o_depth[row] = depth
        if kind == K_V6_UNDER_IPIP:
            o_kind[row], o_flags[row] = kind, flags
            continue
        if kind == K_OTHER:  # the last header that was asked for could not be read
            if depth < 2:
                o_kind[row], o_flags[row] = K_UNREADABLE if depth == 0 else K_OPAQUE, flags
                continue
            o_kind[row], o_flags[row] = K_IPIP, flags
            o_inner_src[row], o_inner_dst[row], o_inner_proto[row] = source, destination, proto
            continue
        if depth == 1 and proto == IPIP:
            o_kind[row], o_flags[row] = K_FRAGMENT, flags
            continue
        o_inner_src[row], o_inner_dst[row] = source, destination
        o_inner_ttl[row], o_inner_tos[row] = octets[at + TTL], octets[at + 1]
        o_inner_id[row], o_inner_length[row] = u16(octets, at + IDENTIFICATION), total
        o_inner_proto[row] = proto
        o_fragment_offset[row] = (fragment & OFFSET_MASK) * 8
        if fragment & DONT_FRAGMENT:
            flags |= F_INNER_DF
        if fragment & MORE:
            flags |= F_MORE
        if fragment & (MORE | OFFSET_MASK):
            flags |= F_INNER_FRAGMENT
        if proto == IPV6:
            kind = K_6IN4
        elif proto == GRE:
            kind = K_GRE
        o_kind[row] = kind
        if fragment & OFFSET_MASK:
            o_flags[row] = flags
            continue

        # The transport header, of first fragments and whole packets.
        at += header
        length = total - header if total >= header else end - at
        payload = at
        if proto == ICMP:
            if end - at < ICMP_HEADER:
                if end - at >= 2:
                    o_icmp_type[row], o_icmp_code[row] = octets[at], octets[at + 1]
                flags |= F_CUT if length >= ICMP_HEADER else F_MALFORMED
                o_flags[row] = flags
                continue
            message = octets[at]
            o_icmp_type[row], o_icmp_code[row] = message, octets[at + 1]
            payload = at + ICMP_HEADER
            length -= ICMP_HEADER
            if message in (ECHO_REQUEST, ECHO_REPLY):
                o_icmp_id[row], o_icmp_seq[row] = u16(octets, at + 4), u16(octets, at + 6)
                o_part[row] = P_ECHO_REQUEST if message == ECHO_REQUEST else P_ECHO_REPLY
            elif message in (UNREACHABLE, TIME_EXCEEDED, SOURCE_QUENCH, REDIRECT, PARAMETER_PROBLEM):
                o_part[row] = P_ERROR
                if _quoted(octets, payload, end, row, columns) == 0:
                    flags |= F_QUOTE_CUT
                if message == UNREACHABLE and octets[at + 1] == FRAGMENTATION_NEEDED:
                    columns.icmp_mtu[row] = u16(octets, at + 6)
        elif proto == TCP:
            if end - at < TCP_READ:
                flags |= F_CUT if length >= TCP_READ else F_MALFORMED
                o_flags[row] = flags
                continue
            o_sport[row], o_dport[row] = u16(octets, at), u16(octets, at + 2)
            o_tcp_seq[row], o_tcp_ack[row] = u32(octets, at + 4), u32(octets, at + 8)
            bits = octets[at + 13]
            o_tcp_flags[row] = bits
            if bits & TCP_RST:
                o_part[row] = P_RESET if bits & TCP_ACK else 0
            elif bits & TCP_SYN:
                o_part[row] = P_SYN_ACK if bits & TCP_ACK else P_SYN
            header = (octets[at + 12] >> 4) * 4
            payload = at + header
            length -= header
        elif proto == UDP:
            if end - at < UDP_HEADER:
                flags |= F_CUT if length >= UDP_HEADER else F_MALFORMED
                o_flags[row] = flags
                continue
            o_sport[row], o_dport[row] = u16(octets, at), u16(octets, at + 2)
            o_part[row] = P_DATAGRAM
            payload = at + UDP_HEADER
            length -= UDP_HEADER
            if o_dport[row] == PORT_VXLAN and kind == K_NATIVE:
                o_kind[row] = K_VXLAN
        o_payload_length[row] = max(0, length)
        if payload < end:
            stop = payload + 16
            if stop > end:
                if captured[row] < _on_wire(columns, row):  # cut: a digest of less would not compare
                    o_flags[row] = flags
                    continue
                stop = end
            digest = FNV_START
            while payload < stop:
                digest = ((digest ^ octets[payload]) * FNV_PRIME) & MASK32
                payload += 1
            o_digest[row] = digest
        o_flags[row] = flags
    return levels


def _on_wire(columns: Any, row: int) -> int:
    """Octets on the wire; asked only where a packet turns out short."""
    return int(columns.wire_length[row])


def _ipv6(octets: Any, at: int, end: int) -> int:
    """The kind of an IPv6 packet (RFC 8200 §3); -1 where what it carries is of another version than it says."""
    if end - at < IPV6_HEADER or octets[at] >> 4 != 6:
        return -1
    following = octets[at + IPV6_NEXT]
    at += IPV6_HEADER
    while end - at >= 8:  # extension headers have eight octets and more (§4)
        if following == IPIP:
            return K_4IN6 if octets[at] >> 4 == 4 else -1
        if following == IPV6:
            return K_6IN6 if octets[at] >> 4 == 6 else -1
        if following in (HOP_BY_HOP, ROUTING, DESTINATION_OPTIONS):
            following, at = octets[at], at + (octets[at + 1] + 1) * 8
        elif following == AH:  # RFC 4302 §2.2: in words of four octets, less two
            following, at = octets[at], at + (octets[at + 1] + 2) * 4
        elif following == IPV6_FRAGMENT:
            if u16(octets, at + 2) & IPV6_OFFSET_MASK:
                break
            following, at = octets[at], at + 8
        else:
            break
    return K_IPV6


def _quoted(octets: Any, at: int, end: int, row: int, columns: Any) -> int:
    """Read the packet that an ICMP error quotes (RFC 792, RFC 1812 §4.3.2.3); returns 0 where it is cut."""
    depth = 0
    while True:
        if end - at < HEADER_MIN or octets[at] >> 4 != 4 or (octets[at] & 0x0F) * 4 < HEADER_MIN:
            return 0
        depth += 1
        columns.quoted_depth[row] = depth
        columns.quoted_src[row], columns.quoted_dst[row] = u32(octets, at + SOURCE), u32(octets, at + DESTINATION)
        proto = octets[at + PROTOCOL]
        columns.quoted_proto[row] = proto
        fragment = u16(octets, at + FRAGMENT) & OFFSET_MASK
        at += (octets[at] & 0x0F) * 4
        if proto == IPIP and fragment == 0 and depth < 8:
            continue
        break
    if fragment or end - at < 8:
        return 0
    if proto == ICMP:
        columns.quoted_type[row] = octets[at]
        columns.quoted_word[row] = u32(octets, at + 4)
    else:
        columns.quoted_word[row] = u32(octets, at)
        columns.quoted_seq[row] = u32(octets, at + 4)
    return 1
