"""Commands in the network namespaces of the guest."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NAMESPACES: Final = Path("/run/netns")
CLONE_NEWNET: Final = 0x40000000
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


class CommandFailed(RuntimeError):
    """A command the laboratory relies on did not work; carries where it ran and what it said."""

    def __init__(self, namespace: str, command: str, result: Result) -> None:
        super().__init__(f"{namespace}: `{command}` ended with {result.code}: {result.stderr.strip()}")
        self.namespace, self.command, self.result = namespace, command, result


@dataclass(frozen=True, slots=True)
class Result:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str


def enter(namespace: str) -> None:
    """Move this process into *namespace*; os.setns() is not there before Python 3.12."""
    with (NAMESPACES / namespace).open("rb") as handle:
        if _LIBC.setns(handle.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {namespace}")


def run(namespace: str, command: str, *, check: bool = True, timeout: float = 60, feed: str = "") -> Result:
    """Run a shell *command* in *namespace* with *feed* as its input; raises CommandFailed unless told not to check."""
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        input=feed,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        preexec_fn=partial(enter, namespace),  # noqa: PLW1509 -- the guest's event thread never holds a lock here
    )
    result = Result(done.returncode, done.stdout, done.stderr)
    if check and result.code != 0:
        raise CommandFailed(namespace, command, result)
    return result


def batch(namespace: str, lines: Iterable[str]) -> None:
    """Run many `ip` commands (without the word ip) in one process: starting one costs ten milliseconds here."""
    text = "\n".join(lines) + "\n"
    result = run(namespace, "ip -batch -", check=False, feed=text)
    if result.code != 0:
        raise CommandFailed(namespace, text, result)


def start(namespace: str, command: list[str], *, stderr: Path) -> subprocess.Popen[bytes]:
    """Start *command* in *namespace* and do not wait for it; what it says goes to the file *stderr*."""
    with stderr.open("wb") as said:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            preexec_fn=partial(enter, namespace),  # noqa: PLW1509 -- as in run()
        )


class Task:
    """A Python function at work in a namespace, in a process of its own; its JSON-able result comes back by wait()."""

    def __init__(self, namespace: str, work: Callable[[], Any]) -> None:
        self._reader, writer = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            code = 1
            try:
                os.close(self._reader)
                enter(namespace)
                with os.fdopen(writer, "w") as pipe:
                    json.dump(work(), pipe)
                code = 0
            finally:
                os._exit(code)
        os.close(writer)
        self._namespace = namespace

    def wait(self) -> Any:
        """The function's result; raises RuntimeError when it raised."""
        with os.fdopen(self._reader) as pipe:
            text = pipe.read()
        _, status = os.waitpid(self._pid, 0)
        if status != 0:
            raise RuntimeError(f"a task in {self._namespace} failed with status {status}")
        return json.loads(text)


def set_sysctls(namespace: str, values: dict[str, int]) -> None:
    """Write `/proc/sys` *values* (names with slashes) as the namespace sees them."""

    def write() -> None:
        for name, value in values.items():
            Path("/proc/sys", name).write_text(f"{value}\n")

    Task(namespace, write).wait()
