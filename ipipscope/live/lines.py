"""What a capture tells while it runs, where no terminal draws it: lines for people, or JSON for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TextIO

from ipipscope.language.told import told
from ipipscope.live.events import Change, key
from ipipscope.report.inert import inert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipipscope.live.events import Event
    from ipipscope.live.watched import View, Watched


class Everyone:
    """Tells several at once."""

    def __init__(self, views: Sequence[View]) -> None:
        self._views = views

    def events(self, events: Sequence[Event]) -> None:
        """Findings opened, changed or closed."""
        for view in self._views:
            view.events(events)

    def note(self, text: str) -> None:
        """Something happened to the capture itself."""
        for view in self._views:
            view.note(text)

    def show(self, watched: Watched) -> None:
        """Time passed."""
        for view in self._views:
            view.show(watched)


class Lines:
    """Findings as they open and close, one line each; notes too.

    out: standard error, as a rule: the report at the end goes to standard output.
    quiet: only notes.
    """

    def __init__(self, out: TextIO, *, quiet: bool = False) -> None:
        self._out, self._quiet = out, quiet
        self._told: dict[object, int] = {}

    def events(self, events: Sequence[Event]) -> None:
        """A finding that only grows is told again when its count has doubled."""
        if self._quiet:
            return
        for event in events:
            name, count = key(event.finding), event.finding.count
            if event.change is not Change.CHANGE or count >= 2 * self._told.get(name, 0):
                self._told[name] = count
                self._say(event.as_line())

    def note(self, text: str) -> None:
        """Something happened to the capture itself."""
        self._say(f"ipipscope: {told(text)}")

    def show(self, watched: Watched) -> None:
        """Nothing to refresh."""

    def _say(self, text: str) -> None:
        print(inert(text), file=self._out, flush=True)


class JsonLines:
    """Every event as one JSON object a line on *out*; notes as lines on *notes*."""

    def __init__(self, out: TextIO, notes: TextIO) -> None:
        self._out, self._notes = out, notes

    def events(self, events: Sequence[Event]) -> None:
        """`type` is open, change or close; the rest as in a report's findings."""
        for event in events:
            print(json.dumps(event.as_json()), file=self._out, flush=True)

    def note(self, text: str) -> None:
        """Something happened to the capture itself."""
        print(f"ipipscope: {inert(told(text))}", file=self._notes, flush=True)

    def show(self, watched: Watched) -> None:
        """Nothing to refresh."""
