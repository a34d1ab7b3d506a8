"""What may go wrong beside a recording: a slow judge, a view that takes nothing, recorders that do not start or end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from ipipscope.capture.commands import Recorder, Settings, Wanted
from ipipscope.capture.elsewhere import Host
from ipipscope.capture.interfaces import Equipment
from ipipscope.capture.recording import Limits, Recording
from ipipscope.live import judging
from ipipscope.live.events import Findings
from ipipscope.live.judge import LiveJudge
from ipipscope.live.session import Session
from ipipscope.live.state import HostState
from ipipscope.live.stream import Target

from .live import count, needs_namespaces, wait_for, wire

SECOND = 10**9

pytestmark = [needs_namespaces, pytest.mark.slow]


@pytest.fixture(scope="module")
def lan():
    with wire("ses") as made:
        yield made


class View:
    """Keeps what it is told; `held` holds up whoever calls it."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.held = threading.Event()
        self.held.set()

    def events(self, _) -> None:
        self.held.wait(20)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def show(self, _: Session) -> None:
        self.held.wait(20)


def target(lan, via: tuple[str, ...] | None = None, node: str = "near") -> Target:
    host = Host(("ip", "netns", "exec", lan.near) if via is None else via)
    return Target(node, host, Equipment(node, "Linux", ("dumpcap",), {"eth1": "ether"}), ("eth1",), {"eth1": "icmp"})


def session(targets, recording: Recording, *, duration: float | None = None) -> Session:
    return Session(
        targets, recording, LiveJudge(5 * SECOND), settings=Settings(), timeout=5 * SECOND, duration=duration
    )


class Running:
    """A session in a thread."""

    def __init__(self, session: Session, view: View) -> None:
        self.session, self.view = session, view
        self.raised: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.session.run(self.view)
        except BaseException as fault:  # noqa: BLE001  (the test looks at it)
            self.raised = fault

    def stop(self) -> None:
        self.session.stop()
        self.ended()

    def ended(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()


def test_a_view_that_takes_nothing_holds_up_the_judge_and_no_packet(lan, tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "BACKLOG", 4000)  # octets: some thirty pings
    file, view = tmp_path / "a.pcapng", View()
    recording = Recording(str(file), Limits())
    running = Running(session([target(lan)], recording), view)
    lan_ready(lan, recording)
    view.held.clear()
    lan.ping(100, 0.005)
    wait_for(lambda: count(file, "icmp") >= 200)  # on disk, while nobody judges
    assert running.session.passed_over > 0
    view.held.set()
    wait_for(lambda: any("faster than they could be judged" in note for note in view.notes))
    lan.ping(3)
    running.stop()
    analysis = running.session.finish(view)
    assert running.raised is None
    assert not analysis.findings
    assert analysis.report.answered == recording.packets // 2
    assert any("were judged only now" in note for note in analysis.report.notes)


def lan_ready(lan, recording: Recording) -> None:
    """Ping until the recorder records."""

    def pinged() -> bool:
        lan.ping(1)
        return recording.packets > 1

    wait_for(pinged)
    time.sleep(0.3)


def test_a_fault_of_ours_in_a_recorders_thread_is_raised_and_not_told_as_bad_input(lan, tmp_path):
    class Broken(Recording):
        def take(self, records, numbers):
            return len(records) // len(numbers[:0])

    file, view = tmp_path / "a.pcapng", View()
    running = Running(session([target(lan)], Broken(str(file), Limits())), view)
    with pinging(lan):
        running.ended()
    assert isinstance(running.raised, ZeroDivisionError)
    assert "Number of interfaces in file: 1" in capinfos(file)


@contextmanager
def pinging(lan):
    """Pings until the end of the block, 200 at most."""
    command = ["ip", "netns", "exec", lan.near, "ping", "-q", "-c", "200", "-i", "0.05", lan.far_address]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as ping:
        yield
        ping.terminate()


def test_a_judge_that_fails_leaves_a_recording_that_goes_on(lan, tmp_path):
    class Broken(View):
        def show(self, session: Session) -> None:
            if session.latest is not None:
                raise ZeroDivisionError

    file, view = tmp_path / "a.pcapng", Broken()
    recording = Recording(str(file), Limits())
    running = Running(session([target(lan)], recording), view)
    lan_ready(lan, recording)
    wait_for(lambda: any("judging ended with a fault" in note for note in view.notes))
    before = recording.packets
    lan.ping(5)
    wait_for(lambda: recording.packets == before + 10)
    running.stop()
    assert isinstance(running.raised, ZeroDivisionError)
    assert count(file, "icmp") == before + 10


def test_a_recorder_that_cannot_be_started_is_told_and_the_others_record(lan, tmp_path):
    file, view = tmp_path / "a.pcapng", View()
    recording = Recording(str(file), Limits())
    missing = target(lan, (str(tmp_path / "no-such-command"),), node="node9")
    running = Running(session([missing, target(lan)], recording), view)
    lan_ready(lan, recording)
    running.stop()
    analysis = running.session.finish(view)
    assert running.raised is None
    (problem,) = analysis.problems
    assert str(problem).startswith("node9:eth1: ")
    assert "No such file or directory" in str(problem)
    assert [str(point.point) for point in analysis.report.points] == ["near:eth1"]
    assert analysis.report.exit_status() == 3


def test_an_end_of_time_is_kept_while_the_judge_is_held_up(lan, tmp_path):
    file, view = tmp_path / "a.pcapng", View()
    recording = Recording(str(file), Limits())
    running = Running(session([target(lan)], recording, duration=2), view)
    view.held.clear()
    wait_for(lambda: recording.files and "Number of stat entries = 1" in capinfos(file))
    view.held.set()
    running.ended()


def capinfos(file) -> str:
    return subprocess.run(["capinfos", file], capture_output=True, text=True, check=False).stdout


def test_a_recorder_that_does_not_listen_is_killed_with_all_it_started():
    deaf = f"import os, signal, time; signal.signal(15, signal.SIG_IGN); os.fork(); time.sleep({WAITED})"
    recorder = Recorder(Host(), [sys.executable, "-c", deaf], [Wanted("eth1")])
    wait_for(lambda: len(alive()) == 2)
    recorder.stop()
    time.sleep(0.3)
    assert len(alive()) == 2
    recorder.kill()
    assert recorder.ended() != 0
    wait_for(lambda: not alive())


def test_a_recorder_that_leaves_its_output_to_somebody_else_is_given_up(lan, tmp_path):
    prefix = tmp_path / "prefix"
    prefix.write_text(
        f'#!/bin/sh\ncase "$*" in *dumpcap*-w*) setsid sleep 40 & ;; esac\nexec ip netns exec {lan.near} "$@"\n'
    )
    prefix.chmod(0o755)
    file, view = tmp_path / "a.pcapng", View()
    recording = Recording(str(file), Limits())
    running = Running(session([target(lan, (str(prefix),))], recording), view)
    lan_ready(lan, recording)
    running.stop()
    assert any("the recorder does not end" in note for note in view.notes)
    assert count(file, "icmp") == recording.packets
    running.session.finish(view)


def test_signals_inside_one_anothers_handlers_end_a_session_and_block_nothing():
    """Each of 20,000 calls may be interrupted by a signal whose handler makes the same call."""
    program = """
import signal
from ipipscope.capture.commands import Settings
from ipipscope.capture.recording import Limits, Recording
from ipipscope.live.judge import LiveJudge
from ipipscope.live.session import Session
session = Session([], Recording(None, Limits()), LiveJudge(1), settings=Settings(), timeout=1)
signal.signal(signal.SIGALRM, lambda number, frame: session.stop())
signal.setitimer(signal.ITIMER_REAL, 2e-5, 2e-5)
for _ in range(20_000):
    session.stop()
signal.setitimer(signal.ITIMER_REAL, 0)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=20)


def test_a_signal_that_got_lost_while_modules_loaded_ends_the_capture_before_it_begins():
    """What C code looks up while it is imported may swallow what a signal's handler raises."""
    program = """
import contextlib, os, signal
from ipipscope.cli.capture import _Ending
ending = _Ending()
with contextlib.suppress(KeyboardInterrupt):
    os.kill(os.getpid(), signal.SIGHUP)
try:
    ending.begins()
except KeyboardInterrupt:
    print("ended")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=20)
    assert ended.stdout == "ended\n"


WAITED = 20 + os.getpid() / 1e7
"""Seconds; a number by which it is found again."""


def alive() -> list[str]:
    told = subprocess.run(["ps", "-wweo", "stat=,args="], capture_output=True, text=True, check=True).stdout
    return [
        line for line in told.splitlines()
        if f"time.sleep({WAITED})" in line and "SIG_IGN" in line and not line.startswith("Z") and " sh -c" not in line
    ]  # fmt: skip


def test_a_snapshot_that_cannot_be_kept_is_told(lan, tmp_path):
    (tmp_path / "a.state").write_text("in the way")
    state = HostState([target(lan)], str(tmp_path / "a.pcapng"), force=True)
    state.take()
    state.wait(20)
    assert "the host's state is not kept" in str(state.problem)
    assert set(state.snapshots) == {"near"}


def test_a_judge_that_a_fault_ended_is_handed_nothing_more_and_notes_are_told_without_it():
    view = View()
    ended = judging.Judging(LiveJudge(5 * SECOND), Findings(5 * SECOND), view, lambda: None)
    ended.tell(lambda: 1 // 0)
    wait_for(lambda: ended.fault is not None)
    for number in range(3):
        ended.tell(lambda: ended.note("never"), f"note {number}")
        ended.tell(lambda: None)
    assert view.notes == ["note 0", "note 1", "note 2"]
    assert not ended._waiting
