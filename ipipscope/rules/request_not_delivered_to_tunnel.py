"""IPIP301: The encapsulated request reaches the replier's NIC and never its tunnel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.decoder.icmp import PORT_UNREACHABLE, PROTOCOL_UNREACHABLE, UNREACHABLE
from ipipscope.language.said import say, say_of
from ipipscope.model import Confidence, Leg, Role
from ipipscope.rules.error_way import words
from ipipscope.rules.rule import Rule, Strike
from ipipscope.rules.stopped import stopped

if TYPE_CHECKING:
    from ipipscope.rules.view import View

RULE: Final = Rule(
    code="IPIP301",
    name="request-not-delivered-to-tunnel",
    source="RFC 2003 §3.2: the decapsulator hands the inner packet on as if it had arrived natively",
    seen="The encapsulated request reaches the replier's NIC and never its tunnel.",
    meaning=(
        "The kernel dropped the IPIP packet between the NIC and decapsulation: a firewall (INPUT), the NIC's "
        "reverse path filter, a tunnel that accepts another remote only, or a tunnel device that is down."
    ),
    looks=(
        "Request: the replier's NIC with outer header; its tunnel and workload stay empty. Nothing comes "
        "back, or ICMP port or protocol unreachable."
    ),
    causes=(
        "Felix or another firewall drops protocol 4 from an outer source it does not know; rp_filter=1 on a "
        "NIC while the route back to the outer source leaves by another; a point-to-point tunnel; a tunnel "
        "device that is down; another ipip device that takes the packets."
    ),
    mend=(
        "Accept protocol 4 from the peers' addresses, or make the outer source the known one; rp_filter=2 on "
        "the NIC; set the tunnel device up."
    ),
    disproved_by="The request on any tunnel device of the replier.",
    capture_next=(
        "The replier's NIC and every tunnel device of it at the same time; `nstat` and `iptables -vL` before and "
        "after tell what counted the drop."
    ),
)


def struck(view: View) -> Strike | None:
    """Seen at the NIC and missing at the tunnel; or the kernel there says that no tunnel takes it."""
    for error in view.looks(Leg.REQUEST_ERROR):
        for look in view.outer_anywhere(Leg.REQUEST):
            if error.error in NO_TUNNEL and look.outer is not None and error.error_from == look.outer.dst:
                node = view.name(Leg.REQUEST, target=True)
                return Strike(
                    node=node,
                    interface=view.interface(view.at(Leg.REQUEST, node, "outer") if node else ()),
                    confidence=Confidence.CERTAIN,
                    proofs=(
                        (
                            error,
                            say(
                                "ICMP {what} from {error_from}", what=words(error.error, 0), error_from=error.error_from
                            ),
                        ),
                        (look, say("request")),
                    ),
                )
    return stopped(view, Leg.REQUEST, "outer", "tunnel", Role.TUNNEL)


NO_TUNNEL: Final = frozenset({(UNREACHABLE, PORT_UNREACHABLE), (UNREACHABLE, PROTOCOL_UNREACHABLE)})
"""What Linux answers where no tunnel device takes an IPIP packet (net/ipv4/tunnel4.c: port unreachable), or no module does."""


def summary(count: int, strike: Strike, view: View) -> str:
    """One sentence."""
    if strike.interface is None:
        return say_of(
            count,
            "{count} request reaches {node} as IPIP and never its tunnel.",
            "{count} requests reach {node} as IPIP and never its tunnel.",
            node=strike.node,
        )
    return say_of(
        count,
        "{count} request reaches {node}:{interface} as IPIP and never its tunnel.",
        "{count} requests reach {node}:{interface} as IPIP and never its tunnel.",
        node=strike.node,
        interface=strike.interface,
    )
