"""The recorders that `live.py` compares: how each is started, and what it says of packets received and dropped.

As a program, `recorders.py IFACE FILTER FILE`, this is scapy's own sniffer, which writes what it gets.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RING: Final = 32
"""MiB of the kernel's ring, for all but scapy: what ipipscope asks for."""
DUMPCAP: Final = re.compile(r"received/dropped on interface '.*': (\d+)/(\d+) ")
TCPDUMP: Final = re.compile(r"(\d+) packets? captured\n.*\n(\d+) packets? dropped by kernel", re.MULTILINE)

Counts = tuple[int | None, int | None]
"""Packets received and dropped, as a recorder says itself; None where it does not."""


@dataclass(frozen=True, slots=True)
class Recorder:
    """One way to record.

    command: from interface, filter and file. said: from standard output and standard error.
    """

    name: str
    command: Callable[[str, str, str], Sequence[str]]
    said: Callable[[str, str], Counts]
    judges: bool = False
    """Whether it says what breaks while it records."""
    statuses: frozenset[int] = frozenset({0})
    """Exit statuses of success."""


def recorders(ipipscope: Sequence[str]) -> list[Recorder]:
    """All of them; those that are installed only fail."""
    ring = str(RING)
    return [
        Recorder(
            "dumpcap",
            lambda device, wanted, file: ["dumpcap", "-q", "-B", ring, "-i", device, "-f", wanted, "-w", file],
            lambda _, err: _numbers(DUMPCAP, err),
        ),
        Recorder(
            "tcpdump -w",
            lambda device, wanted, file: [
                *("tcpdump", "-n", "-B", str(RING << 10), "-i", device, "-s", "0", "-w", file, wanted)
            ],
            lambda _, err: _numbers(TCPDUMP, err),
        ),
        Recorder(
            "ipipscope capture",
            lambda device, wanted, file: [
                *ipipscope,
                *("capture", device, "-f", wanted, "-w", file, "--format", "ndjson"),
            ],
            lambda out, _: _reported(out),
            judges=True,
            statuses=frozenset({0, 1}),
        ),
        Recorder(
            "scapy sniff",
            lambda device, wanted, file: [sys.executable, __file__, device, wanted, file],
            lambda _out, _err: (None, None),
        ),
    ]


def _numbers(pattern: re.Pattern[str], said: str) -> Counts:
    found = pattern.search(said)
    return (int(found[1]), int(found[2])) if found else (None, None)


def events(out: str) -> list[dict[str, Any]]:
    """The lines of `--format ndjson`."""
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def _reported(out: str) -> Counts:
    [point] = next((each["capture_points"] for each in events(out) if each["type"] == "report"), [None])
    return (point["packets"], point["dropped"]) if point else (None, None)


def sniff(device: str, wanted: str, file: str) -> None:
    """Write every packet that scapy hands out, until SIGINT."""
    import scapy.all as scapy  # noqa: PLC0415  (the one that compares loads nothing)

    with scapy.PcapWriter(file) as writer:
        scapy.sniff(iface=device, filter=wanted, store=False, prn=writer.write)


if __name__ == "__main__":
    sniff(*sys.argv[1:4])
