"""Why outer addresses are not those of the two nodes: IPIP201 to IPIP204, and packets lost for that between nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ipipscope.hosts.causes.encapsulation import NATIVE
from ipipscope.hosts.causes.sides import Sides, host_at
from ipipscope.hosts.causes.ways import only, reply_out, request_out, wrong_request
from ipipscope.hosts.cluster import Cluster, Host, Known
from ipipscope.hosts.faults import Fault, Kind
from ipipscope.hosts.firewall import Packet
from ipipscope.hosts.inbound import Arrival, inbound
from ipipscope.hosts.model import Part
from ipipscope.hosts.outbound import tunnel_addresses
from ipipscope.hosts.route_lookup import Outcome
from ipipscope.hosts.tunnel import encapsulate, is_tunnel
from ipipscope.language.said import joined, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from ipaddress import IPv4Address

_WRONG_WAY = frozenset((Kind.OTHER_NEXT_HOP, Kind.SHARED_ADDRESS, Kind.RETIRED_ADDRESS)) | NATIVE


def outer_source(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """The underlay's choice of a source; the address to which the requests went is the right one."""
    yield from wrong_request(cluster, sides)
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
        yield from through_other_node(cluster, sides)
    if made.outer_source != observed:
        packet = Packet(
            source=made.outer_source, destination=made.outer_destination, protocol=4, out_interface=made.outer.device
        )
        found = host.firewall.translation(packet)
        if found is not None:
            chain, rule = found
            yield Fault(
                kind=Kind.NAT,
                host=host,
                config=f"-t {chain.table} {rule.text}",
                address=made.outer_source,
                text=say(
                    "{host} sends from {outer_source}, its rule `{rule}` makes it {observed}.",
                    host=host.name,
                    outer_source=made.outer_source,
                    rule=rule.text,
                    observed=observed,
                ),
                peer=made.outer_destination,
            )
        return
    known = cluster.known_address(host)
    if wanted is not None and wanted in host.addresses:
        known = Known(wanted, say("requests are sent to {wanted}", wanted=wanted))
    if known is None or known.address == observed:
        return
    under = made.outer.route.line if made.outer.route else None
    retired = known.address not in host.addresses
    dropped = _refused(cluster, sides, observed, made.outer_destination)
    yield Fault(
        kind=Kind.RETIRED_ADDRESS if retired else Kind.OUTER_SOURCE,
        host=host,
        config=under,
        expected=known,
        text=say(
            "{host} reaches {outer_destination} by `{under}`, so its outer source is {observed}, not {known} "
            "({why}).{dropped}",
            host=host.name,
            outer_destination=made.outer_destination,
            under=under,
            observed=observed,
            known=known.address,
            why=known.why,
            dropped=dropped[0],
        ),
        counters=dropped[1],
        interface=made.outer.device,
        peer=made.outer_destination,
        peer_host=sides.requester,
        route=made.outer.route,
        decision=made.outer,
    )


def _refused(
    cluster: Cluster, sides: Sides, source: IPv4Address, destination: IPv4Address
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
        return (say(" {host} takes it all the same.", host=host.name), ()) if takes else ("", ())
    if fault.judgement is not None and fault.host is host:
        return say(" {host} drops it by `{config}`.", host=host.name, config=fault.config), fault.counters
    return say(" {text}", text=fault.text) if fault.host is host else "", fault.counters


def wrong_outer_destination(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """IPIP202."""
    for host in cluster.hosts.values():
        for fault in only(tunnel_addresses(cluster, host), frozenset((Kind.FOREIGN_TUNNEL_ADDRESS,))):
            if fault.address in (sides.flow.src, sides.flow.dst) or cluster.holder(sides.flow.src) is host:
                yield fault
    yield from only(reply_out(cluster, sides), _WRONG_WAY)
    yield from shared_addresses(cluster, (sides.flow.src, sides.flow.dst))


def through_other_node(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """IPIP203: a node on the way that sends the reply on."""
    own = host_at(cluster, sides.flow.dst, sides.request.dst if sides.request else None)
    for host in dict.fromkeys((own, sides.replier, cluster.host(sides.finding.node))):
        if host is not None and host is not sides.requester:
            yield from only(reply_out(cluster, replace(sides, replier=host)), _WRONG_WAY)
    yield from shared_addresses(cluster, (sides.flow.src, sides.flow.dst))


def interfaces_differ(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """IPIP204."""
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
                kind=Kind.INTERFACES_DIFFER,
                host=host,
                config=under,
                interface=made.exit_device,
                text=say(
                    "{host} is reached at {known} on {arrives}, but its route `{under}` to {outer_destination} "
                    "leaves by {device}.",
                    host=host.name,
                    known=known,
                    arrives=arrives,
                    under=under,
                    outer_destination=made.outer_destination,
                    device=made.exit_device,
                ),
                peer=made.outer_destination,
                route=made.outer.route,
                decision=made.outer,
            )


def lost_between(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """IPIP307 and IPIP308: sent to where nobody waits for it."""
    out = request_out(cluster, sides) if sides.finding.code == "IPIP307" else reply_out(cluster, sides)
    yield from only(out, frozenset((Kind.OTHER_NEXT_HOP, Kind.RETIRED_ADDRESS, Kind.NO_NEIGHBOUR)))


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
        names = joined(" and ", (one.name for one in hosts))
        yield Fault(
            kind=Kind.SHARED_ADDRESS,
            host=host,
            config=f"{address} dev {device}",
            address=address,
            interface=device,
            text=say(
                "{names} both have {address}: packets for the one end at the other.", names=names, address=address
            ),
            block=block.network if block else None,
            peer_host=owner or hosts[0],
        )
