"""IPIP305: the pod that was asked is not there, or stays silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.decoder.icmp import HOST_UNREACHABLE, UNREACHABLE
from ipipscope.language.said import say, say_of
from ipipscope.model import Confidence, Leg, Role
from ipipscope.rules.rule import Rule, Strike
from ipipscope.rules.several import and_addresses

if TYPE_CHECKING:
    from ipipscope.rules.view import View

RULE: Final = Rule(
    code="IPIP305",
    name="destination-pod-unreachable",
    source="RFC 792, Destination Unreachable; RFC 1122 §3.2.2.6: a host must answer an echo request",
    seen=(
        "The request reaches the pod's node, and the pod is gone or silent: ICMP host unreachable, or nothing from it."
    ),
    meaning="The overlay did its work: the request was unpacked and handed to the pod's interface, or found no pod to be "
    "handed to.",
    looks="Request: the replier's NIC and tunnel, the pod's interface where there is one. Reply: none, or ICMP host "
    "unreachable from the replier's node.",
    causes="The pod ended and its address is still used; the pod drops what it is asked (a policy or firewall in the "
    "pod); the process hangs; a borrowed address that meets the blackhole of its block's owner.",
    mend="Look at the pod on that node: is it running, does it have this address, does a network policy forbid the "
    "traffic?",
    disproved_by="An answer of the pod on its own interface.",
    capture_next=(
        "The pod's interface on its node without a filter: ARP for the pod, the request, and whatever the pod sends."
    ),
)
NOBODY: Final = frozenset({(UNREACHABLE, HOST_UNREACHABLE), (UNREACHABLE, 0), (UNREACHABLE, 13)})
"""ICMP errors of a node that cannot hand a packet on: network, host, administratively prohibited."""


def struck(view: View) -> Strike | None:
    """The pod's own interface has the request and no reply, or the pod's node says that there is nobody."""
    node = view.replier
    if view.looks(Leg.REPLY) or not view.in_overlay:
        return None
    errors = [look for look in view.looks(Leg.REQUEST_ERROR) if look.error in NOBODY]
    came_in = view.outer_anywhere(Leg.REQUEST)
    if errors and came_in:
        return Strike(
            node=node or view.name(Leg.REQUEST, target=True),
            interface=view.interface(view.at(Leg.REQUEST, node, "tunnel") or errors[:1]),
            confidence=Confidence.CERTAIN if node else Confidence.LIKELY,
            proofs=(
                (errors[0], say("ICMP unreachable from {error_from}", error_from=errors[0].error_from)),
                (came_in[0], say("request")),
            ),
        )
    unpacked = view.at(Leg.REQUEST, node, "tunnel")
    vain = [p for p in view.recorded(node, Role.WORKLOAD) if p in view.knowledge.asked_in_vain]
    if unpacked and vain and not view.at(Leg.REQUEST, node, "workload"):
        return Strike(
            node=node,
            interface=vain[0].interface,
            confidence=Confidence.LIKELY,
            proofs=((unpacked[0], say("request, last seen here; behind it nothing but ARP")),),
        )
    at_pod = view.at(Leg.REQUEST, node, "workload")
    if not at_pod or not view.missing(Leg.REPLY, node, "workload"):
        return None
    return Strike(
        node=node,
        interface=view.interface(at_pod),
        confidence=Confidence.CERTAIN,
        proofs=((at_pod[0], say("request, handed to the pod")),),
    )


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    asked = {dst for _, dst in strike.pairs}
    dst = and_addresses(view.journey.flow.dst, asked)
    if len(asked) > 1:
        return say(
            "{count} requests reach {node} for {dst}, which do not answer.", count=count, node=strike.node, dst=dst
        )
    return say_of(
        count,
        "{count} request reaches {node} for {dst}, which does not answer.",
        "{count} requests reach {node} for {dst}, which does not answer.",
        node=strike.node,
        dst=dst,
    )
