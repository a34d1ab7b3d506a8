"""Holds the verdicts against what was really broken: python -m tests.lab.verdicts FOLDER [--views] [--only WORD].

Each case in FOLDER is triaged with and without its host state, and with --views also with every capture point left out,
with each node alone, with its tunnels or its NICs alone. One line tells what is wrong; silence is right.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipipscope.analysis import triage
from ipipscope.model import Confidence
from ipipscope.rules.catalogue import find_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipipscope.report.model import Report

VAGUE = frozenset({"IPIP306"})
"""What a view that does not reach the fault may still say: nothing came back."""
FROM_AFAR = VAGUE | {"IPIP601", "IPIP602"}
"""What a view that does not reach the fault's node tells of the node that it does reach."""


@dataclass(frozen=True)
class Case:
    """A recorded case and its truth."""

    folder: Path
    truth: dict[str, Any]

    @classmethod
    def at(cls, folder: Path) -> Case:
        return cls(folder, json.loads((folder / "truth.json").read_text()))

    @property
    def files(self) -> list[Path]:
        return sorted(each for each in (self.folder / "captures").iterdir() if "pcap" in each.name)

    @property
    def healthy(self) -> bool:
        """Whether nothing may be found that costs anybody anything."""
        return bool(self.truth["impact"] == "none")

    @property
    def codes(self) -> set[str]:
        """Rules that tell the fault, any of which is right."""
        named = find_rule(self.truth["fault"])
        return set(self.truth.get("codes", ())) | ({named.code} if named else set())

    @property
    def nodes(self) -> set[str]:
        """Nodes that may be named: where it is broken, dropped or seen, and by which address; empty where none is.

        A router has no point of its own: packets name it by its address, if at all.
        """
        wanted = {self.truth.get("where"), self.truth.get("drops_at"), *self.truth.get("seen_at", ())} - {None}
        nodes, routers = self.truth.get("nodes") or {}, self.truth.get("routers") or {}
        for name in list(wanted):
            wanted |= {str(value) for value in nodes.get(name, {}).values() if isinstance(value, str)}
            wanted |= set(routers.get(name, ()))
        return wanted

    @property
    def seen_where_it_broke(self) -> bool:
        """Whether the node that is configured wrongly was recorded, and with it its state."""
        where = self.truth.get("where")
        return where is None or (self.folder / "state" / where).is_dir()

    @property
    def answered(self) -> range:
        """How many exchanges may be called answered.

        A refusal is an answer to the network and none to who asked; what was sent before the first point recorded or
        after the last is in no file, nor is what a recorder lost.
        """
        said = self.truth["exchanges"]["answered"]
        refused = sum(phase.get("refused", 0) for phase in self.truth["exchanges"]["phases"])
        points = self.truth.get("capture_points", ())
        amid = bool(points) and all(point.get("started_after") or point.get("stopped_after") for point in points)
        lossy = any(point.get("dropped_by_kernel") for point in points)
        return range(0 if amid or lossy else said, said + refused + 1)


def cases(*roots: Path) -> list[Case]:
    """All cases below some folders."""
    return [Case.at(path.parent) for root in roots for path in sorted(root.glob("[!.]*/truth.json"))]


def codes(report: Report) -> list[str]:
    """The findings that cost somebody something, in the report's order."""
    return [finding.code for finding in report.findings if finding.impact != "none"]


def views(case: Case) -> Iterator[tuple[str, list[Path]]]:
    """Parts of a case's capture points that somebody might have recorded."""
    files = case.files
    nodes = sorted({file.name.partition("_")[0] for file in files})
    parts = {f"without {file.stem}": [other for other in files if other != file] for file in files}
    parts |= {f"{node} alone": [file for file in files if file.name.startswith(f"{node}_")] for node in nodes}
    tunnels = [file for file in files if file.stem.endswith("_tunl0")]
    pods = [file for file in files if "_cali" in file.stem]
    rest = [file for file in files if file not in tunnels and file not in pods]
    parts |= {"tunnels alone": tunnels, "pods alone": pods, "NICs alone": rest}
    parts |= {f"{file.stem} alone": [file] for file in files}
    for name, part in parts.items():
        if part and part != files:
            yield name, part


def judge(case: Case, report: Report) -> list[str]:
    """What is wrong with a report on all of a case's points."""
    truth, found = case.truth, codes(report)
    wrong = []
    if case.healthy:
        wrong += [f"false alarm {', '.join(found)}"] if found else []
        named = {finding.code for finding in report.findings}
        about_capture = all(code.startswith("IPIP9") for code in case.codes)
        if case.codes and not about_capture and not named & case.codes:
            wrong.append(f"silent about {'/'.join(sorted(case.codes))}: {sorted(named)}")
    elif not found and case.codes & {finding.code for finding in report.findings}:
        pass  # a capture that cannot tell more than what it lacks
    elif not found:
        wrong.append(f"missed {'/'.join(sorted(case.codes))}")
    else:
        first = next(finding for finding in report.findings if finding.impact != "none")
        if first.code not in case.codes:
            wrong.append(f"says {', '.join(found)} for {'/'.join(sorted(case.codes))}")
        if first.impact != truth["impact"]:
            wrong.append(f"{first.code} impact {first.impact} for {truth['impact']}")
        if case.nodes and first.code not in VAGUE and first.node not in case.nodes:
            wrong.append(f"{first.code} at {first.node} for {truth.get('where')}/{truth.get('drops_at')}")
    sent, answered = truth["exchanges"]["sent"], truth["exchanges"]["answered"]
    # What the sender's own kernel refused to send, or what nobody answered over UDP, is on no wire to be counted.
    if report.answered not in case.answered or report.exchanges > sent:
        wrong.append(f"{report.answered} of {report.exchanges} answered for {answered} of {sent}")
    return wrong


def judge_part(case: Case, report: Report) -> list[str]:
    """What is wrong with a report on some of a case's points: it may know less, and nothing else."""
    wrong = []
    for finding in report.findings:
        if finding.impact == "none":
            continue
        if case.healthy:
            wrong.append(f"false alarm {finding.code}")
        elif finding.confidence is Confidence.POSSIBLE:
            pass  # a guess, and called one
        elif finding.code not in case.codes | VAGUE:
            wrong.append(f"says {finding.code} ({finding.confidence}) for {'/'.join(sorted(case.codes))}")
        elif case.nodes and finding.code not in FROM_AFAR and finding.node not in {*case.nodes, None}:
            wrong.append(f"{finding.code} at {finding.node} for {case.truth.get('where')}")
    return wrong


def told(case: Case, *, parts: bool) -> Iterator[str]:
    """One line for each wrong answer about a case."""
    files = [str(file) for file in case.files]
    state = [str(case.folder / "state")]
    for name, used in (("state", state), ("no state", [])):
        for each in judge(case, triage(files, state=used)):
            yield f"{case.folder.name} [{name}]: {each}"
    for name, part in views(case) if parts else ():
        for each in judge_part(case, triage([str(file) for file in part], state=[])):
            yield f"{case.folder.name} [{name}]: {each}"


def main() -> int:
    """Tell every wrong answer; 1 when there is one."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.verdicts")
    parser.add_argument("folder", type=Path, nargs="+")
    parser.add_argument("--views", action="store_true", help="with parts of the capture points too")
    parser.add_argument("--only", default="", help="cases whose names hold this word")
    wanted = parser.parse_args()
    seen, right = 0, 0
    kinds: Counter[str] = Counter()
    for case in cases(*wanted.folder):
        if wanted.only not in case.folder.name:
            continue
        seen += 1
        lines = list(told(case, parts=wanted.views))
        right += not lines
        kinds.update(line.partition(": ")[2].split()[0] for line in lines)
        for line in lines:
            print(line, flush=True)
    print(f"{right} of {seen} cases right", dict(kinds))
    return int(right < seen)


if __name__ == "__main__":
    sys.exit(main())
