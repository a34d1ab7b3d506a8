"""Exchanges, sightings, flows, findings and points against the truth of the shipped cases, and one another."""

import json

import pandas as pd
import pytest

import ipipscope as ix
from tests.conftest import ROOT

CASES = sorted(path.parent for path in (ROOT / "captures").glob("*/truth.json"))


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def case(request):
    return ix.load(request.param / "captures"), json.loads((request.param / "truth.json").read_text())


def test_as_many_exchanges_and_answers_as_ping_counted(case):
    capture, truth = case
    assert len(capture.exchanges) == truth["exchanges"]["sent"]
    assert (capture.exchanges.verdict == "answered").sum() == truth["exchanges"]["answered"]
    assert list(capture.exchanges.exchange) == list(range(1, len(capture.exchanges) + 1))


def test_each_row_tells_what_the_analysis_tells_of_that_exchange(case):
    capture, _ = case
    for row in capture.exchanges.itertuples():
        exchange = capture.analysis.exchange(row.exchange)
        assert row.verdict == exchange.verdict.word
        assert (None if pd.isna(row.rule) else row.rule) == exchange.verdict.code
        assert (None if row.finding is pd.NA else row.finding) == exchange.verdict.finding
        assert (row.src, row.dst, row.sequence) == (str(exchange.flow.src), str(exchange.flow.dst), exchange.sequence)
        assert row.request.value == exchange.request
        assert row.sightings == len(exchange.sightings)


def test_every_sighting_is_a_packet_of_the_packet_table(case):
    capture, _ = case
    both = capture.sightings.merge(capture.packets, on=["file", "frame"], suffixes=("", "_packet"), how="left")
    assert len(both) == len(capture.sightings)
    assert (both.time == both.time_packet).all()
    assert (both.depth == both.depth_packet).all()
    assert (both.outer_src.astype("object").fillna("") == both.outer_src_packet.astype("object").fillna("")).all()


def test_a_round_trip_is_seen_at_one_point(case):
    capture, truth = case
    exchanges = capture.exchanges.set_index("exchange")
    for number, seen in capture.sightings.groupby("exchange"):
        first = seen[seen.leg == "request"].sort_values("time", kind="stable").iloc[0]
        back = seen[(seen.leg == "reply") & (seen.point == first.point) & (seen.role == first.role)]
        told = exchanges.loc[number, "rtt"]
        if first.point.endswith(":any"):
            continue  # one point, but several devices
        if truth["exchanges"]["answered"] == truth["exchanges"]["sent"]:
            assert told == back.time.min() - first.time
        if back.empty:
            assert pd.isna(told)


def test_flows_count_the_exchanges(case):
    capture, _ = case
    flows, exchanges = capture.flows, capture.exchanges
    assert flows.exchanges.sum() == len(exchanges)
    assert (flows.answered + flows.unanswered + flows.undecided == flows.exchanges).all()
    for flow in flows.itertuples():
        mine = exchanges[(exchanges.src == flow.src) & (exchanges.dst == flow.dst) & (exchanges.id == flow.id)]
        assert len(mine) == flow.exchanges
        if mine.empty:
            continue
        assert mine.request.min() == flow.first
        assert (mine.verdict == "answered").sum() == flow.answered
        assert mine.rtt.max() == flow.rtt_longest or pd.isna(flow.rtt_longest)


def test_findings_and_points_are_those_of_the_report(case):
    capture, truth = case
    report = capture.triage()
    assert list(capture.findings.code) == [finding.code for finding in report.findings]
    assert list(capture.findings["count"]) == [finding.count for finding in report.findings]
    assert capture.points.packets.sum() == report.packets
    if "any" not in set(capture.points.interface):  # recorded twice there, in both cooked forms
        assert report.packets == len(capture.packets)
    if truth["fault"] != "none":
        assert capture.findings.rule[0] == truth["fault"]


def test_asymmetry_names_the_pair_whose_reply_has_another_source(mismatch, mended):
    pairs = mismatch.exchanges.ipip.asymmetry()
    first = pairs[pairs.source_mirrored.notna()].iloc[0]
    assert (first.request_outer_dst, first.reply_outer_src) == ("192.168.3.113", "192.168.0.113")
    assert not first.source_mirrored
    assert first.destination_mirrored
    assert (first.exchanges, first.answered) == (10, 0)
    assert mended.exchanges.ipip.asymmetry().source_mirrored.all()


def test_the_accessor_finds_networks_addresses_and_nodes(mismatch):
    packets = mismatch.packets
    inside = packets.ipip.in_network("10.122.157.128/26", "inner_dst")
    assert list(inside) == [str(name).startswith("10.122.157.") for name in packets.inner_dst.astype("object")]
    assert (
        packets.ipip.in_network("192.168.3.113").sum()
        == ((packets.outer_src == "192.168.3.113") | (packets.outer_dst == "192.168.3.113")).sum()
    )
    numbers = packets.ipip.addresses("outer_dst")
    assert set(numbers[(packets.outer_dst == "192.168.3.113").to_numpy()]) == {0xC0A80371}
    nodes = packets.ipip.nodes("outer_dst", mismatch.nodes)
    assert set(nodes[packets.outer_dst == "192.168.3.113"]) == {"node4"}


def test_a_table_of_something_else_has_no_accessor():
    other = pd.DataFrame({"x": [1]})
    assert not hasattr(other, "ipip")
    with pytest.raises(TypeError, match="holds no addresses"):
        pd.DataFrame({"src": [1]}).ipip.in_network("10.0.0.0/8", "src")
    with pytest.raises(AttributeError, match="exchange table"):
        pd.DataFrame({"src": [1]}).ipip.asymmetry()
