"""Reports in Chinese: as they were last read by eye, aligned, and with no sentence left in English."""

import io
import re
import unicodedata

import pytest
from wcwidth import wcswidth

from ipipscope.analysis import analyse
from ipipscope.language.told import writing_in
from ipipscope.report.html_page import write_html
from ipipscope.report.terminal import write_text
from tests.conftest import KERNEL_CASES
from tests.language.reports import CASES, GOLDEN, ROOT, outputs, written

AGAIN = "changed: run `python -m tests.language`, and read what changed with `git diff`"
RECORDED = sorted(case for folder in KERNEL_CASES if folder.is_dir() for case in folder.iterdir() if case.is_dir())
COPIED = re.compile(r"ip -?\w|ip\.addr|kubectl|calicoctl|tcpdump|dumpcap|iptables|sysctl|nft|tc |ping|\.pcap|▶")
"""Commands, filters and lines of configuration are never folded."""
SENTENCE = re.compile(r"\b[A-Za-z]{2,}( [a-z]{2,}){3,}")
"""Four words of English, and no terms of the kernel's such as `fragmentation needed`."""


@pytest.fixture(scope="module")
def golden():
    return dict(outputs())


def test_chinese_reports_are_as_they_were_last_read(golden):
    expected = {path.name: path.read_text(encoding="utf-8") for path in GOLDEN.iterdir()}
    changed = sorted(name for name in expected.keys() | golden.keys() if expected.get(name) != golden.get(name))
    assert not changed, AGAIN


def test_every_line_fits_the_terminal_but_what_is_copied_and_the_verdict(golden):
    for name, text in golden.items():
        if name.endswith("quiet.txt") or not name.endswith(".txt"):
            continue
        for line in text.splitlines()[1:]:
            assert wcswidth(line) <= 80 or COPIED.search(line), line


def test_what_stands_behind_labels_begins_in_one_column(golden):
    for name, text in golden.items():
        if name.endswith("quiet.txt") or "ladder" in name or not name.endswith(".txt"):
            continue
        for line in text.splitlines():
            label = re.match(r"  ([\u4e00-\u9fff]+)( +)(?=[^ ])", line)
            if label and line[2] != "●" and "●" not in line:
                assert wcswidth(label[0]) == 13, line


def test_interfaces_stand_over_their_marks(golden):
    """The picture of the path: what is wide in it moves nothing else."""
    text = golden["case-1-reply-not-encapsulated.zh_CN.txt"].splitlines()
    place = next(number for number, line in enumerate(text) if "┌─" in line)
    names, request = text[place + 1], text[place + 2]
    for name in ("tunl0", "eth1"):
        for found in re.finditer(name, names):
            at = wcswidth(names[: found.start()])
            marks = [column for column, each in _columns(request) if each == "●" and at <= column < at + len(name)]
            assert len(marks) == 1, (names, request)


def _columns(line):
    column = 0
    for each in line:
        yield column, each
        column += 2 if unicodedata.east_asian_width(each) in "WF" else 1


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case.name)
def test_no_sentence_of_a_report_is_left_in_english(case):
    report = analyse([str(case)], keep=True).report
    with writing_in("zh_CN"):
        text = written(write_text, report, width=400, verbose=True)
    for line in text.splitlines():
        assert COPIED.search(line) or not SENTENCE.search(re.sub(r"`[^`]*`", "", line)), line


def test_the_page_says_its_language_and_leaves_no_sentence_in_english():
    analysis = analyse([str(ROOT / "captures" / CASES[0])], keep=True)
    out = io.StringIO()
    with writing_in("zh_CN"):
        write_html(analysis.report, out, analysis)
    page = out.getvalue()
    assert '<html lang="zh-CN">' in page
    shown = re.sub(r"<(style|script)[^>]*>.*?</\1>", "", page, flags=re.DOTALL)
    labels = re.findall(r'(?:aria-label|placeholder|data-[a-z-]+)="([^"]*)"', shown)
    for text in [*re.findall(r">([^<>]+)<", shown), *labels]:
        assert COPIED.search(text) or not SENTENCE.search(text), text
