"""Audit: what is wrong in the nodes' state, without any packet.

For every node and every block of another node the ways out and in are walked as for a finding. What is found is told
with the same rules: a fault that breaks both directions is named by its reply form, the request form is a consequence.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Final

from ipipscope.hosts.causes import cause_of, shared_addresses
from ipipscope.hosts.cluster import Block, Cluster, Host
from ipipscope.hosts.faults import MEANINGS, Fault, Kind
from ipipscope.hosts.firewall import Packet
from ipipscope.hosts.inbound import Arrival, inbound
from ipipscope.hosts.model import Part, Snapshot
from ipipscope.hosts.outbound import Way, forwarding_off, outbound, tunnel_addresses, tunnel_down
from ipipscope.hosts.remedies import odd_peer, remedies
from ipipscope.hosts.sizes import sizes
from ipipscope.hosts.tunnel import receive
from ipipscope.language.said import Said, joined, say
from ipipscope.model import Cause, CauseClass, Confidence, Finding, Flow, Impact, OuterPair, TunnelPair

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAMES: Final = {
    "IPIP101": "reply-not-encapsulated", "IPIP103": "reply-sent-native", "IPIP201": "outer-source-mismatch",
    "IPIP202": "reply-wrong-outer-destination", "IPIP204": "interface-asymmetry",
    "IPIP301": "request-not-delivered-to-tunnel", "IPIP302": "request-dropped-after-decapsulation",
    "IPIP305": "destination-pod-unreachable", "IPIP401": "mtu-exceeded", "IPIP402": "outer-fragmentation",
    "IPIP501": "inner-source-rewritten",
}  # fmt: skip
ICMP: Final = 1
PROTOCOLS: Final = (ICMP, 6, 17)
"""What pods send: a firewall may pass the pings and drop the rest. (IANA protocol numbers: ICMP, TCP, UDP.)"""
_IMPACTS = (Impact.LOSS, Impact.PARTIAL, Impact.NONE)
_CONFIDENCES = (Confidence.CERTAIN, Confidence.LIKELY, Confidence.POSSIBLE)
_ROUTE_FAULTS = frozenset((Kind.NOT_TUNNELLED, Kind.NO_BLOCK_ROUTE, Kind.UNROUTED, Kind.RULE_DIVERTS))


def audit(snapshots: Mapping[str, Snapshot]) -> list[Finding]:
    """Everything that is wrong in *snapshots*, the worst first; findings of impact `none` are worth knowing only."""
    cluster = Cluster(snapshots)
    found = [_finding(cluster, faults) for faults in _grouped(_faults(cluster))]
    found += _odd_peers(cluster)
    return sorted(
        found,
        key=lambda one: (_IMPACTS.index(one.impact), _CONFIDENCES.index(one.confidence), one.code, one.node or ""),
    )


def is_idle(finding: Finding) -> bool:
    """Whether nothing in the state suffers from it: another state might, so it is worth a note and no more."""
    return finding.impact is Impact.NONE and finding.confidence is Confidence.POSSIBLE


def _faults(cluster: Cluster) -> Iterator[Fault]:
    for host in cluster.earlier.values():
        for fault in _ways_out(cluster, host):
            after = say("; the last listing no longer shows it") if _is_mended(cluster, fault) else ""
            yield replace(
                fault,
                text=say("{text} (In {moment}{after}.)", text=fault.text, moment=host.snapshot.moment, after=after),
            )
    for host in cluster.hosts.values():
        yield from _of_host(cluster, host)
    yield from shared_addresses(cluster)


def _is_mended(cluster: Cluster, fault: Fault) -> bool:
    last = cluster.host(fault.host.name)
    return last is not None and fault.route is not None and fault.route not in last.snapshot.routes


def _of_host(cluster: Cluster, host: Host) -> Iterator[Fault]:
    down = next(_down(host), None)
    if down is not None:
        yield down
        return
    if host.snapshot.ip_forward is False and host.tunnel_routes and host.workload_routes:
        yield forwarding_off(host)  # a host without pods has nothing to forward
    out = list(_ways_out(cluster, host))
    filtered = list(_ways_in(cluster, host))
    refused = {fault.block for fault in filtered if fault.kind is Kind.RP_FILTER_INNER}
    addresses = list(tunnel_addresses(cluster, host))
    if addresses and not host.tunnel_routes and any(fault.kind is Kind.NO_BLOCK_ROUTE for fault in out):
        # the kernel removes a device's routes with its last address: the one fault explains the others
        lost = joined(", ", (fault.block for fault in out if fault.kind is Kind.NO_BLOCK_ROUTE))
        text = say(
            "{text} It has no routes through the device either, which go with its last address ({lost}).",
            text=addresses[0].text,
            lost=lost,
        )
        addresses[0] = replace(addresses[0], text=text, impact=Impact.LOSS, confidence=Confidence.CERTAIN)
        out = [fault for fault in out if fault.kind is not Kind.NO_BLOCK_ROUTE]
    yield from (fault for fault in out if not (fault.block in refused and fault.kind in _ROUTE_FAULTS))
    yield from filtered
    yield from addresses
    yield from sizes(cluster, host)


def _down(host: Host) -> Iterator[Fault]:
    for name in host.tunnels:
        link = host.snapshot.link(name)
        others = [host.snapshot.link(other) for other in host.tunnels if other != name]
        if any(other is not None and other.up for other in others):
            continue  # point-to-point devices do the work
        if link is not None and link.flags and not link.up and _in_use(host, name):
            yield tunnel_down(host, name, None, None)


def _in_use(host: Host, name: str) -> bool:
    """A fallback device that nobody set up is down on every host that has loaded the module."""
    return any(known.interface == name for known in host.snapshot.addresses)


def _remote_blocks(cluster: Cluster, host: Host) -> Iterator[Block]:
    for block in cluster.blocks.values():
        if block.owner is not host and (block.owner is None or block.owner.name != host.name):
            yield block


def _ways_out(cluster: Cluster, host: Host) -> Iterator[Fault]:
    own = next(iter(cluster.own_blocks(host)), None)
    for block in _remote_blocks(cluster, host):
        destination = block.network.network_address + (1 if block.network.prefixlen < 32 else 0)
        source = _pod(host, own)
        for protocol in PROTOCOLS:
            for fault in outbound(cluster, Way(host=host, destination=destination, source=source, protocol=protocol)):
                judged = _weighed(cluster, host, block, fault)
                if judged is not None and (protocol == ICMP or fault.kind is Kind.FIREWALL_FORWARD):
                    yield judged if protocol == ICMP else replace(judged, impact=Impact.PARTIAL)
        yield from _more_specific(cluster, host, block)
    yield from _borrowed(cluster, host)


def _borrowed(cluster: Cluster, host: Host) -> Iterator[Fault]:
    """Pods whose address is borrowed from another node's block: it needs a route of its own."""
    for address, borrower in cluster.borrowed.items():
        if borrower is not host:
            for fault in outbound(cluster, Way(host=host, destination=address)):
                if fault.kind in _ROUTE_FAULTS or fault.kind is Kind.OTHER_NEXT_HOP:
                    yield replace(fault, impact=Impact.PARTIAL)


def _more_specific(cluster: Cluster, host: Host, block: Block) -> Iterator[Fault]:
    """Routes inside a remote block that take part of it elsewhere."""
    for route in host.snapshot.routes:
        if route.type != "unicast" or route.destination.prefixlen <= block.network.prefixlen:
            continue
        if route.table == "main" and route.destination.subnet_of(block.network):
            address = route.destination.network_address
            for fault in outbound(cluster, Way(host=host, destination=address)):
                judged = _weighed(cluster, host, block, fault)
                if judged is not None and judged.route == route:
                    yield judged


def _pod(host: Host, own: IPv4Network | None) -> IPv4Address | None:
    route = next((r for r in host.workload_routes if own is None or r.destination.subnet_of(own)), None)
    if route is not None:
        return route.destination.network_address
    return next(iter(sorted(host.tunnel_addresses)), None)


def _weighed(cluster: Cluster, host: Host, block: Block, fault: Fault) -> Fault | None:
    """*fault* with the impact that the other side's state gives it; None where it is no fault after all."""
    if fault.kind is Kind.NOT_TUNNELLED and _is_meant(cluster, host, block, fault):
        return None
    if fault.kind is Kind.NO_BLOCK_ROUTE and block.owner is None and not _others_tunnel(cluster, host, block):
        return None
    if fault.kind in (Kind.OUTER_SOURCE, Kind.RETIRED_ADDRESS):
        return _weighed_source(cluster, host, block, fault)
    if fault.kind is Kind.SHARED_ADDRESS:
        return None  # told once for both nodes
    if fault.kind is Kind.OTHER_NEXT_HOP and fault.peer_host is not None and _sends_on(cluster, fault.peer_host, block):
        text = say("{text} {peer} sends them on.", text=fault.text, peer=fault.peer_host.name)
        return replace(fault, text=text, impact=Impact.NONE)
    return fault


def _sends_on(cluster: Cluster, third: Host, block: Block) -> bool:
    """Whether a third node that gets the packets would send them on through its own tunnel to the block's owner."""
    destination = block.network.network_address + 1
    sent = cluster.outer_pair(third, destination)
    if (
        sent is None
        or third.snapshot.ip_forward is False
        or block.owner is None
        or sent[1] not in block.owner.addresses
    ):
        return False
    device = third.fib.lookup(destination).device
    packet = Packet(
        source=block.network.network_address, destination=destination, protocol=1, in_interface=device,
        out_interface=device,
    )  # fmt: skip
    return not third.firewall.judge("FORWARD", packet).dropped


def _is_meant(cluster: Cluster, host: Host, block: Block, fault: Fault) -> bool:
    """A native route as CrossSubnet or `ipipMode: Never` wants it: to the owner, in one subnet, on both sides."""
    decision = fault.decision
    if decision is None or fault.impact is not Impact.NONE:
        via = decision.gateway if decision else None
        if via is None or not _on_link(host, via) or block.owner is not None:
            return False
    pools = [pool for pool in host.snapshot.calico.pools if block.network.subnet_of(pool.network)]
    if pools:
        return any(pool.ipip_mode.lower() != "always" for pool in pools)
    if block.owner is not None and _sends_native(cluster, block.owner, host) is not None:
        return bool(_sends_native(cluster, block.owner, host))
    via = decision.gateway if decision else None
    alike = [
        route
        for route in host.tunnel_routes
        for hop in route.hops
        if hop.via is not None and via is not None and _on_link(host, hop.via)
        and _on_link(host, hop.via) == _on_link(host, via)
    ]  # fmt: skip
    return not alike


def _sends_native(cluster: Cluster, owner: Host, host: Host) -> bool | None:
    """Whether *owner* sends to *host*'s pods without an outer header; None when that is not known."""
    own = cluster.own_blocks(host)
    if not own or not owner.knows_routes:
        return None
    decision = owner.fib.lookup(own[0].network_address + 1)
    return not decision.dropped and decision.device not in owner.tunnels and decision.gateway in host.addresses


def _on_link(host: Host, address: IPv4Address) -> str | None:
    """The NIC in whose network *address* stands."""
    for name, held in host.fib.addresses.items():
        if any(address in known.network and known.prefix_length < 32 for known in held):
            return name
    return None


def _others_tunnel(cluster: Cluster, host: Host, block: Block) -> bool:
    return any(route.destination == block.network for other in cluster.others(host) for route in other.tunnel_routes)


def _weighed_source(cluster: Cluster, host: Host, block: Block, fault: Fault) -> Fault:
    """Whether the other end takes that outer source: shown by its state, or by how this cluster filters."""
    source = fault.decision.source if fault.decision else None
    peer = block.owner
    if source is None or fault.peer is None:
        return replace(fault, impact=Impact.NONE, confidence=Confidence.POSSIBLE)
    if peer is not None:
        arrival = Arrival(
            host=peer, outer_source=source, outer_destination=fault.peer, destination=block.network.network_address + 1,
            source=_pod(host, None) or block.network.network_address, sender=host,
        )  # fmt: skip
        kinds = (Kind.FIREWALL_IN, Kind.OUTER_SOURCE, Kind.RETIRED_ADDRESS, Kind.OTHER_REMOTE)
        refused = next((one for one in inbound(cluster, arrival) if one.kind in kinds), None)
        if refused is not None:
            return replace(fault, text=refused.text, counters=refused.counters, impact=Impact.LOSS)
        awaiting = next(
            (t for t in peer.snapshot.tunnels if fault.expected and t.remote == fault.expected.address), None
        )
        if awaiting is not None and receive(peer.snapshot, source, fault.peer).device is None:
            text = say(
                "{text} `{line}` of {peer} takes packets of {remote} only.",
                text=fault.text,
                line=awaiting.line,
                peer=peer.name,
                remote=awaiting.remote,
            )
            return replace(fault, text=text, impact=Impact.LOSS)
        if peer.snapshot.has(Part.FIREWALL):
            return replace(
                fault,
                text=say("{text} {peer} takes it all the same.", text=fault.text, peer=peer.name),
                impact=Impact.NONE,
            )
    filtering = [
        other
        for other in (host, *cluster.others(host))
        if (name := other.firewall.filters_by_host)
        and (members := other.firewall.hosts_of(name)) is not None
        and not members.holds(source)
    ]
    if filtering and (peer is None or not peer.snapshot.has(Part.FIREWALL)):
        where = filtering[0]
        text = say(
            "{text} Nodes of this cluster take IPIP from known hosts only ({host_set} on "
            "{where}), and {source} is none of them.",
            text=fault.text,
            host_set=where.firewall.filters_by_host,
            where=where.name,
            source=source,
        )
        return replace(fault, text=text, impact=Impact.LOSS, confidence=Confidence.LIKELY)
    if fault.kind is Kind.RETIRED_ADDRESS:
        return replace(fault, impact=Impact.LOSS, confidence=Confidence.LIKELY)
    text = say(
        "{text} Harmless while the other nodes take it; Felix's filter for known hosts would drop it.",
        text=fault.text,
    )
    return replace(fault, text=text, impact=Impact.NONE, confidence=Confidence.POSSIBLE)


def _ways_in(cluster: Cluster, host: Host) -> Iterator[Fault]:
    known = cluster.known_address(host)
    own = next(iter(cluster.own_blocks(host)), None)
    pod = _pod(host, own)
    if known is None or known.address not in host.addresses or pod is None:
        return
    for block in _remote_blocks(cluster, host):
        peer = cluster.next_hop_for(host, block.network)
        source, sender = peer.address if peer else None, block.owner
        confidence = Confidence.LIKELY
        if sender is not None:
            sent = cluster.outer_pair(sender, pod)
            if sent is None:
                continue  # it sends nothing encapsulated: told there
            source, confidence = sent[0], Confidence.CERTAIN
        elif _native_both_ways(host, block):
            continue
        if source is None or source in host.addresses:
            continue
        arrival = Arrival(
            host=host, outer_source=source, outer_destination=known.address,
            source=block.network.network_address + 1, destination=pod, sender=sender,
        )  # fmt: skip
        for fault in (*inbound(cluster, arrival), *_in_part(cluster, arrival)):
            if fault.host is host:  # a sender at fault is told with its own ways
                yield replace(fault, block=fault.block or block.network, confidence=confidence)


def _in_part(cluster: Cluster, arrival: Arrival) -> Iterator[Fault]:
    """What a firewall drops of other protocols than ICMP, or of what is for the node's own tunnel address."""
    other = [replace(arrival, protocol=protocol) for protocol in PROTOCOLS if protocol != ICMP]
    other += [replace(arrival, destination=address) for address in sorted(arrival.host.tunnel_addresses)[:1]]
    for one in other:
        for fault in inbound(cluster, one):
            if fault.kind in (Kind.FIREWALL_FORWARD, Kind.FIREWALL_INNER):
                yield replace(fault, impact=Impact.PARTIAL)


def _native_both_ways(host: Host, block: Block) -> bool:
    """The block's owner is not known and this node sends to it natively: its packets may well come natively too."""
    decision = host.fib.lookup(block.network.network_address + 1)
    return decision.device not in host.tunnels


# ---- faults into findings


def _grouped(faults: Iterator[Fault]) -> list[list[Fault]]:
    """Faults that are one: the same kind, node and line, whichever blocks they strike."""
    groups: dict[tuple[str, str, str, str], list[Fault]] = {}
    for fault in faults:
        if fault.kind in (Kind.FIREWALL_IN, Kind.FIREWALL_OUT, Kind.FIREWALL_FORWARD):
            about = fault.config or ""
        else:
            about = f"{fault.config} {fault.peer if fault.kind is not Kind.NO_BLOCK_ROUTE else fault.block}"
        groups.setdefault((fault.kind, fault.node, fault.host.key, about), []).append(fault)
    return list(groups.values())


def _finding(cluster: Cluster, faults: list[Fault]) -> Finding:
    first = min(faults, key=lambda fault: _IMPACTS.index(fault.impact))
    meaning = MEANINGS[first.kind]
    blocks = sorted({fault.block for fault in faults if fault.block is not None})
    cure = remedies(cluster, first)
    seen: list[str] = [remedy.command for remedy in cure]
    for fault in faults:
        if fault is not first:
            for remedy in remedies(cluster, fault):
                if remedy.command not in seen:
                    seen.append(remedy.command)
                    cure = (*cure, remedy)
    return Finding(
        code=meaning.code,
        rule=NAMES[meaning.code],
        impact=first.impact,
        confidence=first.confidence,
        node=first.node,
        interface=first.interface,
        count=0,
        first=0,
        last=0,
        summary=_summary(first, blocks),
        tunnels=_tunnels(faults),
        flows=_flows(cluster, first, blocks),
        consequences=meaning.consequences if first.impact is not Impact.NONE else (),
        cause=cause_of(first),
        remedy=cure,
    )


def _summary(fault: Fault, blocks: list[IPv4Network]) -> Said:
    kind = say(fault.kind.value)
    if not blocks:
        return say("{node}: {kind}.", node=fault.node, kind=kind)
    return say("{node}: {kind}. Concerns {blocks}.", node=fault.node, kind=kind, blocks=joined(", ", blocks[:6]))


def _tunnels(faults: list[Fault]) -> tuple[TunnelPair, ...]:
    pairs = []
    for fault in faults:
        source = fault.decision.source if fault.decision else None
        if fault.kind in (Kind.OUTER_SOURCE, Kind.RETIRED_ADDRESS) and source and fault.peer and fault.expected:
            pair = TunnelPair(OuterPair(fault.peer, fault.expected.address), OuterPair(source, fault.peer))
            if pair not in pairs:
                pairs.append(pair)
    return tuple(pairs)


def _flows(cluster: Cluster, fault: Fault, blocks: list[IPv4Network]) -> tuple[Flow, ...]:
    """A flow for which it shows: from a remote block's base address, which is its node's own, to the node."""
    own = cluster.own_blocks(fault.host)
    if not own or not blocks:
        return ()
    return tuple(Flow(block.network_address, own[0].network_address, "icmp") for block in blocks[:6])


def _odd_peers(cluster: Cluster) -> Iterator[Finding]:
    """BGP peers that stand in another network than all the others, for nodes of which nothing else is known.

    The mask is not known: networks of 24 bits are taken, as the address plan of one site mostly has them.
    """
    for host in cluster.hosts.values():
        peers = host.snapshot.calico.peers
        if host.knows_routes or len(peers) < 3:
            continue
        networks = Counter(IPv4Network(f"{peer.address}/24", strict=False) for peer in peers)
        (common, count), *_ = networks.most_common(1)
        odd = [peer for peer in peers if peer.address not in common]
        if not odd or count <= len(peers) / 2:
            continue
        for peer in odd:
            text = say(
                "{count} of {peers} peers stand in {common}, {peer} does not. Nodes of {common} that also have "
                "an address in its network send their IPIP to it from there, by which it does not know them. BGP "
                "says {says}, which proves nothing about IPIP.",
                count=count,
                peers=len(peers),
                common=common,
                peer=peer.address,
                says=peer.info or peer.state or say("nothing"),
            )
            yield Finding(
                code="IPIP201",
                rule=NAMES["IPIP201"],
                impact=Impact.PARTIAL,
                confidence=Confidence.POSSIBLE,
                node=str(peer.address),
                interface=None,
                count=0,
                first=0,
                last=0,
                summary=say(
                    "{peer} is the odd one out: the other peers of {host} stand in {common}.",
                    peer=peer.address,
                    host=host.name,
                    common=common,
                ),
                cause=Cause(
                    cls=CauseClass.SOURCE_SELECTION,
                    node=str(peer.address),
                    text=text,
                    config=f"| {peer.address} | {peer.kind} | {peer.state} | {peer.since} | {peer.info} |",
                ),
                remedy=odd_peer(peer.address, host.name, common),
            )
