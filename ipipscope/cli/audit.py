"""`ipipscope audit`: what is wrong with nodes, without any packet."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path  # noqa: TC003  (typer reads annotations at run time)
from typing import Annotated

import typer

from ipipscope.cli.output import opened, wants_colour, width, writes_unicode


class Format(StrEnum):
    """What an audit can be written as."""

    TEXT = "text"
    JSON = "json"


def audit(
    state: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STATE]...",
            help="Snapshots, folders of command outputs, pasted listings; this host as it is now when not given.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[Format, typer.Option("--format", help="How to write the report.")] = Format.TEXT,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to FILE.")] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="The verdict in one line.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Also how to undo, what would disprove.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Show what has no effect too, and exit 1 for it.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colour, also on a terminal.")] = False,
) -> None:
    """Look for faults in host state alone, before a packet is lost: routes, outer sources, MTUs, filters.

    The more nodes' state there is, the more can be told: whether each sends to the others what they take. Exit status
    as for triage.

    Examples:
      ipipscope audit

      ipipscope audit state/

      ip route | ssh laptop 'cat >node3.txt'; ipipscope audit node3.txt

    """
    from ipipscope.audit_state import audit_report  # noqa: PLC0415
    from ipipscope.report.inert import inert  # noqa: PLC0415  (after --help)
    from ipipscope.report.json_report import write_json  # noqa: PLC0415
    from ipipscope.report.terminal import write_text  # noqa: PLC0415

    report = audit_report(state or (), strict=strict)
    with opened(output) as out:
        if format is Format.JSON:
            write_json(report, out)
        else:
            write_text(
                report,
                out,
                width=width(out),
                colour=wants_colour(out, no_colour=no_color),
                unicode=writes_unicode(out),
                quiet=quiet,
                verbose=verbose,
            )
    for problem in report.problems:
        print(f"ipipscope: {inert(problem)}", file=sys.stderr)
    raise typer.Exit(report.exit_status(strict=strict))
