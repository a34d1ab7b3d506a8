"""Time that nobody recorded proves nothing: a point that paused misses packets that passed."""

from __future__ import annotations

import pytest
from correlator.test_cuts import each_case, recorded, wrong
from rules.pings import RAW, points
from written import ETHERNET, pcap

from ipipscope.analysis import triage

SECOND = 1_000_000
"""Ticks of a written file."""
POINTS = ["n1_tunl0", "n1_eth0", "n2_eth0", "n2_tunl0"]


def write(folder, seen, parts, name=lambda point, part: f"{part}/{point}.pcap"):
    """A file for each part of each point's packets.

    parts: by point, the packets of each of its files; points that are not named have one file.
    """
    for point, packets in seen.items():
        for number, part in enumerate(parts.get(point, [packets])):
            path = folder / name(point, number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(pcap(part, link_type=RAW if "tunl" in point else ETHERNET))


def without(packets, begin, end):
    """Two recordings: before *begin* and after *end*, in seconds from the first packet."""
    first = packets[0].ticks
    return [
        [each for each in packets if each.ticks - first < begin * SECOND],
        [each for each in packets if each.ticks - first > end * SECOND],
    ]


def alarms(report):
    return [finding for finding in report.findings if finding.impact != "none"]


def test_what_passed_while_one_point_was_not_recorded_is_not_lost(tmp_path):
    for point in POINTS:
        folder = tmp_path / point
        seen = points(60)
        write(folder, seen, {point: without(seen[point], 2, 4)})
        for node in ("n1", "n2"):
            assert not alarms(triage([str(file) for file in folder.rglob(f"{node}_*")], state=[])), (point, node)
        report = triage([str(folder)], state=[])
        assert not alarms(report), point
        assert (report.exchanges, report.unanswered) == (60, 0)


def test_two_recordings_of_a_point_an_hour_apart_prove_nothing_in_between(tmp_path):
    seen = points(20, every=300 * SECOND)
    for point in POINTS:
        write(tmp_path / point, seen, {point: without(seen[point], 1300, 4900)})
        for node in ("n1", "n2"):
            assert not alarms(triage([str(file) for file in (tmp_path / point).rglob(f"{node}_*")], state=[])), point


def test_a_fault_is_found_in_each_of_two_recordings(tmp_path):
    seen = points(60, lost=range(60))
    whole = tmp_path / "whole"
    write(whole, seen, {})
    expected = [(finding.code, finding.node, finding.count) for finding in alarms(triage([str(whole)], state=[]))]
    parts = {point: without(packets, 2, 4) for point, packets in seen.items() if packets}
    write(tmp_path / "parts", seen, parts)
    left_out = sum(map(len, parts["n1_eth0"])) - 60
    found = [
        (finding.code, finding.node, finding.count) for finding in alarms(triage([str(tmp_path / "parts")], state=[]))
    ]
    assert expected
    assert found == [(code, node, count + left_out) for code, node, count in expected]


RING = {
    "dumpcap": lambda point, part: f"{point}_{part + 1:05}_20231114221{part:03}.pcap",
    "tcpdump -C": lambda point, part: f"{point}.pcap{part or ''}",
}


@pytest.mark.parametrize("name", RING.values(), ids=RING)
def test_a_file_that_is_missing_in_a_ring_is_time_that_was_not_recorded(tmp_path, name):
    for point in POINTS:
        folder = tmp_path / point
        seen = points(60)
        parts = [seen[point][at : at + 4] for at in range(0, 120, 4)]
        write(folder, seen, {point: parts}, name)
        assert triage([str(folder)], state=[]).answered == 60
        (folder / name(point, 10)).unlink()
        for node in ("n1", "n2"):
            assert not alarms(triage([str(file) for file in folder.rglob(f"{node}_*")], state=[])), point
        assert not alarms(triage([str(folder)], state=[])), point


@pytest.mark.parametrize("name", RING.values(), ids=RING)
def test_a_ring_recorded_on_from_file_to_file(tmp_path, name):
    seen = points(12)
    nic, tunnel = seen["n2_eth0"], seen["n2_tunl0"]
    # Of ten pings the tunnel saw nothing, and nobody answered them.
    heard = {"n2_eth0": nic[:2] + nic[2:-2:2] + nic[-2:], "n2_tunl0": tunnel}
    write(tmp_path, heard, {"n2_tunl0": [tunnel[:2], tunnel[-2:]]}, name)
    (finding,) = alarms(triage([str(tmp_path)], state=[]))
    assert (finding.count, finding.consequences) == (10, ("IPIP301",))


@pytest.mark.slow
@each_case
def test_a_point_that_paused_tells_less_and_nothing_else(case, tmp_path):
    """All points, each node alone, each pair of a NIC and a tunnel: any of its points paused in the middle."""
    files = recorded(case.folder)
    ticks = [ticks / file.unit for file in files for ticks, _, _ in file.records]
    begin, length = min(ticks), max(ticks) - min(ticks)
    whole, halves = {}, {}
    for file in files:
        whole[file.name] = [file.write(tmp_path / "whole")]
        halves[file.name] = []
        for part, (start, end) in enumerate([(0, 0.4), (0.6, 1.01)]):
            kept = [each for each in file.records if start <= (each[0] / file.unit - begin) / length < end]
            halves[file.name].append(file.write(tmp_path / str(part), kept))
    names = sorted(whole)
    nodes = sorted({name.partition("_")[0] for name in names})
    groups = [names, *([name for name in names if name.startswith(f"{node}_")] for node in nodes)]
    for group in groups:
        expected = wrong(case, triage([str(path) for name in group for path in whole[name]], state=[]))
        for paused in group:
            paths = [str(path) for name in group for path in (halves if name == paused else whole)[name]]
            assert wrong(case, triage(paths, state=[])) in ([], expected), (group, paused)
