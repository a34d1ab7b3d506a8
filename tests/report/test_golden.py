"""Every format of the shipped cases is as it was when somebody last read it."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from ipipscope.analysis import triage
from ipipscope.report.json_report import as_json, json_schema
from tests.report.golden import CASES, GOLDEN, ROOT, SCHEMA, outputs, schema

AGAIN = "changed: run `python -m tests.report`, and read what changed with `git diff`"


def test_outputs_are_as_they_were_last_read():
    expected = {path.name: path.read_text(encoding="utf-8") for path in GOLDEN.iterdir()}
    found = dict(outputs())
    changed = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    assert not changed, AGAIN


def test_the_shipped_schema_is_the_models():
    assert SCHEMA.read_text(encoding="utf-8") == schema(), AGAIN


@pytest.mark.parametrize("case", CASES)
def test_the_json_report_keeps_its_schema(case):
    report = as_json(triage([str(ROOT / "captures" / case)]))
    Draft202012Validator(json_schema()).validate(json.loads(json.dumps(report)))


def test_every_line_of_text_fits_but_what_is_copied():
    for name, text in outputs():
        if not name.endswith(".80.txt"):
            continue
        copied = ("ip route", "iptables", "kubectl", "calicoctl", "tcpdump", "ip.addr", "▶ -A")
        for line in text.splitlines()[1:]:  # the headline is one line however long
            assert len(line) <= 80 or any(word in line for word in copied), line


def test_ascii_output_is_ascii():
    text = dict(outputs())["case-2-outer-source-mismatch.ascii.txt"]
    assert text.isascii()
