"""Numbers and the Internet checksum out of a buffer.

For plain Python. Where the package is compiled, the functions of the same names in the `.pxd` beside this module stand
in their place: they check once a number, not once an octet, that it lies within the buffer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def u16(octets: Sequence[int], at: int) -> int:
    """Two octets in network order."""
    return (octets[at] << 8) | octets[at + 1]


def u32(octets: Sequence[int], at: int) -> int:
    """Four octets in network order."""
    return (octets[at] << 24) | (octets[at + 1] << 16) | (octets[at + 2] << 8) | octets[at + 3]


def u48(octets: Sequence[int], at: int) -> int:
    """Six octets: a MAC address."""
    return (u16(octets, at) << 32) | u32(octets, at + 2)


def either(octets: Sequence[int], at: int, big: int) -> int:
    """Four octets, big- or little-endian."""
    if big:
        return u32(octets, at)
    return octets[at] | (octets[at + 1] << 8) | (octets[at + 2] << 16) | (octets[at + 3] << 24)


def total(octets: Sequence[int], at: int, length: int) -> int:
    """The ones' complement sum (RFC 1071 §1) of *length* octets, 16 bits; 0xFFFF over what a right checksum covers."""
    if length <= 0:
        return 0
    words = bytes(octets[at : at + length]) + bytes(length & 1)
    # 2 to the power of 16 leaves the remainder 1: the words may be summed as one number.
    remainder = int.from_bytes(words, "big") % 0xFFFF
    return remainder or (0xFFFF if any(words) else 0)
