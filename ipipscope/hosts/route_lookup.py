"""The kernel's IPv4 route decision, reproduced from a snapshot.

Rules in order of priority → table → longest prefix → lowest metric → next hop → source address, as fib_lookup,
ip_route_output_key and inet_select_addr do it (Linux net/ipv4: fib_rules.c, fib_trie.c, fib_semantics.c, route.c,
devinet.c). TOS is ignored, of several equal next hops all are returned. Where a table was not read it counts as empty,
except `local`, which is rebuilt from the addresses.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Final

from ipipscope.hosts.model import (
    DEFAULT_RULES,
    LOCAL,
    MAIN,
    Address,
    Link,
    NextHop,
    PolicyRule,
    Route,
    Snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SCOPES: Final = {"global": 0, "universe": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}  # rtnetlink(7)
_TABLE_NAMES: Final = {"254": MAIN, "255": LOCAL, "253": "default", "0": "all"}
_RULE_STEPS_MAX: Final = 1_000


class Outcome(StrEnum):
    """What the kernel does with a packet to that destination."""

    UNICAST = "unicast"
    LOCAL = "local"
    BROADCAST = "broadcast"
    MULTICAST = "multicast"
    BLACKHOLE = "blackhole"
    """Dropped in silence."""
    UNREACHABLE = "unreachable"
    """Dropped, ICMP host unreachable."""
    PROHIBIT = "prohibit"
    """Dropped, ICMP administratively prohibited."""
    NO_ROUTE = "no-route"
    """Dropped, ICMP network unreachable."""


_DROPPING = {"blackhole": Outcome.BLACKHOLE, "unreachable": Outcome.UNREACHABLE, "prohibit": Outcome.PROHIBIT}
_DELIVERING = {
    "local": Outcome.LOCAL, "broadcast": Outcome.BROADCAST, "anycast": Outcome.LOCAL, "multicast": Outcome.MULTICAST,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Where a packet goes."""

    destination: IPv4Address
    outcome: Outcome
    route: Route | None = None
    """The route that decided; None when a rule did, or nothing was found."""
    rule: PolicyRule | None = None
    hop: NextHop | None = None
    """The next hop taken; the first one where several are equal."""
    equal_hops: tuple[NextHop, ...] = ()
    """All of them where the kernel would pick one by hash; empty otherwise."""
    source: IPv4Address | None = None
    """The source that a packet gets which brings none."""

    @property
    def device(self) -> str | None:
        """Where it leaves; None when it does not."""
        return self.hop.device if self.hop else None

    @property
    def gateway(self) -> IPv4Address | None:
        """The next hop's address; None when the destination itself is asked for on the link."""
        return self.hop.via if self.hop else None

    @property
    def dropped(self) -> bool:
        """Whether the packet ends here."""
        return self.outcome in (Outcome.BLACKHOLE, Outcome.UNREACHABLE, Outcome.PROHIBIT, Outcome.NO_ROUTE)


class Table:
    """One routing table, by prefix length."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_length: dict[int, dict[int, list[Route]]] = {}
        for route in routes:
            network = route.destination
            alike = self._by_length.setdefault(network.prefixlen, {}).setdefault(int(network.network_address), [])
            alike.append(route)
        for prefixes in self._by_length.values():
            for alike in prefixes.values():
                alike.sort(key=lambda route: (-route.tos, route.metric))
        self._lengths = sorted(self._by_length, reverse=True)

    def matching(self, destination: IPv4Address) -> Iterator[Route]:
        """Every route that covers *destination*: longest prefix first, then lowest metric."""
        number = int(destination)
        for length in self._lengths:
            base = number >> (32 - length) << (32 - length) if length else 0
            yield from self._by_length[length].get(base, ())


class Fib:
    """One host's routing, ready to be asked."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.links = {link.name: link for link in snapshot.links}
        self.addresses: dict[str, list[Address]] = {}
        for known in snapshot.addresses or _connected(snapshot):
            self.addresses.setdefault(known.interface, []).append(known)
        routes = [*snapshot.routes, *_local_routes(snapshot)]
        by_table: dict[str, list[Route]] = {}
        for route in routes:
            by_table.setdefault(_TABLE_NAMES.get(route.table, route.table), []).append(route)
        self.tables = {name: Table(held) for name, held in by_table.items()}
        self.rules = snapshot.rules or DEFAULT_RULES
        self.local_addresses = frozenset(
            [known.address for known in snapshot.addresses]
            + [r.destination.network_address for r in routes if r.type == "local" and r.destination.prefixlen == 32]
        )

    def is_local(self, address: IPv4Address) -> bool:
        """Whether a packet to *address* would be delivered on this host."""
        return self.lookup(address).outcome is Outcome.LOCAL

    def lookup(
        self,
        destination: IPv4Address,
        *,
        source: IPv4Address | None = None,
        in_interface: str | None = None,
        out_interface: str | None = None,
        mark: int = 0,
        least_scope: int = 0,
    ) -> Decision:
        """What the kernel does with a packet to *destination*.

        source: its source address; None for one that the host itself sends and that has none yet.
        in_interface: where it came in; None for one that the host itself sends.
        out_interface: the device its socket or tunnel is bound to.
        mark: its firewall mark.
        least_scope: routes of a wider scope than this number do not count (next-hop resolution).
        """
        for rule in self._matching_rules(destination, source, in_interface, out_interface, mark):
            if rule.action in _DROPPING:
                return Decision(destination=destination, outcome=_DROPPING[rule.action], rule=rule)
            if rule.action != "lookup":
                continue
            table = self.tables.get(_TABLE_NAMES.get(rule.table or "", rule.table or ""))
            found = self._in_table(table, destination, out_interface, least_scope) if table else None
            if found is None:
                continue
            route, hops = found
            short = (
                rule.suppress_prefix_length is not None and route.destination.prefixlen <= rule.suppress_prefix_length
            )
            if short and route.type not in _DROPPING:
                continue  # a route that refuses is an error, which fib_rules_lookup does not suppress
            return self._decide(destination, rule, route, hops, out_interface)
        return Decision(destination=destination, outcome=Outcome.NO_ROUTE)

    def _matching_rules(
        self,
        destination: IPv4Address,
        source: IPv4Address | None,
        in_interface: str | None,
        out_interface: str | None,
        mark: int,
    ) -> Iterator[PolicyRule]:
        place, steps = 0, 0
        while place < len(self.rules) and steps < _RULE_STEPS_MAX + len(self.rules):
            rule = self.rules[place]
            steps += 1
            selected = (
                (rule.source is None or _covers(rule.source, source))
                and (rule.destination is None or destination in rule.destination)
                and (rule.in_interface is None or rule.in_interface == (in_interface or "lo"))
                and (rule.out_interface is None or rule.out_interface == out_interface)
                and (rule.mark is None or (mark ^ rule.mark) & rule.mask == 0)
                and not rule.other  # ports, users ...: not those of an encapsulated ping
            )
            if selected == rule.inverted:
                place += 1
            elif rule.action == "goto" and rule.goto is not None:
                onward = next((i for i, other in enumerate(self.rules) if other.priority == rule.goto), None)
                place = onward if onward is not None and onward > place else place + 1
            else:
                yield rule
                place += 1

    def _in_table(
        self, table: Table, destination: IPv4Address, out_interface: str | None, least_scope: int
    ) -> tuple[Route, tuple[NextHop, ...]] | None:
        for route in table.matching(destination):
            if SCOPES.get(route.scope, 0) < least_scope:
                continue
            if route.type == "throw":
                return None
            if route.type in _DROPPING:
                return route, ()
            hops = tuple(hop for hop in route.hops if self._usable(hop, out_interface))
            if hops:
                return route, hops
        return None

    def _usable(self, hop: NextHop, out_interface: str | None) -> bool:
        if "dead" in hop.flags or (out_interface is not None and hop.device != out_interface):
            return False
        link = self.links.get(hop.device or "")
        return link is None or link.up or not link.flags

    def _decide(
        self,
        destination: IPv4Address,
        rule: PolicyRule,
        route: Route,
        hops: tuple[NextHop, ...],
        out_interface: str | None,
    ) -> Decision:
        outcome = _DROPPING.get(route.type) or _DELIVERING.get(route.type, Outcome.UNICAST)
        if not hops:
            return Decision(destination=destination, outcome=outcome, route=route, rule=rule)
        if outcome is Outcome.LOCAL:
            return Decision(
                destination=destination, outcome=outcome, route=route, rule=rule, hop=NextHop(device="lo"),
                source=route.source or destination,
            )  # fmt: skip
        hop = hops[0]
        used = NextHop(via=self.gateway_of(hop), device=hop.device, weight=hop.weight, flags=hop.flags)
        source = route.source or self.select_source(hop.device, hop.via, SCOPES.get(route.scope, 0))
        return Decision(
            destination=destination,
            outcome=outcome,
            route=route,
            rule=rule,
            hop=used,
            equal_hops=hops if len(hops) > 1 and out_interface is None else (),
            source=source,
        )

    def gateway_of(self, hop: NextHop) -> IPv4Address | None:
        """The gateway that the kernel uses for *hop*, None when it asks for the destination itself.

        A next hop that was one of the host's own addresses when the route was set has scope host: it is no gateway
        (fib_check_nh, rt_set_nexthop). With `onlink` the kernel did not look.
        """
        if hop.via is None or "onlink" in hop.flags:
            return hop.via
        return None if hop.via in self.local_addresses else hop.via

    def select_source(self, device: str | None, towards: IPv4Address | None, scope: int) -> IPv4Address | None:
        """The source address for a packet that leaves by *device* (inet_select_addr).

        towards: the next hop; an address in its network is preferred.
        scope: the route's; addresses of a narrower scope do not count.
        """
        first: IPv4Address | None = None
        for known in self.addresses.get(device or "", ()):
            if known.secondary or min(SCOPES.get(known.scope, 0), SCOPES["host"]) > scope:
                continue
            if towards is None or towards in known.network:
                return known.address
            first = first or known.address
        if first is not None:
            return first
        for name in self._devices_in_order():
            for known in self.addresses.get(name, ()):
                number = SCOPES.get(known.scope, 0)
                if not known.secondary and number != SCOPES["link"] and number <= scope:
                    return known.address
        return None

    def _devices_in_order(self) -> list[str]:
        listed = sorted(self.snapshot.links, key=lambda link: (link.name != "lo", link.index))
        names = [link.name for link in listed]
        return names + [name for name in self.addresses if name not in self.links]

    def mtu_of(self, decision: Decision) -> int | None:
        """The largest packet that leaves that way, octets; None when it is not known."""
        if decision.route is not None and decision.route.mtu:
            return decision.route.mtu
        link = self.link(decision.device)
        return link.mtu if link else None

    def link(self, name: str | None) -> Link | None:
        """The interface of that name."""
        return self.links.get(name or "")


def _covers(network: IPv4Network, address: IPv4Address | None) -> bool:
    # a packet without a source yet carries 0.0.0.0, which only a rule for everything covers
    return (address or IPv4Address(0)) in network


def _connected(snapshot: Snapshot) -> list[Address]:
    """The addresses that connected routes give away, for a snapshot without `ip addr`."""
    return [
        Address(interface=r.device, address=r.source, prefix_length=r.destination.prefixlen)
        for r in snapshot.routes
        if r.protocol == "kernel" and r.type == "unicast" and r.source is not None and r.device is not None
    ]


def _local_routes(snapshot: Snapshot) -> list[Route]:
    """Table local as the kernel fills it, where a snapshot does not hold it.

    Without addresses too, the `src` of connected routes and nothing else is known to be local.
    """
    if any(_TABLE_NAMES.get(route.table, route.table) == LOCAL for route in snapshot.routes):
        return []
    own = {known.address: known.interface for known in snapshot.addresses}
    for route in snapshot.routes:
        if route.protocol == "kernel" and route.source is not None and route.device is not None:
            own.setdefault(route.source, route.device)
    routes = [
        Route(
            destination=IPv4Network(f"{address}/32"), type="local", device=device, table=LOCAL, protocol="kernel",
            scope="host", source=address,
        )
        for address, device in own.items()
    ]  # fmt: skip
    routes += [
        Route(
            destination=IPv4Network(f"{known.network.broadcast_address}/32"), type="broadcast", device=known.interface,
            table=LOCAL, protocol="kernel", scope="link", source=known.address,
        )
        for known in snapshot.addresses
        if known.prefix_length < 31
    ]  # fmt: skip
    routes.append(
        Route(
            destination=IPv4Network("127.0.0.0/8"), type="local", device="lo", table=LOCAL, protocol="kernel",
            scope="host", source=IPv4Address("127.0.0.1"),
        )
    )  # fmt: skip
    return routes
