"""Packets that are too large, and fragments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..cluster import FABRIC, ROUTER, TUNNEL
from ..plan import Plan, Step, scenario
from .common import FABRIC_HEALED, fabric_drop, pod_ping, points

if TYPE_CHECKING:
    from ..cluster import Cluster, Node


def _pod_mtu(node: Node, mtu: int) -> list[Step]:
    return [
        Step(node.pod.namespace, f"ip link set eth0 mtu {mtu}"),
        Step(node.name, f"ip link set {node.pod.interface} mtu {mtu}"),
    ]


def _wide_tunnels(a: Node, b: Node) -> list[Step]:
    """Pods and tunnels of both nodes as large as the NIC: every full inner packet makes two outer fragments."""
    widen = [Step(node.name, f"ip link set {TUNNEL} mtu 1500") for node in (a, b)]
    return [*widen, *_pod_mtu(a, 1500), *_pod_mtu(b, 1500)]


@scenario("mtu-inner", "The pod's MTU is above the tunnel's: its own node answers fragmentation needed")
def mtu_inner(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    return Plan(
        requester=a,
        replier=b,
        breaks=_pod_mtu(a, 1500),
        fix=_pod_mtu(a, 1480),
        fault="mtu-exceeded",
        impact="loss",
        codes=("IPIP401",),
        cause_class="mtu",
        where=a.name,
        cause=f"pod interface MTU 1500 over {TUNNEL} MTU 1480",
        phases=[
            pod_ping(a, b, label="just fits", size=1452, fragment="do", identifier=1452, count=3),
            pod_ping(
                a, b, label="20 octets too large", size=1472, fragment="do", identifier=1472, count=6, interval=0.3,
                healthy_answers=False,
            ),
        ],
        points=points(a, b),
        notes=["ping sends one oversized request; then its kernel knows the path MTU and refuses the others."],
    )  # fmt: skip


def _path_mtu(a: Node, b: Node) -> Plan:
    return Plan(
        requester=a,
        replier=b,
        fault="mtu-exceeded",
        impact="loss",
        codes=("IPIP401",),
        cause_class="mtu",
        phases=[
            pod_ping(a, b, label="fits the path", size=1300, fragment="do", identifier=1300, count=3),
            pod_ping(a, b, label="too large for the path", size=1452, fragment="do", identifier=1452, interval=0.3),
        ],
        points=points(a, b),
    )


@scenario("mtu-path", "A router between the nodes has MTU 1400: fragmentation needed", needs="two-nics")
def mtu_path(cluster: Cluster) -> Plan:
    a, b = cluster.remote, cluster.replier
    plan = _path_mtu(a, b)
    plan.breaks, plan.fix = [Step(ROUTER, "ip link set net1 mtu 1400")], [Step(ROUTER, "ip link set net1 mtu 1500")]
    plan.seen_at = (a.name,)
    plan.where, plan.cause = ROUTER, "MTU 1400 on the router's leg to the replier's network"
    plan.fix += [Step(a.name, "ip route flush cache"), Step(a.pod.namespace, "ip route flush cache")]
    return plan


@scenario("mtu-path-black-hole", "A router has MTU 1400 and its ICMP errors are filtered", needs="two-nics")
def mtu_path_black_hole(cluster: Cluster) -> Plan:
    plan = mtu_path(cluster)
    plan.codes = ("IPIP401", "IPIP307")
    silent = "OUTPUT -p icmp --icmp-type fragmentation-needed -j DROP"
    plan.breaks.append(Step(ROUTER, f"iptables -A {silent}"))
    plan.fix.append(Step(ROUTER, f"iptables -D {silent}"))
    return plan


@scenario("mtu-switch", "A switch port takes frames up to 1400 octets only and drops larger ones silently")
def mtu_switch(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    plan = _path_mtu(a, b)
    plan.codes = ("IPIP401", "IPIP307")
    port = b.overlay.port
    plan.breaks = [Step(FABRIC, f"ip link set {port} mtu 1400")]
    plan.fix = [Step(FABRIC, f"ip link set {port} mtu 1500")]
    plan.cause = "MTU 1400 on the switch port of the replier"
    return plan


@scenario("inner-fragments", "Healthy: large pings in inner fragments, each in its own IPIP packet")
def inner_fragments(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    return Plan(
        requester=a, replier=b, phases=[pod_ping(a, b, size=4000, fragment="dont", count=5)], points=points(a, b)
    )


@scenario("outer-fragments", "All answered, but the encapsulated packets travel in fragments")
def outer_fragments(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    return Plan(
        requester=a,
        replier=b,
        prepare=_wide_tunnels(a, b),
        codes=("IPIP402",),
        phases=[pod_ping(a, b, size=1472, fragment="dont", count=5)],
        points=points(a, b),
        notes=["Only the first outer fragment carries the inner headers."],
    )


@scenario("outer-fragments-lost", "Encapsulated packets travel in fragments, and the network drops the later ones")
def outer_fragments_lost(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    drop = fabric_drop("ip frag-off & 0x1fff != 0")
    return Plan(
        requester=a,
        replier=b,
        prepare=_wide_tunnels(a, b),
        breaks=[drop],
        fix=[FABRIC_HEALED],
        fault="outer-fragmentation",
        impact="partial",
        codes=("IPIP402", "IPIP401", "IPIP307", "IPIP301"),
        cause_class="mtu",
        cause=drop.command,
        phases=[pod_ping(a, b, count=5), pod_ping(a, b, size=1472, fragment="dont", count=8, identifier=1472)],
        points=points(a, b),
    )
