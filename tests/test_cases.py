"""The shipped cases of a real kernel, through the command as a user runs it, against what was really broken."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from lab.verdicts import VAGUE, Case

from ipipscope.analysis import triage

CAPTURES = Path(__file__).parents[1] / "captures"
CASES = [Case.at(path.parent) for place in ("*", "rules/*") for path in sorted(CAPTURES.glob(f"{place}/truth.json"))]

each_case = pytest.mark.parametrize("case", CASES, ids=[case.folder.name for case in CASES])


def run(*words):
    command = [sys.executable, "-c", "from ipipscope.cli import main; main()", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@each_case
def test_the_first_finding_is_what_was_broken(case):
    done = run("triage", case.folder / "captures", "--no-state", "--format", "json")
    report = json.loads(done.stdout)
    assert report["summary"]["answered"] in case.answered
    sent = case.truth["exchanges"]["sent"]
    assert report["summary"]["exchanges"] <= sent
    if case.folder.parent == CAPTURES:  # in these nothing was refused or missed
        assert report["summary"]["exchanges"] == sent
    assert done.returncode == int(not report["summary"]["healthy"])
    if not report["summary"]["undecided"]:
        assert report["summary"]["healthy"] == case.healthy
    if case.codes:
        first = report["findings"][0]
        assert first["code"] in case.codes
        assert first["impact"] == case.truth["impact"] or first["code"] > "IPIP9"
        assert first["node"] in case.nodes or not case.nodes or first["code"] in VAGUE or first["code"] > "IPIP9"


@each_case
def test_the_state_beside_the_captures_tells_the_cause(case):
    report = triage([str(case.folder / "captures")])
    assert report.answered in case.answered
    if case.healthy:
        assert not [finding for finding in report.findings if finding.impact != "none"]
    else:
        first = report.findings[0]
        assert first.code in case.codes
        assert first.impact == case.truth["impact"]
    if case.truth["cause_class"] and case.seen_where_it_broke:
        first = report.findings[0]
        assert first.cause is not None
        assert first.cause.cls == case.truth["cause_class"]
        assert case.nodes == set() or first.cause.node in case.nodes


def test_a_missing_file_is_one_clear_line_and_status_3(tmp_path):
    done = run("triage", tmp_path / "absent.pcap")
    assert done.returncode == 3
    assert "absent.pcap" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_captures_named_is_a_usage_error():
    assert run("triage").returncode == 2
