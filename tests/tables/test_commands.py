"""The table commands as a user runs them."""

import csv
import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout

import pandas as pd
import pytest

import ipipscope as ix
from ipipscope.cli import main
from tests.conftest import ROOT
from tests.written import Written, pcap_header, pcap_record

CASE = ROOT / "captures" / "case-1-reply-not-encapsulated"
COMMAND = [sys.executable, "-c", "from ipipscope.cli import main; main()"]
TABLES = ("packets", "exchanges", "flows", "points")


def run(*words):
    """The command in this process: its status and what it wrote."""
    out, errors = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(errors):
        patch.setattr(sys, "argv", ["ipipscope", *map(str, words)])
        with pytest.raises(SystemExit) as ending:
            main()
        out.flush()
    return subprocess.CompletedProcess(words, ending.value.code, out.buffer.getvalue(), errors.getvalue())


@pytest.fixture(scope="module")
def capture():
    return ix.load(CASE)


@pytest.mark.parametrize("table", TABLES)
def test_csv_json_ndjson_and_parquet_hold_the_same_rows(table, capture, tmp_path):
    wanted = getattr(capture, table)
    for form in ("csv", "json", "ndjson", "parquet"):
        assert run(table, CASE, "--format", form, "-o", tmp_path / form).returncode == 0
    lines = [json.loads(line) for line in (tmp_path / "ndjson").read_text().splitlines()]
    assert json.loads((tmp_path / "json").read_text()) == lines
    rows = list(csv.DictReader(io.StringIO((tmp_path / "csv").read_text())))
    assert [list(row) for row in rows[:1]] == [list(wanted.columns)]
    assert [{k: v or None for k, v in row.items()} for row in rows] == [
        {k: None if v is None else str(v) for k, v in line.items()} for line in lines
    ]
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "parquet").astype("object"), wanted.astype("object"), check_dtype=False
    )
    assert len(lines) == len(wanted)
    for name in wanted.columns:
        if isinstance(wanted[name].dtype, pd.CategoricalDtype):
            assert [line[name] for line in lines] == [None if pd.isna(each) else each for each in wanted[name]]


def test_times_are_written_as_in_the_report_and_durations_in_seconds():
    case = ROOT / "captures" / "case-2-mended"
    (row,) = json.loads(run("exchanges", case, "--format=json", "--where=exchange==1").stdout)
    report = json.loads(run("triage", case, "--format", "json").stdout)
    assert row["request"] >= min(point["first"] for point in report["capture_points"])
    assert row["request"].endswith("Z")
    assert 0 < row["rtt"] < 1


def test_where_and_columns_pick(capture):
    done = run("packets", CASE, "--format=csv", "--where=icmp_type == 0 and depth == 2", "--columns=frame, outer_src")
    rows = done.stdout.decode().splitlines()
    packets = capture.packets
    assert rows[0] == "frame,outer_src"
    assert len(rows) - 1 == ((packets.icmp_type == 0).fillna(value=False) & (packets.depth == 2)).sum()


@pytest.mark.parametrize("table", TABLES)
def test_text_is_aligned_under_its_header(table):
    lines = run(table, CASE).stdout.decode().splitlines()
    assert len(lines) > 1
    if table == "points":
        start = lines[0].index("role")
        assert {line[start - 2 : start] for line in lines} == {"  "}


def test_a_pipe_that_is_closed_ends_with_141():
    command = [*COMMAND, "packets", str(CASE), str(ROOT / "captures"), "--format", "ndjson"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.read(10)
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait(timeout=60) == 141
    assert errors == b""


def test_standard_input_is_read():
    octets = (CASE / "captures" / "node3_tunl0.pcap").read_bytes()
    command = [*COMMAND, "packets", "-", "--format", "ndjson"]
    done = subprocess.run(command, input=octets, capture_output=True, timeout=60, check=True)
    assert len(done.stdout.splitlines()) == len(ix.load(CASE / "captures" / "node3_tunl0.pcap").packets)


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("packets",), 2, "needs captures"),
        (("packets", CASE, "--where", "nonsense"), 2, "compares nothing"),
        (("flows", CASE, "--columns", "nonsense"), 2, "no column 'nonsense'"),
        (("exchanges", "absent.pcap"), 3, "absent.pcap: no such file"),
        (("packets", "absent.pcap"), 3, "absent.pcap: no such file"),
        (("points", CASE, "-o", "/nowhere/points.csv"), 3, "cannot be written"),
        (("points", CASE, "--format", "parquet", "-o", "/nowhere/points"), 3, "cannot be written"),
        (("points", CASE, "--format", "xml"), 2, "xml"),
    ],
)
def test_what_cannot_be_ends_with_its_status_and_one_line(words, status, says):
    done = run(*words)
    assert done.returncode == status
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_cut_short_is_written_as_far_as_it_goes_and_ends_with_3(tmp_path):
    octets = pcap_header() + pcap_record(Written(bytes(60))) * 2
    (tmp_path / "node1_eth0.pcap").write_bytes(octets[:-10])
    done = run("packets", tmp_path / "node1_eth0.pcap", "--format", "ndjson")
    assert (done.returncode, len(done.stdout.splitlines())) == (3, 1)


def test_names_from_files_reach_the_terminal_harmless(tmp_path):
    path = tmp_path / "node1_\x1b[31meth0.pcap"
    path.write_bytes(pcap_header() + pcap_record(Written(bytes(60))))
    assert b"\x1b" not in run("packets", path).stdout
    assert b"\x1b" not in run("points", path, "--columns", "all").stdout
