"""What the decoder reads of headers that were written octet by octet, in both builds."""

import dataclasses
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from written import (
    ETHERNET,
    RAW,
    Ipv4,
    echo,
    ethernet,
    icmp_error,
    ipv6,
    padded,
    tcp,
    udp,
    vlan,
)

from decoder.stack import layers
from ipipscope.decoder import link
from ipipscope.decoder.columns import COLUMNS, Columns, Direction, Flags, Kind, Part
from ipipscope.decoder.malformed import malformed

IPV4, IPV6 = 0x0800, 0x86DD
DF, MF = 0x4000, 0x2000
u8, u16, u32, u48 = (st.integers(0, 2**bits - 1) for bits in (8, 16, 32, 48))
data = st.binary(max_size=40)
ipv4_headers = st.builds(
    Ipv4, src=u32, dst=u32, ttl=u8, tos=u8, id=u16, fragment=st.sampled_from([0, DF]),
    options=st.one_of(st.just(b""), st.binary(min_size=1, max_size=40)),
)  # fmt: skip


def one(build, frame, link_type=ETHERNET, wire=None):
    """The one row of a frame as a dictionary."""
    columns = build.decode_frames([frame], link_type, None if wire is None else [wire])
    return {name: int(getattr(columns, name)[0]) for name in COLUMNS}


pairs_of_macs = st.tuples(u48, u48)
echo_numbers = st.tuples(u16, u16, st.booleans())


@given(outer=ipv4_headers, inner=ipv4_headers, numbers=echo_numbers, payload=data, macs=pairs_of_macs)
def test_an_echo_inside_ipip_is_read_as_it_was_written(
    installed_build, plain_build, outer, inner, numbers, payload, macs
):
    src, dst = macs
    outer, inner = dataclasses.replace(outer, proto=4), dataclasses.replace(inner, proto=1)
    id_, seq, reply = numbers
    packet = inner(echo(reply=reply, id=id_, seq=seq, data=payload))
    frame = ethernet(IPV4, outer(packet), src=src, dst=dst)
    for build in (installed_build, plain_build):
        row = one(build, frame)
        assert (row["kind"], row["depth"]) == (Kind.IPIP, 2)
        assert row["part"] == (Part.ECHO_REPLY if reply else Part.ECHO_REQUEST)
        assert (row["outer_src"], row["outer_dst"]) == (outer.src, outer.dst)
        assert (row["outer_ttl"], row["outer_tos"], row["outer_id"]) == (outer.ttl, outer.tos, outer.id)
        assert (row["inner_src"], row["inner_dst"], row["inner_proto"]) == (inner.src, inner.dst, 1)
        assert (row["inner_ttl"], row["inner_tos"], row["inner_id"]) == (inner.ttl, inner.tos, inner.id)
        assert row["inner_length"] == len(packet)
        assert (row["icmp_id"], row["icmp_seq"]) == (id_, seq)
        assert row["payload_length"] == len(payload)
        assert (row["src_mac"], row["dst_mac"]) == (src, dst)
        assert bool(row["flags"] & Flags.OUTER_DF) == bool(outer.fragment)
        assert bool(row["flags"] & Flags.INNER_DF) == bool(inner.fragment)
        assert bool(row["flags"] & Flags.OPTIONS) == bool(outer.options or inner.options)
        assert not row["flags"] & (Flags.CUT | Flags.MALFORMED)


@given(headers=st.lists(ipv4_headers, min_size=3, max_size=6))
def test_every_level_of_a_nested_packet_is_kept(installed_build, plain_build, headers):
    packet = dataclasses.replace(headers[-1], proto=1)(echo())
    for header in reversed(headers[:-1]):
        packet = dataclasses.replace(header, proto=4)(packet)
    for build in (installed_build, plain_build):
        columns = build.decode_frames([b"", packet], RAW)
        assert columns.depth.tolist() == [0, len(headers)]
        assert (columns.outer_src[1], columns.outer_dst[1]) == (headers[0].src, headers[0].dst)
        assert (columns.inner_src[1], columns.inner_dst[1]) == (headers[-1].src, headers[-1].dst)
        assert columns.level_row.tolist() == [1] * (len(headers) - 2)
        assert columns.level_place.tolist() == list(range(1, len(headers) - 1))
        assert columns.level_src.tolist() == [header.src for header in headers[1:-1]]
        assert columns.level_dst.tolist() == [header.dst for header in headers[1:-1]]


@given(flags=u8, ports=st.tuples(u16, u16), seq=u32, ack=u32, payload=data)
def test_tcp_numbers_are_read_as_they_were_written(installed_build, plain_build, flags, ports, seq, ack, payload):
    sport, dport = ports
    frame = Ipv4(proto=6)(tcp(sport, dport, flags, seq, ack, payload))
    for build in (installed_build, plain_build):
        row = one(build, frame, RAW)
        assert (row["sport"], row["dport"], row["tcp_flags"]) == (sport, dport, flags)
        assert (row["tcp_seq"], row["tcp_ack"], row["payload_length"]) == (seq, ack, len(payload))
        syn, rst, acknowledges = flags & 2, flags & 4, flags & 16
        if rst:
            assert row["part"] == (Part.RESET if acknowledges else Part.NONE)
        elif syn:
            assert row["part"] == (Part.SYN_ACK if acknowledges else Part.SYN)
        else:
            assert row["part"] == Part.NONE


@given(sport=u16, dport=st.sampled_from([0, 53, 443, 0xFFFF]), payload=data)
def test_udp_ports_are_read_as_they_were_written(installed_build, plain_build, sport, dport, payload):
    for build in (installed_build, plain_build):
        row = one(build, Ipv4(proto=17)(udp(sport, dport, payload)), RAW)
        assert (row["part"], row["sport"], row["dport"]) == (Part.DATAGRAM, sport, dport)
        assert row["payload_length"] == len(payload)


@given(frame=st.binary(max_size=200), link_type=st.sampled_from(sorted(link.DECODED)), longer=st.integers(0, 100))
def test_any_octets_give_a_row_and_both_builds_agree(installed_build, plain_build, frame, link_type, longer):
    rows = [build.decode_frames([frame], link_type, [len(frame) + longer]) for build in (installed_build, plain_build)]
    for field in dataclasses.fields(Columns):
        assert np.array_equal(*(getattr(columns, field.name) for columns in rows)), field.name


@given(data=st.data(), outer=ipv4_headers, inner=ipv4_headers)
def test_any_cut_of_a_packet_is_told_from_a_broken_one(installed_build, plain_build, data, outer, inner):
    outer, inner = dataclasses.replace(outer, proto=4), dataclasses.replace(inner, proto=1)
    frame = outer(inner(echo(data=b"0123456789abcdef")))
    needed = 20 + len(padded(outer.options)) + 20 + len(padded(inner.options)) + 8
    cut = data.draw(st.integers(0, len(frame)))
    for build in (installed_build, plain_build):
        row = one(build, frame[:cut], RAW, wire=len(frame))
        assert bool(row["flags"] & Flags.CUT) == (cut < needed)
        assert not row["flags"] & Flags.MALFORMED


# Link layers


def sll(direction, hardware, ethertype, payload):
    return struct.pack(">HHH8sH", direction, hardware, 6, b"\x02\0\0\0\0\x01\0\0", ethertype) + payload


def sll2(direction, hardware, ethertype, payload, index=7):
    head = struct.pack(">HHIHBB8s", ethertype, 0, index, hardware, direction, 6, b"\x02\0\0\0\0\x01\0\0")
    return head + payload


PACKET = Ipv4()(echo())
LINKS = {
    "Ethernet": (ETHERNET, ethernet(IPV4, PACKET)),
    "Ethernet with padding": (ETHERNET, ethernet(IPV4, PACKET) + bytes(32)),
    "802.1Q": (ETHERNET, ethernet(0x8100, vlan(5, IPV4, PACKET))),
    "802.1ad and 802.1Q": (ETHERNET, ethernet(0x88A8, vlan(5, 0x8100, vlan(6, IPV4, PACKET)))),
    "802.2 SNAP": (ETHERNET, ethernet(8 + len(PACKET), b"\xaa\xaa\x03\0\0\0\x08\0" + PACKET)),
    "raw 101": (101, PACKET), "raw 12": (12, PACKET), "raw 14": (14, PACKET), "IPv4": (228, PACKET),
    "cooked v1": (113, sll(0, 1, IPV4, PACKET)), "cooked v2": (276, sll2(0, 1, IPV4, PACKET)),
    "null, little-endian": (0, b"\x02\0\0\0" + PACKET), "null, big-endian": (0, b"\0\0\0\x02" + PACKET),
    "PPPoE without Ethernet": (51, struct.pack(">BBHHH", 0x11, 0, 1, 2 + len(PACKET), 0x21) + PACKET),
    "loop": (108, b"\0\0\0\x02" + PACKET),
    "PPP": (9, b"\xff\x03\0\x21" + PACKET), "PPP without address": (9, b"\0\x21" + PACKET),
    "PPP, compressed protocol": (9, b"\x21" + PACKET),
    "PPP in HDLC": (50, b"\xff\x03\0\x21" + PACKET), "Cisco HDLC": (104, b"\x0f\0\x08\0" + PACKET),
}  # fmt: skip


@pytest.mark.parametrize("name", LINKS)
def test_ipv4_is_found_behind_every_link_header(build, name):
    link_type, frame = LINKS[name]
    row = one(build, frame, link_type)
    assert (row["kind"], row["part"], row["icmp_id"]) == (Kind.NATIVE, Part.ECHO_REQUEST, 1)


@pytest.mark.parametrize("name", LINKS)
def test_every_link_header_may_be_cut(build, name):
    link_type, frame = LINKS[name]
    for cut in range(frame.index(PACKET)):
        row = one(build, frame[:cut], link_type, wire=len(frame))
        assert row["part"] == Part.NONE


def test_the_outermost_vlan_counts(build):
    frame = ethernet(0x88A8, vlan(0x6005, 0x8100, vlan(6, IPV4, PACKET)))
    assert one(build, frame)["vlan"] == 5


def test_a_cooked_capture_tells_which_way_a_packet_went(build):
    assert one(build, sll(4, 1, IPV4, PACKET), 113)["direction"] == Direction.OUT
    assert one(build, sll(0, 1, IPV4, PACKET), 113)["direction"] == Direction.IN
    assert one(build, sll2(4, 1, IPV4, PACKET), 276)["direction"] == Direction.OUT
    assert one(build, sll2(0, 1, IPV4, PACKET), 276)["direction"] == Direction.IN


def test_a_cooked_capture_tells_tunnel_devices_from_others(build):
    assert one(build, sll(0, 768, IPV4, PACKET), 113)["device"] & link.TUNNEL_DEVICE
    assert one(build, sll2(0, 768, IPV4, PACKET, index=3), 276)["device"] == (
        link.TUNNEL_DEVICE | link.INDEXED_DEVICE | 3
    )
    assert one(build, sll2(0, 1, IPV4, PACKET, index=9), 276)["device"] == link.INDEXED_DEVICE | 9


# Carriers: what stands between the link header and IP, and between IP and IP


def label(number, *, bottom):
    return struct.pack(">I", number << 12 | bottom << 8 | 64)


def gre(ethertype, payload, *, checksum=False, key=False, sequence=False):
    bits = checksum << 15 | key << 13 | sequence << 12
    return struct.pack(">HH", bits, ethertype) + bytes(4 * (checksum + key + sequence)) + payload


def vxlan(frame, port=4789):
    return udp(49152, port, struct.pack(">II", 0x08000000, 4096 << 8) + frame)


def pppoe(payload, protocol=0x0021, code=0):
    return struct.pack(">BBHHH", 0x11, code, 1, 2 + len(payload), protocol) + payload


IPIP_PACKET = Ipv4(src=1, dst=2, proto=4)(PACKET)
ON_A_LINK = {
    "PPPoE": ethernet(0x8864, pppoe(IPIP_PACKET)),
    "PPPoE in a VLAN": ethernet(0x8100, vlan(7, 0x8864, pppoe(IPIP_PACKET))),
    "one MPLS label": ethernet(0x8847, label(16, bottom=True) + IPIP_PACKET),
    "three MPLS labels in a VLAN": ethernet(
        0x8100,
        vlan(7, 0x8847, label(16, bottom=False) + label(17, bottom=False) + label(18, bottom=True) + IPIP_PACKET),
    ),
    "802.2 SNAP in a VLAN": ethernet(0x8100, vlan(7, 8 + len(IPIP_PACKET), b"\xaa\xaa\x03\0\0\0\x08\0" + IPIP_PACKET)),
}


@pytest.mark.parametrize("name", ON_A_LINK)
def test_ipip_is_found_behind(build, name):
    row = one(build, ON_A_LINK[name])
    assert (row["kind"], row["depth"], row["part"]) == (Kind.IPIP, 2, Part.ECHO_REQUEST)
    assert (row["outer_src"], row["outer_dst"]) == (1, 2)


TUNNELS = {
    "GRE": (Kind.GRE, 47, gre(IPV4, PACKET)),
    "GRE with key": (Kind.GRE, 47, gre(IPV4, PACKET, key=True)),
    "GRE with checksum, key and sequence": (Kind.GRE, 47, gre(IPV4, PACKET, checksum=True, key=True, sequence=True)),
    "Ethernet in GRE": (Kind.GRE, 47, gre(0x6558, ethernet(IPV4, PACKET))),
    "a VLAN in Ethernet in GRE": (Kind.GRE, 47, gre(0x6558, ethernet(0x8100, vlan(4, IPV4, PACKET)), key=True)),
    "VXLAN": (Kind.VXLAN, 17, vxlan(ethernet(IPV4, PACKET))),
    "VXLAN at Linux's port": (Kind.VXLAN, 17, vxlan(ethernet(IPV4, PACKET), 8472)),
}


@pytest.mark.parametrize("name", TUNNELS)
def test_an_echo_is_found_in(build, name):
    kind, proto, payload = TUNNELS[name]
    row = one(build, ethernet(IPV4, Ipv4(src=8, dst=9, proto=proto, ttl=61)(payload)))
    assert (row["kind"], row["depth"], row["part"]) == (kind, 2, Part.ECHO_REQUEST)
    assert (row["outer_src"], row["outer_dst"], row["outer_ttl"]) == (8, 9, 61)
    assert (row["inner_src"], row["inner_dst"], row["vlan"]) == (0x0A000001, 0x0A000002, 0)
    assert not row["flags"] & (Flags.CUT | Flags.MALFORMED | Flags.BAD_CHECKSUM)


@pytest.mark.parametrize("name", TUNNELS)
def test_a_tunnel_that_cannot_be_looked_into_is_named_and_is_no_exchange(build, name):
    kind, proto, payload = TUNNELS[name]
    whole = Ipv4(src=8, dst=9, proto=proto)(payload)
    for cut in range(20, len(whole) - len(PACKET)):
        row = one(build, whole[:cut], RAW, wire=len(whole))
        if proto == 17 and cut < 36:
            continue  # not known for VXLAN by its port alone
        assert (row["kind"], row["depth"], row["part"]) == (kind, 1, Part.NONE)
        assert (row["outer_src"], row["outer_dst"], row["inner_src"]) == (8, 9, 0)


def test_tunnels_of_ipv6_keep_their_addresses(build):
    frames = [
        ethernet(IPV6, ipv6(4, PACKET)),
        ethernet(IPV4, Ipv4(src=8, dst=9, proto=41)(ipv6(58, bytes(8)))),
        ethernet(IPV6, ipv6(41, ipv6(58, bytes(8)))),
        ethernet(IPV4, Ipv4(src=8, dst=9, proto=4)(ipv6(58, bytes(8)))),
        ethernet(IPV6, ipv6(47, gre(IPV4, PACKET))),
    ]
    columns = build.decode_frames(frames, ETHERNET)
    assert columns.depth.tolist() == [2] * 5
    assert [Kind(kind) for kind in columns.kind] == [
        Kind.IPV4_IN_IPV6, Kind.IPV6_IN_IPV4, Kind.IPV6_IN_IPV6, Kind.IPV6_UNDER_IPIP, Kind.GRE,
    ]  # fmt: skip
    six = layers(build.decode_frames([frames[2]], ETHERNET), 0)[0]
    four, low = ("10.0.0.1", "10.0.0.2"), ("0.0.0.8", "0.0.0.9")
    assert [layers(columns, row) for row in range(5)] == [[six, four], [low, six], [six, six], [low, six], [six, four]]
    assert columns.part.tolist() == [Part.ECHO_REQUEST, 0, 0, 0, Part.ECHO_REQUEST]


# Checksums


@given(bit=st.integers(0, 8 * 84 - 1), options=st.binary(max_size=8))
def test_one_wrong_bit_is_a_wrong_checksum(installed_build, plain_build, bit, options):
    whole = bytearray(Ipv4(proto=4, options=options)(Ipv4(proto=1)(echo(data=b"0123456789abcdef0123456789abcdef"))))
    bit %= 8 * len(whole)
    for build in (installed_build, plain_build):
        assert not one(build, bytes(whole), RAW)["flags"] & (Flags.BAD_HEADER_CHECKSUM | Flags.BAD_CHECKSUM)
    whole[bit // 8] ^= 1 << bit % 8
    for build in (installed_build, plain_build):
        row = one(build, bytes(whole), RAW)
        if row["part"] and row["depth"] == 2:
            assert row["flags"] & (Flags.BAD_HEADER_CHECKSUM | Flags.BAD_CHECKSUM)


@given(payload=st.binary(max_size=70))
def test_icmp_checksums_of_any_length_are_verified(installed_build, plain_build, payload):
    for build in (installed_build, plain_build):
        assert not one(build, Ipv4()(echo(data=payload)), RAW)["flags"] & Flags.BAD_CHECKSUM
        assert one(build, Ipv4()(echo(data=payload + b"\1")[:-1] + b"\2"), RAW)["flags"] & Flags.BAD_CHECKSUM


def test_a_checksum_over_what_was_not_captured_is_not_judged(build):
    packet = Ipv4()(echo(data=bytes(range(60))))
    assert one(build, packet[:-1], RAW, wire=len(packet))["flags"] == 0
    first = Ipv4(fragment=MF)(echo(data=bytes(range(60)))[:-20])
    assert not one(build, first, RAW)["flags"] & Flags.BAD_CHECKSUM


# Where a packet stops making sense


def stops(build, frame, link_type=RAW, wire=None):
    return [
        str(each) for _, each in malformed(build.decode_frames([frame], link_type, None if wire is None else [wire]))
    ]


def test_a_cut_packet_names_the_layer_and_that_the_capture_cut_it(build):
    whole = ethernet(IPV4, IPIP_PACKET)
    assert stops(build, whole[:10], ETHERNET, len(whole)) == [
        "link header at octet 0 needs 14 octets, has 10 (captured length)"
    ]
    assert stops(build, whole[:20], ETHERNET, len(whole)) == [
        "IPv4 header at octet 14 needs 20 octets, has 6 (captured length)"
    ]
    assert stops(build, whole[:44], ETHERNET, len(whole)) == [
        "inner IPv4 header at octet 34 needs 20 octets, has 10 (captured length)"
    ]
    assert stops(build, whole[:58], ETHERNET, len(whole)) == [
        "ICMP message at octet 54 needs 8 octets, has 4 (captured length)"
    ]


def test_lengths_that_contradict_each_other_are_named(build):
    assert stops(build, Ipv4(proto=4, total=30)(PACKET)) == [
        "inner IPv4 header at octet 20 needs 20 octets, has 10 (length in the header around it)"
    ]
    assert stops(build, Ipv4(proto=4)(b"\x43" + PACKET[1:])) == [
        "inner IPv4 header at octet 20 needs 20 octets, has 12 (its own length)"
    ]
    assert stops(build, Ipv4(proto=4)(b"\x95" + PACKET[1:])) == [
        "inner IPv4 header at octet 20: version 9 in place of 4"
    ]
    assert stops(build, Ipv4(proto=4)(Ipv4(total=500)(echo()))) == [
        "inner IPv4 header at octet 20 needs 500 octets, has 28 (frame length)"
    ]
    assert stops(build, Ipv4(proto=4)(Ipv4(total=16)(echo()))) == [
        "inner IPv4 header at octet 20 needs 20 octets, has 16 (its own length)"
    ]


def test_a_first_fragment_is_shorter_than_its_packet_and_no_contradiction(build):
    inner = Ipv4()(echo(data=bytes(1000)))
    assert stops(build, Ipv4(proto=4, fragment=MF)(inner[:504])) == []


def test_sound_packets_stop_nowhere(build):
    for link_type, frame in LINKS.values():
        assert stops(build, frame, link_type) == []


# What is no IPv4, and what only looks like IPIP


def test_kinds_are_told_apart(build):
    def kind(frame, link_type=ETHERNET):
        return Kind(one(build, frame, link_type)["kind"])

    assert kind(ethernet(0x0806, bytes(28))) is Kind.ARP
    assert kind(ethernet(IPV6, ipv6(58, bytes(8)))) is Kind.IPV6
    assert kind(ethernet(IPV6, ipv6(4, PACKET))) is Kind.IPV4_IN_IPV6
    assert kind(ethernet(IPV6, ipv6(41, ipv6(58, bytes(8))))) is Kind.IPV6_IN_IPV6
    assert kind(ethernet(IPV4, Ipv4(proto=41)(ipv6(58, bytes(8))))) is Kind.IPV6_IN_IPV4
    assert kind(ethernet(IPV4, Ipv4(proto=4)(ipv6(58, bytes(8))))) is Kind.IPV6_UNDER_IPIP
    assert kind(ethernet(IPV4, Ipv4(proto=4)(b"\x13" + bytes(30)))) is Kind.IPIP_OPAQUE
    assert kind(ethernet(IPV4, Ipv4(proto=4, fragment=100)(PACKET))) is Kind.IPIP_FRAGMENT
    assert kind(ethernet(0x88CC, bytes(40))) is Kind.OTHER
    assert kind(b"\x45" + bytes(5), RAW) is Kind.UNREADABLE
    assert kind(PACKET, 105) is Kind.UNKNOWN_LINK


def test_ipv6_extension_headers_are_stepped_over(build):
    hop_by_hop, first_fragment = bytes([44, 0, 1, 4, 0, 0, 0, 0]), bytes([4, 0, 0, 1, 0, 0, 0, 9])
    row = one(build, ethernet(IPV6, ipv6(0, hop_by_hop + first_fragment + PACKET)))
    assert row["kind"] == Kind.IPV4_IN_IPV6
    later = bytes([4, 0, 0, 9, 0, 0, 0, 9])
    assert one(build, ethernet(IPV6, ipv6(44, later + PACKET)))["kind"] == Kind.IPV6


def test_a_carried_header_of_another_version_is_malformed(build):
    row = one(build, ethernet(IPV6, ipv6(41, PACKET)))
    assert (row["kind"], row["flags"]) == (Kind.IPV6, Flags.MALFORMED)


def test_a_header_length_below_five_is_no_header(build):
    forged = b"\x44" + PACKET[1:]
    row = one(build, Ipv4(proto=4)(forged), RAW)
    assert (row["kind"], row["depth"], row["part"]) == (Kind.IPIP_OPAQUE, 1, Part.NONE)
    assert row["flags"] & Flags.MALFORMED


# Fragments


def test_fragments_of_the_inner_packet_keep_offset_and_id(build):
    outer = Ipv4(proto=4)
    first = one(build, outer(Ipv4(id=77, fragment=MF)(echo(data=bytes(24)))), RAW)
    later = one(build, outer(Ipv4(id=77, fragment=4)(bytes(24))), RAW)
    assert (first["part"], first["fragment_offset"]) == (Part.ECHO_REQUEST, 0)
    assert first["flags"] & Flags.MORE_FRAGMENTS
    assert first["flags"] & Flags.INNER_FRAGMENT
    assert (later["part"], later["fragment_offset"], later["inner_id"]) == (Part.NONE, 32, 77)
    assert (later["kind"], later["flags"]) == (Kind.IPIP, Flags.INNER_FRAGMENT)


def test_fragments_of_the_outer_packet_are_told(build):
    inner = Ipv4()(echo(data=bytes(1000)))
    first = one(build, Ipv4(proto=4, fragment=MF)(inner[:504]), RAW)
    later = one(build, Ipv4(proto=4, fragment=63)(inner[504:]), RAW)
    assert (first["kind"], first["part"]) == (Kind.IPIP, Part.ECHO_REQUEST)
    assert first["flags"] == Flags.OUTER_FRAGMENT
    assert (later["kind"], later["flags"]) == (Kind.IPIP_FRAGMENT, Flags.OUTER_FRAGMENT)
    assert later["outer_src"]


# ICMP errors


@given(quoted=st.binary(max_size=60))
def test_any_quote_gives_a_row(installed_build, plain_build, quoted):
    frame = Ipv4()(icmp_error(3, 1, quoted))
    assert one(installed_build, frame, RAW) == one(plain_build, frame, RAW)


def test_an_error_about_an_ipip_packet_quotes_the_inner_one(build):
    lost = Ipv4(src=1, dst=2, proto=4)(Ipv4(src=3, dst=4, proto=1)(echo(id=0xFFFE, seq=0x8001)))
    row = one(build, Ipv4()(icmp_error(3, 4, lost, word=1400)), RAW)
    assert (row["part"], row["icmp_type"], row["icmp_code"], row["icmp_mtu"]) == (Part.ERROR, 3, 4, 1400)
    assert (row["quoted_depth"], row["quoted_src"], row["quoted_dst"]) == (2, 3, 4)
    assert (row["quoted_proto"], row["quoted_type"], row["quoted_word"]) == (1, 8, 0xFFFE8001)
    assert not row["flags"] & Flags.QUOTE_CUT


def test_an_error_that_quotes_eight_octets_of_an_ipip_packet_is_cut(build):
    lost = Ipv4(src=1, dst=2, proto=4)(Ipv4(src=3, dst=4, proto=1)(echo()))
    row = one(build, Ipv4()(icmp_error(3, 4, lost[:28], word=1400)), RAW)
    assert (row["quoted_depth"], row["quoted_src"]) == (1, 1)
    assert row["flags"] & Flags.QUOTE_CUT


# Arithmetic that C and Python do differently


def digest_of(octets):
    """Each word of four octets is mixed in by FNV-1a's multiplication and a shift."""
    digest = 2166136261
    padded_octets = octets + bytes(-len(octets) % 4)
    for (word,) in struct.iter_unpack(">I", padded_octets):
        digest = ((digest ^ word) * 16777619) % 2**32
        digest ^= digest >> 15
    return digest


@given(payload=st.binary(min_size=1, max_size=64))
def test_the_digest_is_that_of_sixteen_octets(installed_build, plain_build, payload):
    for build in (installed_build, plain_build):
        assert one(build, Ipv4()(echo(data=payload)), RAW)["digest"] == digest_of(payload[:16])


def test_a_digest_of_less_than_was_sent_is_not_made(build):
    frame = Ipv4()(echo(data=bytes(16)))
    assert one(build, frame[:-1], RAW, wire=len(frame))["digest"] == 0


def test_all_bits_set_stay_unsigned(build):
    top = 0xFFFFFFFF
    header = {"src": top, "dst": top, "ttl": 255, "tos": 255, "id": 0xFFFF}
    packet = Ipv4(proto=4, **header)(Ipv4(proto=1, **header)(echo(id=0xFFFF, seq=0xFFFF)))
    row = one(build, ethernet(IPV4, packet, src=2**48 - 1, dst=2**48 - 1))
    assert row["outer_src"] == row["inner_dst"] == top
    assert row["src_mac"] == row["dst_mac"] == 2**48 - 1
    assert (row["icmp_id"], row["icmp_seq"], row["inner_id"]) == (0xFFFF, 0xFFFF, 0xFFFF)


def test_a_total_length_of_zero_is_segmentation_offload(build):
    row = one(build, Ipv4(total=0, proto=6)(tcp(1, 2, 2, payload=bytes(100))), RAW)
    assert (row["part"], row["payload_length"]) == (Part.SYN, 100)
    assert not row["flags"] & Flags.MALFORMED
