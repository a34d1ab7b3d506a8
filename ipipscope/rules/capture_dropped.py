"""IPIP903: the capture itself lost packets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say_of
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
    code="IPIP903",
    name="capture-dropped",
    source="pcapng, Interface Statistics Block: isb_ifdrop",
    seen="The capture itself lost packets.",
    meaning="The recording could not keep up. A missing packet may be one that it lost, so nothing missing at this "
    "point is certain.",
    looks="Interface statistics of the file count drops.",
    causes="Too small a buffer, too slow a disk, too wide a filter on a busy node.",
    mend="Record with a filter (ip proto 4 or icmp), a larger buffer (-B 16) and a smaller snaplen (-s 128).",
    disproved_by="A recording without drops.",
    capture_next=(
        "The same points with a larger buffer (`-B`), a smaller snaplen and a filter, written to a fast disk."
    ),
    counts_packets=True,
)


def found(
    correlation: Correlation, knowledge: Knowledge, facts: CaptureFacts, undecided: Counter[str]
) -> list[Finding]:
    """One finding a point."""
    del knowledge, undecided
    return [
        capture_finding(
            RULE, point, dropped, correlation.recorded.get(point),
            say_of(
                dropped,
                "The capture at {point} lost {count} packet.",
                "The capture at {point} lost {count} packets.",
                point=point,
            ),
            next_captures=(
                next_capture.without_loss(point.node, point.interface),
            ),
        )
        for point, dropped in facts.dropped.items()
        if dropped
    ]  # fmt: skip
