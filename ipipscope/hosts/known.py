"""What snapshots tell the rules before any packet is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipscope.capture.points import role
from ipipscope.model import Role
from ipipscope.rules.known_hosts import KnownHosts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address, IPv4Network

    from ipipscope.hosts.model import Snapshot

INSIDE = frozenset({Role.TUNNEL, Role.OTHER_TUNNEL, Role.WORKLOAD, Role.LOOPBACK})


def known_hosts(snapshots: Mapping[str, Snapshot]) -> KnownHosts:
    """Where addresses live, which NICs the nodes have, and what they route into their tunnels."""
    nics = {node: _nics(snapshot) for node, snapshot in snapshots.items()}
    return KnownHosts(
        addresses=_addresses(snapshots),
        inner=frozenset(address for snapshot in snapshots.values() for address in _inner(snapshot)),
        nics={node: names for node, names in nics.items() if names},
        tunnelled={node: _tunnelled(snapshot) for node, snapshot in snapshots.items()},
    )


def _pods(snapshot: Snapshot) -> set[IPv4Address]:
    """The addresses that the host reaches by an interface each."""
    return {
        route.destination.network_address
        for route in snapshot.routes
        if route.destination.prefixlen == 32 and route.device and route.scope == "link" and route.via is None
    }


def _inner(snapshot: Snapshot) -> set[IPv4Address]:
    tunnels = _tunnels(snapshot)
    return _pods(snapshot) | {each.address for each in snapshot.addresses if each.interface in tunnels}


def _tunnels(snapshot: Snapshot) -> set[str]:
    named = {link.name for link in snapshot.links if role(link.name, cooked=False, raw=False) is Role.TUNNEL}
    return named | {tunnel.interface for tunnel in snapshot.tunnels}


def _addresses(snapshots: Mapping[str, Snapshot]) -> dict[IPv4Address, str]:
    """The node of each address: its own, and those of pods that it has a route to; none that two nodes claim."""
    owners: dict[IPv4Address, set[str]] = {}
    for node, snapshot in snapshots.items():
        for address in snapshot.addresses:
            if not address.address.is_loopback:
                owners.setdefault(address.address, set()).add(node)
        for pod in _pods(snapshot):
            owners.setdefault(pod, set()).add(node)
    return {address: nodes.pop() for address, nodes in owners.items() if len(nodes) == 1}


def _nics(snapshot: Snapshot) -> frozenset[str]:
    tunnels = _tunnels(snapshot)
    return frozenset(
        address.interface
        for address in snapshot.addresses
        if address.prefix_length < 32
        and address.interface not in tunnels
        and role(address.interface, cooked=False, raw=False) not in INSIDE
    )


def _tunnelled(snapshot: Snapshot) -> list[IPv4Network]:
    devices = _tunnels(snapshot)
    return [
        route.destination
        for route in snapshot.routes
        if route.type == "unicast" and any(hop.device in devices and hop.via for hop in route.hops)
    ]
