"""Captures that are still being written, read and judged in a thread as they grow, for whoever looks on."""

from __future__ import annotations

import os
import threading
from collections import deque
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ipipscope.capture.files import find
from ipipscope.language.said import Said, say
from ipipscope.live.replay import replay
from ipipscope.report.kept_exchanges import KeptExchanges

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ipipscope.analysis import Analysis
    from ipipscope.capture.files import CaptureFile
    from ipipscope.live.events import Event
    from ipipscope.live.watched import Watched
    from ipipscope.model import CapturePoint

AGAIN: Final = 1.0
"""Seconds between looks whether a file that ended is written again."""
NOTES_MAX: Final = 10
"""Of what happened to the files, the last are kept."""


@dataclass(frozen=True, slots=True)
class Followed:
    """How far it has come.

    analysis, kept: of the exchanges that are judged; complete, so that it can be asked while reading goes on.
    packets: read so far. waits_for: the file that gives nothing just now.
    ended: nobody writes the files any more, and everything in them is judged.
    """

    analysis: Analysis
    kept: KeptExchanges
    packets: int
    now: int
    waits_for: str | None
    ended: bool


class Follower:
    """Reads *paths* to their ends and on as they grow, and begins anew when one is replaced or written again.

    points, timeout, state: as for `analyse`.
    latest: what is known; another one each time that it is more. None before anything is.
    notes: what happened to the files last.
    fault: what ended it: a fault of ours.
    """

    def __init__(
        self,
        paths: Sequence[str],
        *,
        points: Mapping[str, CapturePoint] | None,
        timeout: int,
        state: Sequence[str] | None,
    ) -> None:
        self.latest: Followed | None = None
        self.notes: deque[Said] = deque(maxlen=NOTES_MAX)
        self.fault: BaseException | None = None
        self._paths, self._points, self._timeout, self._state = paths, points, timeout, state
        self._files: Sequence[CaptureFile] = ()
        self._identities: dict[str, tuple[int, int] | None] = {}
        self._anew = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=copy_context().run, args=(self._run,), name="follower", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Read no more; what is being judged just now is not waited for."""
        self._stop.set()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._follow()
                while not self._stop.wait(AGAIN):
                    if note := self._changed():
                        self.notes.append(note)
                        self._anew = True
                        break
        except BaseException as fault:  # noqa: BLE001  (whoever looks on raises it again)
            self.fault = fault

    def _follow(self) -> None:
        analysis = replay(
            self._paths,
            points=self._points,
            timeout=self._timeout,
            state=self._state,
            view=self,
            stopped=self._stop.is_set,
            follow=self._found,
        )
        packets = sum(point.packets for point in analysis.report.points)
        last = max((point.last or 0 for point in analysis.report.points), default=0)
        self._publish(analysis, packets, last, None, ended=True)

    def _found(self, files: Sequence[CaptureFile]) -> None:
        self._files = files
        self._identities = {file.path: _identity(_status(file.path)) for file in files}

    def _changed(self) -> Said | None:
        """What has happened to the files since they were read to their ends; None where nothing has."""
        for file in self._files:
            found = _status(file.path)
            if found is None:
                if self._identities[file.path] is not None:
                    self._identities[file.path] = None
                    self.notes.append(say("{file} was removed: what was read of it stays.", file=file.path))
                continue
            if self._identities[file.path] is None:
                return say("{file} is new: all are read anew.", file=file.path)
            if _identity(found) != self._identities[file.path]:
                return say("{file} was replaced: it is read anew.", file=file.path)
            if file.end is None:
                continue  # it could not be opened
            if found.st_size < max(file.at, file.end):
                return say("{file} was cut: it is read anew.", file=file.path)
            if found.st_size > file.end:
                return say("{file} is written again: it is read anew.", file=file.path)
        known = {file.path for file in self._files}
        fresh = [file.path for file in find(self._paths, self._points)[0] if file.path not in known]
        return say("{file} is new: all are read anew.", file=fresh[0]) if fresh else None

    # A view of the replay --------------------------------------------------------------------------------------------

    def events(self, events: Sequence[Event]) -> None:
        """They are in the analysis."""

    def note(self, text: str) -> None:
        """Nothing happens that a file does not show."""

    def show(self, watched: Watched) -> None:
        """Whatever is new may be looked at."""
        analysis, before = watched.latest, self.latest
        if analysis is None or self._stop.is_set():
            return
        if self._anew and watched.waits_for is None:
            return  # what was shown stays until as much is known again
        self._anew = False
        known = (watched.packets, watched.waits_for)
        if before is None or before.analysis is not analysis or known != (before.packets, before.waits_for):
            self._publish(analysis, watched.packets, watched.now, watched.waits_for, ended=False)

    def _publish(self, analysis: Analysis, packets: int, now: int, waits_for: str | None, *, ended: bool) -> None:
        before = self.latest
        if before is not None and before.analysis is analysis:
            kept = before.kept
        else:
            # Computed here, where nothing else goes on: the thread that looks on finds it made.
            _ = analysis.report, analysis.rows
            kept = KeptExchanges(analysis)
        self.latest = Followed(analysis, kept, packets, now, waits_for, ended)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116
    except OSError:
        return None


def _identity(found: os.stat_result | None) -> tuple[int, int] | None:
    return (found.st_dev, found.st_ino) if found else None
