"""Reads a catalogue: the text format of GNU gettext (.po), which translators and their tools know.

Read as it stands, because the standard library reads only the compiled form, which would have to be made again after
each change. Contexts (`msgctxt`) are not used. (GNU gettext manual, The Format of PO Files.)
"""

from __future__ import annotations

import json
from typing import Final

_KEYWORDS: Final = ("msgid", "msgid_plural", "msgstr", "msgstr[0]")


def messages(text: str) -> dict[str, str]:
    """Translations by msgid and by msgid_plural: the first form, which is the only one that Chinese has.

    Entries without a translation are left out, comments and obsolete entries too, and the header.
    Raises ValueError for a line that is none of the format.
    """
    found: dict[str, str] = {}
    entry: dict[str, list[str]] = {}
    keyword = ""
    for number, line in enumerate([*text.splitlines(), ""], 1):
        start, _, rest = line.partition(" ")
        if not line.strip() or (start == "msgid" and "msgstr" in " ".join(entry)):
            _keep(entry, found)
            entry = {}
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith('"') and keyword in entry:
            rest = line
        elif start in _KEYWORDS:
            keyword = start
            entry[keyword] = []
        else:
            raise ValueError(f"line {number} of the catalogue is no entry: {line}")
        entry[keyword].append(json.loads(rest))  # escapes are those of C; we use those that JSON has too
    return found


def _keep(entry: dict[str, list[str]], found: dict[str, str]) -> None:
    whole = {keyword: "".join(pieces) for keyword, pieces in entry.items()}
    translated = whole.get("msgstr[0]") or whole.get("msgstr")
    if translated and whole.get("msgid"):
        found[whole["msgid"]] = translated
        if "msgid_plural" in whole:
            found[whole["msgid_plural"]] = translated
