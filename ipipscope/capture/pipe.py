"""Standard input as it comes: whoever reads it is told when it pauses, and may end it."""

from __future__ import annotations

import io
import os
import select
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE: Final = 200
"""Milliseconds without an octet that are a pause."""


class Pipe(io.RawIOBase):
    """Reads file descriptor *descriptor*, and leaves it open.

    goes_on: asked before each read with False, and again and again in a pause with True, whether to read on.
    """

    def __init__(self, descriptor: int, goes_on: Callable[[bool], bool]) -> None:
        super().__init__()
        self._descriptor, self._goes_on = descriptor, goes_on
        self._waiting = select.poll()
        self._waiting.register(descriptor, select.POLLIN)

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """What has come, as soon as something has; 0 at the end, or when nobody wants to read on."""
        while self._goes_on(paused := not self._waiting.poll(PAUSE)):
            if not paused:
                return os.readv(self._descriptor, [buffer])
        return 0
