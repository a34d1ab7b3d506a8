"""The catalogue holds every message, nothing else, and the same placeholders."""

import gettext
import io
import json
import shutil
import subprocess

import pytest

from ipipscope.language.po import messages as read
from tests.language.catalogue import FILES, written
from tests.language.messages import messages, placeholders

TO_DO = (
    "\n\nA message was added or reworded. Run `python -m tests.language`: it brings the catalogue up to date and lists "
    "what is\nto be translated. Write the translations into {file} (its head has a glossary; placeholders in "
    "{{braces}} stay\nas they are), and commit the file. Who cannot write the language asks for it in the pull request."
)


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def catalogue(request):
    return request.param


def test_no_message_lacks_its_translation(catalogue):
    translated = read(catalogue.read_text())
    lacking = [single for single, _ in messages() if single not in translated]
    assert not lacking, TO_DO.format(file=catalogue)


def test_no_translation_is_left_of_what_is_no_longer_said(catalogue):
    said = {each for message in messages() for each in message}
    assert not read(catalogue.read_text()).keys() - said, TO_DO.format(file=catalogue)


def test_translations_hold_the_placeholders_of_their_message(catalogue):
    translated = read(catalogue.read_text())
    assert {each: placeholders(text) for each, text in translated.items()} == {
        each: placeholders(each) for each in translated
    }


def test_a_catalogue_stands_in_the_order_of_the_source(catalogue):
    text = catalogue.read_text()
    assert text == written(text, read(text)), TO_DO.format(file=catalogue)


def test_what_is_quoted_to_be_typed_stays_as_it_is(catalogue):
    for english, text in read(catalogue.read_text()).items():
        assert sorted(english.split("`")[1::2]) == sorted(text.split("`")[1::2]), english


@pytest.mark.skipif(shutil.which("msgfmt") is None, reason="gettext is not at hand")
def test_gettext_reads_a_catalogue_as_we_do(catalogue):
    made = subprocess.run(
        ["msgfmt", "--check-format", "--check-header", "--check-domain", "-o", "-", catalogue],
        capture_output=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr.decode()
    theirs = gettext.GNUTranslations(io.BytesIO(made.stdout))
    ours = read(catalogue.read_text())
    assert ours
    for single, plural in messages():
        want = theirs.gettext(single) if plural is None else theirs.ngettext(single, plural, 2)
        assert ours[single] == want
        assert json.loads(json.dumps(want)) == want


def test_a_line_that_is_no_entry_is_named():
    with pytest.raises(ValueError, match="line 2 of the catalogue"):
        read('msgid "a"\nwhat "b"\n')
