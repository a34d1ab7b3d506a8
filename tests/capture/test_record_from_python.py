"""`ipipscope.record` in network namespaces: what ping sent is in the tables."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

import ipipscope as ix
from ipipscope.errors import UsageError

from .live import count, needs_namespaces, run, wire


@pytest.fixture(scope="module")
def lan():
    with wire("py") as made:
        yield made


@contextmanager
def pinging(lan):
    """Pings until the end of the block, 600 at most."""
    command = ["ip", "netns", "exec", lan.near, "ping", "-q", "-c", "600", "-i", "0.02", lan.far_address]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as ping:
        try:
            yield
        finally:
            ping.terminate()


@needs_namespaces
@pytest.mark.slow
def test_packets_and_host_state_of_a_namespace_are_in_what_is_returned(lan, tmp_path):
    file = tmp_path / "a.pcapng"
    with pinging(lan):
        capture = ix.record("eth1", count=20, filter="icmp", via=lan.via, write=file)
    assert len(capture.packets) == count(file) == 20
    seen = run("tshark", "-r", file, "-T", "fields", "-e", "icmp.seq").stdout.split()
    assert capture.packets.icmp_seq.astype(int).tolist() == [int(seq) for seq in seen]
    assert capture.points[["node", "interface"]].to_numpy().tolist() == [[lan.near, "eth1"]]
    assert capture.triage().answered >= 9
    assert (tmp_path / "a.state" / f"{lan.near}.json").exists()
    with pytest.raises(UsageError, match="exists"):
        ix.record("eth1", count=1, via=lan.via, write=file)


@needs_namespaces
@pytest.mark.slow
def test_a_temporary_recording_goes_when_nobody_has_it_any_more(lan):
    with pinging(lan):
        capture = ix.record(["eth1"], duration=1.5, via=lan.via, node="node7", state=False)
    (file,) = capture.packets.file.unique()
    assert Path(file).exists()
    assert capture.points.node.tolist() == ["node7"]
    assert len(capture.exchanges) > 5
    del capture
    assert not Path(file).parent.exists()


@needs_namespaces
@pytest.mark.slow
def test_an_interrupt_ends_it_and_what_was_recorded_is_returned(lan):
    timer = threading.Timer(2, os.kill, (os.getpid(), signal.SIGINT))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # shells let jobs ignore it
    try:
        with pinging(lan):
            timer.start()
            capture = ix.record("eth1", via=lan.via, state=False)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(capture.packets) > 10


@needs_namespaces
@pytest.mark.slow
def test_an_interface_that_is_not_there_is_said_before_anything_is_recorded(lan):
    with pytest.raises(UsageError, match="no interface 'eth9'"):
        ix.record("eth9", duration=1, via=lan.via)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"interfaces": []}, "needs interfaces"),
        ({"duration": 0}, "duration=0"),
        ({"count": 0}, "count=0"),
        ({"write": "-"}, "writes to a file"),
        ({"traffic": "http"}, "'icmp', 'handshakes', 'all'"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong, said):
    with pytest.raises(UsageError, match=said):
        ix.record(**{"interfaces": "lo", "duration": 1, **wrong})
