"""Which capture point an interface of a file is: node, interface and role, from names and link types."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Final

from ipipscope.errors import UsageError
from ipipscope.model import STDIN_NODE, CapturePoint, Role

SUFFIXES: Final = re.compile(r"(\.(pcap|pcapng|cap|dmp|ntar|gz|zst|zstd|lz4|xz|bz2)\d*)+$", re.IGNORECASE)
TUNNEL: Final = re.compile(r"^(tunl\d+|ipip\d*|tun[-.].+|flannel\.ipip)$")
WORKLOAD: Final = re.compile(
    r"^(cali|veth|lxc|azv|eni[0-9a-f]{6}|gke[0-9a-f]|cni\d|cbr\d|docker|kube-bridge|br-|virbr)"
)
OTHER_TUNNEL: Final = re.compile(
    r"^(vxlan([-_.]|\d|$)|flannel\.\d|cilium_(vxlan|geneve)|gene?v|(ip6?)?gre(tap)?\d|ip6_?(tnl|gre|vti)|sit\d|erspan|wireguard\.cali)"
)
"""Devices that put something else than IPIP around a packet; an underlay over which IPIP goes shows in its packets."""
LOOPBACK: Final = re.compile(r"^lo\d*$")
ANY: Final = re.compile(r"^any([_.-].*)?$")
PHYSICAL: Final = re.compile(
    r"^(eth|en[opsxP]|eno|ens|enp|em\d|p\d+p\d|bond|team|wlan|wl|ib|vlan|usb|vmbr|br\d|ovs|nic|igb|ixgbe)"
)
RING_NUMBER: Final = re.compile(r"_(\d{5,})_\d{14}$")
"""How the names of ring files end, dumpcap's and ours."""
SERIES_NUMBER: Final = re.compile(r"\.(?:pcap|cap|dmp)(\d*)((?:\.(?:gz|zst|zstd|lz4|xz|bz2))?)$", re.IGNORECASE)
"""How tcpdump -C numbers its files: none for the first, then 1, behind the ending."""
BETWEEN: Final = re.compile(r"[-._]")
"""What people put between the name of a node and that of an interface."""
ROOT: Final = "root"
"""The node of a bare `eth1.pcap` in the root folder, which has no name."""
MERGED: Final = frozenset({"merged", "all", "capture", "dump"})
"""Endings of file names that name no interface."""


def stem(file: str) -> str:
    """The file's name without folders and endings: `node3_eth1` of `case/node3_eth1.pcap.gz`."""
    if file == "-":
        return STDIN_NODE
    name = PurePath(file).name
    return SUFFIXES.sub("", name) or name


def looks_like_interface(name: str) -> bool:
    """Whether *name* is what hosts call their interfaces."""
    return any(pattern.match(name) for pattern in (TUNNEL, OTHER_TUNNEL, WORKLOAD, LOOPBACK, ANY, PHYSICAL))


def from_file_name(file: str) -> CapturePoint:
    """The point that a file's name tells: `<node>_<interface>`, else the name stands for both.

    Node names are DNS labels and hold no underscore; interface names may. Where one half only is the name of an
    interface, it is that, in either order and behind another sign: `node3-eth1`, `node3.tunl0`, `eth1_node3`. A bare
    `eth1` is of the node that its folder is named after. Files of a ring are of one point.
    """
    path = PurePath(file)
    # Of `eth1.pcap`, the folder that one stands in.
    folder = path.parent.name if path.parent.name not in {"", ".."} else Path(file).parent.resolve().name
    return _from_name(file, folder)


@lru_cache(4096)  # asked again and again of each of a thousand files
def _from_name(file: str, folder: str) -> CapturePoint:
    name = RING_NUMBER.sub("", stem(file))
    node, _, interface = name.partition("_")
    if node and interface and (looks_like_interface(interface) or not _surely_interface(node)):
        return CapturePoint(node, "any" if ANY.match(interface) else interface)
    if halves := _halves(name):
        return CapturePoint(*halves)
    if looks_like_interface(name):
        return CapturePoint(folder or ROOT, name)
    return CapturePoint(name, name)


def _halves(name: str) -> tuple[str, str] | None:
    """Node and interface of a name that does not tell them as `<node>_<interface>`, if one half is an interface."""
    signs = [found.start() for found in BETWEEN.finditer(name)]
    for sign in reversed(signs):
        node, interface = name[:sign], name[sign + 1 :]
        if node and not looks_like_interface(node) and _surely_interface(interface):
            return node, interface
    for sign in signs:
        interface, node = name[:sign], name[sign + 1 :]
        if node[:1].isalpha() and not looks_like_interface(node) and _surely_interface(interface):
            return node, interface
    return None


def _surely_interface(name: str) -> bool:
    """Whether *name* can hardly be anything else: words like `internal` begin as interfaces do, but have no number."""
    counted = any(sign.isdigit() for sign in name) or OTHER_TUNNEL.match(name)
    return name in {"any", "lo"} or bool(counted and looks_like_interface(name))


def of_interface(file: str, interface: str) -> CapturePoint:
    """The point of one interface that a pcapng file names: `NODE:IFACE`, as `ipipscope capture` writes, or `IFACE`."""
    node, colon, name = interface.partition(":")
    if colon and node and name and not looks_like_interface(node) and "/" not in name:  # eth0:1; rpcap://host/eth0
        return CapturePoint(node, name)
    return CapturePoint(from_file_name(file).node, interface)


def role(interface: str, *, cooked: bool, raw: bool) -> Role | None:
    """What a point shows, from its name and link type; None where only its packets can tell.

    cooked: its packets have a Linux cooked header; raw: they have no link header at all.
    """
    if cooked or ANY.match(interface):
        return Role.ANY
    if LOOPBACK.match(interface):
        return Role.LOOPBACK
    if TUNNEL.match(interface):
        return Role.TUNNEL
    if OTHER_TUNNEL.match(interface):
        return Role.OTHER_TUNNEL
    if WORKLOAD.match(interface):
        return Role.WORKLOAD
    if PHYSICAL.match(interface) and not raw:
        return Role.PHYSICAL
    return None


def ring_place(file: str) -> tuple[str, int] | None:
    """Which ring a file belongs to, and its number there; None where its name tells of no ring."""
    path = PurePath(file)
    name = SUFFIXES.sub("", path.name)
    if found := RING_NUMBER.search(name):
        return str(path.with_name(name[: found.start()])), int(found[1])
    if found := SERIES_NUMBER.search(path.name):
        return str(path.with_name(path.name[: found.start()])), int(found[1] or 0)
    return None


def parse(text: str) -> tuple[CapturePoint, str]:
    """`NODE:IFACE=FILE`, as the option --point takes it.

    Raises UsageError when it is anything else.
    """
    point, equals, file = text.partition("=")
    node, colon, interface = point.partition(":")
    if not (equals and colon and node and interface and file):
        raise UsageError(f"--point {text!r}: write NODE:IFACE=FILE, as in node3:tunl0=a.pcap")
    return CapturePoint(node, interface), file
