"""The way of one encapsulated packet into its node: NIC, firewall, tunnel device, filter, forwarding, pod.

Walked as the kernel walks it; the first fault that ends the way ends the list.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

from ipipscope.hosts import outbound
from ipipscope.hosts.cluster import Cluster, Host, Known
from ipipscope.hosts.faults import Fault, Kind, kernel_counters, link_counters, rule_counters
from ipipscope.hosts.firewall import Packet
from ipipscope.hosts.model import Part
from ipipscope.hosts.route_lookup import Outcome
from ipipscope.hosts.rp_filter import MODES, reverse_path, setting
from ipipscope.hosts.tunnel import encapsulate, is_tunnel, receive
from ipipscope.language.said import say
from ipipscope.model import Impact

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOBODY = ("FAILED", "INCOMPLETE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What is asked: one encapsulated packet that reaches a node."""

    host: Host
    outer_source: IPv4Address
    outer_destination: IPv4Address
    source: IPv4Address
    destination: IPv4Address
    protocol: int = 1
    state: str | None = "NEW"
    interface: str | None = None
    """The NIC it comes in by; None: the one that has the outer destination."""
    sender: Host | None = None


def inbound(cluster: Cluster, arrival: Arrival) -> Iterator[Fault]:
    """What is wrong on the way of a packet from the node's NIC to its pod, in the order it would be met."""
    fault = _before(cluster, arrival)
    if fault is not None:
        yield fault
        return
    reception = receive(arrival.host.snapshot, arrival.outer_source, arrival.outer_destination)
    if reception.device is None:
        if reception.refused_by is not None and reception.refused_by.remote is not None:
            yield from _other_remote(cluster, arrival, reception.reason, reception.refused_by.interface)
        elif reception.refused_by is not None:
            yield outbound.tunnel_down(arrival.host, reception.refused_by.interface, None, None)
        else:
            yield Fault(
                kind=Kind.TUNNEL_DOWN,
                host=arrival.host,
                config=None,
                peer=arrival.outer_source,
                text=say(
                    "{host} has no IP-in-IP device: the kernel answers with ICMP protocol or port unreachable.",
                    host=arrival.host.name,
                ),
            )
        return
    yield from _after(cluster, arrival, reception.device)


def _before(cluster: Cluster, arrival: Arrival) -> Fault | None:
    host = arrival.host
    nic = arrival.interface or host.arrival_device(arrival.outer_destination)
    common: dict[str, Any] = {"host": host, "interface": nic, "peer": arrival.outer_source, "peer_host": arrival.sender}
    if nic is not None and host.knows_routes:
        path = reverse_path(host.fib, arrival.outer_source, nic, destination=arrival.outer_destination)
        if path.passes is False and path.mode:
            back = path.back.route.line if path.back.route else "no route"
            return Fault(
                kind=Kind.RP_FILTER_OUTER,
                config=setting(host.snapshot, nic),
                decision=path.back,
                text=say(
                    "{outer_source} arrives on {nic} of {host}, where rp_filter is {mode}, but the route back is "
                    "`{back}`.",
                    outer_source=arrival.outer_source,
                    nic=nic,
                    host=host.name,
                    mode=MODES.get(path.mode),
                    back=back,
                ),
                counters=kernel_counters(host, ("TcpExtIPReversePathFilter",)),
                **common,
            )
    packet = Packet(
        source=arrival.outer_source, destination=arrival.outer_destination, protocol=4, in_interface=nic,
        state="NEW",
    )  # fmt: skip
    judgement = host.firewall.judge("INPUT", packet)
    if not judgement.dropped:
        return None
    common = {**common, "judgement": judgement, "counters": rule_counters(judgement)}
    listed = (
        say(
            " because {outer_source} is not in {host_set}",
            outer_source=arrival.outer_source,
            host_set=judgement.set_name,
        )
        if judgement.set_name
        else ""
    )
    fault = Fault(
        kind=Kind.FIREWALL_IN,
        config=judgement.line,
        text=say(
            "{host}'s firewall drops packets of protocol 4 from {outer_source}{listed}.",
            host=host.name,
            outer_source=arrival.outer_source,
            listed=listed,
        ),
        **common,
    )
    return _sender_at_fault(cluster, arrival, fault) or fault


def _sender_at_fault(cluster: Cluster, arrival: Arrival, fault: Fault) -> Fault | None:
    """A filter for known hosts that lists the sender by its other address: the sender has to be mended."""
    sender = arrival.sender or cluster.holder(arrival.outer_source)
    name = fault.judgement.set_name if fault.judgement else None
    members = arrival.host.firewall.hosts_of(name) if name else None
    if sender is None or members is None:
        return None
    inner = sender.fib.lookup(arrival.destination)
    if not is_tunnel(sender.snapshot, inner.device):
        return None
    made = encapsulate(sender.fib, inner)
    found = next(outbound.source_fault(cluster, sender, made), None)
    if found is None or made.outer_source != arrival.outer_source or found.expected is None:
        return None
    if not members.holds(found.expected.address):
        return None
    text = say(
        "{text} {host} drops it by `{config}`: {name} lists {expected} only.",
        text=found.text,
        host=arrival.host.name,
        config=fault.config,
        name=name,
        expected=found.expected.address,
    )
    return replace(found, text=text, counters=fault.counters, peer_host=arrival.host)


def _other_remote(cluster: Cluster, arrival: Arrival, reason: str, device: str) -> Iterator[Fault]:
    host = arrival.host
    tunnel = host.snapshot.tunnel(device)
    expected = tunnel.remote if tunnel else None
    text = say(
        "{reason} on {host}; {outer_source} is answered with ICMP port unreachable.",
        reason=reason,
        host=host.name,
        outer_source=arrival.outer_source,
    )
    sender = arrival.sender or cluster.holder(arrival.outer_source)
    counters = kernel_counters(host, ("IcmpOutDestUnreachs",))
    if sender is not None and expected in sender.addresses:
        inner = sender.fib.lookup(arrival.destination)
        if is_tunnel(sender.snapshot, inner.device):
            made = encapsulate(sender.fib, inner)
            under = made.outer.route.line if made.outer.route else None
            found = next(outbound.source_fault(cluster, sender, made), None)
            if found is not None:
                yield replace(
                    found,
                    text=say("{text} {more}", text=found.text, more=text),
                    counters=counters,
                    peer_host=host,
                    tunnel=tunnel,
                )
                return
            yield Fault(
                kind=Kind.OUTER_SOURCE, host=sender, config=under, text=text, counters=counters, tunnel=tunnel,
                interface=made.outer.device, peer=arrival.outer_destination, peer_host=host, decision=made.outer,
                route=made.outer.route,
                expected=Known(expected, say("`{line}` on {host}", line=tunnel.line, host=host.name))
                if tunnel and expected
                else None,
            )  # fmt: skip
            return
    yield Fault(
        kind=Kind.OTHER_REMOTE, host=host, config=tunnel.line if tunnel else None, text=text, tunnel=tunnel,
        interface=device, peer=arrival.outer_source, peer_host=sender, counters=counters,
    )  # fmt: skip


def _after(cluster: Cluster, arrival: Arrival, device: str) -> Iterator[Fault]:
    host = arrival.host
    block = cluster.block_of(arrival.source)
    network = block.network if block else IPv4Network(f"{arrival.source}/32")
    if host.knows_routes:
        path = reverse_path(
            host.fib, arrival.source, device, destination=arrival.destination,
            forwarded_to=host.workload_device(arrival.destination),
        )  # fmt: skip
        if path.back.outcome is Outcome.LOCAL and path.passes is False:
            yield Fault(
                kind=Kind.SHARED_ADDRESS,
                host=host,
                address=arrival.source,
                block=network,
                peer_host=arrival.sender,
                config=path.back.route.line if path.back.route else None,
                peer=arrival.outer_source,
                text=say(
                    "{host} has {source} itself and refuses packets from it as martians.",
                    host=host.name,
                    source=arrival.source,
                ),
            )
            return
        if path.passes is False and path.mode:
            back = path.back.route.line if path.back.route else "no route"
            yield Fault(
                kind=Kind.RP_FILTER_INNER,
                host=host,
                config=f"{setting(host.snapshot, device)}; {back}",
                text=say(
                    "{source} comes out of {device} of {host}, where rp_filter is {mode}, but the route back is "
                    "`{back}`.",
                    source=arrival.source,
                    device=device,
                    host=host.name,
                    mode=MODES.get(path.mode),
                    back=back,
                ),
                counters=kernel_counters(host, ("TcpExtIPReversePathFilter",)),
                interface=device,
                block=network,
                peer=arrival.outer_source,
                peer_host=arrival.sender,
                decision=path.back,
                route=path.back.route,
                expected=cluster.next_hop_for(host, network, (arrival.outer_source,)),
            )
            return
    packet = Packet(
        source=arrival.source, destination=arrival.destination, protocol=arrival.protocol, in_interface=device,
        state=arrival.state,
    )  # fmt: skip
    if host.fib.is_local(arrival.destination):
        judgement = host.firewall.judge("INPUT", packet)
        if judgement.dropped:
            yield Fault(
                kind=Kind.FIREWALL_INNER,
                host=host,
                config=judgement.line,
                judgement=judgement,
                interface=device,
                text=say(
                    "{host}'s firewall drops what {device} delivers to {destination}.",
                    host=host.name,
                    device=device,
                    destination=arrival.destination,
                ),
                block=network,
                counters=rule_counters(judgement),
                address=arrival.source,
                peer=arrival.destination,
            )
        return
    if host.snapshot.ip_forward is False:
        yield outbound.forwarding_off(host)
        return
    yield from _to_the_pod(cluster, host, packet, network)


def _to_the_pod(cluster: Cluster, host: Host, packet: Packet, network: IPv4Network) -> Iterator[Fault]:
    if not host.knows_routes:
        return
    pod = packet.destination
    decision = host.fib.lookup(pod, source=packet.source, in_interface=packet.in_interface)
    line = decision.route.line if decision.route else None
    common: dict[str, Any] = {
        "host": host,
        "address": pod,
        "decision": decision,
        "route": decision.route,
        "interface": decision.device,
    }
    if decision.dropped:
        refused = say("; `{line}` refuses the packet", line=line) if line else ""
        yield Fault(
            kind=Kind.POD_GONE,
            config=line,
            text=say("{host} has no route to the pod {pod}{refused}.", host=host.name, pod=pod, refused=refused),
            **common,
        )
        return
    sent_on = host.workload_device(pod) is None and (
        decision.gateway is not None or is_tunnel(host.snapshot, decision.device)
    )
    block = cluster.block_of(pod)
    if sent_on and (block is None or block.owner in (None, host)):
        text = say("{pod} is no pod of {host}: `{line}` sends the packet on.", pod=pod, host=host.name, line=line)
        yield Fault(kind=Kind.POD_GONE, config=line, text=text, **common)
        return
    fault = outbound.forward_fault(host, replace(packet, out_interface=decision.device), network)
    if fault is not None:
        yield fault
        return
    link = host.fib.link(decision.device)
    if link is not None and link.flags and "NO-CARRIER" in link.flags:
        yield Fault(
            kind=Kind.POD_SILENT,
            config=f"{link.name}: <{','.join(link.flags)}>",
            text=say(
                "{link}, the interface of {pod} on {host}, has no carrier: the pod's end is down.",
                link=link.name,
                pod=pod,
                host=host.name,
            ),
            **common,
        )
        return
    near = next((one for one in host.snapshot.neighbours if one.address == pod), None)
    if near is not None and any(state in _NOBODY for state in near.state):
        yield Fault(
            kind=Kind.POD_ABSENT,
            config=f"{near.address} dev {near.interface} {' '.join(near.state)}",
            text=say(
                "Nobody answers ARP for {pod} on {interface} of {host}.",
                pod=pod,
                interface=near.interface,
                host=host.name,
            ),
            **common,
        )


def other_device(arrival: Arrival, device: str) -> Fault | None:
    """Another tunnel device than the one that carries the way back takes the packet; it may still be delivered."""
    host = arrival.host
    back = host.fib.lookup(arrival.source)
    if not is_tunnel(host.snapshot, back.device) or back.device == device:
        return None
    tunnel = host.snapshot.tunnel(device)
    return Fault(
        kind=Kind.OTHER_DEVICE,
        host=host,
        config=tunnel.line if tunnel else None,
        impact=Impact.NONE,
        text=say(
            "On {host} {device} takes the packets from {outer_source}, not {own}.",
            host=host.name,
            device=device,
            outer_source=arrival.outer_source,
            own=back.device,
        ),
        counters=link_counters(host, device, "rx", "packets"),
        interface=device,
        tunnel=tunnel,
        peer=arrival.outer_source,
    )


def knows_enough(host: Host) -> bool:
    """Whether the way into the node could be followed to its end."""
    return host.snapshot.has(Part.ROUTES, Part.ADDRESSES)
