"""Loss in time: scattered loss stays scattered however long the capture is, outages stay outages."""

import random

import pytest

import ipipscope
from tests.rules.pings import BEGIN, SECOND, points, write, write_pings
from tests.written import Written, ethernet


@pytest.mark.parametrize("pings", [300, 8000])
def test_random_loss_is_random_loss_however_long_it_goes_on(tmp_path, pings):
    chance = random.Random(7)
    lost = {number for number in range(pings) if chance.random() < 0.03}
    write_pings(tmp_path, pings, lost)
    assert ipipscope.triage([tmp_path]).findings[0].rule == "random-loss"


@pytest.mark.parametrize("length", [20, 400])
def test_an_outage_is_an_outage(tmp_path, length):
    write_pings(tmp_path, 8000, set(range(3000, 3000 + length)))
    assert ipipscope.triage([tmp_path]).findings[0].rule == "intermittent"


def test_one_lost_large_ping_says_nothing_of_its_size(tmp_path):
    write_pings(tmp_path, 100, {50}, large={50})
    assert "mtu-exceeded" not in {finding.rule for finding in ipipscope.triage([tmp_path]).findings}


@pytest.mark.parametrize("seed", range(8))
def test_losses_of_one_journey_that_is_judged_in_parts_count_once(tmp_path, seed):
    """The requester alone was recorded; its other NIC begins later and ends earlier, so that what is proved changes."""
    chance = random.Random(seed)
    seen = points(60, {number for number in range(60) if chance.random() < 0.45})
    alone = {name: packets for name, packets in seen.items() if name.startswith("n1")}
    arp = ethernet(0x0806, bytes(28), src=0x020000000009, dst=0xFFFFFFFFFFFF)
    alone["n1_eth1"] = [Written(arp, BEGIN + SECOND * tenths // 10) for tenths in (6, 53)]
    write(tmp_path, alone)
    [first, *_] = ipipscope.triage([tmp_path]).findings
    assert first.rule == "random-loss"
