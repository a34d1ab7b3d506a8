"""Build a cluster out of network namespaces, and take it down again."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from .cluster import FABRIC, OUTSIDE, ROUTER, TUNNEL
from .shell import NAMESPACES, batch, run, set_sysctls

if TYPE_CHECKING:
    from .cluster import Cluster, Node, Pod

POD_MTU = 1480
"""The tunnel's: NIC MTU 1500 less one IPv4 header."""
POD_GATEWAY = "169.254.1.1"
CALI_MAC = "ee:ee:ee:ee:ee:ee"


def build(cluster: Cluster) -> None:
    """Create all namespaces, links, addresses and routes of *cluster*; every pod can then reach every other."""
    _create([FABRIC, ROUTER, *(node.name for node in cluster.nodes), *_pods(cluster)])
    _build_fabric(cluster)
    for node in cluster.nodes:
        _build_node(cluster, node)
        for pod in node.pods:
            for namespace, lines in attach_commands(node, pod):
                batch(namespace, lines)
            set_sysctls(node.name, proxy_arp(pod))


def tear_down() -> None:
    """Remove every namespace that is there; devices go with them."""
    names = sorted(path.name for path in NAMESPACES.iterdir())
    subprocess.run(["ip", "-batch", "-"], input="".join(f"netns del {name}\n" for name in names), text=True, check=True)


def attach_commands(node: Node, pod: Pod) -> list[tuple[str, list[str]]]:
    """The `ip` commands that give *pod* its veth pair as Calico does, with the namespace they run in."""
    inner = f"name eth0 mtu {POD_MTU} netns {pod.namespace}"
    outside = [
        f"link add {pod.interface} mtu {POD_MTU} address {CALI_MAC} type veth peer {inner}",
        f"link set {pod.interface} up",
        f"route add {pod.address} dev {pod.interface} scope link",
    ]
    inside = [
        "link set lo up",
        f"addr add {pod.address}/32 dev eth0",
        "link set eth0 up",
        f"route add {POD_GATEWAY} dev eth0 scope link",
        f"route add default via {POD_GATEWAY} dev eth0",
    ]
    return [(node.name, outside), (pod.namespace, inside)]


def proxy_arp(pod: Pod) -> dict[str, int]:
    """The sysctls by which a node answers for every address on the cali device of *pod*."""
    return {
        f"net/ipv4/conf/{pod.interface}/proxy_arp": 1,
        f"net/ipv4/neigh/{pod.interface}/proxy_delay": 0,  # the default waits up to 0.8 s before it answers
    }


def _pods(cluster: Cluster) -> list[str]:
    return [pod.namespace for node in cluster.nodes for pod in node.pods]


def _create(names: list[str]) -> None:
    subprocess.run(["ip", "-batch", "-"], input="".join(f"netns add {name}\n" for name in names), text=True, check=True)


def _build_fabric(cluster: Cluster) -> None:
    """One bridge a network; the router has a leg in each, and a host of the outside world behind it."""
    lines, router = [], ["link set lo up"]
    for index, network in enumerate(cluster.profile.networks):
        lines += [f"link add br{index} type bridge forward_delay 0", f"link set br{index} up"]
        lines += [
            f"link add gw{index} type veth peer name net{index} address ee:ff:ff:ff:ff:{index:02x} netns {ROUTER}",
            f"link set gw{index} master br{index} up",
        ]
        length = network.prefix.partition("/")[2]
        router += [f"addr add {cluster.router_in(network)}/{length} dev net{index}", f"link set net{index} up"]
        for node in cluster.nodes:
            nic = node.nics[index]
            inner = network.bond_of or network.interface.partition(".")[0]
            lines += [
                f"link add {nic.port} type veth peer name {inner} address {nic.mac} netns {node.name}",
                f"link set {nic.port} master br{index} up",
            ]
            if network.vlan:
                lines += [f"link set br{index} type bridge vlan_filtering 1"]
    batch(FABRIC, lines)
    for index, network in enumerate(cluster.profile.networks):
        if network.vlan:
            ports = [node.nics[index].port for node in cluster.nodes]
            tagged = [f"bridge vlan add dev {port} vid {network.vlan}" for port in ports]
            run(FABRIC, " && ".join([*tagged, f"bridge vlan add dev gw{index} vid {network.vlan} pvid untagged"]))
    router += ["link add outside type dummy", f"addr add {OUTSIDE}/24 dev outside", "link set outside up"]
    batch(ROUTER, router)
    set_sysctls(ROUTER, {"net/ipv4/ip_forward": 1, "net/ipv4/conf/all/send_redirects": 0})


def _build_node(cluster: Cluster, node: Node) -> None:
    lines = ["link set lo up"]
    for nic in node.nics:
        network = nic.network
        if network.bond_of:
            lines += [
                f"link add {nic.name} address {nic.mac} type bond mode active-backup miimon 100",
                f"link set {network.bond_of} master {nic.name}",
                f"link set {network.bond_of} up",
            ]
        if network.vlan:
            parent = nic.name.partition(".")[0]
            lines += [f"link set {parent} up", f"link add link {parent} name {nic.name} type vlan id {network.vlan}"]
        lines += [f"link set {nic.name} up"]
        if nic.address:
            lines += [f"addr add {nic.address} brd + dev {nic.name}"]
    lines += [f"route add default via {cluster.router_in(node.first.network)} dev {node.first.name}"]
    lines += [f"link set {TUNNEL} mtu {POD_MTU} up", f"addr add {node.tunnel}/32 dev {TUNNEL}"]
    lines += [f"route add {cluster.route(peer)}" for peer in cluster.peers(node)]
    lines += [f"route add blackhole {node.block} proto {cluster.protocol}"]
    if cluster.profile.bystanders:
        lines += [
            "link add docker0 type bridge",
            "addr add 172.17.0.1/16 brd + dev docker0",
            "link set docker0 up",
            "link add nodelocaldns type dummy",
            "addr add 169.254.20.10/32 dev nodelocaldns",
        ]
    batch(node.name, lines)
    set_sysctls(
        node.name,
        {"net/ipv4/ip_forward": 1, "net/ipv4/conf/all/rp_filter": 0, "net/ipv4/conf/default/rp_filter": 0},
    )


def settle(cluster: Cluster, *, timeout: float = 10) -> None:
    """Wait until every node reaches the router: bonds and bridges take a moment to carry packets."""
    deadline = time.monotonic() + timeout
    for node in cluster.nodes:
        for nic in node.nics:
            if not nic.address:
                continue
            target = cluster.router_in(nic.network)
            while run(node.name, f"ping -n -c 1 -W 0.5 {target}", check=False).code != 0:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{node.name} does not reach {target}")
