"""Recordings that are followed while real recorders write them, to the verdict of the whole."""

from __future__ import annotations

import signal
import subprocess

import pytest

from ipipscope import analyse
from ipipscope.live.follow import Follower
from ipipscope.model import SECOND

from .live import SCOPE, needs_namespaces, wait_for, wire
from .overlay import FAR_POD, overlay

pytestmark = [needs_namespaces, pytest.mark.slow]
FILTER = "icmp or ip proto 4"


@pytest.fixture(scope="module")
def lan():
    with wire("fol") as made, overlay(made):
        yield made


def recorders(lan, file, which: str) -> list[str]:
    inside = ["ip", "netns", "exec", lan.near]
    return {
        "ipipscope": [str(SCOPE), "capture", "--via", lan.via, "--no-state", "eth1", "tunl0", "-w", str(file)],
        "dumpcap": [*inside, "dumpcap", "-q", "-i", "eth1", "-f", FILTER, "-i", "tunl0", "-f", FILTER, "-w", str(file)],
        "tcpdump": [*inside, "tcpdump", "-U", "-n", "-i", "tunl0", "-w", str(file), *FILTER.split()],
    }[which]


@pytest.mark.parametrize("which", ["ipipscope", "dumpcap", "tcpdump"])
def test_a_recording_is_followed_while_it_is_written(lan, tmp_path, which):
    tmp_path.chmod(0o777)  # dumpcap gives up root's rights before it writes
    file = tmp_path / "near_tunl0.pcapng"
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(recorders(lan, file, which), **quiet) as recorder:
        wait_for(lambda: file.exists() and file.stat().st_size)
        follower = Follower([str(file)], points=None, timeout=SECOND, state=[])
        follower.start()
        lan.ping(20, 0.2, FAR_POD)
        wait_for(lambda: follower.latest is not None and len(follower.latest.kept.time) >= 1)
        assert not follower.latest.ended
        recorder.send_signal(signal.SIGINT)
        recorder.wait(20)
    wait_for(lambda: follower.latest.ended)
    follower.stop()
    assert follower.fault is None
    assert not follower.notes
    report, whole = follower.latest.analysis.report, analyse([str(file)], state=[], timeout=SECOND).report
    assert report.exchanges == whole.exchanges >= 15  # a recorder takes a moment to begin
    told = [(each.code, each.node, each.count, each.summary) for each in report.findings]
    assert told == [(each.code, each.node, each.count, each.summary) for each in whole.findings]
    assert (report.answered, report.packets) == (whole.answered, whole.packets)
