"""Capture time while it passes: how far each recorder has come, also when nothing arrives, and steps of its clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ipipscope.model import SECOND

if TYPE_CHECKING:
    from ipipscope.decoder.columns import Array

LAG: Final = SECOND
"""How long after its capture time a packet may arrive, and how far those of several interfaces may be out of order."""
STEP: Final = 3 * SECOND
"""A jump of capture time against our own clock, beyond what lag and disorder explain, that is a step of the clock."""
DRIFT: Final = 5_000
"""Two clocks that nobody sets go apart by one part in so many at most: quartz is off by 100 millionths, each."""


@dataclass(frozen=True, slots=True)
class Stepped:
    """A clock was set while it was recorded by."""

    time: int
    """Capture time of the first packet after it."""
    by: int
    """Nanoseconds; negative for back."""


@dataclass(slots=True)
class Ahead:
    """How far a recorder's capture time is ahead of our own clock, from one packet a batch: cheap enough to record by.

    stepped: whether its clock was set meanwhile; then it tells nothing.
    """

    ahead: int | None = None
    """At the packet that took the shortest way to us, less what the clocks may have gone apart since."""
    most: int = 0
    """The most that it ever was."""
    stepped: bool = False
    _latest: int = 0
    _seen: int = 0

    def see(self, time: int, arrived: int) -> None:
        """A packet's time, and when it came by a clock of ours that is never set; nanoseconds. No time says nothing."""
        if time < 0:
            return
        ahead = time - arrived
        if self.ahead is None:
            self.ahead = self.most = ahead
            self._seen = arrived
        apart = _apart(self._seen, arrived)
        self.stepped |= ahead > self.ahead + apart + STEP or time < self._latest - STEP
        self.ahead, self.most = max(self.ahead - apart, ahead), max(self.most, ahead)
        self._latest, self._seen = max(self._latest, time), arrived

    def least(self, now: int) -> int | None:
        """How far it is ahead at *now* for sure; None where nothing tells."""
        return None if self.ahead is None else self.ahead - _apart(self._seen, now)


def _apart(since: int, now: int) -> int:
    """How far clocks may have gone apart; nanoseconds."""
    return max(0, now - since) // DRIFT


@dataclass(slots=True)
class CaptureClock:
    """One recorder's capture time.

    After a step, times go on as they would have without it, so that requests and replies still meet.
    """

    ahead: int | None = None
    """Capture time less our own clock, at the packet that took the shortest way to us, less what the clocks may have
    gone apart since: a maximum that never fell would overtake a clock slower than ours."""
    reached: int = 0
    """Capture time of its latest packet."""
    shift: int = 0
    """What is added to its times since a step."""
    _latest: int = 0
    """Capture time less our own clock, at the latest batch."""
    _seen: int = 0
    """When that came."""

    def steady(self, time: Array, arrived: int) -> tuple[Array, Stepped | None]:
        """The times of a batch without steps.

        time: i8, nanoseconds; arrived: when the batch came, by a clock of ours that is never set.
        """
        known = np.flatnonzero(time >= 0)
        if not len(known):
            return time, None
        steady = time + self.shift
        stepped = None
        times = steady[known]
        if self.ahead is None:
            # Within a first batch nothing tells a step from a pause.
            self.ahead = int(times[-1]) - arrived
        else:
            begin = self._step(times, arrived)
            if begin is not None:
                # The latest packet arrived just now.
                by = int(times[-1]) - max(self.reached, arrived + self.ahead)
                stepped = Stepped(int(time[known[begin]]), by)
                self.shift -= by
                steady[known[begin] :] -= by
                times = steady[known]
            self.ahead = max(self.ahead - _apart(self._seen, arrived), int(times.max()) - arrived)
        self._latest, self._seen = int(times.max()) - arrived, arrived
        self.reached = max(self.reached, int(times.max()))
        steady[time < 0] = time[time < 0]
        return steady, stepped

    def _step(self, times: Array, arrived: int) -> int | None:
        """The first row after a step, if there is one."""
        assert self.ahead is not None
        forward = np.flatnonzero(times > arrived + self.ahead + _apart(self._seen, arrived) + STEP)
        before = np.maximum.accumulate(np.maximum(times, self.reached))
        backward = np.flatnonzero(times < before - STEP)
        rows = [int(rows[0]) for rows in (forward, backward) if len(rows)]
        return min(rows) if rows else None

    def passed(self, now: int) -> int:
        """Capture time that has passed for sure at *now*, by our own clock; that of the latest packet if that is later.

        The latest batch came no later than packets may: where the clock was set back a little, it tells.
        """
        if self.ahead is None:
            return self.reached
        return max(self.reached, now + min(self.ahead, self._latest + LAG) - _apart(self._seen, now))

    def passed_at_most(self, now: int) -> int:
        """Capture time that can have passed at *now*."""
        return max(self.reached, now + (self.ahead or 0) + _apart(self._seen, now))
