"""The shipped cases of a real kernel, through the command as a user runs it, against what was really broken."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ipipscope.analysis import triage

CASES = sorted(path.parent for path in (Path(__file__).parents[1] / "captures").glob("*/truth.json"))


def run(*words):
    command = [sys.executable, "-c", "from ipipscope.cli import main; main()", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_first_finding_is_what_was_broken(case):
    truth = json.loads((case / "truth.json").read_text())
    done = run("triage", case / "captures", "--no-state", "--format", "json")
    report = json.loads(done.stdout)
    assert report["summary"]["answered"] == truth["exchanges"]["answered"]
    assert report["summary"]["exchanges"] == truth["exchanges"]["sent"]
    if truth["fault"] == "none":
        assert report["summary"]["healthy"]
    else:
        first = report["findings"][0]
        assert (first["rule"], first["impact"]) == (truth["fault"], truth["impact"])
        assert first["node"] in {truth["where"], truth.get("drops_at")}
    assert done.returncode == int(truth["impact"] != "none")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_state_beside_the_captures_tells_the_cause(case):
    truth = json.loads((case / "truth.json").read_text())
    report = triage([str(case / "captures")])
    assert report.answered == truth["exchanges"]["answered"]
    if truth["fault"] == "none":
        assert not [finding for finding in report.findings if finding.impact != "none"]
    else:
        first = report.findings[0]
        assert (first.rule, first.impact) == (truth["fault"], truth["impact"])
        assert first.cause is not None
        assert first.cause.cls == truth["cause_class"]
        assert first.cause.node in {truth["where"], truth.get("drops_at")}


def test_a_missing_file_is_one_clear_line_and_status_3(tmp_path):
    done = run("triage", tmp_path / "absent.pcap")
    assert done.returncode == 3
    assert "absent.pcap" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_captures_named_is_a_usage_error():
    assert run("triage").returncode == 2
