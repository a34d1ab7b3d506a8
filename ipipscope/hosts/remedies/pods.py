"""Pods that are gone or silent: mostly a question to the cluster."""

# ruff: noqa: ARG001  # every way to mend is called alike, most need no cluster

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipscope.hosts.formats.values import interface_name
from ipipscope.hosts.remedies.words import CLUSTER, command
from ipipscope.language.said import say
from ipipscope.model import Remedy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipipscope.hosts.cluster import Cluster
    from ipipscope.hosts.faults import Fault


def pod_gone(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Give the pod its route back where its interface is plain; ask the cluster about it otherwise."""
    host = fault.host
    used = {route.device for route in host.workload_routes}
    idle = [link.name for link in host.snapshot.links if link.name.startswith("cali") and link.name not in used]
    owned = fault.address is not None and any(fault.address in block for block in cluster.own_blocks(host))
    if len(idle) == 1 and fault.address is not None and owned:
        route = (f"{fault.address}/32", "dev", interface_name(idle[0]), "scope", "link")
        yield Remedy(
            node=host.name,
            command=command("ip", "route", "replace", *route),
            undo=command("ip", "route", "del", *route[:3]),
            why=say(
                "{interface} is the only pod interface here without a route, so it is most likely that of {address}.",
                interface=idle[0],
                address=fault.address,
            ),
            risk=say("If the pod is gone and the interface is another one's, its packets go astray."),
        )
    yield Remedy(
        node=host.name,
        command=command(
            "kubectl", "get", "pods", "-A", "-o", "wide", "--field-selector", f"status.podIP={fault.address}"
        ),
        why=say(
            "{cluster}tells whether a pod has {address} at all, and on which node; who still uses the address "
            "of a pod that is gone holds a stale endpoint.",
            cluster=CLUSTER,
            address=fault.address,
        ),
        risk=say("None: it only asks."),
    )


def pod_silent(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Ask the cluster about a pod that is delivered to and does not answer."""
    yield Remedy(
        node=fault.host.name,
        command=command(
            "kubectl", "get", "pods", "-A", "-o", "wide", "--field-selector", f"status.podIP={fault.address}"
        ),
        why=say(
            "{cluster}the node delivers to {address}; look at the pod itself: its interface, its own firewall, "
            "what listens there, its policies.",
            cluster=CLUSTER,
            address=fault.address,
        ),
        risk=say("None: it only asks."),
    )
