"""What a recorder says of when it recorded proves that a silent point recorded, unless the file was changed since."""

from __future__ import annotations

import shutil
import struct
import subprocess

import pytest
from capture.live import needs_namespaces, wire
from rules.pings import RAW, points
from written import ETHERNET, Section, Written

from ipipscope.analysis import analyse, triage
from ipipscope.capture.files import CaptureFile
from ipipscope.capture.recording import Limits, Recording
from ipipscope.model import CapturePoint
from ipipscope.sources import Decoded

TICKS = 1_000_000
"""A second of a written file."""
DUMPCAP = "Dumpcap (Wireshark) 4.0.17 (Git v4.0.17 packaged as 4.0.17-0+deb12u3)"


def file_of(packets, *, link_type=ETHERNET, span=(0, 0), received=None, dropped=0, tool=DUMPCAP, keep="", resolution=6):
    """A file as dumpcap writes it: times of its statistics are microseconds, whatever those of packets are."""
    section = Section()
    more = {11: b"\0" + keep.encode()} if keep else {}
    scale = 10 ** (resolution - 6)
    count = len(packets) if received is None else received
    halves = [struct.pack("<II", each >> 32, each & 0xFFFFFFFF) for each in span]
    numbers = {4: struct.pack("<Q", count), 5: struct.pack("<Q", dropped)}
    return b"".join(
        [
            section.header({4: tool.encode()}),
            section.interface(link_type, options={9: bytes([resolution])} | more),
            *(section.enhanced(Written(each.octets, each.ticks * scale)) for each in packets),
            section.statistics(0, {2: halves[0], 3: halves[1]} | numbers),
        ]
    )


@pytest.fixture
def seen():
    """Pings whose requests reach the replier's NIC and never its tunnel, of which nothing is recorded."""
    seen = points(60)
    return {"n2_eth0": seen["n2_eth0"][::2]}


def silent_tunnel(tmp_path, seen, octets):
    """The findings on the replier's node when its tunnel's file holds *octets*."""
    nic = seen["n2_eth0"]
    (tmp_path / "n2_tunl0.pcapng").write_bytes(octets)
    (tmp_path / "n2_eth0.pcapng").write_bytes(file_of(nic, span=around(seen)))
    return triage([str(tmp_path)], state=[])


def around(seen, *, before=2, behind=12):
    ticks = [each.ticks for packets in seen.values() for each in packets]
    return min(ticks) - before * TICKS, max(ticks) + behind * TICKS


def test_a_tunnel_that_its_recorder_watched_all_the_while_shows_that_nothing_came(tmp_path, seen):
    report = silent_tunnel(tmp_path, seen, file_of([], link_type=RAW, span=around(seen)))
    finding = report.findings[0]
    assert (finding.code, finding.node, finding.confidence) == ("IPIP301", "n2", "certain")


@pytest.mark.parametrize(
    "changed",
    [
        {"received": 3},
        {"dropped": 1},
        {"tool": "pcap_writer.lua"},
        {"keep": "tcp port 80"},
        {"span": (5, 3)},
    ],
    ids=str,
)
def test_what_a_recorder_says_of_another_file_or_of_what_it_lost_proves_nothing(tmp_path, seen, changed):
    told = {"link_type": RAW, "span": around(seen)} | changed
    path = tmp_path / "n2_tunl0.pcapng"
    path.write_bytes(file_of([], **told))
    assert CapturePoint("n2", "tunl0") not in analyse([str(path)], state=[]).correlation.recorded


@pytest.mark.parametrize("by", [3600, -3600])
def test_packets_whose_times_were_changed_since_are_not_where_their_recorder_was(tmp_path, seen, by):
    nic = seen["n2_eth0"]
    moved = [Written(each.octets, each.ticks + by * TICKS) for each in nic]
    path = tmp_path / "n2_eth0.pcapng"
    path.write_bytes(file_of(moved, span=around(seen)))
    (recorded,) = analyse([str(path)], state=[]).correlation.recorded.values()
    assert recorded.spans == ((moved[0].ticks * 1000, moved[-1].ticks * 1000),)


@pytest.mark.parametrize("resolution", [6, 9])
def test_dumpcaps_span_is_microseconds_and_its_last_second_is_not_believed(tmp_path, seen, resolution):
    path = tmp_path / "n2_eth0.pcapng"
    begin, end = around(seen)
    path.write_bytes(file_of(seen["n2_eth0"], span=(begin, end), resolution=resolution))
    (recorded,) = analyse([str(path)], state=[]).correlation.recorded.values()
    assert recorded.spans == ((begin * 1000, (end - TICKS) * 1000),)


def test_what_passed_before_and_behind_a_span_is_not_missing(tmp_path):
    seen = points(60)
    ticks = [each.ticks for each in seen["n2_eth0"]]
    begin, end = ticks[40], ticks[80]
    tunnel = [each for each in seen["n2_tunl0"] if begin <= each.ticks <= end]
    (tmp_path / "n2_tunl0.pcapng").write_bytes(file_of(tunnel, link_type=RAW, span=(begin, end)))
    (tmp_path / "n2_eth0.pcapng").write_bytes(file_of(seen["n2_eth0"], span=around(seen)))
    report = triage([str(tmp_path)], state=[])
    assert report.healthy, report.findings


def recorded_again(path, seen, begin, end, *, ends=True):
    """One file of the replier's two points, each with a recorder of its own; the tunnel's pauses and begins again."""
    recording = Recording(str(path), Limits(), tool="ipipscope test")
    (path.parent / "n2_eth0.pcapng").write_bytes(file_of(seen["n2_eth0"], span=around(seen)))
    source = path.parent / "tunnel.pcapng"
    for number, part in enumerate((lambda t: t < begin, lambda t: t > end)):
        packets = [each for each in seen["n2_tunl0"] if part(each.ticks)]
        source.write_bytes(file_of(packets, link_type=RAW, span=(1, 2)))
        file = CaptureFile(str(source))
        for records in file.batches():
            (interface,) = file.interfaces
            interface.name = "n2:tunl0"
            numbers = [recording.describe(interface)]
            recording.take(records, numbers)
            if ends or not number:
                first, last = packets[0].ticks * 1000, packets[-1].ticks * 1000
                recording.ended(numbers[0], (first, last), None, None)
    source.unlink()
    if ends:
        recording.close()


@pytest.mark.parametrize("ends", [True, False], ids=["closed", "killed"])
def test_a_file_tells_when_an_interface_that_had_gone_was_not_recorded(tmp_path, ends):
    seen = points(60)
    ticks = [each.ticks for each in seen["n2_tunl0"]]
    recorded_again(tmp_path / "a.pcapng", seen, ticks[40], ticks[80], ends=ends)
    analysis = analyse([str(tmp_path)], state=[])
    spans = analysis.correlation.recorded[CapturePoint("n2", "tunl0")].spans
    assert spans == ((ticks[0] * 1000, ticks[39] * 1000), (ticks[81] * 1000, ticks[-1] * 1000))
    assert not [each for each in analysis.findings if each.impact != "none"]


@needs_namespaces
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("editcap") or not shutil.which("mergecap"), reason="needs Wireshark's tools")
def test_dumpcap_itself_tells_of_a_silent_interface_until_the_file_is_cut_or_merged(tmp_path):
    file = tmp_path / "n1.pcapng"
    with wire("told") as lan:
        lan.connect("eth2")
        command = ["ip", "netns", "exec", lan.near, "dumpcap", "-q", "-i", "eth1", "-i", "eth2", "-f", "arp or icmp"]
        with subprocess.Popen([*command, "-w", str(file), "-a", "duration:4"], stderr=subprocess.PIPE) as dumpcap:
            assert b"Capturing" in dumpcap.stderr.readline()
            assert b"File" in dumpcap.stderr.readline()
            lan.ping(30)
            dumpcap.wait(20)
    spans = analyse([str(file)], state=[]).correlation.recorded
    begin, end = (getattr(spans[CapturePoint("n1", "eth2")], name) for name in ("first", "last"))
    packets = spans[CapturePoint("n1", "eth1")]
    assert begin <= packets.last <= end + 10**9
    assert 2 * 10**9 < end - begin < 4 * 10**9
    for changed in (["editcap", "-r", file, "cut.pcapng", "1-20"], ["mergecap", "-w", "cut.pcapng", file, file]):
        subprocess.run([str(word) for word in changed], cwd=tmp_path, check=True, capture_output=True)
        source = Decoded(CaptureFile(str(tmp_path / "cut.pcapng")))
        recorded = analyse([source.file.path], state=[]).correlation.recorded
        assert CapturePoint("cut", "eth2") not in recorded
