"""Several nodes' state together: who owns what, and by which address a node is known."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from ipipscope.audit_state import audit_report
from ipipscope.hosts.cluster import Cluster
from ipipscope.hosts.reading import load_snapshots
from ipipscope.model import Impact

ADDR = """2: {nic}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP
    link/ether 52:54:00:00:00:{last} brd ff:ff:ff:ff:ff:ff
    inet 10.9.0.{last}/24 brd 10.9.0.255 scope global {nic}
4: tunl0@NONE: <NOARP,UP,LOWER_UP> mtu 1480 qdisc noqueue state UNKNOWN
    link/ipip 0.0.0.0 brd 0.0.0.0
    inet {tunnel}/32 scope global tunl0
"""
ROUTES_A = """default via 10.9.0.1 dev ens3
blackhole 10.44.1.0/26 proto 80
10.44.1.7 dev cali0000000000a scope link
10.44.2.0/26 via 10.9.0.22 dev tunl0 proto 80 onlink
10.9.0.0/24 dev ens3 proto kernel scope link src 10.9.0.21
"""
ROUTES_B = """default via 10.9.0.1 dev bond0.7
10.44.1.0/26 via 10.9.0.21 dev tunl0 proto 80 onlink
10.44.1.33 dev cali0000000000b scope link
blackhole 10.44.2.0/26 proto 80
10.44.2.9 dev cali0000000000c scope link
10.9.0.0/24 dev bond0.7 proto kernel scope link src 10.9.0.22
"""


@pytest.fixture
def state(tmp_path):
    """Nodes a and b; b has a pod with an address that it borrowed from a's block."""
    for name, nic, last, tunnel, routes in (
        ("a", "ens3", 21, "10.44.1.0", ROUTES_A), ("b", "bond0.7", 22, "10.44.2.0", ROUTES_B),
    ):  # fmt: skip
        (tmp_path / name).mkdir()
        (tmp_path / name / "ip_addr.txt").write_text(ADDR.format(nic=nic, last=last, tunnel=tunnel))
        (tmp_path / name / "ip_route.txt").write_text(routes)
    return tmp_path


def add(path, line):
    path.write_text(path.read_text() + line + "\n")


def worst(state):
    return [one for one in audit_report([str(state)]).findings if one.impact is not Impact.NONE]


def test_a_block_stays_its_owners_when_another_node_borrows_from_it(state):
    cluster = Cluster(load_snapshots([state]))
    assert cluster.blocks[IPv4Network("10.44.1.0/26")].owner is cluster.host("a")
    borrowed = cluster.block_of(IPv4Address("10.44.1.33"))
    assert (borrowed.network, borrowed.owner) == (IPv4Network("10.44.1.33/32"), cluster.host("b"))
    assert cluster.block_of(IPv4Address("10.44.1.7")).owner is cluster.host("a")


def test_the_owners_blackhole_before_a_borrowed_address_is_told_and_mended_by_a_route_of_its_own(state):
    (finding,) = worst(state)
    assert (finding.code, finding.node, finding.impact) == ("IPIP101", "a", Impact.PARTIAL)
    assert finding.cause.config == "blackhole 10.44.1.0/26 proto 80"
    assert finding.remedy[0].command == "ip route replace 10.44.1.33/32 via 10.9.0.22 dev tunl0 proto 80 onlink"


def test_a_borrowed_address_with_a_route_of_its_own_is_no_fault(state):
    add(state / "a" / "ip_route.txt", "10.44.1.33 via 10.9.0.22 dev tunl0 proto 80 onlink")
    assert worst(state) == []


def test_the_settings_of_a_vlan_are_read_in_every_way_that_they_are_written(tmp_path):
    for text in (
        "net.ipv4.conf.bond0/7.rp_filter = 1",  # as sysctl prints it
        "net.ipv4.conf.bond0.7.rp_filter = 1",  # as people write it
        "net/ipv4/conf/bond0.7/rp_filter = 1",
        "/proc/sys/net/ipv4/conf/bond0.7/rp_filter:1",  # grep
    ):
        (tmp_path / "sysctl_rp_filter.txt").write_text(text + "\n")
        (snapshot,) = load_snapshots([tmp_path]).values()
        assert snapshot.rp_filter == {"bond0.7": 1}


def test_a_firewall_that_passes_pings_and_drops_tcp_between_tunnel_and_pods_is_partly_harmful(state):
    add(state / "a" / "ip_route.txt", "10.44.1.33 via 10.9.0.22 dev tunl0 proto 80 onlink")
    rules = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n{}\nCOMMIT\n"
    firewall = state / "b" / "iptables-save_-c.txt"
    firewall.write_text(rules.format("[7:420] -A FORWARD -i tunl0 -p tcp -j DROP"))
    (finding,) = worst(state)
    assert (finding.code, finding.node, finding.impact) == ("IPIP302", "b", Impact.PARTIAL)
    firewall.write_text(rules.format("[0:0] -A FORWARD -i tunl0 -p tcp -m tcp --dport 25 -j DROP"))
    assert worst(state) == []


def test_a_point_to_point_device_that_awaits_another_address_refuses_the_senders(state):
    """b is known to a by its second address, a's device takes packets of that one only."""
    add(state / "a" / "ip_route.txt", "10.44.1.33 via 10.9.0.22 dev tunl0 proto 80 onlink")
    a, b = state / "a", state / "b"
    (a / "ip_route.txt").write_text(
        (a / "ip_route.txt").read_text().replace("via 10.9.0.22 dev tunl0 proto 80 onlink", "dev tun7 scope link")
    )
    (b / "ip_addr.txt").write_text(
        (b / "ip_addr.txt").read_text().replace(
            "4: tunl0", "    inet 10.9.0.122/24 brd 10.9.0.255 scope global secondary bond0.7\n4: tunl0"
        )
    )  # fmt: skip
    (a / "ip_tunnel_show.txt").write_text(
        "tunl0: any/ip remote any local any ttl inherit nopmtudisc\n"
        "tun7: ip/ip remote 10.9.0.122 local 10.9.0.21 ttl inherit\n"
    )
    (a / "ip_addr.txt").write_text(
        (a / "ip_addr.txt").read_text().replace("tunl0@NONE: <NOARP,UP,LOWER_UP>", "tunl0@NONE: <NOARP>")
        + "5: tun7@NONE: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1480 qdisc noqueue state UNKNOWN\n"
        "    link/ipip 10.9.0.21 peer 10.9.0.122\n    inet 10.44.1.0/32 scope global tun7\n"
    )
    found = [(one.code, one.node, one.cause.cls.value) for one in worst(state)]
    assert ("IPIP201", "b", "source-selection") in found
