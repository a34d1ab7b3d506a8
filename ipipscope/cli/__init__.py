"""The command line: one module a command, thin over the library. Parse, call one public function, print, exit."""

from __future__ import annotations

import atexit
import signal
from typing import NoReturn

INTERRUPTED = 130
OURS = 70

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command line and exit: 0 nothing found, 1 findings, 2 usage, 3 input, 70 ours, 130 Ctrl-C, 141 pipe."""
    # An interrupt while Python itself ends would only add a traceback to what was said.
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
    try:
        from ipipscope.cli.program import run  # noqa: PLC0415  (an interrupt meanwhile brings no traceback either)

        status = run()
    except KeyboardInterrupt:
        status = INTERRUPTED
    raise SystemExit(status)
