"""IPIP201: The reply's outer source is not the request's outer destination."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.correlator.sides import FRESH_TTLS
from ipipscope.language.said import joined, say, say_of
from ipipscope.model import Confidence, Leg
from ipipscope.rules.rule import Rule, Strike

if TYPE_CHECKING:
    from ipipscope.correlator.looks import Look
    from ipipscope.rules.view import View

RULE: Final = Rule(
    code="IPIP201",
    name="outer-source-mismatch",
    source="RFC 2003 §3.1: the outer addresses name the tunnel's ends",
    seen="The reply's outer source is not the request's outer destination.",
    meaning=(
        "A node sends its IPIP packets from another of its addresses than the one by which its peers know it. "
        "The kernel takes the source of the route to the next hop; Calico does not choose it. Felix accepts "
        "protocol 4 only from known node addresses, a point-to-point tunnel from its remote only: the packet "
        "is then seen on the NIC and never on the tunnel."
    ),
    looks=(
        "Request: outer destination X. Reply: outer source Y of the same node; at the requester it stays on "
        "the NIC, or comes through where nothing filters."
    ),
    causes=(
        "Several addresses or NICs on the node; Calico registered one of them, the route to a peer leaves by "
        "another. Often one node is known by an address in another network than all others."
    ),
    mend=(
        "Let all nodes register addresses of one network (IP_AUTODETECTION_METHOD=cidr=...), or set the "
        "source of the route to the peer (ip route replace PEER dev NIC src OWN)."
    ),
    disproved_by="A node that is known by both addresses: requests that are sent to either.",
    capture_next=(
        "The NICs of both nodes and the requester's tunnel: whether replies from this outer source are taken "
        "shows there."
    ),
)


def struck(view: View) -> Strike | None:
    """The replier's packets or the requester's: outer source is not the address by which others reach the node."""
    for reply in view.ipip_anywhere(Leg.REPLY):
        for request in view.ipip_anywhere(Leg.REQUEST):
            assert reply.outer is not None
            assert request.outer is not None
            if (reply.outer.src, reply.outer.dst) == (request.outer.dst, request.outer.src):
                continue  # as it should be
            returns = reply.outer.dst == request.outer.src or same_node(view, reply, request)
            if not returns or third_node(view, reply, request):
                continue
            if reply.outer.src != request.outer.dst:
                detour = any(
                    look.outer and look.outer.dst == reply.outer.src for look in view.ipip_anywhere(Leg.REQUEST)
                )
                if not detour:
                    return _strike(view, Leg.REPLY, reply, request)
                if request.outer.dst != reply.outer.src and view.at(Leg.REQUEST, view.requester, "outer") == (request,):
                    return _strike(view, Leg.REQUEST, request, reply)
            if reply.outer.dst != request.outer.src and not sent_on(view, reply):
                return _strike(view, Leg.REQUEST, request, reply)
    if not view.outer_anywhere(Leg.REPLY) and view.came_through(Leg.REQUEST) is not True:
        # No reply to compare with: compare with the address by which others reach the requester.
        reached = view.knowledge.reached.get(view.journey.flow.src)
        for request in view.ipip_anywhere(Leg.REQUEST):
            assert request.outer is not None
            if reached and request.outer.src not in reached:
                return _strike(view, Leg.REQUEST, request, None)
    return None


def sent_on(view: View, reply: Look) -> bool:
    """Whether some request did leave from where a reply goes: one from elsewhere was then sent on by a third node."""
    assert reply.outer is not None
    return any(look.outer and look.outer.src == reply.outer.dst for look in view.ipip_anywhere(Leg.REQUEST))


def third_node(view: View, reply: Look, request: Look) -> bool:
    """Whether a reply's outer source belongs to neither end, as far as known."""
    assert reply.outer is not None
    address = reply.outer.src
    owner = view.knowledge.sides.outer_home.get(address)
    if owner is not None and view.replier is not None:
        return owner != view.replier
    ends = {view.journey.flow.src, view.journey.flow.dst}
    served = view.knowledge.served.get(address, set())
    serves_others = len(served) > len(served & ends)
    if serves_others and address not in view.knowledge.reached.get(view.journey.flow.dst, {}):
        return True
    # Two forwarding hosts behind a pod: its own node and one more. And it came from another machine than was asked.
    hops = min((fresh - reply.inner_ttl for fresh in FRESH_TTLS if fresh >= reply.inner_ttl), default=0)
    another = reply.station == request.station and reply.src_mac != request.dst_mac
    return hops >= 2 and another


def same_node(view: View, reply: Look, request: Look) -> bool:
    """Whether a reply goes to another address of the very node that sent the request."""
    assert reply.outer is not None
    owner = view.knowledge.sides.outer_home.get(reply.outer.dst)
    if owner is not None and view.requester is not None:
        return owner == view.requester
    if view.came_through(Leg.REPLY):
        return True
    return reply.station == request.station and reply.dst_mac == request.src_mac != 0


def _strike(view: View, leg: Leg, look: Look, against: Look | None) -> Strike:
    node = view.origin(leg)
    sure = True
    came_through = view.came_through(leg)
    answered = view.answered()
    arrived = came_through if answered is None else answered
    lost = None if arrived is None else not arrived
    if leg is Leg.REQUEST and came_through:
        lost = False  # it was taken: what became of its reply is another rule's
    if lost is None and not view.looks(Leg.REPLY):
        lost, sure = True, False
    assert look.outer is not None
    proofs = [(look, say("{leg} from outer source {src}", leg=say(leg.value), src=look.outer.src))]
    if against is not None and against.outer is not None:
        other = Leg.REQUEST if leg is Leg.REPLY else Leg.REPLY
        what = say("{leg} to outer destination {dst}", leg=say(other.value), dst=against.outer.dst)
        proofs.append((against, what))
    left = view.at(leg, node, "outer")
    return Strike(
        node=view.name(leg),
        interface=view.interface(left or (look,)),
        confidence=Confidence.CERTAIN if sure else Confidence.LIKELY,
        proofs=tuple(proofs),
        lost=lost,
    )


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    look = strike.proofs[0][0]
    assert look.outer is not None
    asked = view.journey.flow.dst if look.leg is Leg.REPLY else view.journey.flow.src
    known = [str(address) for address in view.knowledge.reached.get(asked, {}) if address != look.outer.src]
    by = say(" while its peers send to {addresses}", addresses=joined(" and ", sorted(known)[:3])) if known else ""
    return say_of(
        count,
        "{node} sends IPIP from {src}{by}: {count} exchange.",
        "{node} sends IPIP from {src}{by}: {count} exchanges.",
        node=strike.node,
        src=look.outer.src,
        by=by,
    )
