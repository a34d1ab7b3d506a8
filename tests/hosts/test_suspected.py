"""What packets leave open, the hosts' state may settle: for each case, from each point alone, it is right or silent."""

import pytest
from conftest import KERNEL_CASES
from lab.verdicts import Case
from rules.table import SHIPPED, below

import ipipscope

SHARED, _ = KERNEL_CASES
CASES = {
    path.name: path
    for root in (SHARED, SHIPPED)
    for path in below(root)
    if (path / "state").is_dir() and (path / "captures").is_dir()
}
NO_REPLY = "IPIP306"


def alone(path):
    """The first finding that matters from each point of a case alone."""
    for file in sorted((path / "captures").iterdir()):
        report = ipipscope.triage([str(file)], state=[str(path / "state")])
        yield file.name, next((finding for finding in report.findings if finding.impact != "none"), None)


@pytest.mark.parametrize("path", CASES.values(), ids=CASES)
def test_one_point_with_the_hosts_state_tells_the_fault_or_nothing(path):
    case = Case.at(path)
    for name, finding in alone(path):
        if finding is not None:
            assert not case.healthy, name
            assert finding.code in case.codes | {NO_REPLY}, name
            if finding.cause is not None and finding.cause.config and finding.cause.node:
                assert finding.cause.node in {case.truth.get("where"), case.truth.get("drops_at")}, name


@pytest.mark.parametrize("case", ["case-1-reply-not-encapsulated", "tunnels-alone"])
def test_a_reply_on_the_tunnel_alone_is_likely_lost_by_a_route_that_loses_it(case):
    path = CASES[case]
    truth = Case.at(path).truth
    file = f"{truth['replier']}_tunl0.pcap"
    found = dict(alone(path))[file]
    assert (found.code, found.node, found.confidence) == ("IPIP101", truth["where"], "likely")
    assert "dev tunl0" in found.cause.config
    assert found.remedy
    assert found.next_captures
    report = ipipscope.triage([str(path / "captures" / file)], state=[])
    assert not [finding for finding in report.findings if finding.impact != "none"]
    assert report.undecided == report.exchanges
