"""Where results go: standard output or a file, with colour only where a terminal shows it."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
from typing import TYPE_CHECKING, Final, TextIO, TypeVar

from ipipscope.errors import InputError, writing
from ipipscope.language.said import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from enum import StrEnum
    from pathlib import Path

    from ipipscope.report.model import Report


FormT = TypeVar("FormT", bound="StrEnum")
NO_SCREEN: Final = ("", "dumb", "unknown")
"""Terminals, as TERM calls them, that cannot move their cursor."""


OTHER_ENDINGS: Final = {"txt": "text", "htm": "html", "markdown": "md", "jsonl": "ndjson"}
"""How names of files end that are not called as their format is."""


def form_of(asked: FormT | None, output: Path | None, forms: type[FormT]) -> FormT:
    """The format asked for, else the one that the name of the file to write ends with, else text."""
    ending = output.suffix[1:].lower() if output is not None else ""
    ending = OTHER_ENDINGS.get(ending, ending)
    return asked or next((form for form in forms if form.value == ending), forms("text"))


class PipeClosedError(Exception):
    """Nobody reads standard output any more. A type of its own, because click ends on BrokenPipeError with status 1."""


@contextlib.contextmanager
def opened(path: Path | None) -> Iterator[TextIO]:
    """The file to write, or standard output.

    Raises InputError where the file cannot be written, PipeClosedError where nobody reads.
    """
    if path is None or str(path) == "-":
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # what the encoding cannot write never ends the run
        try:
            yield sys.stdout
            sys.stdout.flush()
        except BrokenPipeError as closed:
            raise PipeClosedError from closed
        except OSError as failure:
            raise InputError(
                "standard output", say("cannot be written: {strerror}.", strerror=failure.strerror)
            ) from failure
        return
    with writing(path), path.open("w", encoding="utf-8", errors="backslashreplace") as out:
        yield out


def wants_colour(out: TextIO, *, no_colour: bool) -> bool:
    """A terminal, and nobody said no (no-color.org; TERM=dumb)."""
    return not no_colour and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and out.isatty()


def is_screen(out: TextIO) -> bool:
    """Whether *out* is a terminal on which one can draw."""
    return out.isatty() and os.environ.get("TERM", "") not in NO_SCREEN


def writes_unicode(out: TextIO) -> bool:
    """Whether characters beyond ASCII arrive: as the locale says, and the stream can."""
    from ipipscope.report.lines import unicode_locale  # noqa: PLC0415  (after --help)

    return unicode_locale() and "utf" in (getattr(out, "encoding", None) or "").lower()


def write_report(report: Report, out: TextIO, *, quiet: bool, verbose: bool = False, no_color: bool) -> None:
    """The report as text, for what `out` is: its width, its colours, its characters."""
    from ipipscope.report.terminal import write_text  # noqa: PLC0415  (after --help)

    write_text(
        report,
        out,
        width=width(out),
        colour=wants_colour(out, no_colour=no_color),
        unicode=writes_unicode(out),
        quiet=quiet,
        verbose=verbose,
    )


def tell_problems(problems: Iterable[object]) -> None:
    """Each on standard error, a line each."""
    from ipipscope.language.told import told  # noqa: PLC0415  (after --help)
    from ipipscope.report.inert import inert  # noqa: PLC0415

    for problem in problems:
        said = problem.said if isinstance(problem, InputError) else str(problem)
        print(f"ipipscope: {inert(told(said))}", file=sys.stderr)


def width(out: TextIO) -> int:
    """Columns of the terminal; 100 for files and pipes."""
    return shutil.get_terminal_size((100, 24)).columns if out.isatty() else 100
