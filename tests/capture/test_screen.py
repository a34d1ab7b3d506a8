"""The screen of a running capture: what stands on it, at any size, and how the terminal is left."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from ipipscope.language.told import writing_in
from ipipscope.live.layout import Block, stacked
from ipipscope.live.replay import replay
from ipipscope.live.screen import Rates
from ipipscope.live.screen_text import screen_lines
from ipipscope.model import CapturePoint
from ipipscope.report.lines import cells, plain

from .live import MAIN, SCOPE, needs_namespaces, run, wait_for, wire
from .overlay import FAR_POD, overlay
from .terminal import BEFORE, Terminal, needs_tmux

CAPTURES = Path(__file__).parents[2] / "captures"
CASE = CAPTURES / "case-1-reply-not-encapsulated"
SIZES = ((80, 24), (120, 40), (60, 15), (40, 8), (20, 3), (200, 60))
SECOND = 10**9


class Looking:
    """A view that draws at every step, at every size, and keeps what it saw."""

    def __init__(self, notes: tuple[str, ...] = ()) -> None:
        self.notes = notes
        self.screens: dict[tuple[int, int], list[list[str]]] = {size: [] for size in SIZES}
        self.rates = Rates()

    def events(self, _) -> None:
        pass

    def note(self, _) -> None:
        pass

    def show(self, watched) -> None:
        self.rates.take(watched.now, watched.points())
        for size in SIZES:
            lines = screen_lines(watched, self.rates.now, self.notes, *size)
            self.screens[size].append(["".join(text for text, _ in line) for line in lines])


def looked(case: Path = CASE, points: dict[str, CapturePoint] | None = None, notes: tuple[str, ...] = ()) -> Looking:
    looking = Looking(notes)
    replay([str(case)] if points is None else [], points=points, timeout=SECOND, state=[], view=looking)
    return looking


def hostile() -> dict[str, CapturePoint]:
    name = "\x1b[2J\x1b[31m[red]网卡" + "x" * 300 + "\u202e\r\n"
    return {str(file): CapturePoint(name, file.stem) for file in sorted((CASE / "captures").glob("node3_*.pcap"))}


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("points", [None, hostile()], ids=["as recorded", "hostile names"])
def test_it_is_never_wider_or_higher_than_the_terminal_and_holds_nothing_that_moves_a_cursor(language, points):
    with writing_in(language):
        seen = looked(points=points, notes=("\x1b]0;gone\x07" + "网" * 200, "second"))
    for (width, height), screens in seen.screens.items():
        assert len(screens) > 3
        for lines in screens:
            assert 0 < len(lines) <= height
            assert max(map(cells, lines)) <= width
            assert all(line.isprintable() for line in lines)


def test_what_is_broken_where_since_when_and_how_often_stands_before_the_points():
    for size, screens in looked().screens.items():
        text = "\n".join(screens[-1])
        if size[1] >= 8:
            assert re.search(r"LOSS  .*IPIP101|LOSS  .*reply-not-encapsulated", text)
            assert "20 exchanges since 00:32:41" in text or "20x 00:32:41" in text
        if size[1] >= 15:
            assert text.index("LOSS") < text.index("20 unanswered") < text.index("capture point")
            assert "on node3:tunl0" in text


def test_nothing_is_said_of_faults_while_everything_is_answered():
    for screens in looked(CAPTURES / "healthy").screens.values():
        assert "LOSS" not in "".join(map("\n".join, screens))
    assert any("HEALTHY" in line for line in looked(CAPTURES / "healthy").screens[80, 24][-1])


def test_a_list_that_is_cut_says_how_many_are_left_out():
    lines = looked().screens[60, 15][-1]
    shown = sum(line.startswith(("node1:", "node3:")) for line in lines)
    more = next(line for line in lines if re.fullmatch(r"and \d+ more", line))
    assert shown + int(more.split()[1]) == 9  # points


def test_blocks_fill_the_height_and_the_most_important_are_cut_last():
    blocks = [Block([[[(f"{name} {number}", "")]] for number in range(9)]) for name in "xy"]
    for height in range(1, 30):
        lines = [plain(line) for line in stacked(blocks, (1, 0), height)]
        assert len(lines) == min(height, 9 + 1 + 9)
        assert any(line.startswith("y") for line in lines)
        for name in "xy":
            shown = sum(line.startswith(name) for line in lines)
            if height >= 4 and shown < 9:
                assert f"and {9 - shown} more" in lines


# On a terminal -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    """Case 1, and a packet much later: its replay goes on until it is ended."""
    folder = tmp_path_factory.mktemp("lasting")
    for file in (CASE / "captures").iterdir():
        shutil.copy(file, folder)
    file = folder / "node1_eth0.pcap"
    octets = file.read_bytes()
    seconds, fraction, captured, wire_length = struct.unpack_from("<4I", octets, 24)
    late = struct.pack("<4I", seconds + 10_000, fraction, captured, wire_length)
    file.write_bytes(octets + late + octets[40 : 40 + captured])
    return folder


def replaying(folder: Path, *options: object, **environment: str) -> Terminal:
    command = [SCOPE, "capture", "-r", folder, "--no-state", "--pace", "4", "--timeout", "1", *options]
    return Terminal(command, **environment)


@needs_tmux
@pytest.mark.slow
def test_the_screen_follows_the_terminals_size_and_ctrl_c_ends_with_the_report(lasting):
    with replaying(lasting) as terminal:
        terminal.shows("reply-not-encapsulated on node3:tunl0")
        assert terminal.coloured
        for columns, rows in ((120, 40), (50, 12), (80, 24)):
            terminal.resize(columns, rows)

            def fits(screen: str, columns: int = columns) -> bool:
                return any(len(line) == columns and line.endswith("report") for line in screen.splitlines())

            screen = terminal.shows(fits)
            assert screen.count("REPLAYING") == 1
            assert len(screen.rstrip("\n").splitlines()) <= rows
        terminal.press("C-c")
        terminal.shows("status 1")
        assert terminal.as_it_was
        assert terminal.scrolled.startswith(BEFORE)
        assert "LOSS  reply-not-encapsulated on node3:tunl0" in terminal.scrolled
        assert "The replay was ended early" in terminal.scrolled
        assert "REPLAYING" not in terminal.scrolled


@needs_tmux
@pytest.mark.slow
def test_ctrl_z_and_a_plain_kill_leave_the_terminal_as_it_was_too(lasting, tmp_path):
    pid = tmp_path / "pid"
    command = ["sh", "-c", f'echo $$ > {pid}; exec "$@"', "sh", SCOPE, "capture", "-r", lasting, "--pace", "1"]
    with Terminal(command) as terminal:
        terminal.shows("REPLAYING")
        os.kill(int(pid.read_text()), signal.SIGTSTP)
        terminal.shows(lambda screen: "REPLAYING" not in screen)
        assert terminal.as_it_was
        os.kill(int(pid.read_text()), signal.SIGCONT)
        terminal.shows("REPLAYING")
        os.kill(int(pid.read_text()), signal.SIGTERM)
        terminal.shows("status 0")
        assert terminal.as_it_was


@needs_tmux
@pytest.mark.slow
def test_without_colour_it_has_none_and_without_unicode_it_is_ascii(lasting):
    with replaying(lasting, NO_COLOR="1", LC_ALL="C") as terminal:
        screen = terminal.shows("reply-not-encapsulated on node3:tunl0")
        assert screen.isascii()
        assert not terminal.coloured


@needs_tmux
@pytest.mark.slow
def test_it_is_drawn_in_chinese(lasting):
    with replaying(lasting, "--lang", "zh_CN") as terminal:
        screen = terminal.shows("20 次未得到应答")
        assert "reply-not-encapsulated" in screen


@needs_tmux
@needs_namespaces
@pytest.mark.slow
def test_a_fault_that_begins_while_it_records_is_on_the_screen_and_in_the_report(tmp_path):
    file = tmp_path / "a.pcapng"
    with wire("scr") as lan, overlay(lan):
        options = ["--via", lan.via, "--node", "near", "--no-state", "--timeout", "1", "-w", file]
        with Terminal([SCOPE, "capture", "eth1", "tunl0", *options]) as terminal:
            terminal.shows("near:tunl0")
            lan.ping(5, address=FAR_POD)
            terminal.shows("5 answered")
            run("ip", "netns", "exec", lan.far, "sysctl", "-qw", "net.ipv4.icmp_echo_ignore_all=1")
            lan.ping(5, address=FAR_POD)
            screen = terminal.shows("5 unanswered")
            assert re.search(r"(LOSS|PARTIAL) .* 5 exchanges since \d\d:\d\d:\d\d", screen)
            terminal.press("C-c")
            terminal.shows("status 1")
            assert terminal.as_it_was
            assert "5 of 10 exchanges answered" in terminal.scrolled


def test_a_terminal_that_cannot_be_drawn_on_gets_lines():
    """TERM=dumb: what comes has no escape sequence in it."""
    master, slave = pty.openpty()
    command = [sys.executable, "-c", MAIN, "capture", "-r", str(CASE), "--no-state", "--pace", "0"]
    environment = {**os.environ, "TERM": "dumb"}
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment) as process:
        os.close(slave)
        octets = b""
        while got := read(master):
            octets += got
        assert process.wait() == 1
    os.close(master)
    assert b"\x1b" not in octets
    assert b"open   IPIP101 reply-not-encapsulated on node3:tunl0" in octets


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # EIO: the other side is closed
        return b""


def test_ctrl_z_stops_it_also_while_the_terminal_takes_nothing():
    """Who draws then holds the lock."""
    program = """
import os, signal, sys, threading, time
from ipipscope.live.screen import Screen
held = threading.Event()
def draw():
    with screen._lock:
        held.set()
        time.sleep(100)
with Screen(sys.stdout, colour=False, unicode=False) as screen:
    threading.Thread(target=draw, daemon=True).start()
    held.wait()
    os.kill(os.getpid(), signal.SIGTSTP)
    time.sleep(100)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL) as process:
        try:
            status = Path(f"/proc/{process.pid}/stat")
            wait_for(lambda: status.read_text().rpartition(")")[2].split()[0] == "T")
        finally:
            process.kill()
