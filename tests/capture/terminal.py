"""A terminal of a given size, drawn by tmux: what a person would see on it, and whether it is left as it was."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Self

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT = 30.0
"""Seconds after which a test gives up waiting."""
BEFORE = "what stood here before"
COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7])[;m]")

needs_tmux = pytest.mark.skipif(not shutil.which("tmux"), reason="needs tmux, which draws the terminal")


class Terminal:
    """A shell that runs *command* at once; `shows` waits for text, or for what makes a function true."""

    count = 0

    def __init__(self, command: list[object], columns: int = 80, rows: int = 24, **environment: str) -> None:
        Terminal.count += 1
        self._socket = f"ipipscope-{os.getpid()}-{Terminal.count}"
        words = [f"{name}={value}" for name, value in {"LC_ALL": "C.UTF-8", "COLORTERM": "", **environment}.items()]
        line = shlex.join(["env", "-u", "NO_COLOR", *words, *map(str, command)])
        # The shell stays: what is told at the end, and the status, are read from the terminal.
        shell = f"trap : INT; stty -echo; echo {BEFORE}; {line}; echo status $?; sleep 60"
        self._tmux("-f", "/dev/null", "-u", "new-session", "-d", "-x", columns, "-y", rows, "sh", "-c", shell)

    def _tmux(self, *words: object) -> str:
        command = ["tmux", "-L", self._socket, *map(str, words)]
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=WAIT, env=environment).stdout

    @property
    def screen(self) -> str:
        """What stands on it, line by line."""
        return self._tmux("capture-pane", "-p")

    @property
    def scrolled(self) -> str:
        """What stands on it and what was scrolled out of it, with lines that were broken put together."""
        return self._tmux("capture-pane", "-p", "-J", "-S", "-")

    @property
    def coloured(self) -> bool:
        """Whether anything on it has a colour."""
        return bool(COLOUR.search(self._tmux("capture-pane", "-p", "-e")))

    @property
    def as_it_was(self) -> bool:
        """Whether its first screen is shown, and the cursor."""
        return self._tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}").split() == ["0", "1"]

    def shows(self, wanted: str | Callable[[str], object]) -> str:
        """The screen, once it has *wanted*."""
        true = (lambda screen: wanted in screen) if isinstance(wanted, str) else wanted
        until = time.monotonic() + WAIT
        while not true(screen := self.screen):
            assert time.monotonic() < until, screen
            time.sleep(0.05)
        return screen

    def resize(self, columns: int, rows: int) -> None:
        """As when a window is drawn larger or smaller."""
        self._tmux("resize-window", "-x", columns, "-y", rows)

    def press(self, *keys: str) -> None:
        """Keys as tmux calls them: C-c, Enter, q."""
        self._tmux("send-keys", *keys)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._tmux("kill-server")
