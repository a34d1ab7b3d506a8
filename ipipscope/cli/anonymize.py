"""`ipipscope anonymize`: a case that can be shown to strangers."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003  (typer reads annotations at run time)
from typing import Annotated

import typer


def anonymize(
    paths: Annotated[list[str] | None, typer.Argument(metavar="PATH...", help="Capture files and folders.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Folder to write, which must not exist yet.")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", help="Replace as before with this key; made where it does not exist."),
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
) -> None:
    """Copy a case with addresses and names replaced and payloads cut; its triage says the same.

    Addresses keep their common prefixes. Whoever has the key can tell which address became which: keep it to yourself.

    Exit status: 0 written, 2 usage, 3 input that could not be read.

    Examples:
      ipipscope anonymize case/ -o shared/

      ipipscope anonymize case/ -o shared/ --key ~/ipipscope.key

    """
    from ipipscope.anonymize.case import anonymize as run  # noqa: PLC0415  (NumPy loads after --help)
    from ipipscope.anonymize.case import key_of  # noqa: PLC0415
    from ipipscope.capture.points import parse  # noqa: PLC0415
    from ipipscope.errors import UsageError  # noqa: PLC0415
    from ipipscope.report.inert import inert  # noqa: PLC0415

    if not paths and not point:
        raise UsageError("anonymize needs captures: name files or folders")
    if output is None:
        raise UsageError("anonymize writes a folder: name it with -o DIR")
    named = {file: place for place, file in map(parse, point or [])}
    where = [] if no_state else state or None
    done = run(paths or [], output, key=key_of(key), points=named, state=where)
    told = f"{done.packets} packets in {done.files} files, host state of {done.snapshots} nodes"
    print(f"ipipscope: {inert(output)}: {told}", file=sys.stderr)
    for problem in done.problems:
        print(f"ipipscope: {inert(problem)}", file=sys.stderr)
    raise typer.Exit(3 if done.problems else 0)
