"""The cluster of a profile as values: nodes, NICs, blocks, pods. Nothing is built here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv4Network
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .profiles import Network, Profile

TUNNEL = "tunl0"
FABRIC, ROUTER = "fabric", "gw"
OUTSIDE = "198.51.100.10"
"""A host beyond the router (RFC 5737 §3), reached through the nodes' default route."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod and the node's end of its veth pair."""

    name: str
    address: str
    interface: str

    @property
    def namespace(self) -> str:
        return self.name


@dataclass(slots=True)
class Nic:
    """A node's interface in one underlay network; *address* is None where the node has none there."""

    network: Network
    port: str
    """The bridge port in the fabric it is plugged into."""
    mac: str
    address: IPv4Interface | None

    @property
    def name(self) -> str:
        return self.network.interface


@dataclass(slots=True)
class Node:
    """One node. *address* is the one its peers know."""

    name: str
    nics: list[Nic]
    block: IPv4Network
    tunnel: str
    pods: list[Pod] = field(default_factory=list)
    known_as: str = ""
    """The address peers know, where it is another one than that of the last NIC."""

    @property
    def address(self) -> str:
        return self.known_as or str([nic.address for nic in self.nics if nic.address][-1]).partition("/")[0]

    @property
    def overlay(self) -> Nic:
        """The NIC with the address that peers know."""
        return [nic for nic in self.nics if nic.address][-1]

    @property
    def first(self) -> Nic:
        """The NIC of the default route."""
        return self.nics[0]

    @property
    def pod(self) -> Pod:
        return self.pods[0]


@dataclass(slots=True)
class Cluster:
    """All nodes of a profile, by the part they play."""

    profile: Profile
    nodes: list[Node]

    @property
    def requester(self) -> Node:
        return self.nodes[0]

    @property
    def replier(self) -> Node:
        return self.nodes[1]

    @property
    def third(self) -> Node:
        return self.nodes[2]

    @property
    def remote(self) -> Node:
        """In a profile with two networks: the node that is in the first one only."""
        return self.nodes[3]

    @property
    def protocol(self) -> str:
        return self.profile.protocol

    def router_in(self, network: Network) -> str:
        """The router's address in *network*."""
        return str(IPv4Network(network.prefix)[network.router])

    def routers(self) -> dict[str, list[str]]:
        """The `routers` of truth.json: the addresses of each, by which alone packets name it."""
        return {ROUTER: [self.router_in(network) for network in self.profile.networks]}

    def route(self, to: Node, *, via: str | None = None) -> str:
        """The overlay route to the block of *to*, as words after `ip route add`."""
        return f"{to.block} via {via or to.address} dev {TUNNEL} proto {self.protocol} onlink"

    def peers(self, node: Node) -> list[Node]:
        """All other nodes."""
        return [other for other in self.nodes if other is not node]

    def node(self, name: str) -> Node:
        """The node called *name*."""
        return next(node for node in self.nodes if node.name == name)

    def described(self) -> dict[str, Any]:
        """The `nodes` of truth.json."""
        return {
            node.name: {
                **{nic.name: str(nic.address.ip) if nic.address else None for nic in node.nics},
                TUNNEL: node.tunnel,
                "block": str(node.block),
                "known_to_peers_as": node.address,
                "pods": {pod.name: {"ip": pod.address, "host_interface": pod.interface} for pod in node.pods},
            }
            for node in self.nodes
        }


def plan_cluster(profile: Profile, *, pods_per_node: int = 1) -> Cluster:
    """Give every node of *profile* its addresses, and *pods_per_node* pods."""
    nodes = []
    for number, name in enumerate(profile.nodes):
        block = IPv4Network(profile.blocks[number])
        nics = []
        for index, network in enumerate(profile.networks):
            prefix = IPv4Network(network.prefix)
            host = profile.first_host + number
            absent = index > 0 and number == 3
            nics.append(
                Nic(
                    network=network,
                    port=f"p{number}n{index}",
                    mac=f"{profile.mac_prefix}:{index:02x}:{number + 1:02x}:{host:02x}",
                    address=None if absent else IPv4Interface(f"{prefix[host]}/{prefix.prefixlen}"),
                )
            )
        node = Node(name=name, nics=nics, block=block, tunnel=str(block[profile.tunnel_offset]))
        for pod in range(pods_per_node):
            pod_name = f"pod-{'abcdefgh'[number]}{pod + 1}"
            digest = hashlib.sha1(f"default.{pod_name}".encode(), usedforsecurity=False).hexdigest()
            node.pods.append(Pod(pod_name, str(block[profile.pod_offset + pod]), f"cali{digest[:11]}"))
        nodes.append(node)
    return Cluster(profile, nodes)
