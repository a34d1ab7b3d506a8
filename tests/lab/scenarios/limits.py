"""The recording itself is limited: late, short, cut, cooked, one-sided."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..cluster import TUNNEL
from ..plan import Plan, Point, scenario
from .common import pod_ping, points
from .routes import case1

if TYPE_CHECKING:
    from ..cluster import Cluster, Node


def _healthy(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    return Plan(requester=a, replier=b, phases=[pod_ping(a, b)], points=points(a, b))


@scenario("healthy-late-start", "Healthy, but the replier's NICs were recorded from the middle on")
def healthy_late_start(cluster: Cluster) -> Plan:
    plan = _healthy(cluster)
    plan.phases = [pod_ping(plan.requester, plan.replier, count=30)]
    nics = {nic.name for nic in plan.replier.nics}
    plan.points = [
        replace(point, start_after=1.2) if point.node == plan.replier.name and point.interface in nics else point
        for point in plan.points
    ]
    plan.codes = ("IPIP901",)
    return plan


@scenario("healthy-early-stop", "Healthy, but the requester's NICs were recorded for the first half only")
def healthy_early_stop(cluster: Cluster) -> Plan:
    plan = _healthy(cluster)
    plan.phases = [pod_ping(plan.requester, plan.replier, count=30)]
    nics = {nic.name for nic in plan.requester.nics}
    plan.points = [
        replace(point, stop_after=1.4) if point.node == plan.requester.name and point.interface in nics else point
        for point in plan.points
    ]
    plan.codes = ("IPIP901",)
    return plan


@scenario("healthy-started-amid-traffic", "Healthy; everything starts and stops in the middle of the traffic")
def healthy_started_amid_traffic(cluster: Cluster) -> Plan:
    plan = _healthy(cluster)
    plan.phases = [pod_ping(plan.requester, plan.replier, count=40)]
    plan.points = [
        replace(point, start_after=0.8 + 0.05 * place, stop_after=3.0 + 0.03 * place)
        for place, point in enumerate(plan.points)
    ]
    plan.codes = ("IPIP901",)
    return plan


@scenario("healthy-snaplen64", "Healthy, 64 octets of each packet")
def healthy_snaplen64(cluster: Cluster) -> Plan:
    plan = _healthy(cluster)
    plan.points = [replace(point, snaplen=64) for point in plan.points]
    return plan


@scenario("case1-snaplen64", "Case 1, 64 octets of each packet")
def case1_snaplen64(cluster: Cluster) -> Plan:
    plan = case1(cluster)
    plan.points = [replace(point, snaplen=64) for point in plan.points]
    return plan


@scenario("healthy-snaplen50", "Healthy, 50 octets of each packet: identifiers behind two headers are cut off")
def healthy_snaplen50(cluster: Cluster) -> Plan:
    plan = _healthy(cluster)
    plan.points = [replace(point, snaplen=50) for point in plan.points]
    plan.codes = ("IPIP902",)
    return plan


def _cooked(*nodes: Node) -> list[Point]:
    return [
        Point(node=node.name, interface="any", file=f"{node.name}_any_{suffix}.pcap", link_type=link_type)
        for node in nodes
        for suffix, link_type in (("sll", "LINUX_SLL"), ("sll2", "LINUX_SLL2"))
    ]


@scenario("healthy-any", "Healthy, recorded on any: both cooked formats")
def healthy_any(cluster: Cluster) -> Plan:
    plan = _healthy(cluster)
    plan.points = _cooked(plan.requester, plan.replier)
    return plan


@scenario("case1-any", "Case 1, recorded on any: both cooked formats")
def case1_any(cluster: Cluster) -> Plan:
    plan = case1(cluster)
    plan.points = _cooked(plan.requester, plan.replier)
    return plan


def _one_file(node: Node, **options: Any) -> Point:
    names = ",".join([*(nic.name for nic in node.nics), TUNNEL, *(pod.interface for pod in node.pods)])
    return Point(node=node.name, interface=names, file=f"{node.name}.pcapng", tool="dumpcap", **options)


@scenario("healthy-dumpcap", "Healthy, one pcapng file a node with all its interfaces, by dumpcap")
def healthy_dumpcap(cluster: Cluster) -> Plan:
    plan = _healthy(cluster)
    plan.points = [_one_file(plan.requester), _one_file(plan.replier)]
    return plan


@scenario("case1-dumpcap", "Case 1, one pcapng file a node with all its interfaces, by dumpcap")
def case1_dumpcap(cluster: Cluster) -> Plan:
    plan = case1(cluster)
    plan.points = [_one_file(plan.requester), _one_file(plan.replier)]
    return plan


@scenario("healthy-dumpcap-filter", "Healthy, recorded with the filter `icmp`, which keeps no encapsulated packet")
def healthy_dumpcap_filter(cluster: Cluster) -> Plan:
    plan = _healthy(cluster)
    plan.points = [_one_file(plan.requester, filter="icmp"), _one_file(plan.replier, filter="icmp")]
    plan.codes = ("IPIP904", "IPIP901")
    plan.notes = ["The file names its filter: missing encapsulated packets prove nothing."]
    return plan


@scenario("healthy-recorder-hangs", "Healthy, but the requester's recorder hangs for a while and loses packets")
def healthy_recorder_hangs(cluster: Cluster) -> Plan:
    plan = _healthy(cluster)
    plan.phases = [pod_ping(plan.requester, plan.replier, count=40)]
    plan.points = [_one_file(plan.requester, hangs=(0.6, 3.0)), _one_file(plan.replier)]
    plan.codes = ("IPIP903",)
    plan.notes = ["The file counts what the kernel dropped: what is missing in it was on the wire all the same."]
    return plan


@scenario("healthy-nanoseconds", "Healthy, nanosecond files")
def healthy_nanoseconds(cluster: Cluster) -> Plan:
    plan = _healthy(cluster)
    plan.points = [replace(point, precision="nano") for point in plan.points]
    return plan


@scenario("case1-replier-only", "Case 1, only the replier recorded")
def case1_replier_only(cluster: Cluster) -> Plan:
    plan = case1(cluster)
    plan.points = points(plan.replier)
    return plan


@scenario("case1-requester-only", "Case 1, only the requester recorded: nothing tells where the reply is lost")
def case1_requester_only(cluster: Cluster) -> Plan:
    plan = case1(cluster)
    plan.points = points(plan.requester)
    plan.codes = ("IPIP306",)
    plan.notes += ["From the requester alone nobody can tell more than that no reply came."]
    return plan


@scenario("case1-tunnels-only", "Case 1, only the tunnel devices recorded: encapsulation cannot be judged")
def case1_tunnels_only(cluster: Cluster) -> Plan:
    plan = case1(cluster)
    plan.points = [point for point in plan.points if point.interface == TUNNEL]
    plan.codes = ("IPIP904", "IPIP306", "IPIP308", "IPIP101")
    return plan


@scenario("healthy-lower-device", "Healthy, with the device below bond or VLAN recorded too", needs="stacked")
def healthy_lower_device(cluster: Cluster) -> Plan:
    plan = _healthy(cluster)
    plan.points = points(plan.requester, plan.replier, extra=(plan.replier.overlay.network.lower,))
    plan.notes = ["Each packet is on both devices of one NIC: seen twice, sent once."]
    return plan


@scenario("case1-lower-device", "Case 1, with the device below bond or VLAN recorded too", needs="stacked")
def case1_lower_device(cluster: Cluster) -> Plan:
    plan = case1(cluster)
    plan.points = points(plan.requester, plan.replier, extra=(plan.replier.overlay.network.lower,))
    return plan


@scenario("healthy-nics-only", "Healthy, only the NICs recorded")
def healthy_nics_only(cluster: Cluster) -> Plan:
    plan = _healthy(cluster)
    nics = {nic.name for node in (plan.requester, plan.replier) for nic in node.nics}
    plan.points = [point for point in plan.points if point.interface in nics]
    return plan
