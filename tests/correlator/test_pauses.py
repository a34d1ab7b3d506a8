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


@pytest.mark.slow
@each_case
def test_a_point_that_paused_tells_less_and_nothing_else(case, tmp_path):
    files = recorded(case.folder)
    ticks = [ticks / file.unit for file in files for ticks, _, _ in file.records]
    begin, length = min(ticks), max(ticks) - min(ticks)
    for number, paused in enumerate(files):
        folder = tmp_path / str(number)
        for file in files:
            if file is not paused:
                file.write(folder)
                continue
            node, _, rest = file.name.partition("_")
            for part, (start, end) in enumerate([(0, 0.4), (0.6, 1.01)]):
                kept = [each for each in file.records if start <= (each[0] / file.unit - begin) / length < end]
                file.write(folder / str(part), kept, name=f"{node}_{rest}")
        assert not wrong(case, triage([str(folder)], state=[])), paused.name
