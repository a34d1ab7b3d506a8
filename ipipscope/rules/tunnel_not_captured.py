"""IPIP904: only one side of the encapsulation was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import Said, joined, say
from ipipscope.model import CapturePoint, Role
from ipipscope.rules import next_capture
from ipipscope.rules.capture_finding import capture_finding
from ipipscope.rules.rule import Rule

if TYPE_CHECKING:
    from collections import Counter

    from ipipscope.correlator.correlate import Correlation
    from ipipscope.model import Finding
    from ipipscope.rules.capture_facts import CaptureFacts
    from ipipscope.rules.knowledge import Knowledge

RULE: Final = Rule(
    code="IPIP904",
    name="tunnel-not-captured",
    source="packet(7): a capture point shows what passes its own device",
    seen="Only one side of the encapsulation was recorded: what to capture next.",
    meaning="A NIC shows whether a packet is encapsulated, the tunnel whether it was handed over or unpacked. With one "
    "of them alone it stays open on which side of the encapsulation a packet is missing.",
    looks="A node with captures of NICs and none of a tunnel, or of a tunnel and none of a NIC.",
    causes="One tcpdump on one interface.",
    mend="Record both at once: dumpcap -i eth1 -i tunl0 -w node.pcapng, or tcpdump -i any.",
    disproved_by="A capture of the other side at the same time.",
    capture_next="The tunnel and the NICs of the same node together: `tcpdump -i any`.",
)


def found(
    correlation: Correlation, knowledge: Knowledge, facts: CaptureFacts, undecided: Counter[str]
) -> list[Finding]:
    """One finding a node that saw undecided exchanges of the overlay."""
    del facts
    findings = []
    for node, count in undecided.items():
        points = {point: role for point, role in correlation.roles.items() if point.node == node}
        told = _lacks(points, _carriers(correlation, knowledge, node))
        recorded = [point for point, role in points.items() if role in {Role.PHYSICAL, Role.TUNNEL}]
        if told is None or not recorded:
            continue
        findings.append(
            capture_finding(
                RULE,
                CapturePoint(node, recorded[0].interface),
                count,
                correlation.recorded.get(recorded[0]),
                say(
                    "{node}: {interfaces} recorded, {lacking}.",
                    node=node,
                    interfaces=joined(", ", sorted(point.interface for point in recorded)),
                    lacking=told,
                ),
                next_captures=(next_capture.everything(node),),
            )
        )
    return findings


def _lacks(points: dict[CapturePoint, Role], carriers: set[CapturePoint]) -> Said | None:
    """What is missing of a node's points; None where all devices, or both sides, were recorded."""
    roles = set(points.values())
    if Role.ANY in roles:
        return None
    if Role.TUNNEL not in roles:
        return say("its tunnel was not")
    if Role.PHYSICAL not in roles:
        return say("its NICs were not")
    if not carriers:
        return say("the NIC that carries its tunnel was not")
    if sum(role is Role.PHYSICAL for role in points.values()) == 1:
        return say("another NIC, by which the missing packets may go, was not")
    return None


def _carriers(correlation: Correlation, knowledge: Knowledge, node: str) -> set[CapturePoint]:
    """The node's points that showed outer headers."""
    stations = (
        knowledge.stations[look.station] for each in correlation.journeys for look in each.sightings if look.outer
    )
    return {station.point for station in stations if station.node == node}
