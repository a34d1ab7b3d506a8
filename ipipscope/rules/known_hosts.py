"""What host state tells the rules: where addresses live, which NICs there are, what is routed into the tunnel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ipaddress import IPv4Address, IPv4Network


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """All empty where no state was given.

    addresses: the node of each address, its own ones and its pods'; none that two nodes claim.
    nics: the interfaces of each node that packets may leave by, tunnels, pods' interfaces and loopback apart.
    inner: addresses that are reached through tunnels: pods' and tunnel devices'.
    tunnelled: per node, the networks that it routes into a tunnel device.
    """

    addresses: Mapping[IPv4Address, str] = field(default_factory=dict)
    nics: Mapping[str, frozenset[str]] = field(default_factory=dict)
    inner: frozenset[IPv4Address] = frozenset()
    tunnelled: Mapping[str, Sequence[IPv4Network]] = field(default_factory=dict)
