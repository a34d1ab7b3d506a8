"""The request arrives, the pod is gone or silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..plan import Plan, Step, scenario
from ..topology import attach_commands, proxy_arp
from .common import pod_ping, pod_tcp, pod_udp, points, right_route

if TYPE_CHECKING:
    from ..cluster import Cluster


@scenario("pod-gone", "The pod and its route are gone: the block's blackhole swallows the requests")
def pod_gone(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    again = [
        Step(namespace, " && ".join(f"ip {line}" for line in lines)) for namespace, lines in attach_commands(b, b.pod)
    ]
    again += [Step(b.name, f"sysctl -w {name}={value}") for name, value in proxy_arp(b.pod).items()]
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(b.name, f"ip link del {b.pod.interface}")],
        fix=again,
        fault="destination-pod-unreachable",
        impact="loss",
        codes=("IPIP305", "IPIP302", "IPIP306"),
        cause_class="pod-gone",
        where=b.name,
        cause=f"no route to {b.pod.address} but blackhole {b.block}",
        phases=[pod_ping(a, b)],
        points=[point for point in points(a, b) if point.interface != b.pod.interface],
    )


@scenario("pod-without-address", "The pod's veth is there, but nobody answers ARP: host unreachable after some seconds")
def pod_without_address(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    lines = dict(attach_commands(b, b.pod))[b.pod.namespace]
    return Plan(
        requester=a,
        replier=b,
        breaks=[
            Step(b.pod.namespace, "ip addr flush dev eth0"),
            Step(b.name, f"ip neigh flush dev {b.pod.interface}"),
        ],
        fix=[Step(b.pod.namespace, " && ".join(f"ip {line}" for line in lines if not line.startswith("link")))],
        fault="destination-pod-unreachable",
        impact="loss",
        codes=("IPIP305",),
        cause_class="pod-gone",
        where=b.name,
        cause=f"nobody answers ARP for {b.pod.address} on {b.pod.interface}",
        phases=[pod_ping(a, b, count=12, interval=0.4, wait=2)],
        points=points(a, b),
        settle=1.5,
    )


@scenario("pod-silent", "The pod receives the pings and does not answer")
def pod_silent(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    ignore = "sysctl -w net.ipv4.icmp_echo_ignore_all"
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(b.pod.namespace, f"{ignore}=1")],
        fix=[Step(b.pod.namespace, f"{ignore}=0")],
        fault="destination-pod-unreachable",
        impact="loss",
        codes=("IPIP306", "IPIP305"),
        cause_class="pod-dead",
        where=b.name,
        cause=f"net.ipv4.icmp_echo_ignore_all = 1 in {b.pod.name}",
        phases=[pod_ping(a, b)],
        points=points(a, b),
    )


@scenario("pod-silent-tcp-udp", "The pod receives TCP and UDP and answers neither; pings are answered")
def pod_silent_tcp_udp(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    rule = "INPUT -p {} -j DROP"
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(b.pod.namespace, f"iptables -A {rule.format(protocol)}") for protocol in ("tcp", "udp")],
        fix=[Step(b.pod.namespace, f"iptables -D {rule.format(protocol)}") for protocol in ("tcp", "udp")],
        fault="destination-pod-unreachable",
        impact="partial",
        codes=("IPIP306", "IPIP305"),
        cause_class="pod-dead",
        where=b.name,
        cause=f"iptables in {b.pod.name} drops TCP and UDP",
        phases=[pod_ping(a, b, count=5), pod_tcp(a, b, connections=2), pod_udp(a, b, queries=5)],
        points=points(a, b),
    )


@scenario("healthy-refused", "Healthy overlay: nobody listens at the pod's port, and it says so")
def healthy_refused(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    nobody = {"server": "", "healthy_answers": False}
    return Plan(
        requester=a,
        replier=b,
        phases=[pod_tcp(a, b, connections=3, **nobody), pod_udp(a, b, queries=3, **nobody), pod_ping(a, b, count=3)],
        points=points(a, b),
        notes=["A reset and an ICMP port unreachable from the pod are answers: the overlay carries both."],
    )


@scenario("request-route-unreachable", "The requester holds the replier's block as unreachable: ICMP errors at once")
def request_route_unreachable(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    bad = f"unreachable {b.block} proto {cluster.protocol}"
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(a.name, f"ip route replace {bad}")],
        fix=[right_route(cluster, a, b)],
        fault="request-not-encapsulated",
        impact="loss",
        codes=("IPIP102",),
        cause_class="wrong-route",
        where=a.name,
        cause=f"ip route replace {bad}",
        phases=[pod_ping(a, b)],
        points=points(a, b),
    )
