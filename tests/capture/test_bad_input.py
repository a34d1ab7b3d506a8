"""Bad files: one clear line each (file, place, what to do), and everything readable still read."""

import bz2
import contextlib
import gzip
import importlib
import io
import lzma
import random
from pathlib import Path

import pytest
from written import ENHANCED, Section, Written, pcap, pcapng

from ipipscope import triage
from ipipscope.capture.files import CaptureFile, find
from ipipscope.errors import CaptureDamaged, CaptureTruncated, CaptureUnreadable

from .reading import read, told

CAPTURES = Path(__file__).parents[2] / "captures"
PACKETS = [Written(bytes([tick]) * 60, tick) for tick in range(10)]


def test_a_missing_file(tmp_path):
    file = CaptureFile(str(tmp_path / "missing.pcap"))
    assert list(file.batches()) == []
    assert told(file) == ["missing.pcap: no such file or directory. Check the name."]


def test_a_folder_given_as_a_file(tmp_path):
    file = CaptureFile(str(tmp_path))
    assert list(file.batches()) == []
    assert told(file)[0].endswith("is a directory. Name the files in it.")


def test_a_folder_without_captures(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing here")
    files, [problem] = find([str(tmp_path)])
    assert files == []
    assert str(problem) == (
        f"{tmp_path}: no captures in this folder or below it. "
        "Give pcap or pcapng files, plain or compressed, as tcpdump and dumpcap write them."
    )


def test_an_empty_file():
    packets, file = read(b"")
    assert packets == []
    assert told(file) == [
        "node1_eth0.pcap: the file is empty. It holds no octets: was the capture started, and was the disk full?"
    ]


def test_a_text_file():
    packets, file = read(b"tcpdump: listening on eth0\n")
    assert packets == []
    [line] = told(file)
    assert line == (
        "node1_eth0.pcap: not a capture: its first octets are no pcap or pcapng magic. "
        "Give pcap or pcapng files, plain or compressed, as tcpdump and dumpcap write them."
    )


@pytest.mark.parametrize("octets", [b"\xd4", b"\xd4\xc3\xb2\xa1", pcap([])[:23]])
def test_a_pcap_header_that_is_cut(octets):
    packets, file = read(octets)
    assert packets == []
    assert isinstance(file.problems[0], CaptureUnreadable)
    assert len(file.problems) == 1


@pytest.mark.parametrize("cut", [4, 12, 27])
def test_a_section_header_that_is_cut(cut):
    packets, file = read(pcapng([])[:cut])
    assert packets == []
    [problem] = file.problems
    assert isinstance(problem, CaptureUnreadable)


def test_a_pcap_that_is_cut_in_the_middle_of_a_record():
    packets, file = read(pcap(PACKETS)[:-7])
    assert len(packets) == 9
    [line] = told(file)
    assert line == (
        "node1_eth0.pcap: frame 10 at octet 708 promises 76 octets, the file ends after 69. "
        "The 9 frames before it are in the report. Record with `tcpdump -U` to keep the tail."
    )


@pytest.mark.parametrize("write", [pcap, pcapng])
def test_a_file_that_is_still_written_is_read_to_its_last_whole_record(tmp_path, write):
    path = tmp_path / "node1_eth0.pcap"
    whole = write(PACKETS)
    with path.open("wb", buffering=0) as recorder:
        recorder.write(whole[:-7])
        file = CaptureFile(str(path))
        assert sum(len(records) for records in file.batches()) == 9
        [line] = told(file)
        assert line.startswith("node1_eth0.pcap: still being written: frame 10 at octet ")
        assert line.endswith(
            " is not complete yet. The 9 frames before it are in the report. "
            "Read it again when the recording has ended."
        )
        recorder.write(whole[-7:])
    file = CaptureFile(str(path))
    assert sum(len(records) for records in file.batches()) == 10
    assert not file.problems


def test_a_compressed_file_that_is_still_written_says_so(tmp_path):
    path = tmp_path / "node1_eth0.pcap.gz"
    with path.open("wb", buffering=0) as recorder:
        recorder.write(gzip.compress(pcap(PACKETS))[:-9])
        file = CaptureFile(str(path))
        assert sum(len(records) for records in file.batches()) > 0
        [line] = told(file)
        assert line.startswith("node1_eth0.pcap.gz: still being written: the gzip data are damaged or cut")


def test_a_pcapng_that_is_cut_in_the_middle_of_a_block():
    octets = pcapng(PACKETS)
    packets, file = read(octets[:-7])
    assert len(packets) == 9
    [problem] = file.problems
    assert isinstance(problem, CaptureTruncated)
    assert (problem.frame, problem.offset, problem.promised, problem.present) == (10, len(octets) - 92, 92, 85)


def test_a_pcapng_with_a_broken_block():
    section = Section()
    broken = bytearray(section.enhanced(PACKETS[0]))
    broken[4:8] = (3).to_bytes(4, "little")
    head = section.header() + section.interface() + section.enhanced(PACKETS[0])
    packets, file = read(head + bytes(broken))
    assert len(packets) == 1
    [problem] = file.problems
    assert isinstance(problem, CaptureDamaged)
    assert (problem.frame, problem.offset) == (2, len(head))


def test_a_packet_block_of_an_interface_that_was_not_described():
    section = Section()
    packets, file = read(section.header() + section.enhanced(Written(b"frame")))
    assert packets == []
    [problem] = file.problems
    assert isinstance(problem, CaptureDamaged)


def test_a_packet_block_that_captured_more_than_it_holds():
    section = Section()
    numbers = section.pack("IIIII", 0, 0, 0, 61, 61)
    packets, file = read(section.header() + section.interface() + section.block(ENHANCED, numbers + bytes(60)))
    assert packets == []
    assert len(file.problems) == 1


def zstd(octets):
    for name in ("compression.zstd", "backports.zstd"):
        with contextlib.suppress(ImportError):
            return importlib.import_module(name).compress(octets)
    return pytest.skip("no zstd library")


def lz4(octets):
    return pytest.importorskip("lz4.frame", reason="no lz4 library").compress(octets)


COMPRESSIONS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstd, "lz4": lz4}


@pytest.mark.parametrize("kind", COMPRESSIONS)
@pytest.mark.parametrize("write", [pcap, pcapng])
def test_compressed_files_are_known_by_content(kind, write):
    packets, file = read(COMPRESSIONS[kind](write(PACKETS)))
    assert [octets for octets, *_ in packets] == [packet.octets for packet in PACKETS]
    assert not file.problems


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_compressed_members_that_follow_one_another_are_one_file(kind):
    octets = pcap(PACKETS)
    packets, file = read(COMPRESSIONS[kind](octets[:200]) + COMPRESSIONS[kind](octets[200:]))
    assert len(packets) == len(PACKETS)
    assert not file.problems


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_a_compressed_file_that_is_cut_gives_what_came_before(kind):
    noise = random.Random(7)
    many = [Written(noise.randbytes(1000), tick) for tick in range(3000)]
    whole = COMPRESSIONS[kind](pcap(many))
    packets, file = read(whole[: len(whole) * 2 // 3])
    assert 0 < len(packets) < 3000
    [problem] = file.problems
    assert isinstance(problem, CaptureDamaged)
    assert kind in str(problem)
    assert str(problem).endswith("Everything before is in the report.")


@pytest.mark.parametrize("kind", COMPRESSIONS)
@pytest.mark.parametrize("write", [pcap, pcapng])
def test_a_compressed_file_may_be_cut_anywhere(kind, write):
    """Never an error of ours, packets always those of the beginning, and more of the file never gives fewer of them."""
    noise = random.Random(11)
    many = [Written(noise.randbytes(300), tick) for tick in range(200)]
    whole = COMPRESSIONS[kind](write(many))
    before = 0
    for cut in sorted(noise.sample(range(1, len(whole)), 40)):
        packets, file = read(whole[:cut])
        assert [octets for octets, *_ in packets] == [packet.octets for packet in many[: len(packets)]]
        assert len(packets) >= before
        assert len(file.problems) == (len(packets) < len(many) or bool(file.problems))
        before = len(packets)


def test_a_cut_compressed_capture_of_a_case_is_judged_as_far_as_it_goes(tmp_path):
    source = CAPTURES / "case-1-reply-not-encapsulated" / "captures"
    for capture in source.glob("*.pcap"):
        whole = gzip.compress(capture.read_bytes())
        (tmp_path / f"{capture.name}.gz").write_bytes(whole[: len(whole) * 3 // 4])
    report = triage([str(tmp_path)], state=[])
    files = len(list(source.glob("*.pcap")))
    assert 0 < report.packets < triage([str(source)], state=[]).packets
    assert len(report.problems) == files
    assert {finding.code for finding in report.findings if finding.impact != "none"} <= {"IPIP101", "IPIP306"}


def test_a_compressed_text_is_no_capture():
    packets, file = read(gzip.compress(b"just a text"))
    assert packets == []
    [problem] = file.problems
    assert isinstance(problem, CaptureUnreadable)


def test_octets_of_zero_behind_a_gzip_member_are_padding():
    packets, file = read(gzip.compress(pcap(PACKETS)) + bytes(512))
    assert len(packets) == len(PACKETS)
    assert not file.problems


def test_a_file_is_not_named_twice(tmp_path):
    path = tmp_path / "node1_eth0.pcap"
    path.write_bytes(pcap(PACKETS))
    files, problems = find([str(path), str(tmp_path), str(path)])
    assert [file.path for file in files] == [str(path)]
    assert problems == []


def test_a_file_that_was_read_keeps_no_window(tmp_path):
    path = tmp_path / "node1_eth0.pcap"
    path.write_bytes(pcap(PACKETS))
    file = CaptureFile(str(path))
    batches = list(file.batches())
    assert len(file._reader._window.octets) == 0
    assert bytes(batches[0].octets[batches[0].offsets[0] :][:60]) == PACKETS[0].octets


def test_standard_input_is_read_to_its_end(monkeypatch, tmp_path):
    path = tmp_path / "stdin"
    path.write_bytes(pcap(PACKETS))
    with path.open("rb") as stream:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(stream))
        assert sum(len(records) for records in CaptureFile("-").batches()) == len(PACKETS)
