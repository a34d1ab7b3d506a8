"""Replayed live, a capture gives what triage of its file gives; open at the end is what still strikes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ipipscope.analysis import analyse
from ipipscope.live.events import QUIET, Change, key
from ipipscope.live.replay import replay
from ipipscope.model import SECOND
from ipipscope.report.json_report import as_json

from .live import SCOPE, run

SHIPPED = Path(__file__).parents[2] / "captures"
SHARED = Path(__file__).parents[3] / "shared" / "captures"
FOLDERS = sorted(path.parent for where in (SHIPPED, SHARED) for path in where.rglob("truth.json"))
CASES = [part for folder in FOLDERS for part in (folder / "captures", folder / "merged") if part.is_dir()]
TIMEOUT = 5 * SECOND


class Told:
    """Keeps of what it is told what is open, as it was told last."""

    def __init__(self) -> None:
        self.open = {}
        self.opened = 0

    def events(self, events) -> None:
        for event in events:
            name = key(event.finding)
            if event.change is Change.CLOSE:
                del self.open[name]  # only what was open closes
            else:
                assert (event.change is Change.OPEN) == (name not in self.open)
                self.open[name] = event.finding
                self.opened += event.change is Change.OPEN

    def note(self, text: str) -> None:
        pass

    def show(self, _) -> None:
        pass


@pytest.mark.parametrize("captures", CASES, ids=[f"{case.parent.name}-{case.name}" for case in CASES])
@pytest.mark.parametrize("state", [None, []], ids=["explained", "packets alone"])
def test_a_replay_ends_with_the_report_of_the_file(captures, state):
    told = Told()
    replayed = replay([str(captures)], timeout=TIMEOUT, state=state, view=told)
    read = analyse([str(captures)], timeout=TIMEOUT, state=state)
    assert as_json(replayed.report) == as_json(read.report)

    last = max(point.last for point in read.report.points if point.last is not None)
    found = {key(finding): finding for finding in read.report.findings}
    assert told.open.keys() <= found.keys()
    quiet = max(QUIET, 3 * TIMEOUT)
    assert {name for name, finding in found.items() if finding.last > last - quiet} <= told.open.keys()
    for name, finding in told.open.items():
        now = found[name]
        assert (finding.count, finding.first, finding.last) == (now.count, now.first, now.last)
        assert (finding.summary, finding.cause, finding.remedy) == (now.summary, now.cause, now.remedy)


def test_what_a_replay_tells_programs_at_its_end_is_what_triage_tells_them():
    case = SHIPPED / "case-1-reply-not-encapsulated"
    lines = run(SCOPE, "capture", "-r", case, "--format", "ndjson", check=False).stdout.splitlines()
    events = [json.loads(line) for line in lines]
    live = [event for event in events if event["type"] in {"finding", "report"}]
    read = run(SCOPE, "triage", case, "--format", "ndjson", check=False).stdout.splitlines()
    assert live == [json.loads(line) for line in read]
    opened = [(event["code"], event["node"]) for event in events if event["type"] == "open"]
    assert set(opened) >= {(event["code"], event["node"]) for event in live if event["type"] == "finding"}
