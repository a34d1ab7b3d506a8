"""`ipipscope view`: a case on the terminal, to walk through."""

from __future__ import annotations

import sys

import typer

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


def view(
    paths: StoredPaths = None,
    point: Points = None,
    state: State = None,
    no_state: NoState = False,
    timeout: Timeout = 5.0,
    lang: Lang = None,
) -> None:
    """Walk through findings, exchanges and capture points on the terminal.

    Keys: 1 2 3 lists, j k g G move, n N next fault, / filter, f frame, l ladder, space page, q quit.

    Needs the extra `view`: pip install 'ipipscope[view]'.

    Examples:
      ipipscope view case/

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
    analysis = analyse(given, points=named, state=where, timeout=nanoseconds(timeout), keep=True)
    CaseView(analysis).run()
    raise typer.Exit(analysis.report.exit_status())
