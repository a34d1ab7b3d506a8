"""IPIP901: points that did not record at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.language.said import joined, say, say_of
from ipipscope.model import SECOND
from ipipscope.rules.capture_finding import capture_finding
from ipipscope.rules.rule import Rule

if TYPE_CHECKING:
    from collections import Counter

    from ipipscope.correlator.correlate import Correlation
    from ipipscope.model import Finding
    from ipipscope.rules.capture_facts import CaptureFacts
    from ipipscope.rules.view import Knowledge

RULE: Final = Rule(
    code="IPIP901",
    name="capture-window",
    source="The capture's own times",
    seen="Points that did not record at the same time: what cannot be decided, and why.",
    meaning="A packet that is not at a point proves something only if the point was recording then. Exchanges outside "
    "a point's first and last packet are undecided there.",
    looks="A point's first packet comes after exchanges that other points have, or its last one before.",
    causes="Captures that were started or stopped one after the other; a ring buffer that overwrote its beginning.",
    mend="Record all points at once: dumpcap -i eth1 -i tunl0 -w node.pcapng.",
    disproved_by="A longer recording of the same point.",
)


def found(
    correlation: Correlation, knowledge: Knowledge, facts: CaptureFacts, undecided: Counter[str]
) -> list[Finding]:
    """One finding a point, where exchanges are undecided and the point missed some of their time."""
    del facts
    if not undecided or not correlation.journeys:
        return []
    first = min(journey.first for journey in correlation.journeys)
    last = max(journey.last for journey in correlation.journeys)
    findings = []
    for point, window in knowledge.windows.items():
        if window is None or point in knowledge.presumed or not undecided[point.node]:
            continue
        missed = sum(
            count
            for journey in correlation.journeys
            if any(knowledge.stations[look.station].node == point.node for look in journey.sightings)
            for begin, end, count in journey.line
            if end <= window[0] or begin > window[1]
        )
        if missed:
            late, early = max(0, window[0] - first) / SECOND, max(0, last - window[1]) / SECOND
            when = [say("begins {late:.1f} s after the first exchange", late=late)] if late else []
            when += [say("ends {early:.1f} s before the last one", early=early)] if early else []
            findings.append(
                capture_finding(
                    RULE,
                    point,
                    missed,
                    (first, last),
                    say_of(
                        missed,
                        "{point} {when}: {count} exchange it cannot show.",
                        "{point} {when}: {count} exchanges it cannot show.",
                        point=point,
                        when=joined(" and ", when),
                    ),
                )
            )
    return findings
