"""Damage inside a file costs what is damaged and nothing else, and is told in one line."""

import random

import pytest
from written import MICRO, MODIFIED, NANO, Section, Written, pcap, pcapng

from ipipscope.errors import CaptureDamaged, CaptureTruncated

from .reading import read, told

SEED = random.Random(3)
PACKETS = [Written(SEED.randbytes(SEED.randint(60, 300)), 1_700_000_000_000_000 + 1000 * at) for at in range(200)]
WRITERS = {
    "pcap": pcap,
    "big-endian": lambda packets: pcap(packets, big=True),
    "modified": lambda packets: pcap(packets, magic=MODIFIED),
    "pcapng": pcapng,
    "big-endian pcapng": lambda packets: pcapng(packets, big=True),
}


@pytest.fixture(params=WRITERS)
def write(request):
    return WRITERS[request.param]


@pytest.fixture(params=[16, 500, 1 << 20])
def window(request):
    return request.param


def frames(packets):
    return [octets for octets, *_ in packets]


def written(packets):
    return [packet.octets for packet in packets]


def test_noise_between_records_costs_no_packet(write, window):
    whole = write(PACKETS)
    at = len(write(PACKETS[:80]))
    packets, file = read(whole[:at] + SEED.randbytes(1001) + whole[at:], window)
    assert frames(packets) == written(PACKETS)
    [problem] = file.problems
    assert isinstance(problem, CaptureDamaged)
    assert (problem.frame, problem.offset) == (81, at)
    [line] = told(file)
    assert line == (
        f"node1_eth0.pcap: 1001 octets make no sense and were skipped: octets {at} to {at + 1000} (before frame 81). "
        "Everything before and behind them is in the report. Fetch the file again if its origin is sound."
    )


def test_a_hole_of_zeros_costs_the_packets_in_it(write, window):
    whole = bytearray(write(PACKETS))
    first, last = len(write(PACKETS[:80])), len(write(PACKETS[:90]))
    whole[first:last] = bytes(last - first)
    packets, file = read(bytes(whole), window)
    assert frames(packets) == written(PACKETS[:80] + PACKETS[90:])
    [line] = told(file)
    assert f"{last - first} octets are all zero and were skipped" in line


def test_zeros_to_the_end_are_told_as_such(write):
    packets, file = read(write(PACKETS) + bytes(10_000))
    assert frames(packets) == written(PACKETS)
    [line] = told(file)
    assert "10000 octets are all zero" in line
    assert "(frame 201) to the end" in line


def test_octets_that_were_lost_cost_the_records_they_belong_to(write, window):
    whole = write(PACKETS)
    at = len(write(PACKETS[:80])) + 30
    packets, file = read(whole[:at] + whole[at + 7 :], window)
    found = frames(packets)
    assert found[:80] == written(PACKETS[:80])
    assert found[-119:] == written(PACKETS[81:])
    assert len(file.problems) == 1


@pytest.mark.parametrize("length", [0, 17, 40_000, 262_144, 262_145, 0xFFFFFFFF])
def test_a_wrong_length_costs_its_own_record_at_most(write, window, length):
    """It leads the walk astray, into packets that are not records or far behind many that are."""
    whole = bytearray(write(PACKETS))
    at = len(write(PACKETS[:80])) + (4 if write in (WRITERS["pcapng"], WRITERS["big-endian pcapng"]) else 8)
    big = write in (WRITERS["big-endian"], WRITERS["big-endian pcapng"])
    whole[at : at + 4] = length.to_bytes(4, "big" if big else "little")
    packets, file = read(bytes(whole), window)
    found = frames(packets)
    assert found[:80] == written(PACKETS[:80])
    assert found[-119:] == written(PACKETS[81:])
    assert len(found) in {199, 200}
    assert len(file.problems) == 1


def test_many_damaged_places_make_one_line(write):
    whole = write(PACKETS)
    cuts = [len(write(PACKETS[:count])) for count in range(10, 200, 10)]
    parts = [whole[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    packets, file = read(SEED.randbytes(77).join(parts))
    assert frames(packets) == written(PACKETS)
    [line] = told(file)
    assert f"{19 * 77} octets make no sense" in line
    assert "and 16 more places" in line


def test_a_clock_that_was_set_is_no_damage():
    later = [Written(packet.octets, packet.ticks + 40 * 10**14) for packet in PACKETS[100:]]
    packets, file = read(pcap(PACKETS[:100] + later, magic=NANO))
    assert len(packets) == 200
    assert not file.problems


def test_a_file_that_claims_less_on_the_wire_than_it_holds_is_read():
    odd = [Written(packet.octets, packet.ticks, wire=10) for packet in PACKETS]
    packets, file = read(pcap(odd * 10))
    assert len(packets) == 2000
    assert not file.problems


def test_nanoseconds_under_the_magic_of_microseconds_are_read():
    odd = [Written(packet.octets, packet.ticks * 1000 + 999_999_999 - at) for at, packet in enumerate(PACKETS)]
    packets, file = read(pcap(odd, magic=NANO).replace(NANO.to_bytes(4, "little"), MICRO.to_bytes(4, "little"), 1))
    assert len(packets) == 200
    assert not file.problems


def test_a_record_cut_at_the_end_is_no_damage(write):
    whole = write(PACKETS)
    packets, file = read(whole[:-20])
    assert frames(packets) == written(PACKETS[:199])
    [problem] = file.problems
    assert isinstance(problem, CaptureTruncated)


def test_a_capture_inside_a_packet_of_a_capture_is_not_taken_for_records():
    inner = pcap(PACKETS[:20])[24:]
    packets = [*PACKETS[:50], Written(inner, PACKETS[50].ticks), *PACKETS[50:]]
    whole = pcap(packets)
    at = len(pcap(packets[:51]))
    found, file = read(whole[:at] + SEED.randbytes(333) + whole[at:])
    assert frames(found) == written(packets)
    assert len(file.problems) == 1


def test_packets_of_an_interface_that_is_not_described_are_counted_and_the_others_read():
    section = Section()
    blocks = [section.enhanced(Written(b"frame", interface=at % 2)) for at in range(10)]
    packets, file = read(section.header() + section.interface() + b"".join(blocks))
    assert len(packets) == 5
    [line] = told(file)
    assert "5 packets are of interfaces that the file does not describe" in line


def test_a_section_behind_damage_is_read_in_its_own_octet_order():
    octets = pcapng(PACKETS[:20]) + SEED.randbytes(100) + pcapng(PACKETS[20:40], big=True)
    packets, file = read(octets)
    assert frames(packets) == written(PACKETS[:40])
    assert [interface for *_, interface in packets] == [0] * 20 + [1] * 20
    assert len(file.problems) == 1
