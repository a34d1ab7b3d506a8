"""The laboratory itself: it boots, its cases are what they say, and a remedy can be tried in it."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from .boot import LabError
from .cluster import plan_cluster
from .profiles import PROFILES
from .scenarios import SCENARIOS

if TYPE_CHECKING:
    from pathlib import Path

    from .boot import Case, Laboratory

PROFILE = "ens"


@pytest.fixture(scope="module")
def healthy(laboratory: Laboratory) -> Case:
    return laboratory.record("healthy", PROFILE)


def matching(file: Path, expression: str) -> int:
    """How many packets of *file* tcpdump's filter *expression* takes."""
    command = ["tcpdump", "-n", "-r", str(file), "--count", expression]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0])


ENCAPSULATED_REQUEST = "ip[9] = 4 and ip[29] = 1 and ip[40] = 8"
ENCAPSULATED_REPLY = "ip[9] = 4 and ip[29] = 1 and ip[40] = 0"
"""Two headers of twenty octets each: protocol IPIP, inner protocol ICMP, type."""


@pytest.mark.lab
def test_every_ping_of_the_healthy_cluster_is_answered_and_encapsulated_both_ways(healthy: Case) -> None:
    sent = healthy.truth["exchanges"]["sent"]
    assert healthy.truth["exchanges"]["answered"] == sent
    for node in (healthy.truth["requester"], healthy.truth["replier"]):
        nic = healthy.folder / "captures" / f"{node}_{PROFILES[PROFILE].networks[-1].interface}.pcap"
        assert matching(nic, ENCAPSULATED_REQUEST) == sent
        assert matching(nic, ENCAPSULATED_REPLY) == sent
        tunnel = healthy.folder / "captures" / f"{node}_tunl0.pcap"
        assert matching(tunnel, "icmp[0] = 8") == sent
        assert matching(tunnel, "icmp[0] = 0") == sent


@pytest.mark.lab
def test_tshark_counted_in_truth_json_what_tcpdump_counts(healthy: Case) -> None:
    for expected in healthy.truth["expected"]:
        file = healthy.folder / expected["file"]
        assert matching(file, ENCAPSULATED_REQUEST) == expected["counts"].get("ipip echo-request", 0)
        assert matching(file, "icmp[0] = 0") == expected["counts"].get("plain echo-reply", 0)


@pytest.mark.lab
def test_the_state_of_both_nodes_is_recorded(healthy: Case) -> None:
    for node in (healthy.truth["requester"], healthy.truth["replier"]):
        state = healthy.folder / "state" / node
        addresses = json.loads((state / "ip_-j_addr.json").read_text())
        found = {info["local"] for device in addresses for info in device["addr_info"]}
        assert {healthy.truth["nodes"][node]["tunl0"], healthy.truth["nodes"][node]["ens192"]} <= found
        assert "proto bird onlink" in (state / "ip_route.txt").read_text()


@pytest.mark.lab
def test_a_broken_cluster_waits_for_a_remedy_and_pings_again(laboratory: Laboratory) -> None:
    case = laboratory.record("case1-host-to-host", "single", closed_loop=True)
    assert case.truth["exchanges"]["answered"] == 0
    commands = [{"node": case.truth["where"], "command": command} for command in case.truth["fix"]]
    after = case.mend(commands)
    assert [ran["code"] for ran in after["commands"]] == [0, 0]
    assert after["exchanges"]["answered"] == after["exchanges"]["sent"] == 5


@pytest.mark.lab
def test_a_useless_remedy_leaves_the_cluster_broken(laboratory: Laboratory) -> None:
    case = laboratory.record("case1-host-to-host", "single", closed_loop=True)
    after = case.mend([{"node": case.truth["where"], "command": "ip route flush cache 'unbalanced"}])
    assert after["commands"][0]["code"] != 0
    assert after["exchanges"]["answered"] == 0


@pytest.mark.lab
def test_a_failed_case_says_why_and_the_next_one_is_made(laboratory: Laboratory) -> None:
    with pytest.raises(LabError, match="no-such-scenario"):
        laboratory.record("no-such-scenario", PROFILE)
    assert laboratory.record("healthy-nics-only", "single").truth["exchanges"]["answered"] == 10


@pytest.mark.parametrize("profile", PROFILES)
def test_every_scenario_can_be_planned_for_every_profile_that_fits(profile: str) -> None:
    for scenario in SCENARIOS.values():
        if scenario.needs <= PROFILES[profile].traits:
            plan = scenario.make(plan_cluster(PROFILES[profile], pods_per_node=scenario.pods_per_node))
            assert plan.points, scenario.name
            assert (plan.fault == "none") == (plan.cause_class is None), scenario.name
            assert plan.fault == "none" or plan.codes, scenario.name
            assert len({point.file_name for point in plan.points}) == len(plan.points), scenario.name


def test_no_two_nodes_of_a_profile_share_an_address() -> None:
    for profile in PROFILES.values():
        cluster = plan_cluster(profile, pods_per_node=2)
        addresses = [pod.address for node in cluster.nodes for pod in node.pods]
        addresses += [node.tunnel for node in cluster.nodes]
        addresses += [str(nic.address.ip) for node in cluster.nodes for nic in node.nics if nic.address]
        assert len(set(addresses)) == len(addresses)
