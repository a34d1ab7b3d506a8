"""A finding about the capture itself: never a loss, always something to record next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipscope.language.said import say
from ipipscope.model import Confidence, Evidence, Finding, Impact

if TYPE_CHECKING:
    from ipipscope.correlator.recorded_time import Recorded
    from ipipscope.model import CapturePoint
    from ipipscope.rules.rule import Rule


def capture_finding(
    rule: Rule,
    point: CapturePoint,
    count: int,
    span: Recorded | tuple[int, int] | None,
    summary: str,
    *,
    evidence: tuple[Evidence, ...] = (),
    next_captures: tuple[str, ...] = (),
) -> Finding:
    """A finding of impact `none` at one point.

    span: from when to when, or while the point recorded; None where nothing tells of that.
    """
    first, last = span if isinstance(span, tuple) else (span.first, span.last) if span else (0, 0)
    return Finding(
        code=rule.code,
        rule=rule.name,
        impact=Impact.NONE,
        confidence=Confidence.CERTAIN,
        node=point.node,
        interface=point.interface,
        count=count,
        first=first,
        last=last,
        summary=summary,
        evidence=evidence,
        disproved_by=say(rule.disproved_by),
        next_captures=next_captures,
        counts_packets=rule.counts_packets,
    )
