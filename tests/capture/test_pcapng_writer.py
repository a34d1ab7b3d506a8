"""What the writer writes, our reader, tshark and capinfos read as it was."""

from __future__ import annotations

import io
import subprocess
from decimal import Decimal
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ipipscope.capture.packets import Interface, Records
from ipipscope.capture.pcapng_writer import COMMENTS_MAX, PcapngWriter

from .reading import read

U32, I64 = 2**32 - 1, 2**63 - 1
RAW_IP, ETHERNET = 101, 1
PING = bytes.fromhex("45000054c0de40004001000a0a7a11400a7a7f80" + "0800f7ff037b0001" + "00" * 56)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
interfaces = st.lists(
    st.builds(Interface, link_type=st.integers(0, 0xFFFF), snaplen=st.integers(0, 1 << 27), name=texts,
              description=texts, filter=texts, os=texts),
    min_size=1, max_size=4,
)  # fmt: skip


def batch(packets) -> Records:
    """(octets, time, wire, interface) of each packet, in a buffer with gaps as a file's headers leave them."""
    octets, offsets = bytearray(b"\xee" * 7), []
    for packet in packets:
        offsets.append(len(octets))
        octets += packet[0] + b"\xee" * 5
    columns = zip(*packets, strict=True) if packets else ((), (), (), ())
    frames, time, wire, interface = columns
    return Records(
        octets, np.array(offsets, "u4"), np.array([len(frame) for frame in frames], "u4"), np.array(wire, "u4"),
        np.array(time, "i8"), np.array(interface, "u2"), 1,
    )  # fmt: skip


def packets(interfaces: int):
    return st.lists(
        st.tuples(st.binary(max_size=90), st.integers(0, I64), st.integers(0, U32), st.integers(0, interfaces - 1))
    )


def run(*command: object) -> str:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True).stdout


@given(data=st.data(), described=interfaces, cuts=st.lists(st.integers(0, 20), max_size=3))
def test_our_reader_reads_what_was_written(data, described, cuts):
    given_packets = data.draw(packets(len(described)))
    comments = data.draw(st.dictionaries(st.integers(0, 20), st.one_of(texts, st.lists(texts, max_size=3))))
    sink = io.BytesIO()
    writer = PcapngWriter(sink)
    for interface in described:
        writer.interface(interface)
    places = [0, *sorted(min(cut, len(given_packets)) for cut in cuts), len(given_packets)]
    for start, stop in pairwise(places):
        part = given_packets[start:stop]
        writer.packets(batch(part), comments={row: text for row, text in comments.items() if row < len(part)})
    found, file = read(sink.getvalue())
    assert [str(problem) for problem in file.problems] == []
    assert found == given_packets
    for written, interface in zip(file.interfaces, described, strict=True):
        assert (written.link_type, written.snaplen) == (interface.link_type, interface.snaplen)
        assert (written.name, written.description) == (interface.name, interface.description)
        assert (written.filter, written.os, written.resolution) == (interface.filter, interface.os, 9)


@given(data=st.data(), counts=st.lists(st.tuples(*[st.none() | st.integers(0, 2**64 - 1)] * 2), min_size=1, max_size=3))
def test_our_reader_reads_the_statistics(data, counts):
    sink = io.BytesIO()
    writer = PcapngWriter(sink)
    for _ in counts:
        writer.interface(Interface(link_type=RAW_IP))
    writer.packets(batch(data.draw(packets(len(counts)))))
    for number, (received, dropped) in enumerate(counts):
        writer.statistics(number, time=5, received=received, dropped=dropped)
    _, file = read(sink.getvalue())
    assert [(each.received, each.dropped) for each in file.interfaces] == counts


@given(packets=packets(2), numbers=st.permutations([0, 1]))
def test_interfaces_of_several_readers_get_their_own_numbers(packets, numbers):
    sink = io.BytesIO()
    writer = PcapngWriter(sink)
    writer.interface(Interface(link_type=RAW_IP))
    writer.interface(Interface(link_type=RAW_IP))
    writer.packets(batch(packets), numbers=numbers)
    found, _ = read(sink.getvalue())
    assert [packet[3] for packet in found] == [numbers[packet[3]] for packet in packets]


@given(packets=packets(1), cut=st.integers(0, 4000))
def test_a_file_that_is_cut_anywhere_opens_with_every_packet_before_the_cut(packets, cut):
    sink = io.BytesIO()
    writer = PcapngWriter(sink, comment="cut me")
    writer.interface(Interface(link_type=RAW_IP, name="tunl0"))
    begin = len(sink.getvalue())
    writer.packets(batch(packets))
    whole = sink.getvalue()
    cut = begin + cut % (len(whole) - begin + 1)
    found, _ = read(whole[:cut])
    assert found == packets[: len(found)]
    ends = [32 + (len(packet[0]) + 3) // 4 * 4 for packet in packets]
    assert len(found) == sum(sum(ends[: row + 1]) <= cut - begin for row in range(len(ends)))


def test_a_packet_without_a_time_is_written_at_the_epoch():
    sink = io.BytesIO()
    writer = PcapngWriter(sink)
    writer.interface(Interface(link_type=RAW_IP))
    writer.packets(batch([(PING, -(2**63), len(PING), 0)]))
    assert read(sink.getvalue())[0] == [(PING, 0, len(PING), 0)]


def test_comments_are_cut_before_readers_take_the_block_for_damage(tmp_path):
    path = tmp_path / "a.pcapng"
    with path.open("wb") as sink:
        writer = PcapngWriter(sink, comment="x" * 100_000)
        writer.interface(Interface(link_type=RAW_IP, name="é" * 70_000))
        writer.packets(batch([(PING, 1, 84, 0)] * 2), comments={0: ["y" * 40_000] * 3, 1: "ä" * 60_000})
    found, file = read(path.read_bytes())
    assert len(found) == 2
    assert not file.problems
    lines = run("tshark", "-r", path, "-T", "fields", "-e", "frame.comment").splitlines()
    assert [len(line) <= COMMENTS_MAX for line in lines] == [True, True]
    assert set(lines[1]) == {"ä"}


@settings(max_examples=4)
@given(data=st.data())
def test_tshark_reads_packets_names_times_and_comments_as_they_were_written(data, tmp_path_factory):
    times = st.integers(0, 2**32 * 10**9)
    chosen = data.draw(
        st.lists(st.tuples(st.integers(20, 84), times, st.integers(84, 1500), st.integers(0, 2)), min_size=1)
    )
    words = st.sampled_from(["reply, not encapsulated", "Rückweg: 10.0.0.1 > 10.0.0.2", "x", '"quoted" $(words)'])
    comments = data.draw(st.dictionaries(st.integers(0, len(chosen) - 1), words))
    path = tmp_path_factory.mktemp("written") / "a.pcapng"
    with path.open("wb") as sink:
        writer = PcapngWriter(sink)
        for name in ("node3:eth1", "node3:tunl0", "cali12"):
            writer.interface(Interface(link_type=RAW_IP, name=name, snaplen=1500))
        writer.packets(batch([(PING[:size], *rest) for size, *rest in chosen]), comments=comments)
    fields = ("frame.interface_name", "frame.time_epoch", "frame.cap_len", "frame.len", "frame.comment")
    shown = run("tshark", "-r", path, "-T", "fields", *(part for field in fields for part in ("-e", field)))
    found = [line.split("\t") for line in shown.split("\n")[:-1]]
    assert [row[0] for row in found] == [("node3:eth1", "node3:tunl0", "cali12")[each[3]] for each in chosen]
    assert [int(Decimal(row[1]) * 10**9) for row in found] == [each[1] for each in chosen]
    assert [(int(row[2]), int(row[3])) for row in found] == [(each[0], each[2]) for each in chosen]
    assert {number: row[4] for number, row in enumerate(found) if row[4]} == comments


def test_capinfos_reads_section_interfaces_and_statistics(tmp_path):
    path = tmp_path / "a.pcapng"
    with path.open("wb") as sink:
        writer = PcapngWriter(sink, tool="ipipscope 9 (dumpcap 4)", os="Linux 6.1", comment="lost on the way")
        writer.interface(
            Interface(link_type=ETHERNET, name="eth1", description="to the rack", filter="ip proto 4", snaplen=128)
        )
        writer.interface(Interface(link_type=RAW_IP, name="tunl0", os="Linux"))
        writer.packets(batch([(PING, 10**18, 84, 1), (bytes(14) + PING, 10**18 + 1, 98, 0)]))
        writer.statistics(0, time=10**18, received=7, dropped=3, recorded=(10**18, 10**18 + 1))
    told = run("capinfos", path)
    for line in (
        "Capture oper-sys:    Linux 6.1", "Capture application: ipipscope 9 (dumpcap 4)",
        "Capture comment:     lost on the way", "Number of interfaces in file: 2", "Name = eth1",
        "Description = to the rack", "Filter string = ip proto 4", "Capture length = 128",
        "Time precision = nanoseconds (9)", "Operating system = Linux", "Number of packets = 1",
    ):  # fmt: skip
        assert line in told
