"""Which capture point the name of a file tells."""

import shutil
from pathlib import Path

import pytest

from ipipscope.analysis import triage
from ipipscope.capture.points import from_file_name

CASE = Path(__file__).parents[2] / "captures" / "case-1-reply-not-encapsulated"

NAMES = [
    ("node3_eth1.pcap", "node3", "eth1"),
    ("node3_cali3ee98ee1c19.pcap.gz", "node3", "cali3ee98ee1c19"),
    ("ip-10-0-3-17.ec2.internal_ens5.pcapng", "ip-10-0-3-17.ec2.internal", "ens5"),
    ("node3_br_ex.pcap", "node3", "br_ex"),
    ("node3_any.pcap", "node3", "any"),
    ("worker_before.pcap", "worker", "before"),
    ("node3-eth1.pcap", "node3", "eth1"),
    ("node3.tunl0.pcap", "node3", "tunl0"),
    ("k8s-worker-2-bond0.100.pcapng.gz", "k8s-worker-2", "bond0.100"),
    ("node3-br-1a2b3c.pcap", "node3", "br-1a2b3c"),
    ("node3-vxlan.calico.pcap", "node3", "vxlan.calico"),
    ("node3-lo.pcap", "node3", "lo"),
    ("eth1_node4.pcap", "node4", "eth1"),
    ("tunl0-node4.pcap", "node4", "tunl0"),
    ("tcpdump-eth1.pcap", "tcpdump", "eth1"),
    ("case/eth1.pcap", "case", "eth1"),
    ("case/bond0.100.pcap", "case", "bond0.100"),
    ("case/br-1a2b3c.pcap", "case", "br-1a2b3c"),
    ("case/eth1-2.pcap", "case", "eth1-2"),
    ("web-internal.pcap", "web-internal", "web-internal"),
    ("prod-team.pcap", "prod-team", "prod-team"),
    ("a.pcap", "a", "a"),
    ("capture-2026-11-24.pcap", "capture-2026-11-24", "capture-2026-11-24"),
    ("node3_eth1_00001_20261124003241.pcapng", "node3", "eth1"),
]


@pytest.mark.parametrize(("file", "node", "interface"), NAMES)
def test_a_file_name_tells_node_and_interface_as_people_write_them(file: str, node: str, interface: str) -> None:
    point = from_file_name(file)
    assert (point.node, point.interface) == (node, interface)


@pytest.mark.parametrize("sign", ["-", "."])
def test_files_named_with_another_sign_give_the_same_verdict(tmp_path: Path, sign: str) -> None:
    for file in sorted((CASE / "captures").glob("*.pcap")):
        shutil.copy(file, tmp_path / file.name.replace("_", sign, 1))
    told, expected = triage([str(tmp_path)]), triage([str(CASE)], state=[])
    assert [(each.code, each.node, each.interface, each.count) for each in told.findings] == [
        (each.code, each.node, each.interface, each.count) for each in expected.findings
    ]


def test_bare_interface_names_are_of_the_folder_one_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "node3"
    folder.mkdir()
    for interface in ("eth1", "tunl0"):
        shutil.copy(CASE / "captures" / f"node3_{interface}.pcap", folder / f"{interface}.pcap")
    monkeypatch.chdir(folder)
    for given in (["eth1.pcap", "tunl0.pcap"], ["."], ["../node3"]):
        [first, *_] = triage(given, state=[]).findings
        assert (first.code, first.node, first.interface) == ("IPIP101", "node3", "tunl0")
