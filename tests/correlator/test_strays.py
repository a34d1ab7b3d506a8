"""A time that is damaged costs nothing: neither a pair, nor the verdict, nor what is known of when a point recorded."""

import shutil
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written import Written, pcap

from ipipscope.analysis import triage

CASES = Path(__file__).parents[2] / "captures"
TOLD = ["healthy", "case-1-reply-not-encapsulated", "case-2-outer-source-mismatch"]
SECOND = 1_000_000
PLAUSIBLE = st.integers(0, 2**32 - 1)


def records(octets: bytes) -> list[int]:
    """Where the records of a pcap file begin."""
    found, at = [], 24
    while at < len(octets):
        found.append(at)
        at += 16 + struct.unpack_from("<I", octets, at + 8)[0]
    return found


def told(folder: Path) -> tuple:
    report = triage([str(folder)], state=[])
    findings = [(each.code, each.impact, each.node, each.count) for each in report.findings if each.impact != "none"]
    return report.exchanges, report.answered, findings, report.undecided


@pytest.fixture(scope="module", params=TOLD)
def case(request, tmp_path_factory):
    copy = tmp_path_factory.mktemp("strays") / request.param
    shutil.copytree(CASES / request.param / "captures", copy)
    return copy, told(copy)


@given(data=st.data())
@settings(max_examples=40)
def test_one_damaged_time_changes_no_verdict(case, data):
    folder, expected = case
    files = [file for file in sorted(folder.glob("*.pcap")) if len(records(file.read_bytes())) > 2]
    file = data.draw(st.sampled_from(files))
    whole = file.read_bytes()
    at = data.draw(st.sampled_from(records(whole)))
    (seconds,) = struct.unpack_from("<I", whole, at)
    stray = data.draw(PLAUSIBLE.filter(lambda other: abs(other - seconds) > 100))
    if at == records(whole)[0]:
        stray = data.draw(st.integers(seconds + 100, 2**32 - 1))  # earlier, and it is a long silence
    if at == records(whole)[-1]:
        stray = data.draw(st.integers(0, seconds - 100))  # later, the same
    damaged = bytearray(whole)
    struct.pack_into("<I", damaged, at, stray)
    try:
        file.write_bytes(damaged)
        *verdict, undecided = told(folder)
        assert verdict == list(expected[:-1])
        # Placed earlier than it was, one exchange may reach out of the time that other points recorded.
        assert expected[-1] <= undecided <= expected[-1] + 1
    finally:
        file.write_bytes(whole)


def test_a_damaged_time_is_named_with_its_frame(tmp_path):
    times = [100 * SECOND, 101 * SECOND, 5_000_000 * SECOND, 102 * SECOND]
    file = tmp_path / "node1_eth1.pcap"
    file.write_bytes(pcap([Written(b"\0" * 60, time) for time in times]))
    [note] = [note for note in triage([str(file)]).notes if "contradicts" in note]
    assert note.startswith(f"1 time in {file}, that of frame 3, contradicts the frames around it")


@pytest.mark.parametrize(
    "seconds",
    [
        [100, 101, 9000, 9001],  # a silence
        [9000, 9001, 100, 101, 102],  # a clock set back
        [100, 101, 9000],  # a silence before the last packet
    ],
)
def test_a_silence_and_a_clock_that_was_set_are_no_damage(tmp_path, seconds):
    file = tmp_path / "node1_eth1.pcap"
    file.write_bytes(pcap([Written(b"\0" * 60, time * SECOND) for time in seconds]))
    assert not [note for note in triage([str(file)]).notes if "contradict" in note]
