"""Which rule strikes which recorded case: the table in `docs/rules-and-cases.md`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ipipscope.analysis import triage
from ipipscope.rules.catalogue import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "captures"
PAGE = ROOT / "docs" / "rules-and-cases.md"

FAULT, NOTE, CONSEQUENCE = "fault", "note", "consequence"


def struck(case: Path) -> dict[str, str]:
    """What each rule that strikes a case is in its report."""
    findings = triage([str(case / "captures")], state=[]).findings
    rules = {code: CONSEQUENCE for finding in findings for code in finding.consequences}
    return rules | {finding.code: NOTE if finding.impact == "none" else FAULT for finding in findings}


def below(folder: Path) -> list[Path]:
    """The cases in *folder* and in its folders."""
    return [path.parent for place in ("*", "*/*") for path in sorted(folder.glob(f"{place}/truth.json"))]


def rows(told: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """The tables of rules and of cases. told: what each rule is in each case's report."""
    roles = (FAULT, NOTE, CONSEQUENCE)
    yield f"| rule | {' | '.join(f'is a {role} in' for role in roles)} | is silent in |"
    yield f"|---|{'---|' * len(roles)}---:|"
    silent = []
    for rule in RULES.values():
        named = {role: [case for case, rules in told.items() if rules.get(rule.code) == role] for role in roles}
        seen = sum(map(len, named.values()))
        if not seen:
            silent.append(rule.code)
            continue
        cells = [" ".join(f"`{case}`" for case in named[role]) for role in roles]
        link = f"[{rule.code}](rules.md#{rule.code.lower()}-{rule.name}) `{rule.name}`"
        yield f"| {link} | {' | '.join(cells)} | {len(told) - seen} |"
    if silent:
        yield ""
        yield f"No case here strikes {', '.join(silent)}."
    yield ""
    yield f"| case | {' | '.join(f'{role}s' for role in roles)} |"
    yield f"|---|{'---|' * len(roles)}"
    for case, rules in told.items():
        cells = [" ".join(sorted(code for code, role in rules.items() if role == each)) for each in roles]
        yield f"| `{case}` | {' | '.join(cells)} |"


def page() -> str:
    """The whole page, from the shipped captures."""
    return "\n".join(
        [
            "<!-- Made by `python -m tests.rules`: change the program, not this page. -->",
            "",
            "# Rules and cases",
            "",
            "What each rule says about each case in `captures/`, without the hosts' state: a fault costs somebody an",
            "answer or more, a note costs nobody anything, and a consequence is folded under the fault that it comes",
            "from. `python -m tests.rules FOLDER` prints the same tables for other cases.",
            "",
            *rows({case.name: struck(case) for case in below(SHIPPED)}),
            "",
        ]
    )


def main() -> None:
    """Write the page, or print the table of the folders that are named."""
    for folder in sys.argv[1:]:
        told = {case.name: struck(case) for case in below(Path(folder))}
        sys.stdout.write("\n".join(rows(told)) + "\n")
    if not sys.argv[1:]:
        PAGE.write_text(page())
