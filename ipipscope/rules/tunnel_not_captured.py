"""IPIP904: only one side of the encapsulation was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.model import CapturePoint, Role
from ipipscope.rules.capture_finding import capture_finding
from ipipscope.rules.rule import Rule

if TYPE_CHECKING:
    from ipipscope.correlator.correlate import Correlation
    from ipipscope.model import Finding
    from ipipscope.rules.capture_facts import CaptureFacts
    from ipipscope.rules.view import Knowledge

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
)


def found(correlation: Correlation, knowledge: Knowledge, facts: CaptureFacts, undecided: int) -> list[Finding]:
    """One finding a node that took part in the overlay, as long as something is undecided."""
    del facts
    if not undecided:
        return []
    concerned: dict[str, int] = {}
    for journey in correlation.journeys:
        stations = [knowledge.stations[look.station] for look in journey.sightings]
        overlay = any(look.encapsulated for look in journey.sightings)
        if overlay or any(station.role is Role.TUNNEL for station in stations):
            for node in {station.node for station in stations}:
                concerned[node] = concerned.get(node, 0) + journey.count
    findings = []
    for node, count in concerned.items():
        points = {point: role for point, role in correlation.roles.items() if point.node == node}
        roles = set(points.values())
        if Role.ANY in roles or {Role.PHYSICAL, Role.TUNNEL} <= roles:
            continue
        have = [point for point, role in points.items() if role in {Role.PHYSICAL, Role.TUNNEL}]
        if not have:
            continue
        tunnel = Role.TUNNEL in roles
        lacks = "its NICs were" if tunnel else "its tunnel was"
        span = correlation.spans.get(have[0], (0, 0))
        findings.append(
            capture_finding(
                RULE, CapturePoint(node, have[0].interface), count, span,
                f"{node}: {', '.join(sorted(p.interface for p in have))} recorded, {lacks} not.",
                next_captures=(f"on {node}: tcpdump -i any -s 128 -w {node}_any.pcap 'ip proto 4 or icmp'",),
            )  # fmt: skip
        )
    return findings
