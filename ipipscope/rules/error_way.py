"""ICMP errors about a journey: who sent them, to whom, and where they were seen on their way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.decoder import icmp
from ipipscope.language.said import say
from ipipscope.model import ErrorSeen, Leg, Role
from ipipscope.rules.place import place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Address

    from ipipscope.correlator.looks import Look
    from ipipscope.language.said import Said
    from ipipscope.rules.view import View

ABOUT: Final = {Leg.REQUEST_ERROR: Leg.REQUEST, Leg.REPLY_ERROR: Leg.REPLY}
ERRORS_MAX: Final = 3
"""Errors of a journey that are told."""
UNREACHABLE: Final = {
    0: say("network unreachable"),
    1: say("host unreachable"),
    2: say("protocol unreachable"),
    3: say("port unreachable"),
    9: say("network prohibited"),
    10: say("host prohibited"),
    13: say("communication prohibited"),
}
"""Codes of ICMP type 3 (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1)."""
OTHERS: Final = {
    icmp.SOURCE_QUENCH: say("source quench"),
    icmp.REDIRECT: say("redirect"),
    icmp.TIME_EXCEEDED: say("time exceeded"),
    icmp.PARAMETER_PROBLEM: say("parameter problem"),
}


def errors(view: View) -> tuple[ErrorSeen, ...]:
    """The errors about request and reply, those that arrived or may have first."""
    groups: dict[tuple[Leg, IPv4Address, Said, bool], list[Look]] = {}
    for look in view.journey.sightings:
        about = ABOUT.get(look.leg)
        if about is not None and look.error is not None and look.error_from is not None:
            key = about, look.error_from, words(look.error, look.error_mtu), _about_outer(view, look, about)
            groups.setdefault(key, []).append(look)
    found = [
        _error(view, about, sender, what, looks, outer=outer) for (about, sender, what, outer), looks in groups.items()
    ]
    return tuple(sorted(found, key=lambda each: each.arrived is False)[:ERRORS_MAX])


def words(error: tuple[int, int], mtu: int) -> Said:
    """What an error says. error: type and code."""
    kind, code = error
    if error == (icmp.UNREACHABLE, icmp.FRAGMENTATION_NEEDED):
        return say("fragmentation needed, MTU {mtu}", mtu=mtu)
    if kind == icmp.UNREACHABLE:
        return UNREACHABLE.get(code) or say("unreachable, code {code}", code=code)
    return OTHERS.get(kind) or say("ICMP type {kind}", kind=kind)


def _about_outer(view: View, error: Look, about: Leg) -> bool:
    """Whether the error quotes an encapsulated packet: on a NIC, not encapsulated itself, while the packet was."""
    return view.station(error).role is Role.PHYSICAL and not error.encapsulated and bool(view.outer_anywhere(about))


def _error(view: View, about: Leg, sender: IPv4Address, what: Said, looks: Sequence[Look], *, outer: bool) -> ErrorSeen:
    flow, origin = view.journey.flow, view.origin(about)
    pairs = [look.outer for look in view.outer_anywhere(about) if look.outer is not None] if outer else []
    seen: dict[str, set[Role | None]] = {}
    for look in looks:
        seen.setdefault(view.station(look).node, set()).add(view.station(look).role)
    return ErrorSeen(
        about=about,
        sender=sender,
        to=pairs[0].src if pairs else flow.src if about is Leg.REQUEST else flow.dst,
        node=_node(view, sender, looks, seen),
        what=what,
        hops=tuple(dict.fromkeys(place(view, look) for look in looks)),
        arrived=_arrived(view, about, seen.get(origin or "", set()), outer=outer),
    )


def _arrived(view: View, about: Leg, there: set[Role | None], *, outer: bool) -> bool | None:
    """Whether it was seen where it went: at the pod's interface, or at any point of the node that sent the packet.

    there: roles of the points of that node that saw it.
    """
    origin = view.origin(about)
    if origin is None:
        return None
    last = Role.WORKLOAD if not outer and view.at(about, origin, "workload") else Role.PHYSICAL
    if last in there or (last is Role.PHYSICAL and there):
        return True
    return False if view.recorded(origin, last) else None


def _node(view: View, sender: IPv4Address, looks: Sequence[Look], seen: dict[str, set[Role | None]]) -> str | None:
    """The captured node that sent an error."""
    sides = view.knowledge.sides
    known = sides.outer_home.get(sender) or sides.home.get(sender)
    if known is not None:
        return known
    for look in looks:
        node = router(view, look)
        if node is None and look.outer is not None:
            node = sides.outer_home.get(look.outer.src)  # who encapsulated it
        if node is not None:
            return node
    # It comes from within a node whose NIC was recording and did not show it.
    alone = [
        node
        for node, roles in seen.items()
        if Role.PHYSICAL not in roles and None not in roles and view.recorded(node, Role.PHYSICAL)
    ]
    return alone[0] if len(seen) == len(alone) == 1 else None


def router(view: View, error: Look) -> str | None:
    """The captured node that sent an error: its NIC received the packet at the MAC address the error comes from."""
    for seen in (look for look in view.journey.sightings if look.error == error.error):
        for look in view.outer_anywhere(Leg.REQUEST) + view.outer_anywhere(Leg.REPLY):
            if look.station == seen.station and look.dst_mac == seen.src_mac != 0 and look.src_mac == seen.dst_mac:
                node = view.station(seen).node
                if node not in {view.requester, view.replier}:
                    return node
    return None
