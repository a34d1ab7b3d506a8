"""IPIP401: Fragmentation needed comes back for a request, from a node's tunnel or from a router on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.decoder.icmp import FRAGMENTATION_NEEDED, UNREACHABLE
from ipipscope.language.said import say, say_of
from ipipscope.model import Confidence, Leg, Role
from ipipscope.rules.error_way import router
from ipipscope.rules.rule import Rule, Strike

if TYPE_CHECKING:
    from ipaddress import IPv4Address

    from ipipscope.rules.view import View

RULE: Final = Rule(
    code="IPIP401",
    name="mtu-exceeded",
    source="RFC 1191 §3, RFC 2003 §5: a packet with DF that is too large is answered with fragmentation needed",
    seen="Fragmentation needed comes back for a request, from a node's tunnel or from a router on the way.",
    meaning=(
        "The packet with its outer header does not fit a link, and DF forbids to cut it. The sender is told; "
        "where it does not lower its packets' size they are lost."
    ),
    looks=(
        "Request: at the workload or the tunnel, not beyond; or at the NIC with outer header, and the ICMP "
        "error comes from a router."
    ),
    causes=(
        "A pod or tunnel MTU that leaves no room for the 20 octets of the outer header; a link between the "
        "nodes with a smaller MTU."
    ),
    mend=(
        "Set the tunnel's MTU to the smallest link's MTU minus 20 and the pods' to no more (Felix ipipMTU, "
        "CNI veth_mtu)."
    ),
    disproved_by="The same packet delivered whole.",
    capture_next=(
        "The sender's NIC and the next router's with the filter `ip proto 4 or icmp[0] == 3`, while a large "
        "packet with DF is sent."
    ),
)


def struck(view: View) -> Strike | None:
    """An ICMP error 3/4 quotes the request or the reply."""
    for look in view.journey.sightings:
        if look.error == (UNREACHABLE, FRAGMENTATION_NEEDED):
            assert look.error_from is not None
            routers = [other for other in view.journey.sightings if other.error and other.error_from not in own(view)]
            cause = routers[0] if routers else look
            assert cause.error_from is not None
            node = view.knowledge.sides.outer_home.get(cause.error_from) or router(view, cause)
            if node is None:
                leg = Leg.REQUEST if cause.leg is Leg.REQUEST_ERROR else Leg.REPLY
                node = str(cause.error_from) if cause in routers else view.name(leg)
            return Strike(
                node=node,
                interface=view.interface((cause,)),
                confidence=Confidence.CERTAIN,
                proofs=(
                    (
                        cause,
                        say(
                            "fragmentation needed, MTU {error_mtu}, from {error_from}",
                            error_mtu=cause.error_mtu,
                            error_from=cause.error_from,
                        ),
                    ),
                ),
                lost=not view.answered(),
            )
    return None


def own(view: View) -> set[IPv4Address]:
    """Addresses of the overlay itself: its errors repeat what a router between the nodes said first."""
    inner = {view.journey.flow.src, view.journey.flow.dst}
    link_local = {
        look.error_from for look in view.journey.sightings if look.error_from and look.error_from.is_link_local
    }
    tunnel_mtu = {
        look.error_from
        for look in view.journey.sightings
        if look.error_from and view.station(look).role is Role.WORKLOAD
    }
    return inner | link_local | tunnel_mtu


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    look = strike.proofs[0][0]
    if look.error is None:
        return say_of(
            count,
            "{count} exchange with packets from {shortest} octets on is lost, smaller ones answered.",
            "{count} exchanges with packets from {shortest} octets on are lost, smaller ones answered.",
            shortest=view.journey.shortest,
        )
    return say_of(
        count,
        "{count} exchange with packets of up to {longest} octets does not fit: {error_from} asks for {error_mtu} "
        "octets at most.",
        "{count} exchanges with packets of up to {longest} octets do not fit: {error_from} asks for {error_mtu} "
        "octets at most.",
        longest=view.journey.longest,
        error_from=look.error_from,
        error_mtu=look.error_mtu,
    )
