"""`ipipscope view`: a case on the terminal, to walk through."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def view(
    paths: Annotated[list[str] | None, typer.Argument(metavar="PATH...", help="Capture files and folders.")] = None,
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
) -> None:
    """Walk through findings, exchanges and capture points on the terminal.

    Keys: 1 2 3 lists, j k g G move, n N next fault, / filter, f frame, l ladder, space page, q quit.

    Needs the extra `view`: pip install 'ipipscope[view]'.

    Examples:
      ipipscope view case/

    """
    from ipipscope.analysis import analyse  # noqa: PLC0415  (NumPy loads after --help)
    from ipipscope.capture.points import parse  # noqa: PLC0415
    from ipipscope.errors import UsageError  # noqa: PLC0415
    from ipipscope.model import SECOND  # noqa: PLC0415

    if (not paths and not point) or "-" in (paths or []):
        raise UsageError("view needs captures: name files or folders; standard input is the keyboard's")
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise UsageError("view needs a terminal; `ipipscope triage` writes to pipes and files")
    try:
        from ipipscope.view import CaseView  # noqa: PLC0415
    except ModuleNotFoundError as absent:
        raise UsageError(f"view needs {absent.name}: pip install 'ipipscope[view]'") from absent
    named = {file: place for place, file in map(parse, point or [])}
    where = [] if no_state else state or None
    analysis = analyse(paths or [], points=named, state=where, timeout=round(timeout * SECOND), keep=True)
    CaseView(analysis).run()
    raise typer.Exit(analysis.report.exit_status())
