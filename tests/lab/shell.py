"""Commands and functions in the network namespaces of the guest.

A namespace belongs to a thread (setns(2)), and a new process starts in its parent thread's. So a thread goes into the
namespace, starts the command, and comes back: cheaper by far than a forked copy of this process, which costs the guest
a tenth of a second.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

NAMESPACES: Final = Path("/run/netns")
CLONE_NEWNET: Final = 0x40000000
NEEDS_SHELL: Final = frozenset("|&;<>()$`\\\"'*?[#~={}!\n")
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


class CommandError(RuntimeError):
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


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Have this thread in *namespace* for a while; os.setns() is not there before Python 3.12."""
    with Path("/proc/thread-self/ns/net").open("rb") as home, (NAMESPACES / namespace).open("rb") as there:
        _enter(there.fileno(), namespace)
        try:
            yield
        finally:
            _enter(home.fileno(), "home")


def _enter(descriptor: int, name: str) -> None:
    if _LIBC.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), f"setns {name}")


def run(namespace: str, command: str, *, check: bool = True, timeout: float = 60, feed: str = "") -> Result:
    """Run a shell *command* in *namespace* with *feed* as its input; raises CommandError unless told not to check."""
    words = ["/bin/sh", "-c", command] if NEEDS_SHELL & set(command) else shlex.split(command)
    try:
        with inside(namespace):
            process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
    except FileNotFoundError as error:
        result = Result(127, "", str(error))
    else:
        with process:
            try:
                stdout, stderr = process.communicate(feed, timeout)
            except BaseException:
                process.kill()
                raise
        result = Result(process.returncode, stdout, stderr)
    if check and result.code != 0:
        raise CommandError(namespace, command, result)
    return result


def batch(namespace: str, lines: Iterable[str]) -> None:
    """Run many `ip` commands (without the word ip) in one process."""
    text = "\n".join(lines) + "\n"
    result = run(namespace, "ip -batch -", check=False, feed=text)
    if result.code != 0:
        raise CommandError(namespace, text, result)


def start(namespace: str, command: list[str], *, stderr: Path) -> subprocess.Popen[bytes]:
    """Start *command* in *namespace* and do not wait for it; what it says goes to the file *stderr*."""
    with stderr.open("wb") as said, inside(namespace):
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)


class Task:
    """A Python function at work in a namespace, in a thread of its own; wait() gives its result."""

    def __init__(self, namespace: str, work: Callable[[], Any]) -> None:
        self._outcome: Any = None
        self._error: BaseException | None = None

        def run_inside() -> None:
            try:
                with inside(namespace):
                    self._outcome = work()
            except BaseException as error:  # noqa: BLE001 -- it is raised again where it is waited for
                self._error = error

        self._thread = threading.Thread(target=run_inside, daemon=True)
        self._thread.start()

    def wait(self) -> Any:
        """The function's result; raises what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._outcome


def set_sysctls(namespace: str, values: dict[str, int]) -> None:
    """Write `/proc/sys` *values* (names with slashes) as the namespace sees them."""
    with inside(namespace):
        for name, value in values.items():
            # Not Path.write_text: creating or truncating is no business of /proc.
            descriptor = os.open(f"/proc/sys/{name}", os.O_WRONLY)
            os.write(descriptor, b"%d\n" % value)
            os.close(descriptor)
