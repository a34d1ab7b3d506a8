"""The four ways of an exchange through its nodes' state: request and reply, out and in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipscope.hosts.causes.sides import Sides, host_at
from ipipscope.hosts.faults import Fault, Kind
from ipipscope.hosts.inbound import Arrival, inbound
from ipipscope.hosts.outbound import Way, outbound
from ipipscope.model import OuterPair

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ipipscope.hosts.cluster import Cluster, Host


def request_out(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """What is wrong on the request's way out of the requester's node."""
    if sides.requester is None:
        return
    hints = [sides.reply.src] if sides.reply else []
    yield from outbound(
        cluster,
        Way(
            host=sides.requester, destination=sides.flow.dst, source=sides.flow.src, protocol=sides.protocol,
            hints=tuple(hints),
        ),
    )  # fmt: skip


def reply_out(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """What is wrong on the reply's way out of the replier's node."""
    if sides.replier is None:
        return
    hints = [sides.request.src] if sides.request else []
    yield from outbound(
        cluster,
        Way(
            host=sides.replier, destination=sides.flow.src, source=sides.flow.dst, protocol=sides.protocol,
            state="ESTABLISHED", hints=tuple(hints),
        ),
    )  # fmt: skip


def arrival_of(
    cluster: Cluster, host: Host | None, pair: OuterPair | None, sender: Host | None, sides: Sides, *, reply: bool
) -> Arrival | None:
    """The encapsulated packet as it reaches *host*; None where its outer addresses are not known."""
    if host is None:
        return None
    source, destination = (sides.flow.dst, sides.flow.src) if reply else (sides.flow.src, sides.flow.dst)
    if pair is None:
        sent = cluster.outer_pair(sender, destination) if sender is not None else None
        pair = OuterPair(*sent) if sent is not None and sent[1] in host.addresses else None
    if pair is None:
        return None
    return Arrival(
        host=host, outer_source=pair.src, outer_destination=pair.dst, source=source, destination=destination,
        protocol=sides.protocol, state="ESTABLISHED" if reply else "NEW", sender=sender,
    )  # fmt: skip


def request_in(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """What is wrong on the request's way into the replier's node."""
    arrival = arrival_of(cluster, sides.replier, sides.request, sides.requester, sides, reply=False)
    if arrival is not None:
        yield from inbound(cluster, arrival)


def reply_in(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """What is wrong on the reply's way into the requester's node."""
    arrival = arrival_of(cluster, sides.requester, sides.reply, sides.replier, sides, reply=True)
    if arrival is not None:
        yield from inbound(cluster, arrival)


def only(faults: Iterable[Fault], kinds: frozenset[Kind]) -> Iterator[Fault]:
    """Those of *faults* that show themselves as the rule does."""
    return (fault for fault in faults if fault.kind in kinds)


def wrong_request(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """The requester sends to another node than the one that has the destination."""
    owner = host_at(cluster, sides.flow.dst, None)
    if sides.request is not None and owner is not None and sides.request.dst not in owner.addresses:
        yield from only(request_out(cluster, sides), frozenset((Kind.OTHER_NEXT_HOP,)))
