"""Causes against the truth of cases that a real kernel recorded."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ipipscope import triage
from ipipscope.hosts.causes import explain
from ipipscope.model import CauseClass, Confidence

from .conftest import ROOT, cases
from .truth import CODES, finding_of

FAULTY = [case for case in cases() if case.truth["fault"] != "none" and case.truth.get("cause_class")]


@pytest.mark.parametrize("case", FAULTY, ids=lambda case: case.name)
def test_the_cause_has_the_class_and_the_node_of_the_truth(case):
    (finding,) = explain([finding_of(case.truth, case.truth["where"])], case.snapshots())
    assert finding.cause is not None
    assert (finding.cause.cls, finding.cause.node) == (case.truth["cause_class"], case.truth["where"])


def as_replaced(fix):
    """The route that the truth's fix sets, as one `ip route replace` sets it."""
    return next(line.replace("ip route add", "ip route replace") for line in fix if line.startswith("ip route add"))


@pytest.mark.parametrize(
    "case",
    [case for case in FAULTY if case.truth["fix"][-1].startswith("ip route add") and "tunl0" in case.truth["fix"][-1]],
    ids=lambda case: case.name,
)
def test_the_first_remedy_sets_the_route_of_the_truths_fix(case):
    (finding,) = explain([finding_of(case.truth, case.truth["where"])], case.snapshots())
    assert (finding.remedy[0].node, finding.remedy[0].command) == (case.truth["where"], as_replaced(case.truth["fix"]))


@pytest.mark.parametrize(
    "case", [case for case in FAULTY if case.truth["fault"] == "outer-source-mismatch"], ids=lambda case: case.name
)
def test_the_first_remedy_gives_the_route_to_the_peer_the_source_that_peers_know(case):
    """The truth's own fix moves routes between NICs; that the packets come from the known address is what counts."""
    (finding,) = explain([finding_of(case.truth, case.truth["where"])], case.snapshots())
    node, requester = case.truth["nodes"][case.truth["where"]], case.truth["nodes"][case.truth["requester"]]
    known = node.get("known_to_peers_as") or node["eth1"]
    peer = requester.get("known_to_peers_as") or requester["eth0"]
    words = finding.remedy[0].command.split()
    assert finding.remedy[0].node == case.truth["where"]
    assert words[:4] == ["ip", "route", "replace", f"{peer}/32"]
    assert words[words.index("src") + 1] == known


def test_a_filter_on_the_reverse_path_is_loosened_where_it_drops(case):
    one = case("07b-")
    (finding,) = explain([finding_of(one.truth, one.truth["where"])], one.snapshots())
    assert (finding.remedy[0].node, finding.remedy[0].command) == (
        "node4", "sysctl -w net.ipv4.conf.eth1.rp_filter=2",
    )  # fmt: skip
    assert not [remedy for remedy in finding.remedy if "route get" in remedy.command]


def test_pods_larger_than_the_tunnel_get_its_mtu_at_both_ends(case):
    """As in the fix of the truth: eth0 in the pod and its cali device on the node."""
    one = case("11-")
    (finding,) = explain([finding_of(one.truth, one.truth["where"])], one.snapshots())
    (pod,) = (name for name in one.truth["nodes"]["node1"]["pods"] if name == "pod1a")
    device = one.truth["nodes"]["node1"]["pods"][pod]["host_interface"]
    assert finding.remedy[0].command == (f"ip -n {pod} link set eth0 mtu 1480 && ip link set {device} mtu 1480")


def test_tunnels_over_a_narrow_path_are_narrowed_at_both_ends(case):
    one = case("11b-")
    finding = triage([str(one.folder)]).findings[0]
    assert (finding.cause.cls, finding.node) == (CauseClass.MTU, one.truth["where"])
    commands = {(remedy.node, remedy.command) for remedy in finding.remedy}
    assert {("node2", "ip link set tunl0 mtu 1380"), ("node4", "ip link set tunl0 mtu 1380")} <= commands


@pytest.mark.parametrize("case", FAULTY, ids=lambda case: case.name)
def test_what_the_captures_of_a_case_show_gets_the_truths_cause_and_a_remedy(case):
    """From end to end: packets and state as recorded, nothing written by hand."""
    finding = triage([str(case.folder)]).findings[0]
    assert finding.code == CODES[case.truth["fault"]]
    assert finding.cause is not None
    assert finding.cause.cls == case.truth["cause_class"]
    assert finding.cause.node == case.truth["where"]
    assert finding.remedy


@pytest.mark.parametrize("case", FAULTY, ids=lambda case: case.name)
def test_the_state_of_the_other_node_alone_supports_no_cause_on_the_guilty_one(case):
    """What is claimed then is what the other node's own state shows: its filter, say, or nothing."""
    others = {name: one for name, one in case.snapshots().items() if name != case.truth["where"]}
    (finding,) = explain([finding_of(case.truth, case.truth["where"])], others)
    if finding.cause is not None and finding.cause.config is not None:
        shown = {name for name in others if finding.cause.config in _all_lines(case.folder / "state" / name)}
        assert shown


@pytest.mark.parametrize(
    "case", [case for case in FAULTY if (case.folder / "state-after-fix").is_dir()], ids=lambda case: case.name
)
def test_the_state_after_the_fix_no_longer_supports_the_cause(case):
    """Contradictory: the packets were recorded while it was broken, the state was taken when it was mended."""
    mended = {**case.snapshots(), **case.snapshots("state-after-fix")}
    (finding,) = explain([finding_of(case.truth, case.truth["where"])], mended)
    assert finding.cause is None or finding.cause.config != finding_cause(case).config


def finding_cause(case):
    return explain([finding_of(case.truth, case.truth["where"])], case.snapshots())[0].cause


def _all_lines(folder):
    return "\n".join(" ".join(path.read_text().split()) for path in folder.glob("*.txt"))


def test_a_line_that_loses_the_replies_makes_a_possible_loss_likely(tmp_path):
    """Of the replier's NICs one was recorded, as its addresses tell; its routes tell where the replies went."""
    case = Path(__file__).parents[2] / "captures" / "case-1-reply-not-encapsulated"
    (tmp_path / "node3").mkdir()
    for name in ("ip_addr.txt", "ip_-d_link.txt"):
        shutil.copy(case / "state" / "node3" / name, tmp_path / "node3" / name)
    told = [triage([str(case / "merged")], state=[str(state)]).findings[0] for state in (tmp_path, case / "state")]
    assert [each.confidence for each in told] == [Confidence.POSSIBLE, Confidence.LIKELY]


def test_where_no_tunnel_device_is_there_the_module_is_loaded(case):
    one = case("02-")
    state = one.snapshots()
    node = one.truth["where"]
    bare = replace(
        state[node],
        links=tuple(link for link in state[node].links if link.link_type != "ipip" and link.kind != "ipip"),
        tunnels=(),
        routes=tuple(route for route in state[node].routes if not any(hop.device == "tunl0" for hop in route.hops)),
        addresses=tuple(address for address in state[node].addresses if address.interface != "tunl0"),
    )
    truth = one.truth | {"fault": "request-not-delivered-to-tunnel"}
    (finding,) = explain([finding_of(truth, node)], state | {node: bare})
    steps = finding.remedy[0].command.split(" && ")
    assert steps[0] == "modprobe ipip"
    assert "ip link set tunl0 up" in steps


def test_a_rule_that_drops_may_as_well_be_deleted():
    (finding, *_) = triage([ROOT / "captures" / "rules" / "firewall-rejects-ipip"]).findings
    assert finding.cause is not None
    assert finding.cause.config is not None
    deleted = finding.cause.config.replace("-A ", "iptables -D ", 1)
    assert deleted in [remedy.command for remedy in finding.remedy]
