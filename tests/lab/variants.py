"""The same fault under other traffic, and recorded in another way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from .plan import Ping, Point, Tcp, Udp

if TYPE_CHECKING:
    from collections.abc import Callable

    from .cluster import Cluster, Node, Pod
    from .plan import Phase, Plan

TRAFFIC: Final = ("ping", "tcp", "udp", "host")
"""Instead of pings between pods: connections, queries, or pings from the node itself."""
RECORDERS: Final = ("tcpdump", "any", "dumpcap")
"""Instead of a file a point: one a node from the device `any`, or one a node from all its interfaces."""


def varied(plan: Plan, cluster: Cluster, traffic: str, recorder: str) -> Plan:
    """The plan with its pings between pods sent as *traffic*, and its points recorded by *recorder*."""
    if traffic != "ping":
        plan = replace(plan, phases=[_sent_as(phase, cluster, traffic) for phase in plan.phases])
    if recorder != "tcpdump":
        merge = _cooked if recorder == "any" else _one_file
        plan = replace(plan, points=_by_node(plan.points, merge))
    return plan


def _sent_as(phase: Phase, cluster: Cluster, traffic: str) -> Phase:
    """Pings of a size of their own stay what they are: the size is what they are for."""
    pods = {pod.address: (node, pod) for node in cluster.nodes for pod in node.pods}
    spaces = {pod.namespace: (node, pod) for node, pod in pods.values()}
    if not isinstance(phase, Ping) or phase.size or phase.target not in pods or phase.source not in spaces:
        return phase
    return _as(phase, traffic, spaces[phase.source][0], pods[phase.target][1])


def _as(ping: Ping, traffic: str, source: Node, target: Pod) -> Phase:
    if traffic == "host":
        return replace(ping, source=source.name, label="")
    ends = {"source": ping.source, "server": target.namespace, "target": target.address, "label": ping.label}
    healthy = ping.healthy_answers
    if traffic == "udp":
        return Udp(**ends, queries=ping.count, interval=ping.interval, healthy_answers=healthy)
    return Tcp(**ends, connections=max(2, ping.count // 4), timeout=1.5, healthy_answers=healthy)


def _by_node(points: list[Point], merge: Callable[[str, list[Point]], Point]) -> list[Point]:
    nodes = dict.fromkeys(point.node for point in points)
    return [merge(node, [point for point in points if point.node == node]) for node in nodes]


def _cooked(node: str, points: list[Point]) -> Point:
    whole = _whole(points)
    return replace(whole, node=node, interface="any", file="", link_type="LINUX_SLL2")


def _one_file(node: str, points: list[Point]) -> Point:
    names = ",".join(point.interface for point in points)
    return replace(_whole(points), node=node, interface=names, file=f"{node}.pcapng", tool="dumpcap")


def _whole(points: list[Point]) -> Point:
    """The point that recorded longest stands for all."""
    return min(points, key=lambda point: (point.start_after, point.stop_after is not None))
