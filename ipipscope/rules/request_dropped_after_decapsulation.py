"""IPIP302: The request reaches the replier's tunnel, goes no further, and nobody answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say_of
from ipipscope.model import Leg, Role
from ipipscope.rules.rule import Rule, Strike
from ipipscope.rules.stopped import stopped

if TYPE_CHECKING:
    from ipipscope.rules.view import View

RULE: Final = Rule(
    code="IPIP302",
    name="request-dropped-after-decapsulation",
    source="RFC 2003 §3.2: the decapsulator hands the inner packet on as if it had arrived natively",
    seen="The request reaches the replier's tunnel, goes no further, and nobody answers.",
    meaning=(
        "The kernel dropped the inner packet after decapsulation: the tunnel's reverse path filter, a "
        "firewall (FORWARD), or no route to the pod."
    ),
    looks="Request: the replier's NIC and tunnel; its workload point stays empty.",
    causes=(
        "rp_filter=1 on tunl0 while the route back to the requester's block leaves by a NIC; a firewall that "
        "drops what it forwards; ip_forward=0."
    ),
    mend=(
        "Route the requester's block through the tunnel; rp_filter=2 or 0 on tunl0; accept forwarding between "
        "tunnel and pods."
    ),
    disproved_by="The request on the pod's interface.",
    capture_next=(
        "The replier's tunnel together with the pod's interface (cali or veth), and host state for the firewall "
        "and rp_filter."
    ),
)


def struck(view: View) -> Strike | None:
    """Seen at the tunnel and missing at the workload, with nothing of it further on."""
    if any(point in view.knowledge.asked_in_vain for point in view.recorded(view.replier, Role.WORKLOAD)):
        return None  # the kernel asked for the pod on its interface: it was on the way, and the pod is not there
    return stopped(view, Leg.REQUEST, "tunnel", "workload", Role.WORKLOAD)


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    return say_of(
        count,
        "{count} request is unpacked on {node}:{interface}, goes no further, and nobody answers.",
        "{count} requests are unpacked on {node}:{interface}, go no further, and nobody answers.",
        node=strike.node,
        interface=strike.interface,
    )
