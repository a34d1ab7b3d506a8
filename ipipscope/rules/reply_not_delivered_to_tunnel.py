"""IPIP303: The encapsulated reply reaches the requester's NIC and never its tunnel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say_of
from ipipscope.model import Leg, Role
from ipipscope.rules.rule import Rule, Strike
from ipipscope.rules.stopped import stopped

if TYPE_CHECKING:
    from ipipscope.rules.view import View

RULE: Final = Rule(
    code="IPIP303",
    name="reply-not-delivered-to-tunnel",
    source="RFC 2003 §3.2: the decapsulator hands the inner packet on as if it had arrived natively",
    seen="The encapsulated reply reaches the requester's NIC and never its tunnel.",
    meaning=(
        "The kernel dropped the IPIP packet between the NIC and decapsulation: a firewall (INPUT), the NIC's "
        "reverse path filter, or a tunnel that accepts another remote only."
    ),
    looks="Reply: the requester's NIC with outer header; its tunnel and workload stay empty.",
    causes=(
        "Felix or another firewall drops protocol 4 from an outer source it does not know; rp_filter=1 on a "
        "NIC; a point-to-point tunnel; a tunnel device that is down."
    ),
    mend=(
        "On the requester, accept protocol 4 from the address the replies come from, or mend the replier's outer "
        "source; rp_filter=2 on the NIC where they arrive."
    ),
    disproved_by="The reply on any tunnel device of the requester.",
    capture_next=(
        "The requester's NIC and every tunnel device of it at the same time; its firewall's counters before and after."
    ),
)


def struck(view: View) -> Strike | None:
    """Seen at the outer and missing at the tunnel, with nothing of it further on."""
    return stopped(view, Leg.REPLY, "outer", "tunnel", Role.TUNNEL)


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    return say_of(
        count,
        "{count} reply reaches {node}:{interface} as IPIP and never its tunnel.",
        "{count} replies reach {node}:{interface} as IPIP and never its tunnel.",
        node=strike.node,
        interface=strike.interface,
    )
