"""Loss in time: scattered loss stays scattered however long the capture is, outages stay outages."""

import random

import pytest

import ipipscope
from tests.rules.pings import write_pings


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
