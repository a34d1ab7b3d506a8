"""`ipipscope explain`: what a rule means."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ipipscope.cli.options import Lang, NoColor  # noqa: TC001  (typer reads annotations at run time)
from ipipscope.cli.output import opened, wants_colour, width, writes_unicode
from ipipscope.language.said import say
from ipipscope.language.told import told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipipscope.report.lines import Line
    from ipipscope.rules.rule import Rule

GROUPS: Final = {
    "1": say("Encapsulation"),
    "2": say("Outer addresses and ways"),
    "3": say("Delivery"),
    "4": say("Size"),
    "5": say("Translation"),
    "6": say("Over time"),
    "9": say("The capture itself"),
}
"""What rules with this first digit are about."""
WIDEST: Final = 96
"""Columns of running text: longer lines are hard to read."""


def _rules(begun: str) -> list[str]:
    """What a shell offers for RULE: codes, or names where one is begun."""
    from ipipscope.rules.catalogue import RULES  # noqa: PLC0415

    codes = [code for code in RULES if code.startswith(begun)]
    return codes or [rule.name for rule in RULES.values() if rule.name.startswith(begun)]


def explain(
    rule: Annotated[
        str | None,
        typer.Argument(
            metavar="[RULE]",
            help="A number or a name: IPIP101, 101, reply-not-encapsulated.",
            autocompletion=_rules,
        ),
    ] = None,
    lang: Lang = None,
    no_color: NoColor = False,
) -> None:
    """Say what a rule means, how it looks, what usually causes it and how to mend it; without RULE list all rules.

    Examples:
      ipipscope explain

      ipipscope explain IPIP101

      ipipscope explain outer-source-mismatch

    """
    from ipipscope.errors import UsageError  # noqa: PLC0415  (after --help)
    from ipipscope.report.lines import write_lines  # noqa: PLC0415
    from ipipscope.rules.catalogue import RULES, find_rule, like_rule  # noqa: PLC0415

    del lang  # its callback has set the language
    found = None
    if rule is not None:
        found = find_rule(rule)
        if found is None:
            close = like_rule(rule)
            meant = f"did you mean {' or '.join(close)}? " if close else ""
            raise UsageError(f"no rule {rule!r}: {meant}`ipipscope explain` lists them")
    columns = min(width(sys.stdout), WIDEST)
    lines = _listed(list(RULES.values()), columns) if found is None else _explained(found, columns)
    with opened(None) as out:
        write_lines(lines, out, colour=wants_colour(out, no_colour=no_color), unicode=writes_unicode(out))


def _listed(rules: list[Rule], columns: int) -> Iterator[Line]:
    from ipipscope.report.lines import fold  # noqa: PLC0415

    group = ""
    for rule in rules:
        if rule.code[4] != group:
            if group:
                yield []
            group = rule.code[4]
            yield [(told(GROUPS.get(group, say("Other"))), "bold")]
        yield [(f"  {rule.code}  ", ""), (rule.name, "bold")]
        yield from ([(f"           {line}", "")] for line in fold(told(say(rule.seen)), columns - 11))


def _explained(rule: Rule, columns: int) -> Iterator[Line]:
    from ipipscope.report.lines import fold  # noqa: PLC0415

    yield [(f"{rule.code} {rule.name}", "bold")]
    for title, text in (
        (say("Seen"), say(rule.seen)),
        (say("Meaning"), say(rule.meaning)),
        (say("How it looks"), say(rule.looks)),
        (say("Usual causes"), say(rule.causes)),
        (say("How to mend it"), say(rule.mend)),
        (say("What would disprove it"), say(rule.disproved_by)),
        (say("What to record next"), say(rule.capture_next)),
        (say("Source"), say(rule.source)),
    ):
        yield []
        yield [(told(title), "bold")]
        yield from ([(f"  {line}", "")] for line in fold(told(text), columns - 2))
