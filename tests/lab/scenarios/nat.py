"""Somebody rewrites addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..cluster import TUNNEL
from ..plan import Plan, Step, scenario
from .common import pod_ping, pod_tcp, points

if TYPE_CHECKING:
    from ..cluster import Cluster


def _snat(cluster: Cluster, target: str, impact: str, codes: tuple[str, ...]) -> Plan:
    a, b = cluster.requester, cluster.replier
    rule = f"POSTROUTING -s {a.block} -o {TUNNEL} -j {target}"
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(a.name, f"iptables -t nat -A {rule}")],
        fix=[Step(a.name, f"iptables -t nat -D {rule}")],
        fault="inner-source-rewritten",
        impact=impact,
        codes=codes,
        cause_class="nat",
        where=a.name,
        cause=f"iptables -t nat -A {rule}",
        phases=[pod_ping(a, b, identifier=501)],
        points=points(a, b),
    )


@scenario("snat-to-tunnel-address", "The requester masquerades pod traffic that enters the tunnel; all answered")
def snat_to_tunnel_address(cluster: Cluster) -> Plan:
    return _snat(cluster, "MASQUERADE", "none", ("IPIP501",))


@scenario("snat-to-node-address", "The requester gives pod traffic its NIC address: replies come native; all answered")
def snat_to_node_address(cluster: Cluster) -> Plan:
    return _snat(cluster, f"SNAT --to-source {cluster.requester.address}", "none", ("IPIP501", "IPIP103"))


@scenario("snat-to-foreign-address", "The requester gives pod traffic an address nobody routes back: replies are lost")
def snat_to_foreign_address(cluster: Cluster) -> Plan:
    plan = _snat(cluster, "SNAT --to-source 192.0.2.77", "loss", ("IPIP501", "IPIP103"))
    plan.seen_at = (cluster.replier.name,)
    return plan


@scenario("snat-tcp", "The requester masquerades TCP that enters the tunnel; all answered")
def snat_tcp(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    plan = _snat(cluster, "MASQUERADE", "none", ("IPIP501",))
    plan.phases = [pod_tcp(a, b)]
    return plan


@scenario("reply-source-rewritten", "The replier gives its pod's answers another inner source")
def reply_source_rewritten(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    device = b.pod.interface
    # Not an address of the node itself: the kernel would drop that as its own, come from outside.
    act = f"matchall action nat egress {b.pod.address}/32 {b.block[60]}"
    return Plan(
        requester=a,
        replier=b,
        breaks=[
            Step(b.name, f"tc qdisc add dev {device} clsact"),
            Step(b.name, f"tc filter add dev {device} ingress protocol ip {act}"),
        ],
        fix=[Step(b.name, f"tc qdisc del dev {device} clsact")],
        fault="inner-source-rewritten",
        impact="partial",
        codes=("IPIP501",),
        cause_class="nat",
        where=b.name,
        cause=f"tc filter add dev {device} ingress protocol ip {act}",
        phases=[
            pod_ping(a, b, identifier=502),
            pod_tcp(a, b, connections=2),
        ],
        points=points(a, b),
        notes=["ping takes an answer from another address and says so; TCP resets it."],
    )
