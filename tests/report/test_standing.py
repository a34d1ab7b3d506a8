"""The first line says what is true: nothing hides behind `healthy`, and nothing is judged that was not read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ipipscope.analysis import triage
from ipipscope.cli.program import app
from ipipscope.decoder.link import ARPHRD_TUNNEL
from ipipscope.report.standing import standing
from tests.rules.pings import BEGIN, PODS
from tests.written import ETHERNET, Ipv4, Written, ethernet, pcap

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


def test_natively_sent_packets_on_a_nic_are_said_to_be_no_ipip(tmp_path):
    frames = [ethernet(0x0800, Ipv4(src=PODS[0], dst=PODS[1], id=number)(b"x")) for number in range(3)]
    (tmp_path / "node1_eth0.pcap").write_bytes(pcap([Written(frame, BEGIN) for frame in frames], link_type=ETHERNET))
    assert standing(triage([str(tmp_path)])).word == "NO IPIP SEEN"


def test_an_empty_tunnel_beside_unanswered_requests_is_said(tmp_path):
    captures = CASES / "case-1-reply-not-encapsulated" / "captures"
    shutil.copy(captures / "node1_cali3ee98ee1c19.pcap", tmp_path / "node3_eth1.pcap")  # native requests, no reply
    whole = (captures / "node3_tunl0.pcap").read_bytes()
    (tmp_path / "node3_tunl0.pcap").write_bytes(whole[:24])  # the file's header alone
    report = triage([str(tmp_path)])
    told = standing(report)
    assert report.unanswered
    assert (told.kind, told.word) == ("undecided", "NO IPIP SEEN")
    assert "the tunnel recorded nothing" in told.said


@pytest.mark.parametrize("form", ["sll", "sll2"])
def test_a_cooked_capture_of_tunnel_devices_alone_is_undecided_and_says_what_to_record(tmp_path, form):
    source = (CASES / "case-1-any-interface" / "captures" / f"node3_any_{form}.pcap").read_bytes()
    kept, at, hardware = source[:24], 24, 2 if form == "sll" else 8
    while at < len(source):  # a record of a pcap file: a header of 16 octets, the third word its length
        end = at + 16 + int.from_bytes(source[at + 8 : at + 12], "little")
        if source[at + 16 + hardware : at + 18 + hardware] == ARPHRD_TUNNEL.to_bytes(2, "big"):
            kept += source[at:end]
        at = end
    (tmp_path / "node3_any.pcap").write_bytes(kept)
    report = triage([str(tmp_path)], state=[])
    told = standing(report)
    assert report.packets == 20
    assert (told.kind, told.word) == ("undecided", "UNDECIDED")
    assert "ipipscope capture eth1 tunl0" in told.said


def test_pods_interfaces_alone_show_neither_ipip_nor_its_absence(tmp_path):
    for source in (CASES / "healthy" / "captures").glob("*_cali*"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    report = triage([str(tmp_path)], state=[])
    told = standing(report)
    assert (report.answered, report.exchanges) == (10, 10)
    assert (told.kind, told.word) == ("undecided", "UNDECIDED")
    assert "ipipscope capture eth1 tunl0" in told.said


@pytest.mark.parametrize("arguments", [["triage"], ["triage", "--format", "md"], ["triage", "-q"], ["audit"]])
def test_where_nothing_could_be_read_there_is_the_error_and_no_verdict(tmp_path, arguments):
    done = CliRunner().invoke(app, [*arguments, str(tmp_path / "missing.pcap")])
    assert done.exit_code == 3
    assert done.stdout == ""
    assert "missing.pcap" in done.stderr
