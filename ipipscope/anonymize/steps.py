"""What comes next in some frames: rows, where it begins, and what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipipscope.decoder.columns import Array

Step = tuple["Array", "Array", "Array"]
"""Rows, where in the octets, and an EtherType or one of those below; all i8."""
NOTHING: Final = 0
LLC, PPP = -1, -2
"""What has no EtherType: an IEEE 802.2 frame, and PPP from its protocol field on."""


def step(rows: Array, at: Array, protocol: int | Array) -> Step:
    """All of some frames go on with one thing, or each with its own."""
    return rows, at, np.broadcast_to(np.asarray(protocol, "i8"), rows.shape)


def together(steps: Iterable[Step]) -> Step:
    """All that comes next, as one."""
    parts = [each for each in steps if len(each[0])]
    if not parts:
        none = np.zeros(0, "i8")
        return none, none, none
    rows, at, protocol = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return rows, at, protocol
