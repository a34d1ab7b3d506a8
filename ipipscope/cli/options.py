"""The arguments and options that several commands share, each declared once, and what they mean together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ipipscope.model import CapturePoint


def _languages(begun: str) -> list[str]:
    """What a shell offers behind --lang."""
    from ipipscope.language.told import LANGUAGES  # noqa: PLC0415

    return [language for language in LANGUAGES if language.startswith(begun)]


def _write_in(name: str | None) -> str | None:
    """From now on, to the last word of the program."""
    from ipipscope.language.told import asked_for, of_locale, write_in  # noqa: PLC0415  (after --help)

    write_in(asked_for(name) if name else of_locale())
    return name


Paths = Annotated[
    list[str] | None, typer.Argument(metavar="PATH...", help="Capture files, folders of them, or - for stdin.")
]
StoredPaths = Annotated[list[str] | None, typer.Argument(metavar="PATH...", help="Capture files and folders.")]
Points = Annotated[
    list[str] | None,
    typer.Option("--point", metavar="NODE:IFACE=FILE", help="Say which capture point a file recorded."),
]
State = Annotated[
    list[str] | None,
    typer.Option("--state", metavar="PATH", help="Host state: a snapshot or a folder of command outputs."),
]
NoState = Annotated[bool, typer.Option("--no-state", help="Leave out the host state beside the captures.")]
Timeout = Annotated[float, typer.Option(min=0.001, help="Seconds within which a reply counts.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to FILE.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 1 for findings of impact none too.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="The verdict in one line.")]
Lang = Annotated[
    str | None,
    typer.Option(
        "--lang",
        metavar="LANG",
        help="en or zh_CN; else as the locale says, JSON English.",
        callback=_write_in,
        autocompletion=_languages,
    ),
]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colour, also on a terminal.")]


def language_of_data(lang: str | None) -> AbstractContextManager[None]:
    """For JSON: English, whatever the locale says, unless somebody asked for a language."""
    from contextlib import nullcontext  # noqa: PLC0415

    from ipipscope.language.told import ENGLISH, writing_in  # noqa: PLC0415  (after --help)

    return writing_in(ENGLISH) if lang is None else nullcontext()


def captures(
    paths: list[str] | None, point: list[str] | None, command: str = "triage"
) -> tuple[list[str], dict[str, CapturePoint]]:
    """The files and folders to read, and the points that were named for files.

    Raises UsageError where neither is given, or where a point is not NODE:IFACE=FILE.
    """
    from ipipscope.capture.points import parse  # noqa: PLC0415  (NumPy loads after --help)
    from ipipscope.errors import UsageError  # noqa: PLC0415

    if not paths and not point:
        raise UsageError(f"{command} needs captures: name files or folders, or - for standard input")
    return paths or [], {file: place for place, file in map(parse, point or [])}


def host_state(state: list[str] | None, no_state: bool) -> list[str] | None:
    """Where to read host state: nowhere, where it was said, or (None) beside the captures."""
    return [] if no_state else state or None


def nanoseconds(timeout: float) -> int:
    """A timeout in seconds as the analysis takes it."""
    from ipipscope.model import SECOND  # noqa: PLC0415

    return round(timeout * SECOND)
