"""Host state with its addresses and names replaced."""

from __future__ import annotations

import dataclasses
import re
from enum import Enum
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any, Final

from ipipscope.hosts.model import Link

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipipscope.anonymize.names import Names
    from ipipscope.hosts.model import Snapshot

INTERFACES: Final = frozenset({"interface", "device", "master", "in_interface", "out_interface"})
"""Fields that hold an interface's name."""
BY_INTERFACE: Final = frozenset({"rp_filter", "accept_local"})
TABLES: Final = frozenset({"main", "local", "default"})
WELL_KNOWN: Final = re.compile(r"(cali|KUBE|CNI|DOCKER|[A-Z]+$|default-ipv4-ippool)|(?=(filter|nat|mangle|raw)\b)")
"""How names of chains, sets and pools begin that every cluster has."""
VERSION: Final = re.compile(r"\d+\.\d+[\w.+-]*")


def learn(snapshots: Iterable[Snapshot], names: Names) -> None:
    """Learn every name that stands in *snapshots* before any text of them is rewritten."""
    for snapshot in snapshots:
        names.learn("node", snapshot.node)
        calico = snapshot.calico
        for node in (*(each.name for each in calico.nodes), *(each.node for each in calico.blocks)):
            names.learn("node", node)
        for kind, found in (
            ("pool", (pool.name for pool in calico.pools)),
            ("set", (held.name for held in snapshot.ipsets)),
            ("chain", (chain.name for ruleset in snapshot.firewall for chain in ruleset.chains)),
        ):
            for name in found:
                if not WELL_KNOWN.match(name):
                    names.learn(kind, name)
        for table in {route.table for route in snapshot.routes} - TABLES:
            if not table.isdigit():
                names.learn("table", table)
        for link in snapshot.links:
            if names.interface(link.name) != link.name:
                names.learn("interface", link.name)


def anonymous(snapshot: Snapshot, names: Names) -> Snapshot:
    """*snapshot* with everything replaced; what the analyst's own notes say of its source is left out."""
    replaced: Snapshot = _replaced(snapshot, names)
    version = VERSION.search(snapshot.kernel)
    return dataclasses.replace(
        replaced,
        node=names.node(snapshot.node),
        kernel=f"Linux {version.group()}" if version else "",
        source="",
        left_out=tuple(dataclasses.replace(each, why="") for each in replaced.left_out),
    )


def _replaced(value: Any, names: Names, field: str = "") -> Any:
    if isinstance(value, IPv4Address):
        return IPv4Address(names.addresses.v4(int(value)))
    if isinstance(value, IPv4Network):
        if value.prefixlen == 32:
            return IPv4Network(names.addresses.v4(int(value.network_address)))
        return names.addresses.network(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            each.name: _replaced(getattr(value, each.name), names, each.name) for each in dataclasses.fields(value)
        }
        if isinstance(value, Link):
            fields["name"] = names.interface(value.name)
        return dataclasses.replace(value, **fields)
    if isinstance(value, tuple):
        return tuple(_replaced(item, names, field) for item in value)
    if isinstance(value, dict):
        by_interface = field in BY_INTERFACE
        return {names.interface(key) if by_interface else key: _replaced(item, names) for key, item in value.items()}
    if isinstance(value, str) and not isinstance(value, Enum):
        return names.interface(value) if field in INTERFACES else names.text(value)
    return value
