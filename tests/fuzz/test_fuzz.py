"""A bounded run of every target; `make fuzz` is longer and begins elsewhere each time."""

import pytest

from .__main__ import run
from .targets import TARGETS

SECONDS = 15


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_damaged_captures_give_a_result_or_a_clear_line(target):
    counts, failures = run([target], SECONDS, seed=1)
    assert counts[target] > 100
    assert not failures, failures[0]
