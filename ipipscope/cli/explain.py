"""`ipipscope explain`: what a rule means."""

from __future__ import annotations

import sys
import textwrap
from typing import Annotated

import typer


def explain(
    rule: Annotated[str | None, typer.Argument(metavar="RULE", help="A number or a name, as IPIP101.")] = None,
) -> None:
    """Say what a rule means, how it looks, what usually causes it and how to mend it; without RULE list all rules."""
    from ipipscope.errors import UsageError  # noqa: PLC0415  (after --help)
    from ipipscope.rules.catalogue import RULES, find_rule  # noqa: PLC0415

    if rule is None:
        for each in RULES.values():
            sys.stdout.write(f"{each.code}  {each.name:<38}{each.seen}\n")
        return
    found = find_rule(rule)
    if found is None:
        raise UsageError(f"no rule {rule!r}; `ipipscope explain` lists them")
    sys.stdout.write(f"{found.code} {found.name}\n")
    for title, text in (
        ("Seen", found.seen),
        ("Meaning", found.meaning),
        ("How it looks", found.looks),
        ("Usual causes", found.causes),
        ("How to mend it", found.mend),
        ("What would disprove it", found.disproved_by),
        ("Source", found.source),
    ):
        sys.stdout.write(f"\n{title}\n")
        sys.stdout.write(textwrap.fill(text, 98, initial_indent="  ", subsequent_indent="  ") + "\n")
