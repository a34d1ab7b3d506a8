"""What forwarding makes sure of: where a packet passed, though nothing shows it there.

A node sends as IPIP what came out of its tunnel device, and into that from a pod's interface; what comes out of the
tunnel of another came in by one of its NICs with an outer header (net/ipv4/ipip.c, net/ipv4/ip_tunnel.c). A packet
that came far passed everything that its like pass before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.model import Leg, Role

if TYPE_CHECKING:
    from ipipscope.model import CapturePoint
    from ipipscope.rules.view import View

ROLES: Final = {
    "outer": Role.PHYSICAL, "bare": Role.PHYSICAL, "tunnel": Role.TUNNEL, "workload": Role.WORKLOAD,
}  # fmt: skip
"""The role of the points that show a position."""


def passed_positions(view: View, leg: Leg, node: str) -> set[str]:
    """The positions of *node* that *leg* surely passed, seen there or not; that of pods where it comes from one."""
    seen = {position for position in ROLES if view.at(leg, node, position)}
    sent = node == view.origin(leg)
    if node == view.sender(leg, anywhere=True) or (sent and any(look.ipip for look in view.at(leg, node, "outer"))):
        return seen | {"outer", "tunnel", "workload"}
    if sent:
        return seen | ({"workload"} if "tunnel" in seen else set())
    if node == view.target(leg):
        came = {"outer"} if "tunnel" in seen and "bare" not in seen else set()
        return seen | came | ({"tunnel"} if {"outer", "workload"} <= seen else set())
    return seen


def passed_points(view: View, leg: Leg) -> set[CapturePoint]:
    """Points of its two nodes that *leg* surely passed, whether they show it or not.

    Where a node has several points of a kind, nothing tells which of them; only of its NICs, none counts as watched.
    """
    passed: set[CapturePoint] = set()
    source = view.journey.flow.dst if leg is Leg.REPLY else view.journey.flow.src
    for node in {view.origin(leg) or view.sender(leg, anywhere=True), view.target(leg)} - {None}:
        assert node is not None
        for position in passed_positions(view, leg, node):
            role = ROLES[position]
            if role is Role.WORKLOAD:
                points = list(view.knowledge.workload_of.get(source, ())) if node != view.target(leg) else []
            else:
                points = view.knowledge.points(node, role)
            if len(points) == 1 or (role is Role.PHYSICAL and not _on_a_nic(view, leg, node)):
                passed.update(points)
    return passed


def _on_a_nic(view: View, leg: Leg, node: str) -> bool:
    return bool(view.at(leg, node, "outer") or view.at(leg, node, "bare"))


def passed_like_others(view: View, leg: Leg, node: str, role: Role) -> bool:
    """Whether *leg* came further than the points of a role on *node*: it passed there as packets of its flow do."""
    target = view.target(leg)
    if (leg is Leg.REQUEST and view.looks(Leg.REPLY)) or view.at(leg, target, "workload"):
        return True
    if view.at(leg, target, "tunnel"):
        return node != target or role is Role.PHYSICAL
    return node != target and bool(view.at(leg, target, "outer"))
