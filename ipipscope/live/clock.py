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
    stepped: bool = False
    _latest: int = 0

    def see(self, time: int, arrived: int) -> None:
        """A packet's time, and when it came by a clock of ours that is never set; nanoseconds. No time says nothing."""
        if time < 0:
            return
        ahead = time - arrived
        if self.ahead is None:
            self.ahead = ahead
        self.stepped |= ahead > self.ahead + STEP or time < self._latest - STEP
        self.ahead, self._latest = max(self.ahead, ahead), max(self._latest, time)


@dataclass(slots=True)
class CaptureClock:
    """One recorder's capture time.

    After a step, times go on as they would have without it, so that requests and replies still meet.
    """

    ahead: int | None = None
    """Capture time less our own clock, at the packet that took the shortest way to us."""
    reached: int = 0
    """Capture time of its latest packet."""
    shift: int = 0
    """What is added to its times since a step."""

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
            self.ahead = max(self.ahead, int(times.max()) - arrived)
        self.reached = max(self.reached, int(times.max()))
        steady[time < 0] = time[time < 0]
        return steady, stepped

    def _step(self, times: Array, arrived: int) -> int | None:
        """The first row after a step, if there is one."""
        assert self.ahead is not None
        forward = np.flatnonzero(times > arrived + self.ahead + STEP)
        before = np.maximum.accumulate(np.maximum(times, self.reached))
        backward = np.flatnonzero(times < before - STEP)
        rows = [int(rows[0]) for rows in (forward, backward) if len(rows)]
        return min(rows) if rows else None

    def passed(self, now: int) -> int:
        """Capture time at *now*, by our own clock; that of the latest packet where it is later."""
        return self.reached if self.ahead is None else max(self.reached, now + self.ahead)
