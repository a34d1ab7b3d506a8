"""Frames rewritten: headers of every depth and link layer, damaged ones too, decode to what they were."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipipscope.anonymize.addresses import Addresses
from ipipscope.anonymize.frames import rewrite
from ipipscope.capture.packets import Records
from ipipscope.decoder import link
from ipipscope.decoder.columns import COLUMNS
from ipipscope.decoder.unwrap import unwrap

ADDRESSES = Addresses(bytes(range(32)))
LINK_TYPES = sorted({link.LINKTYPE_ETHERNET, link.LINKTYPE_RAW, link.LINKTYPE_LINUX_SLL, link.LINKTYPE_LINUX_SLL2})
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


def scapy_frames() -> list[bytes]:
    from scapy.layers.inet import ICMP, IP, TCP, UDP
    from scapy.layers.l2 import ARP, Dot1Q, Ether

    head = Ether(src="02:16:3e:00:00:01", dst="02:16:3e:00:00:02")
    outer = IP(src="192.168.3.110", dst="192.168.3.112", id=7, ttl=63)
    inner = IP(src="10.122.17.65", dst="10.122.127.129", id=9)
    ping = inner / ICMP(id=891, seq=3) / (b"secret payload of some length " * 3)
    quote = IP(src="192.168.0.253", dst="192.168.3.110") / ICMP(type=3, code=4, nexthopmtu=1400) / (outer / ping)
    made = [
        head / outer / ping,
        head / Dot1Q(vlan=7) / outer / ping,
        head / outer / outer / ping,
        head / quote,
        head / outer / inner / TCP(sport=4000, dport=80, flags="S", seq=77, options=[("MSS", 1400)]),
        head / outer / inner / UDP(sport=4001, dport=53) / b"query",
        head / IP(src="10.1.2.3", dst="10.1.2.4", proto=47) / b"0123456789",
        head / IP(src="10.1.2.3", dst="10.1.2.4", frag=10) / b"0123456789",
        head / IP(src="10.1.2.3", dst="10.1.2.4", chksum=0x1234) / ping,
        head / ARP(psrc="10.1.2.3", pdst="10.1.2.4", hwsrc="02:16:3e:00:00:01"),
    ]
    return [bytes(each) for each in made]


def test_what_a_verdict_rests_on_decodes_as_before():
    records = records_of(scapy_frames())
    types = np.array([link.LINKTYPE_ETHERNET], "u4")
    before = unwrap(records.octets, records.offsets, records.captured, records.wire, records.interface, types)
    after_records = rewrite(records, types, ADDRESSES)
    after = unwrap(
        after_records.octets, after_records.offsets, after_records.captured, after_records.wire,
        after_records.interface, types,
    )  # fmt: skip
    for name in COLUMNS:
        if name not in REPLACED | {"captured_length"}:
            assert getattr(after, name).tolist() == getattr(before, name).tolist(), name
    for name in ("outer_src", "outer_dst", "inner_src", "inner_dst"):
        assert getattr(after, name).tolist() == ADDRESSES.column(getattr(before, name)).tolist(), name


def test_no_octets_of_addresses_and_payload_are_left():
    records = records_of(scapy_frames())
    rewritten = b"\xff\xfe".join(frames_of(rewrite(records, np.array([link.LINKTYPE_ETHERNET], "u4"), ADDRESSES)))
    for address in ("10.122.17.65", "10.122.127.129", "192.168.3.110", "192.168.3.112", "192.168.0.253", "10.1.2.3"):
        assert bytes(map(int, address.split("."))) not in rewritten
    for octets in (b"secret", b"query", b"0123456789", bytes.fromhex("02163e000001")):
        assert octets not in rewritten


@pytest.mark.parametrize("link_type", LINK_TYPES)
@given(frames=st.lists(st.binary(max_size=120), min_size=1, max_size=6))
def test_any_octets_are_rewritten_without_fault_and_never_grow(link_type, frames):
    records = records_of(frames)
    rewritten = rewrite(records, np.array([link_type], "u4"), ADDRESSES)
    assert (rewritten.captured <= records.captured).all()
    assert len(rewritten.octets) == int(rewritten.captured.sum())


@given(cut=st.lists(st.integers(0, 130), min_size=10, max_size=10))
def test_frames_cut_anywhere_are_rewritten_and_keep_no_part_of_an_address(cut):
    frames = [frame[:size] for frame, size in zip(scapy_frames(), cut, strict=True)]
    rewritten = rewrite(records_of(frames), np.array([link.LINKTYPE_ETHERNET], "u4"), ADDRESSES)
    for frame in frames_of(rewritten):
        for part in (bytes([10, 122, 17]), bytes([192, 168, 3])):
            assert part not in frame
