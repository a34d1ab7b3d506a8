"""Blocks of lines, one above the other, cut so that they fill a screen and never more: what matters most keeps most."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say
from ipipscope.language.told import told
from ipipscope.report.lines import cells, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipipscope.report.lines import Line


LEFT: Final = 12
"""Columns that are worth cutting something to."""


@dataclass(slots=True)
class Block:
    """What stands together.

    head: lines above its items; they are left out where there is no room for an item below them.
    items: each with the line that must be seen first; the others are left out first.
    least: so many items have room before other blocks get more than their least.
    """

    items: list[list[Line]]
    head: list[Line] = field(default_factory=list)
    least: int = 1

    @property
    def wanted(self) -> int:
        """Lines that it would fill."""
        return len(self.head) + sum(map(len, self.items))

    @property
    def needed(self) -> int:
        """Lines without which it is not worth drawing in full."""
        shown = min(self.least, len(self.items))
        more = 1 if len(self.items) > shown else 0
        return min(self.wanted, len(self.head) + shown + more)

    def drawn(self, rows: int) -> list[Line]:
        """In at most *rows* lines; the last one says how many items are left out, if any are."""
        if rows <= 0 or not self.items:
            return self.head[:rows] if rows > 0 else []
        if rows >= self.wanted:
            return [*self.head, *(line for item in self.items for line in item)]
        head = self.head if rows > len(self.head) + 1 else []
        room = rows - len(head)
        count = len(self.items) if len(self.items) <= room else max(1, room - 1)
        left_out = len(self.items) - count
        spare = room - count - (1 if left_out and room > count else 0)
        lines = list(head)
        for item in self.items[:count]:
            lines += item[: 1 + spare]
            spare -= len(item[: 1 + spare]) - 1
        if left_out and len(lines) < rows:
            lines.append(_more(left_out))
        return lines


def _more(count: int) -> Line:
    return [(told(say("and {count} more", count=count)), "dim")]


def stacked(blocks: Sequence[Block], order: Sequence[int], height: int) -> list[Line]:
    """The blocks one above the other in at most *height* lines, with empty lines between where there is room.

    order: places of the blocks, the most important first.
    """
    rows = [0] * len(blocks)
    left = height
    for wanted in ("needed", "gaps", "wanted"):
        if wanted == "gaps":
            filled = sum(1 for count in rows if count)
            gaps = max(0, min(filled - 1, left))
            left -= gaps
            continue
        for place in order:
            grown = min(left, max(0, getattr(blocks[place], wanted) - rows[place]))
            rows[place] += grown
            left -= grown
    lines: list[Line] = []
    for block, count in zip(blocks, rows, strict=True):
        part = block.drawn(count)
        if part and lines and gaps > 0:
            lines.append([])
            gaps -= 1
        lines += part
    return lines[:height]


def cut(line: Line, width: int) -> Line:
    """At most *width* columns of a line; an ellipsis where something is left out."""
    used = 0
    pieces: Line = []
    for text, style in line:
        taken = cells(text)
        if used + taken > width:
            pieces.append((shortened(text, width - used) if width > used else "", style))
            break
        pieces.append((text, style))
        used += taken
    return pieces


def opposite(left: Line, right: Line, width: int) -> Line:
    """*left* at the left edge, *right* at the right one; *left* is cut where both have no room, then *right*."""
    taken = sum(cells(text) for text, _ in right)
    if taken + LEFT > width:
        return cut([*left, ("  ", ""), *right], width)
    left = cut(left, width - taken - 2)
    used = sum(cells(text) for text, _ in left)
    return [*left, (" " * (width - taken - used), ""), *right]
