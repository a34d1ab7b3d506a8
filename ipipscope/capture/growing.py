"""A file that is still being written: whether it is, asked of the kernel, and how to read on as it grows."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE: Final = 0.2
"""Seconds between looks for more."""
PATIENCE: Final = 2.0
"""Seconds without a writer or a change after which a file is at its end: who writes in pieces opens it again."""

QUIET: Final = 10.0
"""Seconds without a change after which a file is at its end where nobody can say whether it is written."""


def is_growing(path: str) -> bool:
    """Whether some process of this host has *path* open for writing; False where that cannot be told."""
    return bool(written(path))


def written(path: str) -> bool | None:
    """Whether some process of this host has *path* open for writing; None where that cannot be told.

    That it was changed lately would not say. Source: fcntl(2), "Leases": a read lease is refused with EAGAIN while the
    file is open for writing.
    """
    if not Path(path).is_file() or not hasattr(fcntl, "F_SETLEASE"):
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # Who opens the file just now breaks the lease; the signal for that would end us if it were not one to ignore.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as refused:
        return True if refused.errno == errno.EAGAIN else None  # a file of somebody else, or of another host
    finally:
        os.close(descriptor)  # gives a lease back
    return False


class Growing(io.RawIOBase):
    """Reads *path*, and goes on where it grows; ends when nobody writes it any more.

    Where that cannot be told, as of somebody else's file, it ends when it has not changed for a while.
    It ends, too, when the file is removed, cut, or replaced by another one of its name.
    goes_on: asked before each read with False, and again and again in a pause with True, whether to read on.
    at: octets that were read.
    """

    def __init__(self, path: str, goes_on: Callable[[bool], bool]) -> None:
        super().__init__()
        self.at = 0
        self._ended = False
        self._path, self._goes_on = path, goes_on
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    @property
    def end(self) -> int:
        """Octets that the file had when reading ended: those that were read, and more where nobody read to its end."""
        return self.at if self._ended else os.fstat(self._descriptor).st_size

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """What there is; waits for it. 0 at the end."""
        got = self._read(buffer)
        self._ended = not got
        return got

    def _read(self, buffer: Any) -> int:
        alone, at_end = time.monotonic(), False
        while self._goes_on(False):
            got = os.readv(self._descriptor, [buffer])
            if got:
                self.at += got
                return got
            if at_end or self._gone or not self._goes_on(True):
                return 0
            now = time.monotonic()
            open_still = written(self._path)
            patience = QUIET if open_still is None else PATIENCE
            if open_still:
                alone = now
            elif now - alone > patience or self._rests > patience:
                at_end = True  # but for what came since it was looked at
                continue
            time.sleep(PAUSE)
        return 0

    @property
    def _rests(self) -> float:
        """Seconds since the file was changed, by the clock of whoever keeps it; negative where that is ahead."""
        return time.time() - os.fstat(self._descriptor).st_mtime

    @property
    def _gone(self) -> bool:
        """Whether what comes now comes elsewhere, if at all."""
        here = os.fstat(self._descriptor)
        try:
            there = os.stat(self._path)  # noqa: PTH116
        except OSError:
            return True
        return (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino) or there.st_size < self.at

    def close(self) -> None:
        """The file, too."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()
