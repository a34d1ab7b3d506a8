"""The outer source: several ways to make it the address by which the others know the node, ranked."""

# every way to mend is called alike, most need no cluster

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from ipipscope.hosts.formats.values import interface_name
from ipipscope.hosts.remedies.routes import delete_route, route_owner, set_route
from ipipscope.hosts.remedies.words import CLUSTER, NAMESPACE_NOTE, command, owner_programs_again
from ipipscope.language.said import say
from ipipscope.model import Remedy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address

    from ipipscope.hosts.cluster import Cluster
    from ipipscope.hosts.faults import Fault


def outer_source(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Send from the address by which the node is known, in several ways."""
    host, peer, right = fault.host, fault.peer, fault.expected
    decision = fault.decision
    if peer is not None and right is not None and decision is not None and decision.device:
        via = ("via", decision.gateway) if decision.gateway else ()
        route = ("ip", "route", "replace", f"{peer}/32", *via, "dev", interface_name(decision.device))
        yield Remedy(
            node=host.name,
            command=command(*route, "src", right.address),
            why=say(
                "The packets to {peer} go the same way, but from {right}: {why}.",
                peer=peer,
                right=right.address,
                why=right.why,
            ),
            risk=say(
                "All of {host}'s new connections to {peer} come from {right}. Lasts until a reboot: put it into "
                "the interface's configuration.",
                host=host.name,
                peer=peer,
                right=right.address,
            ),
            undo=command("ip", "route", "del", f"{peer}/32", "dev", interface_name(decision.device)),
        )
    yield from _source_in_cluster(cluster, fault)
    yield from _source_by_routes(fault)


def _source_in_cluster(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    network = _common_network(cluster, fault)
    if network is not None:
        yield _autodetection(
            fault.host.name, network, say("all nodes seen here have an address in {network}; ", network=network)
        )
    source = fault.decision.source if fault.decision else None
    if source is not None:
        patch = f'{{"spec":{{"externalNodesList":["{source}/32"]}}}}'
        yield Remedy(
            node=fault.host.name,
            command=command("calicoctl", "patch", "felixconfiguration", "default", "-p", patch),
            why=say("{cluster}every node takes IPIP from {source} too.", cluster=CLUSTER, source=source),
            risk=say(
                "Widens trust: whoever can send from that address can put packets into the overlay. Replaces a "
                "list that may be there.",
            ),
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
        node=host.name,
        command=delete_route(route),
        undo=set_route(route),
        why=say(
            "Without the connected route the packets take the default route; that has to leave by the NIC of {right}.",
            right=right.address,
        ),
        risk=say(
            "The riskiest way: cuts whoever manages the node over that network, and fails where the default "
            "route leaves by the same NIC.",
        ),
    )


def odd_peer(peer: IPv4Address, listed_on: str, common: IPv4Network) -> tuple[Remedy, ...]:
    """What to do about a BGP peer that stands in another network than the others, when no routes are at hand."""
    network = IPv4Network(f"{peer}/{common.prefixlen}", strict=False)
    return (
        Remedy(
            node=listed_on,
            command=command("ip", "route", "get", peer),
            why=say(
                "To be asked on every node of {common}: where src is not the node's own address in this list, "
                "give the route to {peer} that source (`ip route replace {peer}/32 dev NIC src ADDRESS`).",
                common=common,
                peer=peer,
            ),
            risk=say("None: it only asks."),
        ),
        _autodetection(listed_on, network, say("if every node has an address in {network}, ", network=network)),
    )


def _autodetection(node: str, network: IPv4Network, given: str) -> Remedy:
    return Remedy(
        node=node,
        command=command(
            "kubectl",
            "set",
            "env",
            "daemonset/calico-node",
            "-n",
            "kube-system",
            f"IP_AUTODETECTION_METHOD=cidr={network}",
        ),
        why=say("{cluster}{given}then Calico knows each by the address it sends from.", cluster=CLUSTER, given=given),
        risk=say(
            "calico-node restarts on every node, BGP sessions are set up anew. {namespace}",
            namespace=NAMESPACE_NOTE,
        ),
        undo="kubectl rollout undo daemonset/calico-node -n kube-system",
    )


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


def retired_address(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Take the address back that the others still send to, until they know the new one."""
    old = fault.expected.address if fault.expected else None
    held = next((known for known in fault.host.snapshot.addresses if known.interface == fault.interface), None)
    if old is not None and fault.interface and held is not None:
        add = (f"{old}/{held.prefix_length}", "dev", interface_name(fault.interface))
        yield Remedy(
            node=fault.host.name,
            command=command("ip", "addr", "add", *add),
            undo=command("ip", "addr", "del", *add),
            why=say(
                "The other nodes send to {old}; with it back on {interface} the packets arrive until Calico "
                "knows the new one.",
                old=old,
                interface=fault.interface,
            ),
            risk=say(
                "Makes sure first that nobody else has {old} now: `arping -D -I {interface} {old}`.",
                old=old,
                interface=fault.interface,
            ),
        )
    yield from owner_programs_again(fault, route_owner(cluster, fault.host, None))


def interfaces_differ(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """One network for all nodes' addresses."""
    yield from _source_in_cluster(cluster, fault)
