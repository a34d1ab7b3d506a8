"""Write down a node's network state: the raw answers of the usual commands."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from .cluster import TUNNEL
from .shell import run

if TYPE_CHECKING:
    from pathlib import Path

    from .cluster import Cluster, Node

COMMANDS: Final = {
    "ip_-d_link.txt": "ip -d link",
    f"ip_-d_link_show_{TUNNEL}.txt": f"ip -d link show {TUNNEL}",
    "ip_-j_-d_link.json": "ip -j -d link",
    "ip_-j_-s_link.json": "ip -j -s link",
    "ip_-j_addr.json": "ip -j addr",
    "ip_-j_neigh.json": "ip -j neigh",
    "ip_-j_route.json": "ip -j route",
    "ip_-j_route_show_table_all.json": "ip -j route show table all",
    "ip_-j_rule.json": "ip -j rule",
    "ip_-s_link.txt": "ip -s link",
    "ip_addr.txt": "ip addr",
    "ip_neigh.txt": "ip neigh",
    "ip_route.txt": "ip route",
    "ip_route_show_table_all.txt": "ip route show table all",
    "ip_rule.txt": "ip rule",
    "ip_tunnel_show.txt": "ip tunnel show",
    "nstat.txt": "nstat -as",
    "sysctl_ip_forward.txt": "sysctl net.ipv4.ip_forward",
    "sysctl_rp_filter.txt": "sysctl -a -r '^net\\.ipv4\\.conf\\..*\\.rp_filter$'",
}
FIREWALL: Final = {"ipset_list.txt": "ipset list", "iptables-save_-c.txt": "iptables-save -c"}
SEPARATOR: Final = "\x1e"  # record separator: no command prints it


def record_state(cluster: Cluster, node: Node, folder: Path) -> None:
    """Run every command on *node* in one shell and put each answer into its file of *folder*."""
    folder.mkdir(parents=True)
    commands = COMMANDS | FIREWALL
    script = "\n".join(f"{command}; printf '\\036'" for command in commands.values())
    answers = run(node.name, script).stdout.split(SEPARATOR)
    for name, answer in zip(commands, answers, strict=False):
        if name in FIREWALL and not re.search(r"^(-A|\[\d+:\d+\] -A|Name:)", answer, re.MULTILINE):
            continue  # an empty firewall prints no table, or three empty chains
        (folder / name).write_text(answer)
    (folder / "calicoctl_node_status.constructed.txt").write_text(_node_status(cluster, node))


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
    """The counters of *node* that a fault moves: those of the tunnel device and of the IP layer."""
    answer = run(node.name, f"ip -j -s link show {TUNNEL}; printf '\\036'; nstat -as").stdout
    link, _, table = answer.partition(SEPARATOR)
    stats: dict[str, Any] = json.loads(link)[0]["stats64"]
    words = (line.split() for line in table.splitlines() if not line.startswith("#"))
    return {
        "tunl0 rx": stats["rx"],
        "tunl0 tx": stats["tx"],
        "nstat": {word[0]: int(word[1]) for word in words if "Ip6" not in word[0] and "Icmp6" not in word[0]},
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


def rules_hit(node: Node) -> list[str]:
    """The firewall rules of *node* that matched a packet, as iptables-save prints them."""
    text = run(node.name, "iptables-save -c", check=False).stdout
    return [line for line in text.splitlines() if line.startswith("[") and not line.startswith("[0:0]")]
