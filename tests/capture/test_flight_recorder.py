"""The flight recorder: nothing on disk until packets are lost, then what came before and after, once."""

from __future__ import annotations

import calendar
import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import PcapWriter

from ipipscope.analysis import analyse
from ipipscope.capture.files import CaptureFile
from ipipscope.capture.recording import Limits
from ipipscope.errors import UsageError
from ipipscope.live.events import Change, Event
from ipipscope.live.flight_recorder import FlightRecorder
from ipipscope.live.setup import seconds

from .live import SCOPE, Capture, needs_namespaces, run, wait_for, wire
from .overlay import FAR_POD, overlay

CASE = Path(__file__).parents[2] / "captures" / "case-1-reply-not-encapsulated"
SECOND = 10**9
BEGIN = 1_700_000_000
"""Seconds since 1970."""


def pings(folder: Path, lost: range, length: int = 120, size: int = 56) -> Path:
    """A ping a second for *length* seconds as NIC and tunnel of the requester's node show it.

    Those of *lost* have no reply.
    """
    folder.mkdir()
    nic = PcapWriter(str(folder / "node1_eth1.pcap"), linktype=1, nano=True)
    tunnel = PcapWriter(str(folder / "node1_tunl0.pcap"), linktype=101, nano=True)

    def both(moment: float, packet: IP, source: str, destination: str) -> None:
        carried = Ether() / IP(src=source, dst=destination, id=packet.id) / packet
        for writer, each in ((tunnel, packet), (nic, carried)):
            each.time = moment
            writer.write(each)

    nodes, pods = ("192.168.3.110", "192.168.3.112"), ("10.122.17.64", "10.122.127.128")
    for number in range(length):
        ping = ICMP(type=8, id=7, seq=number) / Raw(b"x" * size)
        both(BEGIN + number, IP(src=pods[0], dst=pods[1], id=number) / ping, *nodes)
        if number not in lost:
            pong = ICMP(type=0, id=7, seq=number) / Raw(b"x" * size)
            both(BEGIN + number + 0.0005, IP(src=pods[1], dst=pods[0], id=number) / pong, *nodes[::-1])
    nic.close()
    tunnel.close()
    return folder


def replay(*options: object, check: tuple[int, ...] = (0, 1)) -> subprocess.CompletedProcess[str]:
    done = run(SCOPE, "capture", "-r", *options, check=False)
    assert done.returncode in check, done.stderr
    return done


def seconds_in(file: Path) -> list[int]:
    found = [int(time) for records in CaptureFile(str(file)).batches() for time in records.time]
    return [moment // SECOND - BEGIN for moment in found]


def moment(line) -> int:
    """When an event was noticed, in seconds since BEGIN."""
    return calendar.timegm(time.strptime(line["time"][:19], "%Y-%m-%dT%H:%M:%S")) - BEGIN


def test_a_replay_writes_what_came_before_and_after_a_fault_that_comes_and_goes(tmp_path):
    where = tmp_path / "found"
    done = replay(pings(tmp_path / "case", range(60, 70)), "--on-finding", where, "--keep", "30s", "--format", "ndjson")
    (folder,) = where.iterdir()
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    first = next(line for line in lines if line["type"] == "open")
    assert folder.name.endswith(f"_{first['code']}_node1")
    opened = moment(first)
    assert 65 <= opened <= 69  # the timeout of 5 s, and how far packets may be out of order
    written = seconds_in(folder / "capture.pcapng")
    assert opened - 30 <= min(written) <= opened - 28
    # What opens while it is being written makes it longer: the pings that are answered again are a finding, too.
    later = [moment(line) for line in lines if line["type"] == "open" and line["impact"] != "none"]
    assert later[-1] + 9 <= max(written) <= later[-1] + 10
    report = json.loads((folder / "report.json").read_text())
    (finding, *_) = report["findings"]
    assert finding["impact"] != "none"
    assert report["summary"]["packets"] == len(written)
    assert report["capture_points"][0]["node"] == "node1"
    assert finding["code"] in (folder / "report.txt").read_text()
    assert finding["code"] in (folder / "report.html").read_text()
    assert f"{folder}/capture.pcapng: {len(written)} packets" in done.stderr


def test_each_fault_has_its_folder_and_nothing_is_overwritten(tmp_path):
    case = pings(tmp_path / "case", range(40, 50), length=80)
    where = tmp_path / "found"
    for number in (1, 2, 3):
        replay(case, "--on-finding", where)
        assert len(list(where.iterdir())) == number
    contents = {(folder / "capture.pcapng").read_bytes() for folder in where.iterdir()}
    assert len(contents) == 1


def test_healthy_traffic_writes_nothing(tmp_path):
    replay(pings(tmp_path / "case", range(0)), "--on-finding", tmp_path / "found", check=(0,))
    assert list((tmp_path / "found").iterdir()) == []


def test_host_state_beside_a_replayed_case_is_kept_and_explains_the_finding(tmp_path):
    replay(CASE, "--on-finding", tmp_path / "found")
    (folder,) = (tmp_path / "found").iterdir()
    assert {file.stem for file in (folder / "capture.state").iterdir()} == {"node1", "node3"}
    (finding,) = json.loads((folder / "report.json").read_text())["findings"]
    assert (finding["code"], finding["cause"]["class"]) == ("IPIP101", "wrong-route")


def test_memory_is_bounded_the_oldest_go_first_and_that_is_told(tmp_path):
    file = pings(tmp_path / "case", range(0), length=40, size=1400) / "node1_eth1.pcap"
    recorder = FlightRecorder(str(tmp_path / "found"), Limits(), keep=30 * SECOND, memory=20_000, by_capture_time=True)
    most, capture = 0, CaptureFile(str(file), window=4000)
    for records in capture.batches():
        if not recorder._interfaces:
            recorder.describe(capture.interfaces[0])
        recorder.take(records, [0])
        recorder.passed(int(records.time[-1]))
        most = max(most, recorder._octets)
    assert 10_000 < most <= 20_000
    assert recorder.packets == 80
    (told,) = recorder.news()
    assert "0 MB hold: the oldest packets go first" in told
    assert "--memory" in told


@pytest.mark.parametrize("options", [("-w", "a.pcapng"), ("-b", "filesize:10")])
def test_it_goes_with_no_other_file(tmp_path, options):
    done = replay(CASE, "--on-finding", tmp_path / "found", *options, check=(2,))
    assert "leave out -w and -b" in done.stderr


@pytest.mark.parametrize(("text", "value"), [("30s", 30), ("2m", 120), ("1.5", 1.5), ("1h", 3600)])
def test_times_are_written_as_people_write_them(text, value):
    assert seconds(text) == value * SECOND


@pytest.mark.parametrize("text", ["", "soon", "-3", "0s"])
def test_other_times_are_refused(text):
    with pytest.raises(UsageError, match="30s or 2m"):
        seconds(text)


@needs_namespaces
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("nft"), reason="needs nft to drop packets")
def test_pings_that_are_dropped_on_their_way_are_on_disk_with_what_came_before_and_after(tmp_path):
    where = tmp_path / "found"
    with wire("fly") as lan, overlay(lan):
        table = ["ip", "netns", "exec", lan.far, "nft"]
        run(*table, "add table ip t; add chain ip t in { type filter hook input priority 0; }")
        with subprocess.Popen(
            ["ip", "netns", "exec", lan.near, "ping", "-q", "-i", "0.2", "-c", "300", FAR_POD],
            stdout=subprocess.DEVNULL,
        ) as ping, Capture(
            "--via", lan.via, "--node", "node7", "eth1", "tunl0", "--on-finding", where, "--keep", "4s",
            "--timeout", "1",
        ) as live:  # fmt: skip
            wait_for(lambda: live.ended or "dumpcap" in run("ip", "netns", "exec", lan.near, "ss", "-0pn").stdout)
            time.sleep(5)
            assert list(where.iterdir()) == []
            run(*table, "add rule ip t in ip protocol 4 drop")
            wait_for(lambda: live.ended or list(where.glob("*/capture.pcapng")))
            run(*table, "flush chain ip t in")
            wait_for(lambda: live.ended or list(where.glob("*/report.html")))
            ping.terminate()
            status, _, err = live.finish()
        assert status == 1
        folder = min(where.iterdir())
        assert f"{folder}/capture.pcapng: " in err
        assert "the last 4 s and the next 10 s go to" in err
        report = json.loads((folder / "report.json").read_text())
        assert report["summary"]["answered"] > 20
        assert report["summary"]["unanswered"] >= 5
        assert report["findings"][0]["node"] == "node7"
        assert lan.near_address in (folder / "capture.state" / "node7.json").read_text()
        moments = [
            float(each)
            for each in run(
                "tshark", "-r", folder / "capture.pcapng", "-T", "fields", "-e", "frame.time_epoch"
            ).stdout.split()
        ]
        assert 11 < max(moments) - min(moments) < 30  # longer, where another finding opens meanwhile
    assert not list(Path.cwd().glob("node7_*.pcapng"))


def test_a_report_that_a_fault_of_ours_ended_is_told_of(tmp_path):
    recorder = FlightRecorder(str(tmp_path), Limits(), keep=SECOND, memory=20_000, by_capture_time=True)
    file = pings(tmp_path / "case", range(0)) / "node1_eth1.pcap"
    capture = CaptureFile(str(file))
    recorder.state = lambda: 1 // 0
    for records in capture.batches():
        if not recorder._interfaces:
            recorder.describe(capture.interfaces[0])
        recorder.take(records, [0])
    (finding, *_) = analyse([str(CASE)], state=[]).findings
    recorder.opened([Event(Change.OPEN, int(records.time[-1]), finding)], int(records.time[-1]))
    recorder.finish()
    told = recorder.news()
    assert any("the report is not written: ZeroDivisionError" in text for text in told), told
