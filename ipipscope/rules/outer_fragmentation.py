"""IPIP402: encapsulated packets travel in fragments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.decoder.columns import Kind
from ipipscope.language.said import say_of
from ipipscope.rules.capture_finding import capture_finding
from ipipscope.rules.rule import Rule

if TYPE_CHECKING:
    from collections import Counter

    from ipipscope.correlator.correlate import Correlation
    from ipipscope.model import CapturePoint, Finding
    from ipipscope.rules.capture_facts import CaptureFacts
    from ipipscope.rules.knowledge import Knowledge

RULE: Final = Rule(
    code="IPIP402",
    name="outer-fragmentation",
    source="RFC 2003 §3.1, §5.1: fragmentation of the encapsulated packet",
    seen="Encapsulated packets travel in fragments.",
    meaning="The outer packet is larger than the NIC's MTU and was cut. Only the first fragment shows the inner "
    "headers; when one fragment is lost, all are. Firewalls and clouds often drop later fragments.",
    looks="On NICs: outer headers with a fragment offset, protocol 4, in pairs with first fragments.",
    causes="A tunnel MTU that leaves no room for the 20 octets of the outer header, and inner packets without DF.",
    mend="Set the tunnel's MTU to the NIC's MTU minus 20, and the pods' to no more.",
    disproved_by="A tunnel MTU with room for the outer header.",
    capture_next=(
        "The NICs of both nodes with the filter `ip proto 4`, which keeps later fragments; compare how many arrive."
    ),
    counts_packets=True,
)


def found(
    correlation: Correlation, knowledge: Knowledge, facts: CaptureFacts, undecided: Counter[str]
) -> list[Finding]:
    """One finding a point that shows later fragments."""
    del knowledge, facts, undecided
    return [
        capture_finding(
            RULE,
            point,
            int(tally.kinds[Kind.IPIP_FRAGMENT]),
            tally.fragments_span or (0, 0),
            say_of(
                int(tally.kinds[Kind.IPIP_FRAGMENT]),
                "{count} later fragment of an IPIP packet at {point}{missing}.",
                "{count} later fragments of IPIP packets at {point}{missing}.",
                point=point,
                missing=_missing(correlation, point),
            ),
        )
        for point, tally in correlation.tallies.items()
        if tally.kinds[Kind.IPIP_FRAGMENT]
    ]


def _missing(correlation: Correlation, point: CapturePoint) -> str:
    count = correlation.incomplete.get(point, 0)
    if not count:
        return ""
    return say_of(
        count,
        "; {count} packet is incomplete, a fragment of it never came",
        "; {count} packets are incomplete, fragments of them never came",
    )
