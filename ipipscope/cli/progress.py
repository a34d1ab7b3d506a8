"""How far the reading has come, on standard error, for work over a second and only where a person looks on."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ipipscope.capture.compression import OPENERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

    from ipipscope.sources import Decoded

QUIET: Final = 1.0
"""Seconds before the first line."""
PAUSE: Final = 0.25
ERASE: Final = "\r\x1b[K"


class Progress:
    """One line that is written over again: octets, packets, rate, time left.

    clock: seconds that only ever go forward.
    """

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._clock = clock
        self._began = clock()
        self._next = self._began + QUIET
        self._written = False
        self._total: int | None = None

    def __call__(self, sources: Sequence[Decoded]) -> None:
        """Say how far *sources* have been read, if it is time to."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + PAUSE
        if not self._written:
            self._total = _size(sources)
        packets = sum(source.records for source in sources)
        octets = sum(source.octets for source in sources)
        self._out.write(ERASE + line(octets, self._total, packets, now - self._began))
        self._out.flush()
        self._written = True

    def close(self) -> None:
        """Take the line away."""
        if self._written:
            self._out.write(ERASE)
            self._out.flush()


def for_terminal() -> Progress | None:
    """A progress line on standard error; None where that is no terminal."""
    return Progress(sys.stderr) if sys.stderr.isatty() else None


def line(octets: int, total: int | None, packets: int, seconds: float) -> str:
    """The line's text; *total* is None where nobody knows how much there is to read."""
    said = f"{octets / 1e6:,.0f} MB"
    if total:
        said += f" of {total / 1e6:,.0f} MB ({min(100, 100 * octets // total)} %)"
    said += f", {packets:,} packets, {packets / seconds / 1e6:.2f} M/s"
    if total and octets:
        said += f", {max(0, round(seconds * (total - octets) / octets))} s left"
    return said


def _size(sources: Sequence[Decoded]) -> int | None:
    """Octets of all files; None where one is a pipe or compressed."""
    total = 0
    for source in sources:
        path = Path(source.file.path)
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            head = stream.read(8)
        if any(head.startswith(magic) for magic in OPENERS):
            return None
        total += path.stat().st_size
    return total
