"""Findings over time: they open, change, close, and open again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from ipipscope.language.said import Said, say
from ipipscope.language.told import told
from ipipscope.model import SECOND, Impact
from ipipscope.report.json_report import finding_as_json
from ipipscope.report.lines import cells
from ipipscope.report.times import clock, iso

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipipscope.model import Finding

QUIET: Final = 15 * SECOND
"""Capture time without a new exchange after which a finding closes; three timeouts where those are longer."""


class Change(StrEnum):
    """What happened to a finding."""

    OPEN = "open"
    CHANGE = "change"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one finding.

    time: capture time, nanoseconds, when it was noticed.
    """

    change: Change
    time: int
    finding: Finding

    def as_json(self) -> dict[str, Any]:
        """As one line of `--format ndjson`."""
        return {"type": self.change.value, "time": iso(self.time), **finding_as_json(self.finding, {})}

    def as_line(self) -> str:
        """For people who follow on a pipe."""
        finding = self.finding
        place = f"{finding.node or '?'}:{finding.interface}" if finding.interface else finding.node or "?"
        change = told(say(self.change.value))
        return told(
            say(
                "{time} {change} {code} {rule} on {place}: {impact}, {count}. {summary}",
                time=clock(self.time)[:12],
                change=change + " " * (6 - cells(change)),
                code=finding.code,
                rule=finding.rule,
                place=place,
                impact=say(finding.impact.value),
                count=finding.counted,
                summary=finding.summary,
            )
        )


Key = tuple[str, str | None, str | None, tuple[str, ...]]


def key(finding: Finding) -> Key:
    """What makes it the same finding later on: rule, place, and the far ends."""
    return finding.code, finding.node, finding.interface, tuple(str(pair) for pair in finding.tunnels)


@dataclass(slots=True)
class Known:
    """A finding as it was last told."""

    finding: Finding
    opened: int
    """Capture time."""
    moved: int
    """Capture time when it was last seen to strike."""
    place: int = 0
    """Among the findings as they were last told: the one that explains most first."""
    is_open: bool = True


class Findings:
    """Turns one judgement after the other into events.

    timeout: nanoseconds within which a reply counts: a finding is never newer than that.
    known: all that were ever open, by what makes them the same.
    """

    def __init__(self, timeout: int) -> None:
        self._quiet = max(QUIET, 3 * timeout)
        self.known: dict[Key, Known] = {}

    @property
    def open(self) -> list[Known]:
        """Those that are open, the worst first."""
        return self._sorted(known for known in self.known.values() if known.is_open)

    @property
    def closed(self) -> list[Known]:
        """Those that are no more, the worst first."""
        return self._sorted(known for known in self.known.values() if not known.is_open)

    @staticmethod
    def _sorted(found: Iterable[Known]) -> list[Known]:
        rank = {Impact.LOSS: 0, Impact.PARTIAL: 1, Impact.NONE: 2}
        return sorted(found, key=lambda known: (rank[known.finding.impact], known.place))

    def update(self, findings: Iterable[Finding], now: int) -> list[Event]:
        """What changed with a new judgement, at capture time *now*."""
        events: list[Event] = []
        current = {key(finding): finding for finding in findings}
        for place, (name, finding) in enumerate(current.items()):
            known = self.known.get(name)
            if known is None:
                self.known[name] = Known(finding, now, now, place)
                events.append(Event(Change.OPEN, now, finding))
                continue
            known.place = place
            # A flow that was quiet for long is left out, so its finding may count less than before when it is back.
            grew = finding.count > known.finding.count or finding.last > known.finding.last
            changed = grew or _told(finding) != _told(known.finding)
            known.finding = finding
            if grew:
                known.moved = now
            if grew and not known.is_open:
                known.is_open, known.opened = True, now
                events.append(Event(Change.OPEN, now, finding))
            elif known.is_open and changed:
                events.append(Event(Change.CHANGE, now, finding))
        for name, known in self.known.items():
            # Another rule took its exchanges, or nothing new struck it for a while.
            if known.is_open and (name not in current or now - known.moved > self._quiet):
                known.is_open = False
                events.append(Event(Change.CLOSE, now, known.finding))
        return events


def _told(finding: Finding) -> tuple[Finding, object]:
    """A finding without what changes with every exchange; of when its losses happen, which sentences say so."""
    steady = replace(
        finding, count=0, first=0, last=0, flows=(), evidence=(), summary="", display_filter="", pattern=""
    )
    return steady, _sentences(finding.pattern)


def _sentences(text: object) -> object:
    """What a text says, without the numbers and names in it: these may grow and change with every packet."""
    if not isinstance(text, Said):
        return None
    within = (*text.parts, *text.values.values())
    return text.template, [said for each in within if (said := _sentences(each)) is not None]
