"""The answers survive cutting: parts of a case's captures may tell less, and nothing else."""

from __future__ import annotations

import random
import struct
from functools import cache
from typing import TYPE_CHECKING

import pytest
from conftest import KERNEL_CASES, ROOT
from lab.verdicts import Case, judge_part, views
from written import NANO, Section, Written

from ipipscope.analysis import triage

if TYPE_CHECKING:
    from pathlib import Path

PLACES = (*KERNEL_CASES, ROOT / "captures" / "rules")
CASES = sorted(
    {
        path.parent.name: path.parent
        for root in PLACES
        for path in root.glob("*/truth.json")
        if all(file.suffix == ".pcap" for file in (path.parent / "captures").iterdir())  # what is cut here
    }.values(),
    key=lambda case: case.name,
)
pytestmark = pytest.mark.slow

each_case = pytest.mark.parametrize("case", [Case.at(path) for path in CASES], ids=[path.name for path in CASES])

IN_PARTS = {
    # The error about the outer packet is the router's, the one about the inner packet the node's own.
    ("11b-df-ping-path-mtu-outer", "IPIP401"),
    # Known to be wrong: pings while the tunnel's recorder paused are said to be lost before the tunnel, as likely.
    ("pings-alone", "IPIP301"),
}


class Recorded:
    """A classic capture file taken to records."""

    def __init__(self, file: Path):
        octets = file.read_bytes()
        self.name = file.name
        self.order = "<" if octets[:4] in {b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"} else ">"
        magic, _, _, _, _, self.snaplen, self.link_type = struct.unpack(self.order + "IHHiIII", octets[:24])
        self.unit = 10**9 if magic == NANO else 10**6
        self.header = octets[:24]
        self.records = []
        at = 24
        while at < len(octets):
            seconds, fraction, captured, wire = struct.unpack_from(self.order + "IIII", octets, at)
            body = octets[at + 16 : at + 16 + captured]
            self.records.append((seconds * self.unit + fraction, wire, body))
            at += 16 + captured

    def write(self, folder: Path, records=None, *, shift: int = 0, name: str = "") -> Path:
        """The file with some of its records, *shift* seconds later."""
        folder.mkdir(parents=True, exist_ok=True)
        out = [self.header]
        for ticks, wire, body in self.records if records is None else records:
            seconds, fraction = divmod(ticks + shift * self.unit, self.unit)
            out += [struct.pack(self.order + "IIII", seconds, fraction, len(body), wire), body]
        path = folder / (name or self.name)
        path.write_bytes(b"".join(out))
        return path


@cache
def recorded(folder: Path) -> list[Recorded]:
    return [Recorded(file) for file in sorted((folder / "captures").iterdir())]


def told(report):
    """The verdict: what a reader acts on."""
    costly = [(f.code, f.node, f.impact, f.count) for f in report.findings if f.impact != "none"]
    return costly, report.exchanges, report.answered, report.unanswered, report.undecided


def wrong(case, report):
    return [
        each
        for each in judge_part(case, report)
        if not any((case.folder.name, code) in IN_PARTS for code in each.split())
    ]


@each_case
def test_a_part_of_the_points_tells_less_and_nothing_else(case):
    for name, files in views(case):
        report = triage([str(file) for file in files], state=[])
        assert not wrong(case, report), name
        if report.unanswered and report.encapsulated and not case.healthy:
            assert not report.healthy, name


@each_case
@pytest.mark.parametrize("end", ["front", "back"])
def test_a_tenth_cut_off_tells_less_and_nothing_else(case, end, tmp_path):
    for file in recorded(case.folder):
        tenth = max(1, len(file.records) // 10)
        file.write(tmp_path, file.records[tenth:] if end == "front" else file.records[:-tenth])
    assert not wrong(case, triage([str(tmp_path)], state=[]))


@each_case
def test_one_point_cut_short_tells_less_and_nothing_else(case, tmp_path):
    files = recorded(case.folder)
    for number, short in enumerate(files):
        for end in ("front", "back"):
            folder = tmp_path / f"{number}-{end}"
            for file in files:
                tenth = max(1, len(file.records) // 10) if file is short else 0
                kept = file.records[tenth:] if end == "front" else file.records[: len(file.records) - tenth]
                file.write(folder, kept)
            assert not wrong(case, triage([str(folder)], state=[])), (short.name, end)


@each_case
@pytest.mark.parametrize("seconds", [-3600, -3, 3, 3600])
def test_a_node_whose_clock_is_wrong_changes_no_verdict(case, seconds, tmp_path):
    files = recorded(case.folder)
    expected = told(triage([str(file) for file in case.files], state=[]))
    for node in sorted({file.name.partition("_")[0] for file in files}):
        for file in files:
            file.write(tmp_path / node, shift=seconds if file.name.startswith(f"{node}_") else 0)
        report = triage([str(tmp_path / node)], state=[])
        clocks = [clock for clock in report.clocks if clock.shift]
        if report.clocks:
            assert told(report) == expected, node
            assert all(abs(abs(clock.offset) / 1e9 - abs(seconds)) < 0.1 for clock in clocks)
        else:
            assert not wrong(case, report), node  # they share no packet: nothing tells


@each_case
def test_the_order_of_files_does_not_matter(case):
    files = [str(file) for file in case.files]
    expected = told(triage(files, state=[]))
    for seed in range(3):
        random.Random(seed).shuffle(files)
        assert told(triage(files, state=[])) == expected


@each_case
def test_files_split_in_ten_tell_the_same(case, tmp_path):
    for file in recorded(case.folder):
        size = -(-len(file.records) // 10) or 1
        for part in range(10):
            node, _, rest = file.name.partition("_")
            file.write(tmp_path / str(part), file.records[part * size : (part + 1) * size], name=f"{node}_{rest}")
    expected = told(triage([str(file) for file in case.files], state=[]))
    assert told(triage([str(tmp_path)], state=[])) == expected


@each_case
def test_one_pcapng_file_a_node_tells_the_same(case, tmp_path):
    if "any" in case.folder.name:
        return  # of two recordings of one device the file's order decides, and merged they are one file
    nodes = {}
    for file in recorded(case.folder):
        nodes.setdefault(file.name.partition("_")[0], []).append(file)
    for node, files in nodes.items():
        section = Section()
        blocks = [section.header()]
        packets = []
        for number, file in enumerate(files):
            name = file.name.partition("_")[2].removesuffix(".pcap").encode()
            blocks.append(section.interface(file.link_type, file.snaplen, {2: name, 9: bytes([9])}))
            factor = 10**9 // file.unit
            packets += [Written(body, ticks * factor, wire, number) for ticks, wire, body in file.records]
        blocks += [section.enhanced(each) for each in sorted(packets, key=lambda each: each.ticks)]
        (tmp_path / f"{node}_merged.pcapng").write_bytes(b"".join(blocks))
    expected = told(triage([str(file) for file in case.files], state=[]))
    merged = told(triage([str(tmp_path)], state=[]))
    assert merged[0] == expected[0]
    assert (
        merged[2:4] == expected[2:4] or merged[4] < expected[4]
    )  # one file's points share their time: less is undecided
