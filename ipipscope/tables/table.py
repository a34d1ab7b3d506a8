"""A table: named columns of numbers with the form in which people read them."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ipipscope.decoder.columns import Array


class Form(Enum):
    """How the numbers of a column are to be read."""

    NUMBER = auto()
    """As they are."""
    TIME = auto()
    """i8, nanoseconds since 1970-01-01 UTC; the smallest i8 stands for none, as NumPy's NaT does."""
    DURATION = auto()
    """i8, nanoseconds; the smallest i8 stands for none."""
    ADDRESS = auto()
    """u4, an IPv4 address in host order."""
    MAC = auto()
    """u8, a MAC address."""
    LABEL = auto()
    """i4, a place in `Column.labels`; -1 for none."""
    TEXT = auto()
    """Python strings, None for none: for tables with few rows."""


NO_TIME = np.iinfo("i8").min


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column.

    values: an array as `form` says.
    missing: bool, which rows have no value; None for a column that always has one, or says so in its values.
    labels: of the form LABEL; each once.
    """

    form: Form
    values: Array
    missing: Array | None = None
    labels: tuple[str, ...] = ()

    def absent(self) -> Array:
        """Which rows have no value; bool."""
        if self.missing is not None:
            return self.missing
        if self.form in {Form.TIME, Form.DURATION}:
            return self.values == NO_TIME
        if self.form is Form.LABEL:
            return self.values < 0
        if self.form is Form.TEXT:
            return np.array([value is None for value in self.values], bool)
        return np.zeros(len(self.values), bool)

    def pick(self, rows: Array) -> Column:
        """The rows that a mask, or their numbers, pick."""
        missing = None if self.missing is None else self.missing[rows]
        return Column(self.form, self.values[rows], missing, self.labels)

    def spelled(self) -> tuple[Array, list[str]]:
        """Codes (-1 for none) and the texts they stand for, in order of value, of an address, MAC or label column."""
        if self.form is Form.LABEL:
            return self.values, list(self.labels)
        distinct, codes = np.unique(self.values, return_inverse=True)
        codes = codes.astype("i4")
        if self.missing is not None:
            codes[self.missing] = -1
        return codes, spell(self.form, distinct)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns of one length, in the order in which they are shown."""

    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())).values)

    def column(self, name: str) -> Column:
        """The column called *name*; raises KeyError where there is none."""
        return self.columns[name]

    def names(self) -> list[str]:
        """Of all columns."""
        return list(self.columns)

    def pick(self, rows: Array) -> Table:
        """The rows that a mask, or their numbers, pick."""
        return Table({name: column.pick(rows) for name, column in self.columns.items()})

    def select(self, names: Iterable[str]) -> Table:
        """Some columns, in the given order.

        Raises KeyError for a name that is none of them.
        """
        return Table({name: self.columns[name] for name in names})


def join(tables: Sequence[Table]) -> Table:
    """Tables with the same columns and labels, one below the other; there must be one at least."""
    if len(tables) == 1:
        return tables[0]
    joined = {}
    for name, first in tables[0].columns.items():
        parts = [table.columns[name] for table in tables]
        missing = None if first.missing is None else np.concatenate([part.absent() for part in parts])
        # Labels only ever grow, from the first table to the last.
        joined[name] = Column(first.form, np.concatenate([part.values for part in parts]), missing, parts[-1].labels)
    return Table(joined)


def spell(form: Form, values: Array) -> list[str]:
    """Addresses or MAC addresses as people write them."""
    if form is Form.MAC:
        return [int(value).to_bytes(8, "big")[2:].hex(":") for value in values]
    octets = values.astype(">u4").tobytes()
    return [socket.inet_ntoa(octets[at : at + 4]) for at in range(0, len(octets), 4)]


def labelled(values: Sequence[str | None]) -> Column:
    """A label column from texts, None for none; labels in order of appearance."""
    labels = {value: place for place, value in enumerate(dict.fromkeys(value for value in values if value is not None))}
    codes = np.array([-1 if value is None else labels[value] for value in values], "i4")
    return Column(Form.LABEL, codes, labels=tuple(labels))


def texts(values: Sequence[str | None]) -> Column:
    """A text column."""
    array = np.empty(len(values), object)
    array[:] = list(values)
    return Column(Form.TEXT, array)
