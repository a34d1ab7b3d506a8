"""Files of which nothing tells the node: what they show beside others proves nothing of any node."""

import shutil
from pathlib import Path

import pytest
from correlator.test_cuts import CASES
from lab.verdicts import Case

import ipipscope
from ipipscope.analysis import triage
from ipipscope.capture.points import from_file_name, of_interface
from ipipscope.model import CapturePoint
from ipipscope.rules import next_capture
from tests.rules.pings import write_pings


def renamed(case, folder, told):
    """The case's files under names that tell nothing, but for those that *told* picks; by their old name."""
    names = {}
    for number, file in enumerate(case.files):
        name = file.name if told(number) else chr(ord("a") + number) + file.suffix
        names[file] = Path(shutil.copy(file, folder / name))
    return names


def alarms(files):
    return [
        (f.code, f.node, f.count)
        for f in triage([str(file) for file in files], state=[]).findings
        if f.impact != "none"
    ]


def parts(case):
    """All points, and each node alone."""
    nodes = {file.name.partition("_")[0] for file in case.files}
    return [case.files, *([file for file in case.files if file.name.startswith(f"{node}_")] for node in sorted(nodes))]


each_case = pytest.mark.parametrize("case", [Case.at(path) for path in CASES], ids=[path.name for path in CASES])


@pytest.mark.slow
@each_case
def test_points_that_nobody_told_lead_to_no_wrong_verdict(case, tmp_path):
    names = renamed(case, tmp_path, lambda _: False)
    for part in parts(case):
        found = {code for code, _, _ in alarms(names[file] for file in part)}
        assert found <= (set() if case.healthy else case.codes | {"IPIP306"}), part


@pytest.mark.slow
@each_case
def test_beside_points_that_are_told_they_might_as_well_not_be_there(case, tmp_path):
    names = renamed(case, tmp_path, lambda number: number % 2)
    for part in parts(case):
        told = [file for file in part if names[file].name == file.name]
        if told:
            assert alarms(names[file] for file in part) == alarms(told), part


def test_the_report_says_how_to_tell_them(tmp_path):
    write_pings(tmp_path, 10, ())
    (tmp_path / "n1_tunl0.pcap").rename(tmp_path / "x.pcap")
    report = ipipscope.triage([tmp_path])
    (note,) = report.notes
    assert note == (
        "Nothing tells which node these files are from: x. This report takes no verdict from them. "
        "Say it with --point NODE:IFACE=FILE, or name files NODE_IFACE.pcap."
    )
    assert (report.exchanges, report.answered) == (10, 10)
    point = ipipscope.triage([tmp_path], points={str(tmp_path / "x.pcap"): CapturePoint("n1", "tunl0")})
    assert not point.notes


def test_an_exchange_that_only_such_a_file_has_is_undecided(tmp_path):
    write_pings(tmp_path, 10, range(10))
    for name in ("n1_tunl0", "n1_eth0"):
        (tmp_path / f"{name}.pcap").rename(tmp_path / f"{name[3:]}x.pcap")
    report = ipipscope.triage([tmp_path])
    assert (report.exchanges, report.undecided, report.healthy) == (10, 10, True)


def test_one_file_alone_needs_no_name(tmp_path):
    write_pings(tmp_path, 10, ())
    (tmp_path / "n1_eth0.pcap").rename(tmp_path / "x.pcap")
    report = ipipscope.triage([tmp_path / "x.pcap"])
    assert (report.answered, report.notes) == (10, ())


def test_standard_input_has_a_name_and_the_next_capture_a_command():
    assert from_file_name("-").node == of_interface("-", "eth0").node == "stdin"
    told = next_capture.everything("stdin")
    assert told == (
        "on the node that standard input comes from: "
        "tcpdump -i any -s 128 -w \"$(hostname)_any.pcap\" 'ip proto 4 or icmp'"
    )
