"""What can be wrong in a host's state: the kinds, with the rule, the class and the words for each, and one instance.

The paths that packets take are walked in `outbound` and `inbound`, sizes are compared in `sizes`; all of them yield
`Fault`. `causes` picks the fault that explains a finding, `audit` reports every one, `remedies` mends them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say
from ipipscope.model import CauseClass, Confidence, Impact

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Address, IPv4Network

    from ipipscope.hosts.cluster import Host, Known
    from ipipscope.hosts.firewall import Judgement
    from ipipscope.hosts.model import FirewallRule, Route, Tunnel
    from ipipscope.hosts.route_lookup import Decision


class Kind(StrEnum):
    """What is wrong."""

    OWN_NEXT_HOP = "the tunnel route's next hop is one of the node's own addresses"
    OTHER_NEXT_HOP = "the tunnel route's next hop is not the block owner's address"
    NOT_TUNNELLED = "the route to the block leads to a NIC instead of the tunnel"
    NO_BLOCK_ROUTE = "there is no route to the block, a wider one takes its packets"
    UNROUTED = "packets to the block are refused by a route or have none"
    RULE_DIVERTS = "a policy rule takes packets to the block past the tunnel"
    UNDERLAY_LOOP = "the underlay route to the next hop leads into the tunnel"
    NO_UNDERLAY = "there is no underlay route to the next hop"
    TUNNEL_DOWN = "the tunnel device is down or missing"
    OTHER_REMOTE = "the tunnel device takes packets of another remote only"
    OTHER_DEVICE = "another tunnel device takes the packets"
    OUTER_SOURCE = "the underlay route gives the outer packet another source than the one the node is known by"
    RETIRED_ADDRESS = "the node is known by an address that it no longer has"
    RP_FILTER_OUTER = "the reverse path filter of the NIC refuses the outer source"
    RP_FILTER_INNER = "the reverse path filter of the tunnel refuses the inner source"
    FIREWALL_OUT = "the firewall drops outgoing packets of protocol 4"
    FIREWALL_IN = "the firewall drops incoming packets of protocol 4"
    FIREWALL_FORWARD = "the firewall drops forwarded packets between pod and tunnel"
    FIREWALL_INNER = "the firewall drops what the tunnel delivers to the node itself"
    FORWARDING_OFF = "the node does not forward packets"
    POD_GONE = "the node has no route to the pod"
    POD_SILENT = "the pod does not answer on its interface"
    POD_ABSENT = "nobody answers ARP for the pod"
    WORKLOAD_MTU = "the pods' MTU is larger than the tunnel's"
    TUNNEL_MTU = "the tunnel's MTU leaves no room for the outer header"
    PATH_MTU = "a router between the nodes takes smaller packets only"
    NAT = "a translation rule rewrites the inner source"
    SHARED_ADDRESS = "two nodes have the same address"
    FOREIGN_TUNNEL_ADDRESS = "the tunnel device has an address of another node's block"
    NO_TUNNEL_ADDRESS = "the tunnel device has no address, so the node's own packets carry a NIC's"
    NO_NEIGHBOUR = "nobody answers ARP for the next hop on the underlay"
    INTERFACES_DIFFER = "the underlay route to the peer leaves by another NIC than the one that receives"


@dataclass(frozen=True, slots=True)
class Meaning:
    """How a kind of fault is reported."""

    code: str
    cls: CauseClass
    consequences: tuple[str, ...] = ()


_ENCAPSULATION = ("IPIP101", ("IPIP102",))
_NATIVE = ("IPIP103", ("IPIP104",))
_DELIVERY = ("IPIP301", ("IPIP303",))
_AFTER = ("IPIP302", ("IPIP304",))


def _meaning(seen: tuple[str, tuple[str, ...]], cls: CauseClass) -> Meaning:
    return Meaning(seen[0], cls, seen[1])


MEANINGS: Final = {
    Kind.OWN_NEXT_HOP: _meaning(_ENCAPSULATION, CauseClass.WRONG_ROUTE),
    Kind.OTHER_NEXT_HOP: Meaning("IPIP202", CauseClass.WRONG_ROUTE, ("IPIP307",)),
    Kind.NOT_TUNNELLED: _meaning(_NATIVE, CauseClass.WRONG_ROUTE),
    Kind.NO_BLOCK_ROUTE: _meaning(_NATIVE, CauseClass.WRONG_ROUTE),
    Kind.UNROUTED: _meaning(_ENCAPSULATION, CauseClass.WRONG_ROUTE),
    Kind.RULE_DIVERTS: _meaning(_NATIVE, CauseClass.WRONG_ROUTE),
    Kind.UNDERLAY_LOOP: _meaning(_ENCAPSULATION, CauseClass.WRONG_ROUTE),
    Kind.NO_UNDERLAY: _meaning(_ENCAPSULATION, CauseClass.WRONG_ROUTE),
    Kind.TUNNEL_DOWN: _meaning(_DELIVERY, CauseClass.TUNNEL_DEVICE_DOWN),
    Kind.OTHER_REMOTE: _meaning(_DELIVERY, CauseClass.SOURCE_SELECTION),
    Kind.OTHER_DEVICE: _meaning(_DELIVERY, CauseClass.WRONG_ROUTE),
    Kind.OUTER_SOURCE: Meaning("IPIP201", CauseClass.SOURCE_SELECTION, ("IPIP303",)),
    Kind.RETIRED_ADDRESS: Meaning("IPIP201", CauseClass.SOURCE_SELECTION, ("IPIP307",)),
    Kind.RP_FILTER_OUTER: _meaning(_DELIVERY, CauseClass.RP_FILTER),
    Kind.RP_FILTER_INNER: _meaning(_AFTER, CauseClass.RP_FILTER),
    Kind.FIREWALL_OUT: _meaning(_ENCAPSULATION, CauseClass.FIREWALL),
    Kind.FIREWALL_IN: _meaning(_DELIVERY, CauseClass.FIREWALL),
    Kind.FIREWALL_FORWARD: _meaning(_AFTER, CauseClass.FIREWALL),
    Kind.FIREWALL_INNER: _meaning(_AFTER, CauseClass.FIREWALL),
    Kind.FORWARDING_OFF: _meaning(_AFTER, CauseClass.NETWORK),
    Kind.POD_GONE: Meaning("IPIP305", CauseClass.POD_GONE),
    Kind.POD_ABSENT: Meaning("IPIP305", CauseClass.POD_GONE),
    Kind.POD_SILENT: Meaning("IPIP305", CauseClass.POD_DEAD),
    Kind.WORKLOAD_MTU: Meaning("IPIP401", CauseClass.MTU),
    Kind.TUNNEL_MTU: Meaning("IPIP402", CauseClass.MTU),
    Kind.PATH_MTU: Meaning("IPIP401", CauseClass.MTU),
    Kind.NAT: Meaning("IPIP501", CauseClass.NAT),
    Kind.SHARED_ADDRESS: Meaning("IPIP202", CauseClass.NETWORK),
    Kind.FOREIGN_TUNNEL_ADDRESS: Meaning("IPIP202", CauseClass.SOURCE_SELECTION),
    Kind.NO_TUNNEL_ADDRESS: Meaning("IPIP103", CauseClass.SOURCE_SELECTION),
    Kind.NO_NEIGHBOUR: _meaning(_ENCAPSULATION, CauseClass.NETWORK),
    Kind.INTERFACES_DIFFER: Meaning("IPIP204", CauseClass.WRONG_ROUTE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong on one host, with what a remedy needs to know."""

    kind: Kind
    host: Host
    config: str | None
    """The guilty line as the host shows it; None where something is missing."""
    text: str
    """One or two sentences for people."""
    counters: tuple[str, ...] = ()
    """Counters that speak for it, as `tunl0 tx collisions 20`."""
    impact: Impact = Impact.LOSS
    confidence: Confidence = Confidence.CERTAIN
    interface: str | None = None
    block: IPv4Network | None = None
    """The remote block that it concerns."""
    peer: IPv4Address | None = None
    """The other node's outer address."""
    peer_host: Host | None = None
    expected: Known | None = None
    """The next hop or the source that would be right."""
    route: Route | None = None
    decision: Decision | None = None
    judgement: Judgement | None = None
    tunnel: Tunnel | None = None
    number: int | None = None
    """An MTU that would fit."""
    workloads: tuple[str, ...] = ()
    """Interfaces of pods that it concerns."""
    address: IPv4Address | None = None
    """The pod's or the shared address."""

    @property
    def code(self) -> str:
        """The rule that it strikes."""
        return MEANINGS[self.kind].code

    @property
    def cls(self) -> CauseClass:
        """The class of cause."""
        return MEANINGS[self.kind].cls

    @property
    def node(self) -> str:
        """The node to be mended."""
        return self.host.name


def link_counters(host: Host, device: str | None, way: str, *names: str) -> tuple[str, ...]:
    """Those of a link's counters that are not zero."""
    link = host.snapshot.link(device or "")
    if link is None:
        return ()
    held = link.tx if way == "tx" else link.rx
    return tuple(f"{device} {way} {name} {held[name]}" for name in names if held.get(name))


def kernel_counters(host: Host, names: Iterable[str]) -> tuple[str, ...]:
    """Those of nstat's counters that are not zero."""
    return tuple(f"{name} {host.snapshot.counters[name]}" for name in names if host.snapshot.counters.get(name))


def rule_counters(judgement: Judgement) -> tuple[str, ...]:
    """How often the deciding rule matched, where it did."""
    return matched(judgement.rule, judgement.line) if judgement.rule is not None else ()


def matched(rule: FirewallRule, line: str = "") -> tuple[str, ...]:
    """How often a rule matched, where it did; *line* is how it is shown, its text unless told."""
    if not rule.packets:
        return ()
    return (say("{packets} packets matched `{line}`", packets=rule.packets, line=line or rule.text),)
