"""Recorders: commands whose standard output is a capture, on this host or another.

dumpcap records all interfaces in one process: one clock, nanoseconds, the kernel's drop counters. Without it tcpdump
runs once an interface. Without either, scapy's sockets, which lose packets from a few thousand a second on.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final, cast

from ipipscope.capture.elsewhere import Host, environment
from ipipscope.capture.interfaces import ANY
from ipipscope.errors import InputError
from ipipscope.language.said import say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import FileIO

RING: Final = 32
"""MiB that the kernel holds for us while we do not read: a second of a busy gigabit."""
PIPE: Final = 1 << 20
"""Octets of the pipe between recorder and us; Linux lets every user have as much."""
F_SETPIPE_SZ: Final = 1031  # fcntl(2), Linux
GRACE: Final = 5.0
"""Seconds that a recorder has to write what it holds after it was told to stop."""
LINES_KEPT: Final = 40

# The recorder ends when standard input does: when we say so, when we die, when the connection breaks. Its own standard
# input is closed for it; the shell's is number 3, because a shell gives what runs beside it none.
GUARD: Final = (
    'exec 3<&0; "$@" </dev/null 3<&- & p=$!;'
    " { while read -r _ <&3; do :; done; kill -TERM $p; } >/dev/null 2>&1 & g=$!;"
    " wait $p; s=$?; kill $g 2>/dev/null; exit $s"
)
CHATTER: Final = re.compile(
    r"^(Capturing on|File: |Packets captured|Packets: |tcpdump: (verbose output|listening on)|\d+ packets? "
    r"|\*\* |\s*$|Defaulted container|Running as user|dropped privs to|reading from|WARNING: No libpcap"
    r"|dumpcap: cap_set_proc\(\) fail)"
)
"""What recorders, and kubectl, say when all is well."""
DUMPCAP_COUNTS: Final = re.compile(r"^Packets received/dropped on interface '(.*)': (\d+)/(\d+) ")
TCPDUMP_DROPPED: Final = re.compile(r"^(\d+) packets? dropped by kernel")
TCPDUMP_RECEIVED: Final = re.compile(r"^(\d+) packets? captured")
FORBIDDEN: Final = re.compile(r"permission|operation not permitted", re.IGNORECASE)
GONE: Final = re.compile(r"no longer (running|attached)|interface disappeared", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One interface that is to be recorded."""

    name: str
    filter: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """What all recorders are told."""

    snaplen: int = 0
    """Octets of a packet that are kept; 0 for all."""
    ring: int = RING


def commands(tool: str, wanted: Sequence[Wanted], settings: Settings) -> list[tuple[list[str], tuple[Wanted, ...]]]:
    """The commands that record *wanted*, each with the interfaces it records."""
    if tool == "dumpcap":
        return [(_dumpcap(wanted, settings), tuple(wanted))]
    if tool == "tcpdump":
        return [(_tcpdump(each, settings), (each,)) for each in wanted]
    interfaces = [word for each in wanted for word in ("--interface", each.name, "--filter", each.filter)]
    module = [sys.executable, "-m", "ipipscope.capture.scapy_sockets"]
    return [([*module, "--snaplen", str(settings.snaplen), *interfaces], tuple(wanted))]


def _dumpcap(wanted: Sequence[Wanted], settings: Settings) -> list[str]:
    words = ["dumpcap", "-q", "-w", "-", "-B", str(settings.ring)]
    if settings.snaplen:
        words += ["-s", str(settings.snaplen)]
    for each in wanted:
        words += ["-i", each.name]
        if each.filter:
            words += ["-f", each.filter]
        if each.name == ANY:
            words += ["-y", "LINUX_SLL2"]  # the older form does not tell the interfaces apart
    return words


def _tcpdump(wanted: Wanted, settings: Settings) -> list[str]:
    words = ["tcpdump", "-n", "-U", "-w", "-", "-B", str(settings.ring << 10), "-i", wanted.name]
    words += ["--time-stamp-precision=nano", "-s", str(settings.snaplen)]
    if wanted.name == ANY:
        words += ["-y", "LINUX_SLL2"]
    return [*words, wanted.filter] if wanted.filter else words


def cure(tool: str) -> str:
    """What to run where *tool* may not record: Python itself never needs more rights."""
    if tool not in ("dumpcap", "tcpdump"):
        return say("Run ipipscope with sudo, or install wireshark-common.")
    return say(
        "Run ipipscope with sudo, or let {tool} record: sudo setcap cap_net_raw,cap_net_admin+ep $(command -v {tool})",
        tool=tool,
    )


class Recorder:
    """One running recorder.

    host: where it runs. wanted: the interfaces it records.
    stdout: its standard output, a capture.
    received, dropped: by interface, as far as it said so on standard error; complete once it ended.
    """

    def __init__(self, host: Host, command: Sequence[str], wanted: Sequence[Wanted]) -> None:
        self.host, self.wanted = host, tuple(wanted)
        self.received: dict[str, int] = {}
        self.dropped: dict[str, int] = {}
        self._said: deque[str] = deque(maxlen=LINES_KEPT)
        guarded = ["sh", "-c", GUARD, "sh", *command] if host.listens else list(command)
        try:
            self._process = subprocess.Popen(
                host.command(guarded),
                stdin=subprocess.PIPE if host.listens else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=environment(),
                start_new_session=True,  # Ctrl-C is for us: we tell the recorder, and wait for what it holds
            )
        except OSError as failure:
            raise InputError(command[0], say("cannot be run: {strerror}.", strerror=failure.strerror)) from failure
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.stdout = cast("FileIO", self._process.stdout)
        _widen(self.stdout.fileno())
        self._listener = threading.Thread(target=self._listen, args=(self._process.stderr,), daemon=True)
        self._listener.start()

    def stop(self) -> None:
        """Tell it to end; what it holds comes on its standard output, then the end."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        else:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it, with everything it started here: a guard that is killed alone leaves its recorder behind."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)  # a session of its own is a process group of its own

    def ended(self) -> int:
        """Wait for its end, which its output's end announced, and its exit status; killed when it takes too long."""
        try:
            status = self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.kill()
            status = self._process.wait()
        self._listener.join(GRACE)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        return status

    @property
    def complaint(self) -> str:
        """What it said that was no chatter, in one line."""
        return " ".join(line.strip() for line in self._said if not CHATTER.match(line))

    @property
    def interface_gone(self) -> bool:
        """Whether it ended because an interface was deleted or went down."""
        return bool(GONE.search(self.complaint))

    @property
    def forbidden(self) -> bool:
        """Whether it ended because it may not record."""
        return bool(FORBIDDEN.search(self.complaint))

    def _listen(self, stderr: IO[bytes]) -> None:
        for line in stderr:
            self._hear(line.decode("utf-8", "replace").strip())

    def _hear(self, line: str) -> None:
        if match := DUMPCAP_COUNTS.match(line):
            self.received[match[1]], self.dropped[match[1]] = int(match[2]), int(match[3])
        elif match := TCPDUMP_DROPPED.match(line):
            self.dropped[self.wanted[0].name] = int(match[1])
        elif match := TCPDUMP_RECEIVED.match(line):
            self.received[self.wanted[0].name] = int(match[1])
        else:
            self._said.append(line)


def _widen(descriptor: int) -> None:
    import fcntl  # noqa: PLC0415  (POSIX only)

    with contextlib.suppress(OSError):  # the usual 64 KiB serve as well, the kernel's ring only fills sooner
        fcntl.fcntl(descriptor, F_SETPIPE_SZ, PIPE)
