"""A case made anonymous: the same verdicts, none of its addresses, names and payloads."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from ipipscope import analyse
from ipipscope.anonymize.addresses import KEPT, Addresses
from ipipscope.anonymize.case import anonymize, key_of
from ipipscope.anonymize.names import Names
from ipipscope.capture.files import find
from ipipscope.errors import InputError, UsageError
from ipipscope.hosts.reading import read_state

CAPTURES = Path(__file__).parents[2] / "captures"
CASES = sorted(
    str(path.parent.relative_to(CAPTURES))
    for place in ("*", "rules/*")
    for path in CAPTURES.glob(f"{place}/truth.json")
)
KEY = bytes(range(32))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Each case's anonymous copy, made once."""
    made: dict[str, Path] = {}

    def copy(case: str) -> Path:
        if case not in made:
            made[case] = tmp_path_factory.mktemp("shared") / "copy"
            anonymize([str(CAPTURES / case)], made[case], key=KEY)
        return made[case]

    return copy


def told(path: Path, names: Names | None = None, *, state: bool = True) -> tuple[object, ...]:
    """What triage says, with nodes and interfaces named as *names* would."""
    report = analyse([str(path)], state=None if state else []).report
    findings = [
        (f.code, f.impact, f.confidence, f.count, f.first, f.last, f.consequences, len(f.flows), len(f.remedy))
        + (names.node(f.node) if names and f.node else f.node,)
        + (names.interface(f.interface) if names and f.interface else f.interface,)
        + ((f.cause.cls, f.cause.config is None) if f.cause else ())
        for f in report.findings
    ]
    counts = (report.packets, report.encapsulated, report.exchanges, report.answered, report.unanswered)
    points = sorted((str(p.role), p.packets, tuple(sorted(p.kinds.items()))) for p in report.points)
    # Several findings of the same weight are put in the order of nodes' names.
    first = findings[0][:3] if findings else None
    return first, sorted(findings, key=str), counts, report.undecided, points


def identifying(case: Path) -> tuple[set[bytes], set[str]]:
    """Octets and texts of a case that must not be found in its copy: addresses, MAC addresses, names."""
    snapshots = read_state([str(case / "state")]).snapshots.values() if (case / "state").exists() else ()
    v4 = {str(held.address) for snapshot in snapshots for held in snapshot.addresses}
    names = {snapshot.node for snapshot in snapshots}
    macs = {link.mac for snapshot in snapshots for link in snapshot.links if link.mac and link.mac.count(":") == 5}
    names |= {link.name for snapshot in snapshots for link in snapshot.links if link.name.startswith(("cali", "veth"))}
    for text in (case / "truth.json", case / "ping.txt"):
        if text.exists():
            v4 |= set(re.findall(r"\b\d{1,3}(?:\.\d{1,3}){3}\b", text.read_text()))
    report = analyse([str(case)]).report
    v4 |= {str(each) for f in report.findings for flow in f.flows for each in (flow.src, flow.dst)}
    names |= {point.point.node for point in report.points}
    v4 = {each for each in v4 if not any(IPv4Address(each) in network for network in KEPT)}
    macs -= {"ff:ff:ff:ff:ff:ff", "ee:ee:ee:ee:ee:ee", "00:00:00:00:00:00"}
    octets = {IPv4Address(address).packed for address in v4} | {bytes.fromhex(mac.replace(":", "")) for mac in macs}
    return octets, v4 | macs | names


@pytest.mark.parametrize("state", [True, False], ids=["state", "no-state"])
@pytest.mark.parametrize("case", CASES)
def test_the_same_triage_says_the_same(shared, case, state):
    assert told(shared(case), state=state) == told(CAPTURES / case, Names(Addresses(KEY)), state=state)


@pytest.mark.parametrize("case", CASES)
def test_no_address_and_no_name_of_the_original_is_left(shared, case):
    octets, texts = identifying(CAPTURES / case)
    assert octets
    assert texts
    for file in (path for path in shared(case).rglob("*") if path.is_file()):
        assert not [text for text in texts if text in file.name]
        whole = file.read_bytes()
        found = [each for each in octets if each in whole or each[::-1] in whole]
        found += [
            text
            for text in texts
            if re.search(rb"(?<![0-9A-Za-z.])" + re.escape(text.encode()) + rb"(?![0-9A-Za-z])", whole)
        ]
        assert found == [], file.name


def test_no_payload_is_left(shared):
    original = b"".join(path.read_bytes() for path in (CAPTURES / "healthy").rglob("*.pcap*"))
    pattern = bytes(range(0x10, 0x38))  # what ping sends behind its time stamp
    assert pattern in original
    for file in shared("healthy").glob("*.pcapng"):
        whole = file.read_bytes()
        assert not [start for start in range(0, 24, 4) if pattern[start : start + 16] in whole]


def test_the_report_of_the_copy_names_nothing_of_the_original(shared):
    import io

    from ipipscope.report.json_report import write_json
    from ipipscope.report.terminal import write_text

    case = "case-2-outer-source-mismatch"
    _, texts = identifying(CAPTURES / case)
    report = analyse([str(shared(case))]).report
    out = io.StringIO()
    write_text(report, out, verbose=True)
    write_json(report, out)
    assert not [
        text for text in texts if re.search(rf"(?<![0-9A-Za-z.]){re.escape(text)}(?![0-9A-Za-z])", out.getvalue())
    ]


@pytest.mark.parametrize("form", ["text", "json", "md", "html"])
def test_triage_with_anonymize_names_nothing_of_the_original(tmp_path, form):
    case = CAPTURES / "case-1-reply-not-encapsulated"
    _, texts = identifying(case)
    (tmp_path / "key").write_text("0" * 64)
    command = [
        sys.executable,
        "-c",
        "from ipipscope.cli import main; main()",
        "triage",
        str(case),
        "--anonymize",
        "--key",
        str(tmp_path / "key"),
    ]
    told = subprocess.run([*command, "--format", form], capture_output=True, text=True, check=False)
    assert told.returncode == 1, told.stderr
    assert "reply-not-encapsulated" in told.stdout
    said = told.stdout + told.stderr
    assert not [text for text in texts if re.search(rf"(?<![0-9A-Za-z.]){re.escape(text)}(?![0-9A-Za-z])", said)]


def test_the_same_key_gives_the_same_octets_and_another_gives_others(tmp_path):
    case = CAPTURES / "healthy"
    key = key_of(tmp_path / "key")
    assert key == key_of(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    for name, used in (("one", key), ("two", key), ("three", key_of(None))):
        anonymize([str(case)], tmp_path / name, key=used)
    contents = [
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        for name in ("one", "two", "three")
    ]
    assert contents[0] == contents[1]
    assert contents[0].keys() != contents[2].keys()


def test_routes_still_lead_where_they_led(shared):
    before = read_state([str(CAPTURES / "case-1-reply-not-encapsulated" / "state")]).snapshots
    after = read_state([str(shared("case-1-reply-not-encapsulated") / "state")]).snapshots
    assert len(before) == len(after)

    def shape(snapshots):
        return sorted(
            sorted(
                (
                    r.destination.prefixlen,
                    r.type,
                    r.table,
                    r.flags,
                    sum(a.address in r.destination for s in snapshots.values() for a in s.addresses),
                )
                for r in snapshot.routes
            )
            for snapshot in snapshots.values()
        )

    assert shape(before) == shape(after)


def test_a_folder_that_holds_something_is_not_written_into(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("keep")
    with pytest.raises(UsageError, match="not empty"):
        anonymize([str(CAPTURES / "healthy")], tmp_path / "full", key=KEY)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]


def test_a_short_key_is_refused(tmp_path):
    (tmp_path / "key").write_text("secret")
    with pytest.raises(InputError, match="too short"):
        key_of(tmp_path / "key")


def test_a_damaged_file_is_copied_as_far_as_it_goes_and_said_without_its_name(tmp_path):
    case = tmp_path / "case"
    case.mkdir()
    source = CAPTURES / "case-1-reply-not-encapsulated" / "captures" / "node3_eth1.pcap"
    (case / "secrethost_eth1.pcap").write_bytes(source.read_bytes()[:-7])
    done = anonymize([str(case)], tmp_path / "copy", key=KEY)
    assert done.packets == 29
    assert done.problems
    assert "secrethost" not in " ".join(map(str, done.problems))


def test_tshark_finds_whole_headers_and_right_checksums(shared):
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed: `make system` installs it")
    for file in shared("case-1-reply-not-encapsulated").glob("*.pcapng"):
        command = ["tshark", "-r", str(file), "-o", "ip.check_checksum:TRUE", "-Y"]
        wrong = "ip.checksum.status == Bad || _ws.malformed && !ipv6"
        told = subprocess.run([*command, wrong], capture_output=True, text=True, check=True).stdout
        assert told == ""


def test_files_are_found_as_points_of_the_same_roles(shared):
    files, _ = find([str(shared("case-1-reply-not-encapsulated"))])
    assert json.dumps(len(files)) == "10"
