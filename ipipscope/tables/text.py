"""Tables as CSV, JSON and NDJSON for programs, aligned for people: written table by table as they come."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ipipscope.report.inert import inert
from ipipscope.report.times import clock, lasting
from ipipscope.tables.table import NO_TIME, Column, Form, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TextIO

NONE: Final = "-"
"""What stands for no value, for people."""
WIDEST: Final = 60
"""Columns wider than this are not aligned any more."""


def write_csv(tables: Iterator[Table], out: TextIO) -> None:
    """RFC 4180 with a header line; times as in the JSON report, durations in seconds, nothing where there is none."""
    writer = csv.writer(out, lineterminator="\n")
    for number, table in enumerate(tables):
        if number == 0:
            writer.writerow(table.columns)
        writer.writerows(zip(*(cells(column) for column in table.columns.values()), strict=True))
        out.flush()


def write_ndjson(tables: Iterator[Table], out: TextIO) -> None:
    """One JSON object a row and line; null where there is no value."""
    for table in tables:
        out.writelines(line + "\n" for line in _objects(table))
        out.flush()


def write_json(tables: Iterator[Table], out: TextIO) -> None:
    """One array of the objects that NDJSON has, an object a line."""
    before = "[\n"
    for table in tables:
        for line in _objects(table):
            out.write(before + line)
            before = ",\n"
        out.flush()
    out.write("\n]\n" if before != "[\n" else "[]\n")


def write_text(
    tables: Iterator[Table], out: TextIO, *, width: int | None = None, spared: Sequence[str] = ()
) -> list[str]:
    """Aligned under a header line; what stands in packets and names is made harmless.

    width: columns of the terminal; None for no bound.
    spared: columns of the table to leave out where they do not fit, first to last.
    Returns those that were left out.
    """
    widths: dict[str, int] = {}
    left_out: list[str] = []
    for table in tables:
        shown = {name: [inert(cell) for cell in _shown(column)] for name, column in table.columns.items()}
        begun = bool(widths)
        for name, texts in shown.items():
            longest = max(map(len, texts), default=0)
            widths[name] = max(widths.get(name, len(name)), min(longest, WIDEST))
        if not begun and width is not None:
            left_out = _too_wide(widths, width, spared)
        shown = {name: texts for name, texts in shown.items() if name not in left_out}
        right = {name for name, column in table.columns.items() if column.form in {Form.NUMBER, Form.DURATION}}
        if not begun:
            out.write(_line({name: name for name in shown}, widths, right))
        rows = zip(*shown.values(), strict=True)
        out.writelines(_line(dict(zip(shown, row, strict=True)), widths, right) for row in rows)
        out.flush()
    return left_out


def _too_wide(widths: Mapping[str, int], width: int, spared: Sequence[str]) -> list[str]:
    """Of the *spared* columns, as many as have to go."""
    left_out: list[str] = []
    for name in (name for name in spared if name in widths):
        kept = [taken for column, taken in widths.items() if column not in left_out]
        if sum(kept) + 2 * (len(kept) - 1) <= width:
            break
        left_out.append(name)
    return left_out


def cells(column: Column) -> list[Any]:
    """The column's values as JSON has them: numbers, texts, None."""
    if column.form is Form.TEXT:
        return list(column.values)
    if column.form is Form.TIME:
        texts = np.datetime_as_string(column.values.view("M8[ns]"), timezone="UTC").tolist()
        return [None if text == "NaT" else text for text in texts]
    if column.form is Form.DURATION:
        return [None if value == NO_TIME else value / 1_000_000_000 for value in column.values.tolist()]
    if column.form is Form.NUMBER:
        values: list[Any] = column.values.tolist()
        if column.missing is None or not column.missing.any():
            return values
        return [None if missing else value for value, missing in zip(values, column.missing.tolist(), strict=True)]
    codes, labels = column.spelled()
    words = [*labels, None]
    return [words[code] for code in codes.tolist()]


def _objects(table: Table) -> Iterator[str]:
    names = list(table.columns)
    for row in zip(*(cells(column) for column in table.columns.values()), strict=True):
        yield json.dumps(dict(zip(names, row, strict=True)))


def _shown(column: Column) -> list[str]:
    if column.form is Form.TIME:
        return [NONE if value == NO_TIME else clock(value) for value in column.values.tolist()]
    if column.form is Form.DURATION:
        return [NONE if value == NO_TIME else lasting(value) for value in column.values.tolist()]
    if column.form is Form.TEXT:
        return [NONE if value is None else str(value).replace("\n", "; ") for value in column.values]
    return [NONE if cell is None else str(cell) for cell in cells(column)]


def _line(row: Mapping[str, str], widths: Mapping[str, int], right: set[str]) -> str:
    fields = [text.rjust(widths[name]) if name in right else text.ljust(widths[name]) for name, text in row.items()]
    return "  ".join(fields).rstrip() + "\n"
