"""IPIP501: The inner source of the request, or of its answer, was translated on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say, say_of
from ipipscope.model import Confidence, Leg
from ipipscope.rules.rule import Rule, Strike
from ipipscope.rules.several import and_addresses, and_pairs

if TYPE_CHECKING:
    from ipipscope.rules.view import View

RULE: Final = Rule(
    code="IPIP501",
    name="inner-source-rewritten",
    source="RFC 3022 §2: network address translation; Calico documentation, natOutgoing",
    seen="The inner source of the request, or of its answer, was translated on the way.",
    meaning=(
        "A NAT rule changed the inner source address before the packet was encapsulated. Policies see another "
        "address than the pod's, and an answer from a translated source belongs to no request."
    ),
    looks=(
        "The same identifier and numbers under one address at the pod's interface and under another at the "
        "tunnel or NIC."
    ),
    causes=(
        "A MASQUERADE rule that also catches overlay traffic (kube-proxy --masquerade-all, a wrong cluster "
        "CIDR, an extra rule of another service); natOutgoing for addresses inside the overlay."
    ),
    mend=("Except the overlay's networks from the rule (iptables-save -c | grep -e MASQ -e SNAT shows whose it is)."),
    disproved_by="The same inner addresses at pod and tunnel.",
    capture_next=(
        "The pod's interface and the tunnel of its node at the same time: the address changes between the two."
    ),
)


def struck(view: View) -> Strike | None:
    """Another journey shows these exchanges under the address they had before."""
    before = view.knowledge.before_translation.get(view.journey)
    if before is None or not view.in_overlay:
        return None
    answer = not view.journey.requested
    leg = Leg.REPLY if answer else Leg.REQUEST
    node = view.name(Leg.REQUEST, target=True) if answer else view.origin(Leg.REQUEST)
    if answer:
        node = view.knowledge.sides.home.get(before.flow.dst) or node
    looks = tuple(look for look in view.looks(leg) if view.station(look).node == node) or view.looks(leg)
    # ping takes an answer from another address than it asked; TCP and UDP do not.
    taken = view.journey.flow.protocol == "icmp" and view.came_through(Leg.REPLY)
    source = view.journey.flow.dst if answer else view.journey.flow.src
    came_back = bool(taken if answer else before.looks(Leg.REPLY))
    return Strike(
        node=node if answer else node or view.station(looks[0]).node,
        interface=view.interface(looks),
        confidence=Confidence.CERTAIN,
        proofs=((looks[0], say("{leg} from {source}", leg=say(leg.value), source=source)),),
        lost=not came_back,
    )


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    before = view.knowledge.before_translation[view.journey]
    flow = view.journey.flow
    if view.journey.requested:
        return say_of(
            count,
            "{count} request of {src} to {dst} travels as {translated} from {node} on.",
            "{count} requests of {src} to {dst} travel as {translated} from {node} on.",
            src=before.flow.src,
            dst=and_pairs(flow.dst, strike.pairs),
            translated=flow.src,
            node=strike.node,
        )
    return say_of(
        count,
        "{count} answer of {dst} comes back as {translated}, which {src} did not ask.",
        "{count} answers of {dst} come back as {translated}, which {src} did not ask.",
        dst=and_addresses(before.flow.dst, {dst for _, dst in strike.pairs}),
        translated=flow.dst,
        src=and_addresses(flow.src, {src for src, _ in strike.pairs}),
    )
