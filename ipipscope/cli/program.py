"""The commands put together, and how the program ends: a crash never looks like findings."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Annotated, Final

import typer

from ipipscope.cli import INTERRUPTED, OURS
from ipipscope.cli.anonymize import anonymize
from ipipscope.cli.audit import audit
from ipipscope.cli.capture import capture
from ipipscope.cli.explain import explain
from ipipscope.cli.output import PipeClosedError
from ipipscope.cli.show import show
from ipipscope.cli.snapshot import snapshot
from ipipscope.cli.tables import exchanges, flows, packets, points
from ipipscope.cli.triage import triage
from ipipscope.cli.view import view
from ipipscope.errors import IpipscopeError, UsageError

USAGE, INPUT, PIPE_CLOSED = 2, 3, 141
CONTEXT: Final = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="ipipscope",
    help="Find where an IPIP overlay loses its packets.",
    no_args_is_help=True,
    context_settings=CONTEXT,
    pretty_exceptions_enable=False,
)
for command in (triage, capture, show, packets, exchanges, flows, points, snapshot, audit, explain, anonymize, view):
    app.command(context_settings=CONTEXT)(command)


def _version(asked: bool) -> None:
    if asked:
        from ipipscope import __version__, compiled  # noqa: PLC0415

        built = compiled()
        kernels = (
            "compiled" if all(built.values()) else "plain Python" if not any(built.values()) else "partly compiled"
        )
        typer.echo(f"ipipscope {__version__} (hot loops: {kernels})")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say version and build, and exit.")
    ] = False,
) -> None:
    """Find where an IPIP overlay loses its packets."""
    del version


def run() -> int:
    """Run the command line; the exit status. Ctrl-C is for the caller."""
    try:
        status = app(standalone_mode=False) or 0
        sys.stdout.flush()
    except (BrokenPipeError, PipeClosedError):
        _forget_stdout()
        status = PIPE_CLOSED
    except SystemExit as ending:  # the parser catches a closed pipe itself, and would end with 1: findings
        if not isinstance(ending.__context__, BrokenPipeError):
            raise
        status = PIPE_CLOSED
    except typer.Abort:
        status = INTERRUPTED
    except UsageError as error:
        status = _say(error, USAGE)
    except IpipscopeError as error:
        status = _say(error, INPUT)
    except Exception as error:  # noqa: BLE001  (the last resort: a status of its own)
        status = _click_or_ours(error)
    return status


def _click_or_ours(error: Exception) -> int:
    """Usage errors come from the parser, which has a type of its own for them; all else is a fault of ours."""
    show, status = getattr(error, "show", None), getattr(error, "exit_code", None)
    if callable(show) and isinstance(status, int):
        show()
        return USAGE
    import traceback  # noqa: PLC0415  (only now)

    traceback.print_exc()
    print("ipipscope: this is a fault of ours; please report the lines above.", file=sys.stderr)
    return OURS


def _say(error: Exception, status: int) -> int:
    from ipipscope.cli.output import tell_problems  # noqa: PLC0415

    tell_problems([error])
    return status


def _forget_stdout() -> None:
    """Nobody reads any more: keep the interpreter from saying so a second time."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
