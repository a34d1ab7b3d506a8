"""`ipipscope show`: one exchange as a ladder, or one frame in full."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ipipscope.cli.output import opened, wants_colour, width, writes_unicode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ipipscope.model import CapturePoint
    from ipipscope.report.lines import Line


def show(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH...", help="Capture files, folders of them, or - for stdin.")
    ] = None,
    exchange: Annotated[
        int | None, typer.Option("--exchange", metavar="N", min=1, help="Draw exchange N, from 1, in order of time.")
    ] = None,
    frame: Annotated[
        str | None,
        typer.Option("--frame", metavar="[FILE:]N", help="Take frame N of FILE apart, tshark's view beside ours."),
    ] = None,
    point: Annotated[
        list[str] | None,
        typer.Option("--point", metavar="NODE:IFACE=FILE", help="Say which capture point a file recorded."),
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="PATH", help="Host state: a snapshot or a folder of command outputs."),
    ] = None,
    no_state: Annotated[bool, typer.Option("--no-state", help="Leave out the host state beside the captures.")] = False,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds within which a reply counts.")] = 5.0,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colour, also on a terminal.")] = False,
) -> None:
    """Draw one exchange as a ladder, or take one frame apart.

    Examples:
      ipipscope show case/ --exchange 7

      ipipscope show case/ --frame node3_eth1.pcap:5

      ipipscope show --frame node3_eth1.pcap:5

    """
    from ipipscope.capture.points import parse  # noqa: PLC0415  (NumPy loads after --help)
    from ipipscope.errors import UsageError  # noqa: PLC0415

    if (exchange is None) == (frame is None):
        raise UsageError("show draws one thing: name it with --exchange N or with --frame FILE:N")
    named = {file: place for place, file in map(parse, point or [])}
    if exchange is None:
        assert frame is not None
        _write(_frame(frame, paths or [], named), no_color=no_color)
        return
    if not paths and not named:
        raise UsageError("show --exchange needs captures: name files or folders, or - for standard input")
    lines = _exchange(exchange, paths or [], named, [] if no_state else state or None, timeout)
    _write(lines, no_color=no_color)


def _exchange(
    number: int, paths: list[str], points: Mapping[str, CapturePoint], state: list[str] | None, timeout: float
) -> Iterable[Line]:
    from ipipscope.analysis import analyse  # noqa: PLC0415
    from ipipscope.errors import UsageError  # noqa: PLC0415
    from ipipscope.model import SECOND  # noqa: PLC0415
    from ipipscope.report.inert import inert  # noqa: PLC0415
    from ipipscope.report.ladder import ladder  # noqa: PLC0415
    from ipipscope.report.ladder_text import write_ladder  # noqa: PLC0415

    analysis = analyse(paths, points=points, state=state, timeout=round(timeout * SECOND), keep=True)
    for problem in analysis.problems:
        print(f"ipipscope: {inert(problem)}", file=sys.stderr)
    total = len(analysis.rows)
    if number > total:
        raise UsageError(f"there is no exchange {number}: these captures hold {total}")
    return list(write_ladder(ladder(analysis, number), width(sys.stdout), total))


def _frame(where: str, paths: list[str], points: Mapping[str, CapturePoint]) -> Iterable[Line]:
    from ipipscope.frames import frame as find_frame  # noqa: PLC0415
    from ipipscope.report.frame_text import write_frame  # noqa: PLC0415
    from ipipscope.tshark import TsharkAbsentError, dissect  # noqa: PLC0415

    found = find_frame(where, paths, points)
    try:
        theirs, why = dissect(found), ""
    except TsharkAbsentError as absent:
        return list(write_frame(found, None, str(absent)))
    return list(write_frame(found, theirs, why))


def _write(lines: Iterable[Line], *, no_color: bool) -> None:
    from ipipscope.report.lines import write_lines  # noqa: PLC0415

    with opened(None) as out:
        write_lines(lines, out, colour=wants_colour(out, no_colour=no_color), unicode=writes_unicode(out))
