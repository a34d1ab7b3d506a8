"""A catalogue as it is kept: head, then one entry a message in the order of the source, strings folded.

`python -m tests.language` writes it so: new messages with an empty translation, stale ones left out (and printed).
"""

import json
import re

from tests.language.messages import PACKAGE, messages

WIDTH = 100
FILES = sorted((PACKAGE / "language").glob("*.po"))


def head(text):
    """Everything before the first entry: the glossary, the header."""
    return text.split("\n\n#: ", 1)[0].rstrip("\n") + "\n"


def written(old_text, translations):
    """The catalogue anew."""
    entries = [head(old_text)]
    for (single, plural), files in messages().items():
        lines = [f"#: {' '.join(dict.fromkeys(files))}", *_string("msgid", single)]
        translation = translations.get(plural or single) or translations.get(single, "")
        if plural is not None:
            lines += _string("msgid_plural", plural)
        lines += _string("msgstr" if plural is None else "msgstr[0]", translation)
        entries.append("\n".join(lines) + "\n")
    return "\n".join(entries)


def _string(keyword, text):
    if len(text) + len(keyword) < WIDTH:
        return [f"{keyword} {json.dumps(text, ensure_ascii=False)}"]
    pieces, line = [], ""
    for word in re.findall(r"[^ ]+ *| +", text) if text.isascii() else re.findall(r"[\x21-\x7e]+ *|.", text):
        if line and _cells(line + word) > WIDTH - 4:
            pieces.append(line)
            line = ""
        line += word
    return [f'{keyword} ""', *(json.dumps(piece, ensure_ascii=False) for piece in [*pieces, line])]


def _cells(text):
    return sum(1 if each < "\u2e80" else 2 for each in text)
