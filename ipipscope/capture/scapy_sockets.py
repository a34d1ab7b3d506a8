"""A recorder of last resort, where neither dumpcap nor tcpdump is: scapy's sockets, one Python object a packet.

Run as a command, `python -m ipipscope.capture.scapy_sockets --interface eth1 --filter icmp`: pcapng on standard output
until SIGTERM. It loses packets without a word from a few thousand a second on, so it counts none as dropped.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from select import select
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ipipscope.capture.packets import Interface, Records
from ipipscope.capture.pcap import LONGEST
from ipipscope.capture.pcapng_writer import PcapngWriter

if TYPE_CHECKING:
    from types import FrameType

LINK_TYPES: Final = {"Ether": 1, "IP": 101, "CookedLinux": 113, "Loopback": 0}
"""tcpdump.org/linktypes.html, by the name of scapy's class."""
TICK: Final = 0.2
"""Seconds after which packets are handed on at the latest."""


class _Stopped(Exception):
    pass


def _stop(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise _Stopped


def _batch(packets: list[tuple[int, bytes, int]], snaplen: int) -> Records:
    """Packets as (interface, octets, nanoseconds)."""
    wire = np.array([len(octets) for _, octets, _ in packets], "u4")
    captured = np.minimum(wire, np.uint32(snaplen or LONGEST))
    return Records(
        bytearray(b"".join(octets for _, octets, _ in packets)),
        (np.cumsum(wire) - wire).astype("u4"),
        captured,
        wire,
        np.array([time for _, _, time in packets], "i8"),
        np.array([interface for interface, _, _ in packets], "u2"),
        1,
    )


class _Stdout:
    def write(self, octets: bytes | bytearray, /) -> None:
        rest = memoryview(octets)
        while rest:
            rest = rest[os.write(sys.stdout.fileno(), rest) :]


def record(interfaces: list[str], filters: list[str], snaplen: int) -> None:
    """Record until SIGTERM or SIGINT."""
    from scapy.config import conf  # noqa: PLC0415  (a third of a second that only this command pays)
    from scapy.layers import inet, l2  # noqa: F401, PLC0415

    writer = PcapngWriter(_Stdout())
    sockets: dict[Any, int] = {}
    for name, expression in zip(interfaces, filters, strict=True):
        socket: Any = conf.L2listen(iface=name, filter=expression or None)
        link_type = LINK_TYPES.get(socket.LL.__name__, 1)
        sockets[socket] = writer.interface(Interface(link_type, snaplen=snaplen, name=name, filter=expression))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        while True:
            packets = []
            for socket in select(list(sockets), [], [], TICK)[0]:
                _, octets, time = socket.recv_raw()
                if octets:
                    # One socket option gives a time as float, without it the kernel gives none at all.
                    packets.append((sockets[socket], octets, round((time or 0) * 1e9)))
            if packets:
                writer.packets(_batch(packets, snaplen))
    except _Stopped:
        pass


def main() -> None:
    """Read the command line and record."""
    parser = argparse.ArgumentParser(prog="ipipscope.capture.scapy_sockets")
    parser.add_argument("--interface", action="append", required=True)
    parser.add_argument("--filter", action="append", required=True)
    parser.add_argument("--snaplen", type=int, default=0)
    options = parser.parse_args()
    try:
        record(options.interface, options.filter, options.snaplen)
    except (OSError, ValueError) as failure:
        sys.exit(f"scapy: {failure}")


if __name__ == "__main__":
    main()
