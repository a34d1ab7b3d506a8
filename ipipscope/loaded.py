"""Captures in a notebook or a script: `ipipscope.load`, and the tables of what it loads."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ipipscope.analysis import Analysis, Exchange, analyse
from ipipscope.audit_state import audit_report
from ipipscope.capture.files import STDIN, find
from ipipscope.errors import CaptureUnreadable, UsageError
from ipipscope.language.said import say
from ipipscope.model import SECOND, CapturePoint
from ipipscope.sources import Decoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from os import PathLike

    import pandas as pd

    from ipipscope.errors import InputError
    from ipipscope.frames import Frame
    from ipipscope.model import Finding
    from ipipscope.report.model import Report
    from ipipscope.tables.table import Table

ROWS: Final = 1 << 17
"""Packets of a batch, unless told."""


class CaptureWarning(UserWarning):
    """Something of a capture could not be read; what could be is there."""


def load(
    *paths: str | PathLike[str],
    points: Mapping[str, str] | None = None,
    state: str | PathLike[str] | Sequence[str | PathLike[str]] | None = None,
    timeout: float = 5.0,
) -> Capture:
    """Captures, to be explored: files, folders of them; nothing is read before something is asked for.

    points: capture points said outright, file to `node:interface`, as `--point` does.
    state: host state for causes and remedies: a snapshot or folder, or several; None for what lies beside the
        captures, an empty list for none at all.
    timeout: seconds of capture time within which a reply counts.
    Raises CaptureUnreadable for a path that does not exist, UsageError for a point that is none.
    """
    named = {}
    for file, point in (points or {}).items():
        node, colon, interface = point.partition(":")
        if not (node and colon and interface):
            raise UsageError(f"points: {point!r}: write 'node:interface', as in 'node3:tunl0'")
        named[str(file)] = CapturePoint(node, interface)
    where = [str(path) for path in paths]
    if not where and not named:
        raise UsageError("load needs captures: name files or folders")
    for path in [*where, *named]:
        if path == STDIN:
            raise UsageError("standard input can be read once only: save it to a file")
        if not Path(path).exists():
            raise CaptureUnreadable(path, say("no such file or directory."), say("Check the name."))
    if isinstance(state, (str, Path)) or hasattr(state, "__fspath__"):
        state = [state]  # type: ignore[list-item]
    places = None if state is None else [str(each) for each in state]
    return Capture(where, named, places, round(timeout * SECOND))


def audit(*state: str | PathLike[str], strict: bool = False) -> Report:
    """What host state alone tells, before a packet is lost: `ipipscope audit`.

    state: snapshots, folders of command outputs, pasted listings; none for this host as it is now.
    strict: list also what has no effect as far as the state shows.
    """
    return audit_report([str(each) for each in state], strict=strict)


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """One finding: `details` are its values; a notebook shows it with its path, evidence, cause and remedy."""

    details: Finding

    def __repr__(self) -> str:
        return f"{self.details.code} {self.details.rule}: {self.details.summary}"

    def _repr_html_(self) -> str:
        from ipipscope.report.notebook import finding_html  # noqa: PLC0415

        return finding_html(self.details)


@dataclass(frozen=True, slots=True)
class ShownExchange:
    """One exchange of an analysis: `details` are its values; a notebook shows its ladder."""

    analysis: Analysis
    number: int

    @property
    def details(self) -> Exchange:
        """Flow, times, verdict and sightings."""
        return self.analysis.exchange(self.number)

    def __repr__(self) -> str:
        from ipipscope.report.notebook import exchange_text  # noqa: PLC0415

        return exchange_text(self.analysis, self.number)

    def _repr_html_(self) -> str:
        from ipipscope.report.notebook import exchange_html  # noqa: PLC0415

        return exchange_html(self.analysis, self.number)


class Capture:
    """Some capture files as tables; see `load`, which makes it.

    Every table is made when it is first asked for, and kept. `packets` needs about 170 octets a packet; `batches` and
    `save` need no more than one batch. What could not be read is in `problems`, and said once as a CaptureWarning.
    """

    def __init__(
        self, paths: Sequence[str], points: Mapping[str, CapturePoint], state: Sequence[str] | None, timeout: int
    ) -> None:
        self._paths, self._points, self._state, self._timeout = list(paths), dict(points), state, timeout
        self._said: set[str] = set()

    def __repr__(self) -> str:
        named = [*self._points, *self._paths]
        return f"<ipipscope.Capture of {', '.join(named[:3])}{', ...' if len(named) > 3 else ''}>"

    # --- what it shows -------------------------------------------------------------------------------------------

    @cached_property
    def analysis(self) -> Analysis:
        """Journeys, exchanges, judgement and findings: what reports, tables and pictures are made of."""
        analysis = analyse(self._paths, points=self._points, state=self._state, timeout=self._timeout, keep=True)
        self._warn(analysis.problems)
        return analysis

    def triage(self) -> Report:
        """The report: what `ipipscope triage` says."""
        return self.analysis.report

    @property
    def problems(self) -> Sequence[InputError]:
        """What could not be read."""
        return self.analysis.problems

    def finding(self, number: int) -> ShownFinding:
        """Finding *number* of the table of findings, from 0; raises IndexError where there is none."""
        return ShownFinding(self.analysis.findings[number])

    @cached_property
    def nodes(self) -> dict[str, str]:
        """The node of each address, inner and outer, as far as packets and host state tell."""
        sides = self.analysis.judgement.sides
        return {str(address): node for address, node in sorted({**sides.home, **sides.outer_home}.items())}

    # --- tables --------------------------------------------------------------------------------------------------

    @cached_property
    def packets(self) -> pd.DataFrame:
        """A row a packet, file by file, in file order: every column of `ipipscope.decoder.columns`, `file`, `point`."""
        from ipipscope.tables.dataframe import joined_dataframe  # noqa: PLC0415
        from ipipscope.tables.packets import gathered  # noqa: PLC0415

        return joined_dataframe(list(gathered(self._packet_tables())))

    @cached_property
    def sightings(self) -> pd.DataFrame:
        """A row a packet of an exchange at one point, in path order."""
        return self._dataframe("sightings")

    @cached_property
    def exchanges(self) -> pd.DataFrame:
        """A row an exchange, in order of capture time, with the verdict on it."""
        return self._dataframe("exchanges")

    @cached_property
    def flows(self) -> pd.DataFrame:
        """A row a flow: its exchanges counted."""
        return self._dataframe("flows")

    @cached_property
    def findings(self) -> pd.DataFrame:
        """A row a finding, in the report's order."""
        return self._dataframe("findings")

    @cached_property
    def points(self) -> pd.DataFrame:
        """A row a capture point."""
        return self._dataframe("points")

    def where(self, expression: str) -> pd.DataFrame:
        """The packets for which *expression* holds, as `inner_src in 10.122.17.64/26 and icmp_type == 0`.

        Only these are held in memory, unless `packets` was asked for before. Raises UsageError for a bad expression.
        """
        import ipipscope.accessor  # noqa: PLC0415

        if "packets" in self.__dict__:
            return ipipscope.accessor.IpipAccessor(self.packets).where(expression)
        from ipipscope.tables.dataframe import joined_dataframe  # noqa: PLC0415

        return joined_dataframe(list(self._picked(expression, None, ROWS)))

    def batches(
        self, *, rows: int = ROWS, where: str | None = None, columns: Iterable[str] | None = None
    ) -> Iterator[pd.DataFrame]:
        """The packets, about *rows* at a time, for captures that are larger than memory.

        where: only packets for which this expression holds; columns: only these.
        Raises UsageError for a bad expression or a column that there is not.
        """
        from ipipscope.tables.dataframe import dataframe  # noqa: PLC0415

        return (dataframe(table) for table in self._picked(where, columns, rows))

    def save(
        self,
        path: str | PathLike[str],
        table: str = "packets",
        *,
        where: str | None = None,
        columns: Iterable[str] | None = None,
        rows: int = ROWS,
    ) -> None:
        """Write a table to a Parquet file, packets in batches; needs pyarrow.

        Raises UsageError where pyarrow is missing, or for a bad expression, column or table name.
        """
        from ipipscope.tables.arrow import write_parquet  # noqa: PLC0415

        tables = (
            self._picked(where, columns, rows) if table == "packets" else iter([self._table(table, where, columns)])
        )
        with Path(path).open("wb") as out:
            write_parquet(tables, out)

    def arrow(self, table: str = "packets", *, where: str | None = None, columns: Iterable[str] | None = None) -> Any:
        """A table as a `pyarrow.Table`, addresses as dictionaries of strings; raises as `save` does."""
        from ipipscope.tables.arrow import arrow_table  # noqa: PLC0415
        from ipipscope.tables.table import join  # noqa: PLC0415

        if table == "packets":
            return arrow_table(join(list(self._picked(where, columns, ROWS))))
        return arrow_table(self._table(table, where, columns))

    # --- one by one ----------------------------------------------------------------------------------------------

    def frame(self, file: str | int, number: int | None = None) -> Frame:
        """One frame: `frame(2)` of a single file, or `frame("node3_eth1.pcap", 2)` of one among several.

        It has `.bytes`, `.scapy()` and `.pyshark()`. Raises UsageError where no such file is loaded, or it is not
        clear which, InputError where it has no such frame.
        """
        from ipipscope.frames import frame  # noqa: PLC0415

        where = str(file) if number is None else f"{file}:{number}"
        return frame(where, self._paths, self._points)

    def exchange(self, number: int) -> ShownExchange:
        """Exchange *number* of the table of exchanges, from 1, with its ladder.

        Raises IndexError where there is none.
        """
        self.analysis.exchange(number)
        return ShownExchange(self.analysis, number)

    def _repr_html_(self) -> str:
        from ipipscope.report.notebook import capture_html  # noqa: PLC0415

        return capture_html(self.analysis)

    # --- how they are made ---------------------------------------------------------------------------------------

    def _packet_tables(self) -> Iterator[Table]:
        from ipipscope.tables.packets import PacketTables  # noqa: PLC0415

        files, problems = find(self._paths, self._points)
        sources = [Decoded(file) for file in files]
        yield from PacketTables(sources)
        self._warn([*problems, *(problem for source in sources for problem in source.file.problems)])

    def _picked(self, where: str | None, columns: Iterable[str] | None, rows: int) -> Iterator[Table]:
        from ipipscope.tables.packets import gathered  # noqa: PLC0415
        from ipipscope.tables.pick import picked  # noqa: PLC0415

        return gathered(picked(self._packet_tables(), where, columns), rows)

    def _table(self, name: str, where: str | None = None, columns: Iterable[str] | None = None) -> Table:
        from ipipscope.tables.make import table_of  # noqa: PLC0415
        from ipipscope.tables.pick import picked  # noqa: PLC0415

        return next(picked(iter([table_of(self.analysis, name)]), where, columns))

    def _dataframe(self, name: str) -> pd.DataFrame:
        from ipipscope.tables.dataframe import dataframe  # noqa: PLC0415

        return dataframe(self._table(name))

    def _warn(self, problems: Iterable[InputError]) -> None:
        for problem in problems:
            if str(problem) not in self._said:
                self._said.add(str(problem))
                warnings.warn(str(problem), CaptureWarning, stacklevel=4)
