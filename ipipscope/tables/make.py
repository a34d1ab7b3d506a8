"""Every table by its name, except that of packets, which comes in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipscope.errors import UsageError
from ipipscope.tables.exchanges import exchange_table
from ipipscope.tables.findings import finding_table, point_table
from ipipscope.tables.flows import flow_table
from ipipscope.tables.sightings import sighting_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipipscope.analysis import Analysis
    from ipipscope.tables.table import Table

MAKERS: dict[str, Callable[[Analysis], Table]] = {
    "exchanges": exchange_table,
    "sightings": sighting_table,
    "flows": flow_table,
    "findings": lambda analysis: finding_table(analysis.report),
    "points": lambda analysis: point_table(analysis.report),
}


def table_of(analysis: Analysis, name: str) -> Table:
    """The table called *name*; raises UsageError where there is none."""
    if name not in MAKERS:
        raise UsageError(f"no table {name!r}: there are packets, {', '.join(MAKERS)}")
    return MAKERS[name](analysis)
