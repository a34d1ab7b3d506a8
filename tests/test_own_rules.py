"""Rules of users: registered, checked, used, and forgotten again."""

import dataclasses
from types import SimpleNamespace

import pytest

import ipipscope as ix
from ipipscope.model import Confidence, Leg
from ipipscope.own_rules import RuleUnsound
from ipipscope.rules import catalogue
from ipipscope.rules.rule import Rule, Strike
from tests.conftest import ROOT

CAPTURES = ROOT / "captures"
BROKEN, HEALTHY = CAPTURES / "case-2-outer-source-mismatch", CAPTURES / "healthy"
RULE = Rule(
    code="ACME101", name="reply-from-zero-network", source="our addressing plan", seen="A reply from 192.168.0.0/24.",
    meaning="The storage network carries overlay traffic.", looks="IPIP from 192.168.0.0/24.", causes="Wrong NIC.",
    mend="Set the autodetection method.", disproved_by="An outer source of 192.168.3.0/24.",
)  # fmt: skip


def struck(view):
    for look in view.outer_anywhere(Leg.REPLY):
        if str(look.outer.src).startswith("192.168.0."):
            proofs = ((look, "reply from the storage network"),)
            return Strike(node=view.name(Leg.REPLY), interface="eth0", confidence=Confidence.CERTAIN, proofs=proofs)
    return None


def rule(**changes):
    made = {"RULE": RULE, "struck": struck, "summary": lambda count, strike, _: f"{count} replies of {strike.node}."}
    return SimpleNamespace(**{**made, **changes})


@pytest.fixture
def registered():
    yield ix.register_rule
    for module, _ in list(catalogue.OWN):
        ix.unregister_rule(module.RULE.code)


def test_a_rule_that_is_asked_first_names_the_finding(registered):
    registered(rule(), before="IPIP501")
    first = ix.triage(BROKEN).findings[0]
    assert (first.code, first.rule, first.summary) == ("ACME101", "reply-from-zero-network", "10 replies of node4.")
    assert first.evidence[0].what == "reply from the storage network"
    assert "IPIP201" in first.consequences
    assert not ix.triage(HEALTHY).findings


def test_a_rule_that_is_asked_last_follows_from_the_fault(registered):
    registered(rule())
    first = ix.triage(BROKEN).findings[0]
    assert first.code == "IPIP201"
    assert "ACME101" in first.consequences
    assert catalogue.find_rule("acme101") is RULE


def test_a_rule_that_is_forgotten_is_asked_no_more():
    ix.register_rule(rule(), before="IPIP501")
    ix.unregister_rule("ACME101")
    assert ix.triage(BROKEN).findings[0].code == "IPIP201"
    with pytest.raises(KeyError):
        ix.unregister_rule("ACME101")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"RULE": None}, "RULE is no"),
        ({"struck": None}, "struck is no function"),
        ({"RULE": dataclasses.replace(RULE, code="IPIP201")}, "IPIP201 is taken"),
        ({"RULE": dataclasses.replace(RULE, name="no-reply")}, "no-reply is taken"),
        ({"RULE": dataclasses.replace(RULE, code="acme-1")}, "capitals"),
        ({"RULE": dataclasses.replace(RULE, mend=" ")}, "'mend' is empty"),
    ],
)
def test_a_rule_that_lacks_something_is_refused(changes, says):
    with pytest.raises(RuleUnsound, match=says):
        ix.register_rule(rule(**changes))
    assert not catalogue.OWN


def test_a_sound_rule_passes_the_check():
    healthy = [HEALTHY, CAPTURES / "healthy-nanoseconds"]
    assert ix.check_rule(rule(), cases=[BROKEN, CAPTURES / "case-1-any-interface"], healthy=healthy) > 0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"struck": lambda _: Strike(node="x", interface=None, confidence=Confidence.CERTAIN)}, "healthy journeys"),
        ({"struck": lambda _: True}, "neither a Strike nor None"),
        ({"struck": lambda view: view.nonsense}, "AttributeError"),
        ({"summary": lambda *_: ""}, "not one line"),
    ],
)
def test_an_unsound_rule_fails_the_check(changes, says):
    with pytest.raises(RuleUnsound, match=says):
        ix.check_rule(rule(**changes), cases=[BROKEN], healthy=[HEALTHY])


@pytest.mark.usefixtures("registered")
def test_installed_packages_offer_rules_by_entry_points(tmp_path, monkeypatch):
    from ipipscope import own_rules

    info = tmp_path / "acme-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[ipipscope.rules]\nacme = acme_rule\nbad = acme_absent\n")
    (tmp_path / "acme_rule.py").write_text(
        "from tests.test_own_rules import RULE, struck\ndef summary(count, strike, view):\n    return 'Struck.'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(own_rules, "_loaded", [])
    with pytest.warns(UserWarning, match="rule bad .* is left out"):
        report = ix.triage(BROKEN)
    assert "ACME101" in report.findings[0].consequences
