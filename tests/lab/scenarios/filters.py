"""Something on a node throws packets away: firewalls, reverse-path filters, tunnel devices that do not accept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..cluster import TUNNEL
from ..plan import Event, Plan, Point, Step, scenario
from .common import host_ping, native_route, pod_ping, pod_tcp, pod_udp, points, right_route

if TYPE_CHECKING:
    from ..cluster import Cluster, Node


def _firewall(cluster: Cluster, at: Node, rule: str, **labels: Any) -> Plan:
    """One iptables *rule* on node *at*; *labels* go into the plan."""
    a, b = cluster.requester, cluster.replier
    plan = Plan(
        requester=a,
        replier=b,
        breaks=[Step(at.name, f"iptables -A {rule}")],
        fix=[Step(at.name, f"iptables -D {rule}")],
        impact="loss",
        cause_class="firewall",
        where=at.name,
        cause=f"iptables -A {rule}",
        phases=[pod_ping(a, b)],
        points=points(a, b),
    )
    return replace(plan, **labels)


@scenario("firewall-outbound", "The replier's firewall drops its own outgoing IPIP: looks like case 1 in packets")
def firewall_outbound(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    labels = {"fault": "reply-not-encapsulated", "codes": ("IPIP101",)}
    plan = _firewall(cluster, b, f"OUTPUT -p 4 -d {a.address} -j DROP", **labels)
    plan.notes = ["Only the state tells it from a wrong route: the tunnel counts dropped, not collisions."]
    return plan


@scenario("firewall-outbound-at-requester", "The requester's firewall drops its own outgoing IPIP")
def firewall_outbound_at_requester(cluster: Cluster) -> Plan:
    labels = {"fault": "request-not-encapsulated", "codes": ("IPIP102",)}
    return _firewall(cluster, cluster.requester, "OUTPUT -p 4 -j DROP", **labels)


@scenario("firewall-inbound", "The replier's firewall drops incoming IPIP")
def firewall_inbound(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    labels = {"fault": "request-not-delivered-to-tunnel", "codes": ("IPIP301",)}
    plan = _firewall(cluster, b, "INPUT -p 4 -j DROP", **labels)
    plan.phases = [pod_ping(a, b), host_ping(a, b)]
    return plan


@scenario("firewall-inbound-reject", "The replier's firewall rejects incoming IPIP with an ICMP error")
def firewall_inbound_reject(cluster: Cluster) -> Plan:
    labels = {"fault": "request-not-delivered-to-tunnel", "codes": ("IPIP301",)}
    rule = f"INPUT -p 4 -s {cluster.requester.address} -j REJECT --reject-with icmp-host-prohibited"
    return _firewall(cluster, cluster.replier, rule, **labels)


@scenario("firewall-inbound-tcp", "The replier's firewall drops incoming IPIP, seen with TCP and UDP")
def firewall_inbound_tcp(cluster: Cluster) -> Plan:
    plan = firewall_inbound(cluster)
    a, b = plan.requester, plan.replier
    plan.phases = [pod_tcp(a, b, connections=2), pod_udp(a, b, queries=5)]
    return plan


@scenario("firewall-inbound-at-requester", "The requester's firewall drops the encapsulated replies")
def firewall_inbound_at_requester(cluster: Cluster) -> Plan:
    labels = {"fault": "reply-not-delivered-to-tunnel", "codes": ("IPIP303",)}
    return _firewall(cluster, cluster.requester, f"INPUT -p 4 -s {cluster.replier.address} -j DROP", **labels)


@scenario("firewall-forward", "The replier's firewall drops what the tunnel hands on to the pod")
def firewall_forward(cluster: Cluster) -> Plan:
    labels = {"fault": "request-dropped-after-decapsulation", "codes": ("IPIP302",)}
    return _firewall(cluster, cluster.replier, f"FORWARD -i {TUNNEL} -o cali+ -j DROP", **labels)


@scenario("firewall-forward-policy", "The replier's FORWARD policy is DROP, as a container runtime may leave it")
def firewall_forward_policy(cluster: Cluster) -> Plan:
    labels = {"fault": "request-dropped-after-decapsulation", "codes": ("IPIP302",)}
    plan = _firewall(cluster, cluster.replier, "", **labels)
    plan.breaks = [Step(cluster.replier.name, "iptables -P FORWARD DROP")]
    plan.fix = [Step(cluster.replier.name, "iptables -P FORWARD ACCEPT")]
    plan.cause = "iptables -P FORWARD DROP"
    return plan


@scenario("firewall-forward-tcp", "The replier's firewall lets pings through to pods and drops TCP")
def firewall_forward_tcp(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    labels = {"fault": "request-dropped-after-decapsulation", "codes": ("IPIP302",), "impact": "partial"}
    plan = _firewall(cluster, b, f"FORWARD -i {TUNNEL} -p tcp -j DROP", **labels)
    plan.phases = [pod_ping(a, b), pod_tcp(a, b, connections=2)]
    return plan


@scenario("firewall-forward-at-requester", "The requester's firewall drops what the tunnel hands on to the pod")
def firewall_forward_at_requester(cluster: Cluster) -> Plan:
    labels = {"fault": "reply-dropped-after-decapsulation", "codes": ("IPIP304",)}
    return _firewall(cluster, cluster.requester, f"FORWARD -i {TUNNEL} -o cali+ -j DROP", **labels)


@scenario("firewall-forward-reply", "The replier's firewall drops what the pod answers, before the tunnel")
def firewall_forward_reply(cluster: Cluster) -> Plan:
    labels = {"fault": "reply-not-encapsulated", "codes": ("IPIP101",)}
    plan = _firewall(cluster, cluster.replier, f"FORWARD -i cali+ -o {TUNNEL} -j DROP", **labels)
    plan.notes = ["The reply is on the pod's interface and not even on the tunnel device."]
    return plan


@scenario("firewall-forward-request", "The requester's firewall drops what the pod sends, before the tunnel")
def firewall_forward_request(cluster: Cluster) -> Plan:
    labels = {"fault": "request-not-encapsulated", "codes": ("IPIP102",)}
    return _firewall(cluster, cluster.requester, f"FORWARD -i cali+ -o {TUNNEL} -j DROP", **labels)


@scenario("firewall-input-after-tunnel", "The replier's firewall drops decapsulated pings to its tunnel address")
def firewall_input_after_tunnel(cluster: Cluster) -> Plan:
    labels = {"fault": "request-dropped-after-decapsulation", "codes": ("IPIP302", "IPIP306")}
    plan = _firewall(cluster, cluster.replier, f"INPUT -i {TUNNEL} -p icmp -j DROP", **labels)
    plan.phases = [host_ping(cluster.requester, cluster.replier)]
    return plan


@scenario("firewall-pings-alone", "The replier's firewall drops decapsulated pings to its pod, while connections pass")
def firewall_pings_alone(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    labels = {"fault": "request-dropped-after-decapsulation", "codes": ("IPIP302",), "impact": "partial"}
    plan = _firewall(cluster, b, f"FORWARD -i {TUNNEL} -p icmp -j DROP", **labels)
    plan.phases, plan.together = [pod_ping(a, b, count=15), pod_tcp(a, b, connections=6)], True
    return plan


@scenario("firewall-stateful", "The replier takes IPIP of known connections only: works after a ping from there")
def firewall_stateful(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    labels = {"fault": "request-not-delivered-to-tunnel", "codes": ("IPIP301",), "impact": "partial"}
    plan = _firewall(cluster, b, "INPUT -p 4 -m conntrack --ctstate NEW -j DROP", **labels)
    plan.phases = [
        pod_ping(a, b, label="before any traffic from the other side", identifier=301),
        pod_ping(b, a, label="from the other side", identifier=302, count=5),
        pod_ping(a, b, label="after it", identifier=303),
    ]
    return plan


@scenario("rp-filter-tunnel", "Strict rp_filter on the replier's tunnel drops decapsulated requests")
def rp_filter_tunnel(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    bad = native_route(cluster, a)
    strict = f"net.ipv4.conf.{TUNNEL}.rp_filter"
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(b.name, f"ip route replace {bad}"), Step(b.name, f"sysctl -w {strict}=1")],
        fix=[right_route(cluster, b, a)],
        fault="request-dropped-after-decapsulation",
        impact="loss",
        codes=("IPIP302",),
        cause_class="rp-filter",
        where=b.name,
        cause=f"{strict} = 1 while the route back is {bad}",
        phases=[pod_ping(a, b)],
        points=points(a, b),
        notes=["The packet tap sits before the filter: the request is seen on the tunnel device."],
    )


@scenario("rp-filter-tunnel-at-requester", "Strict rp_filter on the requester's tunnel drops decapsulated replies")
def rp_filter_tunnel_at_requester(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    bad = native_route(cluster, b)
    strict = f"net.ipv4.conf.{TUNNEL}.rp_filter"
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(a.name, f"ip route replace {bad}"), Step(a.name, f"sysctl -w {strict}=1")],
        fix=[right_route(cluster, a, b)],
        fault="reply-dropped-after-decapsulation",
        impact="loss",
        codes=("IPIP304", "IPIP104"),
        cause_class="rp-filter",
        where=a.name,
        cause=f"{strict} = 1 while the route to the replier's block is {bad}",
        phases=[pod_ping(a, b)],
        points=points(a, b),
    )


@scenario("rp-filter-nic", "Strict rp_filter on the replier's NIC drops outer requests", needs="two-nics")
def rp_filter_nic(cluster: Cluster) -> Plan:
    a, b = cluster.remote, cluster.replier
    strict = f"net/ipv4/conf/{b.overlay.name}/rp_filter"  # slashes: a VLAN's name has a dot in it
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(b.name, f"sysctl -w {strict}=1")],
        fix=[Step(b.name, f"sysctl -w {strict}=2")],
        fault="request-not-delivered-to-tunnel",
        impact="loss",
        codes=("IPIP301",),
        cause_class="rp-filter",
        where=b.name,
        cause=f"{strict} = 1: {a.address} arrives on {b.overlay.name}, the route back to it is on {b.first.name}",
        phases=[pod_ping(a, b)],
        points=points(a, b),
    )


@scenario("rp-filter-nic-at-requester", "Strict rp_filter on the requester's NIC drops outer replies", needs="two-nics")
def rp_filter_nic_at_requester(cluster: Cluster) -> Plan:
    a, b = cluster.replier, cluster.remote
    strict = f"net/ipv4/conf/{a.overlay.name}/rp_filter"  # slashes: a VLAN's name has a dot in it
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(a.name, f"sysctl -w {strict}=1")],
        fix=[Step(a.name, f"sysctl -w {strict}=2")],
        fault="reply-not-delivered-to-tunnel",
        impact="loss",
        codes=("IPIP303", "IPIP202", "IPIP201"),
        cause_class="rp-filter",
        where=a.name,
        cause=f"{strict} = 1: {b.address} arrives on {a.overlay.name}, the route back to it is on {a.first.name}",
        phases=[pod_ping(a, b)],
        points=points(a, b),
        notes=["The requester's outer source is not its registered address either, as in case 2."],
    )


def _up_again(cluster: Cluster, node: Node) -> list[Step]:
    routes = [Step(node.name, f"ip route replace {cluster.route(peer)}") for peer in cluster.peers(node)]
    return [Step(node.name, f"ip link set {TUNNEL} up"), *routes]


@scenario("tunnel-down-at-replier", "The replier's tunnel device is down: it answers IPIP with ICMP unreachable")
def tunnel_down_at_replier(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(b.name, f"ip link set {TUNNEL} down")],
        fix=_up_again(cluster, b),
        fault="request-not-delivered-to-tunnel",
        impact="loss",
        codes=("IPIP301",),
        cause_class="tunnel-device-down",
        where=b.name,
        cause=f"ip link set {TUNNEL} down",
        phases=[pod_ping(a, b)],
        points=[point for point in points(a, b) if (point.node, point.interface) != (b.name, TUNNEL)],
        notes=["tcpdump refuses a device that is down, so the replier's tunnel is not recorded."],
    )


@scenario("tunnel-down-midway", "The replier's tunnel device goes down during the recording")
def tunnel_down_midway(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    plan = tunnel_down_at_replier(cluster)
    plan.breaks, plan.events = [], [Event(1.5, Step(b.name, f"ip link set {TUNNEL} down"))]
    plan.phases = [pod_ping(a, b, count=30)]
    plan.points = points(a, b)
    plan.impact = "partial"
    plan.codes = ("IPIP301", "IPIP602")
    plan.notes = ["The recording of the tunnel device began before it went down, and survives it."]
    return plan


@scenario("point-to-point-healthy", "Healthy: point-to-point ipip devices instead of the fallback device")
def point_to_point_healthy(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    return Plan(
        requester=a,
        replier=b,
        prepare=[*_point_to_point(a, b, b.address), *_point_to_point(b, a, a.address)],
        phases=[pod_ping(a, b), pod_ping(b, a)],
        points=points(a, b, extra=("ipip-peer",)),
    )


def _point_to_point(node: Node, peer: Node, remote: str) -> list[Step]:
    make = f"ip tunnel add ipip-peer mode ipip local {node.address} remote {remote}"
    address = f"ip addr add {node.tunnel}/32 dev ipip-peer"
    start = "ip link set ipip-peer mtu 1480 up"
    return [Step(node.name, f"{make} && {address} && {start} && ip route replace {peer.block} dev ipip-peer")]


@scenario("point-to-point-other-remote", "Case 2 with a device that takes one remote only", needs="two-nics")
def point_to_point_other_remote(cluster: Cluster) -> Plan:
    a, b = cluster.remote, cluster.replier
    source = f"{a.address}/32 dev {b.first.name} src {b.address}"
    first = b.first.address
    return Plan(
        requester=a,
        replier=b,
        prepare=[
            *_point_to_point(a, b, b.address),
            Step(a.name, f"ip link set {TUNNEL} down"),
            Step(b.name, f"ip route add {source}"),
        ],
        breaks=[Step(b.name, f"ip route del {source}")],
        fix=[Step(b.name, f"ip route add {source}")],
        fault="outer-source-mismatch",
        impact="loss",
        codes=("IPIP201",),
        cause_class="source-selection",
        where=b.name,
        drops_at=a.name,
        cause=f"{a.name} accepts IPIP from {b.address} only, {b.name} sends from {first.ip if first else None}",
        phases=[pod_ping(a, b)],
        points=[
            *(point for point in points(a, b) if (point.node, point.interface) != (a.name, TUNNEL)),
            Point(node=a.name, interface="ipip-peer"),
        ],
        notes=["Nobody takes the reply, so the requester's kernel answers it with ICMP unreachable."],
    )
