"""Words that many scenarios share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..cluster import FABRIC, TUNNEL
from ..plan import Ping, Point, Step, Tcp, Udp

if TYPE_CHECKING:
    from ..cluster import Cluster, Node


def points(*nodes: Node, extra: tuple[str, ...] = (), **options: Any) -> list[Point]:
    """A recording on every NIC, the tunnel device and every cali device of *nodes*."""
    return [
        Point(node=node.name, interface=interface, **options)
        for node in nodes
        for interface in (*(nic.name for nic in node.nics), TUNNEL, *(pod.interface for pod in node.pods), *extra)
    ]


def pod_ping(source: Node, target: Node, **options: Any) -> Ping:
    """From the first pod of *source* to the first pod of *target*."""
    return Ping(source=source.pod.namespace, target=target.pod.address, **options)


def pod_tcp(source: Node, target: Node, **options: Any) -> Tcp:
    """Connections between the first pods of *source* and *target*."""
    ends = {"source": source.pod.namespace, "server": target.pod.namespace, "target": target.pod.address}
    return Tcp(**{**ends, **options})


def pod_udp(source: Node, target: Node, **options: Any) -> Udp:
    """Queries between the first pods of *source* and *target*."""
    ends = {"source": source.pod.namespace, "server": target.pod.namespace, "target": target.pod.address}
    return Udp(**{**ends, **options})


def host_ping(source: Node, target: Node, **options: Any) -> Ping:
    """From tunnel address to tunnel address, as in the founding stories."""
    options = {"label": f"node address to node address: {source.tunnel} -> {target.tunnel}", **options}
    return Ping(source=source.name, target=target.tunnel, bind=source.tunnel, **options)


def host_to_pod_ping(source: Node, target: Node, **options: Any) -> Ping:
    """From the node itself to a pod of *target*; the kernel chooses the tunnel address as source."""
    return Ping(source=source.name, target=target.pod.address, **options)


def right_route(cluster: Cluster, at: Node, to: Node) -> Step:
    """Put the overlay route of *at* to the block of *to* back."""
    return Step(at.name, f"ip route replace {cluster.route(to)}")


def native_route(cluster: Cluster, to: Node) -> str:
    """A route to the block of *to* that forgets the tunnel, as words after `ip route replace`."""
    return f"{to.block} via {to.address} dev {to.overlay.name} proto {cluster.protocol}"


def fabric_drop(*rules: str) -> Step:
    """Drop in the fabric what matches any of *rules* (nft expressions of the bridge family)."""
    chain = "add chain bridge fault forward { type filter hook forward priority 0; }"
    adds = [f"add rule bridge fault forward {rule} drop" for rule in rules]
    return Step(FABRIC, f"nft '{'; '.join(['add table bridge fault', chain, *adds])}'")


FABRIC_HEALED = Step(FABRIC, "nft delete table bridge fault")
