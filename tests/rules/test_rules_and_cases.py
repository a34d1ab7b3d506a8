"""The table of rules and cases is what the program says today, and what was really broken."""

import json

import pytest
from conftest import KERNEL_CASES

from ipipscope.rules.catalogue import find_rule
from rules.table import FAULT, PAGE, page, struck

CASES = {path.parent.name: path.parent for root in KERNEL_CASES for path in sorted(root.glob("*/truth.json"))}


def test_the_page_is_what_the_shipped_captures_tell():
    assert PAGE.read_text() == page(), "python -m tests.rules writes it"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_only_what_was_broken_is_a_fault(case):
    truth = json.loads((case / "truth.json").read_text())
    faults = {code for code, role in struck(case).items() if role == FAULT}
    assert faults == (set() if truth["impact"] == "none" else {find_rule(truth["fault"]).code})
