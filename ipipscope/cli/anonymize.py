"""`ipipscope anonymize`: a case that can be shown to strangers."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003  (typer reads annotations at run time)
from typing import Annotated

import typer

from ipipscope.cli.options import (
    NoState,
    Points,
    State,
    StoredPaths,
    captures,
    host_state,
)
from ipipscope.cli.output import tell_problems


def anonymize(
    paths: StoredPaths = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Folder to write, which must not exist yet.")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", help="Replace as before with this key; made where it does not exist."),
    ] = None,
    point: Points = None,
    state: State = None,
    no_state: NoState = False,
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
    from ipipscope.errors import UsageError  # noqa: PLC0415
    from ipipscope.language.said import counted  # noqa: PLC0415
    from ipipscope.report.inert import inert  # noqa: PLC0415

    given, named = captures(paths, point, "anonymize")
    if output is None:
        raise UsageError("anonymize writes a folder: name it with -o DIR")
    done = run(given, output, key=key_of(key), points=named, state=host_state(state, no_state))
    files, nodes = counted(done.files, "file"), counted(done.snapshots, "node")
    told = f"{counted(done.packets, 'packet')} in {files}, host state of {nodes}"
    print(f"ipipscope: {inert(output)}: {told}", file=sys.stderr)
    tell_problems(done.problems)
    raise typer.Exit(3 if done.problems else 0)
