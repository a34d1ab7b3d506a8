"""The command line: one module a command, thin over the library. Parse, call one public function, print, exit."""

from ipipscope.cli.main import main

__all__ = ["main"]
