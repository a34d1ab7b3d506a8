"""The network between the nodes loses, doubles, delays or refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..cluster import FABRIC
from ..plan import Event, Ping, Plan, Step, scenario
from .common import FABRIC_HEALED, fabric_drop, pod_ping, pod_tcp, points, right_route

if TYPE_CHECKING:
    from ..cluster import Cluster


def _fabric(cluster: Cluster, fault: str, code: str, *breaks: Step, **labels: Any) -> Plan:
    a, b = cluster.requester, cluster.replier
    plan = Plan(
        requester=a,
        replier=b,
        breaks=list(breaks),
        fix=[FABRIC_HEALED],
        fault=fault,
        impact="loss",
        codes=(code,),
        cause_class="network",
        cause=breaks[0].command if breaks else None,
        phases=[pod_ping(a, b)],
        points=points(a, b),
    )
    return replace(plan, **labels)


def _between(source: str, target: str) -> str:
    return f"ip saddr {source} ip daddr {target} ip protocol 4"


@scenario("request-lost-between-nodes", "The network drops encapsulated packets towards the replier")
def request_lost_between_nodes(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    drop = fabric_drop(_between(a.address, b.address))
    return _fabric(cluster, "request-lost-between-nodes", "IPIP307", drop)


@scenario("request-lost-from-one-node", "The network drops encapsulated packets of one node; the third node's arrive")
def request_lost_from_one_node(cluster: Cluster) -> Plan:
    plan = request_lost_between_nodes(cluster)
    plan.phases.append(pod_ping(cluster.third, cluster.replier))
    plan.notes = ["Only the requester and the replier are recorded: the third node's pings show whose the NIC is."]
    return plan


@scenario("reply-lost-between-nodes", "The network drops encapsulated packets towards the requester")
def reply_lost_between_nodes(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    return _fabric(cluster, "reply-lost-between-nodes", "IPIP308", fabric_drop(_between(b.address, a.address)))


@scenario("ipip-blocked-by-network", "The network drops all protocol 4; nodes ping each other natively, TCP fails")
def ipip_blocked_by_network(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    plan = _fabric(cluster, "request-lost-between-nodes", "IPIP307", fabric_drop("ip protocol 4"))
    plan.phases = [
        pod_ping(a, b),
        pod_tcp(a, b, connections=1),
        Ping(source=a.name, target=b.address, count=5),
    ]
    return plan


LOSS = "ip protocol 4 numgen random mod 100 < 25"


@scenario("random-loss", "A quarter of the encapsulated packets is lost at random")
def random_loss(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    labels = {"impact": "partial", "cause_class": "network-loss"}
    plan = _fabric(cluster, "random-loss", "IPIP601", fabric_drop(LOSS), **labels)
    plan.phases = [pod_ping(a, b, count=60, interval=0.05)]
    return plan


@scenario("random-loss-rare", "Three percent of the packets towards the replier are lost at random (netem)")
def random_loss_rare(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    labels = {"impact": "partial", "cause_class": "network-loss"}
    loss = Step(FABRIC, f"tc qdisc add dev {b.overlay.port} root netem loss 3%")
    plan = _fabric(cluster, "random-loss", "IPIP601", loss, **labels)
    plan.fix = [Step(FABRIC, f"tc qdisc del dev {b.overlay.port} root")]
    plan.phases = [pod_ping(a, b, count=300, interval=0.02)]
    return plan


@scenario("duplication", "Packets towards the replier arrive twice at times (netem)")
def duplication(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    double = Step(FABRIC, f"tc qdisc add dev {b.overlay.port} root netem duplicate 40%")
    plan = _fabric(cluster, "duplication", "IPIP603", double, impact="none")
    plan.fix = [Step(FABRIC, f"tc qdisc del dev {b.overlay.port} root")]
    plan.phases = [pod_ping(a, b, count=40, interval=0.05)]
    return plan


@scenario("delay-reorder", "Packets towards the replier are late and overtake one another (netem)")
def delay_reorder(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    late = Step(FABRIC, f"tc qdisc add dev {b.overlay.port} root netem delay 150ms 100ms")
    plan = _fabric(cluster, "delay-reorder", "IPIP604", late, impact="none")
    plan.fix = [Step(FABRIC, f"tc qdisc del dev {b.overlay.port} root")]
    plan.phases = [pod_ping(a, b, count=80, interval=0.02, wait=2)]
    return plan


@scenario("outages", "Two outages of the network in a long run")
def outages(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    cut, heal = fabric_drop("ip protocol 4"), FABRIC_HEALED
    plan = _fabric(cluster, "intermittent", "IPIP602", impact="partial")
    plan.cause = cut.command
    plan.outages = [(1.2, 2.2), (3.6, 4.6)]
    plan.events = [event for begin, end in plan.outages for event in (Event(begin, cut), Event(end, heal))]
    plan.fix = []
    plan.phases = [pod_ping(a, b, count=60)]
    return plan


@scenario("route-flapping", "The replier's route back disappears twice for a while: replies leave native and are lost")
def route_flapping(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    gone, back = Step(b.name, f"ip route del {cluster.route(a)}"), right_route(cluster, b, a)
    plan = _fabric(cluster, "intermittent", "IPIP602", impact="partial", cause_class="wrong-route", where=b.name)
    plan.codes = ("IPIP602", "IPIP103")
    plan.cause = gone.command
    plan.outages = [(2.0, 3.5), (6.0, 7.2)]
    plan.events = [event for begin, end in plan.outages for event in (Event(begin, gone), Event(end, back))]
    plan.fix = []
    plan.phases = [pod_ping(a, b, count=100)]
    plan.notes = ["The state is recorded after the last outage, when all is well again."]
    return plan
