"""A clock is called wrong only where delay cannot explain what was seen."""

import pytest

from ipipscope.correlator.clocks import Clock
from ipipscope.model import MILLISECOND, SECOND


def clock(offset, uncertainty):
    return Clock(node="b", reference="a", offset=offset, uncertainty=uncertainty, drift=None, packets=10)


@pytest.mark.parametrize(
    ("offset", "uncertainty", "shift"),
    [
        (30 * MILLISECOND, None, 0),  # one way only: as well a slow line
        (3 * SECOND, None, -3 * SECOND),
        (30 * MILLISECOND, 1 * MILLISECOND, -30 * MILLISECOND),
        (30 * MILLISECOND, 40 * MILLISECOND, 0),
        (-3600 * SECOND, None, 3600 * SECOND),
    ],
)
def test_times_are_shifted_by_what_no_delay_explains(offset, uncertainty, shift):
    assert clock(offset, uncertainty).shift == shift
