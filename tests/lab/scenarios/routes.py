"""Overlay routes with a wrong next hop: case 1 and its relatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..cluster import FABRIC, TUNNEL
from ..plan import Event, Ping, Plan, Step, scenario
from .common import host_ping, host_to_pod_ping, pod_ping, pod_tcp, pod_udp, points, right_route

if TYPE_CHECKING:
    from ..cluster import Cluster, Node
    from ..plan import Phase

OWN_ADDRESS = (
    "The next hop is one of the node's own addresses: the kernel takes the inner destination as outer destination, the"
    " route to it leads back into the tunnel device, and the packet is dropped there (errors and collisions)."
)


def _case1(cluster: Cluster, phases: list[Phase]) -> Plan:
    a, b = cluster.requester, cluster.replier
    bad = f"{a.block} via {b.tunnel} dev {TUNNEL}"
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(b.name, f"ip route del {cluster.route(a)}"), Step(b.name, f"ip route add {bad}")],
        fix=[Step(b.name, f"ip route del {bad}"), Step(b.name, f"ip route add {cluster.route(a)}")],
        fault="reply-not-encapsulated",
        impact="loss",
        codes=("IPIP101",),
        cause_class="wrong-route",
        where=b.name,
        cause=f"ip route add {bad}",
        phases=phases,
        points=points(a, b),
        notes=[OWN_ADDRESS],
    )


@scenario("case1", "Case 1: the replier's route names its own tunnel address; pod to pod and node to node")
def case1(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    return _case1(cluster, [host_ping(a, b), pod_ping(a, b)])


@scenario("case1-host-to-host", "Case 1 between tunnel addresses only, as in the founding story")
def case1_host_to_host(cluster: Cluster) -> Plan:
    return _case1(cluster, [host_ping(cluster.requester, cluster.replier, count=20)])


@scenario("case1-tcp", "Case 1 under TCP: the SYN arrives, the SYN-ACK is never encapsulated")
def case1_tcp(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    return _case1(cluster, [pod_tcp(a, b, connections=2), pod_udp(a, b, queries=5)])


@scenario("case1-midway", "Case 1 begins in the middle of a connection: acknowledgements are no longer encapsulated")
def case1_midway(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    plan = _case1(cluster, [pod_tcp(a, b, connections=1, octets=60_000, timeout=6)])
    plan.prepare = [Step(FABRIC, f"tc qdisc add dev {b.overlay.port} root netem rate 200kbit")]
    plan.events, plan.breaks = [Event(0.9, step) for step in plan.breaks], []
    plan.notes = ["The handshake is answered; the network is slow, so that the connection lasts."]
    return plan


@scenario("case1-many-nodes", "Case 1 towards one node, while every node pings every other; recorded on all of them")
def case1_many_nodes(cluster: Cluster) -> Plan:
    pairs = [(one, other) for one in cluster.nodes for other in cluster.nodes if one is not other]
    plan = _case1(cluster, [pod_ping(one, other, count=12, interval=0.2) for one, other in pairs])
    plan.together = True
    plan.codes = ("IPIP101", "IPIP102")  # its own requests to that node fare no better
    plan.points = points(*cluster.nodes)
    return plan


@scenario("case1-with-healthy-peers", "Case 1 towards one node, while pings to and from other nodes are answered")
def case1_with_healthy_peers(cluster: Cluster) -> Plan:
    a, b, c = cluster.requester, cluster.replier, cluster.third
    plan = _case1(cluster, [pod_ping(a, b), pod_ping(c, b), pod_ping(b, c), host_to_pod_ping(a, c)])
    plan.impact = "loss"
    plan.points = points(a, b, c)
    return plan


@scenario("case1-other-own-address", "The replier's route names a second address of its own tunnel device")
def case1_other_own_address(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    second = b.block[9]
    bad = f"{a.block} via {second} dev {TUNNEL}"
    plan = _case1(cluster, [pod_ping(a, b)])
    plan.prepare = [Step(b.name, f"ip addr add {second}/32 dev {TUNNEL}")]
    plan.breaks = [Step(b.name, f"ip route del {cluster.route(a)}"), Step(b.name, f"ip route add {bad}")]
    plan.fix = [Step(b.name, f"ip route del {bad}"), Step(b.name, f"ip route add {cluster.route(a)}")]
    plan.cause = f"ip route add {bad}"
    return plan


@scenario("case1-own-nic-address", "The replier's route names its own NIC address: it looks for pods by ARP on the NIC")
def case1_own_nic_address(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    bad = f"{a.block} via {b.address} dev {b.overlay.name}"
    plan = _case1(cluster, [pod_ping(a, b)])
    plan.breaks[1] = Step(b.name, f"ip route add {bad}")
    plan.fix[0] = Step(b.name, f"ip route del {bad}")
    plan.codes = ("IPIP101", "IPIP103")
    plan.cause = f"ip route add {bad}"
    plan.notes = ["A next hop that is local is none: the kernel asks for the pod's own address on the NIC by ARP."]
    return plan


def _request_not_encapsulated(cluster: Cluster, phases: list[Phase]) -> Plan:
    a, b = cluster.requester, cluster.replier
    bad = f"{b.block} via {a.tunnel} dev {TUNNEL}"
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(a.name, f"ip route replace {bad}"), Step(a.name, f"ip route del {cluster.route(b)} || true")],
        fix=[Step(a.name, f"ip route del {bad}"), Step(a.name, f"ip route add {cluster.route(b)}")],
        fault="request-not-encapsulated",
        impact="loss",
        codes=("IPIP102",),
        cause_class="wrong-route",
        where=a.name,
        cause=f"ip route add {bad}",
        phases=phases,
        points=points(a, b),
        notes=[OWN_ADDRESS],
    )


@scenario("request-not-encapsulated", "The requester's route names its own tunnel address")
def request_not_encapsulated(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    return _request_not_encapsulated(cluster, [pod_ping(a, b), host_ping(a, b)])


@scenario("request-not-encapsulated-tcp", "The requester's route names its own tunnel address, seen with TCP")
def request_not_encapsulated_tcp(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    return _request_not_encapsulated(cluster, [pod_tcp(a, b, connections=2)])


def _reply_to_third(cluster: Cluster, recorded: list[Node]) -> Plan:
    a, b, c = cluster.requester, cluster.replier, cluster.third
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(b.name, f"ip route replace {cluster.route(a, via=c.address)}")],
        fix=[right_route(cluster, b, a)],
        fault="reply-through-other-node",
        impact="none",
        codes=("IPIP203", "IPIP202"),
        cause_class="wrong-route",
        where=b.name,
        cause=f"ip route replace {cluster.route(a, via=c.address)}",
        phases=[pod_ping(a, b)],
        points=points(*recorded),
        notes=["The third node decapsulates the replies and sends them on through its own tunnel to the requester."],
    )


@scenario("reply-through-third", "Replies go to a third node, which forwards them: all answered")
def reply_through_third(cluster: Cluster) -> Plan:
    return _reply_to_third(cluster, [cluster.requester, cluster.replier, cluster.third])


@scenario("reply-through-third-seen-by-requester", "Replies come from a third node; only the requester is recorded")
def reply_through_third_seen_by_requester(cluster: Cluster) -> Plan:
    plan = _reply_to_third(cluster, [cluster.requester])
    plan.codes = ("IPIP203", "IPIP201")
    return plan


@scenario("reply-to-third", "Replies go to a third node, which does not forward them")
def reply_to_third(cluster: Cluster) -> Plan:
    c = cluster.third
    plan = _reply_to_third(cluster, [cluster.requester, cluster.replier, c])
    plan.fault, plan.impact, plan.codes = "reply-wrong-outer-destination", "loss", ("IPIP202",)
    plan.breaks.append(Step(c.name, f"iptables -A FORWARD -i {TUNNEL} -o {TUNNEL} -j DROP"))
    plan.drops_at = c.name
    plan.notes = ["The third node does not forward from tunnel to tunnel; that is no fault of its own."]
    return plan


@scenario("reply-to-retired-address", "Replies go to an address in another network that no node has any more")
def reply_to_retired_address(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    retired = "198.51.100.77"
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(b.name, f"ip route replace {cluster.route(a, via=retired)}")],
        fix=[right_route(cluster, b, a)],
        fault="reply-wrong-outer-destination",
        impact="loss",
        codes=("IPIP202",),
        cause_class="wrong-route",
        where=b.name,
        cause=f"ip route replace {cluster.route(a, via=retired)}",
        phases=[pod_ping(a, b)],
        points=points(a, b),
        notes=["The address is behind the router, so the replies leave, encapsulated to nobody."],
    )


@scenario("reply-to-absent-neighbour", "Replies go to an on-link address that answers no ARP: nothing leaves")
def reply_to_absent_neighbour(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    network = b.overlay.address.network if b.overlay.address else None
    absent = str(network[-7]) if network else ""
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(b.name, f"ip route replace {cluster.route(a, via=absent)}")],
        fix=[right_route(cluster, b, a)],
        fault="reply-not-encapsulated",
        impact="loss",
        codes=("IPIP101", "IPIP202"),
        cause_class="wrong-route",
        where=b.name,
        cause=f"ip route replace {cluster.route(a, via=absent)}",
        phases=[pod_ping(a, b)],
        points=points(a, b),
        notes=["Only ARP requests for the absent address leave the NIC."],
    )


@scenario("request-to-absent-neighbour", "Requests go to an on-link address that answers no ARP")
def request_to_absent_neighbour(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    network = a.overlay.address.network if a.overlay.address else None
    absent = str(network[-7]) if network else ""
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(a.name, f"ip route replace {cluster.route(b, via=absent)}")],
        fix=[right_route(cluster, a, b)],
        fault="request-not-encapsulated",
        impact="loss",
        codes=("IPIP102", "IPIP306"),
        cause_class="wrong-route",
        where=a.name,
        cause=f"ip route replace {cluster.route(b, via=absent)}",
        phases=[pod_ping(a, b)],
        points=points(a, b),
        notes=["Only ARP requests for the absent address leave the NIC."],
    )


@scenario("case1-both-sides", "Both nodes' routes name their own tunnel address: no request leaves either")
def case1_both_sides(cluster: Cluster) -> Plan:
    a, b = cluster.requester, cluster.replier
    there, back = _request_not_encapsulated(cluster, [pod_ping(a, b), pod_ping(b, a)]), _case1(cluster, [])
    there.breaks += back.breaks
    there.fix += back.fix
    there.cause = f"{there.cause}, and the same on {b.name}"
    there.seen_at = (b.name,)
    return there


@scenario("request-through-third", "Requests go to a third node, which forwards them: all answered")
def request_through_third(cluster: Cluster) -> Plan:
    a, b, c = cluster.requester, cluster.replier, cluster.third
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(a.name, f"ip route replace {cluster.route(b, via=c.address)}")],
        fix=[right_route(cluster, a, b)],
        fault="outer-source-mismatch",
        impact="none",
        codes=("IPIP201", "IPIP203"),
        cause_class="wrong-route",
        where=a.name,
        cause=f"ip route replace {cluster.route(b, via=c.address)}",
        phases=[pod_ping(a, b)],
        points=points(a, b, c),
        notes=["The reply comes straight from the replier: its outer source is not where the request was sent."],
    )


@scenario("request-to-third", "Requests go to a third node, which does not forward them")
def request_to_third(cluster: Cluster) -> Plan:
    c = cluster.third
    plan = request_through_third(cluster)
    plan.breaks.append(Step(c.name, f"iptables -A FORWARD -i {TUNNEL} -o {TUNNEL} -j DROP"))
    plan.fault, plan.impact, plan.drops_at = "request-dropped-after-decapsulation", "loss", c.name
    plan.codes = ("IPIP302", "IPIP306", "IPIP307")
    plan.notes = ["The third node does not forward from tunnel to tunnel; that is no fault of its own."]
    return plan


@scenario(
    "request-into-own-block", "A pod elsewhere has an address of the requester's block, whose blackhole takes all"
)
def request_into_own_block(cluster: Cluster) -> Plan:
    a, b, c = cluster.requester, cluster.replier, cluster.third
    borrowed = a.block[50]
    to_it = f"{borrowed} via {b.address} dev {TUNNEL} proto {cluster.protocol} onlink"
    return Plan(
        requester=a,
        replier=b,
        prepare=[
            Step(b.pod.namespace, f"ip addr add {borrowed}/32 dev eth0"),
            Step(b.name, f"ip route add {borrowed} dev {b.pod.interface} scope link"),
            *(Step(node.name, f"ip route add {to_it}") for node in (a, c)),
        ],
        breaks=[Step(a.name, f"ip route del {to_it}")],
        fix=[Step(a.name, f"ip route add {to_it}")],
        fault="request-not-encapsulated",
        impact="partial",
        codes=("IPIP102", "IPIP305"),
        cause_class="wrong-route",
        where=a.name,
        cause=f"blackhole {a.block} takes what is for {borrowed}, which is a pod's on {b.name}",
        phases=[Ping(source=node.pod.namespace, target=str(borrowed)) for node in (a, c)],
        points=points(a, b),
        notes=["Other nodes, like the third, reach the address: they hold a route of their own to it."],
    )


@scenario("tunnel-address-twice", "Another node has the requester's tunnel address in its block: it gets the replies")
def tunnel_address_twice(cluster: Cluster) -> Plan:
    a, b, c = cluster.requester, cluster.replier, cluster.third
    return Plan(
        requester=a,
        replier=b,
        breaks=[Step(a.name, f"ip addr add {c.tunnel}/32 dev {TUNNEL} && ip addr del {a.tunnel}/32 dev {TUNNEL}")],
        fix=[Step(a.name, f"ip addr add {a.tunnel}/32 dev {TUNNEL} && ip addr del {c.tunnel}/32 dev {TUNNEL}")],
        fault="reply-wrong-outer-destination",
        impact="loss",
        codes=("IPIP202",),
        cause_class="source-selection",
        where=a.name,
        seen_at=(b.name,),
        cause=f"{TUNNEL} of {a.name} has {c.tunnel}, an address of the block of {c.name}",
        phases=[host_to_pod_ping(a, b)],
        points=points(a, b, c),
        notes=["The third node takes the replies for its own and drops them: it asked nothing."],
    )
