"""The language that is being written, and which one a person wants."""

from __future__ import annotations

import os
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ipipscope.errors import UsageError
from ipipscope.language.said import Said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ENGLISH: Final = "en"
CHINESE: Final = "zh_CN"
LANGUAGES: Final = (ENGLISH, CHINESE)
_NAMES: Final = {"en": ENGLISH, "c": ENGLISH, "posix": ENGLISH, "zh": CHINESE, "zh_cn": CHINESE, "zh_sg": CHINESE,
                 "zh_hans": CHINESE, "zh_hans_cn": CHINESE, "zh_hans_sg": CHINESE}  # fmt: skip
"""What people and locales call them. Traditional Chinese (zh_TW, zh_HK) is another language, which we do not have."""

_writing: ContextVar[str] = ContextVar("language", default=ENGLISH)


def told(text: str) -> str:
    """*text* in the language that is being written: what was said is translated, all else stays as it is."""
    language = _writing.get()
    return text.into(translations(language)) if language != ENGLISH and isinstance(text, Said) else text


def write_in(language: str) -> None:
    """Tell everything from now on in this language, one of LANGUAGES."""
    _writing.set(language)


@contextmanager
def writing_in(language: str) -> Iterator[None]:
    """Tell everything within in this language, one of LANGUAGES."""
    before = _writing.set(language)
    try:
        yield
    finally:
        _writing.reset(before)


def written_in() -> str:
    """The language that is being written."""
    return _writing.get()


@cache
def translations(language: str) -> Mapping[str, str]:
    """The catalogue: by English template, the template in *language*."""
    from ipipscope.language.po import messages  # noqa: PLC0415  (not for English)

    return messages(Path(__file__).with_name(f"{language}.po").read_text(encoding="utf-8"))


def asked_for(name: str) -> str:
    """The language that somebody named.

    Raises UsageError where we do not have it.
    """
    language = _named(name)
    if language is None:
        raise UsageError(f"--lang {name}: there are {' and '.join(LANGUAGES)}")
    return language


def of_locale() -> str:
    """The language of the user's locale; English where we do not have it.

    Rule: LC_ALL before LC_MESSAGES before LANG (POSIX, Environment Variables); where these name a language,
    LANGUAGE may name others before it (GNU gettext, The LANGUAGE variable).
    """
    chosen = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "C")
    if chosen.partition(".")[0] in {"C", "POSIX"}:
        return ENGLISH
    wanted = [*os.environ.get("LANGUAGE", "").split(":"), chosen]
    return next((language for name in wanted if (language := _named(name))), ENGLISH)


def _named(name: str) -> str | None:
    """From `zh`, `zh_CN`, `zh-Hans`, `zh_CN.UTF-8`, `en_GB@euro`."""
    bare = name.strip().partition(".")[0].partition("@")[0].replace("-", "_").lower()
    return ENGLISH if bare.startswith("en_") else _NAMES.get(bare)
