"""The two ends of a finding's flows: which nodes they are, and with which outer addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address

    from ipipscope.hosts.cluster import Cluster, Host
    from ipipscope.model import Finding, Flow, OuterPair

FLOWS_MAX: Final = 20
"""Flows of one finding whose ways are walked; they share one fault as a rule."""

PROTOCOLS: Final = {"icmp": 1, "tcp": 6, "udp": 17}

_AT_REPLIER = frozenset(
    ["IPIP101", "IPIP103", "IPIP201", "IPIP202", "IPIP301", "IPIP302", "IPIP305", "IPIP306", "IPIP308"]
)

_AT_REQUESTER = frozenset(["IPIP102", "IPIP104", "IPIP303", "IPIP304", "IPIP307"])


@dataclass(frozen=True, slots=True)
class Sides:
    """One flow of a finding, with the hosts at its ends."""

    finding: Finding
    flow: Flow
    request: OuterPair | None
    reply: OuterPair | None
    requester: Host | None
    replier: Host | None

    @property
    def protocol(self) -> int:
        """The inner packets' IP protocol number."""
        return PROTOCOLS.get(self.flow.protocol, 1)


def sides_of(finding: Finding, cluster: Cluster) -> Iterator[Sides]:
    """Each flow with the tunnel pairs that can be its own; flows at whose fitting end the named node is come first."""
    found: list[Sides] = []
    named = cluster.host(finding.node)
    for flow in finding.flows[:FLOWS_MAX]:
        own = []
        for pair in finding.tunnels:
            request, reply = pair.request, pair.reply
            requester = host_at(cluster, flow.src, request.src if request else (reply.dst if reply else None))
            replier = host_at(cluster, flow.dst, request.dst if request else (reply.src if reply else None))
            if _crossed(request, requester, replier) or _crossed(reply, replier, requester):
                continue
            if finding.code in _AT_REPLIER and named not in (None, requester):
                replier = named
            elif finding.code in _AT_REQUESTER and named not in (None, replier):
                requester = named
            own.append(Sides(finding, flow, request, reply, requester, replier))
        found += own or [_without_pair(finding, flow, cluster)]
    return iter(sorted(found, key=lambda sides: named is not None and named is not _accused(sides)))


def _without_pair(finding: Finding, flow: Flow, cluster: Cluster) -> Sides:
    return Sides(finding, flow, None, None, host_at(cluster, flow.src, None), host_at(cluster, flow.dst, None))


def _accused(sides: Sides) -> Host | None:
    return sides.requester if sides.finding.code in _AT_REQUESTER else sides.replier


def _crossed(pair: OuterPair | None, sender: Host | None, receiver: Host | None) -> bool:
    """Whether *pair* is that of packets the other way round, of another flow of the same finding."""
    if pair is None:
        return False
    return (receiver is not None and pair.src in receiver.addresses) or (
        sender is not None and pair.dst in sender.addresses
    )


def host_at(cluster: Cluster, inner: IPv4Address, outer: IPv4Address | None) -> Host | None:
    """The node at an end of a flow: the owner of the inner address, or the holder of the outer one."""
    block = cluster.block_of(inner)
    if block is not None and block.owner is not None:
        return block.owner
    return cluster.holder(outer) if outer is not None else None
