"""Tables as pandas DataFrames, and columns of DataFrames as they were before.

Types: times are `datetime64[ns, UTC]`, durations `timedelta64[ns]`; addresses, MAC addresses and everything with few
values are categories of strings; numbers that some packets lack are nullable (`UInt8` ... `UInt32`), others plain.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import ipipscope.accessor  # noqa: F401  (whoever has a DataFrame of ours has `df.ipip`)
from ipipscope.tables.table import Column, Form, Table, spell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipipscope.decoder.columns import Array

ADDRESS_ENDINGS = ("src", "dst", "address")
MAC_ENDING = "mac"


def dataframe(table: Table) -> pd.DataFrame:
    """The table as a DataFrame; its numbers are not copied."""
    return pd.DataFrame({name: _series(column) for name, column in table.columns.items()}, copy=False)


def joined_dataframe(tables: Sequence[Table]) -> pd.DataFrame:
    """Tables with the same columns and labels, one below the other, as one DataFrame.

    Empties *tables* column by column on the way, so that hardly more memory is taken than the result needs.
    """
    names = list(tables[0].columns)
    parts = [dict(table.columns) for table in tables]
    series = {}
    for name in names:
        columns = [part.pop(name) for part in parts]
        missing = None if columns[0].missing is None else np.concatenate([each.absent() for each in columns])
        values = np.concatenate([each.values for each in columns])
        series[name] = _series(Column(columns[0].form, values, missing, columns[-1].labels))
        del columns, values, missing
    return pd.DataFrame(series, copy=False)


def _series(column: Column) -> Any:
    values = column.values
    if column.form is Form.TIME:
        return pd.array(values.view("M8[ns]"), dtype=pd.DatetimeTZDtype("ns", "UTC"), copy=False)
    if column.form is Form.DURATION:
        return values.view("m8[ns]")
    if column.form is Form.TEXT:
        return pd.array([None if value is None else str(value) for value in values], dtype="str")
    if column.form is Form.LABEL:
        return pd.Categorical.from_codes(values, categories=pd.Index(column.labels, dtype="str"))
    if column.form in {Form.ADDRESS, Form.MAC}:
        return _category(column)
    if column.missing is None:
        return values
    kind: Any = pd.arrays.BooleanArray if values.dtype == bool else pd.arrays.IntegerArray
    if values.dtype.kind == "f":
        kind = pd.arrays.FloatingArray
    return kind(values, column.missing, copy=False)


def _category(column: Column) -> pd.Categorical:
    """Addresses as a category whose strings stand in order of value."""
    codes, distinct = pd.factorize(column.values)  # a hash table: several times faster than sorting them all
    distinct = np.asarray(distinct)
    if column.missing is not None:
        used = np.zeros(len(distinct), bool)
        used[codes[~column.missing]] = True
    else:
        used = np.ones(len(distinct), bool)
    order = np.argsort(distinct)
    order = order[used[order]]
    place = np.full(len(distinct), -1, "i4")
    place[order] = np.arange(len(order), dtype="i4")
    codes = place[codes]
    if column.missing is not None:
        codes[column.missing] = -1
    names = pd.Index(spell(column.form, distinct[order]), dtype="str")
    return pd.Categorical.from_codes(codes, categories=names)


def column_of(series: pd.Series[Any], name: str) -> Column:
    """A column of a DataFrame as it was before, for `where`: what is not of ours counts as text or number."""
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        codes = np.asarray(series.cat.codes)
        labels = [str(label) for label in series.cat.categories]
        if is_address(name):
            return Column(Form.ADDRESS, _taken(addresses(labels), codes), codes < 0)
        if name.endswith(MAC_ENDING):
            macs = np.array([int(label.replace(":", ""), 16) for label in labels], "u8")
            return Column(Form.MAC, _taken(macs, codes), codes < 0)
        return Column(Form.LABEL, codes, labels=tuple(labels))
    if isinstance(dtype, pd.DatetimeTZDtype) or dtype.kind == "M":
        naive = series.dt.tz_convert("UTC").dt.tz_localize(None) if isinstance(dtype, pd.DatetimeTZDtype) else series
        return Column(Form.TIME, naive.to_numpy().astype("M8[ns]").view("i8"))
    if dtype.kind == "m":
        return Column(Form.DURATION, series.to_numpy().astype("m8[ns]").view("i8"))
    if pd.api.types.is_numeric_dtype(dtype):
        plain = getattr(dtype, "numpy_dtype", None)
        if plain is not None:  # one of pandas' nullable types
            return Column(Form.NUMBER, series.to_numpy(dtype=plain, na_value=0), np.asarray(series.isna()))
        return Column(Form.NUMBER, series.to_numpy())
    values = np.array([None if missing else str(value) for value, missing in zip(series, series.isna(), strict=True)])
    return Column(Form.TEXT, values.astype(object))


def is_address(name: str) -> bool:
    """Whether a column of this name holds IPv4 addresses."""
    return name.endswith(ADDRESS_ENDINGS)


def addresses(labels: Sequence[str]) -> Array:
    """u4 in host order, from dotted strings; raises OSError for anything else."""
    return np.frombuffer(b"".join(map(socket.inet_aton, labels)), ">u4").astype("u4")


def _taken(values: Array, codes: Array) -> Array:
    """Values by code; 0 for the code -1."""
    return np.append(values, values.dtype.type(0))[codes]
