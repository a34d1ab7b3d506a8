"""Routes into the tunnel and under it, and the policy rules before them."""

# ruff: noqa: ARG001  # every way to mend is called alike, most need no cluster

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ipipscope.hosts.formats.values import interface_name
from ipipscope.hosts.model import MAIN, Route
from ipipscope.hosts.remedies.words import CLUSTER, LASTS, command, owner_programs_again
from ipipscope.hosts.tunnel import FALLBACK
from ipipscope.language.said import say
from ipipscope.model import Remedy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address, IPv4Network

    from ipipscope.hosts.cluster import Cluster, Host, Known
    from ipipscope.hosts.faults import Fault

ROUTES_MAX: Final = 64


def _owner_on(host: Host, route: Route | None) -> str | None:
    votes = Counter(one.protocol for one in host.tunnel_routes if one.protocol and one is not route)
    votes.update(
        one.protocol
        for one in host.snapshot.routes
        if one.type == "blackhole" and one.protocol and one is not route and not votes
    )
    known = votes.most_common(1)
    if known:
        return known[0][0]
    return route.protocol if route is not None and route.protocol not in ("kernel", "boot", None) else None


def route_owner(cluster: Cluster, host: Host, route: Route | None) -> str | None:
    """Who programs the tunnel routes of *host*: bird, 80 (Felix) or nobody known.

    Where its own routes do not say, its other listings may, and then the other nodes: one cluster has one owner.
    """
    same = [one for one in (*cluster.hosts.values(), *cluster.earlier.values()) if one.name == host.name]
    return next((found for one in (host, *same, *cluster.hosts.values()) if (found := _owner_on(one, route))), None)


def _tunnel_device(host: Host, fault: Fault) -> str:
    if fault.route is not None and fault.route.device in host.tunnels:
        return str(fault.route.device)
    votes = Counter(hop.device for route in host.tunnel_routes for hop in route.hops if hop.device in host.tunnels)
    if votes:
        return str(votes.most_common(1)[0][0])
    return FALLBACK if FALLBACK in host.tunnels or not host.tunnels else host.tunnels[0]


def block_route(host: Host, block: IPv4Network, via: IPv4Address, device: str, protocol: str | None) -> str:
    """The command that sets the tunnel route to *block*."""
    owner = ("proto", protocol) if protocol else ()
    return command("ip", "route", "replace", block, "via", via, "dev", interface_name(device), *owner, "onlink")


def tunnel_route(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Send the block's packets into the tunnel, to its owner."""
    host, block, route = fault.host, fault.block, fault.route
    device, protocol = _tunnel_device(host, fault), route_owner(cluster, host, route)
    if block is not None and fault.expected is not None:
        undo = set_route(route) if route is not None and _same(route, block) else command("ip", "route", "del", block)
        more_specific = route is not None and route.destination.prefixlen > block.prefixlen
        if more_specific and route is not None:
            yield Remedy(
                node=host.name,
                command=delete_route(route),
                undo=set_route(route),
                why=say(
                    "It stands before the route to {block}, which leads into {device}.", block=block, device=device
                ),
                risk=say("Whoever added it may have wanted it for other traffic to that address."),
            )
        else:
            yield Remedy(
                node=host.name,
                command=block_route(host, block, fault.expected.address, device, protocol),
                why=say(
                    "{expected} is right: {why}.",
                    expected=fault.expected.address,
                    why=fault.expected.why,
                ),
                risk=say("Takes effect at once for all pods in {block}. {lasts}", block=block, lasts=LASTS),
                undo=undo,
            )
    if fault.expected is None:
        yield Remedy(
            node=host.name,
            command=command("calicoctl", "get", "nodes", "-o", "wide"),
            why=say(
                "{cluster}the state at hand does not show which node owns {block}; its address in this list is "
                "the right next hop (`calicoctl ipam show --show-blocks` names the owner's block).",
                cluster=CLUSTER,
                block=block,
            ),
            risk=say("None: it only asks."),
        )
    yield from owner_programs_again(fault, protocol)


def _same(route: Route, block: IPv4Network) -> bool:
    return route.destination == block and route.table == MAIN and not route.metric


def set_route(route: Route) -> str:
    """The command that sets *route* as it was."""
    return command("ip", "route", "replace", *_words(route))


def delete_route(route: Route) -> str:
    """The command that takes *route* away."""
    return command("ip", "route", "del", *_words(route))


def _words(route: Route) -> list[object]:
    words: list[object] = [] if route.type == "unicast" else [route.type]
    words.append(route.prefix)
    words += ["via", route.via] if route.via else []
    words += ["dev", interface_name(route.device)] if route.device and route.type != "blackhole" else []
    words += ["table", route.table] if route.table != MAIN else []
    words += ["proto", route.protocol] if route.protocol else []
    words += ["scope", route.scope] if route.scope in ("link", "host") else []
    words += ["src", route.source] if route.source else []
    words += ["metric", route.metric] if route.metric else []
    words += ["onlink"] if route.onlink else []
    for hop in route.next_hops:
        words += ["nexthop", *(["via", hop.via] if hop.via else [])]
        words += [*(["dev", interface_name(hop.device)] if hop.device else []), "weight", hop.weight]
    return words


def diverting_rule(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Let the tunnel's routes decide before a policy rule does."""
    rule = fault.decision.rule if fault.decision else None
    if rule is not None and fault.block is not None and rule.priority > 1:
        add = ("ip", "rule", "add", "pref", rule.priority - 1, "to", fault.block, "lookup", "main")
        yield Remedy(
            node=fault.host.name,
            command=command(*add),
            undo=command("ip", "rule", "del", *add[3:]),
            why=say(
                "Packets to {block} use table main, where the tunnel routes stand, before `{line}` counts.",
                block=fault.block,
                line=rule.line,
            ),
            risk=say("Lasts until a reboot; who added the other rule may add more."),
        )
    yield Remedy(
        node=fault.host.name,
        command=command("ip", "rule", "list"),
        why=say(
            "Find who added the rule (a VPN, another network plugin, a load balancer) and exempt the pod "
            "networks there.",
        ),
        risk=say("None: it only lists."),
    )


def underlay_loop(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Take away the route that leads encapsulated packets back into the tunnel."""
    route = fault.decision.route if fault.decision else None
    if route is not None:
        yield Remedy(
            node=fault.host.name,
            command=delete_route(route),
            undo=set_route(route),
            why=say(
                "`{line}` sends the encapsulated packets into the tunnel again; without it the underlay's route "
                "counts.",
                line=route.line,
            ),
            risk=say("Other traffic that it carried takes the next wider route."),
        )
    yield from owner_programs_again(fault, route_owner(cluster, fault.host, fault.route))


def no_underlay(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Give the peer's address a route on the underlay again."""
    host, peer, route = fault.host, fault.peer, fault.decision.route if fault.decision else None
    rule = fault.decision.rule if fault.decision else None
    if route is not None and route.type in ("blackhole", "unreachable", "prohibit"):
        yield Remedy(
            node=host.name,
            command=delete_route(route),
            undo=set_route(route),
            why=say("`{line}` refuses the encapsulated packets.", line=route.line),
            risk=say("Whoever set it wanted that network cut off."),
        )
    elif rule is not None and rule.action != "lookup" and peer is not None and rule.priority > 1:
        add = ("ip", "rule", "add", "pref", rule.priority - 1, "to", peer, "lookup", "main")
        yield Remedy(
            node=host.name,
            command=command(*add),
            undo=command("ip", "rule", "del", *add[3:]),
            why=say("`{line}` refuses the encapsulated packets.", line=rule.line),
            risk=say("Lasts until a reboot."),
        )
    elif peer is not None:
        for name, held in host.fib.addresses.items():
            near = next((known for known in held if peer in known.network and known.prefix_length < 32), None)
            if near is not None and name not in host.tunnels:
                yield Remedy(
                    node=host.name,
                    command=command(
                        "ip", "route", "replace", f"{peer}/32", "dev", interface_name(name), "src", near.address
                    ),
                    undo=command("ip", "route", "del", f"{peer}/32", "dev", interface_name(name)),
                    why=say(
                        "{peer} stands in the network of {name}, whose connected route is gone.", peer=peer, name=name
                    ),
                    risk=say("Lasts until a reboot; set the interface's network up again as it was."),
                )
                break
        else:
            gateway = _gateway(host)
            if gateway is not None:
                via, device = gateway
                yield Remedy(
                    node=host.name,
                    command=command("ip", "route", "replace", f"{peer}/32", "via", via, "dev", interface_name(device)),
                    undo=command("ip", "route", "del", f"{peer}/32"),
                    why=say(
                        "{via} is the gateway of other routes here; whether it reaches {peer} the state does not show.",
                        via=via,
                        peer=peer,
                    ),
                    risk=say("Lasts until a reboot."),
                )
    yield Remedy(
        node=host.name,
        command=command("ip", "route", "get", peer or "<peer>"),
        why=say("It has to name a NIC. Set the missing route up where this host configures its network."),
        risk=say("None: it only asks."),
    )


def _gateway(host: Host) -> tuple[IPv4Address, str] | None:
    for route in host.snapshot.routes:
        for hop in route.hops:
            if route.table == MAIN and hop.via and hop.device and hop.device not in host.tunnels:
                return hop.via, hop.device
    return None


def lost_routes(
    cluster: Cluster, host: Host, device: str, block: IPv4Network | None, expected: Known | None
) -> list[str]:
    """The commands that set the block routes which the kernel removed with the device or its last address."""
    protocol = route_owner(cluster, host, None)
    settled = {route.destination for route in host.tunnel_routes} | set(cluster.own_blocks(host))
    wanted: dict[IPv4Network, IPv4Address] = {}
    for network in list(cluster.blocks)[:ROUTES_MAX]:
        known = cluster.next_hop_for(host, network)
        if known is not None and known.address not in host.addresses:
            wanted[network] = known.address
    if block is not None and expected is not None:
        wanted[block] = expected.address
    return [block_route(host, one, via, device, protocol) for one, via in wanted.items() if one not in settled]
