"""Text from packets, files and hosts, made harmless for a terminal."""

from __future__ import annotations

import unicodedata
from typing import Final

LONGEST: Final = 2_000
"""Characters of one piece of foreign text that are shown."""
LONGEST_COMMAND: Final = 4_000
"""Of commands, which are of no use when cut: one that sets all routes of a node is some thousand long."""


def inert(text: object, longest: int = LONGEST) -> str:
    r"""*text* without control characters, escape sequences and marks that turn the direction of writing.

    They are shown as `\x1b` and the like; what is longer than *longest* is cut.
    """
    plain = str(text)
    if len(plain) > longest:
        plain = plain[: longest - 1] + "…"
    if plain.isascii() and plain.isprintable():
        return plain
    return "".join(
        character
        if unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
        else character.encode("unicode_escape").decode("ascii")
        for character in plain
    )
