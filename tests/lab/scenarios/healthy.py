"""Nothing is broken, and nothing may be found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..cluster import OUTSIDE
from ..plan import Ping, Plan, Step, Tcp, Udp, scenario
from .common import host_ping, host_to_pod_ping, native_route, pod_ping, pod_tcp, pod_udp, points

if TYPE_CHECKING:
    from ..cluster import Cluster


@scenario("healthy", "Healthy: pod to pod, node to pod, node to node")
def healthy(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    return Plan(
        requester=a,
        replier=b,
        phases=[pod_ping(a, b), host_to_pod_ping(a, b), host_ping(a, b), pod_ping(b, a, count=5)],
        points=points(a, b),
    )


@scenario("healthy-tcp-udp", "Healthy: TCP connections and UDP queries between pods")
def healthy_tcp_udp(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    return Plan(
        requester=a,
        replier=b,
        phases=[pod_tcp(a, b), pod_tcp(a, b, port=9090, connections=1, octets=60000), pod_udp(a, b)],
        points=points(a, b),
    )


@scenario("healthy-mixed-traffic", "Healthy: pings of the same id from several pods at once, TCP, UDP", pods_per_node=2)
def healthy_mixed_traffic(cluster: Cluster) -> Plan:
    a, b, c = cluster.requester, cluster.replier, cluster.third
    first, second = b.pods
    return Plan(
        requester=a,
        replier=b,
        together=True,
        phases=[
            Ping(source=a.pods[0].namespace, target=first.address, identifier=4242, count=15),
            Ping(source=a.pods[1].namespace, target=first.address, identifier=4242, count=15),
            Ping(source=c.pods[0].namespace, target=first.address, identifier=4242, count=15),
            Ping(source=a.pods[0].namespace, target=second.address, identifier=4243, count=15),
            Ping(source=second.namespace, target=a.pods[1].address, identifier=77, count=15),
            Ping(source=first.namespace, target=second.address, identifier=4242, count=5),
            Tcp(source=a.pods[1].namespace, server=first.namespace, target=first.address, octets=30000),
            Udp(source=a.pods[0].namespace, server=second.namespace, target=second.address, queries=20),
        ],
        points=points(a, b),
    )


@scenario("healthy-same-node", "Healthy: two pods of one node, whose packets never see a tunnel", pods_per_node=2)
def healthy_same_node(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    first, second = a.pods
    return Plan(
        requester=a,
        replier=a,
        phases=[
            Ping(source=first.namespace, target=second.address),
            Tcp(source=second.namespace, server=first.namespace, target=first.address),
            pod_ping(a, b, count=3),
        ],
        points=points(a),
    )


@scenario("healthy-crosssubnet", "Healthy: neighbours of one subnet talk natively in both directions (CrossSubnet)")
def healthy_crosssubnet(cluster: Cluster) -> Plan:
    a, b, c = cluster.requester, cluster.replier, cluster.third
    return Plan(
        requester=a,
        replier=b,
        prepare=[
            Step(a.name, f"ip route replace {native_route(cluster, b)}"),
            Step(b.name, f"ip route replace {native_route(cluster, a)}"),
        ],
        phases=[pod_ping(a, b), pod_ping(b, a, count=5), pod_ping(a, c, count=5)],
        points=points(a, b),
        notes=["The third node is still reached through the tunnel, as a node of another subnet would be."],
    )


@scenario("healthy-outside", "Healthy: a pod talks to the outside world, masqueraded by its node")
def healthy_outside(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    masquerade = f"iptables -t nat -A POSTROUTING -s {a.block} -o {a.first.name} -j MASQUERADE"
    return Plan(
        requester=a,
        replier=b,
        prepare=[Step(a.name, masquerade)],
        phases=[Ping(source=a.pod.namespace, target=OUTSIDE), pod_ping(a, b)],
        points=points(a, b),
    )


@scenario("healthy-nobody-there", "Healthy overlay: unanswered pings to addresses outside of it, that nobody has")
def healthy_nobody_there(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    beyond = OUTSIDE.rpartition(".")[0] + ".99"
    neighbour = a.first.address.network[-6] if a.first.address else OUTSIDE
    return Plan(
        requester=a,
        replier=b,
        phases=[
            pod_ping(a, b),
            Ping(source=a.name, target=beyond, healthy_answers=False, count=5),
            Ping(source=a.name, target=str(neighbour), healthy_answers=False, count=5),
        ],
        points=points(a, b),
        notes=["The unanswered pings never concern the overlay: no fault of it may be reported."],
    )


@scenario("healthy-native-silent", "Healthy overlay: the peer node does not answer pings to its own address")
def healthy_native_silent(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    return Plan(
        requester=a,
        replier=b,
        prepare=[Step(b.name, f"iptables -A INPUT -i {b.overlay.name} -p icmp --icmp-type echo-request -j DROP")],
        phases=[pod_ping(a, b), Ping(source=a.name, target=b.address, healthy_answers=False, count=8)],
        points=points(a, b),
        notes=["Echo requests that come native to a NIC are filtered; encapsulated ones are not."],
    )


@scenario("healthy-asymmetric-nics", "Request and reply cross different NICs; all answered", needs="two-nics")
def healthy_asymmetric_nics(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    detour = f"{a.address}/32 via {cluster.router_in(b.first.network)} dev {b.first.name} src {b.address}"
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(b.name, f"ip route add {detour}")],
        fix=[Step(b.name, f"ip route del {detour}")],
        fault="interface-asymmetry",
        impact="none",
        codes=("IPIP204",),
        cause_class="wrong-route",
        where=b.name,
        cause=f"ip route add {detour}",
        phases=[pod_ping(a, b)],
        points=points(a, b),
        notes=["Outer addresses mirror each other; only the NIC differs."],
    )
