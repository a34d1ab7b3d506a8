"""Rows and columns of tables, picked while they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipscope.errors import UsageError
from ipipscope.tables.where import Where

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ipipscope.tables.table import Table


def picked(tables: Iterator[Table], where: str | None, columns: Iterable[str] | None) -> Iterator[Table]:
    """Of each table the rows for which *where* holds, and the *columns*; all of them where that is None.

    Raises UsageError for a bad expression at once, and for a column that there is not when the first table comes.
    """
    condition = None if where is None else Where.parse(where)
    names = None if columns is None else list(columns)
    return _picked(tables, condition, names)


def _picked(tables: Iterator[Table], condition: Where | None, names: list[str] | None) -> Iterator[Table]:
    for table in tables:
        rows = table if condition is None else table.pick(condition.rows(table))
        if names is not None:
            for name in names:
                if name not in table.columns:
                    raise UsageError(f"no column {name!r}: there are {', '.join(table.columns)}")
            rows = rows.select(names)
        yield rows
