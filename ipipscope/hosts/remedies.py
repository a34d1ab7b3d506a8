"""The commands that mend a fault, safest first: printed, never run.

The first one can be run on the node with ip, sysctl, iptables or nft and takes effect at once, where such a command
exists; those that change the whole cluster follow and say so in `why`. Every value has been read as an address, a
number or an interface name before it gets here, and every word is quoted for the shell.
"""

# ruff: noqa: ARG001  # every way to mend is called alike, most need no cluster

from __future__ import annotations

import re
import shlex
from collections import Counter
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Final

from ipipscope.hosts.faults import Fault, Kind
from ipipscope.hosts.firewall import Packet
from ipipscope.hosts.formats.values import interface_name
from ipipscope.hosts.model import MAIN, Route
from ipipscope.hosts.tunnel import FALLBACK, IPIP_OVERHEAD
from ipipscope.model import Remedy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from ipaddress import IPv4Address

    from ipipscope.hosts.cluster import Cluster, Host, Known

LASTS = "It is gone after a reboot or when its owner programs the route again: let the owner do it, or make it lasting."
CLUSTER = "For the cluster: "
NAMESPACE_NOTE = "The namespace is kube-system, or calico-system where the operator installed Calico."
_ROUTES_MAX: Final = 64
PODS_MAX: Final = 8
"""Pods whose MTU one printed command sets; the rest are created anew with the cluster's setting."""
_NAMESPACE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
"""Names of namespaces that no command takes for an option."""


def command(*words: object) -> str:
    """A shell command of *words*, each quoted where the shell would read more into it than a word."""
    return shlex.join(str(word) for word in words)


def remedies(cluster: Cluster, fault: Fault) -> tuple[Remedy, ...]:
    """What mends *fault*, safest first."""
    return tuple(_WAYS[fault.kind](cluster, fault))


# ---- routes


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


def _protocol(cluster: Cluster, host: Host, route: Route | None) -> str | None:
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


def _block_route(host: Host, block: IPv4Network, via: IPv4Address, device: str, protocol: str | None) -> str:
    owner = ("proto", protocol) if protocol else ()
    return command("ip", "route", "replace", block, "via", via, "dev", interface_name(device), *owner, "onlink")


def _tunnel_route(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    host, block, route = fault.host, fault.block, fault.route
    device, protocol = _tunnel_device(host, fault), _protocol(cluster, host, route)
    if block is not None and fault.expected is not None:
        undo = _undo(route) if route is not None and _same(route, block) else command("ip", "route", "del", block)
        more_specific = route is not None and route.destination.prefixlen > block.prefixlen
        if more_specific and route is not None:
            yield Remedy(
                node=host.name, command=_delete(route), undo=_undo(route),
                why=f"It stands before the route to {block}, which leads into {device}.",
                risk="Whoever added it may have wanted it for other traffic to that address.",
            )  # fmt: skip
        else:
            yield Remedy(
                node=host.name,
                command=_block_route(host, block, fault.expected.address, device, protocol),
                why=f"{fault.expected.address} is right: {fault.expected.why}.",
                risk=f"Takes effect at once for all pods in {block}. {LASTS}",
                undo=undo,
            )
    if fault.expected is None:
        yield Remedy(
            node=host.name,
            command=command("calicoctl", "get", "nodes", "-o", "wide"),
            why=f"{CLUSTER}the state at hand does not show which node owns {block}; its address in this list is the "
            "right next "
            "hop (`calicoctl ipam show --show-blocks` names the owner's block).",
            risk="None: it only asks.",
        )
    yield from _owner_programs_again(fault, protocol)


def _same(route: Route, block: IPv4Network) -> bool:
    return route.destination == block and route.table == MAIN and not route.metric


def _undo(route: Route) -> str:
    """The command that sets *route* as it was."""
    return command("ip", "route", "replace", *_words(route))


def _delete(route: Route) -> str:
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


def _owner_programs_again(fault: Fault, protocol: str | None) -> Iterator[Remedy]:
    name = fault.host.name
    who = "Felix (route protocol 80)" if protocol == "80" else "BIRD" if protocol == "bird" else "BIRD or Felix"
    stale = " BIRD runs with `persist`: it leaves stale routes behind." if protocol != "80" else ""
    yield Remedy(
        node=name,
        command=command(
            "kubectl", "delete", "pod", "-n", "kube-system", "-l", "k8s-app=calico-node",
            "--field-selector", f"spec.nodeName={name}",
        ),
        why=f"{CLUSTER}calico-node on {name} starts again and {who} programs its routes, so that the cure "
        f"lasts.{stale}",
        risk=f"No new pod gets an interface on {name} for some seconds; traffic goes on. {NAMESPACE_NOTE}",
        undo="Nothing to undo.",
    )  # fmt: skip


def _rule(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    rule = fault.decision.rule if fault.decision else None
    if rule is not None and fault.block is not None and rule.priority > 1:
        add = ("ip", "rule", "add", "pref", rule.priority - 1, "to", fault.block, "lookup", "main")
        yield Remedy(
            node=fault.host.name, command=command(*add),
            undo=command("ip", "rule", "del", *add[3:]),
            why=f"Packets to {fault.block} use table main, where the tunnel routes stand, before `{rule.line}` counts.",
            risk="Lasts until a reboot; who added the other rule may add more.",
        )  # fmt: skip
    yield Remedy(
        node=fault.host.name, command=command("ip", "rule", "list"),
        why="Find who added the rule (a VPN, another network plugin, a load balancer) and exempt the pod networks "
        "there.",
        risk="None: it only lists.",
    )  # fmt: skip


def _underlay_loop(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    route = fault.decision.route if fault.decision else None
    if route is not None:
        yield Remedy(
            node=fault.host.name, command=_delete(route), undo=_undo(route),
            why=f"`{route.line}` sends the encapsulated packets into the tunnel again; without it the underlay's "
            "route counts.",
            risk="Other traffic that it carried takes the next wider route.",
        )  # fmt: skip
    yield from _owner_programs_again(fault, _protocol(cluster, fault.host, fault.route))


def _no_underlay(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    host, peer, route = fault.host, fault.peer, fault.decision.route if fault.decision else None
    rule = fault.decision.rule if fault.decision else None
    if route is not None and route.type in ("blackhole", "unreachable", "prohibit"):
        yield Remedy(
            node=host.name, command=_delete(route), undo=_undo(route),
            why=f"`{route.line}` refuses the encapsulated packets.", risk="Whoever set it wanted that network cut off.",
        )  # fmt: skip
    elif rule is not None and rule.action != "lookup" and peer is not None and rule.priority > 1:
        add = ("ip", "rule", "add", "pref", rule.priority - 1, "to", peer, "lookup", "main")
        yield Remedy(
            node=host.name, command=command(*add), undo=command("ip", "rule", "del", *add[3:]),
            why=f"`{rule.line}` refuses the encapsulated packets.", risk="Lasts until a reboot.",
        )  # fmt: skip
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
                    why=f"{peer} stands in the network of {name}, whose connected route is gone.",
                    risk="Lasts until a reboot; set the interface's network up again as it was.",
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
                    why=f"{via} is the gateway of other routes here; whether it reaches {peer} the state does not "
                    "show.",
                    risk="Lasts until a reboot.",
                )
    yield Remedy(
        node=host.name, command=command("ip", "route", "get", peer or "<peer>"),
        why="It has to name a NIC. Set the missing route up where this host configures its network.",
        risk="None: it only asks.",
    )  # fmt: skip


def _gateway(host: Host) -> tuple[IPv4Address, str] | None:
    for route in host.snapshot.routes:
        for hop in route.hops:
            if route.table == MAIN and hop.via and hop.device and hop.device not in host.tunnels:
                return hop.via, hop.device
    return None


# ---- sources


def _source(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    host, peer, right = fault.host, fault.peer, fault.expected
    decision = fault.decision
    if peer is not None and right is not None and decision is not None and decision.device:
        via = ("via", decision.gateway) if decision.gateway else ()
        route = ("ip", "route", "replace", f"{peer}/32", *via, "dev", interface_name(decision.device))
        yield Remedy(
            node=host.name,
            command=command(*route, "src", right.address),
            why=f"The packets to {peer} go the same way, but from {right.address}: {right.why}.",
            risk=f"All of {host.name}'s new connections to {peer} come from {right.address}. Lasts until a reboot: put "
            "it into the interface's configuration.",
            undo=command("ip", "route", "del", f"{peer}/32", "dev", interface_name(decision.device)),
        )
    yield from _source_in_cluster(cluster, fault)
    yield from _source_by_routes(fault)


def _source_in_cluster(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    network = _common_network(cluster, fault)
    if network is not None:
        yield _autodetection(fault.host.name, network, f"all nodes seen here have an address in {network}; ")
    source = fault.decision.source if fault.decision else None
    if source is not None:
        patch = f'{{"spec":{{"externalNodesList":["{source}/32"]}}}}'
        yield Remedy(
            node=fault.host.name,
            command=command("calicoctl", "patch", "felixconfiguration", "default", "-p", patch),
            why=f"{CLUSTER}every node takes IPIP from {source} too.",
            risk="Widens trust: whoever can send from that address can put packets into the overlay. Replaces a list "
            "that may be there.",
            undo=command(
                "calicoctl", "patch", "felixconfiguration", "default", "-p", '{"spec":{"externalNodesList":[]}}'
            ),
        )


def _source_by_routes(fault: Fault) -> Iterator[Remedy]:
    """The story's way: take the connected route away, so that the packets leave by the other NIC."""
    route, right, host = fault.route, fault.expected, fault.host
    if route is None or right is None or route.via is not None or route.protocol != "kernel" or not right.address:
        return
    yield Remedy(
        node=host.name, command=_delete(route), undo=_undo(route),
        why="Without the connected route the packets take the default route; that has to leave by the NIC of "
        f"{right.address}.",
        risk="The riskiest way: cuts whoever manages the node over that network, and fails where the default route "
        "leaves "
        "by the same NIC.",
    )  # fmt: skip


def odd_peer(peer: IPv4Address, listed_on: str, common: IPv4Network) -> tuple[Remedy, ...]:
    """What to do about a BGP peer that stands in another network than the others, when no routes are at hand."""
    network = IPv4Network(f"{peer}/{common.prefixlen}", strict=False)
    return (
        Remedy(
            node=listed_on, command=command("ip", "route", "get", peer),
            why=f"To be asked on every node of {common}: where src is not the node's own address in this list, give "
            f"the route to {peer} that source (`ip route replace {peer}/32 dev NIC src ADDRESS`).",
            risk="None: it only asks.",
        ),
        _autodetection(listed_on, network, f"if every node has an address in {network}, "),
    )  # fmt: skip


def _autodetection(node: str, network: IPv4Network, given: str) -> Remedy:
    return Remedy(
        node=node,
        command=command(
            "kubectl", "set", "env", "daemonset/calico-node", "-n", "kube-system",
            f"IP_AUTODETECTION_METHOD=cidr={network}",
        ),
        why=f"{CLUSTER}{given}then Calico knows each by the address it sends from.",
        risk=f"calico-node restarts on every node, BGP sessions are set up anew. {NAMESPACE_NOTE}",
        undo="kubectl rollout undo daemonset/calico-node -n kube-system",
    )  # fmt: skip


def _common_network(cluster: Cluster, fault: Fault) -> IPv4Network | None:
    """A network in which every node seen here has an address."""
    hosts = [host for host in cluster.hosts.values() if host.addresses]
    if len(hosts) < 2:
        return None
    networks = [
        {
            known.network
            for name, held in host.fib.addresses.items()
            for known in held
            if known.prefix_length < 31 and name not in host.tunnels and not known.address.is_loopback
            and not name.startswith(("docker", "virbr", "cni", "br-"))
        }
        for host in hosts
    ]  # fmt: skip
    common = set.intersection(*networks)
    peer = fault.peer
    best = sorted(common, key=lambda network: (peer is None or peer not in network, network))
    return best[0] if best else None


def _retired(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    old = fault.expected.address if fault.expected else None
    held = next((known for known in fault.host.snapshot.addresses if known.interface == fault.interface), None)
    if old is not None and fault.interface and held is not None:
        add = (f"{old}/{held.prefix_length}", "dev", interface_name(fault.interface))
        yield Remedy(
            node=fault.host.name, command=command("ip", "addr", "add", *add),
            undo=command("ip", "addr", "del", *add),
            why=f"The other nodes send to {old}; with it back on {fault.interface} the packets arrive until Calico "
            "knows the new one.",
            risk=f"Makes sure first that nobody else has {old} now: `arping -D -I {fault.interface} {old}`.",
        )  # fmt: skip
    yield from _owner_programs_again(fault, _protocol(cluster, fault.host, None))


# ---- reverse path filter


def _sysctl(interface: str, name: str, value: int) -> str:
    """`sysctl -w` for an interface's setting; slashes where the name holds a dot."""
    checked = interface_name(interface)
    if "." in checked:
        return command("sysctl", "-w", f"net/ipv4/conf/{checked}/{name}={value}")
    return command("sysctl", "-w", f"net.ipv4.conf.{checked}.{name}={value}")


def _loose(fault: Fault, interface: str) -> Remedy:
    was = fault.host.snapshot.rp_filter.get(interface, 1)
    return Remedy(
        node=fault.host.name,
        command=_sysctl(interface, "rp_filter", 2),
        why=f"The higher of `all` and {interface} counts, so {interface} alone becomes loose: a source needs a route, "
        "no longer by the same interface.",
        risk=f"Spoofed sources that have some route are taken on {interface}. Felix wants IgnoreLooseRPF=true where "
        "rp_filter is "
        "2 for all. Lasts until a reboot: put it into /etc/sysctl.d.",
        undo=_sysctl(interface, "rp_filter", was),
    )


def _rp_filter_outer(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    if fault.interface:
        yield _loose(fault, fault.interface)
    if fault.peer is not None and fault.interface:
        yield Remedy(
            node=fault.host.name,
            command=command(
                "ip", "route", "get", fault.peer, "iif", interface_name(fault.interface), "from", fault.peer
            ),
            why=f"Better than a loose filter is a route to {fault.peer} by {fault.interface}, where its packets "
            "arrive, or "
            "one network for all nodes' addresses (IP_AUTODETECTION_METHOD=cidr=...).",
            risk="None: it only asks.",
        )


def _rp_filter_inner(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    if fault.interface and fault.interface not in fault.host.fib.addresses:
        owned = next(iter(sorted(fault.host.tunnel_addresses)), None) or _block_base(cluster, fault.host)
        if owned is not None and (fault.route is None or fault.route.device == fault.interface):
            yield Remedy(
                node=fault.host.name, command=command("ip", "addr", "add", f"{owned}/32", "dev", fault.interface),
                why=f"{fault.interface} has no address.", risk="None known.",
                undo=command("ip", "addr", "del", f"{owned}/32", "dev", fault.interface),
            )  # fmt: skip
    if fault.expected is not None and fault.block is not None:
        yield from _tunnel_route(cluster, fault)
        if fault.interface:
            yield _loose(fault, fault.interface)
    elif fault.interface:
        yield _loose(fault, fault.interface)


def _block_base(cluster: Cluster, host: Host) -> IPv4Address | None:
    own = cluster.own_blocks(host)
    return own[0].network_address if own else None


# ---- firewall

_TOOLS = {"iptables": "iptables", "iptables-legacy": "iptables-legacy", "iptables-nft": "iptables-nft"}


def _accept(fault: Fault, hook: str, *match: object) -> tuple[str, str]:
    """A rule that accepts, put first where the drop happens; and the command that takes it away."""
    judgement = fault.judgement
    backend = judgement.ruleset.backend if judgement and judgement.ruleset else "iptables"
    chain = judgement.chain if judgement else None
    if backend == "nft" and chain is not None:
        family, _, table = chain.table.partition(" ")
        words = _nft_match(match)
        where = (family, table, chain.name)
        shown = command("nft", "insert", "rule", *where, *words, "accept")
        return shown, command("nft", "-a", "list", "chain", *where)
    table = chain.table if chain else "filter"
    at = (chain.hook if chain and chain.hook else None) or _hook_of(table, hook)
    tool = (_TOOLS.get(backend, "iptables"), *(("-t", table) if table != "filter" else ()))
    return command(*tool, "-I", at, 1, *match, "-j", "ACCEPT"), command(*tool, "-D", at, *match, "-j", "ACCEPT")


def _hook_of(table: str, hook: str) -> str:
    return "PREROUTING" if table == "raw" and hook in ("INPUT", "FORWARD") else hook


def _nft_match(match: tuple[object, ...]) -> list[object]:
    names = {
        "-p": ("meta", "l4proto"),
        "-s": ("ip", "saddr"),
        "-d": ("ip", "daddr"),
        "-i": ("iifname",),
        "-o": ("oifname",),
    }
    words: list[object] = []
    for option, value in zip(match[::2], match[1::2], strict=True):
        words += [*names[str(option)], value]
    return words


_FIREWALL_RISK = (
    "Lasts until a reboot or until the firewall's owner (firewalld, ufw, a service) loads its rules again: allow IP "
    "protocol 4 there; Calico asks for such managers to be off."
)


def _firewall_in(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    if fault.peer is None:
        return
    do, undo = _accept(fault, "INPUT", "-p", 4, "-s", fault.peer)
    name = fault.judgement.set_name if fault.judgement else None
    risk = _FIREWALL_RISK
    if name:
        risk = f"Takes IPIP from {fault.peer} although {name} does not list it; Felix puts its own chain first again "
        "some day."
    yield Remedy(
        node=fault.host.name, command=do, undo=undo, risk=risk, why=f"Packets of protocol 4 from {fault.peer} come in."
    )
    if name:
        patch = f'{{"spec":{{"externalNodesList":["{fault.peer}/32"]}}}}'
        yield Remedy(
            node=fault.host.name,
            command=command("calicoctl", "patch", "felixconfiguration", "default", "-p", patch),
            why=f"{CLUSTER}Felix lists {fault.peer} in {name} on every node.",
            risk="Widens trust: whoever can send from that address can put packets into the overlay. Replaces a list "
            "that may be there.",
            undo=command(
                "calicoctl", "patch", "felixconfiguration", "default", "-p", '{"spec":{"externalNodesList":[]}}'
            ),
        )


def _firewall_out(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    if fault.peer is None:
        return
    do, undo = _accept(fault, "OUTPUT", "-p", 4, "-d", fault.peer)
    yield Remedy(
        node=fault.host.name, command=do, undo=undo, risk=_FIREWALL_RISK,
        why=f"Packets of protocol 4 to {fault.peer} go out.",
    )  # fmt: skip


def _firewall_forward(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Accept both ways between the two blocks, where both are dropped."""
    host, judgement = fault.host, fault.judgement
    if fault.address is None or fault.peer is None or judgement is None:
        return
    ends = [(_end(cluster, fault.address), _end(cluster, fault.peer))]
    device = fault.decision.device if fault.decision else None
    back = Packet(
        source=fault.peer, destination=fault.address, protocol=1, in_interface=device,
        out_interface=fault.interface if device else None, state="ESTABLISHED",
    )  # fmt: skip
    if host.firewall.judge("FORWARD", back).dropped or device is None:
        ends.append((ends[0][1], ends[0][0]))
    made = [_accept(fault, "FORWARD", "-s", source, "-d", destination) for source, destination in ends]
    yield Remedy(
        node=host.name, command=" && ".join(do for do, _ in made), undo=" && ".join(undo for _, undo in made),
        why=f"Packets between {ends[0][0]} and {ends[0][1]} are forwarded.",
        risk=f"Passes network policies of the pods in these blocks. {_FIREWALL_RISK}",
    )  # fmt: skip


def _firewall_inner(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    if fault.address is None or fault.peer is None:
        return
    do, undo = _accept(fault, "INPUT", "-s", _end(cluster, fault.address), "-d", fault.peer)
    yield Remedy(
        node=fault.host.name, command=do, undo=undo, risk=_FIREWALL_RISK,
        why=f"What the tunnel delivers to {fault.peer} is taken.",
    )  # fmt: skip


def _end(cluster: Cluster, address: IPv4Address) -> IPv4Network | IPv4Address:
    block = cluster.block_of(address)
    return block.network if block else address


def _nat(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    if fault.config is None and fault.interface is not None:
        yield Remedy(
            node=fault.host.name,
            command=command("tc", "-s", "filter", "show", "dev", interface_name(fault.interface), "ingress"),
            why="No firewall rule at hand translates: look for a tc filter or an eBPF program (egress too).",
            risk="None: it only asks.",
        )
    if fault.address is None or fault.peer is None:
        return
    do, undo = _accept(fault, "POSTROUTING", "-s", _end(cluster, fault.address), "-d", _end(cluster, fault.peer))
    yield Remedy(
        node=fault.host.name, command=do, undo=undo,
        why="Packets between the two blocks leave the table before the translating rule; connections that conntrack "
        "already translates keep their address until they end.",
        risk="Lasts until the rule's owner (kube-proxy, a kubelet unit, Docker) writes the table again: correct "
        "clusterCIDR, "
        "--masquerade-all or natOutgoing there.",
    )  # fmt: skip


# ---- devices


def _lost_routes(
    cluster: Cluster, host: Host, device: str, block: IPv4Network | None, expected: Known | None
) -> list[str]:
    """The commands that set the block routes which the kernel removed with the device or its last address."""
    protocol = _protocol(cluster, host, None)
    settled = {route.destination for route in host.tunnel_routes} | set(cluster.own_blocks(host))
    wanted: dict[IPv4Network, IPv4Address] = {}
    for network in list(cluster.blocks)[:_ROUTES_MAX]:
        known = cluster.next_hop_for(host, network)
        if known is not None and known.address not in host.addresses:
            wanted[network] = known.address
    if block is not None and expected is not None:
        wanted[block] = expected.address
    return [_block_route(host, one, via, device, protocol) for one, via in wanted.items() if one not in settled]


def _tunnel_up(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Bring the device up and put the routes back that went down with it."""
    host = fault.host
    device = fault.interface or FALLBACK
    steps = [command("ip", "link", "set", interface_name(device), "up")]
    steps += _lost_routes(cluster, host, device, fault.block, fault.expected)
    yield Remedy(
        node=host.name, command=" && ".join(steps), undo=command("ip", "link", "set", interface_name(device), "down"),
        why="The device takes packets again; the routes that the kernel removed with it are set anew.",
        risk=f"The routes are those the other nodes' state speaks of; there may be more. {LASTS}",
    )  # fmt: skip
    yield from _owner_programs_again(fault, _protocol(cluster, host, None))


def _other_remote(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    tunnel = fault.tunnel
    if tunnel is not None and fault.peer is not None:
        local = ("local", tunnel.local) if tunnel.local else ()
        before = ("remote", tunnel.remote) if tunnel.remote else ()
        change = ("ip", "tunnel", "change", interface_name(tunnel.interface), "mode", "ipip")
        yield Remedy(
            node=fault.host.name, command=command(*change, "remote", fault.peer, *local),
            undo=command(*change, *before, *local),
            why=f"{tunnel.interface} takes packets of {fault.peer} instead of {tunnel.remote}, and sends to it.",
            risk=f"Whoever sends from {tunnel.remote} is refused then.",
        )  # fmt: skip


def _other_device(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    if fault.tunnel is not None:
        name = interface_name(fault.tunnel.interface)
        yield Remedy(
            node=fault.host.name, command=command("ip", "link", "set", name, "down"),
            undo=command("ip", "link", "set", name, "up"),
            why=f"With {name} down the packets reach the overlay's own tunnel device.",
            risk=f"Whatever uses {name} stops.",
        )  # fmt: skip


def _forwarding(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    yield Remedy(
        node=fault.host.name, command=command("sysctl", "-w", "net.ipv4.ip_forward=1"),
        undo=command("sysctl", "-w", "net.ipv4.ip_forward=0"),
        why="The node forwards between its pods and the tunnel again.",
        risk="The node forwards for everybody whom its firewall lets. Lasts until a reboot: put it into /etc/sysctl.d.",
    )  # fmt: skip


def _pod_gone(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    host = fault.host
    used = {route.device for route in host.workload_routes}
    idle = [link.name for link in host.snapshot.links if link.name.startswith("cali") and link.name not in used]
    owned = fault.address is not None and any(fault.address in block for block in cluster.own_blocks(host))
    if len(idle) == 1 and fault.address is not None and owned:
        route = (f"{fault.address}/32", "dev", interface_name(idle[0]), "scope", "link")
        yield Remedy(
            node=host.name, command=command("ip", "route", "replace", *route),
            undo=command("ip", "route", "del", *route[:3]),
            why=f"{idle[0]} is the only pod interface here without a route, so it is most likely that of "
            f"{fault.address}.",
            risk="If the pod is gone and the interface is another one's, its packets go astray.",
        )  # fmt: skip
    yield Remedy(
        node=host.name,
        command=command(
            "kubectl", "get", "pods", "-A", "-o", "wide", "--field-selector", f"status.podIP={fault.address}"
        ),
        why=f"{CLUSTER}tells whether a pod has {fault.address} at all, and on which node; who still uses the address "
        "of a pod "
        "that is gone holds a stale endpoint.",
        risk="None: it only asks.",
    )


def _pod_silent(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    yield Remedy(
        node=fault.host.name,
        command=command(
            "kubectl", "get", "pods", "-A", "-o", "wide", "--field-selector", f"status.podIP={fault.address}"
        ),
        why=f"{CLUSTER}the node delivers to {fault.address}; look at the pod itself: its interface, its own firewall, "
        "what listens there, its policies.",
        risk="None: it only asks.",
    )


# ---- sizes


def _workload_mtu(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    host, device = fault.host, fault.interface or FALLBACK
    link = host.fib.link(device)
    mtu = link.mtu if link else None
    if mtu is not None:
        yield from _pod_mtu(host, fault, mtu)
    largest = max((found.mtu or 0 for name in fault.workloads if (found := host.fib.link(name))), default=0)
    if mtu is not None and fault.number is not None and fault.number > mtu:
        yield Remedy(
            node=host.name, command=command("ip", "link", "set", interface_name(device), "mtu", fault.number),
            undo=command("ip", "link", "set", interface_name(device), "mtu", mtu),
            why=f"The underlay has room for {fault.number} octets inside the outer header, {device} takes {mtu}.",
            risk="The other nodes' devices and every router between have to take as much. Felix sets its own value "
            "again "
            "(ipipMTU).",
        )  # fmt: skip
    else:
        yield Remedy(
            node=host.name,
            command=command(
                "iptables", "-t", "mangle", "-A", "FORWARD", "-o", interface_name(device), "-p", "tcp", "--tcp-flags",
                "SYN,RST", "SYN", "-j", "TCPMSS", "--clamp-mss-to-pmtu",
            ),
            undo=command(
                "iptables", "-t", "mangle", "-D", "FORWARD", "-o", interface_name(device), "-p", "tcp", "--tcp-flags",
                "SYN,RST", "SYN", "-j", "TCPMSS", "--clamp-mss-to-pmtu",
            ),
            why="TCP agrees on segments that fit, at once and for pods that run already; a ping with DF stays too "
            "large.",
            risk="None known; other protocols still depend on ICMP fragmentation needed.",
        )  # fmt: skip
    fits = min(value for value in (mtu, fault.number) if value) if mtu or fault.number else 1480
    yield from _calico_mtu(fault, fits, largest)


def _pod_mtu(host: Host, fault: Fault, mtu: int) -> Iterator[Remedy]:
    """Both ends of the pods' veth pairs, where the state names the pods' network namespaces."""
    do: list[str] = []
    undo: list[str] = []
    for name in fault.workloads[:PODS_MAX]:
        link = host.fib.link(name)
        if link is None or link.mtu is None or not _NAMESPACE.fullmatch(link.peer_namespace or ""):
            continue
        for steps, value in ((do, mtu), (undo, link.mtu)):
            inside = ("ip", "-n", link.peer_namespace, "link", "set", "eth0", "mtu", value)
            steps += [command(*inside), command("ip", "link", "set", interface_name(name), "mtu", value)]
    if do:
        yield Remedy(
            node=host.name, command=" && ".join(do), undo=" && ".join(undo),
            why=f"The pods that run now send no packet larger than the {mtu} octets that the tunnel takes.",
            risk="Lasts as long as the pods; eth0 is what Calico calls a pod's interface.",
        )  # fmt: skip


def _calico_mtu(fault: Fault, fits: int, largest: int) -> Iterator[Remedy]:
    was = f" ({largest} before)" if largest else ""
    patch = f'{{"spec":{{"ipipMTU":{fits}}}}}'
    yield Remedy(
        node=fault.host.name,
        command=command("calicoctl", "patch", "felixconfiguration", "default", "-p", patch),
        why=f"{CLUSTER}the tunnels get MTU {fits}; set veth_mtu in the calico-config ConfigMap to {fits} too{was} and "
        "create the "
        "pods anew, they keep their MTU for life.",
        risk="Pods that run keep the old MTU until they are created anew.",
        undo="Patch the former values back.",
    )  # fmt: skip


def _tunnel_mtu(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    host, device = fault.host, fault.interface or FALLBACK
    link = host.fib.link(device)
    if fault.number is not None:
        yield Remedy(
            node=host.name, command=command("ip", "link", "set", interface_name(device), "mtu", fault.number),
            undo=command("ip", "link", "set", interface_name(device), "mtu", link.mtu if link and link.mtu else 1480),
            why=f"{fault.number} octets and the outer header of {IPIP_OVERHEAD} fit the NIC.",
            risk="Felix sets its own value again (ipipMTU). Pods with a larger MTU learn it by ICMP.",
        )  # fmt: skip
        yield from _calico_mtu(fault, fault.number, 0)


def _path_mtu(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    host, device = fault.host, fault.interface or FALLBACK
    link = host.fib.link(device)
    if fault.number is None:
        if fault.peer is not None:
            size = (link.mtu if link and link.mtu else 1480) - 8
            yield Remedy(
                node=host.name, command=command("ping", "-M", "do", "-c", 3, "-s", size, fault.peer),
                why="Try smaller sizes until it answers: 28 octets more are what the path takes, 8 octets more the "
                "right MTU for the tunnel, on every node; or raise the MTU of what lies between.",
                risk="None: it only asks.",
            )  # fmt: skip
        return
    yield Remedy(
        node=host.name, command=command("ip", "link", "set", interface_name(device), "mtu", fault.number),
        undo=command("ip", "link", "set", interface_name(device), "mtu", link.mtu if link and link.mtu else 1480),
        why=f"The path takes {fault.number + IPIP_OVERHEAD} octets, {fault.number} inside the outer header; larger "
        "packets are then refused where their sender hears of it. Or raise the router's MTU.",
        risk="Needed on every node that uses this path; pods with a larger MTU learn it by ICMP. Felix sets its own "
        "value again (ipipMTU).",
    )  # fmt: skip
    yield from _calico_mtu(fault, fault.number, 0)


def _tunnel_address(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Give the device its own address, then take a foreign one away: without any it would lose its routes."""
    host, device = fault.host, fault.interface or FALLBACK
    recorded = [node.tunnel_address for node in host.snapshot.calico.nodes if node.name == host.name]
    right = next((address for address in recorded if address is not None), None) or _block_base(cluster, host)
    if right is None or host.workload_device(right) is not None:
        yield from _owner_programs_again(fault, None)
        return
    steps = [command("ip", "addr", "add", f"{right}/32", "dev", interface_name(device))]
    undo = command("ip", "addr", "del", f"{right}/32", "dev", interface_name(device))
    if fault.kind is Kind.FOREIGN_TUNNEL_ADDRESS and fault.address is not None:
        steps.append(command("ip", "addr", "del", f"{fault.address}/32", "dev", interface_name(device)))
        undo = f"{command('ip', 'addr', 'add', f'{fault.address}/32', 'dev', interface_name(device))} && {undo}"
    steps += _lost_routes(cluster, host, device, fault.block if fault.expected else None, fault.expected)
    yield Remedy(
        node=host.name, command=" && ".join(steps), undo=undo,
        why=f"{right} is the first address of {host.name}'s own block; the node's packets carry it as inner source.",
        risk="Make sure that no pod has it: Calico has its own word in the node's annotation IPv4IPIPTunnelAddr. "
        "Connections of the node itself that use another address break.",
    )  # fmt: skip
    yield Remedy(
        node=host.name,
        command=command("cat", "/var/lib/calico/nodename"),
        why="Nodes cloned from one image share this file and then their tunnel address: remove it where it names "
        "another "
        "node. The pool has to allow use for tunnels (allowedUses: Tunnel) and have IPIP on.",
        risk="None: it only reads.",
    )
    yield from _owner_programs_again(fault, _protocol(cluster, host, None))


def _shared(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    yield Remedy(
        node=fault.host.name,
        command=command("arping", "-D", "-c", 3, "-I", fault.interface or "NIC", fault.address or "ADDRESS"),
        why="Shows who else answers for the address; give one of the two nodes another one.",
        risk="None: it only asks.",
    )


def _no_neighbour(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    device = fault.decision.device if fault.decision else None
    if fault.peer is not None and device is not None:
        yield Remedy(
            node=fault.host.name,
            command=command("ip", "neigh", "flush", "to", fault.peer, "dev", interface_name(device)),
            why=f"Makes the kernel ask again who has {fault.peer}; when it stays FAILED, that node is down, has "
            "another address, "
            "or the switch drops ARP.",
            risk="None known.",
            undo="Nothing to undo.",
        )


def _interfaces_differ(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    yield from _source_in_cluster(cluster, fault)


_WAYS: Final[dict[Kind, Callable[[Cluster, Fault], Iterator[Remedy]]]] = {
    Kind.OWN_NEXT_HOP: _tunnel_route,
    Kind.OTHER_NEXT_HOP: _tunnel_route,
    Kind.NOT_TUNNELLED: _tunnel_route,
    Kind.NO_BLOCK_ROUTE: _tunnel_route,
    Kind.UNROUTED: _tunnel_route,
    Kind.RULE_DIVERTS: _rule,
    Kind.UNDERLAY_LOOP: _underlay_loop,
    Kind.NO_UNDERLAY: _no_underlay,
    Kind.TUNNEL_DOWN: _tunnel_up,
    Kind.OTHER_REMOTE: _other_remote,
    Kind.OTHER_DEVICE: _other_device,
    Kind.OUTER_SOURCE: _source,
    Kind.RETIRED_ADDRESS: _retired,
    Kind.RP_FILTER_OUTER: _rp_filter_outer,
    Kind.RP_FILTER_INNER: _rp_filter_inner,
    Kind.FIREWALL_OUT: _firewall_out,
    Kind.FIREWALL_IN: _firewall_in,
    Kind.FIREWALL_FORWARD: _firewall_forward,
    Kind.FIREWALL_INNER: _firewall_inner,
    Kind.FORWARDING_OFF: _forwarding,
    Kind.POD_GONE: _pod_gone,
    Kind.POD_ABSENT: _pod_silent,
    Kind.POD_SILENT: _pod_silent,
    Kind.WORKLOAD_MTU: _workload_mtu,
    Kind.TUNNEL_MTU: _tunnel_mtu,
    Kind.PATH_MTU: _path_mtu,
    Kind.NAT: _nat,
    Kind.SHARED_ADDRESS: _shared,
    Kind.FOREIGN_TUNNEL_ADDRESS: _tunnel_address,
    Kind.NO_TUNNEL_ADDRESS: _tunnel_address,
    Kind.NO_NEIGHBOUR: _no_neighbour,
    Kind.INTERFACES_DIFFER: _interfaces_differ,
}
