"""Why inner packets do not fit, or carry another source: IPIP401, IPIP402, IPIP501."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipscope.hosts.causes.ways import only
from ipipscope.hosts.faults import Fault, Kind, matched
from ipipscope.hosts.firewall import Packet
from ipipscope.hosts.route_lookup import Outcome
from ipipscope.hosts.sizes import sizes
from ipipscope.language.said import say

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address

    from ipipscope.hosts.causes.sides import Sides
    from ipipscope.hosts.cluster import Cluster, Host


def mtu(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """IPIP401: MTUs of the named node that do not fit, those of its pods first."""
    named = cluster.host(sides.finding.node)
    if named is not None:
        found = list(sizes(cluster, named))
        yield from sorted(found, key=lambda fault: fault.kind is not Kind.WORKLOAD_MTU)
        return
    for host in (sides.requester, sides.replier):
        if host is not None and sides.finding.node is None:
            yield from sizes(cluster, host)


def outer_fragments(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """IPIP402."""
    hosts = [cluster.host(sides.finding.node)] if cluster.host(sides.finding.node) else [sides.requester, sides.replier]
    for host in hosts:
        if host is not None:
            yield from only(sizes(cluster, host), frozenset((Kind.TUNNEL_MTU,)))


def rewritten(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """A translating rule on the requester's way out, or on the replier's way in."""
    flow = sides.flow
    for host in dict.fromkeys((sides.requester, sides.replier, cluster.host(sides.finding.node))):
        if host is None:
            continue
        for source, destination in ((flow.src, flow.dst), (flow.dst, flow.src)):
            fault = _translated(host, source, destination, sides.protocol)
            if fault is not None:
                yield fault
    for host in dict.fromkeys((cluster.host(sides.finding.node), sides.requester, sides.replier)):
        if host is not None:
            yield from _translated_into(host, flow.src, flow.dst)


def _translated_into(host: Host, source: IPv4Address, destination: IPv4Address) -> Iterator[Fault]:
    """A rule that makes sources into *source*: the packets that were recorded carry it already."""
    if source in host.fib.local_addresses or host.workload_device(source) is not None:
        return
    pod = next((route.destination.network_address for route in host.workload_routes), None)
    for chain, rule in host.firewall.translating_to(source):
        yield Fault(
            kind=Kind.NAT,
            host=host,
            config=f"-t {chain.table} {rule.text}",
            address=pod,
            peer=destination,
            text=say(
                "{host} gives packets the source {source}, an address that is none of its own or its pods'.",
                host=host.name,
                source=source,
            ),
            counters=matched(rule),
            judgement=host.firewall.judged_by(chain, rule),
        )


def _translated(host: Host, source: IPv4Address, destination: IPv4Address, protocol: int) -> Fault | None:
    inside = host.workload_device(source)
    came_in = inside or ("" if source in host.fib.local_addresses else host.fib.lookup(source).device)
    out = host.fib.lookup(destination, source=source if came_in == "" else None, in_interface=came_in or None)
    if out.outcome is not Outcome.UNICAST:
        return None
    packet = Packet(
        source=source, destination=destination, protocol=protocol, in_interface=came_in, out_interface=out.device
    )
    found = host.firewall.translation(packet)
    if found is None:
        return None
    chain, rule = found
    return Fault(
        kind=Kind.NAT,
        host=host,
        config=f"-t {chain.table} {rule.text}",
        address=source,
        peer=destination,
        text=say(
            "{host} rewrites the source of packets from {source} to {destination} as they leave by {device}.",
            host=host.name,
            source=source,
            destination=destination,
            device=out.device,
        ),
        counters=matched(rule),
        interface=out.device,
        judgement=host.firewall.judged_by(chain, rule),
    )
