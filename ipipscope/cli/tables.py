"""`ipipscope packets`, `exchanges`, `flows` and `points`: the tables."""

from __future__ import annotations

import itertools
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ipipscope.cli.options import (
    NoState,
    Output,
    Paths,
    Points,
    State,
    Timeout,
    captures,
    host_state,
    nanoseconds,
)
from ipipscope.cli.output import form_of, opened, tell_problems, width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ipipscope.errors import InputError
    from ipipscope.tables.table import Table


class Format(StrEnum):
    """What a table can be written as."""

    TEXT = "text"
    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"
    PARQUET = "parquet"


SHOWN: Final = {
    "packets": (
        "frame", "time", "point", "kind", "outer_src", "outer_dst", "inner_src", "inner_dst", "part", "icmp_id",
        "icmp_seq", "sport", "dport", "inner_length",
    ),
    "exchanges": (
        "exchange", "request", "src", "dst", "protocol", "id", "dport", "sequence", "verdict", "rule", "rtt",
        "request_outer_src", "request_outer_dst", "reply_outer_src", "reply_outer_dst",
    ),
    "flows": (
        "src", "dst", "protocol", "id", "dport", "first", "exchanges", "answered", "unanswered", "undecided",
        "rtt_mean", "sent_packets", "returned_packets", "sent_outer_src", "sent_outer_dst", "returned_outer_src",
        "returned_outer_dst",
    ),
    "points": ("point", "role", "packets", "encapsulated", "first", "last", "dropped", "link_type"),
}  # fmt: skip
"""Columns that the text form shows unless told; the other forms have all."""
SPARED: Final = {
    "packets": (
        "inner_length", "dport", "sport", "icmp_id", "kind", "outer_dst", "outer_src", "icmp_seq", "part", "point",
    ),
    "exchanges": (
        "reply_outer_dst", "request_outer_dst", "reply_outer_src", "request_outer_src", "dport", "id", "rtt",
        "sequence", "protocol", "rule",
    ),
    "flows": (
        "returned_outer_dst", "sent_outer_dst", "returned_outer_src", "sent_outer_src", "returned_packets",
        "sent_packets", "rtt_mean", "dport", "id", "first", "undecided",
    ),
    "points": ("link_type", "dropped", "last", "first"),
}  # fmt: skip
"""What a narrow terminal does without, first to last."""

Where = Annotated[
    str | None,
    typer.Option("--where", metavar="EXPRESSION", help="Only rows for which it holds: see docs/python-api.md."),
]
Columns = Annotated[
    str | None, typer.Option("--columns", metavar="NAME,...", help="Only these columns, in this order; `all` for all.")
]
Form = Annotated[
    Format | None,
    typer.Option("--format", help="How to write the table; else as FILE's name ends, else text.", show_default=False),
]


def packets(
    paths: Paths = None,
    point: Points = None,
    where: Where = None,
    columns: Columns = None,
    format: Form = None,
    output: Output = None,
) -> None:
    """Write every packet: when, where, outer and inner headers.

    Exit status: 0, 2 usage, 3 input that could not be read (what could be is written).

    Examples:
      ipipscope packets case/ --where 'outer_src == 192.168.0.113 and icmp_type == 0'

      ipipscope packets node3_eth1.pcap --format parquet -o node3_eth1.parquet

    """
    from ipipscope.capture.files import find  # noqa: PLC0415  (after --help)
    from ipipscope.sources import Decoded  # noqa: PLC0415
    from ipipscope.tables.packets import PacketTables, gathered  # noqa: PLC0415
    from ipipscope.tables.pick import picked  # noqa: PLC0415

    files, problems = find(*captures(paths, point, "packets"))
    sources = [Decoded(file) for file in files]
    form = form_of(format, output, Format)
    tables = picked(iter(PacketTables(sources)), where, _columns("packets", columns, form))
    _write(gathered(tables) if form is Format.PARQUET else tables, form, output, () if columns else SPARED["packets"])
    _end([*problems, *(problem for source in sources for problem in source.file.problems)])


def exchanges(
    paths: Paths = None,
    point: Points = None,
    state: State = None,
    no_state: NoState = False,
    timeout: Timeout = 5.0,
    where: Where = None,
    columns: Columns = None,
    format: Form = None,
    output: Output = None,
) -> None:
    """Write every exchange, a request with its reply, and the verdict on it.

    Exit status as for packets.

    Examples:
      ipipscope exchanges case/ --where 'verdict == "unanswered"'

    """
    _analysed("exchanges", paths, point, host_state(state, no_state), timeout, where, columns, format, output)


def flows(
    paths: Paths = None,
    point: Points = None,
    state: State = None,
    no_state: NoState = False,
    timeout: Timeout = 5.0,
    where: Where = None,
    columns: Columns = None,
    format: Form = None,
    output: Output = None,
) -> None:
    """Write every flow: its exchanges counted, answered and not.

    Exit status as for packets.

    Examples:
      ipipscope flows case/ --where 'src in 10.122.17.64/26 and unanswered > 0'

    """
    _analysed("flows", paths, point, host_state(state, no_state), timeout, where, columns, format, output)


def points(
    paths: Paths = None,
    point: Points = None,
    where: Where = None,
    columns: Columns = None,
    format: Form = None,
    output: Output = None,
) -> None:
    """Write the capture points: what each is, how much it recorded, and when.

    Exit status as for packets.

    Examples:
      ipipscope points case/

    """
    _analysed("points", paths, point, [], 5.0, where, columns, format, output)


def _analysed(
    name: str,
    paths: list[str] | None,
    point: list[str] | None,
    state: list[str] | None,
    timeout: float,
    where: str | None,
    columns: str | None,
    format: Format | None,
    output: Path | None,
) -> None:
    from ipipscope.analysis import analyse  # noqa: PLC0415
    from ipipscope.tables.make import table_of  # noqa: PLC0415
    from ipipscope.tables.pick import picked  # noqa: PLC0415

    given, named = captures(paths, point, name)
    analysis = analyse(given, points=named, state=state, timeout=nanoseconds(timeout), keep=name != "points")
    form = form_of(format, output, Format)
    tables = picked(iter([table_of(analysis, name)]), where, _columns(name, columns, form))
    _write(tables, form, output, () if columns else SPARED[name])
    _end(analysis.problems)


def _columns(table: str, asked: str | None, format: Format) -> Sequence[str] | None:
    if asked == "all":
        return None
    if asked is not None:
        return [name.strip() for name in asked.split(",")]
    return SHOWN.get(table) if format is Format.TEXT else None


def _write(tables: Iterator[Table], format: Format, output: Path | None, spared: Sequence[str]) -> None:
    """Nothing is opened for writing before there is something to write.

    spared: columns that a narrow terminal does without.
    """
    tables = itertools.chain([next(tables)], tables)
    if format is Format.PARQUET:
        _write_parquet(tables, output)
        return
    from ipipscope.tables import text  # noqa: PLC0415

    writers = {Format.CSV: text.write_csv, Format.JSON: text.write_json, Format.NDJSON: text.write_ndjson}
    with opened(output) as out:
        if format is not Format.TEXT:
            writers[format](tables, out)
            return
        left_out = text.write_text(tables, out, width=width(out) if out.isatty() else None, spared=spared)
    if left_out:
        note = f"{', '.join(left_out)} left out for this width: --columns all, --format csv"
        print(f"ipipscope: {note}", file=sys.stderr)


def _write_parquet(tables: Iterator[Table], output: Path | None) -> None:
    from ipipscope.errors import UsageError, writing  # noqa: PLC0415
    from ipipscope.tables.arrow import write_parquet  # noqa: PLC0415

    if output is None or str(output) == "-":
        if sys.stdout.isatty():
            raise UsageError("Parquet is not for terminals: name a file with -o")
        write_parquet(tables, sys.stdout.buffer)
        return
    with writing(output), output.open("wb") as out:
        write_parquet(tables, out)


def _end(problems: Sequence[InputError]) -> None:
    tell_problems(problems)
    raise typer.Exit(3 if problems else 0)
