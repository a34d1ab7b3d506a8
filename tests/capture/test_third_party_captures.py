"""The reader against captures of others, with counts, clocks and link types that three other readers agree on."""

from decimal import Decimal

import pytest

from ipipscope.capture.files import CaptureFile
from ipipscope.errors import InputError

FORMATS = {"pcap": "pcap", "pcap-modified": "pcap", "pcapng": "pcapng"}


def read(case):
    """The file, and of each packet: time, interface, captured and wire length."""
    file = CaptureFile(str(case.path))
    packets = []
    for records in file.batches():
        columns = (records.time, records.interface, records.captured, records.wire)
        packets += zip(*(column.tolist() for column in columns), strict=True)
    return file, packets


@pytest.mark.tiers("exact", "container")
def test_every_packet_is_found(corpus_case):
    _, packets = read(corpus_case)
    assert len(packets) == corpus_case.expect["packets"]["value"]


@pytest.mark.tiers("exact", "container")
def test_a_sound_file_is_read_without_complaint(corpus_case):
    file, _ = read(corpus_case)
    assert [str(problem) for problem in file.problems] == []


@pytest.mark.tiers("exact")
def test_link_types_are_those_of_the_file(corpus_case):
    file, _ = read(corpus_case)
    assert {interface.link_type for interface in file.interfaces} == corpus_case.link_types


@pytest.mark.tiers("exact")
@pytest.mark.cases(where=lambda case: case.expect["figures"].get("first_ts"))  # tshark shows no time for the others
def test_clocks_agree_to_the_nanosecond(corpus_case):
    figures = corpus_case.expect["figures"]
    _, packets = read(corpus_case)
    times = [time for time, *_ in packets if time >= 0]  # packets of Simple Packet Blocks have none
    told = [int(Decimal(figures[name]) * 10**9) for name in ("first_ts", "last_ts", "min_ts", "max_ts")]
    assert [times[0], times[-1], min(times), max(times)] == told


@pytest.mark.tiers("exact")
@pytest.mark.cases(where=lambda case: case.expect["figures"]["frames"] == case.expect["packets"]["value"])
def test_lengths_add_up_to_those_of_tshark(corpus_case):
    """But for files where tshark 4.0 counts blocks that are no packets as frames."""
    figures = corpus_case.expect["figures"]
    _, packets = read(corpus_case)
    assert sum(captured for _, _, captured, _ in packets) == figures["bytes_captured"]
    assert sum(wire for *_, wire in packets) == figures["bytes_on_wire"]


@pytest.mark.tiers("exact")
@pytest.mark.cases(where=lambda case: case.container.get("interface_list"))
def test_interface_names_and_resolutions_are_those_of_the_file(corpus_case):
    told = corpus_case.container["interface_list"]
    file, _ = read(corpus_case)
    assert [interface.name for interface in file.interfaces] == [each.get("name", "") for each in told]
    assert [interface.snaplen for interface in file.interfaces] == [each["snaplen"] for each in told]


@pytest.mark.tiers("robust")
def test_a_damaged_file_gives_what_is_readable_and_one_clear_line(corpus_case):
    file, packets = read(corpus_case)
    assert len(packets) >= corpus_case.expect["packets"]["min"]  # others stop where the damage begins
    assert file.problems
    for problem in file.problems:
        assert isinstance(problem, InputError)
        line = str(problem)
        assert line.startswith(str(corpus_case.path))
        assert "\n" not in line
        assert problem.hint


def test_both_builds_read_the_same(corpus_case, installed_build, plain_build):
    with plain_build.reading():
        plain_file, plain = read(corpus_case)
    with installed_build.reading():
        file, packets = read(corpus_case)
    assert packets == plain
    assert [str(problem) for problem in file.problems] == [str(problem) for problem in plain_file.problems]


@pytest.mark.parametrize("window", [16, 64, 1000])
@pytest.mark.tiers("exact", "container")
def test_the_size_of_the_window_changes_nothing(corpus_case, window):
    file = CaptureFile(str(corpus_case.path))
    frames = [
        bytes(records.octets[offset : offset + length])
        for records in file.batches(window)
        for offset, length in zip(records.offsets.tolist(), records.captured.tolist(), strict=True)
    ]
    whole = [
        bytes(records.octets[offset : offset + length])
        for records in CaptureFile(str(corpus_case.path)).batches()
        for offset, length in zip(records.offsets.tolist(), records.captured.tolist(), strict=True)
    ]
    assert frames == whole
