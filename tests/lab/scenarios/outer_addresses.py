"""The outer source is not the one peers know: case 2 and its relatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..plan import Plan, Step, scenario
from .common import pod_ping, pod_tcp, pod_udp, points

if TYPE_CHECKING:
    from ..cluster import Cluster, Node

SET = "cali40all-hosts-net"


def felix_filter(cluster: Cluster, node: Node) -> list[Step]:
    """The rules by which Felix takes IPIP only from nodes it knows."""
    ours = "iptables -A cali-INPUT -p 4 -m comment"
    known_source = f"-m set --match-set {SET} src -m addrtype --dst-type LOCAL"
    known = "".join(f"add {SET} {peer.address}\n" for peer in cluster.nodes)
    rules = [
        "iptables -N cali-INPUT",
        "iptables -A INPUT -m comment --comment cali:Cz_u1IQiXIMmKD4c -j cali-INPUT",
        f"{ours} --comment 'Allow IPIP packets from Calico hosts' {known_source} -j ACCEPT",
        f"{ours} --comment 'Drop IPIP packets from non-Calico hosts' -j DROP",
    ]
    fill = f"printf '%s' '{known}' | ipset restore"
    return [Step(node.name, " && ".join([f"ipset create {SET} hash:net", fill, *rules]))]


def _case2(cluster: Cluster) -> Plan:
    """The remote node is only in the first network; the replier answers it from its address there."""
    a, b = cluster.remote, cluster.replier
    first = b.first.address
    return Plan(
        requester=a,
        replier=b,
        fix=[Step(b.name, f"ip route add {a.address}/32 dev {b.first.name} src {b.address}")],
        fault="outer-source-mismatch",
        codes=("IPIP201",),
        cause_class="source-selection",
        where=b.name,
        cause=f"{b.name} is known as {b.address}, but its route to {a.address} is"
        f" {first.network if first else None} dev {b.first.name} src {first.ip if first else None}",
        phases=[pod_ping(a, b), pod_ping(b, a)],
        points=points(a, b),
    )


@scenario("case2", "Case 2: the replier sends from an address unknown to the requester's filter", needs="two-nics")
def case2(cluster: Cluster) -> Plan:
    plan = _case2(cluster)
    plan.impact = "loss"
    plan.drops_at = plan.requester.name
    plan.breaks = [step for node in (plan.requester, plan.replier) for step in felix_filter(cluster, node)]
    return plan


@scenario("case2-tcp-udp", "Case 2 under TCP and UDP", needs="two-nics")
def case2_tcp_udp(cluster: Cluster) -> Plan:
    plan = case2(cluster)
    plan.phases = [
        pod_tcp(plan.requester, plan.replier, connections=2),
        pod_udp(plan.requester, plan.replier, queries=5),
    ]
    return plan


@scenario("case2-no-filter", "Routing of case 2 without a filter: all answered", needs="two-nics")
def case2_no_filter(cluster: Cluster) -> Plan:
    plan = _case2(cluster)
    plan.impact = "none"
    return plan


@scenario("case2-fixed", "Case 2 mended as in the story: all leaves by the overlay NIC", needs="two-nics")
def case2_fixed(cluster: Cluster) -> Plan:
    plan = _case2(cluster)
    b = plan.replier
    gateway = cluster.router_in(b.overlay.network)
    network = b.first.address.network if b.first.address else None
    mend = f"ip route del {network} dev {b.first.name} && ip route replace default via {gateway} dev {b.overlay.name}"
    filters = [step for node in (plan.requester, b) for step in felix_filter(cluster, node)]
    return Plan(
        requester=plan.requester,
        replier=b,
        prepare=[Step(b.name, mend), *filters],
        phases=plan.phases,
        points=plan.points,
    )


@scenario("case2-fixed-source-route", "Case 2 mended by a source on the route: only NICs differ", needs="two-nics")
def case2_fixed_source_route(cluster: Cluster) -> Plan:
    plan = _case2(cluster)
    filters = [step for node in (plan.requester, plan.replier) for step in felix_filter(cluster, node)]
    return Plan(
        requester=plan.requester,
        replier=plan.replier,
        prepare=[*plan.fix, *filters],
        phases=plan.phases,
        points=plan.points,
        fault="interface-asymmetry",
        impact="none",
        codes=("IPIP204",),
        cause_class="wrong-route",
        where=plan.replier.name,
        notes=["Requests reach the replier on its overlay NIC, replies leave by the other one, with the right source."],
    )


@scenario("case2-second-address", "Case 2 with one NIC: the replier is known by its second address")
def case2_second_address(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    nic = b.overlay
    assert nic.address is not None
    known = nic.address.network[-20]
    b.known_as = str(known)
    return Plan(
        requester=a,
        replier=b,
        prepare=[Step(b.name, f"ip addr add {known}/{nic.address.network.prefixlen} dev {nic.name}")],
        breaks=felix_filter(cluster, a),
        fix=[Step(b.name, f"ip route add {a.address}/32 dev {nic.name} src {known}")],
        fault="outer-source-mismatch",
        impact="loss",
        codes=("IPIP201",),
        cause_class="source-selection",
        where=b.name,
        drops_at=a.name,
        cause=f"{b.name} is known as {known}, but its route to {a.address} has src {nic.address.ip}",
        phases=[pod_ping(a, b), pod_ping(b, a)],
        points=points(a, b),
    )


@scenario("policy-route", "A routing rule of the replier sends replies by the other NIC", needs="two-nics")
def policy_route(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    rule = f"to {a.address} lookup 210"
    gateway = cluster.router_in(b.first.network)
    return Plan(
        requester=a,
        replier=b,
        prepare=[Step(b.name, f"ip route add default via {gateway} dev {b.first.name} table 210")],
        breaks=[Step(b.name, f"ip rule add {rule}")],
        fix=[Step(b.name, f"ip rule del {rule}")],
        fault="outer-source-mismatch",
        impact="none",
        codes=("IPIP201", "IPIP204"),
        cause_class="source-selection",
        where=b.name,
        cause=f"ip rule add {rule}; table 210: default via {gateway} dev {b.first.name}",
        phases=[pod_ping(a, b)],
        points=points(a, b),
    )
