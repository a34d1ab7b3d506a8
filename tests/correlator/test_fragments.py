"""Packets in fragments: paired however they were cut, and of use only when all of them arrive."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written import Ipv4, Written, echo, ethernet, pcap, udp

from ipipscope import triage
from ipipscope.correlator.fragments import Fragments
from ipipscope.decoder.columns import Flags

POD1, POD2, NODE1, NODE2 = 0x0A7A1141, 0x0A7A7F81, 0xC0A80001, 0xC0A80002
START, MF = 1_700_000_000_000_000, 0x2000
PINGS = 8


def pieces(header, payload, sizes):
    """An IPv4 packet in fragments: *header* makes a packet of a fragment field and its payload."""
    at, found = 0, []
    for size in [*sizes, len(payload)]:
        part = payload[at : at + size]
        if part:
            more = MF if at + len(part) < len(payload) else 0
            found.append(header(at // 8 | more)(part))
        at += size
    return found


def outer_fragments(inner, ends, number, sizes=(1480,)):
    return pieces(lambda cut: Ipv4(src=ends[0], dst=ends[1], proto=4, id=number, fragment=cut), inner, sizes)


def inner_fragments(header, message, ends, number, sizes=(1456,)):
    return [
        Ipv4(src=ends[0], dst=ends[1], proto=4, id=2 * number + place)(piece)
        for place, piece in enumerate(pieces(header, message, sizes))
    ]


def pings(folder, *, cut="outer", lost=None, order=None, sizes=(1480,)):
    """Large pings over two nodes; on the NICs in fragments, on the tunnels whole."""
    files = {}

    def put(name, time, packet, *, raw=False):
        files.setdefault(name, []).append(Written(packet if raw else ethernet(0x0800, packet), time))

    for number in range(PINGS):
        for way, (src, dst, here, there) in enumerate(((POD1, POD2, "node1", "node2"), (POD2, POD1, "node2", "node1"))):
            time = START + number * 100_000 + 500 * way
            message = echo(reply=bool(way), id=5, seq=number, data=bytes(range(256)) * 7)
            header = {"src": src, "dst": dst, "id": 3000 + number + 100 * way}
            whole = Ipv4(**header)(message)
            ends = (NODE2, NODE1) if way else (NODE1, NODE2)
            if cut == "outer":
                parts = outer_fragments(whole, ends, number + 50 * way, sizes)
            else:
                parts = inner_fragments(lambda at, h=header: Ipv4(**h, fragment=at), message, ends, number, sizes)
            if order:
                parts = order(parts)
            put(f"{here}_tunl0", time, whole, raw=True)
            arrived = True
            for place, part in enumerate(parts):
                put(f"{here}_eth0", time + 2 + place, part)
                if lost and lost(number, way, place):
                    arrived = False
                else:
                    put(f"{there}_eth0", time + 80 + place, part)
            if not arrived:
                break
            put(f"{there}_tunl0", time + 80 + len(parts), whole, raw=True)
    for time in (START - 9, START + 99_000_000):  # all points recorded all the while
        for node in ("node1", "node2"):
            put(f"{node}_eth0", time, Ipv4(src=9, dst=8, proto=17)(udp(9, 9)))
            put(f"{node}_tunl0", time, Ipv4(src=9, dst=8, proto=17)(udp(9, 9)), raw=True)
    folder.mkdir(exist_ok=True)
    for name, packets in files.items():
        octets = pcap(sorted(packets, key=lambda each: each.ticks), link_type=101 if "tunl" in name else 1)
        (folder / f"{name}.pcap").write_bytes(octets)
    return triage([str(folder)], state=[])


def codes(report):
    return {finding.code for finding in report.findings if finding.impact != "none"}


@pytest.mark.parametrize("cut", ["outer", "inner"])
@pytest.mark.parametrize("order", [None, lambda parts: parts[::-1], lambda parts: [parts[0], *parts]])
def test_fragments_in_any_order_and_twice_are_one_packet(tmp_path, cut, order):
    report = pings(tmp_path / "case", cut=cut, order=order, sizes=(600, 8, 600))
    assert (report.exchanges, report.answered, codes(report)) == (PINGS, PINGS, set())
    assert report.notes == ()


@pytest.mark.parametrize("cut", ["outer", "inner"])
def test_a_request_whose_last_fragment_is_lost_is_lost_between_the_nodes(tmp_path, cut):
    report = pings(tmp_path / "case", cut=cut, lost=lambda number, way, place: way == 0 and place == 1 and number > 3)
    assert codes(report) == {"IPIP307"}
    assert (report.answered, report.unanswered) == (4, 4)
    assert "4 packets at node2:eth0 are incomplete: fragments of them never came." in report.notes


def test_a_request_whose_first_fragment_is_lost_is_lost_between_the_nodes(tmp_path):
    report = pings(tmp_path / "case", lost=lambda number, way, place: way == 0 and place == 0 and number > 3)
    assert codes(report) == {"IPIP307"}


@pytest.mark.parametrize("cut", ["outer", "inner"])
def test_a_reply_whose_last_fragment_is_lost_is_lost_between_the_nodes(tmp_path, cut):
    report = pings(tmp_path / "case", cut=cut, lost=lambda number, way, place: way == 1 and place == 1 and number > 3)
    assert codes(report) == {"IPIP308"}
    assert (report.answered, report.unanswered) == (4, 4)


def test_a_capture_without_later_fragments_claims_nothing_of_them(tmp_path):
    folder = tmp_path / "case"
    pings(folder)
    for file in folder.glob("*_eth0.pcap"):
        octets, at, kept = file.read_bytes(), 24, b""
        while at < len(octets):
            size = int.from_bytes(octets[at + 8 : at + 12], "little")
            later = octets[at + 16 + 14 + 6 : at + 16 + 14 + 8]
            if int.from_bytes(later, "big") & 0x1FFF == 0:
                kept += octets[at : at + 16 + size]
            at += 16 + size
        file.write_bytes(octets[:24] + kept)
    report = triage([str(folder)], state=[])
    assert (report.answered, codes(report), report.notes) == (PINGS, set(), ())


@given(data=st.data(), size=st.integers(1, 200), copies=st.integers(1, 2))
@settings(max_examples=60)
def test_a_packet_is_whole_exactly_when_every_octet_was_seen(installed_build, data, size, copies):
    cuts = sorted(data.draw(st.sets(st.integers(1, size), max_size=6)))
    sizes = [8 * (b - a) for a, b in zip([0, *cuts], cuts, strict=False)]
    whole = Ipv4()(echo(data=bytes(8 * size)))
    parts = outer_fragments(whole, (1, 2), 7, sizes) * copies
    if len(parts) == copies:
        return
    random.Random(size).shuffle(parts)
    kept = data.draw(st.lists(st.sampled_from(parts), unique=True, min_size=1)) if data.draw(st.booleans()) else parts
    complete = {id_of(part) for part in kept} == {id_of(part) for part in parts}
    batch = installed_build.decode_frames(kept, 101)
    batch.time[:] = np.arange(len(kept))
    split = data.draw(st.integers(0, len(kept)))
    fragments = Fragments()
    stations = np.zeros(len(kept), "i4")
    going_on = []
    for start, stop in ((0, split), (split, len(kept))):
        fragments.take(batch, start, stop, stations, 0)
        going_on += fragments.release(stop)
    going_on += fragments.release(1 << 60)
    assert bool(fragments.complete) == complete
    flagged = [bool(each.batch.flags[0] & np.uint16(Flags.INCOMPLETE)) for each in going_on]
    assert not (complete and any(flagged))
    assert complete or all(flagged)


def id_of(part):
    return part[6:8]


def test_what_is_held_has_a_bound_and_the_oldest_goes(installed_build):
    firsts = [outer_fragments(Ipv4()(echo(data=bytes(2000))), (1, 2), number)[0] for number in range(100)]
    batch = installed_build.decode_frames(firsts, 101)
    fragments = Fragments(packets_max=10)
    fragments.take(batch, 0, 100, np.zeros(100, "i4"), 0)
    assert fragments.pressed == 90
    assert [int(each.batch.outer_id[0]) for each in fragments.release(0)] == list(range(90))
    assert len(fragments.release_all()) == 10
