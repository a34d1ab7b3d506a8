"""The hosts whose state was at hand, a line each: what of it was read, and what there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ipipscope.hosts.model import Part
from ipipscope.report.file_names import short_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipscope.hosts.model import Snapshot

ADDRESSES_SHOWN: Final = 4
WORKLOADS: Final = ("cali", "veth", "lxc", "lo")
"""How interfaces begin whose addresses do not tell a node."""


@dataclass(frozen=True, slots=True)
class HostRow:
    """One host; numbers are None where that part of its state was not read.

    addresses: those of NICs and tunnels, as `192.168.3.110 eth1`.
    """

    node: str
    source: str
    kernel: str
    addresses: tuple[str, ...]
    tunnels: tuple[str, ...]
    routes: int | None
    into_tunnels: int | None
    rules: int | None
    read: tuple[str, ...]


def hosts(snapshots: Mapping[str, Snapshot]) -> tuple[HostRow, ...]:
    """A line for each snapshot, in the order of their nodes."""
    names = short_names(snapshot.source for snapshot in snapshots.values())
    return tuple(_row(snapshot, names) for _, snapshot in sorted(snapshots.items()))


def _row(snapshot: Snapshot, names: Mapping[str, str]) -> HostRow:
    tunnels = snapshot.tunnel_devices
    held = [f"{a.address} {a.interface}" for a in snapshot.addresses if not a.interface.startswith(WORKLOADS)]
    routed = snapshot.has(Part.ROUTES) or snapshot.has(Part.SOME_ROUTES)
    return HostRow(
        node=snapshot.node,
        source=names.get(snapshot.source, snapshot.source),
        kernel=snapshot.kernel,
        addresses=tuple(held[:ADDRESSES_SHOWN]),
        tunnels=tunnels,
        routes=len(snapshot.routes) if routed else None,
        into_tunnels=sum(any(hop.device in tunnels for hop in route.hops) for route in snapshot.routes)
        if routed
        else None,
        rules=sum(len(chain.rules) for ruleset in snapshot.firewall for chain in ruleset.chains)
        if snapshot.has(Part.FIREWALL)
        else None,
        read=tuple(part.value for part in snapshot.parts),
    )
