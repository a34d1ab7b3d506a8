"""Two network namespaces with a wire between them, and captures that run in them as a user would start them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

from ipipscope.capture.files import CaptureFile

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT = 20.0
"""Seconds after which a test gives up waiting; what it waits for takes well below two on an idle machine."""

MAIN = "from ipipscope.cli import main; main()"
SCOPE = Path(sys.executable).with_name("ipipscope")

needs_namespaces = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("dumpcap") or not shutil.which("tcpdump"),
    reason="needs root, ip, dumpcap and tcpdump to record in network namespaces of its own",
)


def run(*command: object, check: bool = True, timeout: float = WAIT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=check, timeout=timeout)


@dataclass(frozen=True)
class Wire:
    """Namespaces *near* and *far*; in each an interface `eth1` with an address."""

    near: str
    far: str
    near_address: str = "10.77.0.1"
    far_address: str = "10.77.0.2"

    @property
    def via(self) -> str:
        return f"ip netns exec {self.near}"

    def inside(self, *command: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        return run("ip", "netns", "exec", self.near, *command, check=check)

    def ping(self, count: int, interval: float = 0.02, address: str | None = None) -> None:
        """Bounded traffic that stays on the wire; it does not matter whether anybody answers."""
        self.inside("ping", "-q", "-c", count, "-i", interval, "-W", 1, address or self.far_address, check=False)

    def connect(self, interface: str) -> None:
        run(
            "ip",
            "-n",
            self.near,
            "link",
            "add",
            interface,
            "type",
            "veth",
            "peer",
            "name",
            interface,
            "netns",
            self.far,
        )
        for namespace in (self.near, self.far):
            run("ip", "-n", namespace, "link", "set", interface, "up")


@contextmanager
def wire(tag: str) -> Iterator[Wire]:
    made = Wire(f"ipi-{tag}-a-{os.getpid()}", f"ipi-{tag}-b-{os.getpid()}")
    try:
        for namespace in (made.near, made.far):
            run("ip", "netns", "add", namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
            # Only our own packets: no router solicitations, no neighbour discovery.
            run("ip", "netns", "exec", namespace, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", check=False)
        made.connect("eth1")
        run("ip", "-n", made.near, "addr", "add", f"{made.near_address}/24", "dev", "eth1")
        run("ip", "-n", made.far, "addr", "add", f"{made.far_address}/24", "dev", "eth1")
        yield made
    finally:
        for namespace in (made.near, made.far):
            run("ip", "netns", "del", namespace, check=False)


class Capture:
    """`ipipscope capture` with *options*, running."""

    def __init__(self, *options: object, file: Path | None = None, stdout: int | None = None) -> None:
        command = [sys.executable, "-c", MAIN, "capture", *(str(option) for option in options)]
        if file is not None:
            command += ["-w", str(file)]
        self.file = file
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONFAULTHANDLER": "1"},
        )

    def recording(self) -> Capture:
        """Wait until the recorders have described their interfaces."""
        wait_for(lambda: self.ended or described(self.file)[0])
        return self

    def recorded(self, packets: int) -> Capture:
        """Wait until so many ICMP packets are in the file."""
        wait_for(lambda: self.ended or count(self.file, "icmp") >= packets)
        return self

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def finish(self, number: signal.Signals | None = signal.SIGINT) -> tuple[int, str, str]:
        """Send a signal, unless None, and wait: status, standard output, standard error."""
        if number is not None:
            self.process.send_signal(number)
        try:
            out, err = self.process.communicate(timeout=WAIT)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            pytest.fail("".join(self.process.communicate()), pytrace=False)  # where each of its threads stands
        return self.process.returncode, out, err

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.ended:
            self.process.kill()
        self.process.communicate()


def without(folder: Path, lan: Wire, *tools: str) -> str:
    """A prefix that leads to the near end, where *tools* are not installed: its path is a folder of links to others."""
    links = folder / "bin"
    links.mkdir()
    for place in map(Path, ("/usr/bin", "/bin", "/usr/sbin", "/sbin")):
        for tool in place.iterdir():
            if tool.name not in tools and not (links / tool.name).is_symlink():
                (links / tool.name).symlink_to(tool)
    prefix = folder / "prefix"
    # The words that follow are env LC_ALL=C PATH=... and the command.
    prefix.write_text(f'#!/bin/sh\nshift 3\nexec env LC_ALL=C PATH={links} "$@"\n')
    prefix.chmod(0o755)
    return f"{lan.via} {prefix}"


def wait_for(true) -> None:
    until = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def described(file: Path) -> tuple[int, int]:
    """Interfaces and packets that stand in a file so far."""
    if not file.exists():
        return 0, 0
    capture = CaptureFile(str(file))
    packets = sum(len(records) for records in capture.batches())
    return len(capture.interfaces), packets


def count(file: Path, wanted: str = "") -> int:
    """Packets that tshark counts; it reads what is there of a file that is still written."""
    shown = run(
        "tshark",
        "-n",
        "-r",
        file,
        *(["-Y", wanted] if wanted else []),
        "-T",
        "fields",
        "-e",
        "frame.number",
        check=False,
    )
    return len(shown.stdout.split())
