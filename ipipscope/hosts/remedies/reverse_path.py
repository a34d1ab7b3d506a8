"""The reverse path filter: better routes first, a looser filter where there are none."""

# ruff: noqa: ARG001  # every way to mend is called alike, most need no cluster

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipscope.hosts.formats.values import interface_name
from ipipscope.hosts.remedies.devices import block_base
from ipipscope.hosts.remedies.routes import tunnel_route
from ipipscope.hosts.remedies.words import command, sysctl
from ipipscope.language.said import say
from ipipscope.model import Remedy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipipscope.hosts.cluster import Cluster
    from ipipscope.hosts.faults import Fault


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
    """Loosen the filter on the NIC, and look for the better route."""
    if fault.interface:
        yield _loose(fault, fault.interface)
    if fault.peer is not None and fault.interface:
        yield Remedy(
            node=fault.host.name,
            command=command(
                "ip", "route", "get", fault.peer, "iif", interface_name(fault.interface), "from", fault.peer
            ),
            why=say(
                "Better than a loose filter is a route to {peer} by {interface}, where its packets arrive, or "
                "one network for all nodes' addresses (IP_AUTODETECTION_METHOD=cidr=...).",
                peer=fault.peer,
                interface=fault.interface,
            ),
            risk=say("None: it only asks."),
        )


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
