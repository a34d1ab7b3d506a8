"""A small grid of styled characters, for pictures in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipscope.report.lines import cells

if TYPE_CHECKING:
    from ipipscope.report.lines import Line


class Canvas:
    """Rows of cells that grow as they are written; what is written later stands over what was there."""

    def __init__(self) -> None:
        self._rows: list[dict[int, tuple[str, str]]] = []

    def row(self) -> int:
        """A new row below the others; its number."""
        self._rows.append({})
        return len(self._rows) - 1

    def put(self, row: int, column: int, text: str, style: str = "") -> None:
        """Write *text* from *column* on; a wide character covers two cells."""
        at = max(0, column)
        for each in text:
            wide = cells(each)
            if wide == 0:
                before = self._rows[row].get(at - 1, (" ", ""))
                self._rows[row][at - 1] = (before[0] + each, before[1])
                continue
            self._rows[row][at] = (each, style)
            if wide == 2:
                self._rows[row][at + 1] = ("", style)
            at += wide

    def centred(self, row: int, column: int, text: str, style: str = "", *, least: int = 0, most: int = 1000) -> None:
        """Write *text* around *column*, moved to stay within *least* and *most*."""
        start = column - cells(text) // 2
        self.put(row, max(least, min(start, most - cells(text))), text, style)

    def free(self, row: int, start: int, end: int) -> bool:
        """Whether nothing stands in these columns."""
        return not any(start <= at < end for at in self._rows[row])

    def lines(self) -> list[Line]:
        """The rows as lines of pieces."""
        found: list[Line] = []
        for row in self._rows:
            line: Line = []
            for at in range(max(row, default=-1) + 1):
                text, style = row.get(at, (" ", ""))
                if line and line[-1][1] == style:
                    line[-1] = (line[-1][0] + text, style)
                else:
                    line.append((text, style))
            found.append(line)
        return found
