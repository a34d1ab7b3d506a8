"""Sixty-four bits at a time: keys put together and spread over a hash index.

For plain Python. Where the package is compiled, the functions of the same names in the `.pxd` beside this module stand
in their place.
"""

from __future__ import annotations

from typing import Final

MASK: Final = 0xFFFFFFFFFFFFFFFF


def mix(value: int) -> int:
    """Spread 64 bits (the finaliser of SplitMix64)."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def at(value: int, bit: int) -> int:
    """*value* moved up, in 64 bits: a narrower C type would lose it."""
    return value << bit
