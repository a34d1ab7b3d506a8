"""A finding says when its losses happen, to which sizes, to which flows: the truth is what was written."""

import random
from pathlib import Path

import pytest

import ipipscope
from tests.rules.pings import points, write

RULES = Path(__file__).parents[2] / "captures" / "rules"
POD_A, POD_B, POD_C, POD_D = 0x0A010102, 0x0A010202, 0x0A010203, 0x0A010242


@pytest.fixture
def first(tmp_path):
    def triage(*flows):
        write(tmp_path, *flows)
        return ipipscope.triage([tmp_path]).findings[0]

    return triage


def test_loss_that_is_spread_evenly(first):
    chance = random.Random(3)
    finding = first(points(1000, {number for number in range(1000) if chance.random() < 0.1}))
    assert finding.pattern == "Lost one by one, spread evenly over the capture."


def test_loss_that_comes_in_outages(first):
    finding = first(points(400, {*range(100, 130), *range(300, 320)}))
    assert finding.rule == "intermittent"
    assert finding.pattern.startswith("Lost in 2 outages, the longest of about 3.")
    assert finding.count == 50


def test_loss_from_a_moment_on(first):
    finding = first(points(100, set(range(60, 100))))
    assert finding.pattern == "From 22:13:26.000 UTC on nothing is answered, before that everything."


def test_loss_until_a_moment(first):
    finding = first(points(100, set(range(40))))
    assert finding.pattern == "Until 22:13:24.000 UTC nothing is answered, from then on everything."


def test_loss_until_traffic_goes_the_other_way(first):
    back = points(60, nodes=(2, 1), pods=(POD_B, POD_A), ident=8, begin=40)
    finding = first(points(100, set(range(40))), back)
    assert finding.pattern.startswith("Lost only until traffic goes the other way: 10.1.2.2 asks 10.1.1.2 at 22:13:24")


def test_traffic_the_other_way_that_was_there_all_the_time_is_no_turn(first):
    back = points(100, nodes=(2, 1), pods=(POD_B, POD_A), ident=8)
    assert first(points(100, set(range(40))), back).pattern.startswith("Until 22:13:24")


def test_loss_of_large_packets_only(first):
    large = set(range(0, 100, 5))
    finding = first(points(100, large, large))
    assert finding.rule == "mtu-exceeded"
    assert finding.pattern == "Only large packets are lost: from 1228 octets on, while those of up to 84 are answered."


def test_loss_of_one_flow_among_several_between_two_nodes(first):
    finding = first(points(20, set(range(20))), points(20, pods=(POD_A, POD_C), ident=8))
    assert finding.pattern == ("Only 10.1.1.2 > 10.1.2.2 icmp is lost: 1 other flow between these nodes is answered.")


def test_loss_of_one_block(first):
    finding = first(
        points(20, set(range(20))),
        points(20, set(range(20)), pods=(POD_A, POD_C), ident=8),
        points(20, pods=(POD_A, POD_D), ident=9),
    )
    assert finding.pattern == "Only addresses of 10.1.2.0/26 are lost: others on n2 are answered."


def test_loss_between_one_pair_of_nodes(first):
    finding = first(points(20, set(range(20))), points(20, nodes=(1, 3), pods=(POD_A, 0x0A010302), ident=8))
    assert finding.pattern == "Only from n1 to 192.168.0.2: 1 other pair of nodes works."


@pytest.mark.parametrize("lost", [range(20), ()])
def test_where_nothing_else_was_seen_nothing_is_said(tmp_path, lost):
    write(tmp_path, points(20, set(lost)))
    assert not [finding.pattern for finding in ipipscope.triage([tmp_path]).findings if finding.pattern]


def test_a_single_loss_has_no_pattern(first):
    assert first(points(100, {50})).pattern == ""


@pytest.mark.parametrize(
    ("case", "pattern"),
    [
        ("random-loss", "Lost one by one, spread evenly over the capture."),
        ("outages", "Lost in 2 outages, the longest of about "),
        ("lost-from-a-moment-on", "From 17:24:42.236 UTC on nothing is answered, before that everything."),
        ("large-packets-alone", "Only large packets are lost: from 1480 octets on, while those of up to 1328 are"),
        ("pings-alone", "Only 198.18.4.70 > 198.18.9.198 icmp is lost: 1 other flow between these nodes is answered. "),
        ("until-the-other-side-asks", "Lost only until traffic goes the other way: 198.18.9.198 asks 198.18.4.70 at "),
        ("connection-stalls", "1 TCP connection stalls: a segment of 1480 octets from 198.18.4.70 to 198.18.9.198 "),
    ],
)
def test_the_pattern_of_losses_that_a_kernel_made(case, pattern):
    assert ipipscope.triage([str(RULES / case)]).findings[0].pattern.startswith(pattern)
