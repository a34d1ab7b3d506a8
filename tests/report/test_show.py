"""One exchange as a ladder, one frame in full."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipipscope import tshark
from ipipscope.analysis import analyse
from ipipscope.cli.program import app
from ipipscope.decoder import link
from ipipscope.errors import InputError, UsageError
from ipipscope.frames import frame
from ipipscope.model import Leg, OuterPair
from ipipscope.report.frame_text import ours, write_frame
from ipipscope.report.headers import headers
from ipipscope.report.ladder import ladder
from ipipscope.report.ladder_text import write_ladder
from tests.report.golden import ROOT

CAPTURES = ROOT / "captures"
CASE_1, CASE_2 = CAPTURES / "case-1-reply-not-encapsulated", CAPTURES / "case-2-outer-source-mismatch"
CASES = sorted(path.parent for path in CAPTURES.glob("*/truth.json"))


def text(lines):
    return "\n".join("".join(piece for piece, _ in line) for line in lines)


@pytest.fixture(scope="module")
def case_1():
    return analyse([str(CASE_1)], keep=True)


def test_the_ladder_goes_from_pod_to_pod_and_ends_where_the_reply_is_missing(case_1):
    drawn = ladder(case_1, 12)
    way = [(rung.leg.value, str(rung.hop.node), str(rung.hop.interface)) for rung in drawn.rungs]
    assert way == [
        ("request", "node1", "cali3ee98ee1c19"),
        ("request", "node1", "tunl0"),
        ("request", "node1", "eth1"),
        ("request", "node3", "eth1"),
        ("request", "node3", "tunl0"),
        ("request", "node3", "calia22dc48c254"),
        ("reply", "node3", "calia22dc48c254"),
        ("reply", "node3", "tunl0"),
        ("reply", "node3", "eth1"),
    ]
    assert [rung.missing for rung in drawn.rungs] == [False] * 8 + [True]
    assert str(drawn.rungs[-1].outer) == "192.168.3.112 > 192.168.3.110"


def test_delays_add_up_to_the_time_between_first_and_last_sighting(case_1):
    rungs = [rung for rung in ladder(case_1, 12).rungs if rung.time is not None]
    assert sum(rung.delay or 0 for rung in rungs) == rungs[-1].time - rungs[0].time


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_exchange_of_a_case_is_drawn_within_80_columns(case):
    analysis = analyse([str(case)], keep=True)
    for number in range(1, len(analysis.rows) + 1):
        drawn = ladder(analysis, number)
        if any(rung.missing for rung in drawn.rungs):
            assert drawn.exchange.verdict.answered is not True
        lines = text(write_ladder(drawn, 80, len(analysis.rows))).splitlines()
        assert max(map(len, lines)) <= 80


def test_an_exchange_that_is_not_there_is_an_index_error(case_1):
    with pytest.raises(IndexError):
        ladder(case_1, 21)


FRAMES = [
    (CASE_1, "node3_eth1.pcap:5"),
    (CASE_1, "node3_tunl0.pcap:2"),
    (CAPTURES / "case-1-any-interface", "node3_any_sll2.pcap:3"),
    (CAPTURES / "case-1-any-interface", "node1_any_sll2.pcap:4"),
]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize(("case", "where"), FRAMES)
def test_our_decode_of_a_frame_is_tsharks(case, where):
    found = frame(where, [str(case)])
    mine, theirs = ours(found), tshark.dissect(found)
    both = mine.keys() & theirs.keys()
    assert {name: mine[name] for name in both} == {name: theirs[name] for name in both}
    assert len(both) >= 4
    assert "they differ" not in text(write_frame(found, theirs))


def test_a_field_that_tshark_reads_differently_is_marked():
    found = frame("node3_eth1.pcap:5", [str(CASE_1)])
    assert "they differ" in text(write_frame(found, {"outer ttl": "63"}))


def test_without_tshark_our_decode_is_shown_and_says_so(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    app(["show", str(CASE_1), "--frame", "node3_eth1.pcap:5"], standalone_mode=False)
    out = capsys.readouterr().out
    assert "tshark is not installed" in out
    assert "source 192.168.3.110" in out


def test_the_octets_of_all_headers_are_the_frame():
    found = frame("node3_eth1.pcap:5", [str(CASE_1)])
    parts = headers(found.octets, found.interface.link_type)
    assert b"".join(part.octets for part in parts) == found.octets
    assert [part.name for part in parts] == ["Ethernet", "IPv4, outer", "IPv4, inner", "ICMP", "payload"]
    for part in parts:
        for field in part.fields:
            assert found.octets[field.start : field.start + len(field.octets)] == field.octets


@given(octets=st.binary(max_size=80), link_type=st.sampled_from([*sorted(link.DECODED), 147]))
@settings(max_examples=60, deadline=None)
def test_any_octets_have_headers_that_add_up_to_them(octets, link_type):
    assert b"".join(part.octets for part in headers(octets, link_type)) == octets


@pytest.mark.parametrize("where", ["", "x", "node3_eth1.pcap:0", "node3_eth1.pcap:-1", "absent.pcap:1", "5"])
def test_what_names_no_frame_is_a_usage_error(where):
    with pytest.raises(UsageError):
        frame(where, [str(CASE_1)])


def test_a_frame_beyond_the_end_is_an_input_error():
    with pytest.raises(InputError, match="no frame 31"):
        frame("node3_eth1.pcap:31", [str(CASE_1)])


@pytest.mark.parametrize("words", [["show", "x"], ["show", "x", "--exchange", "1", "--frame", "1"]])
def test_show_wants_exactly_one_thing(words):
    with pytest.raises(UsageError):
        app(words, standalone_mode=False)


def test_a_reply_that_went_to_another_node_is_expected_with_the_outer_header_that_it_should_have_had():
    drawn = ladder(analyse([str(CAPTURES / "rules" / "reply-to-a-third-node")], keep=True), 1)
    asked = next(rung.outer for rung in drawn.rungs if rung.leg is Leg.REQUEST and rung.outer is not None)
    (missing,) = [rung for rung in drawn.rungs if rung.missing]
    assert missing.outer == OuterPair(asked.dst, asked.src)
