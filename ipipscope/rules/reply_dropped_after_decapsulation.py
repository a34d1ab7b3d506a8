"""IPIP304: The reply reaches the requester's tunnel and never its workload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say_of
from ipipscope.model import Leg, Role
from ipipscope.rules.rule import Rule, Strike
from ipipscope.rules.stopped import stopped

if TYPE_CHECKING:
    from ipipscope.rules.view import View

RULE: Final = Rule(
    code="IPIP304",
    name="reply-dropped-after-decapsulation",
    source="RFC 2003 §3.2: the decapsulator hands the inner packet on as if it had arrived natively",
    seen="The reply reaches the requester's tunnel and never its workload.",
    meaning=(
        "The kernel dropped the inner packet after decapsulation: the tunnel's reverse path filter, a "
        "firewall (FORWARD, or conntrack INVALID after an asymmetric path), or no route to the pod."
    ),
    looks="Reply: the requester's NIC and tunnel; its workload point has the request and no reply.",
    causes=(
        "rp_filter=1 on tunl0 while the route to the replier's block leaves by a NIC; a firewall that drops "
        "what it forwards."
    ),
    mend=(
        "Route the replier's block through the tunnel; rp_filter=2 or 0 on tunl0; accept forwarding between "
        "tunnel and pods."
    ),
    disproved_by="The reply on the pod's interface.",
    capture_next=(
        "The requester's tunnel together with the pod's interface, and `nstat -az TcpExtIPReversePathFilter` "
        "before and after."
    ),
)


def struck(view: View) -> Strike | None:
    """Seen at the tunnel and missing at the workload, with nothing of it further on."""
    return stopped(view, Leg.REPLY, "tunnel", "workload", Role.WORKLOAD)


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    return say_of(
        count,
        "{count} reply is unpacked on {node}:{interface} and never reaches its pod.",
        "{count} replies are unpacked on {node}:{interface} and never reach their pod.",
        node=strike.node,
        interface=strike.interface,
    )
