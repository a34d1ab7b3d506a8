"""Why a packet that arrived is not delivered: IPIP301 to IPIP306."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipscope.hosts.causes.encapsulation import NATIVE, NO_ENCAPSULATION
from ipipscope.hosts.causes.ways import arrival_of, only, reply_in, reply_out, request_in, request_out, wrong_request
from ipipscope.hosts.faults import Fault, Kind
from ipipscope.hosts.inbound import knows_enough, other_device
from ipipscope.hosts.model import Part
from ipipscope.hosts.tunnel import receive
from ipipscope.language.said import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipipscope.hosts.causes.sides import Sides
    from ipipscope.hosts.cluster import Cluster

_NOT_TO_TUNNEL = frozenset(
    (
        Kind.RP_FILTER_OUTER, Kind.FIREWALL_IN, Kind.TUNNEL_DOWN, Kind.OTHER_REMOTE, Kind.OUTER_SOURCE,
        Kind.RETIRED_ADDRESS, Kind.OTHER_DEVICE,
    )
)  # fmt: skip

_AFTER_TUNNEL = frozenset(
    (
        Kind.RP_FILTER_INNER, Kind.FORWARDING_OFF, Kind.FIREWALL_FORWARD, Kind.FIREWALL_INNER, Kind.SHARED_ADDRESS,
        Kind.POD_GONE, Kind.POD_ABSENT, Kind.POD_SILENT,
    )
)  # fmt: skip

_AT_THE_POD = frozenset((Kind.POD_GONE, Kind.POD_ABSENT, Kind.POD_SILENT))


def _not_delivered(cluster: Cluster, sides: Sides, *, reply: bool) -> Iterator[Fault]:
    if not reply:
        yield from wrong_request(cluster, sides)
    faults = reply_in(cluster, sides) if reply else request_in(cluster, sides)
    yield from only(faults, _NOT_TO_TUNNEL)
    host, pair = (sides.requester, sides.reply) if reply else (sides.replier, sides.request)
    sender = sides.replier if reply else sides.requester
    arrival = arrival_of(cluster, host, pair, sender, sides, reply=reply)
    if arrival is not None:
        reception = receive(arrival.host.snapshot, arrival.outer_source, arrival.outer_destination)
        fault = other_device(arrival, reception.device) if reception.device else None
        if fault is not None:
            yield fault


def request_not_delivered(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """IPIP301."""
    return _not_delivered(cluster, sides, reply=False)


def reply_not_delivered(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """IPIP303."""
    return _not_delivered(cluster, sides, reply=True)


def request_dropped(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """IPIP302."""
    yield from wrong_request(cluster, sides)
    yield from only(request_in(cluster, sides), _AFTER_TUNNEL)


def reply_dropped(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """IPIP304."""
    return only(reply_in(cluster, sides), _AFTER_TUNNEL)


def pod_unreachable(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """IPIP305."""
    yield from only(request_in(cluster, sides), _AT_THE_POD)
    yield from _silent_pod(cluster, sides)


def no_reply(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """IPIP306: whatever stops the request after the last place where it was seen, or its reply."""
    yield from wrong_request(cluster, sides)
    yield from request_in(cluster, sides)
    yield from only(reply_out(cluster, sides), NO_ENCAPSULATION | NATIVE | {Kind.OTHER_NEXT_HOP})
    if cluster.host(sides.finding.node) is sides.replier:  # else the network may have lost the one or the other
        yield from _silent_pod(cluster, sides)


def _silent_pod(cluster: Cluster, sides: Sides) -> Iterator[Fault]:
    """The node would deliver and would send the answer: what is left is the pod."""
    host = sides.replier
    if host is None or not knows_enough(host):
        return
    if sides.request is not None and sides.request.dst not in host.addresses:
        return  # it went to another node
    device = host.workload_device(sides.flow.dst)
    lost = NO_ENCAPSULATION | NATIVE
    ways = (
        *only(request_out(cluster, sides), lost), *request_in(cluster, sides),
        *only(reply_out(cluster, sides), lost),
    )  # fmt: skip
    if device is None or any(ways):
        return
    route = next(r for r in host.workload_routes if r.destination.network_address == sides.flow.dst)
    unread = "" if host.snapshot.has(Part.FIREWALL) else say(" Its firewall was not read.")
    yield Fault(
        kind=Kind.POD_SILENT,
        host=host,
        config=route.line,
        interface=device,
        address=sides.flow.dst,
        text=say(
            "{host} delivers to {dst} by `{line}` and would send its answers into the tunnel; the pod itself "
            "does not answer.{unread}",
            host=host.name,
            dst=sides.flow.dst,
            line=route.line,
            unread=unread,
        ),
    )
