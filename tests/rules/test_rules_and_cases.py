"""The table of rules and cases is what the program says today, and what was really broken."""

from functools import cache

import pytest
from conftest import KERNEL_CASES
from lab.verdicts import Case

from ipipscope.rules.catalogue import RULES
from rules.table import FAULT, PAGE, SHIPPED, below, page, rows, struck

SHARED, _ = KERNEL_CASES
CASES = {case.name: case for root in (SHARED, SHIPPED) for case in below(root)}

NEAREST = {
    "IPIP101": "source-translated",
    "IPIP102": "healthy-amid-traffic",
    "IPIP103": "healthy-native-neighbours",
    "IPIP104": "healthy-native-neighbours",
    "IPIP201": "other-nic-yet-answered",
    "IPIP202": "reply-through-a-third-node",
    "IPIP203": "healthy-native-neighbours",
    "IPIP204": "case-2-mended",
    "IPIP301": "healthy-amid-traffic",
    "IPIP302": "healthy-amid-traffic",
    "IPIP303": "healthy-recorder-hangs",
    "IPIP304": "healthy-recorder-hangs",
    "IPIP305": "rp-filter-behind-the-tunnel",
    "IPIP306": "healthy-recorder-hangs",
    "IPIP307": "healthy-recorder-hangs",
    "IPIP308": "healthy-recorder-hangs",
    "IPIP401": "outer-fragments-yet-answered",
    "IPIP402": "pod-mtu-too-large",
    "IPIP501": "healthy-outside",
    "IPIP601": "healthy-recorder-hangs",
    "IPIP602": "healthy-amid-traffic",
    "IPIP603": "healthy-any-interface",
    "IPIP604": "healthy-recorder-hangs",
    "IPIP901": "healthy",
    "IPIP902": "case-1-snaplen-64",
    "IPIP903": "outages",
    "IPIP904": "healthy",
}
"""Of each rule the case that looks most like it and is none of it."""

told = cache(struck)


def test_the_page_is_what_the_shipped_captures_tell():
    assert PAGE.read_text() == page(), "python -m tests.rules writes it"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_only_what_was_broken_is_a_fault(case):
    one = Case.at(case)
    faults = {code for code, role in told(case).items() if role == FAULT}
    assert faults <= (set() if one.healthy else one.codes)
    assert one.healthy or faults or one.codes & set(told(case))


@pytest.mark.parametrize("code", RULES)
def test_a_rule_strikes_where_it_should_and_is_silent_about_what_looks_like_it(code):
    cases = [case for case in below(SHIPPED) if code in told(case)]
    assert any(code in Case.at(case).codes for case in cases), "no case of its own"
    assert code not in told(CASES[NEAREST[code]])


def test_a_rule_that_no_case_strikes_is_named():
    assert "No case here strikes" not in page()
    assert "No case here strikes IPIP101, IPIP102" in "\n".join(rows({"a": {}, "b": {}}))
