"""Why a packet gets no outer header: IPIP101 to IPIP104."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipscope.hosts.causes.ways import only, reply_out, request_out
from ipipscope.hosts.faults import Fault, Kind
from ipipscope.hosts.outbound import tunnel_addresses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address

    from ipipscope.hosts.causes.sides import Sides
    from ipipscope.hosts.cluster import Cluster

NO_ENCAPSULATION = frozenset(
    (
        Kind.OWN_NEXT_HOP, Kind.UNDERLAY_LOOP, Kind.NO_UNDERLAY, Kind.FIREWALL_OUT, Kind.TUNNEL_DOWN, Kind.UNROUTED,
        Kind.FIREWALL_FORWARD, Kind.FORWARDING_OFF, Kind.RULE_DIVERTS, Kind.SHARED_ADDRESS, Kind.OTHER_NEXT_HOP,
        Kind.NO_NEIGHBOUR,
    )
)  # fmt: skip

NATIVE = frozenset((Kind.NOT_TUNNELLED, Kind.NO_BLOCK_ROUTE, Kind.RULE_DIVERTS, Kind.TUNNEL_DOWN))


def reply_not_encapsulated(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """IPIP101."""
    return only(reply_out(cluster, sides), NO_ENCAPSULATION)


def request_not_encapsulated(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """IPIP102."""
    return only(request_out(cluster, sides), NO_ENCAPSULATION)


def reply_native(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """IPIP103."""
    yield from _nic_as_inner_source(cluster, sides.flow.src)
    yield from only(reply_out(cluster, sides), NATIVE)


def request_native(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """IPIP104."""
    yield from _nic_as_inner_source(cluster, sides.flow.dst)
    yield from only(request_out(cluster, sides), NATIVE)


def _nic_as_inner_source(cluster: Cluster, inner: IPv4Address) -> Iterator[Fault]:
    """A node sent from a NIC's address into its tunnel: of course the answer goes past the tunnel."""
    host = cluster.holder(inner)
    if host is not None:
        yield from only(tunnel_addresses(cluster, host), frozenset((Kind.NO_TUNNEL_ADDRESS,)))
