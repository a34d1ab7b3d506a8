"""`ipipscope view`: a case on the terminal, to walk through."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ipipscope.cli import OURS
from ipipscope.cli.options import (
    Lang,
    NoState,
    Points,
    State,
    StoredPaths,
    Timeout,
    captures,
    host_state,
    nanoseconds,
)
from ipipscope.cli.output import tell_problems, writes_unicode

if TYPE_CHECKING:
    from ipipscope.live.follow import Follower


def view(
    paths: StoredPaths = None,
    point: Points = None,
    state: State = None,
    no_state: NoState = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-F", help="Read on as the captures grow; in the view, F does so and pauses it.")
    ] = False,
    timeout: Timeout = 5.0,
    lang: Lang = None,
) -> None:
    """Walk through findings, exchanges and capture points on the terminal; --follow captures that are being recorded.

    Keys: 1 2 3 lists, j k g G move, n N next fault, / filter, f p frames, l ladder, space page, F follow, q quit.

    Needs the extra `view`: pip install 'ipipscope[view]'.

    Examples:
      ipipscope view case/

      ipipscope view --follow node3.pcapng

    """
    from ipipscope.analysis import analyse  # noqa: PLC0415  (NumPy loads after --help)
    from ipipscope.errors import UsageError  # noqa: PLC0415

    del lang  # its callback has set the language
    given, named = captures(paths, point, "view")
    if "-" in given:
        raise UsageError("view needs files or folders: standard input is the keyboard's")
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise UsageError("view needs a terminal; `ipipscope triage` writes to pipes and files")
    try:
        from ipipscope.view import CaseView  # noqa: PLC0415
    except ModuleNotFoundError as absent:
        raise UsageError(f"view needs {absent.name}: pip install 'ipipscope[view]'") from absent
    where = host_state(state, no_state)

    def follower() -> Follower:
        from ipipscope.live.follow import Follower  # noqa: PLC0415  (for captures that grow)

        return Follower(given, points=named, timeout=nanoseconds(timeout), state=where)

    analysis = None
    if not follow:
        analysis = analyse(given, points=named, state=where, timeout=nanoseconds(timeout), keep=True)
    shown = CaseView(analysis, follower=follower, follow=follow, unicode=writes_unicode(sys.stdout))
    shown.run()
    if shown.fault is not None:
        raise shown.fault
    if shown.return_code:  # the screen's own crash: its lines are told already
        raise typer.Exit(OURS)
    if shown.analysis is not None:
        tell_problems(shown.analysis.report.problems)
        raise typer.Exit(shown.analysis.report.exit_status())
