"""An IPIP overlay between two namespaces: real pings through devices `tunl0`, encapsulated as RFC 2003 says.

The kernel's own tunnel needs a module that a test machine need not have. Here a tun device hands the inner packets to a
raw socket of protocol 4, for which the kernel writes the outer header.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import socket
import struct
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .live import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .live import Wire

NEAR_POD, FAR_POD = "10.122.17.64", "10.122.127.128"
IPPROTO_IPIP = 4
CLONE_NEWNET = 0x40000000  # linux/sched.h
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000  # linux/if_tun.h


def setns(namespace: int) -> None:
    """os.setns, which Python has from 3.12 on."""
    if ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def inside(namespace: str, open_it):
    """What *open_it* opens, in a network namespace."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        setns(there)
        return open_it()
    finally:
        setns(home)
        os.close(home)
        os.close(there)


def tun(name: str = "tunl0") -> int:
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


def outer() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, IPPROTO_IPIP)


class Tunnel(threading.Thread):
    """Carries packets between `tunl0` of a namespace and the other node."""

    def __init__(self, namespace: str, other: str) -> None:
        super().__init__(daemon=True)
        self._tun, self._outer, self._other = inside(namespace, tun), inside(namespace, outer), other
        self._quiet, self._bell = os.pipe()

    def run(self) -> None:
        while True:
            ready, _, _ = select.select([self._tun, self._outer, self._quiet], [], [])
            if self._quiet in ready:
                return
            if self._tun in ready:
                with contextlib.suppress(OSError):
                    self._outer.sendto(os.read(self._tun, 65536), (self._other, 0))
            if self._outer in ready:
                packet = self._outer.recv(65536)
                with contextlib.suppress(OSError):
                    os.write(self._tun, packet[(packet[0] & 15) * 4 :])

    def close(self) -> None:
        os.close(self._bell)
        self.join()
        os.close(self._tun)
        os.close(self._quiet)
        self._outer.close()


@contextmanager
def overlay(wire: Wire) -> Iterator[None]:
    """Pods' addresses on `tunl0` of both namespaces, reached through the tunnel."""
    ends = (
        (wire.near, NEAR_POD, FAR_POD, wire.far_address),
        (wire.far, FAR_POD, NEAR_POD, wire.near_address),
    )
    tunnels = []
    try:
        for namespace, own, pod, other in ends:
            tunnels.append(Tunnel(namespace, other))
            run("ip", "-n", namespace, "addr", "add", f"{own}/32", "dev", "tunl0")
            run("ip", "-n", namespace, "link", "set", "tunl0", "up", "mtu", "1480")
            run("ip", "-n", namespace, "route", "add", pod, "dev", "tunl0", "src", own)
            tunnels[-1].start()
        yield
    finally:
        for tunnel in tunnels:
            tunnel.close()
