"""Write down a node's network state: the raw answers of the usual commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from .cluster import TUNNEL
from .shell import inside, run

if TYPE_CHECKING:
    from .cluster import Cluster, Node

COMMANDS: Final = {
    "ip_-d_link.txt": "ip -d link",
    f"ip_-d_link_show_{TUNNEL}.txt": f"ip -d link show {TUNNEL}",
    "ip_-j_-d_link.json": "ip -j -d link",
    "ip_-j_-s_link.json": "ip -j -s link",
    "ip_-s_link.txt": "ip -s link",
    "ip_addr.txt": "ip addr",
    "ip_neigh.txt": "ip neigh",
    "ip_route.txt": "ip route",
    "ip_route_show_table_all.txt": "ip route show table all",
    "ip_rule.txt": "ip rule",
    "ip_tunnel_show.txt": "ip tunnel show",
    "nstat.txt": "nstat -as",
}
IN_ONE_BATCH: Final = {
    "ip_-j_addr.json": "addr",
    "ip_-j_neigh.json": "neigh",
    "ip_-j_route.json": "route",
    "ip_-j_route_show_table_all.json": "route show table all",
    "ip_-j_rule.json": "rule",
}
"""What `ip -j` prints in one line, so that a batch of them can be told apart."""
FIREWALL: Final = {"ipset_list.txt": "ipset list", "iptables-save_-c.txt": "iptables-save -c"}
SYSCTLS: Final = {
    "sysctl_ip_forward.txt": "net/ipv4/ip_forward",
    "sysctl_rp_filter.txt": "net/ipv4/conf/*/rp_filter",
}
"""Printed as sysctl(8) does."""
RECEIVED: Final = ("bytes", "packets", "errors", "dropped", "fifo", "frame", "compressed", "multicast")
SENT: Final = ("bytes", "packets", "errors", "dropped", "fifo", "collisions", "carrier_errors", "compressed")
"""The columns of /proc/net/dev, proc(5)."""


def record_state(cluster: Cluster, node: Node, folder: Path) -> None:
    """Put the answer of every command on *node* into its file of *folder*."""
    folder.mkdir(parents=True)
    for name, command in COMMANDS.items():
        (folder / name).write_text(run(node.name, command).stdout)
    answers = run(node.name, "ip -j -batch -", feed="\n".join(IN_ONE_BATCH.values()) + "\n").stdout.splitlines()
    for name, answer in zip(IN_ONE_BATCH, answers, strict=True):
        (folder / name).write_text(answer + "\n")
    for name, pattern in SYSCTLS.items():
        (folder / name).write_text(_sysctls(node, pattern))
    if _tables(node):
        for name, command in FIREWALL.items():
            answer = run(node.name, command).stdout
            if answer:
                (folder / name).write_text(answer)
    (folder / "calicoctl_node_status.constructed.txt").write_text(_node_status(cluster, node))


def _sysctls(node: Node, pattern: str) -> str:
    root = Path("/proc/sys")
    with inside(node.name):
        return "".join(
            f"{_sysctl_name(path.relative_to(root))} = {path.read_text().strip()}\n"
            for path in sorted(root.glob(pattern))
        )


def _sysctl_name(path: Path) -> str:
    """As sysctl(8) prints it: dots between the parts, and a slash for a dot within one (eth1.210)."""
    return ".".join(part.replace(".", "/") for part in path.parts)


def _tables(node: Node) -> list[str]:
    """The tables of iptables that are in use: asking iptables itself would bring them into being."""
    with inside(node.name):
        return Path("/proc/thread-self/net/ip_tables_names").read_text().split()


def _node_status(cluster: Cluster, node: Node) -> str:
    """What `calicoctl node status` would show; there is no BGP daemon here, and the text says so."""
    line = "+" + "-" * 18 + "+" + "-" * 19 + "+-------+------------+-------------+"
    rows = [
        f"| {peer.address:<16} | node-to-node mesh | up    | 2024-01-01 | Established |" for peer in cluster.peers(node)
    ]
    head = "| PEER ADDRESS     |     PEER TYPE     | STATE |   SINCE    |    INFO     |"
    return "\n".join(
        [
            "# CONSTRUCTED: no BGP daemon runs in the laboratory. The peers are those whose routes were installed.",
            "Calico process is running.",
            "",
            "IPv4 BGP status",
            line,
            head,
            line,
            *rows,
            line,
            "",
        ]
    )


def counters(node: Node) -> dict[str, dict[str, int]]:
    """The counters of *node* that a fault moves: the tunnel device's, and the IP layer's as `nstat` names them."""
    with inside(node.name):
        devices = Path("/proc/thread-self/net/dev").read_text()
        protocols = [Path(f"/proc/thread-self/net/{table}").read_text() for table in ("snmp", "netstat")]
    numbers = next(line for line in devices.splitlines() if line.strip().startswith(f"{TUNNEL}:")).partition(":")[2]
    values = [int(number) for number in numbers.split()]
    layers: dict[str, int] = {}
    for table in protocols:
        lines = table.splitlines()
        for names, figures in zip(lines[::2], lines[1::2], strict=True):
            layer, _, words = names.partition(":")
            layers |= {
                layer + name: int(figure)
                for name, figure in zip(words.split(), figures.partition(":")[2].split(), strict=True)
            }
    return {
        "tunl0 rx": dict(zip(RECEIVED, values[:8], strict=True)),
        "tunl0 tx": dict(zip(SENT, values[8:], strict=True)),
        "nstat": layers,
    }


def difference(before: dict[str, dict[str, int]], after: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """What moved between two readings of counters(); octet totals of the IP layer are left out."""
    return {
        group: {
            name: value - before[group].get(name, 0)
            for name, value in values.items()
            if value != before[group].get(name, 0) and "Octets" not in name
        }
        for group, values in after.items()
    }


def forget_hits(node: Node) -> None:
    """Set the counters of all firewall rules of *node* to zero."""
    for table in _tables(node):
        run(node.name, f"iptables -t {table} -Z")


def rules_hit(node: Node) -> list[str]:
    """The firewall rules of *node* that matched a packet, as iptables-save prints them."""
    if not _tables(node):
        return []
    text = run(node.name, "iptables-save -c").stdout
    return [line for line in text.splitlines() if line.startswith("[") and not line.startswith("[0:0]")]
