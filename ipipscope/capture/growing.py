"""Whether a file is still being written, asked of the kernel: that it was changed lately would not say."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from pathlib import Path


def is_growing(path: str) -> bool:
    """Whether some process of this host has *path* open for writing; False where that cannot be told.

    Source: fcntl(2), "Leases": a read lease is refused with EAGAIN while the file is open for writing.
    """
    if not Path(path).is_file() or not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Who opens the file just now breaks the lease; the signal for that would end us if it were not one to ignore.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as refused:
        return refused.errno == errno.EAGAIN  # a file of somebody else, or of another host: EACCES, EINVAL
    finally:
        os.close(descriptor)  # gives a lease back
    return False
