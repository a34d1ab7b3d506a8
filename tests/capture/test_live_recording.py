"""Recording in network namespaces: what ping sent is in the file, whatever ends the capture."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time

import pytest

from ipipscope.analysis import analyse
from ipipscope.capture.files import CaptureFile
from ipipscope.model import SECOND, CapturePoint

from .live import SCOPE, Capture, Wire, count, described, needs_namespaces, run, wait_for, wire, without

pytestmark = [needs_namespaces, pytest.mark.slow]


@pytest.fixture(scope="module")
def lan():
    with wire("rec") as made:
        yield made


def capture(lan: Wire, tmp_path, *options: object, state: bool = False) -> Capture:
    more = () if state else ("--no-state",)
    return Capture("--via", lan.via, "eth1", *more, *options, file=tmp_path / "a.pcapng")


def test_what_was_recorded_is_what_a_tcpdump_beside_it_recorded(lan, tmp_path):
    beside = tmp_path / "beside.pcap"
    with subprocess.Popen(
        ["ip", "netns", "exec", lan.near, "tcpdump", "-U", "-i", "eth1", "-w", str(beside), "icmp"],
        stderr=subprocess.PIPE, text=True,
    ) as tcpdump, capture(lan, tmp_path) as live:  # fmt: skip
        assert "listening" in tcpdump.stderr.readline()
        live.recording()
        lan.ping(20)
        live.recorded(40)
        status, out, _ = live.finish()
        time.sleep(1.2)  # tcpdump hands packets on once a second
        tcpdump.terminate()
    assert status == 0
    assert "20 of 20 exchanges answered" in out
    sent = run("tshark", "-r", beside, "-T", "fields", "-e", "ip.id", "-e", "icmp.type", "-e", "icmp.seq").stdout
    recorded = run(
        "tshark", "-r", live.file, "-Y", "icmp", "-T", "fields", "-e", "ip.id", "-e", "icmp.type", "-e", "icmp.seq"
    ).stdout
    assert len(sent.splitlines()) == 40
    assert recorded == sent


def test_the_file_names_node_interface_filter_system_and_counts(lan, tmp_path):
    with capture(lan, tmp_path, "-s", "128", "-a", "packets:6") as live:
        live.recording()
        lan.ping(10)
        live.finish(None)
    told = run("capinfos", live.file).stdout
    for line in (f"Name = {lan.near}:eth1", "Capture length = 128", "Filter string = arp or icmp",
                 "Time precision = nanoseconds", "Capture application: ipipscope", "(dumpcap)"):  # fmt: skip
        assert line in told
    (interface,) = (file := CaptureFile(str(live.file))).interfaces or (list(file.batches()) and file.interfaces)
    assert interface.received >= 6
    assert interface.dropped == 0


def test_triage_of_the_file_finds_points_and_host_state_on_its_own(lan, tmp_path):
    with capture(lan, tmp_path, "-a", "packets:8", "--format", "ndjson", state=True) as live:
        live.recording()
        lan.ping(10)
        status, out, _ = live.finish(None)
    assert status == 0
    snapshot = json.loads((tmp_path / "a.state" / f"{lan.near}.json").read_text())
    assert lan.near_address in json.dumps(snapshot)
    report = json.loads(run(SCOPE, "triage", live.file, "--format", "json").stdout)
    last = json.loads(out.splitlines()[-1])
    assert report["capture_points"] == last["capture_points"]
    assert report["summary"] == last["summary"]
    assert report["capture_points"][0]["node"] == lan.near
    assert report["capture_points"][0]["interface"] == "eth1"


def test_it_stops_after_exactly_so_many_packets(lan, tmp_path):
    with capture(lan, tmp_path, "-c", "7") as live:
        live.recording()
        lan.ping(12, 0.005)
        live.finish(None)
    assert count(live.file) == 7


def test_it_stops_after_so_many_seconds_without_a_packet(lan, tmp_path):
    with capture(lan, tmp_path, "-f", "icmp", "-a", "duration:1") as live:
        status, out, _ = live.finish(None)
    assert status == 0
    assert "UNDECIDED" in out
    assert described(live.file) == (1, 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_polite_signal_ends_it_with_the_report(lan, tmp_path, number):
    with capture(lan, tmp_path) as live:
        live.recording()
        lan.ping(5)
        live.recorded(10)
        status, out, err = live.finish(number)
    assert (status, err) == (0, "")
    assert "5 of 5 exchanges answered" in out
    assert count(live.file, "icmp") == 10


def test_many_signals_at_once_end_it_with_the_report(lan, tmp_path):
    """A service manager's TERM and HUP, a shell's and timeout's to the process and its group."""
    with capture(lan, tmp_path) as live:
        live.recording()
        lan.ping(5)
        live.recorded(10)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            live.process.send_signal(number)
        status, out, err = live.finish(None)
    assert (status, err) == (0, "")
    assert "5 of 5 exchanges answered" in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_hosts_are_still_asked_ends_it_before_anything_is_written(tmp_path, number):
    with Capture("--via", "sh -c 'touch %s; sleep 30'" % (tmp_path / "asked"), "eth1", file=tmp_path / "a") as live:
        wait_for((tmp_path / "asked").exists)
        status, out, err = live.finish(number)
    assert (status, out, err) == (130, "", "")
    assert not (tmp_path / "a").exists()


def test_kill_9_leaves_a_file_with_everything_up_to_then_and_no_recorder_behind(lan, tmp_path):
    with capture(lan, tmp_path) as live:
        live.recording()
        lan.ping(50, 0.01)
        live.recorded(100)
        live.process.kill()
        live.process.wait()
    assert count(live.file, "icmp") == 100
    assert "cut short" not in run("capinfos", live.file).stderr
    wait_for(lambda: not run("ip", "netns", "pids", lan.near).stdout.split())


@pytest.mark.parametrize("recorder", ["dumpcap", "tcpdump"])
def test_a_full_disk_ends_it_with_a_message_and_a_file_that_opens(lan, tmp_path, recorder):
    via = lan.via if recorder == "dumpcap" else without(tmp_path, lan, "dumpcap")
    small = tmp_path / "small"
    small.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=64k", "none", small)
    try:
        with Capture("--via", via, "--node", lan.near, "eth1", "--no-state", file=small / "a.pcapng") as live:
            live.recording()
            lan.inside("ping", "-q", "-c", 60, "-i", 0.005, "-s", 1200, lan.far_address)
            status, out, err = live.finish(None)
        assert status == 3
        assert re.search(r"a\.pcapng: no space left on device, after \d+ octets\. It opens with everything", err)
        packets = count(live.file)
        assert 35 < packets < 60
        assert f"{packets} packets" in out
        assert f"({recorder})" in run("capinfos", live.file).stdout
        assert "cut short" not in run("capinfos", live.file).stderr
    finally:
        run("umount", small)


def test_a_pipe_that_nobody_reads_any_more_ends_it_with_141(lan):
    with Capture("--via", lan.via, "eth1", "--no-state", "-w", "-") as live:
        live.process.stdout.buffer.raw.read(100)
        live.process.stdout.close()
        lan.ping(5)
        assert live.process.wait(20) == 141


def test_the_capture_on_standard_output_opens_in_wireshark(lan):
    with Capture("--via", lan.via, "eth1", "--no-state", "-w", "-", "-c", "6") as live:
        pipe = live.process.stdout.buffer.raw
        begin = b""
        while b"eth1" not in begin:
            begin += pipe.read(100)
        lan.ping(5)
        whole = begin + live.process.stdout.buffer.read()
        shown = subprocess.run(["tshark", "-r", "-", "-Y", "icmp"], input=whole, capture_output=True, check=True).stdout
        assert 4 <= len(shown.splitlines()) <= 6
        assert "exchanges answered" in live.process.stderr.read()
        assert live.process.wait(20) == 0


def test_nothing_is_overwritten_unless_told(lan, tmp_path):
    file = tmp_path / "a.pcapng"
    file.write_text("precious")
    with capture(lan, tmp_path, "-a", "duration:1") as live:
        status, _, err = live.finish(None)
    assert status == 2
    assert "a.pcapng exists: name another file, or overwrite it with --force" in err
    assert file.read_text() == "precious"
    with capture(lan, tmp_path, "-a", "duration:1", "--force") as live:
        assert live.finish(None)[0] == 0
    assert described(file)[0] == 1


@pytest.mark.parametrize(("recorder", "limit"), [("dumpcap", "packets:10"), ("tcpdump", "filesize:2")])
def test_a_ring_keeps_its_last_files_each_with_interfaces_and_statistics(lan, tmp_path, recorder, limit):
    via = lan.via if recorder == "dumpcap" else without(tmp_path, lan, "dumpcap")
    options = ("-b", limit, "-b", "files:2", "-c", "45", "--format", "ndjson", "--node", lan.near)
    with Capture("--via", via, "eth1", *options, file=tmp_path / "a.pcapng") as live:
        wait_for(lambda: any(described(file)[0] for file in tmp_path.glob("a_*.pcapng")))
        lan.ping(30, 0.03 if recorder == "dumpcap" else 0.15)  # tcpdump hands packets on once a second
        status, out, _ = live.finish(None)
    assert status == 0
    files = sorted(tmp_path.glob("a_*.pcapng"))
    assert "_00001_" not in files[0].name
    assert len(files) == 2
    for file in files:
        assert described(file)[0] == 1
        assert "Number of stat entries = 1" in run("capinfos", file).stdout
    report = json.loads(run(SCOPE, "triage", files[-1], "--format", "json").stdout)
    assert report["capture_points"][0]["node"] == lan.near
    assert json.loads(out.splitlines()[-1])["summary"]["packets"] == 45
    for some in (files, files[:1], files[1:]):
        report = json.loads(run(SCOPE, "triage", "--no-state", *some, "--format", "json").stdout)
        assert not [finding for finding in report["findings"] if finding["impact"] != "none"]
        assert report["summary"]["packets"] == sum(described(file)[1] for file in some)
    assert f"({recorder})" in run("capinfos", files[0]).stdout


def test_an_interface_that_does_not_exist_brings_close_names(lan, tmp_path):
    with Capture("--via", lan.via, "eht1", file=tmp_path / "a.pcapng") as live:
        status, _, err = live.finish(None)
    assert status == 2
    assert f"{lan.near} has no interface 'eht1'. Did you mean eth1?" in err
    assert not (tmp_path / "a.pcapng").exists()


def test_a_filter_that_does_not_compile_is_told_in_the_recorders_words(lan, tmp_path):
    with capture(lan, tmp_path, "-f", "icmp and and") as live:
        status, _, err = live.finish(None)
    assert status == 3
    assert "syntax error" in err
    assert len(err.splitlines()) <= 2


def test_a_recorder_that_dies_is_told_and_what_it_gave_is_judged(lan, tmp_path):
    with capture(lan, tmp_path) as live:
        live.recording()
        lan.ping(5)
        live.recorded(10)
        for process in run("ip", "netns", "pids", lan.near).stdout.split():
            if run("ps", "-o", "comm=", "-p", process, check=False).stdout.strip() == "dumpcap":
                run("kill", "-KILL", process)
        status, out, err = live.finish(None)
    assert status == 3
    assert "5 of 5 exchanges answered" in out
    assert f"{lan.near}:eth1: Killed" in err


@pytest.mark.parametrize("ended", ["politely", "killed"])
def test_recording_goes_on_when_an_interface_is_deleted_and_the_file_tells_when_it_was_not(lan, tmp_path, ended):
    if ended == "politely":
        lan.connect("eth2")
    with Capture("--via", lan.via, "eth1", "eth2", "--no-state", file=tmp_path / "a.pcapng") as live:
        live.recording()
        lan.ping(3)
        time.sleep(3)
        lan.ping(3)
        live.recorded(12)
        run("ip", "-n", lan.near, "link", "del", "eth2")
        line = live.process.stderr.readline()
        assert "eth2" in line
        lan.connect("eth2")
        said = ""
        while "recorded again" not in said or "eth2" not in said.partition("recorded again")[0].splitlines()[-1]:
            said += live.process.stderr.readline()
        time.sleep(1)
        lan.ping(3)
        time.sleep(3)
        lan.ping(3)
        live.recorded(24)
        if ended == "killed":
            live.process.kill()
            live.process.wait()
        else:
            status, out, _ = live.finish()
            assert status in {0, 1}
            assert "recorded again" in out
    known = analyse([str(live.file)], state=[]).correlation.recorded
    (_, gone), (back, _) = known[CapturePoint(lan.near, "eth1")].spans
    assert 0 < back - gone < 20 * SECOND
    silent = known[CapturePoint(lan.near, "eth2")]
    assert silent.throughout(gone - 2 * SECOND, gone - SECOND)
    assert not silent.throughout(gone, back)
    assert len(silent.spans) == (2 if ended == "politely" else 1)


def test_twenty_four_interfaces_are_recorded_on_one_clock(tmp_path):
    with wire("many") as lan:
        names = [f"eth{number}" for number in range(2, 26)]
        for number, name in enumerate(names):
            lan.connect(name)
            run("ip", "-n", lan.near, "addr", "add", f"10.78.{number}.1/24", "dev", name)
            run("ip", "-n", lan.far, "addr", "add", f"10.78.{number}.2/24", "dev", name)
        with Capture("--via", lan.via, *names, "--no-state", file=tmp_path / "a.pcapng") as live:
            live.recording()
            for number in range(24):
                lan.ping(1, address=f"10.78.{number}.2")
            wait_for(lambda: count(live.file, "icmp") == 48)
            status, out, _ = live.finish()
        assert status == 0
        assert "24 of 24 exchanges answered" in out
        file = CaptureFile(str(live.file))
        interfaces = {int(each) for records in file.batches() for each in records.interface}
        assert len(file.interfaces) == len(interfaces) == 24


def test_a_request_whose_reply_came_behind_the_limit_is_not_called_lost(lan, tmp_path):
    with Capture("--via", lan.via, "eth1", "-f", "icmp", "-c", 5, "--no-state", file=tmp_path / "a.pcapng") as live:
        live.recording()
        lan.ping(3)
        status, out, _ = live.finish(None)
    assert status == 0
    report = analyse([str(live.file)], state=[]).report
    assert (report.answered, report.unanswered, report.undecided) == (2, 0, 1)
    assert "2 of 3 exchanges answered, 1 undecided" in out
