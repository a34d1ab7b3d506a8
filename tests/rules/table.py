"""Which rule strikes which recorded case: the table in `docs/rules-and-cases.md`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ipipscope.analysis import triage
from ipipscope.rules.catalogue import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "captures"
PAGE = ROOT / "docs" / "rules-and-cases.md"

FAULT, NOTE, CONSEQUENCE = "**fault**", "note", "consequence"


def struck(case: Path) -> dict[str, str]:
    """What each rule that strikes a case is in its report."""
    findings = triage([str(case / "captures")], state=[]).findings
    rules = {code: CONSEQUENCE for finding in findings for code in finding.consequences}
    return rules | {finding.code: NOTE if finding.impact == "none" else FAULT for finding in findings}


def rows(folder: Path) -> Iterator[str]:
    """The table: one row a rule, one column a case below *folder*."""
    cases = sorted(path.parent for path in folder.glob("*/truth.json"))
    told = [struck(case) for case in cases]
    yield f"| rule | {' | '.join(case.name for case in cases)} |"
    yield f"|---|{'---|' * len(cases)}"
    silent = []
    for rule in RULES.values():
        cells = [each.get(rule.code, "") for each in told]
        if any(cells):
            yield f"| [{rule.code}](rules.md#{rule.code.lower()}-{rule.name}) `{rule.name}` | {' | '.join(cells)} |"
        else:
            silent.append(rule.code)
    yield ""
    yield f"No case here strikes {', '.join(silent)}."


def page() -> str:
    """The whole page, from the shipped captures."""
    return "\n".join(
        [
            "<!-- Made by `python -m tests.rules`: change the program, not this page. -->",
            "",
            "# Rules and cases",
            "",
            "What each rule says about each case in `captures/`, without the hosts' state: a **fault** costs somebody",
            "an answer or more, a note costs nobody anything, and a consequence is folded under the fault that it",
            "comes from. An empty cell says that the rule does not strike.",
            "`python -m tests.rules FOLDER` prints the same table for other cases.",
            "",
            *rows(SHIPPED),
            "",
        ]
    )


def main() -> None:
    """Write the page, or print the table of the folders that are named."""
    for folder in sys.argv[1:]:
        sys.stdout.write("\n".join(rows(Path(folder))) + "\n")
    if not sys.argv[1:]:
        PAGE.write_text(page())
