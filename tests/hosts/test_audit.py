"""Audits of the recorded cases' state, with no packet read, and of state made for the question."""

import json
import subprocess
import sys

import pytest

from ipipscope.audit_state import audit_report as audit
from ipipscope.hosts.audit import audit as faults_in
from ipipscope.model import Impact

from .conftest import cases
from .truth import CODES

ALL = cases()
FOREBODING = frozenset(("wrong-route", "rp-filter", "source-selection", "mtu", "firewall", "tunnel-device-down"))
"""Classes of cause that stand in the nodes' state before any packet is lost."""


def on_a_node(case):
    return case.truth["fault"] != "none" and case.truth["where"] in case.snapshots()


def worst(findings):
    return [finding for finding in findings if finding.impact is not Impact.NONE]


FAULTY = [case for case in ALL if on_a_node(case) and case.truth.get("cause_class") in FOREBODING]
HEALTHY = [case for case in ALL if case.truth["fault"] == "none"]


@pytest.mark.parametrize("case", FAULTY, ids=lambda case: case.name)
def test_the_state_alone_names_rule_class_and_node_of_the_truth(case):
    found = faults_in(case.snapshots())
    told = {(one.code, one.cause.cls, one.cause.node) for one in found if one.cause is not None}
    assert (CODES[case.truth["fault"]], case.truth["cause_class"], case.truth["where"]) in told


@pytest.mark.parametrize(
    "case", [case for case in FAULTY if case.truth["impact"] != "none"], ids=lambda case: case.name
)
def test_the_fault_that_lost_packets_stands_first(case):
    first = faults_in(case.snapshots())[0]
    assert first.cause is not None
    assert (first.cause.cls, first.cause.node) == (case.truth["cause_class"], case.truth["where"])


@pytest.mark.parametrize("case", HEALTHY, ids=lambda case: case.name)
def test_the_state_of_healthy_nodes_is_passed_in_silence(case):
    report = audit([str(case.folder / "state")])
    assert report.exit_status() == 0
    assert [one.code for one in report.findings if one.code != "IPIP402"] == []


@pytest.mark.parametrize(
    "case", [case for case in FAULTY if (case.folder / "state-after-fix").is_dir()], ids=lambda case: case.name
)
def test_after_the_fix_the_audit_no_longer_names_the_fault(case):
    before = {(one.code, one.node) for one in worst(faults_in(case.snapshots()))}
    mended = {**case.snapshots(), **case.snapshots("state-after-fix")}
    after = {(one.code, one.node) for one in worst(faults_in(mended))}
    fault = (CODES[case.truth["fault"]], case.truth["where"])
    assert fault in before or case.truth["impact"] == "none"
    assert fault not in after


ROUTES = """default via 10.0.0.1 dev ens3
10.244.9.0/26 via 10.0.0.19 dev tunl0 proto {owner} onlink
10.244.7.0/26 via {via} dev tunl0 proto {owner} onlink
blackhole 10.244.5.0/26 proto {owner}
10.244.5.11 dev cali01234567890 scope link
10.0.0.0/24 dev ens3 proto kernel scope link src 10.0.0.15
"""


@pytest.mark.parametrize("owner", ["bird", "80", "static"])
def test_it_does_not_matter_who_programs_the_routes(tmp_path, owner):
    """One node's `ip route` and `ip addr` is all there is: the node's own address as next hop is still told."""
    node = tmp_path / "n5"
    node.mkdir()
    (node / "ip_route.txt").write_text(ROUTES.format(owner=owner, via="10.0.0.15"))
    (node / "ip_addr.txt").write_text(
        "2: ens3: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP\n"
        "    link/ether 52:54:00:00:00:15 brd ff:ff:ff:ff:ff:ff\n"
        "    inet 10.0.0.15/24 brd 10.0.0.255 scope global ens3\n"
        "4: tunl0@NONE: <NOARP,UP,LOWER_UP> mtu 1480 qdisc noqueue state UNKNOWN\n"
        "    link/ipip 0.0.0.0 brd 0.0.0.0\n"
        "    inet 10.244.5.0/32 scope global tunl0\n"
    )
    (first, *_) = worst(audit([str(node)]).findings)
    assert (first.code, first.node) == ("IPIP101", "n5")
    assert first.cause.config == f"10.244.7.0/26 via 10.0.0.15 dev tunl0 proto {owner} onlink"
    (node / "ip_route.txt").write_text(ROUTES.format(owner=owner, via="10.0.0.17"))
    assert worst(audit([str(node)]).findings) == []


def test_a_host_without_an_overlay_is_said_to_have_none_and_is_no_finding(tmp_path):
    (tmp_path / "laptop").mkdir()
    (tmp_path / "laptop" / "ip_route.txt").write_text("default via 10.0.0.1 dev wlan0\n")
    (tmp_path / "laptop" / "sysctl_ip_forward.txt").write_text("net.ipv4.ip_forward = 0\n")
    report = audit([str(tmp_path / "laptop")])
    assert report.findings == ()
    assert "laptop: nothing leads into an IP-in-IP tunnel." in report.notes


def test_without_a_state_this_host_is_audited():
    assert len(audit().nodes) == 1


@pytest.mark.parametrize("case", [one for one in ALL if one.name.startswith("02-")], ids=lambda case: case.name)
def test_the_command_prints_the_same_findings_as_json(case):
    command = [sys.executable, "-c", "from ipipscope.cli import main; main()", "audit", str(case.folder / "state")]
    done = subprocess.run(
        [*command, "--format", "json"], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["schema"] == "ipipscope.report/1"
    assert [one["code"] for one in report["findings"]] == [
        one.code for one in audit([str(case.folder / "state")]).findings
    ]
