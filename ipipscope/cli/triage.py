"""`ipipscope triage`: the verdict on captures."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ipipscope.cli.options import (
    Lang,
    NoColor,
    NoState,
    Output,
    Paths,
    Points,
    Quiet,
    State,
    Strict,
    Timeout,
    captures,
    host_state,
    language_of_data,
    nanoseconds,
)
from ipipscope.cli.output import form_of, opened, tell_problems, write_report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from ipipscope.analysis import Analysis
    from ipipscope.errors import InputError
    from ipipscope.model import CapturePoint
    from ipipscope.report.model import Report


class Format(StrEnum):
    """What a report can be written as."""

    TEXT = "text"
    JSON = "json"
    NDJSON = "ndjson"
    HTML = "html"
    MD = "md"


def triage(
    paths: Paths = None,
    point: Points = None,
    state: State = None,
    no_state: NoState = False,
    format: Annotated[
        Format | None,
        typer.Option("--format", help="How to write the report; else as FILE's name ends, else text."),
    ] = None,
    output: Output = None,
    annotate: Annotated[
        Path | None,
        typer.Option(
            "--annotate", metavar="OUT.pcapng", help="Write the frames that prove it, the verdict as packet comments."
        ),
    ] = None,
    annotate_all: Annotated[bool, typer.Option("--annotate-all", help="Write all frames into that file.")] = False,
    anonymize: Annotated[
        bool, typer.Option("--anonymize", help="Replace addresses and names in everything that is written.")
    ] = False,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", help="For --anonymize: replace as before; made where it does not exist."),
    ] = None,
    strict: Strict = False,
    timeout: Timeout = 5.0,
    quiet: Quiet = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="All evidence and flows, how to undo, the capture points.")
    ] = False,
    lang: Lang = None,
    no_color: NoColor = False,
) -> None:
    """Say where each conversation breaks, why, and what mends it.

    Exit status: 0 nothing found, 1 findings, 2 usage, 3 input that could not be read.

    Examples:
      ipipscope triage case/

      ipipscope triage case/ --format html -o report.html --annotate evidence.pcapng

      ipipscope triage --point node3:eth1=a.pcap --point node3:tunl0=b.pcap

      ssh node3 tcpdump -U -i any -w - | ipipscope triage -

    """
    from ipipscope.analysis import analyse  # noqa: PLC0415  (NumPy loads after --help)
    from ipipscope.capture.files import STDIN  # noqa: PLC0415
    from ipipscope.cli.progress import for_terminal  # noqa: PLC0415
    from ipipscope.errors import UsageError  # noqa: PLC0415

    form = form_of(format, output, Format)
    if annotate_all and annotate is None:
        raise UsageError("--annotate-all says what goes into the file of --annotate: name that file")
    if key is not None and not anonymize:
        raise UsageError("--key is the key of --anonymize: give both")
    given, named = captures(paths, point)
    where = host_state(state, no_state)
    if annotate is not None:
        _protect(given, named, annotate)
    with contextlib.ExitStack() as stack:
        if form in {Format.JSON, Format.NDJSON}:
            stack.enter_context(language_of_data(lang))
        unread: list[InputError] = []
        if anonymize:
            given, unread = stack.enter_context(_anonymous(given, named, where, key))
            named, where = {}, None
        if form is Format.NDJSON and STDIN in given and annotate is None:
            report = _as_it_comes(given, named, where, nanoseconds(timeout), output)
            tell_problems(report.problems)
            raise typer.Exit(report.exit_status(strict=strict))
        progress = for_terminal()
        analysis = analyse(
            given,
            points=named,
            state=where,
            timeout=nanoseconds(timeout),
            keep=form is Format.HTML or annotate is not None,
            progress=progress,
        )
        if progress is not None:
            progress.close()
        report = replace(analysis.report, problems=(*unread, *analysis.report.problems))
        if report.nothing_read and form not in {Format.JSON, Format.NDJSON}:
            tell_problems(report.problems)  # there is no verdict on nothing
            raise typer.Exit(report.exit_status())
        with opened(output) as out:
            if form is Format.HTML:
                from ipipscope.report.html_page import write_html  # noqa: PLC0415  (jinja2)

                write_html(report, out, analysis)
            else:
                _write(report, out, form, quiet=quiet, verbose=verbose, no_color=no_color)
        if annotate is not None:
            _annotate(analysis, annotate, everything=annotate_all)
    tell_problems(report.problems)
    raise typer.Exit(report.exit_status(strict=strict))


def _as_it_comes(
    paths: list[str], points: dict[str, CapturePoint], state: list[str] | None, timeout: int, output: Path | None
) -> Report:
    """Write how findings open, change and close while standard input is read, and the report at its end.

    Ctrl-C ends the reading, a second one the program.
    """
    from ipipscope.live.lines import JsonLines  # noqa: PLC0415
    from ipipscope.live.replay import replay  # noqa: PLC0415
    from ipipscope.report.json_report import write_ndjson  # noqa: PLC0415

    interrupted = threading.Event()

    def interrupt(number: int, frame: object) -> None:
        del frame
        interrupted.set()
        signal.signal(number, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        with opened(output) as out:
            view = JsonLines(out, sys.stderr)
            stopped = interrupted.is_set
            report = replay(paths, points=points, timeout=timeout, state=state, view=view, stopped=stopped).report
            write_ndjson(report, out)
            return report
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _anonymous(
    paths: list[str], points: dict[str, CapturePoint], state: list[str] | None, key: Path | None
) -> Iterator[tuple[list[str], list[InputError]]]:
    """An anonymous copy of the case for as long as it is read, and what could not be read of the original."""
    from tempfile import TemporaryDirectory  # noqa: PLC0415

    from ipipscope.anonymize.case import anonymize, key_of  # noqa: PLC0415

    with TemporaryDirectory(prefix="ipipscope-") as folder:
        done = anonymize(paths, Path(folder) / "case", key=key_of(key), points=points, state=state)
        yield [str(Path(folder) / "case")], done.problems


def _protect(paths: list[str], points: dict[str, CapturePoint], annotated: Path) -> None:
    """Refuse to write over a capture before any work is done."""
    from ipipscope.annotate import protect  # noqa: PLC0415
    from ipipscope.capture.files import find  # noqa: PLC0415

    protect([file.path for file in find(paths, points)[0]], annotated)


def _annotate(analysis: Analysis, path: Path, *, everything: bool) -> None:
    from ipipscope.annotate import annotate  # noqa: PLC0415
    from ipipscope.report.inert import inert  # noqa: PLC0415

    written = annotate(analysis, path, everything=everything)
    note = f"{written.packets} packets, {written.comments} with comments, for Wireshark"
    print(f"ipipscope: {inert(path)}: {note}", file=sys.stderr)


def _write(report: Report, out: TextIO, format: Format, *, quiet: bool, verbose: bool, no_color: bool) -> None:
    if format is Format.TEXT:
        write_report(report, out, quiet=quiet, verbose=verbose, no_color=no_color)
    elif format is Format.MD:
        from ipipscope.report.markdown import write_markdown  # noqa: PLC0415

        write_markdown(report, out)
    else:
        from ipipscope.report.json_report import write_json, write_ndjson  # noqa: PLC0415

        (write_json if format is Format.JSON else write_ndjson)(report, out)
