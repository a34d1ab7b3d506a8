"""Annotated captures, as tshark reads them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ipipscope import analyse
from ipipscope.annotate import annotate
from ipipscope.capture.files import CaptureFile
from ipipscope.errors import UsageError

CAPTURES = Path(__file__).parents[1] / "captures"
CASE = CAPTURES / "case-1-reply-not-encapsulated"


def tshark(file: Path, *fields: str) -> list[list[str]]:
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed: `make system` installs it")
    chosen = [word for field in fields for word in ("-e", field)]
    command = ["tshark", "-r", str(file), "-T", "fields", "-E", "separator=\x1f", *chosen]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("\x1f") for line in told.stdout.splitlines()]


@pytest.fixture(scope="module")
def analysis():
    return analyse([str(CASE)], keep=True)


def test_tshark_shows_the_verdict_beside_each_frame_that_proves_it(analysis, tmp_path):
    out = tmp_path / "evidence.pcapng"
    written = annotate(analysis, out)
    rows = tshark(out, "frame.interface_name", "frame.time_epoch", "frame.comment")
    assert len(rows) == written.packets
    assert all(comment for _, _, comment in rows)
    proofs = [comment for point, _, comment in rows if point == "node3:tunl0" and "reply, not encapsulated" in comment]
    assert proofs
    assert "IPIP101 reply-not-encapsulated (loss, certain)" in proofs[0]
    assert "ip route replace 10.122.17.64/26 via 192.168.3.110 dev tunl0 proto bird onlink" in proofs[0]


def test_the_frames_stand_in_order_of_time_with_the_octets_they_had(analysis, tmp_path):
    out = tmp_path / "evidence.pcapng"
    annotate(analysis, out)
    times = [float(time) for (time,) in tshark(out, "frame.time_epoch")]
    assert times == sorted(times)
    original = {
        (file.point_of(int(records.interface[row])), int(records.time[row]), frame_of(records, row))
        for file in (source.file for source in analysis.sources)
        for records in file.batches()
        for row in range(len(records))
    }
    copy = CaptureFile(str(out))
    copied = [
        (copy.interfaces[int(records.interface[row])].name, int(records.time[row]), frame_of(records, row))
        for records in copy.batches()
        for row in range(len(records))
    ]
    assert copied
    assert set(copied) <= {(f"{point.node}:{point.interface}", time, octets) for point, time, octets in original}


def frame_of(records, row: int) -> bytes:
    begin = int(records.offsets[row])
    return bytes(records.octets[begin : begin + int(records.captured[row])])


def test_all_frames_are_written_once_where_two_files_recorded_a_point(analysis, tmp_path):
    out = tmp_path / "all.pcapng"
    written = annotate(analysis, out, everything=True)
    assert written.packets == analysis.report.packets
    assert 0 < written.comments < written.packets
    assert len(tshark(out, "frame.number")) == written.packets


def test_a_healthy_case_has_no_frame_to_show(tmp_path):
    healthy = analyse([str(CAPTURES / "healthy")], keep=True)
    assert annotate(healthy, tmp_path / "nothing.pcapng").packets == 0
    assert tshark(tmp_path / "nothing.pcapng", "frame.number") == []


def test_a_capture_is_never_overwritten(tmp_path):
    shutil.copytree(CASE, tmp_path / "case")
    target = tmp_path / "case" / "captures" / "node3_eth1.pcap"
    before = target.read_bytes()
    (tmp_path / "link.pcapng").symlink_to(target)
    analysis = analyse([str(tmp_path / "case")], keep=True)
    for out in (target, tmp_path / "link.pcapng"):
        with pytest.raises(UsageError, match="would overwrite"):
            annotate(analysis, out)
    assert target.read_bytes() == before


@pytest.mark.parametrize("more", [[], ["--anonymize"]])
def test_triage_refuses_before_it_writes_anything(tmp_path, more):
    target = tmp_path / "node3_eth1.pcap"
    shutil.copy(CASE / "captures" / "node3_eth1.pcap", target)
    before = target.read_bytes()
    command = [sys.executable, "-c", "from ipipscope.cli import main; main()", "triage", str(target), *more]
    command += ["--annotate", str(target), "-o", str(tmp_path / "report.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "would overwrite" in done.stderr
    assert target.read_bytes() == before
    assert not (tmp_path / "report.txt").exists()
