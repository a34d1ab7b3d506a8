"""Several hosts' snapshots together: who owns a block, by which address a node is known.

Nothing here is taken from one source alone where another can speak against it: each answer names what it rests on, so
that a cause can show it. Every snapshot counts as a host, except the earlier listings of a paste, which are kept apart.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from ipipscope.hosts.firewall import Firewall
from ipipscope.hosts.model import Part, Route, Snapshot
from ipipscope.hosts.route_lookup import Fib, Outcome
from ipipscope.hosts.tunnel import encapsulate, is_tunnel
from ipipscope.language.said import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from ipaddress import IPv4Address

_WORKLOADS = ("cali", "veth", "tap", "lxc")
_VIRTUAL = ("docker", "virbr", "br-", "cni", "kube-", "nodelocal", "dummy", "lo")


@dataclass(frozen=True, slots=True)
class Known:
    """An answer and what it rests on."""

    address: IPv4Address
    why: str


@dataclass(frozen=True, slots=True)
class Block:
    """A block of pod addresses and who owns it."""

    network: IPv4Network
    owner: Host | None
    """None when no snapshot is the owner's."""
    owner_name: str | None = None
    """From a BlockAffinity; the owner's name otherwise."""


class Host:
    """One node: its snapshot, its routing and its firewall."""

    def __init__(self, key: str, snapshot: Snapshot) -> None:
        self.key, self.snapshot = key, snapshot
        self.name = snapshot.node
        self.fib = Fib(snapshot)
        self.firewall = Firewall(self.fib)

    def __repr__(self) -> str:
        return f"Host({self.key})"

    @cached_property
    def tunnels(self) -> tuple[str, ...]:
        """Its IP-in-IP devices."""
        return self.snapshot.tunnel_devices

    @cached_property
    def tunnel_addresses(self) -> frozenset[IPv4Address]:
        """The addresses of its IP-in-IP devices, and what Calico has on record for them."""
        own = {known.address for known in self.snapshot.addresses if known.interface in self.tunnels}
        recorded = {node.tunnel_address for node in self.snapshot.calico.nodes if node.name == self.name}
        return frozenset(own | {address for address in recorded if address is not None})

    @cached_property
    def addresses(self) -> tuple[IPv4Address, ...]:
        """Its own addresses that an underlay can carry: not loopback, not the tunnels'."""
        listed = [known for held in self.fib.addresses.values() for known in held]
        return tuple(
            known.address
            for known in listed
            if known.interface not in self.tunnels
            and not known.address.is_loopback
            and not known.interface.startswith(_WORKLOADS)
        )

    @cached_property
    def workload_routes(self) -> tuple[Route, ...]:
        """Its routes to single pods."""
        return tuple(
            route
            for route in self.snapshot.routes
            if route.type == "unicast"
            and route.destination.prefixlen == 32
            and route.via is None
            and route.scope == "link"
            and route.source is None  # a route with one is somebody's host route on the underlay
            and not any(known.prefix_length < 32 for known in self.fib.addresses.get(route.device or "", ()))
            and not is_tunnel(self.snapshot, route.device)
        )

    @cached_property
    def tunnel_routes(self) -> tuple[Route, ...]:
        """Its routes into an IP-in-IP device."""
        return tuple(
            route
            for route in self.snapshot.routes
            if route.type == "unicast" and any(is_tunnel(self.snapshot, hop.device) for hop in route.hops)
        )

    def workload_device(self, address: IPv4Address) -> str | None:
        """The interface of the pod that has *address*; None when it is none of its pods."""
        found = next((r for r in self.workload_routes if r.destination.network_address == address), None)
        return found.device if found else None

    def arrival_device(self, address: IPv4Address) -> str | None:
        """The NIC where packets to its own *address* come in; None when that is not plain."""
        for name, held in self.fib.addresses.items():
            if any(known.address == address for known in held):
                return None if name == "lo" or name.startswith(_VIRTUAL) or name in self.tunnels else name
        return None

    @property
    def knows_routes(self) -> bool:
        """Whether its main table was read whole."""
        return self.snapshot.has(Part.ROUTES)


class Cluster:
    """All hosts whose snapshots are at hand."""

    def __init__(self, snapshots: Mapping[str, Snapshot]) -> None:
        self.hosts: dict[str, Host] = {}
        self.earlier: dict[str, Host] = {}
        for key, snapshot in snapshots.items():
            last = not snapshot.moment or _is_last(snapshot.moment)
            (self.hosts if last else self.earlier)[key] = Host(key, snapshot)

    def host(self, name: str | None) -> Host | None:
        """The host of that name: its key, its own name, or the same up to the first dot."""
        if name is None:
            return None
        if name in self.hosts:
            return self.hosts[name]
        for test in (lambda host: host.name == name, lambda host: _short(host.name) == _short(name)):
            found = [host for host in self.hosts.values() if test(host)]
            if len(found) == 1:
                return found[0]
        return None

    def holder(self, address: IPv4Address) -> Host | None:
        """The one host that has *address* itself."""
        found = [host for host in self.hosts.values() if address in host.addresses]
        return found[0] if len(found) == 1 else None

    def others(self, host: Host) -> list[Host]:
        """Every other host."""
        return [other for other in self.hosts.values() if other is not host]

    # ---- blocks

    @cached_property
    def blocks(self) -> dict[IPv4Network, Block]:
        """Every block that some host or Calico speaks of."""
        networks: set[IPv4Network] = set()
        recorded = {one.block: one.node for host in self.hosts.values() for one in host.snapshot.calico.blocks}
        for host in self.hosts.values():
            networks |= {r.destination for r in host.tunnel_routes if 8 < r.destination.prefixlen < 32}
            networks |= {r.destination for r in host.snapshot.routes if _is_blackholed_block(r)}
        networks |= set(recorded)
        return {
            network: Block(network, owner, owner.name if owner else recorded.get(network))
            for network in sorted(networks)
            for owner in [self._owner(network, recorded)]
        }

    def _owner(self, network: IPv4Network, recorded: dict[IPv4Network, str]) -> Host | None:
        if network in recorded:
            return self.host(recorded[network])
        told = [
            host
            for host in self.hosts.values()
            if any(route.destination == network and _is_blackholed_block(route) for route in host.snapshot.routes)
        ]
        if len(told) == 1 and any(address in network for address in told[0].tunnel_addresses):
            return told[0]  # pods elsewhere have borrowed their address
        strong = [
            host
            for host in self.hosts.values()
            if any(route.destination.subnet_of(network) for route in host.workload_routes)
            or (any(address in network for address in host.tunnel_addresses) and self._may_own(host, network))
        ]
        if len(strong) == 1:
            return strong[0]
        weak = [
            host
            for host in strong or self.hosts.values()
            if any(r.destination == network and _is_blackholed_block(r) for r in host.snapshot.routes)
        ]
        return weak[0] if len(weak) == 1 else None

    def _may_own(self, host: Host, network: IPv4Network) -> bool:
        """Whether a tunnel address in *network* makes *host* its owner: not while others send it elsewhere."""
        if any(route.destination == network and _is_blackholed_block(route) for route in host.snapshot.routes):
            return True
        sent = [
            hop.via in host.addresses
            for other in self.others(host)
            for route in other.tunnel_routes
            if route.destination == network
            for hop in route.hops
        ]
        return not sent or any(sent)

    def block_of(self, address: IPv4Address) -> Block | None:
        """The block that holds *address*, the smallest one where several do.

        An address that a node borrowed from another node's block is a block of its own.
        """
        found = [block for network, block in self.blocks.items() if address in network]
        block = max(found, key=lambda block: block.network.prefixlen) if found else None
        borrower = self.borrowed.get(address)
        if borrower is not None and block is not None and block.owner is not borrower:
            return Block(IPv4Network(address), borrower, borrower.name)
        return block

    @cached_property
    def borrowed(self) -> dict[IPv4Address, Host]:
        """Addresses of pods on a node other than the owner of their block, where exactly one node has such a pod."""
        found: dict[IPv4Address, list[Host]] = {}
        for host in self.hosts.values():
            for route in host.workload_routes:
                found.setdefault(route.destination.network_address, []).append(host)
        blocks = [block for block in self.blocks.values() if block.owner is not None]
        return {
            address: hosts[0]
            for address, hosts in found.items()
            if len(hosts) == 1 and any(address in block.network and block.owner is not hosts[0] for block in blocks)
        }

    def own_blocks(self, host: Host) -> list[IPv4Network]:
        """The blocks that *host* owns."""
        return [network for network, block in self.blocks.items() if block.owner is host]

    # ---- addresses

    def known_address(self, host: Host) -> Known | None:
        """The address by which the other nodes know *host*: where they send its packets, and what they take from it."""
        return next(self._known_addresses(host), None)

    def _known_addresses(self, host: Host) -> Iterator[Known]:
        own = set(host.addresses)
        for other in self.hosts.values():
            for node in other.snapshot.calico.nodes:
                if node.address is not None and (_same_node(node.name, host) or (node.address in own)):
                    yield Known(
                        node.address,
                        say("Calico has {address} on record for {node}", address=node.address, node=host.name),
                    )
        votes = Counter(
            (route.via, other.name, route.line)
            for other in self.others(host)
            for route in other.tunnel_routes
            if route.via in own and self.blocks.get(route.destination, Block(route.destination, None)).owner is host
        )
        for (via, name, line), _ in votes.most_common():
            if via is not None:
                yield Known(via, say("{name} sends to it by `{line}`", name=name, line=line))
        for other in self.others(host):
            for tunnel in other.snapshot.tunnels:
                if tunnel.remote in own and tunnel.remote is not None:
                    yield Known(
                        tunnel.remote,
                        say(
                            "{interface} of {other} leads to it: `{line}`",
                            interface=tunnel.interface,
                            other=other.name,
                            line=tunnel.line,
                        ),
                    )
        for other in self.hosts.values():
            members = other.firewall.hosts_of(other.firewall.filters_by_host or "")
            listed = own & members.addresses if members is not None else set()
            if len(listed) == 1:
                (address,) = listed
                yield Known(
                    address,
                    say(
                        "the host set {host_set} of {other} lists {address}",
                        host_set=other.firewall.filters_by_host,
                        other=other.name,
                        address=address,
                    ),
                )
        for other in self.others(host):
            peers = own & {peer.address for peer in other.snapshot.calico.peers}
            if len(peers) == 1:
                (address,) = peers
                yield Known(address, say("{other} has {address} as its BGP peer", other=other.name, address=address))
        if len(own) == 1:
            (address,) = own
            yield Known(address, say("{address} is its only address", address=address))

    def _beside_the_others(self, own: set[IPv4Address]) -> Iterator[Known]:
        """The one of *own* that stands in the network of most next hops of the overlay."""
        hops = {hop.via for host in self.hosts.values() for route in host.tunnel_routes for hop in route.hops}
        networks = Counter(
            known.network
            for host in self.hosts.values()
            for held in host.fib.addresses.values()
            for known in held
            if known.address in own and 8 < known.prefix_length < 31
            for hop in hops - own
            if hop is not None and hop in known.network
        )
        best = networks.most_common(2)
        if best and (len(best) == 1 or best[0][1] > best[1][1]):
            (address, *more) = [address for address in own if address in best[0][0]]
            if not more:
                yield Known(
                    address,
                    say(
                        "most next hops of the overlay stand in {network}, as {address} does",
                        network=best[0][0],
                        address=address,
                    ),
                )

    def next_hop_for(self, host: Host, network: IPv4Network, hints: Iterable[IPv4Address] = ()) -> Known | None:
        """The address to which *host* ought to send packets for the block *network*.

        hints: outer addresses of the owner, as captured packets show them.
        """
        return next(self._next_hops(host, network, tuple(hints)), None)

    def _next_hops(self, host: Host, network: IPv4Network, hints: tuple[IPv4Address, ...]) -> Iterator[Known]:
        block = self.blocks.get(network) or self.block_of(network.network_address)
        owner = block.owner if block else None
        if owner is host:
            return
        local = host.fib.local_addresses
        if owner is not None:
            yield from self._known_addresses_for(owner, host)
        name = block.owner_name if block else None
        for node in host.snapshot.calico.nodes:
            if node.address is not None and (node.name == name or (node.tunnel_address or host) in network):
                yield Known(
                    node.address, say("Calico has {address} on record for {node}", address=node.address, node=node.name)
                )
        for hint in hints:
            if hint not in local and hint not in network:
                yield Known(hint, say("its packets arrive from {hint}", hint=hint))
        if block is not None:
            votes = Counter(
                (hop.via, other.name, route.line)
                for other in (*self.others(host), *self._moments(host))
                for route in other.tunnel_routes
                if route.destination == block.network
                for hop in route.hops
                if hop.via is not None
                and hop.via not in local
                and hop.via not in network
                and not (other.name == host.name and not route.onlink)
            )
            for (via, other_name, line), _ in votes.most_common():
                if via is not None:
                    yield Known(via, say("{name} sends to it by `{line}`", name=other_name, line=line))
        peers = {peer.address for peer in host.snapshot.calico.peers}
        free = peers - {hop.via for route in host.tunnel_routes for hop in route.hops}
        if len(free) == 1:
            (address,) = free
            yield Known(address, say("{address} is its only BGP peer without a block route", address=address))
        if owner is not None:
            yield from self._beside_the_others(set(owner.addresses))

    def _known_addresses_for(self, owner: Host, host: Host) -> Iterator[Known]:
        """Like `known_address`, but *host*'s own route is no witness, and the owner's sending to it is the last one."""
        for known in self._known_addresses(owner):
            if f"{host.name} sends to it" not in known.why:
                yield known
        theirs = self.known_address(host)
        for network in self.own_blocks(host):
            sent = self.outer_pair(owner, network.network_address)
            if sent is not None and sent[1] in host.addresses:
                yield Known(
                    sent[0], say("{owner} sends to {host} from {sent}", owner=owner.name, host=host.name, sent=sent[0])
                )
        if theirs is not None:
            decision = owner.fib.lookup(theirs.address)
            if decision.outcome is Outcome.UNICAST and decision.source in owner.addresses and decision.source:
                yield Known(
                    decision.source,
                    say(
                        "{owner} reaches {theirs} from {source}",
                        owner=owner.name,
                        theirs=theirs.address,
                        source=decision.source,
                    ),
                )

    def _moments(self, host: Host) -> list[Host]:
        return [one for one in (*self.earlier.values(), *self.hosts.values()) if one.name == host.name]

    def outer_pair(self, host: Host, inner: IPv4Address) -> tuple[IPv4Address, IPv4Address] | None:
        """The outer source and destination of *host*'s packets to *inner*; None when they are not encapsulated."""
        decision = host.fib.lookup(inner)
        if decision.outcome is not Outcome.UNICAST or not is_tunnel(host.snapshot, decision.device):
            return None
        made = encapsulate(host.fib, decision)
        if made.drop is not None or made.outer_source is None:
            return None
        return made.outer_source, made.outer_destination


def _is_last(moment: str) -> bool:
    words = moment.split()  # listing 1 of 2
    return len(words) != 4 or words[1] == words[3]


def _short(name: str) -> str:
    return name.split(".", 1)[0].lower()


def _same_node(name: str, host: Host) -> bool:
    return name in (host.name, host.key) or _short(name) == _short(host.name)


def _is_blackholed_block(route: Route) -> bool:
    return route.type == "blackhole" and 8 < route.destination.prefixlen < 32
