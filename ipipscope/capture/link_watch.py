"""Listens to what becomes of a host's interfaces: `ip monitor link` beside the recorders, on its clock.

Nothing depends on it: where there is no `ip`, or none that can watch, nothing is heard.
"""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING, Final

from ipipscope.capture.commands import Recorder
from ipipscope.capture.links import event
from ipipscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipipscope.capture.elsewhere import Host
    from ipipscope.capture.links import Event

WATCH: Final = ("env", "TZ=UTC", "ip", "-o", "-ts", "monitor", "link")
PATIENCE: Final = 2.0
"""Seconds that the end waits for the command to end."""


class LinkWatch:
    """Watches the interfaces of a host in a thread of its own.

    heard: is handed each event, in that thread.
    """

    def __init__(self, host: Host, heard: Callable[[Event], None]) -> None:
        self._heard = heard
        self._command: Recorder | None = None
        self._thread: threading.Thread | None = None
        if not host.listens:
            return  # it could not be told to end, and would stay behind
        try:
            self._command = Recorder(host, WATCH, ())
        except InputError:
            return
        self._thread = threading.Thread(target=self._read, args=(self._command,), name="links", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the command and its thread."""
        if self._command is None or self._thread is None:
            return
        self._command.stop()
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            self._command.kill()

    def _read(self, command: Recorder) -> None:
        with io.TextIOWrapper(io.BufferedReader(command.stdout), "utf-8", "replace") as lines:
            for line in lines:
                seen = event(line)
                if seen is not None:
                    self._heard(seen)
        command.ended()
