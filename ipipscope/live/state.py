"""Snapshots of the hosts that are recorded: taken when the capture begins and when it ends, kept beside the file."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ipipscope.capture.points import stem
from ipipscope.errors import InputError, UsageError
from ipipscope.hosts.snapshot import collect
from ipipscope.hosts.snapshot_json import to_json
from ipipscope.language.said import say
from ipipscope.live.events import Change
from ipipscope.model import Impact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipipscope.hosts.model import Snapshot
    from ipipscope.live.events import Event
    from ipipscope.live.stream import Target
    from ipipscope.live.watched import Watched

EVERY: Final = 10.0
"""Seconds from one snapshot to the next, however many findings open."""


def folder(recording: str) -> Path:
    """Where the state that belongs to a recording stands: `a.state` beside `a.pcapng`."""
    path = Path(recording)
    return path.with_name(f"{stem(path.name)}.state")


class HostState:
    """Takes snapshots of *targets*' hosts, side by side, while the capture runs.

    recording: the file beside which they are kept; None to keep them in memory only.
    """

    def __init__(self, targets: Sequence[Target], recording: str | None, *, force: bool) -> None:
        self._hosts = {target.node: target.host.via for target in targets}
        self._folder = folder(recording) if recording else None
        self._lock = threading.Lock()
        self._next = 0.0
        self._threads: list[threading.Thread] = []
        self.snapshots: dict[str, Snapshot] = {}
        self.problem: InputError | None = None
        """Why a snapshot could not be kept beside the recording."""
        if self._folder and not force:
            for node in self._hosts:
                if self._file(node).exists():
                    raise UsageError(f"{self._file(node)} exists: name another file, or overwrite it with --force")

    def take(self) -> None:
        """Begin to take one snapshot of each host."""
        self._threads = [
            threading.Thread(target=self._take, args=(node, via), daemon=True) for node, via in self._hosts.items()
        ]
        for thread in self._threads:
            thread.start()

    def events(self, events: Sequence[Event]) -> None:
        """A fault that begins has its cause in the state of now."""
        serious = any(event.change is Change.OPEN and event.finding.impact is not Impact.NONE for event in events)
        if serious and time.monotonic() >= self._next and not any(thread.is_alive() for thread in self._threads):
            self._next = time.monotonic() + EVERY
            self.take()

    def note(self, text: str) -> None:
        """Nothing of concern."""

    def show(self, watched: Watched) -> None:
        """Nothing to refresh."""

    def wait(self, seconds: float) -> None:
        """Wait for the snapshots that were begun, but no longer than *seconds*."""
        for thread in self._threads:
            thread.join(seconds)

    def _take(self, node: str, via: Sequence[str]) -> None:
        snapshot = collect(node, via=via)
        if not snapshot.parts:
            return  # an older one tells more than one that could not be taken
        with self._lock:
            self.snapshots = {**self.snapshots, node: snapshot}
            if self._folder:
                try:
                    self._folder.mkdir(parents=True, exist_ok=True)
                    self._file(node).write_text(to_json(snapshot), encoding="utf-8")
                except OSError as failure:
                    reason = (failure.strerror or "it cannot be written").lower()
                    self.problem = InputError(
                        str(self._file(node)), say("the host's state is not kept: {reason}.", reason=reason)
                    )

    def _file(self, node: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{node.replace('/', '_')}.json"
