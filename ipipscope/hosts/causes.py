"""Why: the line of host configuration that explains a finding, and the commands that mend it.

For each rule the way that its packets took is walked through the hosts' state (`outbound`, `inbound`, `sizes`), with
the addresses that the finding shows. The first fault that the kernel would have met is the cause, provided that it
shows itself as that rule. Where the state shows none, no cause is claimed; only kinds of findings whose class follows
from the packets alone (scattered loss, duplicates ...) get one without a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ipipscope.hosts.cluster import Cluster, Host, Known
from ipipscope.hosts.faults import Fault, Kind
from ipipscope.hosts.firewall import Packet
from ipipscope.hosts.inbound import Arrival, inbound, knows_enough, other_device
from ipipscope.hosts.model import Part, Snapshot
from ipipscope.hosts.outbound import Way, outbound, tunnel_addresses
from ipipscope.hosts.remedies import CLUSTER, remedies
from ipipscope.hosts.route_lookup import Outcome
from ipipscope.hosts.sizes import sizes
from ipipscope.hosts.tunnel import FALLBACK, IPIP_OVERHEAD, encapsulate, is_tunnel, receive
from ipipscope.model import Cause, CauseClass, Finding, Flow, OuterPair

if TYPE_CHECKING:
    from ipaddress import IPv4Address

FLOWS_MAX: Final = 20
"""Flows of one finding whose ways are walked; they share one fault as a rule."""
PROTOCOLS: Final = {"icmp": 1, "tcp": 6, "udp": 17}

_NO_ENCAPSULATION = frozenset(
    (
        Kind.OWN_NEXT_HOP, Kind.UNDERLAY_LOOP, Kind.NO_UNDERLAY, Kind.FIREWALL_OUT, Kind.TUNNEL_DOWN, Kind.UNROUTED,
        Kind.FIREWALL_FORWARD, Kind.FORWARDING_OFF, Kind.RULE_DIVERTS, Kind.SHARED_ADDRESS, Kind.OTHER_NEXT_HOP,
        Kind.NO_NEIGHBOUR,
    )
)  # fmt: skip
_NATIVE = frozenset((Kind.NOT_TUNNELLED, Kind.NO_BLOCK_ROUTE, Kind.RULE_DIVERTS, Kind.TUNNEL_DOWN))
_WRONG_WAY = frozenset((Kind.OTHER_NEXT_HOP, Kind.SHARED_ADDRESS, Kind.RETIRED_ADDRESS)) | _NATIVE
_NOT_TO_TUNNEL = frozenset(
    (
        Kind.RP_FILTER_OUTER, Kind.FIREWALL_IN, Kind.TUNNEL_DOWN, Kind.OTHER_REMOTE, Kind.OUTER_SOURCE,
        Kind.RETIRED_ADDRESS, Kind.OTHER_DEVICE,
    )
)  # fmt: skip
_AFTER_TUNNEL = frozenset(
    (
        Kind.RP_FILTER_INNER, Kind.FORWARDING_OFF, Kind.FIREWALL_FORWARD, Kind.FIREWALL_INNER, Kind.SHARED_ADDRESS,
        Kind.POD_GONE, Kind.POD_ABSENT, Kind.POD_SILENT,
    )
)  # fmt: skip
_BETWEEN = frozenset(("IPIP306", "IPIP307", "IPIP308"))
"""What outages between the nodes look like, exchange by exchange."""
_AT_THE_POD = frozenset((Kind.POD_GONE, Kind.POD_ABSENT, Kind.POD_SILENT))
_FROM_PACKETS: Final = {
    "IPIP601": (
        CauseClass.NETWORK_LOSS,
        "Packets vanish between the nodes, one here and there; no node's state shows why.",
    ),
    "IPIP603": (CauseClass.NETWORK, "Something between the nodes sends packets twice: a loop, a bond, a mirror port."),
    "IPIP604": (CauseClass.NETWORK, "The packets are late or overtake one another between the nodes."),
    "IPIP901": (CauseClass.CAPTURE_WINDOW, "The points did not record at the same time; the nodes are not to blame."),
}


@dataclass(frozen=True, slots=True)
class _Sides:
    """One flow of a finding, with the hosts at its ends."""

    finding: Finding
    flow: Flow
    request: OuterPair | None
    reply: OuterPair | None
    requester: Host | None
    replier: Host | None

    @property
    def protocol(self) -> int:
        return PROTOCOLS.get(self.flow.protocol, 1)


def explain(findings: Iterable[Finding], snapshots: Mapping[str, Snapshot]) -> list[Finding]:
    """*findings* with the cause and the remedies that *snapshots* support; those that have a cause keep it.

    snapshots: by node, named as in the findings.
    """
    cluster = Cluster(snapshots)
    return [finding if finding.cause is not None else explained(finding, cluster) for finding in findings]


def explained(finding: Finding, cluster: Cluster) -> Finding:
    """*finding* with what the state of *cluster* shows."""
    fault = next(_faults(finding, cluster), None)
    if fault is not None:
        return replace(finding, cause=cause_of(fault), remedy=remedies(cluster, fault))
    cause = _without_the_sender(finding, cluster) or _from_packets(finding, cluster)
    if cause is None:
        return finding
    faults = (*_narrow_path(finding, cluster), *_translated_elsewhere(finding, cluster))
    cure = [remedy for fault in faults for remedy in remedies(cluster, fault)]
    once = {(remedy.command, remedy.why if remedy.why.startswith(CLUSTER) else remedy.node): remedy for remedy in cure}
    return replace(finding, cause=cause, remedy=tuple(once.values()))


def cause_of(fault: Fault) -> Cause:
    """The cause that a fault is."""
    return Cause(cls=fault.cls, node=fault.node, config=fault.config, text=fault.text, counters=fault.counters)


def _faults(finding: Finding, cluster: Cluster) -> Iterator[Fault]:
    search = _SEARCHES.get(finding.code)
    if search is None:
        return
    for sides in _sides(finding, cluster):
        yield from search(cluster, sides)


def _sides(finding: Finding, cluster: Cluster) -> Iterator[_Sides]:
    """Each flow with the tunnel pairs that can be its own; flows at whose fitting end the named node is come first."""
    found: list[_Sides] = []
    named = cluster.host(finding.node)
    for flow in finding.flows[:FLOWS_MAX]:
        own = []
        for pair in finding.tunnels:
            request, reply = pair.request, pair.reply
            requester = _host_at(cluster, flow.src, request.src if request else (reply.dst if reply else None))
            replier = _host_at(cluster, flow.dst, request.dst if request else (reply.src if reply else None))
            if _crossed(request, requester, replier) or _crossed(reply, replier, requester):
                continue
            if finding.code in _AT_REPLIER and named not in (None, requester):
                replier = named
            elif finding.code in _AT_REQUESTER and named not in (None, replier):
                requester = named
            own.append(_Sides(finding, flow, request, reply, requester, replier))
        found += own or [_without_pair(finding, flow, cluster)]
    return iter(sorted(found, key=lambda sides: named is not None and named is not _accused(sides)))


def _without_pair(finding: Finding, flow: Flow, cluster: Cluster) -> _Sides:
    return _Sides(finding, flow, None, None, _host_at(cluster, flow.src, None), _host_at(cluster, flow.dst, None))


def _accused(sides: _Sides) -> Host | None:
    return sides.requester if sides.finding.code in _AT_REQUESTER else sides.replier


def _crossed(pair: OuterPair | None, sender: Host | None, receiver: Host | None) -> bool:
    """Whether *pair* is that of packets the other way round, of another flow of the same finding."""
    if pair is None:
        return False
    return (receiver is not None and pair.src in receiver.addresses) or (
        sender is not None and pair.dst in sender.addresses
    )


def _host_at(cluster: Cluster, inner: IPv4Address, outer: IPv4Address | None) -> Host | None:
    block = cluster.block_of(inner)
    if block is not None and block.owner is not None:
        return block.owner
    return cluster.holder(outer) if outer is not None else None


_AT_REPLIER = frozenset(
    ["IPIP101", "IPIP103", "IPIP201", "IPIP202", "IPIP301", "IPIP302", "IPIP305", "IPIP306", "IPIP308"]
)
_AT_REQUESTER = frozenset(["IPIP102", "IPIP104", "IPIP303", "IPIP304", "IPIP307"])


# ---- the two ways


def _request_out(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    if sides.requester is None:
        return
    hints = [sides.reply.src] if sides.reply else []
    yield from outbound(
        cluster,
        Way(
            host=sides.requester, destination=sides.flow.dst, source=sides.flow.src, protocol=sides.protocol,
            hints=tuple(hints),
        ),
    )  # fmt: skip


def _reply_out(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    if sides.replier is None:
        return
    hints = [sides.request.src] if sides.request else []
    yield from outbound(
        cluster,
        Way(
            host=sides.replier, destination=sides.flow.src, source=sides.flow.dst, protocol=sides.protocol,
            state="ESTABLISHED", hints=tuple(hints),
        ),
    )  # fmt: skip


def _arrival(
    cluster: Cluster, host: Host | None, pair: OuterPair | None, sender: Host | None, sides: _Sides, *, reply: bool
) -> Arrival | None:
    if host is None:
        return None
    source, destination = (sides.flow.dst, sides.flow.src) if reply else (sides.flow.src, sides.flow.dst)
    if pair is None:
        sent = cluster.outer_pair(sender, destination) if sender is not None else None
        pair = OuterPair(*sent) if sent is not None and sent[1] in host.addresses else None
    if pair is None:
        return None
    return Arrival(
        host=host, outer_source=pair.src, outer_destination=pair.dst, source=source, destination=destination,
        protocol=sides.protocol, state="ESTABLISHED" if reply else "NEW", sender=sender,
    )  # fmt: skip


def _request_in(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    arrival = _arrival(cluster, sides.replier, sides.request, sides.requester, sides, reply=False)
    if arrival is not None:
        yield from inbound(cluster, arrival)


def _reply_in(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    arrival = _arrival(cluster, sides.requester, sides.reply, sides.replier, sides, reply=True)
    if arrival is not None:
        yield from inbound(cluster, arrival)


# ---- one search a rule

_Search = Callable[[Cluster, _Sides], Iterator[Fault]]


def _only(faults: Iterable[Fault], kinds: frozenset[Kind]) -> Iterator[Fault]:
    return (fault for fault in faults if fault.kind in kinds)


def _reply_not_encapsulated(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    return _only(_reply_out(cluster, sides), _NO_ENCAPSULATION)


def _request_not_encapsulated(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    return _only(_request_out(cluster, sides), _NO_ENCAPSULATION)


def _reply_native(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    yield from _nic_as_inner_source(cluster, sides.flow.src)
    yield from _only(_reply_out(cluster, sides), _NATIVE)


def _request_native(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    yield from _nic_as_inner_source(cluster, sides.flow.dst)
    yield from _only(_request_out(cluster, sides), _NATIVE)


def _nic_as_inner_source(cluster: Cluster, inner: IPv4Address) -> Iterator[Fault]:
    """A node sent from a NIC's address into its tunnel: of course the answer goes past the tunnel."""
    host = cluster.holder(inner)
    if host is not None:
        yield from _only(tunnel_addresses(cluster, host), frozenset((Kind.NO_TUNNEL_ADDRESS,)))


def _outer_source(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    """The underlay's choice of a source; the address to which the requests went is the right one."""
    yield from _wrong_request(cluster, sides)
    host = sides.replier
    if host is None:
        return
    inner = host.fib.lookup(sides.flow.src, source=None)
    if inner.outcome is not Outcome.UNICAST or not is_tunnel(host.snapshot, inner.device):
        return
    made = encapsulate(host.fib, inner)
    observed = sides.reply.src if sides.reply else made.outer_source
    if made.outer_source is None or observed is None:
        return
    wanted = sides.request.dst if sides.request else None
    if made.outer_source != observed and observed not in host.addresses:
        yield from _through_other_node(cluster, sides)
    if made.outer_source != observed:
        packet = Packet(
            source=made.outer_source, destination=made.outer_destination, protocol=4, out_interface=made.outer.device
        )
        found = host.firewall.translation(packet)
        if found is not None:
            chain, rule = found
            yield Fault(
                kind=Kind.NAT, host=host, config=f"-t {chain.table} {rule.text}", address=made.outer_source,
                text=f"{host.name} sends from {made.outer_source}, its rule `{rule.text}` makes it {observed}.",
                peer=made.outer_destination,
            )  # fmt: skip
        return
    known = cluster.known_address(host)
    if wanted is not None and wanted in host.addresses:
        known = Known(wanted, f"requests are sent to {wanted}")
    if known is None or known.address == observed:
        return
    under = made.outer.route.line if made.outer.route else None
    retired = known.address not in host.addresses
    dropped = _refused(cluster, sides, observed, made.outer_destination)
    yield Fault(
        kind=Kind.RETIRED_ADDRESS if retired else Kind.OUTER_SOURCE, host=host, config=under, expected=known,
        text=f"{host.name} reaches {made.outer_destination} by `{under}`, so its outer source is {observed}, "
        f"not {known.address} ({known.why}).{dropped[0]}",
        counters=dropped[1], interface=made.outer.device, peer=made.outer_destination, peer_host=sides.requester,
        route=made.outer.route, decision=made.outer,
    )  # fmt: skip


def _refused(
    cluster: Cluster, sides: _Sides, source: IPv4Address, destination: IPv4Address
) -> tuple[str, tuple[str, ...]]:
    """What the other end makes of that source: words for people, counters."""
    if sides.requester is None:
        return "", ()
    host = sides.requester
    arrival = Arrival(
        host=host, outer_source=source, outer_destination=destination, source=sides.flow.dst,
        destination=sides.flow.src, state="ESTABLISHED",
    )  # fmt: skip
    fault = next(inbound(cluster, arrival), None)
    if fault is None:
        takes = host.snapshot.has(Part.FIREWALL, Part.TUNNELS)
        return (f" {host.name} takes it all the same.", ()) if takes else ("", ())
    if fault.judgement is not None and fault.host is host:
        return f" {host.name} drops it by `{fault.config}`.", fault.counters
    return f" {fault.text}" if fault.host is host else "", fault.counters


def _wrong_outer_destination(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    for host in cluster.hosts.values():
        for fault in _only(tunnel_addresses(cluster, host), frozenset((Kind.FOREIGN_TUNNEL_ADDRESS,))):
            if fault.address in (sides.flow.src, sides.flow.dst) or cluster.holder(sides.flow.src) is host:
                yield fault
    yield from _only(_reply_out(cluster, sides), _WRONG_WAY)
    yield from shared_addresses(cluster, (sides.flow.src, sides.flow.dst))


def _through_other_node(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    own = _host_at(cluster, sides.flow.dst, sides.request.dst if sides.request else None)
    for host in dict.fromkeys((own, sides.replier, cluster.host(sides.finding.node))):
        if host is not None and host is not sides.requester:
            yield from _only(_reply_out(cluster, replace(sides, replier=host)), _WRONG_WAY)
    yield from shared_addresses(cluster, (sides.flow.src, sides.flow.dst))


def _interfaces_differ(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    named = cluster.host(sides.finding.node)
    ends = ((sides.replier, sides.flow.src, sides.request), (sides.requester, sides.flow.dst, sides.reply))
    for host, inner, received in ends:
        if host is None or (named is not None and host is not named):
            continue
        decision = host.fib.lookup(inner)
        if decision.outcome is not Outcome.UNICAST or not is_tunnel(host.snapshot, decision.device):
            continue
        made = encapsulate(host.fib, decision)
        known = received.dst if received else getattr(cluster.known_address(host), "address", None)
        arrives = host.arrival_device(known) if known is not None else None
        if arrives is not None and made.exit_device is not None and arrives != made.exit_device:
            under = made.outer.route.line if made.outer.route else None
            yield Fault(
                kind=Kind.INTERFACES_DIFFER, host=host, config=under, interface=made.exit_device,
                text=f"{host.name} is reached at {known} on {arrives}, but its route `{under}` to "
                f"{made.outer_destination} "
                f"leaves by {made.exit_device}.",
                peer=made.outer_destination, route=made.outer.route, decision=made.outer,
            )  # fmt: skip


def _not_delivered(cluster: Cluster, sides: _Sides, *, reply: bool) -> Iterator[Fault]:
    if not reply:
        yield from _wrong_request(cluster, sides)
    faults = _reply_in(cluster, sides) if reply else _request_in(cluster, sides)
    yield from _only(faults, _NOT_TO_TUNNEL)
    host, pair = (sides.requester, sides.reply) if reply else (sides.replier, sides.request)
    sender = sides.replier if reply else sides.requester
    arrival = _arrival(cluster, host, pair, sender, sides, reply=reply)
    if arrival is not None:
        reception = receive(arrival.host.snapshot, arrival.outer_source, arrival.outer_destination)
        fault = other_device(arrival, reception.device) if reception.device else None
        if fault is not None:
            yield fault


def _request_not_delivered(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    return _not_delivered(cluster, sides, reply=False)


def _reply_not_delivered(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    return _not_delivered(cluster, sides, reply=True)


def _request_dropped(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    yield from _wrong_request(cluster, sides)
    yield from _only(_request_in(cluster, sides), _AFTER_TUNNEL)


def _wrong_request(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    """The requester sends to another node than the one that has the destination."""
    owner = _host_at(cluster, sides.flow.dst, None)
    if sides.request is not None and owner is not None and sides.request.dst not in owner.addresses:
        yield from _only(_request_out(cluster, sides), frozenset((Kind.OTHER_NEXT_HOP,)))


def _reply_dropped(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    return _only(_reply_in(cluster, sides), _AFTER_TUNNEL)


def _pod_unreachable(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    yield from _only(_request_in(cluster, sides), _AT_THE_POD)
    yield from _silent_pod(cluster, sides)


def _no_reply(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    yield from _wrong_request(cluster, sides)
    yield from _request_in(cluster, sides)
    yield from _only(_reply_out(cluster, sides), _NO_ENCAPSULATION | _NATIVE | {Kind.OTHER_NEXT_HOP})
    yield from _silent_pod(cluster, sides)


def _silent_pod(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    """The node would deliver and would send the answer: what is left is the pod."""
    host = sides.replier
    if host is None or not knows_enough(host):
        return
    if sides.request is not None and sides.request.dst not in host.addresses:
        return  # it went to another node
    device = host.workload_device(sides.flow.dst)
    lost = _NO_ENCAPSULATION | _NATIVE
    ways = (
        *_only(_request_out(cluster, sides), lost), *_request_in(cluster, sides),
        *_only(_reply_out(cluster, sides), lost),
    )  # fmt: skip
    if device is None or any(ways):
        return
    route = next(r for r in host.workload_routes if r.destination.network_address == sides.flow.dst)
    unread = "" if host.snapshot.has(Part.FIREWALL) else " Its firewall was not read."
    yield Fault(
        kind=Kind.POD_SILENT, host=host, config=route.line, interface=device, address=sides.flow.dst,
        text=f"{host.name} delivers to {sides.flow.dst} by `{route.line}` and would send its answers into the tunnel; "
        "the pod "
        f"itself does not answer.{unread}",
    )  # fmt: skip


def _lost_between(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    out = _request_out(cluster, sides) if sides.finding.code == "IPIP307" else _reply_out(cluster, sides)
    yield from _only(out, frozenset((Kind.OTHER_NEXT_HOP, Kind.RETIRED_ADDRESS, Kind.NO_NEIGHBOUR)))


def _mtu(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    named = cluster.host(sides.finding.node)
    if named is not None:
        found = list(sizes(cluster, named))
        yield from sorted(found, key=lambda fault: fault.kind is not Kind.WORKLOAD_MTU)
        return
    for host in (sides.requester, sides.replier):
        if host is not None and sides.finding.node is None:
            yield from sizes(cluster, host)


def _outer_fragments(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
    hosts = [cluster.host(sides.finding.node)] if cluster.host(sides.finding.node) else [sides.requester, sides.replier]
    for host in hosts:
        if host is not None:
            yield from _only(sizes(cluster, host), frozenset((Kind.TUNNEL_MTU,)))


def _rewritten(cluster: Cluster, sides: _Sides) -> Iterator[Fault]:
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
        counters = (f"{rule.packets} packets matched `{rule.text}`",) if rule.packets else ()
        yield Fault(
            kind=Kind.NAT, host=host, config=f"-t {chain.table} {rule.text}", address=pod, peer=destination,
            text=f"{host.name} gives packets the source {source}, an address that is none of its own or its pods'.",
            counters=counters, judgement=host.firewall.judged_by(chain, rule),
        )  # fmt: skip


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
    counters = (f"{rule.packets} packets matched `{rule.text}`",) if rule.packets else ()
    return Fault(
        kind=Kind.NAT, host=host, config=f"-t {chain.table} {rule.text}", address=source, peer=destination,
        text=f"{host.name} rewrites the source of packets from {source} to {destination} as they leave by "
        f"{out.device}.",
        counters=counters, interface=out.device, judgement=host.firewall.judged_by(chain, rule),
    )  # fmt: skip


def shared_addresses(cluster: Cluster, of_interest: Sequence[IPv4Address] = ()) -> Iterator[Fault]:
    """Addresses that two nodes have; the one that does not own the block is named where that is clear."""
    holders: dict[IPv4Address, list[Host]] = {}
    for host in cluster.hosts.values():
        for address in {*host.addresses, *host.tunnel_addresses}:
            if not str(address).startswith(("172.17.", "169.254.")):
                holders.setdefault(address, []).append(host)
    for address, hosts in holders.items():
        if len(hosts) < 2 or len({host.name for host in hosts}) < 2:
            continue
        block = cluster.block_of(address)
        if of_interest and not any(one == address or (block and one in block.network) for one in of_interest):
            continue
        owner = next((host for host in hosts if block is not None and block.owner is host), None)
        wrong = [host for host in hosts if host is not owner]
        if owner is not None and address in wrong[-1].tunnel_addresses:
            continue  # told as the tunnel address of another node's block
        host = wrong[-1]
        device = next(
            (name for name, held in host.fib.addresses.items() if any(k.address == address for k in held)), None
        )
        names = " and ".join(one.name for one in hosts)
        yield Fault(
            kind=Kind.SHARED_ADDRESS, host=host, config=f"{address} dev {device}", address=address, interface=device,
            text=f"{names} both have {address}: packets for the one end at the other.",
            block=block.network if block else None, peer_host=owner or hosts[0],
        )  # fmt: skip


_SEARCHES: Final[dict[str, _Search]] = {
    "IPIP101": _reply_not_encapsulated,
    "IPIP102": _request_not_encapsulated,
    "IPIP103": _reply_native,
    "IPIP104": _request_native,
    "IPIP201": _outer_source,
    "IPIP202": _wrong_outer_destination,
    "IPIP203": _through_other_node,
    "IPIP204": _interfaces_differ,
    "IPIP301": _request_not_delivered,
    "IPIP302": _request_dropped,
    "IPIP303": _reply_not_delivered,
    "IPIP304": _reply_dropped,
    "IPIP305": _pod_unreachable,
    "IPIP306": _no_reply,
    "IPIP307": _lost_between,
    "IPIP308": _lost_between,
    "IPIP401": _mtu,
    "IPIP402": _outer_fragments,
    "IPIP501": _rewritten,
}


# ---- causes without a line on the guilty node


def _without_the_sender(finding: Finding, cluster: Cluster) -> Cause | None:
    """The sender's state is not at hand, but the receiver's shows what it refuses."""
    if finding.code not in ("IPIP201", "IPIP203"):
        return None
    for sides in _sides(finding, cluster):
        if sides.reply is None or sides.requester is None:
            continue
        arrival = Arrival(
            host=sides.requester, outer_source=sides.reply.src, outer_destination=sides.reply.dst,
            source=sides.flow.dst, destination=sides.flow.src, state="ESTABLISHED",
        )  # fmt: skip
        fault = next(inbound(cluster, arrival), None)
        if fault is not None and fault.kind in (Kind.FIREWALL_IN, Kind.OTHER_REMOTE):
            text = f"{fault.text} The sender's own state is not at hand: its route to {sides.reply.dst} chose that "
            "source."
            return Cause(
                cls=CauseClass.SOURCE_SELECTION,
                node=finding.node,
                config=fault.config,
                text=text,
                counters=fault.counters,
            )
    return None


def _from_packets(finding: Finding, cluster: Cluster) -> Cause | None:
    if finding.code in _FROM_PACKETS:
        cls, text = _FROM_PACKETS[finding.code]
        return Cause(cls=cls, node=None, config=None, text=text)
    if finding.code == "IPIP401":
        return _path_mtu(finding, cluster)
    if finding.code == "IPIP501":
        return Cause(
            cls=CauseClass.NAT,
            node=finding.node,
            config=None,
            text="The inner source is translated on the way; none of the firewall rules at hand does it, so look at tc "
            "filters, eBPF programs and rules that were not read.",
        )
    if (
        finding.code == "IPIP602"
        and finding.consequences
        and {*finding.consequences} <= _BETWEEN
        and {*finding.consequences} != {"IPIP306"}
    ):
        return Cause(cls=CauseClass.NETWORK, node=None, config=None, text="The outages happen between the nodes.")
    if finding.code in ("IPIP307", "IPIP308"):
        for sides in _sides(finding, cluster):
            hosts = [host for host in (sides.requester, sides.replier) if host is not None and knows_enough(host)]
            if len(hosts) == 2:
                return Cause(
                    cls=CauseClass.NETWORK, node=None, config=None,
                    text=f"Nothing in the state of {hosts[0].name} and {hosts[1].name} keeps these packets: what lies "
                    "between "
                    "them does. Networks that filter have to pass IP protocol 4 (not port 4, and not 94, which some "
                    "call ipip).",
                )  # fmt: skip
    return None


def _narrow_path(finding: Finding, cluster: Cluster) -> Iterator[Fault]:
    """The nodes whose tunnels are wider than a path between them; nothing where no ICMP error says how wide it is."""
    asked = next((found for one in finding.evidence if (found := _ASKED.search(one.what))), None)
    if finding.code != "IPIP401":
        return
    ends = [host for sides in _sides(finding, cluster) for host in (sides.requester, sides.replier)]
    if asked is None:
        peer = next((pair.request.dst for pair in finding.tunnels if pair.request), None)
        for host in [host for host in ends if host is not None and peer is not None][:1]:
            yield Fault(
                kind=Kind.PATH_MTU, host=host, config=None, text="", interface=next(iter(host.tunnels), FALLBACK),
                peer=peer,
            )  # fmt: skip
        return
    # A router speaks of the outer packet; a node that has learned it from one speaks of the inner packet.
    own = cluster.host(finding.node) is not None
    fits = int(asked[1]) - (0 if own else IPIP_OVERHEAD)
    for host in dict.fromkeys(host for host in ends if host is not None):
        device = next(iter(host.tunnels), FALLBACK)
        link = host.fib.link(device)
        if fits >= INNER_MIN and (link is None or link.mtu is None or link.mtu > fits):
            yield Fault(kind=Kind.PATH_MTU, host=host, config=None, text="", interface=device, number=fits)


def _translated_elsewhere(finding: Finding, cluster: Cluster) -> Iterator[Fault]:
    """A source that is translated by what a snapshot does not hold."""
    host = cluster.host(finding.node)
    if finding.code == "IPIP501" and host is not None:
        devices = [host.workload_device(end) for flow in finding.flows for end in (flow.src, flow.dst)]
        device = finding.interface or next((name for name in devices if name is not None), None)
        yield Fault(kind=Kind.NAT, host=host, config=None, text="", interface=device)


_ASKED: Final = re.compile(r"fragmentation needed, MTU (\d{2,5})")
"""As the rule `mtu-exceeded` words its evidence."""
INNER_MIN: Final = 68
"""The smallest MTU of an interface with IPv4, RFC 791 §3.2."""


def _path_mtu(finding: Finding, cluster: Cluster) -> Cause | None:
    for sides in _sides(finding, cluster):
        shown = []
        for host in (sides.requester, sides.replier):
            if host is not None:
                device = next(iter(host.tunnels), FALLBACK)
                link = host.fib.link(device)
                shown.append(f"{host.name} {device} mtu {link.mtu}" if link and link.mtu else host.name)
        if shown:
            return Cause(
                cls=CauseClass.MTU, node=finding.node, config=None,
                text=f"The MTUs of the nodes fit one another ({', '.join(shown)}); a router on the way takes smaller "
                "packets only.",
            )  # fmt: skip
    return Cause(
        cls=CauseClass.MTU, node=finding.node, config=None, text="A router on the way takes smaller packets only."
    )
