"""Bad input is normal input: one clear line each, status 3, everything readable still in the report."""

import json
import shutil
import struct

import pytest

from tests.cli.running import CAPTURES, run

CASE_1 = CAPTURES / "case-1-reply-not-encapsulated"
TUNL0 = CASE_1 / "captures" / "node3_tunl0.pcap"
ETH1 = CASE_1 / "captures" / "node3_eth1.pcap"


def triage(*words):
    done = run("triage", *words, "--format", "json")
    lines = done.stderr.decode().splitlines()
    return json.loads(done.stdout), lines, done.returncode


def packets(report, interface):
    return {point["interface"]: point["packets"] for point in report["capture_points"]}.get(interface)


def test_a_missing_file_is_named_and_what_is_readable_is_reported(tmp_path):
    report, lines, status = triage(tmp_path / "absent.pcap", TUNL0)
    assert status == 3
    assert len(lines) == 1
    assert "absent.pcap: no such file or directory." in lines[0]
    assert packets(report, "tunl0") == 40


def test_a_folder_without_captures_is_named(tmp_path):
    _, lines, status = triage(tmp_path)
    assert (status, len(lines)) == (3, 1)
    assert str(tmp_path) in lines[0]
    assert "no captures" in lines[0]


def test_an_empty_file_is_named(tmp_path):
    (tmp_path / "node1_eth0.pcap").touch()
    _, lines, status = triage(tmp_path / "node1_eth0.pcap")
    assert (status, len(lines)) == (3, 1)
    assert "empty" in lines[0]


def test_an_empty_file_in_a_folder_is_named_once(tmp_path):
    (tmp_path / "node1_eth0.pcap").touch()
    shutil.copy(TUNL0, tmp_path)
    report, lines, status = triage(tmp_path)
    assert (status, len(lines)) == (3, 1)
    assert packets(report, "tunl0") == 40


def test_a_text_file_is_no_capture(tmp_path):
    (tmp_path / "notes.txt").write_text("12:00:01 IP 10.0.0.1 > 10.0.0.2: ICMP echo request\n")
    _, lines, status = triage(tmp_path / "notes.txt")
    assert (status, len(lines)) == (3, 1)
    assert "not a capture" in lines[0]


@pytest.mark.parametrize("cut", [1, 8, 16, 20, 60])
def test_a_pcap_cut_in_a_record_says_where_and_keeps_the_rest(tmp_path, cut):
    whole = TUNL0.read_bytes()
    (tmp_path / "node3_tunl0.pcap").write_bytes(whole[:-cut])
    report, lines, status = triage(tmp_path / "node3_tunl0.pcap")
    assert (status, len(lines)) == (3, 1)
    assert "node3_tunl0.pcap" in lines[0]
    assert packets(report, "tunl0") == 39
    (problem,) = report["problems"]
    assert problem["frame"] == 40
    assert 0 < problem["offset"] < len(whole)


def test_a_pcapng_with_a_broken_block_says_where_and_keeps_the_rest(tmp_path):
    merged = next((CASE_1 / "merged").glob("*.pcapng"))
    octets = bytearray(merged.read_bytes())
    blocks, at = [], 0
    while at < len(octets):
        kind, length = struct.unpack_from("<II", octets, at)
        blocks.append((kind, at, length))
        at += length
    broken = [at for kind, at, _ in blocks if kind == 6][30]
    struct.pack_into("<I", octets, broken + 4, 0xFFFFFFF1)
    (tmp_path / "merged.pcapng").write_bytes(octets)
    report, lines, status = triage(tmp_path / "merged.pcapng")
    assert (status, len(lines)) == (3, 1)
    assert report["summary"]["packets"] >= 30
    assert report["problems"][0]["offset"] == broken


def test_an_unsupported_link_type_is_named_and_its_frames_are_counted(tmp_path):
    octets = bytearray(TUNL0.read_bytes())
    struct.pack_into("<I", octets, 20, 105)  # IEEE 802.11
    (tmp_path / "node3_wlan0.pcap").write_bytes(octets)
    report, lines, status = triage(tmp_path / "node3_wlan0.pcap", ETH1)
    assert (status, len(lines)) == (3, 1)
    assert "IEEE802_11" in lines[0]
    assert packets(report, "wlan0") == 40
    assert packets(report, "eth1") == 30


def test_a_file_that_may_not_be_read_is_named(tmp_path):
    (tmp_path / "fifo").mkdir()
    _, lines, status = triage(tmp_path / "fifo" / "x" / "y.pcap")
    assert (status, len(lines)) == (3, 1)


@pytest.mark.parametrize(
    "words",
    [
        ("triage", TUNL0, "--annotate", "{folder}/absent/out.pcapng"),
        ("triage", TUNL0, "--annotate", "{folder}"),
        ("triage", TUNL0, "--annotate", "/dev/full"),
        ("anonymize", TUNL0, "-o", "/proc/absent"),
    ],
)
def test_what_cannot_be_written_is_named_in_one_line(tmp_path, words):
    done = run(*(str(word).format(folder=tmp_path) for word in words))
    lines = done.stderr.decode().splitlines()
    assert done.returncode == 3
    assert len(lines) == 1
    assert "cannot be written" in lines[0]


def test_host_state_among_the_captures_is_taken_as_that(tmp_path):
    shutil.copytree(CASE_1 / "state", tmp_path / "ring.state")
    shutil.copy(TUNL0, tmp_path / "ring_00001_node3_tunl0.pcap")
    report, lines, status = triage(*sorted(tmp_path.iterdir()))
    assert (status, lines) == (1, [])
    assert report["findings"][0]["cause"]
    report, lines, status = triage(tmp_path / "ring.state")
    assert status == 3
    assert "no captures" in lines[0]


def test_an_audit_of_a_folder_without_host_state_says_so(tmp_path):
    (tmp_path / "notes.txt").write_text("buy milk\n")
    done = run("audit", tmp_path)
    assert done.returncode == 3
    assert done.stdout == b""
    assert "no host state in it" in done.stderr.decode()


def test_a_file_that_no_capture_is_called_is_answered_with_some_and_how_many_more():
    done = run("show", CASE_1, "--frame", "absent.pcap:1")
    line = done.stderr.decode()
    assert done.returncode == 2
    named = line.count(".pcap") - 1
    more = int(line.rpartition(" and ")[2].split()[0])
    assert named + more == len([*CASE_1.rglob("*.pcap"), *CASE_1.rglob("*.pcapng")])


def test_a_replay_takes_no_interfaces():
    done = run("capture", "-r", TUNL0, "eth1")
    assert done.returncode == 2
    assert "-r replays a file and takes no interfaces" in done.stderr.decode()
