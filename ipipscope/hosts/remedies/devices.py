"""Tunnel devices and their addresses, neighbours, forwarding."""

# ruff: noqa: ARG001  # every way to mend is called alike, most need no cluster

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipscope.hosts.faults import Fault, Kind
from ipipscope.hosts.formats.values import interface_name
from ipipscope.hosts.remedies.routes import lost_routes, route_owner
from ipipscope.hosts.remedies.words import LASTS, command, owner_programs_again
from ipipscope.hosts.tunnel import FALLBACK
from ipipscope.language.said import say
from ipipscope.model import Remedy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address

    from ipipscope.hosts.cluster import Cluster, Host


def tunnel_up(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Bring the device up and put the routes back that went down with it."""
    host = fault.host
    if fault.interface is None:
        yield _module(cluster, host)
        yield from owner_programs_again(fault, route_owner(cluster, host, None))
        return
    device = fault.interface
    steps = [command("ip", "link", "set", interface_name(device), "up")]
    steps += lost_routes(cluster, host, device, fault.block, fault.expected)
    yield Remedy(
        node=host.name,
        command=" && ".join(steps),
        undo=command("ip", "link", "set", interface_name(device), "down"),
        why=say("The device takes packets again; the routes that the kernel removed with it are set anew."),
        risk=say("The routes are those the other nodes' state speaks of; there may be more. {lasts}", lasts=LASTS),
    )
    yield from owner_programs_again(fault, route_owner(cluster, host, None))


def _module(cluster: Cluster, host: Host) -> Remedy:
    """Load the module, which makes its fallback device, and set that up."""
    address = recorded_or_own(cluster, host)
    steps = [command("modprobe", "ipip")]
    if address is not None:
        steps.append(command("ip", "addr", "add", f"{address}/32", "dev", FALLBACK))
    steps.append(command("ip", "link", "set", FALLBACK, "up"))
    return Remedy(
        node=host.name,
        command=" && ".join([*steps, *lost_routes(cluster, host, FALLBACK, None, None)]),
        undo=command("modprobe", "-r", "ipip"),
        why=say("The module makes {device}, which takes packets of protocol 4.", device=FALLBACK),
        risk=say("The routes are those the other nodes' state speaks of; there may be more. {lasts}", lasts=LASTS),
    )


def recorded_or_own(cluster: Cluster, host: Host) -> IPv4Address | None:
    """The tunnel address that Calico has on record for *host*, else the first of its own block."""
    recorded = [node.tunnel_address for node in host.snapshot.calico.nodes if node.name == host.name]
    return next((address for address in recorded if address is not None), None) or block_base(cluster, host)


def other_remote(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Let a point-to-point device take the packets of the remote that sends them."""
    tunnel = fault.tunnel
    if tunnel is not None and fault.peer is not None:
        local = ("local", tunnel.local) if tunnel.local else ()
        before = ("remote", tunnel.remote) if tunnel.remote else ()
        change = ("ip", "tunnel", "change", interface_name(tunnel.interface), "mode", "ipip")
        yield Remedy(
            node=fault.host.name,
            command=command(*change, "remote", fault.peer, *local),
            undo=command(*change, *before, *local),
            why=say(
                "{interface} takes packets of {peer} instead of {remote}, and sends to it.",
                interface=tunnel.interface,
                peer=fault.peer,
                remote=tunnel.remote,
            ),
            risk=say("Whoever sends from {remote} is refused then.", remote=tunnel.remote),
        )


def other_device(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Take down the device that takes the packets in place of the overlay's own."""
    if fault.tunnel is not None:
        name = interface_name(fault.tunnel.interface)
        yield Remedy(
            node=fault.host.name,
            command=command("ip", "link", "set", name, "down"),
            undo=command("ip", "link", "set", name, "up"),
            why=say("With {name} down the packets reach the overlay's own tunnel device.", name=name),
            risk=say("Whatever uses {name} stops.", name=name),
        )


def forwarding(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Switch forwarding on."""
    yield Remedy(
        node=fault.host.name,
        command=command("sysctl", "-w", "net.ipv4.ip_forward=1"),
        undo=command("sysctl", "-w", "net.ipv4.ip_forward=0"),
        why=say("The node forwards between its pods and the tunnel again."),
        risk=say(
            "The node forwards for everybody whom its firewall lets. Lasts until a reboot: put it into /etc/sysctl.d.",
        ),
    )


def tunnel_address(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Give the device its own address, then take a foreign one away: without any it would lose its routes."""
    host, device = fault.host, fault.interface or FALLBACK
    right = recorded_or_own(cluster, host)
    if right is None or host.workload_device(right) is not None:
        yield from owner_programs_again(fault, None)
        return
    steps = [command("ip", "addr", "add", f"{right}/32", "dev", interface_name(device))]
    undo = command("ip", "addr", "del", f"{right}/32", "dev", interface_name(device))
    if fault.kind is Kind.FOREIGN_TUNNEL_ADDRESS and fault.address is not None:
        steps.append(command("ip", "addr", "del", f"{fault.address}/32", "dev", interface_name(device)))
        undo = f"{command('ip', 'addr', 'add', f'{fault.address}/32', 'dev', interface_name(device))} && {undo}"
    steps += lost_routes(cluster, host, device, fault.block if fault.expected else None, fault.expected)
    yield Remedy(
        node=host.name,
        command=" && ".join(steps),
        undo=undo,
        why=say(
            "{right} is the first address of {host}'s own block; the node's packets carry it as inner source.",
            right=right,
            host=host.name,
        ),
        risk=say(
            "Make sure that no pod has it: Calico has its own word in the node's annotation "
            "IPv4IPIPTunnelAddr. Connections of the node itself that use another address break.",
        ),
    )
    yield Remedy(
        node=host.name,
        command=command("cat", "/var/lib/calico/nodename"),
        why=say(
            "Nodes cloned from one image share this file and then their tunnel address: remove it where it "
            "names another node. The pool has to allow use for tunnels (allowedUses: Tunnel) and have IPIP "
            "on.",
        ),
        risk=say("None: it only reads."),
    )
    yield from owner_programs_again(fault, route_owner(cluster, host, None))


def shared_address(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Find out who else answers for an address that two nodes have."""
    yield Remedy(
        node=fault.host.name,
        command=command("arping", "-D", "-c", 3, "-I", fault.interface or "NIC", fault.address or "ADDRESS"),
        why=say("Shows who else answers for the address; give one of the two nodes another one."),
        risk=say("None: it only asks."),
    )


def no_neighbour(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Make the kernel ask again for a next hop that did not answer ARP."""
    device = fault.decision.device if fault.decision else None
    if fault.peer is not None and device is not None:
        yield Remedy(
            node=fault.host.name,
            command=command("ip", "neigh", "flush", "to", fault.peer, "dev", interface_name(device)),
            why=say(
                "Makes the kernel ask again who has {peer}; when it stays FAILED, that node is down, has another "
                "address, or the switch drops ARP.",
                peer=fault.peer,
            ),
            risk=say("None known."),
            undo=say("Nothing to undo."),
        )


def block_base(cluster: Cluster, host: Host) -> IPv4Address | None:
    """The first address of the first block that *host* owns."""
    own = cluster.own_blocks(host)
    return own[0].network_address if own else None
