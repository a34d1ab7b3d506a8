"""Frames rewritten: headers of every depth and link layer, damaged ones too, decode to what they were."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipipscope.anonymize.addresses import Addresses
from ipipscope.anonymize.frames import rewrite
from ipipscope.capture.packets import Records
from ipipscope.decoder import link
from ipipscope.decoder.columns import COLUMNS, Columns
from ipipscope.decoder.unwrap import unwrap

ADDRESSES = Addresses(bytes(range(32)))
LINK_TYPES = sorted(link.DECODED - {link.DLT_RAW, link.DLT_RAW_OPENBSD, link.LINKTYPE_PPP_HDLC})
"""Of those that are read in the same way, one."""
REPLACED = {
    "outer_src",
    "outer_dst",
    "inner_src",
    "inner_dst",
    "src_mac",
    "dst_mac",
    "digest",
    "quoted_src",
    "quoted_dst",
}


def records_of(frames: list[bytes]) -> Records:
    captured = np.array([len(frame) for frame in frames], "u4")
    offsets = (np.cumsum(captured) - captured).astype("u4")
    rows = len(frames)
    return Records(
        octets=bytearray(b"".join(frames)),
        offsets=offsets,
        captured=captured,
        wire=captured.copy(),
        time=np.arange(rows, dtype="i8"),
        interface=np.zeros(rows, "u2"),
        first_frame=1,
    )


def frames_of(records: Records) -> list[bytes]:
    return [
        bytes(records.octets[offset : offset + size])
        for offset, size in zip(records.offsets.tolist(), records.captured.tolist(), strict=True)
    ]


SECRETS = [
    *("10.122.17.65", "10.122.127.129", "192.168.3.110", "192.168.3.112", "192.168.0.253", "10.1.2.3", "10.1.2.4"),
    *("198.51.100.77", "203.0.113.9"),
]
SECRET_V6 = ["2001:db8:77::1234", "fd00:abcd::7", "fe80::16:3eff:fe00:1"]
SECRET_MACS = ["02:16:3e:00:00:01", "02:16:3e:00:00:02", "06:aa:bb:cc:dd:01", "06:aa:bb:cc:dd:02"]
SECRET_WORDS = [b"secret", b"query", b"0123456789", b"ac-name", b"node-77"]


def scapy_frames() -> list[bytes]:
    """Frames of every kind that the decoder looks into, and of some that it does not."""
    from scapy.contrib.geneve import GENEVE
    from scapy.contrib.lldp import LLDPDU, LLDPDUChassisID, LLDPDUEndOfLLDPDU, LLDPDUPortID, LLDPDUTimeToLive
    from scapy.contrib.mpls import MPLS
    from scapy.layers.dhcp import BOOTP, DHCP
    from scapy.layers.dns import DNS, DNSQR
    from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_RR
    from scapy.layers.inet6 import (
        ICMPv6ND_NS,
        ICMPv6NDOptSrcLLAddr,
        IPv6,
        IPv6ExtHdrFragment,
        IPv6ExtHdrHopByHop,
        IPv6ExtHdrRouting,
        PadN,
    )
    from scapy.layers.l2 import ARP, GRE, LLC, SNAP, Dot1Q, Dot3, Ether
    from scapy.layers.ppp import PPP, PPP_IPCP, PPP_IPCP_Option_IPAddress, PPPoE, PPPoED
    from scapy.layers.vxlan import VXLAN

    head = Ether(src="02:16:3e:00:00:01", dst="02:16:3e:00:00:02")
    within = Ether(src="06:aa:bb:cc:dd:01", dst="06:aa:bb:cc:dd:02")
    outer = IP(src="192.168.3.110", dst="192.168.3.112", id=7, ttl=63)
    inner = IP(src="10.122.17.65", dst="10.122.127.129", id=9)
    bare = IP(src="10.1.2.3", dst="10.1.2.4", id=11)
    six = IPv6(src="2001:db8:77::1234", dst="fd00:abcd::7")
    ping = inner / ICMP(id=891, seq=3) / (b"secret payload of some length " * 3)
    short = inner / ICMP(id=891, seq=3) / b"secret"
    udp = outer / UDP(sport=50000, dport=4789, chksum=0)
    error = IP(src="192.168.0.253", dst="192.168.3.110")
    made = [
        head / outer / ping,
        head / Dot1Q(vlan=7) / outer / ping,
        head / Dot1Q(vlan=7) / Dot1Q(vlan=8) / outer / ping,
        head / outer / outer / ping,
        head / error / ICMP(type=3, code=4, nexthopmtu=1400) / (outer / ping),
        head / error / ICMP(type=5, code=1, gw="203.0.113.9") / short,
        head / error / ICMP(type=3, code=1) / bytes(outer / ping)[:48],
        head / error / ICMP(type=11) / bytes(short)[:28],
        head / error / ICMP(type=3, code=1) / (bare / GRE() / ping),
        head / error / ICMP(type=3, code=1) / (IP(src="10.1.2.3", dst="10.1.2.4", proto=41) / six),
        head / outer / inner / TCP(sport=4000, dport=80, flags="S", seq=77, options=[("MSS", 1400)]),
        head / outer / inner / UDP(sport=4001, dport=53) / b"query",
        head / bare / UDP(sport=4001, dport=4789) / b"0123456789",
        head / bare / UDP(sport=4001, dport=53) / DNS(qd=DNSQR(qname="node-77.example")),
        head / bare / UDP(sport=68, dport=67) / BOOTP(yiaddr="198.51.100.77", chaddr=b"\x02\x16\x3e\0\0\1")
        / DHCP(options=[("message-type", "ack"), ("router", "203.0.113.9"), ("hostname", b"node-77"), "end"]),
        head / IP(src="10.1.2.3", dst="10.1.2.4", proto=47) / b"0123456789",
        head / IP(src="10.1.2.3", dst="10.1.2.4", proto=89) / bytes([2, 1, 0, 44, 198, 51, 100, 77]),
        head / IP(src="10.1.2.3", dst="10.1.2.4", frag=10) / b"0123456789",
        head / IP(src="10.1.2.3", dst="10.1.2.4", chksum=0x1234) / ping,
        head / IP(src="10.1.2.3", dst="10.1.2.4", options=[IPOption_RR(routers=["198.51.100.77"])]) / ping,
        head / inner / ICMP(id=891, seq=3, chksum=0x1234) / (b"secret payload of some length " * 3),
        head / outer / inner / TCP(sport=4000, dport=80, flags="S", seq=77, chksum=0x1234),
        head / inner / UDP(sport=4001, dport=53, chksum=0x1234) / b"query",
        head / ARP(psrc="10.1.2.3", pdst="10.1.2.4", hwsrc="02:16:3e:00:00:01"),
        # What IPIP's neighbours carry
        head / outer / GRE() / ping,
        head / outer / GRE(chksum_present=1, key_present=1, key=0xC633644D, seqnum_present=1) / ping,
        head / outer / GRE(proto=0x6558) / within / ping,
        head / outer / GRE(proto=0x8847) / MPLS(label=5, s=1) / ping,
        head / udp / VXLAN(vni=7) / within / ping,
        head / udp / VXLAN(vni=7) / within / Dot1Q(vlan=9) / outer / ping,
        head / udp / VXLAN(vni=7) / within / ARP(psrc="10.1.2.3", pdst="198.51.100.77", hwsrc="06:aa:bb:cc:dd:01"),
        head / outer / UDP(sport=5, dport=8472, chksum=0) / VXLAN(vni=7, flags=8) / within / ping,
        head / outer / UDP(sport=5, dport=6081, chksum=0) / GENEVE(vni=7) / within / ping,
        head / MPLS(label=16, s=0) / MPLS(label=17, s=1) / outer / ping,
        head / PPPoE(sessionid=3) / PPP() / outer / ping,
        head / PPPoE(sessionid=3) / PPP() / PPP_IPCP(options=[PPP_IPCP_Option_IPAddress(data="198.51.100.77")]),
        head / PPPoED() / b"\x01\x02\0\x07ac-name",
        head / outer / six / ICMPv6ND_NS(tgt="fd00:abcd::7") / ICMPv6NDOptSrcLLAddr(lladdr="06:aa:bb:cc:dd:01"),
        head / six / ICMPv6ND_NS(tgt="fe80::16:3eff:fe00:1") / ICMPv6NDOptSrcLLAddr(lladdr="06:aa:bb:cc:dd:01"),
        head / IPv6(src="fe80::16:3eff:fe00:1", dst="ff02::1:ff00:1234") / ICMPv6ND_NS(tgt="2001:db8:77::1234"),
        head / six / ping,
        head / six / outer / ping,
        head / six / six / UDP(sport=1, dport=2) / b"secret",
        head / six / GRE() / ping,
        head / six / UDP(sport=1, dport=4789) / VXLAN(vni=7) / within / ping,
        head / six / IPv6ExtHdrHopByHop(options=[PadN(optdata=bytes([198, 51, 100, 77]))]) / outer / ping,
        head / six / IPv6ExtHdrRouting(addresses=["fe80::16:3eff:fe00:1"]) / outer / ping,
        head / six / IPv6ExtHdrFragment(id=5) / outer / ping,
        head / bare / ping / bytes([198, 51, 100, 77]),
        Dot3(src="02:16:3e:00:00:01", dst="02:16:3e:00:00:02") / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP() / ping,
        head / LLDPDUChassisID(subtype=7, id=b"node-77") / LLDPDUPortID(subtype=7, id=b"node-77")
        / LLDPDUTimeToLive(ttl=9) / LLDPDUEndOfLLDPDU(),
    ]  # fmt: skip
    del LLDPDU
    return [bytes(each) for each in made]


def linked(link_type: int) -> list[bytes]:
    """The same behind link headers of another type, as far as they can be."""
    heads = {
        link.LINKTYPE_ETHERNET: (b"", 0),
        link.LINKTYPE_LINUX_SLL: (bytes.fromhex("000400010006 02163e000001 0000 0800"), 14),
        link.LINKTYPE_LINUX_SLL2: (bytes.fromhex("0800 0000 00000007 0001 04 06 02163e000001 0000"), 14),
        link.LINKTYPE_RAW: (b"", 14),
        link.LINKTYPE_IPV4: (b"", 14),
        link.LINKTYPE_IPV6: (b"", 14),
        link.LINKTYPE_NULL: (bytes([2, 0, 0, 0]), 14),
        link.LINKTYPE_LOOP: (bytes([0, 0, 0, 2]), 14),
        link.LINKTYPE_PPP: (bytes([0xFF, 3, 0, 0x21]), 14),
        link.LINKTYPE_C_HDLC: (bytes([0x0F, 0, 8, 0]), 14),
        link.LINKTYPE_PPP_ETHER: (b"", 14),
    }
    head, skipped = heads[link_type]
    return [head + frame[skipped:] for frame in scapy_frames()]


FRAMES = {link_type: linked(link_type) for link_type in LINK_TYPES}


def decoded(records: Records, types: np.ndarray) -> Columns:
    return unwrap(records.octets, records.offsets, records.captured, records.wire, records.interface, types)


def assert_alike(records: Records, link_type: int) -> Records:
    """What a verdict rests on decodes as before; returns the rewritten frames."""
    types = np.array([link_type], "u4")
    before, rewritten = decoded(records, types), rewrite(records, types, ADDRESSES)
    after = decoded(rewritten, types)
    for name in COLUMNS:
        if name not in REPLACED | {"captured_length"}:
            now, then = getattr(after, name), getattr(before, name)
            # Nobody reads numbers of other protocols; of a datagram quoted_seq holds the checksum.
            numbered = {"quoted_word": (1, 6, 17), "quoted_seq": (1, 6)}
            if name in numbered:
                now, then = (np.where(np.isin(before.quoted_proto, numbered[name]), each, 0) for each in (now, then))
            assert now.tolist() == then.tolist(), name
    assert after.malformed.tolist() == before.malformed.tolist()
    for name in ("outer_src", "outer_dst", "inner_src", "inner_dst", "quoted_src", "quoted_dst"):
        read = getattr(before, name)
        assert getattr(after, name).tolist() == ADDRESSES.column(read).tolist(), name
    return rewritten


@pytest.mark.parametrize("link_type", LINK_TYPES)
def test_what_a_verdict_rests_on_decodes_as_before(link_type):
    rewritten = assert_alike(records_of(FRAMES[link_type]), link_type)
    kinds = decoded(records_of(FRAMES[link_type]), np.array([link_type], "u4")).kind
    if link_type == link.LINKTYPE_ETHERNET:
        assert len(set(kinds.tolist())) >= 11
    assert rewritten.captured.sum() < sum(map(len, FRAMES[link_type]))


@pytest.mark.parametrize("link_type", LINK_TYPES)
def test_no_octets_of_addresses_names_and_payload_are_left(link_type):
    rewritten = b"\xff\xfe".join(
        frames_of(rewrite(records_of(FRAMES[link_type]), np.array([link_type], "u4"), ADDRESSES))
    )
    assert len(rewritten) > 200
    secrets = [*(IPv4Address(each).packed for each in SECRETS), *(IPv6Address(each).packed for each in SECRET_V6)]
    secrets += [bytes.fromhex(each.replace(":", "")) for each in SECRET_MACS]
    for octets in (*secrets, *SECRET_WORDS, b"\xff\x00\x12\x34"):
        assert octets not in rewritten


@pytest.mark.parametrize("link_type", LINK_TYPES)
@given(frames=st.lists(st.binary(max_size=120), min_size=1, max_size=6))
def test_any_octets_are_rewritten_without_fault_and_never_grow(link_type, frames):
    records = records_of(frames)
    rewritten = rewrite(records, np.array([link_type], "u4"), ADDRESSES)
    assert (rewritten.captured <= records.captured).all()
    assert len(rewritten.octets) == int(rewritten.captured.sum())


@pytest.mark.parametrize("link_type", LINK_TYPES)
@settings(max_examples=20)
@given(data=st.data())
def test_frames_cut_and_damaged_anywhere_decode_as_before_and_keep_no_part_of_an_address(link_type, data):
    frames = data.draw(st.lists(st.sampled_from(FRAMES[link_type]), min_size=1, max_size=6))
    cut = [frame[: data.draw(st.integers(0, len(frame)))] for frame in frames]
    assert_alike(records_of(cut), link_type)  # as if they had been sent so short
    records = records_of(cut)
    records.wire[:] = [len(frame) for frame in frames]
    rewritten = assert_alike(records, link_type)  # as the snaplen cuts them
    for frame in frames_of(rewritten):
        for part in (bytes([10, 122, 17]), bytes([192, 168, 3]), bytes([198, 51, 100])):
            assert part not in frame
    damaged = [bytearray(frame) for frame in frames]
    for frame in damaged:
        at = data.draw(st.integers(0, len(frame) - 1))
        frame[at] = data.draw(st.integers(0, 255))
    assert_alike(records_of(list(map(bytes, damaged))), link_type)
