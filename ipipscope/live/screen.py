"""The live view on a terminal: points with rates and drops, exchanges, findings with their age, the last journeys."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ipipscope.language.said import counted, say
from ipipscope.language.told import told
from ipipscope.model import SECOND, Impact
from ipipscope.report.inert import inert
from ipipscope.report.times import clock, lasting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from ipipscope.analysis import Analysis
    from ipipscope.live.events import Event
    from ipipscope.live.judge import PointCount
    from ipipscope.live.session import Session

REFRESH: Final = 0.5
"""Seconds."""
FINDINGS_SHOWN: Final = 5
JOURNEYS_SHOWN: Final = 5
NOTES_SHOWN: Final = 3
COLUMNS: Final = (say("capture point"), say("packets"), say("a second"), say("dropped"), say("last"))
"""Of the table of points; the first and the last hold text."""
STYLES: Final = {Impact.LOSS: "bold red", Impact.PARTIAL: "bold yellow", Impact.NONE: "cyan"}


class Screen:
    """Draws on *out* while the capture runs; a context manager, so that the terminal is left as it was."""

    def __init__(self, out: TextIO, *, colour: bool) -> None:
        console = Console(file=out, no_color=not colour, highlight=False)
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._next = 0.0
        self._notes: deque[str] = deque(maxlen=NOTES_SHOWN)
        self._before: dict[str, tuple[float, int]] = {}
        self._rates: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def events(self, events: Sequence[Event]) -> None:
        """Findings are drawn with the rest."""
        if events:
            self._next = 0.0

    def note(self, text: str) -> None:
        """Something happened to the capture itself."""
        self._notes.append(text)
        self._next = 0.0

    def show(self, session: Session) -> None:
        """Draw, when it is time to."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + REFRESH
            self._live.update(self._drawn(session, now), refresh=True)

    def _drawn(self, session: Session, now: float) -> Group:
        parts: list[Text | Table] = [self._head(session, now), self._points(session, now)]
        analysis = session.latest
        capture_time = session.judge.now
        if analysis is not None:
            judged = analysis.judgement
            unanswered = told(say("{count} unanswered", count=judged.unanswered))
            comma = told(say(", "))
            parts.append(
                Text.assemble(
                    (told(say("exchanges")) + "  ", "dim"),
                    told(say("{count} answered", count=judged.answered)) + comma,
                    (unanswered, "bold red" if judged.unanswered else ""),
                    comma + told(say("{count} undecided", count=judged.undecided)),
                )
            )
        for known in session.findings.open[:FINDINGS_SHOWN]:
            finding = known.finding
            where = inert(finding.node or "?")
            age = lasting(max(0, capture_time - finding.first))
            parts.append(
                Text.assemble(
                    (f"{finding.code} {finding.rule}", STYLES[finding.impact]),
                    " "
                    + told(say("on {node}, {count}, for {time}.", node=where, count=finding.counted, time=age))
                    + " ",
                    inert(told(finding.summary)),
                )
            )
        if analysis is not None and analysis.correlation.journeys:
            parts.append(_journeys(analysis))
        parts += [Text(f"{told(say('note'))}  {inert(told(note))}", style="yellow") for note in self._notes]
        return Group(*parts)

    def _head(self, session: Session, now: float) -> Text:
        recording = session.recording
        passed = lasting(round((now - session.began) * SECOND))
        done = say("{time}, {count} packets", time=passed, count=recording.packets)
        if recording.path:
            size = recording.octets / 1e6
            done = say("{done} to {file}, {size:.1f} MB", done=done, file=inert(recording.path), size=size)
        what = told(say("{done}. Ctrl-C ends with the report.", done=done))
        return Text.assemble((told(say("RECORDING")), "bold green"), f"  {what}")

    def _points(self, session: Session, now: float) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for place, column in enumerate(COLUMNS):
            table.add_column(told(column), justify="left" if place in {0, len(COLUMNS) - 1} else "right")
        for summary in session.judge.points():
            table.add_row(*self._row(summary, now))
        return table

    def _row(self, summary: PointCount, now: float) -> tuple[str, ...]:
        name = str(summary.point)
        then, packets = self._before.get(name, (now, summary.packets))
        if now - then >= 1:
            self._rates[name] = (summary.packets - packets) / (now - then)
        if now - then >= 1 or name not in self._before:
            self._before[name] = now, summary.packets
        return (
            inert(name),
            str(summary.packets),
            f"{self._rates.get(name, 0):.0f}",
            "-" if summary.dropped is None else str(summary.dropped),
            clock(summary.last)[:12] if summary.last else "-",
        )


def _journeys(analysis: Analysis) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    latest = sorted(analysis.correlation.journeys, key=lambda journey: journey.last, reverse=True)
    for journey in latest[:JOURNEYS_SHOWN]:
        flow = journey.flow
        detail = f" id {flow.id}" if flow.id is not None else f" port {flow.dport}" if flow.dport is not None else ""
        verdict = analysis.judgement.verdict(journey.row, journey.last)
        table.add_row(
            clock(journey.last)[:12],
            f"{flow.src} > {flow.dst} {flow.protocol}{detail}",
            told(say("seen at {points}", points=counted(len(journey.sightings), "point"))),
            told(counted(journey.count, "time")),
            "" if verdict is None else f"{told(say(verdict.word))} {verdict.code or ''}",
        )
    return table
