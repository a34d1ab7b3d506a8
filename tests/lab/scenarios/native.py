"""One direction leaves a NIC without outer header."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..cluster import TUNNEL
from ..plan import Plan, Step, scenario
from .common import host_ping, host_to_pod_ping, native_route, pod_ping, pod_tcp, points, right_route

if TYPE_CHECKING:
    from ..cluster import Cluster


@scenario("reply-native", "The reply leaves the NIC native, by a route to the peer node; it still arrives")
def reply_native(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    bad = native_route(cluster, a)
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(b.name, f"ip route replace {bad}")],
        fix=[right_route(cluster, b, a)],
        fault="reply-sent-native",
        impact="none",
        codes=("IPIP103",),
        cause_class="wrong-route",
        where=b.name,
        cause=f"ip route replace {bad}",
        phases=[pod_ping(a, b)],
        points=points(a, b),
    )


@scenario("reply-native-tcp", "TCP answers leave the NIC native; they still arrive")
def reply_native_tcp(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    plan = reply_native(cluster)
    plan.phases = [pod_tcp(a, b)]
    return plan


@scenario("reply-native-default-route", "The reply leaves native by the default route and is lost")
def reply_native_default_route(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(b.name, f"ip route del {cluster.route(a)}")],
        fix=[Step(b.name, f"ip route add {cluster.route(a)}")],
        fault="reply-sent-native",
        impact="loss",
        codes=("IPIP103",),
        cause_class="wrong-route",
        where=b.name,
        cause=f"no route to {a.block}: the default route takes the reply",
        phases=[pod_ping(a, b), host_ping(a, b)],
        points=points(a, b),
    )


@scenario("request-native", "The request leaves the NIC native, the reply comes encapsulated; all answered")
def request_native(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    bad = native_route(cluster, b)
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(a.name, f"ip route replace {bad}")],
        fix=[right_route(cluster, a, b)],
        fault="request-sent-native",
        impact="none",
        codes=("IPIP104",),
        cause_class="wrong-route",
        where=a.name,
        cause=f"ip route replace {bad}",
        phases=[pod_ping(a, b)],
        points=points(a, b),
    )


@scenario("request-native-default-route", "The request leaves native by the default route and is lost")
def request_native_default_route(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(a.name, f"ip route del {cluster.route(b)}")],
        fix=[Step(a.name, f"ip route add {cluster.route(b)}")],
        fault="request-sent-native",
        impact="loss",
        codes=("IPIP104", "IPIP102"),
        cause_class="wrong-route",
        where=a.name,
        cause=f"no route to {b.block}: the default route takes the request",
        phases=[pod_ping(a, b)],
        points=points(a, b),
    )


@scenario("tunnel-without-address", "The requester's tunnel device has no address: its pings are answered native")
def tunnel_without_address(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    return Plan(
        requester=a,
        replier=b,
        breaks=[
            Step(a.name, f"ip addr del {a.tunnel}/32 dev {TUNNEL}"),
            # A device's routes go with its last address; they come back when their programmer looks again.
            *(Step(a.name, f"ip route replace {cluster.route(peer)}") for peer in cluster.peers(a)),
        ],
        fix=[Step(a.name, f"ip addr add {a.tunnel}/32 dev {TUNNEL}")],
        fault="reply-sent-native",
        impact="none",
        codes=("IPIP103",),
        cause_class="source-selection",
        where=a.name,
        cause=f"{TUNNEL} of {a.name} has no address: the inner source is that of a NIC, which peers reach natively",
        phases=[host_to_pod_ping(a, b), pod_ping(a, b)],
        points=points(a, b),
    )


@scenario("tunnel-down-at-requester", "The requester's tunnel device is down: requests leave native")
def tunnel_down_at_requester(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(a.name, f"ip link set {TUNNEL} down")],
        fix=[
            Step(a.name, f"ip link set {TUNNEL} up"),
            *(Step(a.name, f"ip route replace {cluster.route(peer)}") for peer in cluster.peers(a)),
        ],
        fault="request-sent-native",
        impact="loss",
        codes=("IPIP104", "IPIP102"),
        cause_class="tunnel-device-down",
        where=a.name,
        cause=f"ip link set {TUNNEL} down",
        phases=[pod_ping(a, b)],
        points=[point for point in points(a, b) if (point.node, point.interface) != (a.name, TUNNEL)],
        notes=["tcpdump refuses a device that is down, so the requester's tunnel is not recorded."],
    )
