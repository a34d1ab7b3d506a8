"""The terminal while a capture runs: drawn on its second screen, so that the first one is as it was at the end."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from ipipscope.live.layout import cut
from ipipscope.live.screen_text import screen_lines
from ipipscope.model import SECOND
from ipipscope.report.lines import ascii_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType, TracebackType
    from typing import Self

    from ipipscope.live.events import Event
    from ipipscope.live.watched import PointCount, Watched
    from ipipscope.model import CapturePoint
    from ipipscope.report.lines import Line

REFRESH: Final = 0.5
"""Seconds; also before it is drawn first: what is over by then needs no screen."""
NOTES: Final = 3
RATED: Final = 3 * SECOND
"""Capture time over which a rate is taken."""


class Screen:
    """Draws on *out*; a context manager, so that the terminal is left as it was.

    Drawn by the thread that judges, ended by the one that began it.
    """

    def __init__(self, out: TextIO, *, colour: bool, unicode: bool) -> None:
        self._out, self._unicode = out, unicode
        console = Console(file=out, force_terminal=True, force_interactive=True, no_color=not colour, highlight=False)
        self._console = console
        self._live = Live(
            console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._rates = Rates()
        self._notes: deque[str] = deque(maxlen=NOTES)
        self._next = time.monotonic() + REFRESH
        self._drawn: object = None
        self._lock = threading.RLock()
        self._ended = False

    def __enter__(self) -> Self:
        self._suspended = signal.signal(signal.SIGTSTP, self._suspend)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGTSTP, self._suspended)
        with self._lock:
            self._ended = True
            self._live.stop()

    def _suspend(self, number: int, interrupted: FrameType | None) -> None:
        """Ctrl-Z: the shell gets its screen; ours is drawn again when we go on.

        Where the terminal takes nothing (Ctrl-S), who draws holds the lock: then we stop with our screen on it.
        """
        del number, interrupted
        free = self._lock.acquire(timeout=REFRESH)
        try:
            if free:
                self._live.stop()
            self._drawn = None
            os.kill(os.getpid(), signal.SIGSTOP)
        finally:
            if free:
                self._lock.release()

    def events(self, events: Sequence[Event]) -> None:
        """Findings are drawn with the rest."""
        if events and self._drawn:
            self._next = 0.0

    def note(self, text: str) -> None:
        """Something happened to the capture itself."""
        self._notes.append(text)
        if self._drawn:
            self._next = 0.0

    def show(self, watched: Watched) -> None:
        """Draw, when it is time to, or the terminal has another size than when it was drawn last."""
        now = time.monotonic()
        size = self._size()
        state = size, watched.doing
        if now < self._next and (self._drawn is None or state == self._drawn):
            return
        self._next = now + REFRESH
        self._rates.take(watched.now, watched.points())
        lines = screen_lines(watched, self._rates.now, tuple(self._notes), *size)
        text = Text("\n").join(Text.assemble(*self._writable(line, size[0])) for line in lines)
        text.no_wrap, text.overflow = True, "crop"
        with self._lock:
            if not self._ended:
                # Asked of the terminal itself each time: COLUMNS and LINES do not change with it.
                self._console.size = size
                self._live.start()
                self._live.update(text, refresh=True)
                self._drawn = state

    def _writable(self, line: Line, width: int) -> Line:
        """What of *line* the terminal can show."""
        if self._unicode:
            return line
        encoding = self._out.encoding or "ascii"

        def shown(line: Line) -> Line:
            return [
                (ascii_text(text).encode(encoding, "backslashreplace").decode(encoding), style) for text, style in line
            ]

        return shown(cut(shown(line), width))

    def _size(self) -> tuple[int, int]:
        try:
            columns, lines = os.get_terminal_size(self._out.fileno())
        except (OSError, ValueError):
            return 80, 24
        return columns or 80, lines or 24


class Rates:
    """Packets a second at each point, over the last seconds of capture time."""

    def __init__(self) -> None:
        self._taken: deque[tuple[int, dict[CapturePoint, int]]] = deque()
        self.now: Mapping[CapturePoint, float] = {}

    def take(self, now: int, points: Sequence[PointCount]) -> None:
        """What there is at capture time *now*."""
        counts = {point.point: point.packets for point in points}
        while len(self._taken) > 1 and self._taken[1][0] <= now - RATED:
            self._taken.popleft()
        if self._taken and now > self._taken[0][0]:
            then, before = self._taken[0]
            passed = (now - then) / SECOND
            self.now = {point: (count - before.get(point, 0)) / passed for point, count in counts.items()}
        if now and (not self._taken or now > self._taken[-1][0]):
            self._taken.append((now, counts))
