"""The HTML report as text: what it holds, that it fetches nothing, and that foreign text stays text."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ipipscope import analyse
from ipipscope.audit_state import audit_of
from ipipscope.capture.files import find
from ipipscope.cli.program import app
from ipipscope.errors import InputError
from ipipscope.model import CapturePoint, Finding, Impact
from ipipscope.report.html_page import write_html
from ipipscope.report.model import Report
from tests.written import Written, pcap

CAPTURES = Path(__file__).parents[2] / "captures"
ADDRESSES = frozenset({"src", "href", "action", "srcset", "data", "poster", "formaction", "background"})
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>\u202e\x1b[31m"


class Page(HTMLParser):
    """Start tags with their attributes, and the text outside script and style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.inside: dict[str, str] = {}
        self._within = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._within = tag

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within in {"script", "style"}:
            self.inside[self._within] = data
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def page_of(*paths: str | Path, points: dict[str, CapturePoint] | None = None, state: list[str] | None = None) -> str:
    analysis = analyse([str(path) for path in paths], points=points, state=state, keep=True)
    out = io.StringIO()
    write_html(analysis.report, out, analysis)
    return out.getvalue()


@pytest.fixture(scope="module")
def html() -> str:
    return page_of(CAPTURES / "case-1-reply-not-encapsulated")


def test_the_page_begins_with_the_verdict_and_the_command_that_mends_it(html):
    text = Page(html).text
    verdict = text.index("reply-not-encapsulated on node3")
    mend = text.index("ip route replace 10.122.17.64/26 via 192.168.3.110 dev tunl0 proto bird onlink")
    assert verdict < mend < text.index("Paths")


def test_the_guilty_line_is_marked_among_its_neighbours(html):
    assert re.search(
        r'class="guilty"><mark class="skip">guilty line: </mark>10.122.17.64/26 via 10.122.127.128 dev tunl0<', html
    )
    assert "<span>10.122.124.128/26 via 192.168.0.111 dev tunl0 proto bird onlink</span>" in html


def test_the_outer_addresses_stand_on_the_arrows_and_the_missing_hop_is_said(html):
    assert "192.168.3.110 → 192.168.3.112</text>" in html
    assert "Reply at node3 eth1 missing, expected outer 192.168.3.112 to 192.168.3.110." in html


def test_the_page_names_nothing_to_fetch(html):
    page = Page(html)
    for _, attributes in page.tags:
        for name in ADDRESSES & attributes.keys():
            assert attributes[name].startswith(("#", "data:,")), attributes
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
    assert "@import" not in page.inside["style"]
    assert "url(" not in page.inside["style"]


def test_the_policy_allows_our_style_and_script_alone(html):
    page = Page(html)
    policy = next(a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    digests = {
        name: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for name, text in page.inside.items()
    }
    assert policy.split("; ")[:3] == [
        "default-src 'none'",
        f"style-src 'sha256-{digests['style']}'",
        f"script-src 'sha256-{digests['script']}'",
    ]


def test_every_id_is_there_once_and_every_reference_leads_somewhere(html):
    page = Page(html)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        named = f"{attributes.get('aria-labelledby') or ''} {attributes.get('for') or ''}".split()
        named += [attributes["href"][1:]] if (attributes.get("href") or "").startswith("#") else []
        assert set(named) <= set(ids)


def test_hostile_names_of_nodes_and_interfaces_stay_text():
    case = CAPTURES / "case-1-reply-not-encapsulated"
    files, _ = find([str(case / "captures")], None)
    points = {}
    for file in files:
        _, _, interface = Path(file.path).stem.partition("_")
        points[file.path] = CapturePoint(HOSTILE + Path(file.path).stem[:5], interface + HOSTILE)
    page = Page(page_of(case / "captures", points=points, state=[]))
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [attributes for tag, attributes in page.tags if tag == "img"]
    assert "alert(1)" in page.text
    assert "\u202e" not in page.text
    assert "\x1b" not in page.text


def test_hostile_host_state_stays_text(tmp_path):
    case = CAPTURES / "case-1-reply-not-encapsulated"
    shutil.copytree(case, tmp_path / "case")
    routes = tmp_path / "case" / "state" / "node3" / "ip_route.txt"
    for listing in routes.parent.glob("ip*route*"):
        if listing.suffix == ".json":
            listing.unlink()
    guilty = "10.122.17.64/26 via 10.122.127.128 dev tunl0"
    routes.write_text(routes.read_text() + f"blackhole 10.9.9.0/26 proto <script>alert(3)</script>{'x' * 100_000}\n")
    html = page_of(tmp_path / "case")
    page = Page(html)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert guilty in page.text
    assert len(html) < 1_000_000


def test_hostile_words_of_a_finding_stay_text():
    finding = Finding(
        code="IPIP101", rule="reply-not-encapsulated", impact=Impact.LOSS, confidence="certain", node=HOSTILE,
        interface=HOSTILE, count=1, first=1, last=2, summary=HOSTILE * 2000, display_filter=HOSTILE,
        consequences=(HOSTILE,), next_captures=(HOSTILE,),
    )  # fmt: skip
    report = analyse([str(CAPTURES / "healthy")]).report
    from dataclasses import replace

    from ipipscope.model import Confidence

    out = io.StringIO()
    write_html(replace(report, findings=(replace(finding, confidence=Confidence.CERTAIN),)), out)
    page = Page(out.getvalue())
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [attributes for tag, attributes in page.tags if tag == "img"]
    assert "\u202e" not in page.text


def test_an_audit_makes_a_page_too():
    done = audit_of([str(CAPTURES / "case-1-reply-not-encapsulated" / "state")])
    out = io.StringIO()
    write_html(done.report, out, snapshots=done.snapshots)
    page = Page(out.getvalue())
    assert "10.122.17.64/26 via 10.122.127.128 dev tunl0" in page.text
    assert "guilty line:" in page.text
    assert "ip route replace 10.122.17.64/26 via 192.168.3.110 dev tunl0 proto bird onlink" in page.text
    idents = {attributes.get("id") for _, attributes in page.tags}
    assert "hosts-table" in idents
    assert not idents & {"exchanges", "flows", "points", "time", "paths"}
    for node in done.report.nodes:
        assert node in page.text


@pytest.mark.parametrize("form", ["html", "md"])
def test_the_audit_command_writes_what_is_asked_for(form, tmp_path):
    state, written = CAPTURES / "case-1-reply-not-encapsulated" / "state", tmp_path / "audit"
    done = CliRunner().invoke(app, ["audit", str(state), "--format", form, "-o", str(written)])
    text = written.read_text(encoding="utf-8")
    assert done.exit_code == 1
    assert text.startswith("<!doctype html>" if form == "html" else "**LOSS reply-not-encapsulated on node3")
    assert "10.122.17.64/26" in text


def test_what_a_sentence_quotes_is_set_as_code_and_stays_text():
    problem = InputError("a.pcap", "holds `<script>` and <b>.", "Run `ipipscope --help`.")
    out = io.StringIO()
    nothing = dict.fromkeys(("packets", "encapsulated", "exchanges", "answered", "unanswered", "undecided"), 0)
    write_html(Report(points=(), findings=(), problems=(problem,), nodes=("n",), **nothing), out)
    assert "<code>&lt;script&gt;</code> and &lt;b&gt;." in out.getvalue()
    assert "<code>ipipscope --help</code>" in out.getvalue()


@pytest.mark.parametrize("case", sorted(path.parent.name for path in CAPTURES.glob("*/truth.json")))
def test_an_ordinary_case_stays_small(case):
    assert len(page_of(CAPTURES / case).encode()) < 1_000_000


def test_a_large_case_is_sampled_and_says_so(tmp_path):
    from scapy.layers.inet import ICMP, IP
    from scapy.layers.l2 import Ether

    def octets(reply: bool) -> bytearray:
        outer, inner = ("192.168.3.110", "192.168.3.112"), ("10.122.17.65", "10.122.127.129")
        if reply:
            outer, inner = outer[::-1], inner[::-1]
        outside = IP(src=outer[0], dst=outer[1], proto=4)
        inside = IP(src=inner[0], dst=inner[1]) / ICMP(type=0 if reply else 8, id=7)
        return bytearray(bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / outside / inside))

    request, reply, packets = octets(reply=False), octets(reply=True), []
    for number in range(3_000):
        for octets_, after in ((request, 0), (reply, 100)):
            octets_[-2:] = number.to_bytes(2, "big")
            if octets_ is request or number % 100:
                packets.append(Written(bytes(octets_), ticks=1_700_000_000_000_000 + number * 1_000 + after))
    (tmp_path / "node3_eth1.pcap").write_bytes(pcap(packets))
    html = page_of(tmp_path)
    page = Page(html)
    assert "1,000 of 3,000 exchanges, taken evenly" in page.text
    assert "of 3,000 exchanges are drawn" in page.text
    rows = [attributes for tag, attributes in page.tags if tag == "tr" and "data-verdict" in attributes]
    assert len(rows) == 1_000
    assert len({row["data-verdict"] for row in rows}) == 2
    assert len(html) < 1_000_000
