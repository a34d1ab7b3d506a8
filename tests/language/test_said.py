"""What is said is English, and is told in the language that is being written."""

import pickle

import pytest

from ipipscope.errors import UsageError
from ipipscope.language import told as telling
from ipipscope.language.said import Said, counted, joined, say, say_of
from ipipscope.language.told import asked_for, of_locale, told, writing_in

TRANSLATIONS = {
    "{replies} never leave {node}": "{node} 没有发出 {replies}",
    "{count} replies": "{count} 个应答",
    " and ": "和",
    "the tunnel": "隧道",
}


@pytest.fixture
def chinese(monkeypatch):
    monkeypatch.setattr(telling, "translations", lambda _: TRANSLATIONS)
    with writing_in("zh_CN"):
        yield


def replies(count):
    return say("{replies} never leave {node}", replies=counted(count, "reply", "replies"), node="the tunnel")


def test_what_is_said_is_english_text():
    assert replies(2) == "2 replies never leave the tunnel"
    assert replies(1) == "1 reply never leave the tunnel"
    assert isinstance(replies(1), str)


def test_english_is_told_as_it_was_said():
    assert told(replies(2)) == "2 replies never leave the tunnel"


@pytest.mark.usefixtures("chinese")
def test_sentences_are_told_in_the_language_that_is_being_written():
    assert told(replies(2)) == "the tunnel 没有发出 2 个应答"


@pytest.mark.usefixtures("chinese")
def test_names_are_never_translated_even_where_they_read_like_a_message():
    assert told("the tunnel") == "the tunnel"
    assert told(joined(" and ", ["the tunnel", say("the tunnel")])) == "the tunnel和隧道"


@pytest.mark.usefixtures("chinese")
def test_what_the_catalogue_lacks_stays_english():
    assert told(say("{count} of them", count=counted(2, "reply", "replies"))) == "2 个应答 of them"


def test_values_with_braces_are_values():
    assert say("see {line}", line="{x} {0}") == "see {x} {0}"
    assert told(say("{x} stays, without values")) == "{x} stays, without values"


def test_the_language_is_what_it_was_after_writing_in_another():
    with writing_in("zh_CN"), writing_in("en"):
        pass
    assert telling.written_in() == "en"


def test_what_was_said_can_be_said_again_in_another_process():
    said = pickle.loads(pickle.dumps(replies(2)))
    assert (said, said.template, said.values) == (replies(2), replies(2).template, replies(2).values)
    assert isinstance(said.values["replies"], Said)


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("zh", "zh_CN"),
        ("zh_CN", "zh_CN"),
        ("zh-Hans", "zh_CN"),
        ("zh_CN.UTF-8", "zh_CN"),
        ("en", "en"),
        ("en_GB", "en"),
    ],
)
def test_languages_go_by_their_usual_names(name, language):
    assert asked_for(name) == language


@pytest.mark.parametrize("name", ["de", "zh_TW", "", "english?"])
def test_a_language_that_we_do_not_have_is_refused_and_those_we_have_are_named(name):
    with pytest.raises(UsageError, match="en and zh_CN"):
        asked_for(name)


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "zh_CN.gb18030"}, "zh_CN"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh_CN"),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": "en:zh"}, "en"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "de:zh_CN"}, "zh_CN"),
        ({"LANG": "C", "LANGUAGE": "zh_CN"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "zh_TW.UTF-8"}, "en"),
    ],
)
def test_the_locale_names_the_language_as_posix_and_gettext_say(monkeypatch, locale, language):
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in locale.items():
        monkeypatch.setenv(name, value)
    assert of_locale() == language


def test_one_thing_has_a_sentence_of_its_own():
    assert say_of(1, "{count} reply leaves {node}", "{count} replies leave {node}", node="n1") == "1 reply leaves n1"
    assert say_of(2, "{count} reply leaves {node}", "{count} replies leave {node}", node="n1") == "2 replies leave n1"
