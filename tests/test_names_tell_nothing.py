"""What is found does not hang on what the nodes are called, and so not on the order in which their files are read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ipipscope.analysis import triage
from tests.rules.pings import BEGIN, PODS, RAW
from tests.written import ETHERNET, Ipv4, Written, echo, ethernet, pcap

CAPTURES = Path(__file__).parents[1] / "captures"
CASES = [path.parent for place in ("*", "rules/*") for path in sorted(CAPTURES.glob(f"{place}/truth.json"))]


def found(case: Path, folder: Path, *, turned: bool) -> tuple[object, ...]:
    """What triage says of a case whose nodes are called n0, n1 and so on, in their order or the other way round."""
    files = sorted(path for path in (case / "captures").iterdir() if path.name.count("_") == 1)
    nodes = sorted({path.name.partition("_")[0] for path in files})
    names = {node: f"n{len(nodes) - place if turned else place}" for place, node in enumerate(nodes)}
    folder.mkdir()
    for path in files:
        node, _, rest = path.name.partition("_")
        shutil.copy(path, folder / f"{names[node]}_{rest}")
    report = triage([str(folder)], state=[])
    back = {name: node for node, name in names.items()}
    findings = {
        (f.code, f.count, f.impact, f.confidence, back.get(f.node or "", f.node), f.interface, f.consequences)
        for f in report.findings
    }
    first = report.findings[0].code if report.findings else None
    return findings, first, report.exchanges, report.answered, report.undecided


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_case_is_judged_alike_whichever_of_its_nodes_comes_first(case, tmp_path):
    assert found(case, tmp_path / "one", turned=False) == found(case, tmp_path / "two", turned=True)


def by_a_third_node(folder: Path, asks: str, forwards: str, answers: str) -> None:
    """Ten pings whose requests go to a node that sends them on; the replies come straight."""
    seen: dict[str, list[Written]] = {}
    addresses = {asks: 0xC0A80001, forwards: 0xC0A80003, answers: 0xC0A80002}
    for number in range(10):
        inner = [
            Ipv4(src=PODS[back], dst=PODS[1 - back], ttl=63, id=number)(echo(reply=bool(back), id=7, seq=number))
            for back in (0, 1)
        ]
        at = BEGIN + number * 100_000
        for back, way in ((0, (asks, forwards)), (0, (forwards, answers)), (1, (answers, asks))):
            outer = Ipv4(src=addresses[way[0]], dst=addresses[way[1]], proto=4, id=number)(inner[back])
            frame = ethernet(0x0800, outer, src=2 << 40 | addresses[way[0]], dst=2 << 40 | addresses[way[1]])
            for node, points in zip(way, (("tunl0", "eth0"), ("eth0", "tunl0")), strict=True):
                for point in points:
                    octets = frame if point == "eth0" else inner[back]
                    if (node, point) != (forwards, "tunl0"):
                        seen.setdefault(f"{node}_{point}", []).append(Written(octets, at))
                    at += 10
    folder.mkdir()
    for name, packets in seen.items():
        (folder / f"{name}.pcap").write_bytes(pcap(packets, link_type=RAW if "tunl" in name else ETHERNET))


def test_requests_by_a_third_node_leave_from_the_requesters_address_whatever_the_third_is_called(tmp_path):
    told = []
    for place, names in enumerate((("a", "b", "c"), ("b", "a", "c"), ("c", "a", "b"), ("b", "c", "a"))):
        by_a_third_node(tmp_path / str(place), *names)
        report = triage([str(tmp_path / str(place))], state=[])
        first = report.findings[0]
        told.append((first.code, first.node == names[0], first.count, report.answered, "192.168.0.3" in first.summary))
    assert told == [told[0]] * 4
    assert told[0] == ("IPIP201", True, 10, 10, False)
