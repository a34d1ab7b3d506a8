"""The interactive view, driven by its keys."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ipipscope import analyse
from ipipscope.language.told import writing_in
from ipipscope.model import CapturePoint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CAPTURES = Path(__file__).parents[1] / "captures"
CASE = CAPTURES / "case-1-reply-not-encapsulated"
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
