"""Every example of the page on the Python API, run in its order."""

import doctest
import re
import shutil
import sys

import pytest

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "python-api.md"


@pytest.mark.skipif(
    shutil.which("tshark") is None or sys.version_info >= (3, 14),
    reason="no tshark, or no pyshark for this Python",
)
def test_every_example_of_the_page_gives_what_it_says(monkeypatch):
    monkeypatch.chdir(ROOT)
    text = PAGE.read_text()
    parser, names = doctest.DocTestParser(), {}
    runner = doctest.DocTestRunner(optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    blocks = list(re.finditer(r"```pycon\n(.*?)```", text, re.DOTALL))
    assert len(blocks) > 8
    for block in blocks:
        line = text[: block.start()].count("\n") + 1
        test = parser.get_doctest(block[1], names, f"{PAGE.name}", str(PAGE), line)
        runner.run(test, clear_globs=False)
        names.update(test.globs)
    assert runner.summarize(verbose=False).failed == 0


def test_the_page_names_every_public_name():
    import ipipscope

    text = PAGE.read_text()
    unnamed = [name for name in ipipscope.__all__ if f"{name}" not in text and name not in {"__version__", "compiled"}]
    assert not unnamed
