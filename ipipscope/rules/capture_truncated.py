"""IPIP902: the snaplen cut headers that were needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say, say_of
from ipipscope.model import Evidence
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
    code="IPIP902",
    name="capture-truncated",
    source="RFC 2003 §3, RFC 792: two IP headers and eight octets of ICMP behind the link header",
    seen="The snaplen cut headers that were needed.",
    meaning="Packets are in the file, and their inner header or their identifier and sequence number are not. They "
    "cannot be paired; what they would have shown is undecided.",
    looks="Captured lengths below 62 octets on Ethernet, 66 with a VLAN tag.",
    causes="tcpdump -s with too small a value.",
    mend="Record with -s 128 or more.",
    disproved_by="The same packets in a recording with a larger snaplen.",
    capture_next="The same points with `-s 128` or more.",
    counts_packets=True,
)


def found(
    correlation: Correlation, knowledge: Knowledge, facts: CaptureFacts, undecided: Counter[str]
) -> list[Finding]:
    """One finding a point."""
    del knowledge, undecided
    findings = []
    for point, tally in correlation.tallies.items():
        if not tally.cut or tally.first_cut is None:
            continue
        source, frame, time = tally.first_cut
        snaplen = facts.snaplen.get(point, 0)
        limit = say(" (snaplen {snaplen})", snaplen=snaplen) if snaplen else ""
        findings.append(
            capture_finding(
                RULE,
                point,
                tally.cut,
                tally.cut_span or (time, time),
                say_of(
                    tally.cut,
                    "{count} packet at {point} is cut before its last needed header{limit}.",
                    "{count} packets at {point} are cut before their last needed header{limit}.",
                    point=point,
                    limit=limit,
                ),
                evidence=(Evidence(file=facts.files[source], frame=frame, time=time, what=say("cut inside a header")),),
                next_captures=(next_capture.whole_headers(point.node, point.interface),),
            )
        )
    return findings
