"""What is told of interfaces that change while they are recorded."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime

import pytest

from ipipscope.capture.links import Link, event
from ipipscope.live.link_changes import TOLD_MAX, Changes

from .live import Capture, needs_namespaces, run, wait_for, wire, without

BEGIN = "[2026-11-25T17:40:08.939853] "


def line(flags: str, mtu: int = 1500, *, name: str = "eth1", index: int = 3, deleted: bool = False) -> str:
    """As `ip -o -ts monitor link` of iproute2 6.1 prints it."""
    return (
        f"{BEGIN}{'Deleted ' if deleted else ''}{index}: {name}@eth9: <{flags}> mtu {mtu} qdisc noqueue state UP "
        "group default \\    link/ether 8a:c5:ba:6f:e4:93 brd ff:ff:ff:ff:ff:ff\n"
    )


def told(*lines: str) -> list[str]:
    changes = Changes("n1", ["eth1"], [Link(3, "eth1", up=True, carrier=True, mtu=1500)])
    return [re.sub(r"2026\S+Z", "T", str(each)) for text in lines for each in changes.told(event(text))]


UP = "BROADCAST,MULTICAST,UP,LOWER_UP"


def test_going_down_and_up_a_new_mtu_and_a_new_name_are_told():
    assert told(line("BROADCAST,MULTICAST"), line(UP), line(UP, 1400), line(UP, 1400, name="wan0")) == [
        "n1:eth1 went down at T.",
        "n1:eth1 came up at T.",
        "n1:eth1: MTU 1500 until T, 1400 from then on.",
        "n1:eth1 was renamed to wan0 at T.",
    ]


def test_a_carrier_that_goes_and_an_interface_that_is_deleted_and_made_again_are_told():
    assert told(
        line("NO-CARRIER,BROADCAST,MULTICAST,UP"), line(UP), line(UP, deleted=True), line("BROADCAST", 1480, index=9)
    ) == [
        "n1:eth1 lost its carrier at T.",
        "n1:eth1 got its carrier back at T.",
        "n1:eth1 was deleted at T.",
        "n1:eth1 appeared at T, MTU 1480.",
    ]


def test_what_changes_nothing_and_other_interfaces_are_not_told():
    assert told(line(UP), line(UP, name="cali1", index=8), line(UP, 9000, name="cali1", index=8)) == []


def test_an_interface_that_changes_all_day_is_told_of_only_so_often():
    many = told(*[line(UP, 1400 + number) for number in range(200)])
    assert len(many) == TOLD_MAX + 1
    assert many[-1] == f"n1:eth1 goes on changing; after {TOLD_MAX} changes no more are told."


@pytest.mark.parametrize("text", ["", "Timestamp: Wed Nov 25 17:40:08 2026", "[then] 3: eth1: <UP> mtu 1500", "\0[\n"])
def test_other_lines_say_nothing(text):
    assert event(text) is None


def test_time_is_the_hosts():
    moment = datetime(2026, 11, 25, 17, 40, 8, 939853, tzinfo=UTC)
    assert event(line(UP)).time == round(moment.timestamp() * 1e6) * 1000


@needs_namespaces
@pytest.mark.slow
def test_what_becomes_of_an_interface_is_in_the_live_notes_and_in_the_report(tmp_path):
    with wire("links") as lan:
        lan.connect("eth2")
        with Capture("--via", lan.via, "eth1", "eth2", "--format", "ndjson", "--no-state", file=tmp_path / "a") as live:
            live.recording()
            time.sleep(0.5)
            before = time.time()
            run("ip", "-n", lan.near, "link", "set", "eth1", "mtu", 1400)
            run("ip", "-n", lan.near, "link", "set", "eth2", "down")
            run("ip", "-n", lan.near, "link", "set", "eth2", "up")
            run("ip", "-n", lan.near, "link", "del", "eth2")
            said = ""
            while "deleted" not in said:
                said += live.process.stderr.readline()
            after = time.time()
            lan.connect("eth2")
            while "eth2 appeared" not in said:
                said += live.process.stderr.readline()
            status, out, err = live.finish()
        assert status in {0, 1}
        notes = json.loads(out.splitlines()[-1])["notes"]
        for change in ("eth1: MTU 1500 until", "eth2 went down at", "eth2 came up at", "eth2 was deleted at"):
            assert f"{lan.near}:{change}" in said + err
            assert any(f"{lan.near}:{change}" in note for note in notes)
        (mtu,) = (note for note in notes if "MTU 1500 until" in note)
        moment = datetime.fromisoformat(re.search(r"until (\S+?)\d{3}Z", mtu)[1]).replace(tzinfo=UTC).timestamp()
        assert before < moment < after  # whatever that took
        wait_for(lambda: not run("ip", "netns", "pids", lan.near).stdout.split())


@needs_namespaces
@pytest.mark.slow
def test_without_ip_nothing_is_said_and_all_is_recorded(tmp_path):
    with wire("noip") as lan:
        via = without(tmp_path, lan, "ip")
        with Capture("--via", via, "eth1", "--no-state", file=tmp_path / "a.pcapng") as live:
            live.recording()
            lan.ping(3)
            live.recorded(6)
            status, out, err = live.finish()
        assert (status, err) == (0, "")
        assert "3 of 3 exchanges answered" in out
