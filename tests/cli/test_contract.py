"""The contracts of DESIGN.md §7 that scripts rely on: status, streams, the JSON report and its schema."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import jsonschema
import pytest

from ipipscope.report.json_report import json_schema
from ipipscope.rules.catalogue import RULES
from tests.cli.running import CAPTURES, PROGRAM, report, run

CASES = sorted(path.parent for path in CAPTURES.glob("*/truth.json"))
KEYS = {
    "finding": "code rule impact confidence node interface count first last summary tunnels flows evidence "
    "display_filter consequences cause remedy",
    "point": "node interface role file link_type packets first last",
    "summary": "packets encapsulated exchanges answered unanswered undecided healthy",
}
CASE_1 = CAPTURES / "case-1-reply-not-encapsulated"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_report_fits_the_schema_and_has_the_keys_of_the_contract(case):
    found, _ = report(case)
    jsonschema.validate(found, json_schema())
    assert found["schema"] == "ipipscope.report/1"
    assert set(KEYS["summary"].split()) <= set(found["summary"])
    for point in found["capture_points"]:
        assert set(KEYS["point"].split()) <= set(point)
    for finding in found["findings"]:
        assert set(KEYS["finding"].split()) <= set(finding)
        assert RULES[finding["code"]].name == finding["rule"]
    numbers = found["summary"]
    assert numbers["answered"] + numbers["unanswered"] + numbers["undecided"] == numbers["exchanges"]


def test_the_schema_refuses_a_report_without_findings_or_with_a_foreign_impact():
    found, _ = report(CASE_1)
    found["findings"][0]["impact"] = "terrible"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, json_schema())
    del found["findings"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, json_schema())


def test_status_1_for_findings_and_0_for_none():
    assert run("triage", CASE_1).returncode == 1
    assert run("triage", CAPTURES / "healthy").returncode == 0


def test_a_finding_without_impact_counts_only_when_strict():
    case = CAPTURES / "reply-native-yet-answered"
    assert run("triage", case).returncode == 0
    assert run("triage", case, "--strict").returncode == 1


@pytest.mark.parametrize(
    "words", [(), ("triage",), ("triage", "--format", "yaml", "x"), ("explode",), ("explain", "IPIP999")]
)
def test_usage_errors_are_status_2_on_stderr(words):
    done = run(*words)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_standard_input_is_read_as_a_dash():
    merged = next((CASE_1 / "merged").glob("*.pcapng"))
    found, status = report("-", "--no-state", stdin=merged.read_bytes())
    assert status == 1
    assert found["findings"][0]["code"] == "IPIP101"


def test_output_goes_to_a_file_and_nothing_to_stdout(tmp_path):
    done = run("triage", CASE_1, "--format", "json", "-o", tmp_path / "report.json")
    assert (done.returncode, done.stdout) == (1, b"")
    assert json.loads((tmp_path / "report.json").read_text())["findings"]


def test_ndjson_is_one_object_a_line_the_summary_last():
    done = run("triage", CASE_1, "--format", "ndjson")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["type"] for line in lines][-1] == "report"
    assert lines[0]["code"] == "IPIP101"


def test_a_pipe_without_colour_codes_and_without_progress():
    done = run("triage", CASE_1)
    assert b"\x1b" not in done.stdout
    assert done.stderr == b""


def test_a_reader_that_goes_away_is_status_141():
    command = [*PROGRAM, "triage", str(CASE_1), "--format", "json"]
    read, write = os.pipe()
    os.close(read)
    with subprocess.Popen(command, stdout=write, stderr=subprocess.PIPE) as process:
        os.close(write)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 141
    assert errors == b""


def test_an_interrupt_is_status_130():
    with subprocess.Popen(
        [*PROGRAM, "triage", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  (shells let jobs ignore it)
    ) as process:
        header = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
        process.stdin.write(header)
        process.stdin.flush()
        while not Path(f"/proc/{process.pid}/syscall").read_text().startswith("0 0x0 "):
            time.sleep(0.05)  # until it waits in read(2) of standard input
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in errors


def test_two_files_of_one_point_change_nothing(tmp_path):
    twice = tmp_path / "again.pcap"
    twice.write_bytes((CASE_1 / "captures" / "node3_eth1.pcap").read_bytes())
    once, _ = report(CASE_1 / "captures", "--no-state")
    again, _ = report(CASE_1 / "captures", f"--point=node3:eth1={twice}", "--no-state")
    assert once["summary"] == again["summary"]
    assert [f["code"] for f in once["findings"]] == [f["code"] for f in again["findings"]]


@pytest.mark.parametrize("case", [case for case in CASES if (case / "merged").is_dir()], ids=lambda case: case.name)
def test_a_merged_pcapng_gives_the_findings_of_the_single_files(case):
    single, _ = report(case / "captures", "--no-state")
    merged, _ = report(case / "merged", "--no-state")

    def said(found):
        return [(f["code"], f["node"], f["impact"], f["count"]) for f in found["findings"]]

    assert said(single) == said(merged)
    # The merged files hold some of the points only, enough for all exchanges.
    for key in ("exchanges", "answered", "unanswered", "undecided", "healthy"):
        assert single["summary"][key] == merged["summary"][key]


def test_version_says_which_build():
    done = run("--version")
    assert re.fullmatch(rb"ipipscope \S+ \(hot loops: (compiled|plain Python|partly compiled)\)\n", done.stdout)


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("r.html", "<!doctype html>"),
        ("r.MD", "**LOSS"),
        ("r.json", "{"),
        ("r.jsonl", '{"type"'),
        ("r.txt", "LOSS"),
        ("r", "LOSS"),
        ("r.log", "LOSS"),
    ],
)
@pytest.mark.parametrize("command", ["triage", "audit"])
def test_a_report_is_written_as_the_name_of_its_file_ends(command, name, begins, tmp_path):
    case = CAPTURES / "case-1-reply-not-encapsulated"
    done = run(command, case / "state" if command == "audit" else case, "-o", tmp_path / name)
    assert done.returncode == 1
    if (command, name) == ("audit", "r.jsonl"):  # which an audit does not write
        begins = "LOSS"
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(begins)


@pytest.mark.parametrize(("name", "begins"), [("t.csv", b"exchange,"), ("t.parquet", b"PAR1"), ("t.ndjson", b"{")])
def test_a_table_is_written_as_the_name_of_its_file_ends_unless_a_format_is_asked_for(name, begins, tmp_path):
    case = CAPTURES / "case-1-reply-not-encapsulated" / "captures"
    run("exchanges", case, "-o", tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(begins)
    run("exchanges", case, "-o", tmp_path / name, "--format", "json")
    assert (tmp_path / name).read_bytes().startswith(b"[")
