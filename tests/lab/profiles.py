"""What clusters may look like: names, networks, pools, and who programs the routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One underlay network and the NIC that every node has in it."""

    interface: str
    prefix: str
    router: int
    """Host number of the router in *prefix*."""
    bond_of: str = ""
    """Name of the NIC enslaved to *interface*, when that is a bond."""
    vlan: int = 0
    """VLAN identifier: *interface* is then a tagged sub-interface of the part of its name before the dot."""

    @property
    def lower(self) -> str:
        """The device below a bond or a tagged interface; empty where there is none."""
        return self.bond_of or (self.interface.partition(".")[0] if self.vlan else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A cluster to build. Nodes are, in order: requester, replier, third, remote, and any more."""

    name: str
    nodes: tuple[str, ...]
    networks: tuple[Network, ...]
    """The first holds the default route; the last carries the overlay. The remote node is in the first one only."""
    first_host: int
    blocks: tuple[str, ...]
    protocol: str = "bird"
    """The routes' `proto`: bird, or 80 where Felix programs them."""
    tunnel_offset: int = 0
    """Which address of its block a node's tunnel device has."""
    pod_offset: int = 1
    mac_prefix: str = "52:54:00"
    bystanders: bool = False
    """Devices of other software on every node: docker0, nodelocaldns."""

    @property
    def traits(self) -> frozenset[str]:
        """What a scenario may ask for."""
        stacked = any(network.lower for network in self.networks)
        return frozenset({"two-nics"} if len(self.networks) > 1 else {"one-nic"}) | ({"stacked"} if stacked else set())


PROFILES: Final = {
    profile.name: profile
    for profile in (
        Profile(
            name="ens",
            nodes=("worker-a1", "worker-a2", "worker-b1", "edge-c1"),
            networks=(
                Network(interface="ens160", prefix="10.40.8.0/24", router=1),
                Network(interface="ens192", prefix="10.50.8.0/24", router=1),
            ),
            first_host=21,
            blocks=("172.20.4.64/26", "172.20.91.0/26", "172.20.130.192/26", "172.20.203.128/26"),
            mac_prefix="00:50:56",
        ),
        Profile(
            name="single",
            nodes=("k8s-node-07", "k8s-node-12", "k8s-node-15", "k8s-node-31"),
            networks=(Network(interface="enp3s0", prefix="10.128.16.0/22", router=1),),
            first_host=77,
            blocks=("192.168.71.0/26", "192.168.212.64/26", "192.168.9.128/26", "192.168.150.192/26"),
            protocol="80",
        ),
        Profile(
            name="bond",
            nodes=("cp1", "gpu-03", "gpu-04", "storage1"),
            networks=(
                Network(interface="eno1", prefix="172.16.2.0/24", router=254),
                Network(interface="bond0", prefix="172.16.9.0/24", router=254, bond_of="enp94s0f0"),
            ),
            first_host=130,
            blocks=("10.244.17.0/26", "10.244.66.128/26", "10.244.101.64/26", "10.244.240.0/26"),
            tunnel_offset=5,
            pod_offset=11,
            mac_prefix="3c:ec:ef",
            bystanders=True,
        ),
        Profile(
            name="vlan",
            nodes=("rack1-n1", "rack1-n2", "rack2-n1", "rack2-n2", "rack3-n1"),
            networks=(
                Network(interface="eth0", prefix="203.0.113.0/25", router=126),
                Network(interface="eth1.210", prefix="10.210.0.0/20", router=1, vlan=210),
            ),
            first_host=40,
            blocks=("100.64.3.0/24", "100.64.18.0/24", "100.64.77.0/24", "100.64.120.0/24", "100.64.200.0/24"),
            protocol="80",
            pod_offset=37,
            mac_prefix="fa:16:3e",
        ),
        Profile(
            name="cloud",
            nodes=(
                *("ip-10-12-4-31", "ip-10-12-5-32", "ip-10-12-6-33"),
                *("ip-10-12-7-34", "ip-10-12-8-35", "ip-10-12-9-36"),
            ),
            networks=(Network(interface="ens5", prefix="10.12.0.0/18", router=1),),
            first_host=31,
            blocks=(
                *("10.233.64.128/26", "10.233.90.0/26", "10.233.71.64/26"),
                *("10.233.102.192/26", "10.233.88.64/26", "10.233.127.0/26"),
            ),
            pod_offset=3,
            mac_prefix="0e:a1:b2",
        ),
        Profile(
            name="team",
            nodes=("db-1.dc2.example", "db-2.dc2.example", "web-1.dc2.example", "edge.dc2.example"),
            networks=(
                Network(interface="enp5s0f0np0", prefix="10.9.0.0/16", router=9),
                Network(interface="team0", prefix="192.168.77.0/24", router=254, bond_of="enp5s0f1np1"),
            ),
            first_host=201,
            blocks=("10.66.0.0/24", "10.66.9.0/24", "10.66.120.0/24", "10.66.241.0/24"),
            protocol="80",
            tunnel_offset=17,
            pod_offset=33,
            mac_prefix="b8:ce:f6",
            bystanders=True,
        ),
        Profile(
            name="trunk",
            nodes=("hv01", "hv02", "hv03", "hv04", "hv05"),
            networks=(
                Network(interface="eno1.10", prefix="172.31.10.0/24", router=250, vlan=10),
                Network(interface="eno2.2040", prefix="172.31.204.0/23", router=1, vlan=2040),
            ),
            first_host=150,
            blocks=("10.0.64.0/26", "10.0.71.192/26", "10.0.118.64/26", "10.0.200.0/26", "10.0.255.128/26"),
            pod_offset=21,
            mac_prefix="d4:04:e6",
        ),
        Profile(
            name="tagged",
            nodes=("fsn1-a", "fsn1-b", "nbg1-c", "hel1-d"),
            networks=(Network(interface="enp7s0.4000", prefix="192.168.100.0/24", router=1, vlan=4000),),
            first_host=11,
            blocks=("198.18.4.0/25", "198.18.9.128/25", "198.18.12.0/25", "198.18.77.128/25"),
            protocol="80",
            pod_offset=70,
            mac_prefix="86:00:00",
        ),
    )
}
