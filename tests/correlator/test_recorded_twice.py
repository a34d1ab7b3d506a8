"""Two files of one capture point: what both recorded counts once, what follows one another counts all."""

from pathlib import Path

import pytest
from written import Ipv4, Written, echo, ethernet, pcap

from ipipscope.analysis import triage
from ipipscope.model import CapturePoint

POINT = CapturePoint("node1", "eth0")
SECOND = 10**6


def frame(number):
    inner = Ipv4(src=1, dst=2, id=number // 2 % 65536)(echo(reply=bool(number % 2), seq=number // 2 % 65536))
    return ethernet(0x0800, Ipv4(src=3, dst=4, proto=4, id=number % 65536)(inner))


def packets(first, stop):
    return [Written(frame(number), 10**15 + number * SECOND // 100) for number in range(first, stop)]


def counted(tmp_path: Path, *files):
    return told(tmp_path, *files).packets


def told(tmp_path: Path, *files):
    named = {}
    for number, content in enumerate(files):
        path = tmp_path / f"{number}.pcap"
        path.write_bytes(pcap(content))
        named[str(path)] = POINT
    return triage([], points=named, state=[])


def test_a_packet_that_two_files_recorded_counts_once(tmp_path):
    assert counted(tmp_path, packets(0, 1000), packets(0, 1000)) == 1000


def test_the_report_says_so(tmp_path):
    assert told(tmp_path, packets(0, 1000), packets(999, 1500)).notes == (
        f"1 packet stands in two files of its point, {POINT} 1, counted once.",
    )


@pytest.mark.parametrize("begin", [1, 500, 999])
def test_files_that_overlap_share_what_both_recorded(tmp_path, begin):
    assert counted(tmp_path, packets(0, 1000), packets(begin, 1500)) == 1500


def test_files_that_follow_one_another_count_all(tmp_path):
    parts = [packets(first, first + 20) for first in range(0, 2000, 20)]
    assert counted(tmp_path, *parts) == 2000


@pytest.mark.slow
def test_more_batches_than_are_remembered_as_they_are(tmp_path):
    """So many packets at once that the files' batches within the window are many."""
    close = [Written(frame(number), 10**15 + number) for number in range(400_000)]
    assert counted(tmp_path, close, close[200_000:]) == 400_000
