"""A finding about the capture itself: never a loss, always something to record next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipscope.language.said import say
from ipipscope.model import Confidence, Evidence, Finding, Impact

if TYPE_CHECKING:
    from ipipscope.model import CapturePoint
    from ipipscope.rules.rule import Rule


def capture_finding(
    rule: Rule,
    point: CapturePoint,
    count: int,
    span: tuple[int, int],
    summary: str,
    *,
    evidence: tuple[Evidence, ...] = (),
    next_captures: tuple[str, ...] = (),
) -> Finding:
    """A finding of impact `none` at one point."""
    return Finding(
        code=rule.code,
        rule=rule.name,
        impact=Impact.NONE,
        confidence=Confidence.CERTAIN,
        node=point.node,
        interface=point.interface,
        count=count,
        first=span[0],
        last=span[1],
        summary=summary,
        evidence=evidence,
        disproved_by=say(rule.disproved_by),
        next_captures=next_captures,
        counts_packets=rule.counts_packets,
    )
