"""The manual tells the truth: what it prints is what the program prints, and nothing is left unexplained.

`python -m tests.test_docs` runs every console example again and writes what it prints; then read `git diff`.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.pages import commands_of_the_program, pages
from ipipscope.rules.catalogue import RULES

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
AGAIN = "run `python -m docs.pages` and `python -m tests.test_docs`, and read what changed with `git diff`"
COMMANDS = {command.name: command for command in commands_of_the_program()}


def run(command: str) -> str:
    """What the command prints, as in a shell in the checkout, piped."""
    places = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {
        **os.environ,
        "PATH": places,
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "COLUMNS": "80",
    }
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


def again(block: str) -> str:
    """A console block as it should be: each command with what it prints now."""
    commands = [line for line in block.splitlines() if line.startswith("$ ")]
    return "".join(f"{command}\n{run(command[2:])}" for command in commands)


def blocks(page: Path, language: str) -> list[str]:
    return [body for kind, body in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_console_examples_print_what_the_page_says(page):
    for block in blocks(page, "console"):
        assert block.startswith("$ ")
        assert block == again(block), AGAIN


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_shell_examples_are_shell_and_name_options_that_exist(page):
    for block in blocks(page, "sh"):
        subprocess.run(["bash", "-n"], input=block, text=True, check=True, timeout=10)
        for line in block.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words = list(lexer)
            for place in (place for place, word in enumerate(words[:-1]) if word == "ipipscope"):
                end = next((n for n, word in enumerate(words) if n > place and word in {"|", ";", "&", "&&"}), None)
                name, *rest = words[place + 1 : end]
                if name.startswith("-"):
                    continue
                assert name in COMMANDS, line
                known = {option for each in COMMANDS[name].parameters for option in each.names} | {"--help", "-h"}
                assert {word.partition("=")[0] for word in rest if word.startswith("-") and word != "-"} <= known, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_examples_run(page):
    for block in blocks(page, "python"):
        subprocess.run([sys.executable, "-c", block], cwd=ROOT, check=True, timeout=60, capture_output=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("name", sorted(pages()))
def test_pages_made_from_the_program_are_current(name):
    made = (ROOT / "docs" / name).read_text(encoding="utf-8")
    expected = pages()[name]
    if name == "json-report.md":  # its console example is filled in by running it
        made, expected = (re.sub(r"(\$ .*\n)[^`]*", r"\1", text) for text in (made, expected))
    assert made == expected, AGAIN


TEXTS = ("seen", "meaning", "looks", "causes", "mend", "disproved_by", "capture_next")
"""What a rule tells people; its source may be that of its neighbours, too."""


def test_every_rule_says_everything():
    for rule in RULES.values():
        told = (*(getattr(rule, name) for name in TEXTS), rule.source)
        assert all(len(text) > 15 for text in told), rule.code


@pytest.mark.parametrize("name", TEXTS)
def test_no_rule_has_its_text_from_another(name):
    said = [getattr(rule, name) for rule in RULES.values()]
    assert len(said) == len(set(said))


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_no_text_of_a_rule_says_what_another_of_its_texts_says(rule):
    assert len({getattr(rule, name) for name in TEXTS}) == len(TEXTS)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_explain_prints_every_text_of_a_rule(rule):
    printed = " ".join(run(f"ipipscope explain {rule.code}").split())
    assert all(" ".join(getattr(rule, name).split()) in printed for name in TEXTS)


def test_every_command_and_option_is_explained():
    for name, command in COMMANDS.items():
        assert command.text, name
        assert command.examples, name
        for parameter in command.parameters:
            assert parameter.help, f"{name} {parameter.written}"


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_fits_80_columns_and_prints_no_colour_into_a_pipe(name):
    text = run(f"ipipscope {name} --help")
    assert "Usage:" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_written(shell):
    assert "ipipscope" in run(f"_IPIPSCOPE_COMPLETE=source_{shell} ipipscope")


def test_completion_knows_the_commands():
    found = run("_IPIPSCOPE_COMPLETE=complete_bash COMP_WORDS='ipipscope tri' COMP_CWORD=1 ipipscope")
    assert found.split() == ["triage"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("ipipscope expl", {"explain"}),
        ("ipipscope triage --anno", {"--annotate", "--annotate-all"}),
        ("ipipscope audit --format ht", {"html"}),
        ("ipipscope triage --lang zh", {"zh_CN"}),
        ("ipipscope explain IPIP40", {"IPIP401", "IPIP402"}),
        ("ipipscope explain outer-s", {"outer-source-mismatch"}),
    ],
)
def test_bash_completes_commands_options_and_their_values(words, found):
    script = (
        'eval "$(_IPIPSCOPE_COMPLETE=source_bash ipipscope)"\n'
        f"COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n"
        '_ipipscope_completion ipipscope "${COMP_WORDS[COMP_CWORD]}"; echo "${COMPREPLY[@]}"'
    )
    assert set(run(script).split()) == found


def test_making_the_pages_keeps_what_their_examples_print(tmp_path, monkeypatch):
    from docs import pages as generator

    for name in pages():
        shutil.copy(ROOT / "docs" / name, tmp_path / name)
    monkeypatch.setattr(generator, "HERE", tmp_path)
    generator.main()
    for name in pages():
        assert (tmp_path / name).read_text(encoding="utf-8") == (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
def test_the_man_page_is_formatted_without_a_warning():
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80", "MAN_KEEP_FORMATTING": ""}
    command = ["man", "--warnings", "-l", "docs/ipipscope.1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True, env=environment)
    assert "ipipscope triage" in done.stdout
    assert not done.stderr


if __name__ == "__main__":
    for each in PAGES:
        old = each.read_text(encoding="utf-8")
        new = BLOCK.sub(lambda found: f"```console\n{again(found[2])}```" if found[1] == "console" else found[0], old)
        each.write_text(new, encoding="utf-8")
