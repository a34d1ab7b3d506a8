"""Faults that happen while they are recorded: case 1 sent again over a wire and a tun device; other ways to a node."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from ipipscope.capture.files import CaptureFile
from ipipscope.live.clock import Ahead, CaptureClock
from ipipscope.live.stream import Stream

from .live import SCOPE, Capture, count, needs_namespaces, run, wait_for, wire
from .overlay import inside, tun

CASE = Path(__file__).parents[2] / "captures" / "case-1-reply-not-encapsulated"
SECOND = 10**9


@pytest.fixture(scope="module")
def lan():
    with wire("judge") as made:
        yield made


def packets_of(case: Path, node: str, *interfaces: str) -> list[tuple[int, str, bytes]]:
    """Time, interface and octets of every packet that the node's points recorded, in order of time."""
    found = []
    for interface in interfaces:
        file = CaptureFile(str(next((case / "captures").glob(f"{node}_{interface}.pcap*"))))
        for records in file.batches():
            for offset, length, moment in zip(records.offsets, records.captured, records.time, strict=True):
                found.append((int(moment), interface, bytes(records.octets[offset : offset + length])))
    return sorted(found)


def ethernet() -> socket.socket:
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.bind(("eth1", 0))
    return sender


@needs_namespaces
@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/net/tun").exists(), reason="needs tun devices")
def test_case_1_sent_again_is_found_within_two_seconds_of_its_timeout_and_as_triage_finds_it(lan, tmp_path):
    tunnel = inside(lan.near, tun)
    sender = inside(lan.far, ethernet)
    run("ip", "-n", lan.near, "link", "set", "tunl0", "up")
    with Capture(
        "--via", lan.via, "--node", "node3", "eth1", "tunl0", "--timeout", "1", "--format", "ndjson",
        file=tmp_path / "a.pcapng",
    ) as live:  # fmt: skip
        live.recording()
        for _, interface, octets in packets_of(CASE, "node3", "eth1", "tunl0"):
            if interface == "eth1":
                sender.send(octets)
            else:
                os.write(tunnel, octets)
            time.sleep(0.005)
        first = json.loads(live.process.stdout.readline())
        status, out, _ = live.finish()
    os.close(tunnel)
    sender.close()
    assert status == 1
    assert (first["type"], first["code"], first["node"]) == ("open", "IPIP101", "node3")
    last_packet = first["last"][:19], first["time"][:19]
    moments = [time.mktime(time.strptime(each, "%Y-%m-%dT%H:%M:%S")) for each in last_packet]
    assert moments[1] - moments[0] <= 1 + 2 + 1  # capture time: timeout, the promise, whole seconds
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[-1]["type"] == "report"
    told = [line for line in lines if line["type"] == "finding"]
    triaged = json.loads(run(SCOPE, "triage", live.file, "--format", "json", check=False).stdout)
    assert [each["code"] for each in told] == [each["code"] for each in triaged["findings"]]
    assert told[0]["evidence"] == triaged["findings"][0]["evidence"]


@needs_namespaces
@pytest.mark.slow
@pytest.mark.parametrize("hidden", [("dumpcap",), ("dumpcap", "tcpdump")], ids=["tcpdump", "scapy"])
def test_without_dumpcap_others_record(lan, tmp_path, hidden):
    """A folder of links to every tool but the hidden ones stands for a host without them."""
    from ipipscope.capture.elsewhere import Host
    from ipipscope.capture.interfaces import Equipment
    from ipipscope.capture.recording import Limits, Recording
    from ipipscope.live import setup
    from ipipscope.live.judge import LiveJudge
    from ipipscope.live.lines import Lines
    from ipipscope.live.session import Session
    from ipipscope.live.stream import Target

    tools = tuple(tool for tool in ("dumpcap", "tcpdump") if tool not in hidden)
    host = Host(("ip", "netns", "exec", lan.near))
    there = Equipment("near", "Linux", tools, {"eth1": "ether", "lo": "loopback"})
    target = Target("near", host, there, ("eth1", "lo"), {"eth1": "icmp", "lo": "icmp"})
    file = tmp_path / "a.pcapng"
    recording = Recording(str(file), Limits(packets=20))
    session = Session(
        [target], recording, LiveJudge(5 * SECOND), settings=setup.Settings(), timeout=5 * SECOND, duration=15
    )
    pinging = subprocess.Popen(
        ["ip", "netns", "exec", lan.near, "sh", "-c", f"sleep 4; ping -q -c 10 -i 0.05 {lan.far_address}"],
        stdout=subprocess.DEVNULL,
    )
    with Path(os.devnull).open("w") as nowhere:
        session.run(Lines(nowhere))
        analysis = session.finish(Lines(nowhere))
    pinging.wait()
    assert count(file, "icmp") == 20
    assert analysis.report.answered == 10
    assert {str(point.point) for point in analysis.report.points} == {"near:eth1", "near:lo"}


@needs_namespaces
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("sshd") and not Path("/usr/sbin/sshd").exists(), reason="needs sshd")
def test_a_node_is_recorded_through_ssh_beside_one_in_a_namespace(lan, tmp_path):
    for name in ("host", "user"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name)
    (tmp_path / "authorized").write_text((tmp_path / "user.pub").read_text())
    (tmp_path / "authorized").chmod(0o600)
    Path("/run/sshd").mkdir(exist_ok=True)
    config = tmp_path / "sshd_config"
    config.write_text(
        f"ListenAddress 127.0.0.1\nPort 2222\nHostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/authorized\n"
        "StrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n"
    )
    # Its loopback is the far namespace's own: nothing listens on this host.
    enter = ["ip", "netns", "exec", lan.far]
    daemon = subprocess.Popen([*enter, "/usr/sbin/sshd", "-D", "-f", str(config)], stderr=subprocess.DEVNULL)
    way = (
        f"ip netns exec {lan.far} ssh -p 2222 -i {tmp_path}/user -o BatchMode=yes -o StrictHostKeyChecking=no"
        f" -o UserKnownHostsFile={tmp_path}/known -o LogLevel=ERROR root@127.0.0.1"
    )
    try:
        wait_for(lambda: ":2222" in run(*enter, "ss", "-ltn").stdout)
        with Capture(
            "--on", f"node4={way}", "--on", f"node2={lan.via}", "node4:eth1", "node2:eth1", "--no-state",
            file=tmp_path / "a.pcapng",
        ) as live:  # fmt: skip
            wait_for(lambda: live.ended or len(described_interfaces(live.file)) == 2)
            lan.ping(10)
            live.recorded(40)
            status, out, err = live.finish()
        assert (status, err) == (0, "")
        assert "10 of 10 exchanges answered" in out
        assert described_interfaces(live.file) == {"node4:eth1", "node2:eth1"}
        with Capture("--via", way.replace("-p 2222", "-p 2223"), "eth1", file=tmp_path / "b.pcapng") as refused:
            status, _, err = refused.finish(None)
        assert status == 3
        assert "Connection refused" in err
        assert len(err.splitlines()) == 1
    finally:
        daemon.terminate()
        daemon.wait()


def described_interfaces(file: Path) -> set[str]:
    if not file.exists():
        return set()
    capture = CaptureFile(str(file))
    for _ in capture.batches():
        pass
    return {interface.name for interface in capture.interfaces}


@pytest.mark.parametrize("by", [3600, -3600, 10, -10])
def test_a_clock_that_is_set_while_it_records_is_told_and_times_go_on(by):
    clock = CaptureClock()
    ahead = 1_700_000_000 * SECOND
    arrivals = np.arange(40, dtype="i8") * SECOND // 4
    times = ahead + arrivals
    times[20:] += by * SECOND
    steps = []
    steady = []
    for row, arrived in enumerate(arrivals.tolist()):
        given, step = clock.steady(times[row : row + 1], arrived)
        steady.append(int(given[0]))
        steps += [step] if step else []
    assert [round(step.by / SECOND) for step in steps] == [by]
    assert steps[0].time == times[20]
    assert np.abs(np.array(steady) - (ahead + arrivals)).max() < SECOND


@pytest.mark.parametrize("by", [3600, -3600, 10, -10])
def test_a_recording_knows_that_its_clock_was_set(by):
    clock = Ahead()
    for quarter in range(40):
        clock.see(
            (1_700_000_000 + (by if quarter >= 20 else 0)) * SECOND + quarter * SECOND // 4, quarter * SECOND // 4
        )
        assert clock.stepped == (quarter >= 20)


def test_a_recording_knows_its_clock_by_the_packet_that_came_soonest():
    clock = Ahead()
    for second, late in enumerate((4, 2, 5, 3)):  # tenths
        clock.see((1_700_000_000 + second) * SECOND, second * SECOND + late * SECOND // 10)
        clock.see(-1, 0)
    soonest = 1_700_000_000 * SECOND - 2 * SECOND // 10
    assert (clock.most, clock.stepped) == (soonest, False)
    assert soonest - SECOND // 1000 < clock.ahead <= soonest


def test_a_stalled_connection_is_no_step_of_the_clock():
    clock = CaptureClock()
    times = np.arange(100, dtype="i8") * SECOND + 1_700_000_000 * SECOND
    assert clock.steady(times[:50], 50 * SECOND)[1] is None
    assert clock.steady(times[50:60], 90 * SECOND)[1] is None
    assert clock.steady(times[60:], 100 * SECOND)[1] is None


@pytest.mark.parametrize("pause", [60, 3600])
@pytest.mark.parametrize("rate", [-100, 100])
def test_a_clock_that_goes_slower_or_faster_than_ours_is_never_overtaken_and_was_not_set(rate, pause):
    clock, recording = CaptureClock(), Ahead()
    for ours in range(0, 24 * 3600 * SECOND, pause * SECOND):
        time = 1_700_000_000 * SECOND + ours + ours * rate // 10**6
        assert clock.passed(ours) <= time
        assert clock.steady(np.array([time]), ours)[1] is None
        recording.see(time, ours)
        assert recording.least(ours + pause * SECOND) <= time - ours + pause * SECOND * rate // 10**6
    assert not recording.stepped


def test_a_clock_that_was_set_back_by_less_than_a_step_is_not_overtaken():
    clock = CaptureClock()
    for second in range(20):
        time = (1_700_000_000 + second) * SECOND - (28 * SECOND // 10 if second >= 10 else 0)
        clock.steady(np.array([time]), second * SECOND)
    assert time <= clock.passed(30 * SECOND) - 11 * SECOND <= time + SECOND


@pytest.mark.parametrize("told", [None, (1, 2)])
def test_an_interface_that_hears_nothing_does_not_say_when_it_recorded_by_a_clock_that_was_set(told):
    busy, silent = Ahead(), Ahead()
    stream = Stream.__new__(Stream)
    stream._clocks = [busy, silent]
    busy.see(1_700_000_000 * SECOND, 0)
    begin, end = told or (1_700_000_001 * SECOND, 1_700_000_199 * SECOND)
    span = stream._span(told, 0, 200 * SECOND)
    assert span[0] == begin
    assert end - SECOND // 10 <= span[1] <= end
    busy.see((1_700_000_100 - 3600) * SECOND, 100 * SECOND)
    assert stream._span(told, 0, 200 * SECOND) is None
