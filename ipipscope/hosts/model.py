"""A host's network state as frozen values: what a snapshot holds.

IPv4 only, as the overlay is. Every value is what the host showed; nothing is derived here. Interface and table names
are text; counters are whole numbers; `Route.line` and its like give a value back as its own command prints it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import Final

ANYWHERE: Final = IPv4Network("0.0.0.0/0")
MAIN, LOCAL, DEFAULT = "main", "local", "default"  # tables 254, 255 and 253, named as iproute2 does


class Part(StrEnum):
    """What a snapshot can hold; a part that was not read proves nothing by its absence."""

    ADDRESSES = "addresses"
    LINKS = "links"
    COUNTERS = "link-counters"
    ROUTES = "routes"
    """The main table, whole."""
    SOME_ROUTES = "some-routes"
    """Routes picked by a filter such as `grep tunl0`: what is missing may still be there."""
    ALL_TABLES = "all-tables"
    """Routes of every table, the local one too."""
    RULES = "rules"
    NEIGHBOURS = "neighbours"
    TUNNELS = "tunnels"
    RP_FILTER = "rp-filter"
    IP_FORWARD = "ip-forward"
    ACCEPT_LOCAL = "accept-local"
    NSTAT = "nstat"
    FIREWALL = "firewall"
    IPSETS = "ipsets"
    PEERS = "calico-peers"
    CALICO = "calico-nodes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One IPv4 address of an interface."""

    interface: str
    address: IPv4Address
    prefix_length: int
    scope: str = "global"
    secondary: bool = False
    peer: IPv4Address | None = None
    """The other end of a point-to-point address."""

    @property
    def network(self) -> IPv4Network:
        """The network that the address stands in."""
        return IPv4Network((int(self.peer or self.address), self.prefix_length), strict=False)

    @property
    def line(self) -> str:
        """As `ip -o addr` would put it."""
        return f"{self.interface} inet {self.address}/{self.prefix_length} scope {self.scope}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One network interface."""

    name: str
    index: int = 0
    """0 when the source did not say."""
    flags: tuple[str, ...] = ()
    mtu: int | None = None
    kind: str | None = None
    """veth, ipip, bond, bridge ...; None for a plain NIC or when unknown."""
    link_type: str | None = None
    """ether, ipip, loopback ..."""
    operstate: str | None = None
    mac: str | None = None
    master: str | None = None
    peer_namespace: str | None = None
    """The name of the network namespace that holds the other end of a veth pair, where it has one."""
    rx: dict[str, int] = field(default_factory=dict)
    """packets, bytes, errors, dropped ...; empty when not read."""
    tx: dict[str, int] = field(default_factory=dict)
    """The same, with carrier_errors and collisions."""

    @property
    def up(self) -> bool:
        """Administratively up."""
        return "UP" in self.flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunnel:
    """An IP-in-IP tunnel device's parameters."""

    interface: str
    mode: str = "ipip"
    """ipip (protocol 4 only), any (protocol 4 and what else it carries)."""
    local: IPv4Address | None = None
    """None: any."""
    remote: IPv4Address | None = None
    """None: any; else a point-to-point tunnel, which accepts from this remote only."""
    ttl: int = 0
    """0: inherited from the inner packet."""
    pmtudisc: bool = True
    device: str | None = None
    """The underlay device it is bound to."""

    @property
    def line(self) -> str:
        """As `ip tunnel show` prints it, without the TTL."""
        bound = f" dev {self.device}" if self.device else ""
        return f"{self.interface}: ip/ip remote {self.remote or 'any'} local {self.local or 'any'}{bound}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NextHop:
    """One way out of a route."""

    via: IPv4Address | None = None
    device: str | None = None
    weight: int = 1
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route of one table."""

    destination: IPv4Network
    type: str = "unicast"
    """unicast, local, broadcast, blackhole, unreachable, prohibit, throw ..."""
    via: IPv4Address | None = None
    device: str | None = None
    table: str = MAIN
    protocol: str | None = None
    """bird, kernel, 80 ...; None is `boot`, which the ip command leaves out."""
    scope: str = "global"
    source: IPv4Address | None = None
    """The preferred source (`src`)."""
    metric: int = 0
    mtu: int | None = None
    tos: int = 0
    flags: tuple[str, ...] = ()
    """onlink, linkdown, dead ..."""
    next_hops: tuple[NextHop, ...] = ()
    """More than one way out; then `via` and `device` are None."""

    @property
    def hops(self) -> tuple[NextHop, ...]:
        """Every way out, one for an ordinary route."""
        return self.next_hops or (NextHop(via=self.via, device=self.device, flags=self.flags),)

    @property
    def onlink(self) -> bool:
        """Whether the kernel was told not to look where the next hop is."""
        return "onlink" in self.flags

    @property
    def prefix(self) -> str:
        """The destination as the ip command writes it."""
        if self.destination == ANYWHERE:
            return "default"
        return str(self.destination.network_address) if self.destination.prefixlen == 32 else str(self.destination)

    @property
    def line(self) -> str:
        """As `ip route` prints it; the table is named unless it is main."""
        words = [] if self.type == "unicast" else [self.type]
        words.append(self.prefix)
        words += ["via", str(self.via)] if self.via else []
        words += ["dev", self.device] if self.device else []
        words += ["table", self.table] if self.table != MAIN else []
        words += ["proto", self.protocol] if self.protocol else []
        words += ["scope", self.scope] if self.scope != "global" else []
        words += ["src", str(self.source)] if self.source else []
        words += ["metric", str(self.metric)] if self.metric else []
        words += self.flags
        words += ["mtu", str(self.mtu)] if self.mtu else []
        for hop in self.next_hops:
            words += ["nexthop", *(["via", str(hop.via)] if hop.via else [])]
            words += [*(["dev", hop.device] if hop.device else []), "weight", str(hop.weight), *hop.flags]
        return " ".join(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRule:
    """One line of `ip rule`."""

    priority: int
    source: IPv4Network | None = None
    destination: IPv4Network | None = None
    inverted: bool = False
    """`not`: the rule applies where its selector does not match."""
    in_interface: str | None = None
    out_interface: str | None = None
    mark: int | None = None
    mask: int = 0xFFFF_FFFF
    action: str = "lookup"
    """lookup, goto, blackhole, unreachable, prohibit or nop."""
    table: str | None = MAIN
    goto: int | None = None
    suppress_prefix_length: int | None = None
    other: tuple[str, ...] = ()
    """Selectors that are shown but not understood (ports, uid ranges ...)."""

    @property
    def line(self) -> str:
        """As `ip rule` prints it."""
        words = [f"{self.priority}:", *(["not"] if self.inverted else [])]
        words += ["from", "all" if self.source is None else str(self.source)]
        words += ["to", str(self.destination)] if self.destination is not None else []
        if self.mark is not None:
            words += ["fwmark", hex(self.mark) + ("" if self.mask == 0xFFFF_FFFF else f"/{self.mask:#x}")]
        words += ["iif", self.in_interface] if self.in_interface else []
        words += ["oif", self.out_interface] if self.out_interface else []
        words += self.other
        words += ["lookup", self.table or MAIN] if self.action == "lookup" else [self.action]
        words += [str(self.goto)] if self.goto is not None else []
        if self.suppress_prefix_length is not None:
            words += ["suppress_prefixlength", str(self.suppress_prefix_length)]
        return " ".join(words)


DEFAULT_RULES: Final = (
    PolicyRule(priority=0, table=LOCAL),
    PolicyRule(priority=32766, table=MAIN),
    PolicyRule(priority=32767, table=DEFAULT),
)
"""What the kernel starts with; taken where `ip rule` was not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """One line of `ip neigh`."""

    address: IPv4Address
    interface: str
    mac: str | None = None
    state: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One condition of a firewall rule."""

    what: str
    """protocol, source, destination, in, out, source-set, destination-set, source-type, destination-type, state,
    mark, any (always true) or unknown."""
    values: tuple[str, ...] = ()
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallRule:
    """One firewall rule, with its conditions taken apart as far as they are understood."""

    text: str
    """As the host shows it, without counters."""
    matches: tuple[Match, ...] = ()
    target: str = ""
    """accept, drop, reject, return, jump, goto, mark, masquerade, snat, dnat; other names pass the packet on."""
    argument: str = ""
    """The chain to jump to, the mark to set, the address to translate to."""
    packets: int | None = None
    """How often it matched; None when counters were not shown."""
    bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One chain of one firewall table."""

    table: str
    name: str
    hook: str | None = None
    """INPUT, FORWARD, OUTPUT, PREROUTING or POSTROUTING where packets enter it; None when only jumped to."""
    priority: int = 0
    policy: str | None = None
    """accept or drop, for chains with a hook."""
    rules: tuple[FirewallRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """The rules of one firewall backend, IPv4."""

    backend: str
    """iptables, iptables-legacy, iptables-nft or nft."""
    chains: tuple[Chain, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IpSet:
    """One ipset or nft set of addresses."""

    name: str
    type: str = "hash:net"
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CalicoPeer:
    """One line of `calicoctl node status`."""

    address: IPv4Address
    kind: str = ""
    state: str = ""
    since: str = ""
    info: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalicoNode:
    """What Calico has on record for a node (`projectcalico.org/IPv4Address`, `IPv4IPIPTunnelAddr`)."""

    name: str
    address: IPv4Address | None = None
    prefix_length: int | None = None
    tunnel_address: IPv4Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalicoPool:
    """An IPPool."""

    name: str
    network: IPv4Network
    ipip_mode: str = "Never"
    nat_outgoing: bool = False
    block_size: int = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockAffinity:
    """Which node owns a block."""

    block: IPv4Network
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Calico:
    """What Calico says; the peers are those of the snapshot's own node, the rest is the cluster's."""

    peers: tuple[CalicoPeer, ...] = ()
    nodes: tuple[CalicoNode, ...] = ()
    pools: tuple[CalicoPool, ...] = ()
    blocks: tuple[BlockAffinity, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Something a snapshot does not hold, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The network state of one host at one moment."""

    node: str
    taken: int | None = None
    """Nanoseconds since 1970-01-01 UTC; None when the source does not say."""
    moment: str = ""
    """Which of several listings of one paste, as `listing 1 of 2`; empty otherwise."""
    source: str = ""
    """Where it was read, as the user gave it; empty when taken by `collect`."""
    kernel: str = ""
    parts: tuple[Part, ...] = ()
    """What was read, sorted by name."""
    left_out: tuple[LeftOut, ...] = ()
    addresses: tuple[Address, ...] = ()
    links: tuple[Link, ...] = ()
    routes: tuple[Route, ...] = ()
    rules: tuple[PolicyRule, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    tunnels: tuple[Tunnel, ...] = ()
    rp_filter: dict[str, int] = field(default_factory=dict)
    """By interface, `all` and `default` too: 0 off, 1 strict, 2 loose."""
    accept_local: dict[str, int] = field(default_factory=dict)
    ip_forward: bool | None = None
    counters: dict[str, int] = field(default_factory=dict)
    """nstat's, by name."""
    firewall: tuple[Ruleset, ...] = ()
    ipsets: tuple[IpSet, ...] = ()
    calico: Calico = field(default_factory=Calico)

    def has(self, *parts: Part) -> bool:
        """Whether all of *parts* were read."""
        return all(part in self.parts for part in parts)

    def link(self, name: str) -> Link | None:
        """The interface of that name."""
        return next((link for link in self.links if link.name == name), None)

    def tunnel(self, name: str) -> Tunnel | None:
        """The IP-in-IP parameters of that interface."""
        return next((tunnel for tunnel in self.tunnels if tunnel.interface == name), None)

    @property
    def tunnel_devices(self) -> tuple[str, ...]:
        """Names of its IP-in-IP devices; where links were not read, what its routes call tunl-something."""
        known = {tunnel.interface for tunnel in self.tunnels}
        known |= {link.name for link in self.links if "ipip" in (link.kind, link.link_type)}
        if not known:
            known = {hop.device for route in self.routes for hop in route.hops if _is_tunnel_name(hop.device)}  # type: ignore[misc]
        return tuple(sorted(known))


def _is_tunnel_name(name: str | None) -> bool:
    return name is not None and name.startswith(("tunl", "ipip", "flannel.ipip"))
