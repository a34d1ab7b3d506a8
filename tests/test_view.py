"""The interactive view, driven by its keys."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from capture.live import SCOPE, run
from capture.terminal import Terminal, needs_tmux

from ipipscope import analyse
from ipipscope.language.told import writing_in
from ipipscope.model import SECOND, CapturePoint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CAPTURES = Path(__file__).parents[1] / "captures"
CASE = CAPTURES / "case-1-reply-not-encapsulated"
MERGED = CASE / "merged" / "node3_merged.pcapng"
pytest.importorskip("textual")


def drive(analysis: Any, steps: Callable[[Any, Any], Awaitable[None]], size: tuple[int, int] = (120, 40)) -> None:
    from ipipscope.view import CaseView

    async def run() -> None:
        app = CaseView(analysis)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await steps(app, pilot)

    asyncio.run(run())


def told(app: Any) -> str:
    return str(app.query_one("#told").render())


@pytest.fixture(scope="module")
def analysis():
    return analyse([str(CASE)], keep=True)


def test_it_opens_on_the_finding_with_cause_and_command(analysis):
    async def steps(app, pilot):
        del pilot
        assert "reply-not-encapsulated on node3:tunl0" in str(app.query_one("#verdict").render())
        assert "wrong-route" in told(app)
        assert "ip route replace 10.122.17.64/26 via 192.168.3.110 dev tunl0 proto bird onlink" in told(app)

    drive(analysis, steps)


def test_moving_through_the_exchanges_draws_each(analysis):
    async def steps(app, pilot):
        await pilot.press("2")
        await pilot.press("j", "j")
        await pilot.pause()
        assert told(app).startswith("exchange 3 of 20")
        await pilot.press("G")
        await pilot.pause()
        assert told(app).startswith("exchange 20 of 20")
        await pilot.press("g")
        await pilot.pause()
        assert told(app).startswith("exchange 1 of 20")

    drive(analysis, steps)


def test_frames_of_an_exchange_are_taken_apart_one_by_one(analysis):
    async def steps(app, pilot):
        await pilot.press("2", "f")
        await pilot.pause()
        assert told(app).startswith("frame 1 of 5 of exchange 1")
        assert "node1_tunl0.pcap" in told(app)
        await pilot.press("f", "f")
        await pilot.pause()
        assert "192.168.3.112" in told(app)
        await pilot.press("l")
        await pilot.pause()
        assert told(app).startswith("exchange 1 of 20")

    drive(analysis, steps)


def test_the_filter_leaves_what_fits_and_escape_brings_all_back(analysis):
    async def steps(app, pilot):
        await pilot.press("slash", *"10.122.127.129", "enter")
        await pilot.pause()
        assert app.query_one("#exchanges-table").row_count == 10
        await pilot.press("escape")
        await pilot.pause()
        assert app.query_one("#exchanges-table").row_count == 20

    drive(analysis, steps)


def test_the_next_fault_is_found_among_what_was_answered():
    mixed = analyse([str(CAPTURES / "reply-native-and-lost")], keep=True)

    async def steps(app, pilot):
        await pilot.press("2", "n")
        await pilot.pause()
        assert "IPIP" in told(app)

    drive(mixed, steps)


def test_a_healthy_case_opens_on_its_exchanges():
    async def steps(app, pilot):
        await pilot.pause()
        assert told(app).startswith("exchange 1 of 10")
        await pilot.press("3")
        await pilot.pause()
        assert "node1:cali3ee98ee1c19" in told(app)

    drive(analyse([str(CAPTURES / "healthy")], keep=True), steps, size=(80, 24))


def test_lists_and_what_is_told_of_them_are_in_the_language_that_is_being_written():
    async def steps(app, pilot):
        await pilot.pause()
        assert "从未以 IPIP 从网卡发出" in told(app)
        await pilot.press("2")
        await pilot.pause()
        assert told(app).startswith("交互 1/20")

    with writing_in("zh_CN"):
        drive(analyse([str(CASE)], keep=True), steps)


def test_hostile_names_are_shown_as_text():
    hostile = "[bold red]x[/]\x1b[31m\u202e"
    file = str(CASE / "captures" / "node3_eth1.pcap")
    points = {file: CapturePoint(hostile, "eth1")}

    async def steps(app, pilot):
        await pilot.press("3")
        await pilot.pause()
        assert "[bold red]x[/]\\x1b[31m\\u202e:eth1" in told(app)

    drive(analyse([file], points=points, state=[], keep=True), steps)


def test_without_a_terminal_it_says_so():
    command = [sys.executable, "-c", "from ipipscope.cli import main; main()", "view", str(CASE)]
    done = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, env=os.environ
    )
    assert done.returncode == 2
    assert "view needs a terminal" in done.stderr


BROKEN = """
import sys
from ipipscope.cli import main
from ipipscope.live.follow import Follower
from ipipscope.view import CaseView

def fail(*_):
    raise RuntimeError("a fault of ours")

shown = CaseView.run
CaseView.run = lambda view: shown(view, headless=True)
sys.stdin.isatty = sys.stdout.isatty = lambda: True
{broken} = fail
main()
"""


@pytest.mark.parametrize("broken", ["Follower._follow", "CaseView._fill"])
def test_a_crash_of_what_reads_or_draws_ends_as_a_fault_of_ours(broken):
    command = [sys.executable, "-c", BROKEN.format(broken=broken), "view", "--follow", str(MERGED)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 70
    assert "a fault of ours" in done.stderr


# Captures that grow --------------------------------------------------------------------------------------------------

WAIT = 60.0
"""Seconds after which a test gives up waiting."""


async def wait_for(pilot: Any, true: Callable[[], object]) -> None:
    until = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < until, "waited in vain"
        await pilot.pause(0.05)


def follow(paths: list[Path], steps: Callable[[Any, Any], Awaitable[None]]) -> None:
    from ipipscope.live.follow import Follower
    from ipipscope.view import CaseView

    def follower() -> Follower:
        return Follower([str(path) for path in paths], points=None, timeout=SECOND, state=[])

    async def run() -> None:
        app = CaseView(None, follower=follower, follow=True)
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            await steps(app, pilot)

    asyncio.run(run())


def said(app: Any) -> str:
    return str(app.query_one("#following").render())


@pytest.fixture(scope="module")
def thrice(tmp_path_factory):
    """Case 1 at node3, and twice again, seconds later."""
    folder = tmp_path_factory.mktemp("thrice")
    copies = [folder / f"{number}.pcapng" for number in range(3)]
    for number, copy in enumerate(copies):
        run("editcap", "-t", 9 * number, MERGED, copy)
    run("mergecap", "-I", "all", "-a", "-w", folder / "all.pcapng", *copies)
    return (folder / "all.pcapng").read_bytes()


def pieces(octets: bytes, count: int) -> list[bytes]:
    size = len(octets) // count + 1
    return [octets[at : at + size] for at in range(0, len(octets), size)]


def test_a_file_that_grows_is_followed_to_the_verdict_of_the_whole_and_the_cursor_stays(tmp_path, thrice):
    file = tmp_path / "node3.pcapng"
    out, parts = file.open("wb", buffering=0), pieces(thrice, 7)

    async def steps(app, pilot):
        table = app.query_one("#exchanges-table")
        assert "FOLLOWING  nothing is judged yet" in said(app)
        for part in parts[:-1]:
            out.write(part)  # in the middle of packets
            await pilot.pause(0.1)
        await wait_for(pilot, lambda: table.row_count >= 5)
        await pilot.press("2", "j", "j")
        await pilot.pause()
        before = told(app).splitlines()[0].partition("  ")[2]
        seen = table.row_count
        await pilot.press("F")
        await wait_for(pilot, lambda: "PAUSED" in said(app))
        out.write(parts[-1])
        await wait_for(pilot, lambda: "PAUSED  0 packets" not in said(app))
        assert table.row_count == seen
        await pilot.press("F")
        await wait_for(pilot, lambda: table.row_count > seen)
        assert table.cursor_row == 2
        assert told(app).splitlines()[0].partition("  ")[2] == before
        out.close()
        await wait_for(pilot, lambda: "ENDED" in said(app))
        assert table.row_count == 60

        def facts(report: Any) -> object:
            found = [(each.code, each.node, each.count, each.summary) for each in report.findings]
            return found, report.answered, report.unanswered, report.packets

        assert facts(app.analysis.report) == facts(analyse([str(file)], state=[], timeout=SECOND).report)

    follow([file], steps)


def test_a_filter_holds_while_more_comes(tmp_path, thrice):
    file = tmp_path / "node3.pcapng"
    parts = pieces(thrice, 2)
    file.write_bytes(parts[0])
    out = file.open("ab", buffering=0)

    async def steps(app, pilot):
        table = app.query_one("#exchanges-table")
        await wait_for(pilot, lambda: app.analysis is not None)
        await pilot.press("slash", *"10.122.127.129", "enter")
        out.write(parts[1])
        out.close()
        await wait_for(pilot, lambda: "ENDED" in said(app))
        assert table.row_count == 30

    follow([file], steps)


def test_of_many_exchanges_the_latest_are_listed_and_it_is_said(tmp_path, monkeypatch):
    from ipipscope.view import app as view

    monkeypatch.setattr(view, "LATEST_MAX", 4)
    file = tmp_path / "node3.pcapng"
    file.write_bytes(MERGED.read_bytes())

    async def steps(app, pilot):
        await wait_for(pilot, lambda: "ENDED" in said(app))
        await pilot.press("2")
        await wait_for(pilot, lambda: app.query_one("#exchanges-table").row_count == 4)
        label = str(app.query_one("TabbedContent").get_tab("exchanges").label)
        assert label == "Exchanges (latest 4 of 20)"
        await pilot.press("G")
        await pilot.pause()
        assert told(app).startswith("exchange 20 of 20")

    follow([file], steps)


def test_a_file_that_cannot_be_read_to_its_end_is_not_read_again_and_again(tmp_path, monkeypatch):
    from ipipscope.live import follow

    monkeypatch.setattr(follow, "AGAIN", 0.05)
    file = tmp_path / "node3_eth1.pcap"
    file.write_bytes(b"hello world" * 1_000_000)
    follower = follow.Follower([str(file), str(MERGED)], points=None, timeout=SECOND, state=[])
    follower.start()
    until = time.monotonic() + WAIT
    while follower.latest is None or not follower.latest.ended:
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)
    time.sleep(0.5)  # ten looks
    follower.stop()
    assert follower.fault is None
    assert not follower.notes


@pytest.mark.parametrize("change", ["written again", "replaced", "cut", "removed"])
def test_what_happens_to_the_file_is_said_and_what_is_there_then_is_read(tmp_path, change):
    file = tmp_path / "node3.pcapng"
    whole, other = MERGED.read_bytes(), (CAPTURES / "healthy" / "merged" / "node3_merged.pcapng").read_bytes()
    file.write_bytes(pieces(whole, 2)[0] if change == "written again" else whole)

    async def steps(app, pilot):
        await wait_for(pilot, lambda: "ENDED" in said(app))
        shown = app.analysis
        if change == "removed":
            file.unlink()
        elif change == "replaced":
            (tmp_path / "fresh").write_bytes(other)
            (tmp_path / "fresh").replace(file)
        else:
            file.write_bytes(whole if change == "written again" else other[:3000])
        await wait_for(pilot, lambda: change in said(app))
        if change == "removed":
            assert app.analysis is shown
            return
        await wait_for(pilot, lambda: app.analysis is not shown and "ENDED" in said(app))
        again = analyse([str(file)], state=[], timeout=SECOND).report
        assert app.analysis.report.packets == again.packets
        assert len(app.analysis.report.findings) == len(again.findings)

    follow([file], steps)


def test_f_begins_to_follow_what_was_opened_as_a_file(tmp_path):
    from ipipscope.live.follow import Follower
    from ipipscope.view import CaseView

    file = tmp_path / "node3.pcapng"
    file.write_bytes(pieces(MERGED.read_bytes(), 2)[0])

    async def run() -> None:
        analysis = analyse([str(file)], state=[], keep=True)
        app = CaseView(analysis, follower=lambda: Follower([str(file)], points=None, timeout=SECOND, state=[]))
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("F")
            with file.open("ab") as out:
                out.write(pieces(MERGED.read_bytes(), 2)[1])
            await wait_for(pilot, lambda: "ENDED" in said(app) and app.analysis.report.exchanges == 20)

    asyncio.run(run())


# Many exchanges ------------------------------------------------------------------------------------------------------


def test_a_list_that_is_too_long_says_how_many_were_picked_and_the_filter_asks_all(analysis, monkeypatch):
    from ipipscope.view import app as view

    monkeypatch.setattr(view, "ROWS_MAX", 6)

    async def steps(app, pilot):
        tab = app.query_one("TabbedContent").get_tab("exchanges")
        assert str(tab.label) == "Exchanges (6 picked of 20)"
        await pilot.press("slash", *"888 seq", "enter")
        await pilot.pause()
        assert str(tab.label) == "Exchanges (6 picked of 10 of 20 with 888 seq)"
        await pilot.press("slash", *"00:32:42.027", "enter")
        await pilot.pause()
        assert "with 00:32:42.027" in str(tab.label)
        assert app.query_one("#exchanges-table").row_count == 1

    drive(analysis, steps)


@pytest.mark.parametrize(
    ("words", "count"),
    [("answered", 0), ("unanswered", 20), ("unansw", 20), ("IPIP101", 20), ("not-encapsulated 887", 10), ("nobody", 0)],
)
def test_words_are_looked_for_in_addresses_verdicts_and_rules(analysis, words, count):
    from ipipscope.report.kept_exchanges import KeptExchanges
    from ipipscope.view.rows import matching

    assert len(matching(analysis, KeptExchanges(analysis), words)) == count


@needs_tmux
@pytest.mark.slow
def test_without_unicode_every_screen_is_ascii():
    with Terminal([SCOPE, "view", CASE], LC_ALL="C") as terminal:
        terminal.shows("IPIP101")
        for key, text in (("2", "exchange 1 of 20"), ("f", "frame 1 of 5"), ("3", "cali3ee98ee1c19"), ("/", "address")):
            terminal.press(key)
            screen = terminal.shows(text)
            assert screen.isascii()
        terminal.press("Escape")
        terminal.shows(lambda screen: "address" not in screen)
        terminal.press("q")
        terminal.shows("status 1")
        assert terminal.as_it_was
