"""Tables as Arrow tables and Parquet files, column by column, without Python objects for rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ipipscope.errors import UsageError
from ipipscope.tables.table import NO_TIME, Column, Form, Table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

MISSING: Final = "this needs pyarrow: pip install 'ipipscope[parquet]'"


def arrow_table(table: Table) -> Any:
    """The table as a `pyarrow.Table`; raises UsageError where pyarrow is not installed."""
    pa = _pyarrow()
    made = pa.table({name: _array(pa, column) for name, column in table.columns.items()})
    return made.replace_schema_metadata({"pandas": json.dumps(_for_pandas(table))})


def _for_pandas(table: Table) -> dict[str, Any]:
    """What tells pandas that numbers which may be missing are its nullable ones, not floats.

    As in https://pandas.pydata.org/docs/development/developer.html, "Storing pandas DataFrame objects in Parquet".
    """
    columns = []
    for name, column in table.columns.items():
        if column.form is Form.NUMBER and column.missing is not None:
            kind = column.values.dtype.name
            nullable = {"uint": "UInt", "int": "Int", "float": "Float", "bool": "boolean"}
            word = nullable[kind.rstrip("0123456789")] + kind.lstrip("abcdefghijklmnopqrstuvwxyz")
            columns.append(
                {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": word, "metadata": None}
            )
    return {"index_columns": [], "column_indexes": [], "columns": columns, "pandas_version": "2.2.0"}


def write_parquet(tables: Iterator[Table], out: BinaryIO) -> None:
    """One Parquet file, a row group a table; raises UsageError where pyarrow is not installed."""
    _pyarrow()
    import pyarrow.parquet as pq  # noqa: PLC0415

    writer = None
    try:
        for table in tables:
            rows = arrow_table(table)
            if writer is None:
                writer = pq.ParquetWriter(out, rows.schema, compression="zstd")
            writer.write_table(rows)
    finally:
        if writer is not None:
            writer.close()


def _pyarrow() -> Any:
    try:
        import pyarrow as pa  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(MISSING) from error
    return pa


def _array(pa: Any, column: Column) -> Any:
    missing = column.missing
    if column.form in {Form.TIME, Form.DURATION}:
        kind = pa.timestamp("ns", "UTC") if column.form is Form.TIME else pa.duration("ns")
        return pa.array(column.values, kind, mask=column.values == NO_TIME)
    if column.form is Form.TEXT:
        return pa.array(list(column.values), pa.string())
    if column.form in {Form.LABEL, Form.ADDRESS, Form.MAC}:
        codes, labels = column.spelled()
        indices = pa.array(codes.astype("i4"), pa.int32(), mask=np.asarray(codes) < 0)
        return pa.DictionaryArray.from_arrays(indices, pa.array(labels, pa.string()))
    return pa.array(column.values, mask=missing)
