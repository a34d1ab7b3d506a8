"""The keys of a flow table's row, taken apart: see `Flows` for how they are put together."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Final

from ipipscope.model import OuterPair

ADDRESS: Final = 0xFFFFFFFF
NUMBER: Final = 0xFFFFF
"""Bits of a port, or of what stands in place of one."""


def ends(addresses: int, *, back: bool = False) -> tuple[int, int]:
    """Source and destination: the lower address first, turned where packets go *back* to it."""
    found = addresses >> 32, addresses & ADDRESS
    return found[::-1] if back else found


def ports(numbers: int, *, back: bool = False) -> tuple[int, int]:
    """The source's and the destination's, in the order of `ends`."""
    found = numbers >> 20 & NUMBER, numbers & NUMBER
    return found[::-1] if back else found


def outer_pair(outers: int) -> OuterPair:
    """The addresses of an outer header; for a row that has one."""
    return OuterPair(IPv4Address(outers >> 32), IPv4Address(outers & ADDRESS))
