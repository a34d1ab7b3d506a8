"""`ipipscope show`: one exchange as a ladder, or one frame in full."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ipipscope.cli.options import (
    Lang,
    NoColor,
    NoState,
    Paths,
    Points,
    State,
    Timeout,
    captures,
    host_state,
    nanoseconds,
)
from ipipscope.cli.output import opened, tell_problems, wants_colour, width, writes_unicode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ipipscope.model import CapturePoint
    from ipipscope.report.lines import Line


def show(
    paths: Paths = None,
    exchange: Annotated[
        int | None, typer.Option("--exchange", metavar="N", min=1, help="Draw exchange N, from 1, in order of time.")
    ] = None,
    frame: Annotated[
        str | None,
        typer.Option("--frame", metavar="[FILE:]N", help="Take frame N of FILE apart, tshark's view beside ours."),
    ] = None,
    point: Points = None,
    state: State = None,
    no_state: NoState = False,
    timeout: Timeout = 5.0,
    lang: Lang = None,
    no_color: NoColor = False,
) -> None:
    """Draw one exchange as a ladder, or take one frame apart.

    Examples:
      ipipscope show case/ --exchange 7

      ipipscope show case/ --frame node3_eth1.pcap:5

      ipipscope show --frame node3_eth1.pcap:5

    """
    from ipipscope.errors import UsageError  # noqa: PLC0415  (after --help)

    del lang  # its callback has set the language
    if (exchange is None) == (frame is None):
        raise UsageError("show draws one thing: name it with --exchange N or with --frame FILE:N")
    if exchange is None:
        assert frame is not None
        given, named = captures(paths, point) if paths or point else ([], {})  # the frame may name its file
        _write(_frame(frame, given, named), no_color=no_color)
        return
    given, named = captures(paths, point, "show --exchange")
    lines = _exchange(exchange, given, named, host_state(state, no_state), timeout)
    _write(lines, no_color=no_color)


def _exchange(
    number: int, paths: list[str], points: Mapping[str, CapturePoint], state: list[str] | None, timeout: float
) -> Iterable[Line]:
    from ipipscope.analysis import analyse  # noqa: PLC0415
    from ipipscope.errors import UsageError  # noqa: PLC0415
    from ipipscope.report.ladder import ladder  # noqa: PLC0415
    from ipipscope.report.ladder_text import write_ladder  # noqa: PLC0415

    analysis = analyse(paths, points=points, state=state, timeout=nanoseconds(timeout), keep=True)
    tell_problems(analysis.problems)
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
