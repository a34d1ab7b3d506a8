"""Causes against the truth of cases that a real kernel recorded."""

import pytest

from ipipscope.hosts.causes import explain

from .conftest import cases
from .truth import finding_of

FAULTY = [case for case in cases() if case.truth["fault"] != "none" and case.truth.get("cause_class")]


@pytest.mark.parametrize("case", FAULTY, ids=lambda case: case.name)
def test_the_cause_has_the_class_and_the_node_of_the_truth(case):
    (finding,) = explain([finding_of(case.truth, case.truth["where"])], case.snapshots())
    assert finding.cause is not None
    assert (finding.cause.cls, finding.cause.node) == (case.truth["cause_class"], case.truth["where"])
