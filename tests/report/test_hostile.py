"""Text from packets, file names and hosts does nothing but be read, in every format."""

from __future__ import annotations

import dataclasses
import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ipipscope.analysis import analyse, triage
from ipipscope.cli.program import app
from ipipscope.errors import UsageError
from ipipscope.report.ladder import ladder
from ipipscope.report.ladder_text import write_ladder
from ipipscope.report.lines import cells, fold, write_lines
from ipipscope.report.markdown import write_markdown
from ipipscope.report.terminal import write_text
from tests import written
from tests.report.golden import ROOT

CASE = ROOT / "captures" / "case-2-outer-source-mismatch"
HOSTILE = {
    "HTML": "<script>alert(1)</script><img src=x onerror=alert(1)>&lt;b&gt;",
    "ANSI": "\x1b[31m\x1b]0;title\x07\x1b[2J\x9b31m\r\b\x7f",
    "right to left": "\u202etxet\u2066\u200f\u061c",
    "newlines": "a\nb\r\nc\u2028d\x85e",
    "Markdown": "# head\n* item | cell ``` [x](http://evil.example) ![i](//evil) <details> **b** `c` @all www.evil.org",
    "list": "- item",
    "number": "1. item",
    "long": "A" * 100_000,
    "wide": "网络" * 60_000,
    "surrogates": "\udcff\ud800",
}
FORBIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\u061c]")


def replaced(value, text):
    """The same value with every piece of foreign text in it replaced."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kept = {"code", "rule", "protocol", "link_types", "consequences"}
        changed = {
            field.name: replaced(getattr(value, field.name), text)
            for field in dataclasses.fields(value)
            if field.init and field.name not in kept
        }
        return dataclasses.replace(value, **changed)
    if isinstance(value, tuple):
        return tuple(replaced(each, text) for each in value)
    return text if type(value) is str else value


@pytest.fixture(scope="module")
def report():
    return triage([str(CASE)])


def output(write, report, **options):
    out = io.StringIO()
    write(report, out, **options)
    return out.getvalue()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("options", [{}, {"verbose": True}, {"quiet": True}, {"unicode": False}, {"width": 20}])
def test_a_terminal_shows_hostile_text_as_text(report, text, options):
    out = output(write_text, replaced(report, text), **options)
    assert not FORBIDDEN.search(out)
    assert len(out) < 400_000
    out.encode("ascii" if options.get("unicode") is False else "utf-8")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_colour_adds_no_escape_but_its_own(report, text):
    out = output(write_text, replaced(report, text), colour=True, width=100)
    assert not FORBIDDEN.search(re.sub(r"\x1b\[[0-9;]*m", "", out))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_markdown_shows_hostile_text_as_text(report, text):
    out = output(write_markdown, replaced(report, text))
    assert not FORBIDDEN.search(out)
    html = MarkdownIt("commonmark").enable("table").render(out)
    tags = set(re.findall(r"<(/?[a-z0-9]+)", html.lower()))
    plain = output(write_markdown, replaced(report, "x"))
    usual = set(re.findall(r"<(/?[a-z0-9]+)", MarkdownIt("commonmark").enable("table").render(plain).lower()))
    assert tags <= usual
    assert "href" not in html
    assert "http://" not in re.sub(r"<(code|pre).*?</\1>", "", html, flags=re.DOTALL) or "\\:" in out


def test_a_capture_with_hostile_interface_names_is_shown_as_text(tmp_path, capsys):
    section = written.Section()
    name = HOSTILE["ANSI"] + HOSTILE["HTML"] + HOSTILE["right to left"]
    packet = written.ethernet(0x0800, written.Ipv4()(written.echo()))
    octets = section.header() + section.interface(options={2: name.encode(), 3: name.encode(), 9: b"\x06"})
    octets += section.enhanced(written.Written(packet), {1: name.encode()})
    path = tmp_path / "node1.pcapng"
    path.write_bytes(octets)
    for words in (["triage", str(path), "-v"], ["triage", str(path), "--format", "md"]):
        app(words, standalone_mode=False)
    for words in (["show", str(path), "--exchange", "1"], ["show", "--frame", f"{path}:1"]):
        app(words, standalone_mode=False)
    out = capsys.readouterr().out
    assert not FORBIDDEN.search(out)
    assert out


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_ladder_shows_hostile_text_as_text(text):
    drawn = ladder(analyse([str(CASE)], keep=True), 3)
    hops = tuple(dataclasses.replace(hop, node=text, interface=text) for hop in drawn.exchange.places)
    rungs = tuple(dataclasses.replace(rung, hop=hops[0], file=text, column=rung.column) for rung in drawn.rungs)
    out = io.StringIO()
    write_lines(write_ladder(dataclasses.replace(drawn, rungs=rungs), 80, 20), out, colour=False, unicode=True)
    assert not FORBIDDEN.search(out.getvalue())


def test_explain_of_hostile_text_names_it_harmlessly():
    with pytest.raises(UsageError):
        app(["explain", HOSTILE["ANSI"]], standalone_mode=False)


@given(text=st.text(max_size=300), width=st.integers(min_value=2, max_value=90))
@settings(max_examples=200, deadline=None)
def test_folding_keeps_every_word_and_the_width(text, width):
    lines = fold(text, width)
    assert all(cells(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
