"""The commands in the language that was asked for."""

import json
import os

import pytest

from ipipscope.rules.catalogue import RULES
from tests.cli.running import CAPTURES, run

CASE = CAPTURES / "case-1-reply-not-encapsulated"
CHINESE_LOCALE = {**{k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG"))}, "LANG": "zh_CN.UTF-8"}


def is_chinese(text):
    return any("\u4e00" <= each <= "\u9fff" for each in text)


@pytest.mark.parametrize("options", [{"env": CHINESE_LOCALE}, {}])
def test_rules_are_explained_in_the_language_of_the_locale_or_of_lang(options):
    words = ["explain", "IPIP101"] if options else ["explain", "IPIP101", "--lang", "zh"]
    done = run(*words, **options)
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode()
    assert text.startswith("IPIP101 reply-not-encapsulated\n")
    assert is_chinese(text)
    assert RULES["IPIP101"].seen not in text


def test_lang_comes_before_the_locale():
    done = run("explain", "--lang", "en", env=CHINESE_LOCALE)
    assert not is_chinese(done.stdout.decode())


def test_a_language_that_we_do_not_have_is_a_usage_error():
    done = run("explain", "--lang", "tlh")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"en and zh_CN" in done.stderr


def sentences(report):
    finding = report["findings"][0]
    told = [finding["summary"], finding["disproved_by"]]
    return told + [evidence["what"] for evidence in finding["evidence"]]


def words_for_programs(value):
    if isinstance(value, dict):
        prose = {"summary", "disproved_by", "what", "text", "why", "risk", "undo", "next_captures", "notes", "counters"}
        return {k: words_for_programs(v) for k, v in value.items() if k not in prose or isinstance(v, dict)}
    return [words_for_programs(each) for each in value] if isinstance(value, list) else value


def test_json_is_english_whatever_the_locale_says_and_in_another_language_when_asked():
    english, of_locale, asked = (
        json.loads(run("triage", CASE, "--format", "json", *words, **options).stdout)
        for words, options in (([], {}), ([], {"env": CHINESE_LOCALE}), (["--lang", "zh_CN"], {}))
    )
    assert of_locale == english
    assert not any(map(is_chinese, sentences(english)))
    assert all(map(is_chinese, sentences(asked)))
    assert words_for_programs(asked) == words_for_programs(english)


def test_what_cannot_be_read_is_told_in_the_language_that_was_asked_for(tmp_path):
    missing = tmp_path / "missing.pcap"
    done = run("triage", missing, "--lang", "zh")
    assert done.returncode == 3
    assert done.stderr.decode() == f"ipipscope: {missing}：没有这个文件或文件夹。请检查名称。\n"


def test_findings_are_told_in_chinese_while_a_capture_is_replayed():
    done = run("capture", "-r", CASE, "--lang", "zh")
    opened = done.stderr.decode().splitlines()[0]
    assert "IPIP101 reply-not-encapsulated" in opened
    assert is_chinese(opened)


def test_ndjson_of_a_capture_is_english_whatever_the_locale_says():
    words = ["capture", "-r", CASE, "--format", "ndjson"]
    english, of_locale = run(*words).stdout, run(*words, env=CHINESE_LOCALE).stdout
    assert english == of_locale
    assert english


@pytest.mark.parametrize(
    ("environment", "encoding"),
    [({"LC_ALL": "C"}, "utf-8"), ({"LC_ALL": "zh_CN.GB18030", "PYTHONIOENCODING": "gb18030"}, "gb18030")],
)
def test_where_the_locale_writes_no_unicode_only_the_drawing_is_plain(environment, encoding):
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
    text = run("triage", CASE, "--lang", "zh", env={**bare, **environment}).stdout.decode(encoding)
    assert text.startswith("丢失 reply-not-encapsulated")
    assert "\\u" not in text
    assert not set("●✗═┌┐▶") & set(text)
