"""The reverse path filter: better routes first, a looser filter where there are none."""

# ruff: noqa: ARG001  # every way to mend is called alike, most need no cluster

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.hosts.formats.values import interface_name
from ipipscope.hosts.remedies.devices import block_base
from ipipscope.hosts.remedies.routes import tunnel_route
from ipipscope.hosts.remedies.words import command, sysctl
from ipipscope.language.said import say
from ipipscope.model import Remedy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address

    from ipipscope.hosts.cluster import Cluster, Host
    from ipipscope.hosts.faults import Fault

HOST_PREFIX: Final = 32


def _loose(fault: Fault, interface: str) -> Remedy:
    was = fault.host.snapshot.rp_filter.get(interface, 1)
    return Remedy(
        node=fault.host.name,
        command=sysctl(interface, "rp_filter", 2),
        why=say(
            "The higher of `all` and {interface} counts, so {interface} alone becomes loose: a source needs "
            "a route, no longer by the same interface.",
            interface=interface,
        ),
        risk=say(
            "Spoofed sources that have some route are taken on {interface}. Felix wants IgnoreLooseRPF=true "
            "where rp_filter is 2 for all. Lasts until a reboot: put it into /etc/sysctl.d.",
            interface=interface,
        ),
        undo=sysctl(interface, "rp_filter", was),
    )


def rp_filter_outer(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Loosen the filter on the NIC, or set the better route where one can be told."""
    if fault.interface:
        yield _loose(fault, fault.interface)
    if fault.peer is not None and fault.interface and (way := _way(fault.host, fault.interface, fault.peer)):
        route = (f"{fault.peer}/32", *way, "dev", interface_name(fault.interface))
        yield Remedy(
            node=fault.host.name,
            command=command("ip", "route", "replace", *route),
            undo=command("ip", "route", "del", *route),
            why=say(
                "Better than a loose filter is a route to {peer} by {interface}, where its packets arrive, or "
                "one network for all nodes' addresses (IP_AUTODETECTION_METHOD=cidr=...).",
                peer=fault.peer,
                interface=fault.interface,
            ),
            risk=say("Lasts until a reboot."),
        )


def _way(host: Host, interface: str, peer: IPv4Address) -> tuple[object, ...] | None:
    """How a route to the peer goes by *interface*: straight, or by a gateway of other routes there; None: unknown."""
    held = host.fib.addresses.get(interface, ())
    if near := next((one for one in held if peer in one.network and one.prefix_length < HOST_PREFIX), None):
        return ("src", near.address)
    gateways = [hop.via for route in host.snapshot.routes for hop in route.hops if hop.device == interface and hop.via]
    return ("via", gateways[0]) if gateways else None


def rp_filter_inner(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Set the route back into the tunnel right, which the filter waits for; else loosen it."""
    if fault.interface and fault.interface not in fault.host.fib.addresses:
        owned = next(iter(sorted(fault.host.tunnel_addresses)), None) or block_base(cluster, fault.host)
        if owned is not None and (fault.route is None or fault.route.device == fault.interface):
            yield Remedy(
                node=fault.host.name,
                command=command("ip", "addr", "add", f"{owned}/32", "dev", fault.interface),
                why=say("{interface} has no address.", interface=fault.interface),
                risk=say("None known."),
                undo=command("ip", "addr", "del", f"{owned}/32", "dev", fault.interface),
            )
    if fault.expected is not None and fault.block is not None:
        yield from tunnel_route(cluster, fault)
        if fault.interface:
            yield _loose(fault, fault.interface)
    elif fault.interface:
        yield _loose(fault, fault.interface)
