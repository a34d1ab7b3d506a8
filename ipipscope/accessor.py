"""`df.ipip`: the field's operations on DataFrames, for those that `ipipscope.load` gives and their like.

The accessor keeps no state: pandas may make a new one at every access. A DataFrame with none of our columns has none:
asking for it raises AttributeError, as for any other name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Network

    from ipipscope.decoder.columns import Array

KNOWN: Final = ("outer_src", "inner_src", "src", "request_outer_src")
"""One of these columns makes a DataFrame ours."""
PAIRS: Final = ("request_outer_src", "request_outer_dst", "reply_outer_src", "reply_outer_dst")


@pd.api.extensions.register_dataframe_accessor("ipip")
class IpipAccessor:
    """What people do with tables of an overlay: networks, nodes, asymmetry."""

    def __init__(self, table: pd.DataFrame) -> None:
        if not any(name in table.columns for name in KNOWN):
            raise AttributeError(f"df.ipip needs one of the columns {', '.join(KNOWN)}")
        self._table = table

    def where(self, expression: str) -> pd.DataFrame:
        """The rows for which *expression* holds: see `ipipscope.tables.where`; raises UsageError for a bad one."""
        from ipipscope.tables.where import Where  # noqa: PLC0415

        return self._table[Where.parse(expression).rows(_Columned(self._table))]

    def addresses(self, column: str) -> Array:
        """The addresses of a column as numbers; u4 in host order, one a row, 0 where there is none.

        Raises KeyError where there is no such column, TypeError where it holds no addresses.
        """
        from ipipscope.tables.dataframe import column_of  # noqa: PLC0415
        from ipipscope.tables.table import Form  # noqa: PLC0415

        found = column_of(self._table[column], column)
        if found.form is not Form.ADDRESS:
            raise TypeError(f"column {column!r} holds no addresses")
        return found.values

    def in_network(self, network: str | IPv4Network, column: str | None = None) -> pd.Series[Any]:
        """A mask: which rows have an address of *network* in *column*, or in any address column.

        Decided once for each distinct address, whatever the number of rows.
        Raises ValueError where *network* is none, KeyError where there is no such column.
        """
        from ipaddress import IPv4Network  # noqa: PLC0415

        wanted = IPv4Network(network, strict=False)
        columns = [column] if column is not None else [each for each in self._table.columns if _addressed(self, each)]
        mask = np.zeros(len(self._table), bool)
        for each in columns:
            mask |= _in_network(self._table[each], wanted)
        return pd.Series(mask, index=self._table.index)

    def nodes(self, column: str, nodes: Mapping[str, str] | None = None) -> pd.Series[Any]:
        """The node of each address of *column*, as a category; none where it is not known.

        nodes: node by address, as `capture.nodes` has it.
        """
        series = self._table[column]
        known = {} if nodes is None else dict(nodes)
        names = list(dict.fromkeys(known[label] for label in series.cat.categories if label in known))
        place = np.array([names.index(known[x]) if x in known else -1 for x in series.cat.categories] + [-1], "i4")
        codes = place[series.cat.codes.to_numpy()]
        return pd.Series(
            pd.Categorical.from_codes(codes, categories=pd.Index(names, dtype="str")), index=series.index, name=column
        )

    def asymmetry(self) -> pd.DataFrame:
        """Of an exchange table: how the outer headers of replies mirror those of requests, a row each tunnel pair.

        `source_mirrored`, `destination_mirrored`: whether the reply's outer source is the request's outer destination,
        and the other way round; missing where one of them was not seen with an outer header. Then how many exchanges
        there are, and how many of them were answered. Raises AttributeError for a table without those columns.
        """
        lacking = [name for name in PAIRS if name not in self._table.columns]
        if lacking:
            raise AttributeError(f"asymmetry needs an exchange table; there is no column {lacking[0]}")
        table = self._table[list(PAIRS)].assign(answered=self._table["verdict"] == "answered")
        grouped = table.groupby(list(PAIRS), observed=True, dropna=False, sort=False)["answered"]
        pairs = grouped.agg(exchanges="size", answered="sum").reset_index()
        seen = [pairs[name].astype("object") for name in PAIRS]
        for name, one, other in (("source_mirrored", 2, 1), ("destination_mirrored", 3, 0)):
            same: Any = pd.array((seen[one] == seen[other]).to_numpy(), dtype="boolean")
            same[(seen[one].isna() | seen[other].isna()).to_numpy()] = pd.NA
            pairs.insert(len(PAIRS), name, same)
        columns = [*PAIRS, "source_mirrored", "destination_mirrored", "exchanges", "answered"]
        return pairs[columns].sort_values("exchanges", ascending=False, kind="stable", ignore_index=True)


class _Columned:
    """A DataFrame, for `Where`."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table

    def __len__(self) -> int:
        return len(self._table)

    def names(self) -> list[str]:
        return [str(name) for name in self._table.columns]

    def column(self, name: str) -> Any:
        from ipipscope.tables.dataframe import column_of  # noqa: PLC0415

        return column_of(self._table[name], name)


def _addressed(accessor: IpipAccessor, column: str) -> bool:
    from ipipscope.tables.dataframe import is_address  # noqa: PLC0415

    return is_address(column) and isinstance(accessor._table[column].dtype, pd.CategoricalDtype)  # noqa: SLF001


def _in_network(series: pd.Series[Any], network: IPv4Network) -> Array:
    from ipipscope.tables.dataframe import addresses  # noqa: PLC0415

    if not isinstance(series.dtype, pd.CategoricalDtype):
        raise TypeError(f"column {series.name!r} holds no addresses")
    distinct = addresses([str(label) for label in series.cat.categories])
    inside = (distinct & np.uint32(int(network.netmask))) == np.uint32(int(network.network_address))
    mask: Array = np.append(inside, [False])[series.cat.codes.to_numpy()]
    return mask
