"""The guest's work: take one job after another from the host, make its case, say how it went.

Host and guest talk through files in one folder, each written under another name and then renamed:
`jobs/N.json` (host) → `status/N.json` (guest); for a closed loop also `remedy/N.json` (host) → `after/N.json` (guest).
A job `{"stop": true}` ends the guest.
"""

from __future__ import annotations

import json
import os
import signal
import time
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ipipscope.hosts.snapshot import collect
from ipipscope.hosts.snapshot_json import to_json

from . import scenarios
from .cluster import plan_cluster
from .modules import NEEDED, Loader
from .profiles import PROFILES
from .recorder import Recorder
from .shell import run
from .state import counters, difference, forget_hits, record_state, rules_hit
from .topology import build, settle, tear_down
from .traffic import Outcome, Timeline, send
from .variants import varied

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .cluster import Cluster
    from .plan import Plan, Scenario

TALK: Final = Path("/run/talk")
CASES: Final = Path("/run/cases")
POLL: Final = 0.03
LIMIT: Final = 150
"""Seconds a case may take, waiting for the host not counted."""


def main() -> None:
    """Load the modules, then serve jobs until told to stop."""
    loader = Loader()
    for module in NEEDED:
        loader.load(module)
    print("modules loaded", flush=True)
    number = 0
    while True:
        number += 1
        job = _await(TALK / "jobs" / f"{number}.json")
        if job.get("stop"):
            return
        _serve(number, job)


def _serve(number: int, job: dict[str, Any]) -> None:
    began = time.monotonic()
    try:
        with _limit(LIMIT):
            Case(number, job).make()
    except Exception:  # noqa: BLE001 -- one case may fail, the next is not to suffer
        error = traceback.format_exc()
        print(error, flush=True)
        _leave(TALK / "status" / f"{number}.json", {"state": "failed", "error": error})
    finally:
        tear_down()
    print(f"job {number} {job['case']}: {time.monotonic() - began:.1f} s", flush=True)


class Case:
    """One job: a scenario under a profile, into one case folder."""

    def __init__(self, number: int, job: dict[str, Any]) -> None:
        self._number = number
        self._name: str = job["case"]
        self._closed_loop: bool = job.get("closed_loop", False)
        self._folder = CASES / job["folder"]
        self._scenario: Scenario = scenarios.SCENARIOS[job["scenario"]]
        profile = PROFILES[job["profile"]]
        self._cluster: Cluster = plan_cluster(profile, pods_per_node=self._scenario.pods_per_node)
        plan = self._scenario.make(self._cluster)
        self._plan: Plan = varied(plan, self._cluster, job.get("traffic", "ping"), job.get("recorder", "tcpdump"))

    def make(self) -> None:
        """Build, break, record, mend, and write it all down."""
        plan = self._plan
        build(self._cluster)
        settle(self._cluster)
        for step in plan.prepare:
            run(step.namespace, step.command)
        self._expect_healthy()
        for step in plan.breaks:
            run(step.namespace, step.command)
        for folder in ("captures", "state"):
            (self._folder / folder).mkdir(parents=True)
        truth = self._truth() | self._record()
        for node in self._recorded_nodes():
            record_state(self._cluster, self._cluster.node(node), self._folder / "state" / node)
        if self._closed_loop:
            self._take_snapshots()
            self._write_truth(truth)
            self._leave_status("recorded")
            self._mend_as_told()
            return
        if plan.fix:
            truth |= self._mend()
        self._write_truth(truth)
        self._leave_status("done")

    def _expect_healthy(self) -> None:
        """One request of each phase must be answered before anything is broken, or the case proves nothing."""
        for outcome in send([phase for phase in self._plan.phases if phase.healthy_answers], count=1):
            if not outcome.record["answered"]:
                raise RuntimeError(f"not answered in a healthy cluster: {outcome.text}")

    def _record(self) -> dict[str, Any]:
        plan = self._plan
        nodes = [self._cluster.node(name) for name in self._recorded_nodes()]
        recorder = Recorder(plan.points)
        try:
            recorder.start()
            for node in nodes:
                forget_hits(node)
            before = {node.name: counters(node) for node in nodes}
            timeline = Timeline(plan.events)
            timeline.start()
            recorder.traffic_starts()
            outcomes = send(plan.phases, together=plan.together)
            timeline.finish()
            time.sleep(plan.settle)
            moved: dict[str, Any] = {node.name: dict(difference(before[node.name], counters(node))) for node in nodes}
            points = recorder.stop(self._folder / "captures")
        finally:
            recorder.abandon()
        for node in nodes:
            hit = rules_hit(node)
            if hit:
                moved[node.name]["iptables rules hit"] = hit
        (self._folder / "ping.txt").write_text("".join(outcome.text for outcome in outcomes))
        found: dict[str, Any] = {
            "exchanges": _exchanges(outcomes),
            "capture_points": points,
            "kernel_counters_delta": moved,
        }
        if plan.outages:
            times = [when for _, when in timeline.happened]
            found["outages"] = [{"from": begin, "to": end} for begin, end in zip(times[::2], times[1::2], strict=True)]
        if timeline.happened:
            found["events"] = [
                {"time": when, "namespace": event.step.namespace, "command": event.step.command}
                for event, when in timeline.happened
            ]
        return found

    def _take_snapshots(self) -> None:
        """Put what `ipipscope snapshot` writes of every recorded node into `snapshots/<node>.json`."""
        (self._folder / "snapshots").mkdir()
        for node in self._recorded_nodes():
            taken = collect(via=("ip", "netns", "exec", node))
            (self._folder / "snapshots" / f"{node}.json").write_text(to_json(taken))

    def _recorded_nodes(self) -> list[str]:
        return list(dict.fromkeys(point.node for point in self._plan.points))

    def _truth(self) -> dict[str, Any]:
        plan = self._plan
        truth: dict[str, Any] = {
            "scenario": self._name,
            "title": self._scenario.title,
            "kernel": f"Linux {os.uname().release} (User Mode Linux)",
            "profile": self._cluster.profile.name,
            "fault": plan.fault,
            "impact": plan.impact,
            "codes": list(plan.codes),
            "cause_class": plan.cause_class,
            "where": plan.where,
            "requester": plan.requester.name,
            "replier": plan.replier.name,
            "fix": [step.command for step in plan.fix],
            "nodes": self._cluster.described(),
            "routers": self._cluster.routers(),
        }
        if plan.drops_at:
            truth["drops_at"] = plan.drops_at
        if plan.seen_at:
            truth["seen_at"] = list(plan.seen_at)
        if plan.cause:
            truth["cause"] = plan.cause
        if len({step.namespace for step in plan.fix}) > 1 or any(step.namespace != plan.where for step in plan.fix):
            truth["fix_on"] = [{"node": step.namespace, "command": step.command} for step in plan.fix]
        return truth

    def _mend(self) -> dict[str, Any]:
        for step in self._plan.fix:
            run(step.namespace, step.command)
        time.sleep(0.2)
        outcomes = self._again()
        verified = {
            outcome.record["label"]: f"{outcome.record['answered']}/{outcome.record['sent']} answered"
            for outcome in outcomes
        }
        for name in dict.fromkeys(step.namespace for step in self._plan.fix):
            if any(node.name == name for node in self._cluster.nodes):
                record_state(self._cluster, self._cluster.node(name), self._folder / "state-after-fix" / name)
        worked = all(outcome.record["answered"] == outcome.record["sent"] for outcome in outcomes)
        return {"fix_verification": {"verified_in_lab": worked, "ping_after_fix": verified}}

    def _again(self) -> list[Outcome]:
        """The phases that a healthy cluster answers, once more and shorter."""
        return send([phase for phase in self._plan.phases if phase.healthy_answers], count=5)

    def _mend_as_told(self) -> None:
        """Run the commands the host leaves, ping again, and tell what came of both."""
        signal.alarm(0)
        told = _await(TALK / "remedy" / f"{self._number}.json")
        signal.alarm(LIMIT)
        ran = []
        for step in told["commands"]:
            result = run(step["node"], step["command"], check=False)
            ran.append({**step, "code": result.code, "stdout": result.stdout, "stderr": result.stderr})
        time.sleep(0.2)
        outcomes = self._again() if told["commands"] or told.get("ping") else []
        _leave(TALK / "after" / f"{self._number}.json", {"commands": ran, "exchanges": _exchanges(outcomes)})

    def _write_truth(self, truth: dict[str, Any]) -> None:
        _leave(self._folder / "truth.json", truth | {"notes": self._plan.notes})

    def _leave_status(self, state: str) -> None:
        _leave(TALK / "status" / f"{self._number}.json", {"state": state})


def _exchanges(outcomes: list[Outcome]) -> dict[str, Any]:
    records = [outcome.record for outcome in outcomes]
    return {
        "sent": sum(record["sent"] for record in records),
        "answered": sum(record["answered"] for record in records),
        "phases": records,
    }


@contextmanager
def _limit(seconds: int) -> Iterator[None]:
    def late(_signal: int, _frame: object) -> None:
        raise TimeoutError(f"the case took longer than {seconds} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def _await(path: Path) -> dict[str, Any]:
    """The note at *path*, as soon as the other side has left it."""
    while not path.exists():
        time.sleep(POLL)
    note: dict[str, Any] = json.loads(path.read_text())
    return note


def _leave(path: Path, note: dict[str, Any]) -> None:
    """Put *note* at *path* in one step, so that nobody reads half of it."""
    draft = path.with_name(f".{path.name}")
    draft.write_text(json.dumps(note, indent=1) + "\n")
    draft.rename(path)


if __name__ == "__main__":
    main()
