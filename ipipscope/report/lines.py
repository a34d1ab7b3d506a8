"""Lines of text for a terminal: pieces with a style each; a pipe gets the plain text of the same lines."""

from __future__ import annotations

import locale
import os
import unicodedata
from typing import TYPE_CHECKING, Final, TextIO

from ipipscope.language.told import ENGLISH, told, written_in
from ipipscope.report.inert import inert

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Piece = tuple[str, str]
"""Text and its style, in rich's words; "" is plain."""
Line = list[Piece]

ASCII: Final = str.maketrans({
    "●": "*", "✗": "X", "○": "o", "·": ".", "─": "-", "═": "=", "╌": "-", "▶": ">", "◀": "<", "│": "|", "┌": "+",
    "┐": "+", "└": "+", "┘": "+", "├": "+", "┤": "+", "┬": "+", "┴": "+", "…": "~", "µ": "u", "→": ">", "±": "+",
    "◆": "#",
})  # fmt: skip


def unicode_locale() -> bool:
    """Whether the locale that the user chose writes UTF-8."""
    chosen = next((value for name in ("LC_ALL", "LC_CTYPE", "LANG") if (value := os.environ.get(name))), "")
    if "utf" not in chosen.lower():
        return False
    return "utf" in locale.getpreferredencoding(do_setlocale=False).lower()


def cells(text: str) -> int:
    """Columns of a terminal that *text* takes: East Asian characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )


def fold(text: str, width: int) -> list[str]:
    """*text* in lines of at most *width* columns, broken at spaces, between East Asian characters, else anywhere."""
    lines, line, used = [], "", 0
    for word in _words(text):
        bare = cells(word.rstrip(" "))
        if used and used + bare > width:
            lines.append(line.rstrip(" "))
            line, used = "", 0
        while bare > width:
            head = _head(word, width)
            lines.append(head)
            word = word[len(head) :]  # noqa: PLW2901  (what is left of it)
            bare = cells(word.rstrip(" "))
        line += word
        used += cells(word)
    if line.strip(" ") or not lines:
        lines.append(line.rstrip(" "))
    return lines


def _head(text: str, width: int) -> str:
    """As much of *text* as fits into *width* columns, one character at least."""
    used = 0
    for place, each in enumerate(text):
        used += cells(each)
        if used > width and place:
            return text[:place]
    return text


def _words(text: str) -> Iterator[str]:
    """Pieces that stay together, each with the spaces behind it."""
    word = ""
    for each in text:
        wide = not each.isascii() and unicodedata.east_asian_width(each) in "WF"
        if word and each != " " and (word[-1] == " " or (wide and unicodedata.category(each)[0] != "P")):
            yield word
            word = ""
        word += each
    if word:
        yield word


def shortened(text: str, width: int) -> str:
    """*text* cut to *width* columns, with an ellipsis."""
    if cells(text) <= width:
        return text
    return _head(text, width - 1) + "…"


def labelled(label: str, text: str, width: int, *, indent: int = 13, style: str = "") -> Iterator[Line]:
    """Foreign or own *text* behind a label, folded; an empty label continues the one before."""
    for number, part in enumerate(fold(inert(told(text)), max(20, width - indent))):
        yield [(padded(told(label) if number == 0 else "", indent), "dim"), (part, style)]


def padded(label: str, indent: int) -> str:
    """A label with room behind it, so that what follows begins at column *indent*."""
    return "  " + label + " " * max(1, indent - 2 - cells(label)) if label else " " * indent


def write_lines(lines: Iterable[Line], out: TextIO, *, colour: bool, unicode: bool) -> None:
    """Write them.

    colour: with ANSI styles.
    unicode: else in ASCII alone.
    """
    if colour:
        from rich.console import Console  # noqa: PLC0415  (80 ms that a pipe need not wait for)
        from rich.text import Text  # noqa: PLC0415

        console = Console(file=out, force_terminal=True, width=1000, highlight=False, emoji=False, markup=False)
        for line in lines:
            pieces = [(text if unicode else ascii_text(text), style) for text, style in line]
            console.print(Text.assemble(*pieces), soft_wrap=True)
        return
    for line in lines:
        text = plain(line)
        out.write((text if unicode else ascii_text(text)) + "\n")


def plain(line: Line) -> str:
    """The text of a line; spaces around a word with a background of its own are there for the background."""
    return "".join(text.strip() if " on " in style else text for text, style in line).rstrip()


def ascii_text(text: str) -> str:
    """*text* for a terminal that shows ASCII alone; another script stays where the language is written in it."""
    if text.isascii():
        return text
    plain = text.translate(ASCII)
    if written_in() != ENGLISH:
        return plain  # what its script cannot be written in, the stream escapes
    return plain.encode("ascii", "backslashreplace").decode("ascii")
