"""What an IP-in-IP device does with a packet: the outer header it gets, or why it is dropped; and who receives it.

As ip_tunnel_xmit and ip_tunnel_lookup do it (Linux net/ipv4/ip_tunnel.c, ipip.c): a device without a remote takes the
route's next hop as outer destination, the outer source is that of the route to it, and an outer route that leads back
into the device drops the packet and counts a collision.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from ipipscope.hosts.model import Part, Snapshot, Tunnel
from ipipscope.hosts.route_lookup import Decision, Fib, Outcome
from ipipscope.language.said import say

if TYPE_CHECKING:
    from ipaddress import IPv4Address

IPIP_OVERHEAD: Final = 20  # RFC 2003 §3: one IPv4 header without options
FALLBACK: Final = "tunl0"
"""The device that every namespace has once the ipip module is loaded; it takes what no other device matches."""


class Drop(StrEnum):
    """Why a tunnel device sends nothing."""

    DOWN = "the device is down"
    LOOP = "the route to the outer destination leads back into the device"
    """tx errors and collisions count."""
    NO_ROUTE = "there is no route to the outer destination"
    """tx errors and carrier errors count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encapsulation:
    """What a tunnel device makes of one packet."""

    device: str
    inner: Decision
    outer_destination: IPv4Address
    outer_source: IPv4Address | None = None
    outer: Decision
    """The underlay's decision."""
    drop: Drop | None = None

    @property
    def exit_device(self) -> str | None:
        """The NIC that the encapsulated packet leaves by; None when it is dropped."""
        return None if self.drop else self.outer.device


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """Which device takes an encapsulated packet."""

    device: str | None
    """None: nobody; the kernel answers ICMP port unreachable, or protocol unreachable without the module."""
    reason: str = ""
    refused_by: Tunnel | None = None
    """A device of the host that is down, or that takes another remote only."""


def tunnel_of(snapshot: Snapshot, device: str) -> Tunnel:
    """The parameters of *device*; any to any where they were not read."""
    return snapshot.tunnel(device) or Tunnel(interface=device, mode="any", pmtudisc=False)


def is_tunnel(snapshot: Snapshot, device: str | None) -> bool:
    """Whether *device* is an IP-in-IP device."""
    return device is not None and device in snapshot.tunnel_devices


def encapsulate(fib: Fib, inner: Decision) -> Encapsulation:
    """What the tunnel device that *inner* leads into does with the packet.

    inner: a decision whose device is an IP-in-IP device.
    """
    device = inner.device or FALLBACK
    parameters = tunnel_of(fib.snapshot, device)
    destination = parameters.remote or inner.gateway or inner.destination
    outer = fib.lookup(destination, source=parameters.local, out_interface=parameters.device)
    source = parameters.local or outer.source
    link = fib.link(device)
    drop = None
    if link is not None and link.flags and not link.up:
        drop = Drop.DOWN
    elif outer.dropped:
        drop = Drop.NO_ROUTE
    elif outer.device == device:
        drop = Drop.LOOP
    return Encapsulation(
        device=device, inner=inner, outer_destination=destination, outer_source=source, outer=outer, drop=drop
    )


def receive(snapshot: Snapshot, outer_source: IPv4Address, outer_destination: IPv4Address) -> Reception:
    """Which device takes a packet of protocol 4 with those outer addresses.

    Devices that are down do not count. Where neither tunnels nor links were read, the fallback device is taken to
    be there, in its ordinary state.
    """
    best: tuple[int, str] | None = None
    refused: tuple[Tunnel, str] | None = None
    for name in snapshot.tunnel_devices or (() if snapshot.has(Part.LINKS) else (FALLBACK,)):
        parameters = tunnel_of(snapshot, name)
        if parameters.remote not in (None, outer_source):
            refused = refused or (
                parameters,
                say("{name} takes packets of {remote} only", name=name, remote=parameters.remote),
            )
        elif parameters.local not in (None, outer_destination):
            refused = refused or (
                parameters,
                say("{name} takes packets to {local} only", name=name, local=parameters.local),
            )
        elif _down(snapshot, name):
            refused = (parameters, say("{name} is down", name=name))
        else:
            grade = 2 * (parameters.remote is not None) + (parameters.local is not None)
            if best is None or grade > best[0]:
                best = (grade, name)
    if best is not None:
        return Reception(device=best[1])
    if refused is not None:
        return Reception(device=None, reason=refused[1], refused_by=refused[0])
    return Reception(device=None, reason=say("there is no IP-in-IP device"))


def _down(snapshot: Snapshot, name: str) -> bool:
    link = snapshot.link(name)
    return link is not None and bool(link.flags) and not link.up


def mtu_of(fib: Fib, encapsulation: Encapsulation) -> tuple[int | None, int | None]:
    """The largest inner packet that the device takes, and the largest that fits the underlay whole."""
    link = fib.link(encapsulation.device)
    underlay = fib.mtu_of(encapsulation.outer) if encapsulation.outer.outcome is Outcome.UNICAST else None
    return link.mtu if link else None, underlay - IPIP_OVERHEAD if underlay else None
