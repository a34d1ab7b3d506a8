"""The way of one packet out of its node: inner route, tunnel device, outer route, firewall.

Walked as the kernel walks it; the first fault that ends the way ends the list.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

from ipipscope.hosts.faults import Fault, Kind, kernel_counters, link_counters, rule_counters
from ipipscope.hosts.firewall import Packet, Verdict
from ipipscope.hosts.model import DEFAULT, MAIN, Part
from ipipscope.hosts.route_lookup import Decision, Outcome
from ipipscope.hosts.tunnel import Drop, Encapsulation, encapsulate, is_tunnel
from ipipscope.language.said import say
from ipipscope.model import Confidence, Impact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ipipscope.hosts.cluster import Block, Cluster, Host, Known

_USUAL_TABLES = (MAIN, "254", DEFAULT, "253", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What is asked: one inner packet that leaves a node."""

    host: Host
    destination: IPv4Address
    source: IPv4Address | None = None
    protocol: int = 1
    state: str | None = "NEW"
    """Conntrack's word; ESTABLISHED for a reply."""
    hints: tuple[IPv4Address, ...] = ()
    """Outer addresses of the other node as packets show them."""


def outbound(cluster: Cluster, way: Way) -> Iterator[Fault]:
    """What is wrong on the way of a packet to another node's pod or tunnel address, in the order it would be met."""
    host = way.host
    block = cluster.block_of(way.destination)
    if host.workload_device(way.destination) is not None:
        return  # its own pod: nothing leaves the node
    network = block.network if block else IPv4Network(f"{way.destination}/32")
    expected = cluster.next_hop_for(host, network, way.hints)
    workload = host.workload_device(way.source) if way.source else None
    source = way.source if way.source is not None and (workload or way.source in host.fib.local_addresses) else None
    decision = host.fib.lookup(way.destination, source=source, in_interface=workload)
    if workload and host.snapshot.ip_forward is False:
        yield forwarding_off(host)
        return
    fault = _inner(host, decision, block, network, expected)
    if fault is not None:
        yield fault
        return
    if not is_tunnel(host.snapshot, decision.device):
        return
    if workload and way.source:
        packet = Packet(
            source=way.source, destination=way.destination, protocol=way.protocol, in_interface=workload,
            out_interface=decision.device, state=way.state,
        )  # fmt: skip
        fault = forward_fault(host, packet, network)
        if fault is not None:
            yield fault
            return
    yield from _outer(cluster, way, encapsulate(host.fib, decision), block, expected)


def forwarding_off(host: Host) -> Fault:
    """ip_forward is 0."""
    return Fault(
        kind=Kind.FORWARDING_OFF,
        host=host,
        config="net.ipv4.ip_forward = 0",
        text=say(
            "{host} does not forward IPv4 packets, so nothing passes between its tunnel and its pods.", host=host.name
        ),
        counters=kernel_counters(host, ("IpInAddrErrors",)),
    )


def forward_fault(host: Host, packet: Packet, block: IPv4Network | None) -> Fault | None:
    """What the firewall makes of an inner packet that is forwarded."""
    judgement = host.firewall.judge("FORWARD", packet)
    if not judgement.dropped:
        return None
    return Fault(
        kind=Kind.FIREWALL_FORWARD,
        host=host,
        config=judgement.line,
        text=say(
            "{host}'s firewall drops what goes from {in_interface} to {out_interface}.",
            host=host.name,
            in_interface=packet.in_interface,
            out_interface=packet.out_interface,
        ),
        counters=rule_counters(judgement),
        judgement=judgement,
        interface=packet.in_interface,
        block=block,
        address=packet.source,
        peer=packet.destination,
    )


def _inner(
    host: Host, decision: Decision, block: Block | None, network: IPv4Network, expected: Known | None
) -> Fault | None:
    route, line = decision.route, decision.route.line if decision.route else None
    common: dict[str, Any] = {
        "host": host,
        "block": network,
        "expected": expected,
        "route": route,
        "decision": decision,
    }
    if decision.outcome is Outcome.LOCAL:
        if block is None or block.owner is host:
            return None
        owner = block.owner
        return Fault(
            kind=Kind.SHARED_ADDRESS,
            config=line,
            address=decision.destination,
            peer_host=owner,
            text=say(
                "{host} has {destination} itself, so packets for it never leave the node.",
                host=host.name,
                destination=decision.destination,
            ),
            host=host,
            block=network,
            route=route,
        )
    down = _down_tunnel(host)
    if down is not None and (decision.dropped or not is_tunnel(host.snapshot, decision.device)):
        return tunnel_down(host, down, network, expected)
    if not host.knows_routes and (route is None or route.destination.prefixlen < network.prefixlen):
        return None  # what a filter left out may well be there
    if decision.dropped:
        if decision.rule is not None and decision.rule.action != "lookup":
            text = say(
                "The policy rule `{line}` on {host} refuses packets to {network}.",
                line=decision.rule.line,
                host=host.name,
                network=network,
            )
            return Fault(kind=Kind.RULE_DIVERTS, config=decision.rule.line, text=text, **common)
        if line is None:
            text = say(
                "{host} has no route that covers {network}; its packets are answered with ICMP unreachable.",
                host=host.name,
                network=network,
            )
        else:
            text = say(
                "{host}'s route `{line}` refuses packets to {network}.", host=host.name, line=line, network=network
            )
        return Fault(kind=Kind.UNROUTED, config=line, text=text, **common)
    if decision.outcome is not Outcome.UNICAST or is_tunnel(host.snapshot, decision.device):
        return None
    return _native(host, decision, block, network, common)


def _native(
    host: Host, decision: Decision, block: Block | None, network: IPv4Network, common: dict[str, Any]
) -> Fault | None:
    route, expected = decision.route, common["expected"]
    if route is None or (not host.tunnels and not host.tunnel_routes):
        return None
    arrives = decision.gateway is not None and (
        (expected is not None and decision.gateway == expected.address)
        or (block is not None and block.owner is not None and decision.gateway in block.owner.addresses)
    )
    impact = Impact.NONE if arrives else Impact.LOSS
    where = (
        say("by {device} via {gateway}", device=decision.device, gateway=decision.gateway)
        if decision.gateway
        else say("by {device}", device=decision.device)
    )
    rule = decision.rule
    if rule is not None and rule.table not in _USUAL_TABLES:
        return Fault(
            kind=Kind.RULE_DIVERTS,
            config=f"{rule.line}; {route.line}",
            impact=impact,
            text=say(
                "On {host} the policy rule `{line}` sends packets to {network} {where}, past the tunnel.",
                host=host.name,
                line=rule.line,
                network=network,
                where=where,
            ),
            **common,
        )
    own = next((hop.via for hop in route.hops if hop.via in host.fib.local_addresses and not route.onlink), None)
    if own is not None:
        text = say(
            "{own} is one of {host}'s own addresses: the kernel uses no gateway and asks for the pod itself "
            "by ARP on {device}, where nobody answers.",
            own=own,
            host=host.name,
            device=decision.device,
        )
        return Fault(kind=Kind.OWN_NEXT_HOP, config=route.line, text=text, **common)
    if route.destination.prefixlen < network.prefixlen:
        text = say(
            "{host} has no route to {network}; `{line}` sends its packets {where} without an outer header.",
            host=host.name,
            network=network,
            line=route.line,
            where=where,
        )
        return Fault(kind=Kind.NO_BLOCK_ROUTE, config=route.line, text=text, impact=impact, **common)
    text = say(
        "{host}'s route `{line}` sends packets to {network} {where} without an outer header.",
        host=host.name,
        line=route.line,
        network=network,
        where=where,
    )
    return Fault(kind=Kind.NOT_TUNNELLED, config=route.line, text=text, impact=impact, **common)


def _outer(
    cluster: Cluster, way: Way, made: Encapsulation, block: Block | None, expected: Known | None
) -> Iterator[Fault]:
    host, route = way.host, made.inner.route
    network = block.network if block else IPv4Network(f"{way.destination}/32")
    line = route.line if route else None
    common: dict[str, Any] = {
        "host": host, "block": network, "expected": expected, "route": route, "decision": made.outer,
        "interface": made.device,
    }  # fmt: skip
    own = _own_next_hop(host, made)
    if own is not None:
        via, confidence = own
        if confidence is Confidence.CERTAIN:
            why = say("{via} is one of {host}'s own addresses", via=via, host=host.name)
        else:
            why = say(
                "The kernel takes such a route without `onlink` only where {via} is one of the node's own addresses",
                via=via,
            )
        end = say(
            "the kernel uses no gateway, takes the inner destination as the outer one, finds the route back "
            "into {device} and drops the packet",
            device=made.device,
        )
        if made.outer.outcome is Outcome.LOCAL and route is not None and route.onlink:
            end = say("the encapsulated packet is delivered to the node itself")
        yield Fault(
            kind=Kind.OWN_NEXT_HOP,
            config=line,
            text=say("{why}: {end}.", why=why, end=end),
            confidence=confidence,
            counters=link_counters(host, made.device, "tx", "collisions", "errors"),
            **common,
        )
        return
    if made.drop is Drop.DOWN:
        yield tunnel_down(host, made.device, network, expected)
        return
    if made.drop is not None and not host.knows_routes:
        return
    if made.drop is Drop.LOOP:
        under = made.outer.route.line if made.outer.route else None
        yield Fault(
            kind=Kind.UNDERLAY_LOOP,
            config=under,
            peer=made.outer_destination,
            text=say(
                "On {host} the underlay route `{under}` to {outer_destination} leads into {device} itself.",
                host=host.name,
                under=under,
                outer_destination=made.outer_destination,
                device=made.device,
            ),
            counters=link_counters(host, made.device, "tx", "collisions", "errors"),
            **common,
        )
        return
    if made.drop is Drop.NO_ROUTE:
        under = made.outer.route.line if made.outer.route else (made.outer.rule.line if made.outer.rule else line)
        yield Fault(
            kind=Kind.NO_UNDERLAY,
            config=under,
            peer=made.outer_destination,
            text=say(
                "{host} has no route to the outer destination {outer_destination}.",
                host=host.name,
                outer_destination=made.outer_destination,
            ),
            counters=link_counters(host, made.device, "tx", "carrier_errors", "errors"),
            **common,
        )
        return
    yield from _addresses(cluster, way, made, block, common)


def _addresses(
    cluster: Cluster, way: Way, made: Encapsulation, block: Block | None, common: dict[str, Any]
) -> Iterator[Fault]:
    host, route = way.host, made.inner.route
    expected: Known | None = common["expected"]
    owner = block.owner if block else None
    line = route.line if route else None
    wrong = _is_wrong(host, made.outer_destination, owner, expected, way.hints)
    if wrong:
        other = cluster.holder(made.outer_destination)
        who = say("{node}'s address", node=other.name) if other else say("not an address of the block's owner")
        right = (
            say("; {expected} would be right: {why}", expected=expected.address, why=expected.why) if expected else ""
        )
        yield Fault(
            kind=Kind.OTHER_NEXT_HOP,
            config=line,
            peer=made.outer_destination,
            peer_host=other,
            text=say(
                "{host}'s route `{line}` sends to {outer_destination}, {who}{right}.",
                host=host.name,
                line=line,
                outer_destination=made.outer_destination,
                who=who,
                right=right,
            ),
            **common,
        )
    if made.outer_source is not None:
        packet = Packet(
            source=made.outer_source, destination=made.outer_destination, protocol=4, out_interface=made.outer.device,
        )  # fmt: skip
        judgement = host.firewall.judge("OUTPUT", packet)
        if judgement.dropped:
            reject = say(" and answers it with an ICMP error") if judgement.verdict is Verdict.REJECT else ""
            yield Fault(
                kind=Kind.FIREWALL_OUT,
                config=judgement.line,
                judgement=judgement,
                peer=made.outer_destination,
                text=say(
                    "{host}'s firewall drops its own packets of protocol 4 to {outer_destination}{reject}.",
                    host=host.name,
                    outer_destination=made.outer_destination,
                    reject=reject,
                ),
                counters=(*link_counters(host, made.device, "tx", "dropped"), *rule_counters(judgement)),
                **common,
            )
            return
        yield from source_fault(cluster, host, made)
    if wrong:
        return
    near = made.outer.gateway or made.outer_destination
    entry = next((one for one in host.snapshot.neighbours if one.address == near), None)
    if entry is not None and "FAILED" in entry.state:
        yield Fault(
            kind=Kind.NO_NEIGHBOUR,
            config=f"{near} dev {entry.interface} FAILED",
            peer=near,
            text=say(
                "Nobody answers ARP for {near} on {interface} of {host}, the next hop to {outer_destination}: "
                "the packets never leave the NIC.",
                near=near,
                interface=entry.interface,
                host=host.name,
                outer_destination=made.outer_destination,
            ),
            **common,
        )


def tunnel_addresses(cluster: Cluster, host: Host) -> Iterator[Fault]:
    """A tunnel device without an address, or with one that belongs to another node."""
    if not host.snapshot.has(Part.ADDRESSES):
        return
    own = cluster.own_blocks(host)
    routed = {route.destination for route in host.tunnel_routes}
    for device in host.tunnels:
        held = [known.address for known in host.fib.addresses.get(device, ())]
        parameters = host.snapshot.tunnel(device)
        link = host.fib.link(device)
        if parameters is not None and parameters.remote is not None:
            continue
        for address in held:
            block = cluster.block_of(address)
            if block is not None and own and block.network not in own:
                whose = say("of {owner}", owner=block.owner.name) if block.owner else say("of another node")
                yield Fault(
                    kind=Kind.FOREIGN_TUNNEL_ADDRESS,
                    host=host,
                    config=f"inet {address}/32 dev {device}",
                    interface=device,
                    address=address,
                    block=block.network,
                    peer_host=block.owner,
                    text=say(
                        "{device} of {host} has {address}, an address of the block {network} {whose}: answers to the "
                        "node's own packets go there.",
                        device=device,
                        host=host.name,
                        address=address,
                        network=block.network,
                        whose=whose,
                    ),
                )
        wanted = own or routed
        if not held and wanted and link is not None and link.up:
            yield Fault(
                kind=Kind.NO_TUNNEL_ADDRESS,
                host=host,
                config=f"{device}: <{','.join(link.flags)}>, no inet",
                interface=device,
                text=say(
                    "{device} of {host} has no address: packets of the node itself to other nodes' pods carry a "
                    "NIC's address, which the others answer without the tunnel. (Not so where eBPF mode uses "
                    "HostAddress.)",
                    device=device,
                    host=host.name,
                ),
                impact=Impact.NONE,
                confidence=Confidence.LIKELY,
            )


def source_fault(cluster: Cluster, host: Host, made: Encapsulation) -> Iterator[Fault]:
    """The outer source is not the address by which the node is known."""
    known = cluster.known_address(host)
    if known is None or made.outer_source is None or made.outer_source == known.address:
        return
    under = made.outer.route.line if made.outer.route else None
    retired = known.address not in host.addresses
    text = say(
        "{host} reaches {outer_destination} by `{under}`, so its outer source is {outer_source}, but it "
        "is known as {known} ({why}).",
        host=host.name,
        outer_destination=made.outer_destination,
        under=under,
        outer_source=made.outer_source,
        known=known.address,
        why=known.why,
    )
    if retired:
        text = say("{text} {host} has no address {known} any more.", text=text, host=host.name, known=known.address)
    network = made.inner.route.destination if made.inner.route else None
    yield Fault(
        kind=Kind.RETIRED_ADDRESS if retired else Kind.OUTER_SOURCE, host=host, config=under, text=text,
        interface=made.outer.device, block=network, peer=made.outer_destination,
        peer_host=cluster.holder(made.outer_destination), expected=known, route=made.outer.route, decision=made.outer,
    )  # fmt: skip


def _is_wrong(
    host: Host, via: IPv4Address, owner: Host | None, expected: Known | None, hints: Iterable[IPv4Address]
) -> bool:
    if owner is not None:
        return via not in owner.addresses
    recorded = {node.address for node in host.snapshot.calico.nodes if node.address is not None}
    if recorded:
        return via not in recorded or (
            expected is not None and expected.address in recorded and via != expected.address
        )
    return bool(expected and expected.address in tuple(hints) and via != expected.address)


def _own_next_hop(host: Host, made: Encapsulation) -> tuple[IPv4Address, Confidence] | None:
    """The route's next hop when it is the node's own address, and how sure that is."""
    route = made.inner.route
    hop = next((hop for hop in route.hops if hop.device == made.device), None) if route else None
    if route is None or hop is None or hop.via is None:
        return None
    if host.snapshot.tunnel(made.device) is not None and made.inner.gateway != made.outer_destination:
        parameters = host.snapshot.tunnel(made.device)
        if parameters is not None and parameters.remote is not None:
            return None
    if hop.via in host.fib.local_addresses:
        return hop.via, Confidence.CERTAIN
    if route.onlink or "onlink" in hop.flags or host.snapshot.has(Part.ADDRESSES):
        return None
    known = [known.network for known in host.fib.addresses.get(made.device, ())]
    return None if any(hop.via in network for network in known) else (hop.via, Confidence.LIKELY)


def _down_tunnel(host: Host) -> str | None:
    """The tunnel device that is down, when all of them are."""
    links = [host.snapshot.link(name) for name in host.tunnels]
    down = [link.name for link in links if link is not None and link.flags and not link.up]
    return down[0] if down and len(down) == len(links) else None


def tunnel_down(host: Host, device: str, block: IPv4Network | None, expected: Known | None) -> Fault:
    """The tunnel device is down; its routes went with it."""
    link = host.snapshot.link(device)
    shown = f"{device}: <{','.join(link.flags)}>" + (f" mtu {link.mtu}" if link.mtu else "") if link else device
    return Fault(
        kind=Kind.TUNNEL_DOWN,
        host=host,
        config=f"{shown} state DOWN" if link else None,
        text=say(
            "{device} of {host} is down: the kernel answers packets of protocol 4 with ICMP port unreachable "
            "and has removed the routes through the device.",
            device=device,
            host=host.name,
        ),
        counters=kernel_counters(host, ("IcmpOutDestUnreachs",)),
        interface=device,
        block=block,
        expected=expected,
    )
