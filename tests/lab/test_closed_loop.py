"""The closed loop: a fault is broken in, recorded and looked at, triaged, and the first remedy, as printed, mends it.

What ipipscope is given is what a user has: the recordings and what `ipipscope snapshot` wrote of the recorded nodes.
The remedy is read off the text report, as a person would, and run by a shell on the node it names.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from ipipscope import triage
from ipipscope.report.terminal import write_text

if TYPE_CHECKING:
    from ipipscope.report.model import Report

    from .boot import Laboratory

FAULTS = [
    ("case1", "ens"),
    ("case1-own-nic-address", "vlan"),
    ("case2", "bond"),
    ("case2-second-address", "single"),
    ("request-not-encapsulated", "bond"),
    ("reply-native-default-route", "single"),
    ("reply-to-third", "vlan"),
    ("rp-filter-tunnel", "single"),
    ("rp-filter-nic", "vlan"),
    ("firewall-outbound", "ens"),
    ("firewall-inbound", "bond"),
    ("firewall-forward-policy", "single"),
    ("tunnel-down-at-replier", "vlan"),
    ("point-to-point-other-remote", "ens"),
]
"""Each a cause of its own, under clusters that differ in names, networks, NICs and in who programs the routes."""


def printed_remedy(report: Report) -> tuple[str, str]:
    """Node and command of the first remedy that the text report shows."""
    out = io.StringIO()
    write_text(report, out, width=10_000, colour=False)
    first = re.search(r"^ *mend +on (\S+):.*\n +(.+)$", out.getvalue(), re.MULTILINE)
    assert first is not None, out.getvalue()
    return first[1], first[2].rstrip()


@pytest.mark.lab
@pytest.mark.parametrize(("scenario", "profile"), FAULTS, ids=lambda word: word)
def test_the_first_remedy_as_printed_makes_the_ping_work_again(
    laboratory: Laboratory, scenario: str, profile: str
) -> None:
    case = laboratory.record(scenario, profile, closed_loop=True)
    assert case.truth["exchanges"]["answered"] < case.truth["exchanges"]["sent"]
    report = triage([str(case.folder / "captures")], state=[str(case.folder / "snapshots")])
    assert not report.problems
    first = report.findings[0]
    assert first.code in case.truth["codes"]
    assert first.cause is not None
    assert (first.cause.cls, first.cause.node) == (case.truth["cause_class"], case.truth["where"])

    node, command = printed_remedy(report)
    after = case.mend([{"node": node, "command": command}])

    assert after["commands"][0]["code"] == 0, after["commands"]
    assert after["exchanges"]["answered"] == after["exchanges"]["sent"] > 0, f"on {node}: {command}"
