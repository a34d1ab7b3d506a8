"""Capture times for people and for programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from ipipscope.language.said import Said, say
from ipipscope.model import SECOND

LAST: Final = 253_402_300_799
"""Seconds up to the end of the year 9999."""


def iso(time: int) -> str:
    """`2026-11-24T00:32:41.702897707Z` from nanoseconds since 1970-01-01 UTC."""
    seconds, fraction = divmod(time, SECOND)
    moment = datetime.fromtimestamp(min(max(seconds, 0), LAST), UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


def clock(time: int) -> str:
    """`00:32:41.702898`: the time of day, UTC, to the microsecond."""
    return iso(time)[11:26]


def lasting(nanoseconds: int) -> str:
    """A length of time in two or three digits: `1.2 ms`, `3.2 s`, `2 h 5 min`."""
    if nanoseconds < 1_000:
        return f"{nanoseconds} ns"
    for unit, size in (("µs", 1_000), ("ms", 1_000_000), ("s", SECOND)):
        if nanoseconds < size * 1_000 and (unit != "s" or nanoseconds < 120 * SECOND):
            return f"{nanoseconds / size:.3g} {unit}"
    minutes = round(nanoseconds / SECOND / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def from_to(first: int, last: int) -> Said:
    """`2026-11-24 00:32:41.702898 to 00:32:44.878683 UTC (3.18 s)`; one moment stands alone."""
    if first == last:
        return say("{date} {first} UTC", date=iso(first)[:10], first=clock(first))
    return say(
        "{date} {first} to {last} UTC ({span})",
        date=iso(first)[:10],
        first=clock(first),
        last=clock(last),
        span=lasting(last - first),
    )


def whole_seconds(nanoseconds: int) -> str:
    """A length of time that goes on, without what passes before one can read it: `0 s`, `42 s`, `3 min`."""
    return lasting(nanoseconds // SECOND * SECOND) if nanoseconds >= SECOND else "0 s"
