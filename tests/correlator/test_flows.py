"""The flow table, against tshark's own count of the same kernel captures and against connections written by hand."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter

import pytest
from conftest import KERNEL_CASES, _plain
from written import Ipv4, Written, echo, ethernet, pcap, tcp

from ipipscope.analysis import decode
from ipipscope.capture.files import find
from ipipscope.correlator import flows as installed
from ipipscope.correlator.conversations import conversations
from ipipscope.correlator.correlate import correlate
from ipipscope.model import SECOND

CASES = sorted({path.parent.name: path.parent for root in KERNEL_CASES for path in root.glob("*/truth.json")}.values())
BY_TSHARK = (
    "12b-outer-fragments", "16-healthy-mixed-traffic", "17-case1-tcp", "case-1-any-interface",
    "reply-native-and-lost",
)  # fmt: skip
"""Cases whose every file is read by tshark too, which takes a while."""
WHOLE = [case for case in CASES if "fragments" not in case.name and "df-ping" not in case.name]
"""Those in which every ping became one packet."""
FIELDS = ("ip.src", "ip.dst", "ip.proto", "icmp.ident", "tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport")
A, B = 0x0A010002, 0x0A020002


@pytest.fixture(params=["installed", "plain"], name="build")
def build_(request):
    """The module of each build in turn."""
    return installed if request.param == "installed" else _plain(installed)


def table(*paths, rows_max=1 << 18, build=installed):
    files, _ = find([str(path) for path in paths], None)
    flows = build.Flows(rows_max)
    correlation = correlate(decode(files), timeout=5 * SECOND, flows=flows)
    return flows, conversations(flows, correlation.stations)


def by_tshark(file):
    """Packets per inner pair and ports, and how many of them have an outer header; ICMP errors and fragments apart."""
    command = ["tshark", "-r", str(file), "-o", "ip.defragment:FALSE", "-T", "fields", "-E", "occurrence=a"]
    command += [word for field in (*FIELDS, "icmp.type", "ip.frag_offset") for word in ("-e", field)]
    counts = Counter()
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        src, dst, proto, ident, *ports, kind, fragment = line.split("\t")
        if not src or kind not in {"", "0", "8"} or set(fragment.split(",")) != {"0"}:
            continue
        key = (src.split(",")[-1], dst.split(",")[-1], ident.split(",")[0], "".join(ports))
        counts[(*key, "packets")] += 1
        counts[(*key, "encapsulated")] += "4" in proto.split(",")
    return counts


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("case", [case for case in CASES if case.name in BY_TSHARK], ids=lambda case: case.name)
def test_every_point_counts_what_tshark_counts(case):
    for file in sorted((case / "captures").iterdir()):
        expected = +by_tshark(file)
        found = Counter()
        for each in table(file)[1]:
            if each.protocol == "icmp" and each.id is None:
                continue
            for way, ends in ((each.forward, (each.src, each.dst)), (each.back, (each.dst, each.src))):
                ports = (each.sport, each.dport) if ends[0] == each.src else (each.dport, each.sport)
                key = (str(ends[0]), str(ends[1]), "" if each.id is None else str(each.id))
                key += ("".join("" if port is None else str(port) for port in ports),)
                point = each.points[0]
                found[(*key, "packets")] += point.sent if ends[0] == each.src else point.returned
                found[(*key, "encapsulated")] += way.encapsulated
        names = {key[:2] for key in expected if key[2] or key[3]}
        single = "any" not in file.name  # in a cooked capture devices are counted one by one
        for key, count in expected.items():
            if key[:2] in names and (key[2] or key[3]) and (single or key[-1] == "packets"):
                assert found[key] == count, (file.name, key)


@pytest.mark.parametrize("case", WHOLE, ids=lambda case: case.name)
def test_a_conversation_is_told_once_however_many_points_saw_it(case):
    truth = json.loads((case / "truth.json").read_text())
    pings = [phase for phase in truth["exchanges"]["phases"] if phase.get("kind", "icmp") == "icmp" and phase["sent"]]
    told = [each for each in table(case / "captures")[1] if each.protocol == "icmp" and each.id is not None]
    wanted = sorted((phase["to"], phase["sent"]) for phase in pings)
    assert sorted((str(each.dst), each.forward.packets) for each in told) == wanted


def segment(port, flags, seq, ack=0, payload=b"", *, back=False):
    ends = (B, A) if back else (A, B)
    ports = (80, port) if back else (port, 80)
    return Ipv4(src=ends[0], dst=ends[1], proto=6)(tcp(*ports, flags, seq, ack, payload))


def write(folder, packets):
    file = folder / "n1_tunl0.pcap"
    file.write_bytes(pcap([Written(each, ticks=place) for place, each in enumerate(packets)], link_type=101))
    return file


def test_segments_sent_again_are_counted_and_keep_alives_are_not(tmp_path, build):
    begin = 0xFFFFFFF0  # the numbers wrap on the way
    packets = [
        segment(4000, 0x02, begin),
        segment(4000, 0x02, begin),  # the SYN again
        segment(4000, 0x12, 7, begin + 1 & 0xFFFFFFFF, back=True),
        segment(4000, 0x18, begin + 1, 8, b"x" * 40),
        segment(4000, 0x18, begin + 41 & 0xFFFFFFFF, 8, b"x" * 40),
        segment(4000, 0x18, begin + 1, 8, b"x" * 40),  # again, from before the wrap
        segment(4000, 0x10, begin + 80 & 0xFFFFFFFF, 8, b"x"),  # one octet before the next: keep-alive
        segment(4000, 0x10, begin + 81 & 0xFFFFFFFF, 8),
    ]
    (found,) = table(write(tmp_path, packets), build=build)[1]
    assert (found.sport, found.dport) == (4000, 80)
    assert (found.forward.packets, found.forward.retransmissions) == (7, 2)
    assert (found.back.packets, found.back.retransmissions) == (1, 0)


@pytest.mark.parametrize("second", [2_000_000_000, 3_500_000_000], ids=["lower", "higher"])
def test_a_connection_that_takes_the_ports_of_another_is_counted_by_its_own_numbers(tmp_path, build, second):
    packets = []
    for first in (3_000_000_000, second):
        packets.append(segment(40001, 2, first))
        packets.append(segment(40001, 2, first))  # sent again: of the same connection
        packets.append(segment(40001, 18, first + 7, first + 1, back=True))
        for number in range(5):
            seq, ack = first + 1 + 10 * number, first + 8 + 10 * number
            packets.append(segment(40001, 24, seq, ack, b"0123456789"))
            packets.append(segment(40001, 24, ack, seq + 10, b"0123456789", back=True))
    flows, _ = table(write(tmp_path, packets), build=build)
    rows = {flows.places[row] & 1: row for row in range(flows.rows)}
    assert [flows.again[rows[back]] for back in (0, 1)] == [2, 0]
    assert [flows.acked[rows[back]] for back in (0, 1)] == [8, 10]


def test_ends_follow_the_ports_when_the_handshake_was_not_seen(tmp_path):
    packets = [segment(4000, 0x18, 1, 1, b"answer", back=True), segment(4000, 0x10, 1, 7)]
    (found,) = table(write(tmp_path, packets))[1]
    assert (int(found.src), int(found.dst), found.sport, found.dport) == (A, B, 4000, 80)


def test_conversations_beyond_the_bound_are_counted_and_memory_stays(tmp_path, build):
    packets = [segment(1024 + number, 0x02, 1) for number in range(500)]
    flows, found = table(write(tmp_path, packets), rows_max=100, build=build)
    assert (len(found), flows.folded) == (100, 400)


def test_packets_recorded_by_two_files_of_one_point_count_once(tmp_path):
    outer = Ipv4(src=1, dst=2, proto=4)
    packets = [Written(ethernet(0x800, outer(Ipv4(src=A, dst=B)(echo(seq=n)))), ticks=n * 1000) for n in range(20)]
    (tmp_path / "n1_eth0.pcap").write_bytes(pcap(packets[:15]))
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "n1_eth0.pcap").write_bytes(pcap(packets[5:]))
    (found,) = table(tmp_path)[1]
    assert (found.forward.packets, found.forward.encapsulated, found.forward.native) == (20, 20, 0)
