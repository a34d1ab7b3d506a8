"""`ipipscope capture`: record and judge as it happens."""

from __future__ import annotations

import atexit
import contextlib
import signal
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ipipscope.cli.options import Lang, NoColor, Strict, Timeout, language_of_data, nanoseconds
from ipipscope.cli.output import is_screen, tell_problems, wants_colour, write_report, writes_unicode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ipipscope.analysis import Analysis

PIPE_CLOSED: Final = 141


class Format(StrEnum):
    """How findings are told while the capture runs, and the report at its end."""

    TEXT = "text"
    NDJSON = "ndjson"


class Traffic(StrEnum):
    """What the kernel is told to keep."""

    ICMP = "icmp"
    HANDSHAKES = "handshakes"
    ALL = "all"


def capture(
    interfaces: Annotated[
        list[str] | None, typer.Argument(metavar="IFACE...", help="Interfaces; NODE:IFACE on a node named with --on.")
    ] = None,
    interface: Annotated[list[str] | None, typer.Option("-i", "--interface", metavar="IFACE", help="The same.")] = None,
    write: Annotated[
        str | None,
        typer.Option("-w", "--write", metavar="FILE", help="Record into FILE, or - for stdout. [NODE_TIME.pcapng]"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE and the host state beside it.")] = False,
    traffic: Annotated[
        Traffic, typer.Option("--traffic", help="icmp: pings; handshakes: also TCP's and DNS; all: no filter.")
    ] = Traffic.ICMP,
    filter: Annotated[
        str | None, typer.Option("-f", "--filter", metavar="EXPR", help="A filter of your own, as for tcpdump.")
    ] = None,
    snaplen: Annotated[int, typer.Option("-s", "--snaplen", min=0, help="Octets of a packet to keep; 0 for all.")] = 0,
    count: Annotated[int | None, typer.Option("-c", "--count", min=1, help="Stop after so many packets.")] = None,
    autostop: Annotated[
        list[str] | None,
        typer.Option("-a", "--autostop", metavar="COND", help="duration:SECONDS, filesize:KB or packets:N."),
    ] = None,
    ring: Annotated[
        list[str] | None,
        typer.Option("-b", "--ring", metavar="COND", help="Next file at filesize:KB, duration:SECONDS; keep files:N."),
    ] = None,
    via: Annotated[
        str | None,
        typer.Option(
            "--via", metavar="COMMAND", help="Record through a command: 'ssh root@node4', 'ip netns exec n2'."
        ),
    ] = None,
    on: Annotated[
        list[str] | None,
        typer.Option("--on", metavar="NODE=COMMAND", help="Name a node and the command that leads to it."),
    ] = None,
    node: Annotated[str | None, typer.Option("--node", help="The node's name; its host name when not given.")] = None,
    read: Annotated[
        list[str] | None, typer.Option("-r", "--read", metavar="FILE", help="Replay captures instead of recording.")
    ] = None,
    on_finding: Annotated[
        str | None,
        typer.Option("--on-finding", metavar="DIR", help="Record nothing until packets are lost; then DIR has it all."),
    ] = None,
    keep: Annotated[
        str, typer.Option("--keep", metavar="TIME", help="With --on-finding: how much of before is written.")
    ] = "30s",
    memory: Annotated[
        int, typer.Option("--memory", metavar="MB", min=1, help="With --on-finding: the most that is held of before.")
    ] = 64,
    pace: Annotated[float, typer.Option(min=0, help="With -r: 1 as recorded, 10 faster, 0 as fast as it goes.")] = 0.0,
    format: Annotated[Format, typer.Option("--format", help="How findings and the report are written.")] = Format.TEXT,
    timeout: Timeout = 5.0,
    no_state: Annotated[bool, typer.Option("--no-state", help="Take no snapshots of the hosts.")] = False,
    strict: Strict = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Show commands and filters.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Nothing while it runs, one line at the end.")] = False,
    lang: Lang = None,
    no_color: NoColor = False,
) -> None:
    """Record interfaces into one pcapng and say what breaks as it happens; Ctrl-C ends with the report.

    Exit status: 0 nothing found, 1 findings, 2 usage, 3 what could not be recorded, 141 pipe closed.

    Examples:
      ipipscope capture eth1 tunl0

      ipipscope capture --via 'ssh root@node4' eth1 tunl0 -w node4.pcapng -a duration:60

      ipipscope capture eth1 tunl0 --on-finding found --keep 30s

      ipipscope capture --on n2='ip netns exec n2' --on n4='ssh root@node4' n2:eth1 n2:tunl0 n4:eth1 n4:tunl0

    """
    ending = _Ending()
    from ipipscope.capture.recording import STDOUT  # noqa: PLC0415  (NumPy loads after --help)
    from ipipscope.errors import UsageError  # noqa: PLC0415
    from ipipscope.live import setup  # noqa: PLC0415
    from ipipscope.live.replay import replay  # noqa: PLC0415

    names = [*(interfaces or []), *(interface or [])]
    if names and read:
        raise UsageError(f"-r replays a file and takes no interfaces: leave out {', '.join(names)}, or -r")
    if not names and not read:
        raise UsageError("capture needs interfaces, as in `ipipscope capture eth1 tunl0`, or -r FILE to replay one")
    order = setup.Order(
        interfaces=names,
        write=write,
        force=force,
        traffic=traffic.value,
        filter=filter,
        snaplen=snaplen,
        limits=setup.limits(count, autostop or [], ring or []),
        duration=setup.duration(autostop or []),
        via=via,
        on=on or [],
        node=node,
        timeout=nanoseconds(timeout),
        state=not no_state,
        on_finding=on_finding,
        keep=setup.seconds(keep),
        memory=memory * 1_000_000,
    )
    # With the capture on standard output, the words go to standard error.
    out = sys.stderr if write == STDOUT else sys.stdout
    language = language_of_data(lang) if format is Format.NDJSON else contextlib.nullcontext()
    with language, _view(format, out, quiet=quiet, no_color=no_color) as view:
        if read:
            left_out: list[str] | None = [] if no_state else None
            flight = setup.flight_recorder(order, by_capture_time=True)
            ending.begins()
            analysis = replay(
                read,
                timeout=order.timeout,
                pace=pace,
                state=left_out,
                view=view,
                stopped=lambda: ending.wanted,
                flight=flight,
            )
            failure = None
        else:
            prepared = setup.prepare(order)
            if verbose:
                for line in prepared.told():
                    print(line, file=sys.stderr)
            ending.begins(prepared.session.stop)
            analysis = prepared.run(view)
            failure = prepared.session.failure
    _end(analysis, out, format, lang, quiet=quiet, no_color=no_color)
    if isinstance(failure, BrokenPipeError):
        raise typer.Exit(PIPE_CLOSED)
    raise typer.Exit(analysis.report.exit_status(strict=strict))


@contextlib.contextmanager
def _view(format: Format, out: Any, *, quiet: bool, no_color: bool) -> Iterator[Any]:
    """What tells while it runs: the screen on a terminal, lines elsewhere, JSON where asked."""
    from ipipscope.live.lines import JsonLines, Lines  # noqa: PLC0415

    if format is Format.NDJSON:
        yield JsonLines(out, sys.stderr)
    elif is_screen(sys.stderr) and not quiet:
        from ipipscope.live.screen import Screen  # noqa: PLC0415  (rich, only for a terminal)

        colour, unicode = wants_colour(sys.stderr, no_colour=no_color), writes_unicode(sys.stderr)
        with Screen(sys.stderr, colour=colour, unicode=unicode) as screen:
            yield screen
    else:
        yield Lines(sys.stderr, quiet=quiet)


class _Ending:
    """What signals do from now on: Ctrl-C, the end of the terminal and a plain kill end the capture with the report.

    Before it begins they end the program; so does a second Ctrl-C.
    wanted: whether one came.
    """

    def __init__(self) -> None:
        self.wanted = False
        self._begun = self._interrupted = False
        self._stop: Callable[[], None] | None = None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Who started it with nohup wants no end when the terminal goes.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._handle)
                # While Python itself ends: all is said, and the exit status is to be ours.
                atexit.register(signal.signal, number, signal.SIG_IGN)

    def begins(self, stop: Callable[[], None] | None = None) -> None:
        """The capture begins; *stop* ends it, if it does not ask what is wanted."""
        self._stop, self._begun = stop, True
        if self.wanted:  # what is raised while modules load may be lost there
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: object) -> None:
        del frame
        self.wanted = True
        if not self._begun or (number == signal.SIGINT and self._interrupted):
            raise KeyboardInterrupt
        self._interrupted = self._interrupted or number == signal.SIGINT
        if self._stop is not None:
            self._stop()


def _end(analysis: Analysis, out: Any, format: Format, lang: str | None, *, quiet: bool, no_color: bool) -> None:
    from ipipscope.report.json_report import write_ndjson  # noqa: PLC0415

    report = analysis.report
    if format is Format.NDJSON:
        with language_of_data(lang):
            write_ndjson(report, out)
    else:
        write_report(report, out, quiet=quiet, no_color=no_color)
    out.flush()
    tell_problems(report.problems)
