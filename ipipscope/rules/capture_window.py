"""IPIP901: points that did not record at the same time."""

from __future__ import annotations

from itertools import pairwise
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
    from ipipscope.rules.knowledge import Knowledge

RULE: Final = Rule(
    code="IPIP901",
    name="capture-window",
    source="The capture's own times",
    seen="Points that did not record at the same time: what cannot be decided, and why.",
    meaning="A packet that is not at a point proves something only if the point was recording then. Exchanges before "
    "a point's first packet, behind its last one, or between two of its files are undecided there.",
    looks="A point's first packet comes after exchanges that other points have, its last one before, or it has files "
    "with time between them in which nothing was recorded.",
    causes="Captures that were started or stopped one after the other; a recorder that was stopped and started again; "
    "a ring buffer that overwrote its beginning, or a file of it that is not at hand.",
    mend="Record all points at once: dumpcap -i eth1 -i tunl0 -w node.pcapng.",
    disproved_by="A longer recording of the same point.",
    capture_next="All points again, started before the traffic and stopped after it.",
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
        missed = [
            (max(begin, journey.first), min(end - 1, journey.last), count)
            for journey in correlation.journeys
            if any(knowledge.stations[look.station].node == point.node for look in journey.sightings)
            for begin, end, count in journey.line
            if not any(since < end and begin <= until for since, until in window.spans)
        ]
        if missed:
            late, early = max(0, window.first - first) / SECOND, max(0, last - window.last) / SECOND
            paused = sum(after[0] - before[1] for before, after in pairwise(window.spans)) / SECOND
            when = [say("begins {late:.1f} s after the first exchange", late=late)] if late else []
            when += [say("did not record for {paused:.1f} s in between", paused=paused)] if paused else []
            when += [say("ends {early:.1f} s before the last one", early=early)] if early else []
            many = sum(count for _, _, count in missed)
            findings.append(
                capture_finding(
                    RULE,
                    point,
                    many,
                    (min(begin for begin, _, _ in missed), max(end for _, end, _ in missed)),
                    say_of(
                        many,
                        "{point} {when}: {count} exchange it cannot show.",
                        "{point} {when}: {count} exchanges it cannot show.",
                        point=point,
                        when=joined(" and ", when),
                    ),
                )
            )
    return findings
