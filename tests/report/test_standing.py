"""The first line says what is true: nothing hides behind `healthy`, and nothing is judged that was not read."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ipipscope.analysis import triage
from ipipscope.cli.main import app
from ipipscope.report.standing import standing

CASES = Path(__file__).parents[2] / "captures"


def test_a_fault_that_loses_nothing_is_named_in_the_headline():
    told = standing(triage([str(CASES / "reply-native-yet-answered")]))
    assert (told.kind, told.word) == ("healthy", "NO LOSS")
    assert told.title == "but reply-sent-native on node3:eth1"


def test_a_capture_without_ipip_is_not_called_healthy(tmp_path):
    source = CASES / "healthy" / "captures" / "node3_calia22dc48c254.pcap"
    target = tmp_path / "laptop_wlan.pcap"
    target.write_bytes(source.read_bytes())
    report = triage([str(target)])
    told = standing(report)
    assert report.encapsulated == 0
    assert (told.kind, told.word) == ("undecided", "NO IPIP SEEN")
    assert report.exit_status() == 0


def test_tunnels_alone_may_be_healthy_without_an_outer_header():
    report = triage([str(CASES / "healthy" / "captures" / name) for name in ("node1_tunl0.pcap", "node3_tunl0.pcap")])
    assert report.encapsulated == 0
    assert standing(report).word != "NO IPIP SEEN"


@pytest.mark.parametrize("arguments", [["triage"], ["triage", "--format", "md"], ["triage", "-q"], ["audit"]])
def test_where_nothing_could_be_read_there_is_the_error_and_no_verdict(tmp_path, arguments):
    done = CliRunner().invoke(app, [*arguments, str(tmp_path / "missing.pcap")])
    assert done.exit_code == 3
    assert done.stdout == ""
    assert "missing.pcap" in done.stderr
