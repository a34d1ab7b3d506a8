"""Properties of the reader: what was written is read, whatever the form, and damage costs no more than it must."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written import ENHANCED, INTERFACE, MICRO, MODIFIED, NANO, SECTION, Section, Written, pcap, pcapng

from ipipscope.errors import CaptureTruncated

from .reading import read

U32 = 0xFFFFFFFF
SECOND = 10**9
frames = st.binary(max_size=80)
micro_ticks = st.integers(0, U32 * 10**6)
micro_ticks_of_a_month = st.integers(1_790_000_000 * 10**6, 1_792_600_000 * 10**6)
"""Beside damage the reader does not believe a time that is years from that of the packet before."""


@st.composite
def written(draw, ticks=micro_ticks, interfaces=1):
    octets = draw(frames)
    longer = draw(st.one_of(st.none(), st.integers(len(octets), U32))) if octets else draw(st.integers(1, U32))
    return Written(octets, draw(ticks), longer, draw(st.integers(0, interfaces - 1)))


pcap_forms = st.sampled_from([(magic, big) for magic in (MICRO, NANO, MODIFIED) for big in (False, True)])
resolutions = st.one_of(st.integers(0, 12), st.integers(0x80 + 1, 0x80 + 40))


def nanoseconds(ticks, resolution):
    if resolution & 0x80:
        return ticks * SECOND // 2 ** (resolution & 0x7F)
    return ticks * 10 ** (9 - resolution) if resolution <= 9 else ticks // 10 ** (resolution - 9)


@given(packets=st.lists(written()), form=pcap_forms)
def test_packets_written_to_pcap_are_read_as_they_were(packets, form):
    magic, big = form
    unit = 10**9 if magic == NANO else 10**6
    found, file = read(pcap(packets, magic=magic, big=big))
    assert [str(problem) for problem in file.problems] == []
    expected = [(packet.octets, packet.ticks * (SECOND // unit), packet.on_wire, 0) for packet in packets]
    assert found == expected


@given(data=st.data(), form=st.booleans(), resolutions=st.lists(resolutions, min_size=1, max_size=3))
def test_packets_written_to_pcapng_are_read_as_they_were(data, form, resolutions):
    ticks = st.integers(0, 2**64 - 2)
    packets = data.draw(st.lists(written(ticks, len(resolutions))))
    found, file = read(pcapng(packets, big=form, resolutions=resolutions))
    assert [str(problem) for problem in file.problems] == []
    assert len(found) == len(packets)
    for packet, (octets, time, wire, interface) in zip(packets, found, strict=True):
        assert (octets, wire, interface) == (packet.octets, packet.on_wire, packet.interface)
        exact = nanoseconds(packet.ticks, resolutions[packet.interface])
        assert time == (exact if exact < 2**63 else -(2**63))


@given(data=st.data(), sections=st.lists(st.booleans(), min_size=1, max_size=4))
def test_sections_of_either_octet_order_follow_one_another(data, sections):
    octets, expected, first = b"", [], 0
    for big in sections:
        interfaces = data.draw(st.integers(1, 3))
        packets = data.draw(st.lists(written(st.integers(0, 2**50), interfaces), max_size=4))
        octets += pcapng(packets, big=big, resolutions=[9] * interfaces)
        expected += [(each.octets, each.ticks, each.on_wire, first + each.interface) for each in packets]
        first += interfaces
    found, file = read(octets)
    assert found == expected
    assert not file.problems


def containers(packets):
    """The same packets in the usual containers."""
    classic = [pcap(packets), pcap(packets, big=True, magic=NANO)]
    return st.sampled_from([*classic, pcapng(packets), pcapng(packets, big=True)])


@given(data=st.data(), packets=st.lists(written(), min_size=1))
def test_a_prefix_of_a_file_holds_a_prefix_of_its_packets(data, packets):
    octets = data.draw(containers(packets))
    cut = data.draw(st.integers(0, len(octets)))
    whole, _ = read(octets)
    part, file = read(octets[:cut])
    assert part == whole[: len(part)]
    if part == whole and cut == len(octets):
        assert not file.problems
    for problem in file.problems:
        assert "\n" not in str(problem)


@given(
    data=st.data(),
    packets=st.lists(written(micro_ticks_of_a_month), min_size=1, max_size=8),
    window=st.sampled_from([16, 200, 1 << 20]),
)
@settings(max_examples=300)
def test_a_flipped_octet_never_crashes_and_spares_what_stands_before_it(data, packets, window):
    octets = data.draw(containers(packets))
    at = data.draw(st.integers(0, len(octets) - 1))
    damaged = bytearray(octets)
    damaged[at] ^= data.draw(st.integers(1, 255))
    whole, _ = read(octets[:at])  # packets that end before the damage
    found, file = read(bytes(damaged), window)
    if at >= 100:  # behind file, section and interface headers
        # The record right before the damage is in doubt too: its own length may be what is wrong.
        assert found[: max(0, len(whole) - 1)] == whole[:-1]
    for problem in file.problems:
        assert "\n" not in str(problem)


@given(noise=st.binary(max_size=400), magic=st.sampled_from([MICRO, NANO, MODIFIED, SECTION]), big=st.booleans())
@settings(max_examples=300)
def test_noise_behind_a_magic_number_gives_a_result_or_a_clear_line(noise, magic, big):
    _, file = read(magic.to_bytes(4, "big" if big else "little") + noise)
    assert all("\n" not in str(problem) for problem in file.problems)


kinds_of_block = st.sampled_from([*range(12), 0x0BAD, 0x40000BAD, ENHANCED, INTERFACE])


@given(noise=st.binary(max_size=300), kind=kinds_of_block, big=st.booleans())
@settings(max_examples=300)
def test_noise_in_a_well_formed_block_gives_a_result_or_a_clear_line(noise, kind, big):
    section = Section(big)
    octets = section.header() + section.interface() + section.block(kind, noise)
    _, file = read(octets + section.enhanced(Written(b"after")))
    assert all("\n" not in str(problem) for problem in file.problems)


@given(packets=st.lists(written(st.integers(0, 2**40)), max_size=30), cuts=st.lists(st.integers(0, 30), max_size=3))
def test_splitting_a_pcapng_file_and_joining_it_again_changes_nothing(packets, cuts):
    bounds = [0, *sorted(min(cut, len(packets)) for cut in cuts), len(packets)]
    parts = [packets[start:stop] for start, stop in pairwise(bounds)]
    joined, _ = read(b"".join(pcapng(part) for part in parts))
    assert [packet[:3] for packet in joined] == [packet[:3] for packet in read(pcapng(packets))[0]]


@pytest.mark.parametrize("seconds", [0, 2**31 - 1, 2**31, U32])
def test_times_beyond_2038_are_unsigned(seconds, build):
    packet = Written(b"frame", seconds * 10**6 + 999_999)
    with build.reading():
        for octets in (pcap([packet]), pcap([packet], big=True), pcapng([packet])):
            [(_, time, _, _)], _ = read(octets)
            assert time == seconds * SECOND + 999_999_000


@pytest.mark.parametrize("big", [False, True])
def test_high_bits_of_ticks_are_kept(build, big):
    packet = Written(b"frame", 0x7FFF_FFFF_FFFF_FFFF, wire=0xFFFF_FFFF)
    with build.reading():
        [(_, time, wire, _)], _ = read(pcapng([packet], big=big, resolutions=[9]))
    assert (time, wire) == (2**63 - 1, 2**32 - 1)


def test_a_record_cut_at_the_end_is_told_with_its_place():
    packets = [Written(b"x" * 60, tick) for tick in range(5)]
    octets = pcap(packets)
    found, file = read(octets[:-10])
    assert len(found) == 4
    [problem] = file.problems
    assert isinstance(problem, CaptureTruncated)
    assert (problem.frame, problem.offset, problem.promised, problem.present) == (5, 24 + 4 * 76, 76, 66)


def test_packets_lost_by_interface_and_by_the_system_add_up_and_the_last_statistics_count():
    section = Section()
    options = [{5: (7).to_bytes(8, "little"), 1: b"a comment"}, {7: (4).to_bytes(8, "little"), 5: bytes([8, *[0] * 7])}]
    blocks = [section.header(), section.interface(), *(section.statistics(0, each) for each in options)]
    _, file = read(b"".join(blocks))
    assert file.interfaces[0].dropped == 12
