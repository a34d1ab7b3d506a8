"""`ipipscope audit`: what is wrong with nodes, without any packet."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ipipscope.cli.options import Lang, NoColor, Output, Quiet, language_of_data
from ipipscope.cli.output import form_of, opened, tell_problems, write_report


class Format(StrEnum):
    """What an audit can be written as."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"
    MD = "md"


def audit(
    state: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STATE]...",
            help="Snapshots, folders of command outputs, pasted listings; this host as it is now when not given.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[
        Format | None,
        typer.Option("--format", help="How to write the report; else as FILE's name ends, else text."),
    ] = None,
    output: Output = None,
    quiet: Quiet = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Also how to undo, what would disprove.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Show what has no effect too, and exit 1 for it.")] = False,
    lang: Lang = None,
    no_color: NoColor = False,
) -> None:
    """Look for faults in host state alone, before a packet is lost: routes, outer sources, MTUs, filters.

    The more nodes' state there is, the more can be told: whether each sends to the others what they take. Exit status
    as for triage.

    Examples:
      ipipscope audit

      ipipscope audit state/

      ipipscope audit state/ --format html -o audit.html

      ip route | ssh laptop 'cat >node3.txt'; ipipscope audit node3.txt

    """
    from ipipscope.audit_state import audit_of  # noqa: PLC0415
    from ipipscope.report.json_report import write_json  # noqa: PLC0415

    form = form_of(format, output, Format)
    done = audit_of(state or (), strict=strict)
    report = done.report
    if report.nothing_read and form is not Format.JSON:
        tell_problems(report.problems)  # there is no verdict on nothing
        raise typer.Exit(report.exit_status())
    with opened(output) as out:
        if form is Format.JSON:
            with language_of_data(lang):
                write_json(report, out)
        elif form is Format.HTML:
            from ipipscope.report.html_page import write_html  # noqa: PLC0415  (jinja2)

            with language_of_data(lang):
                write_html(report, out, snapshots=done.snapshots)
        elif form is Format.MD:
            from ipipscope.report.markdown import write_markdown  # noqa: PLC0415

            with language_of_data(lang):
                write_markdown(report, out)
        else:
            write_report(report, out, quiet=quiet, verbose=verbose, no_color=no_color)
    tell_problems(report.problems)
    raise typer.Exit(report.exit_status(strict=strict))
