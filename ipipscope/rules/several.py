"""How a sentence about exchanges of several flows names one of them: with how many others there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipscope.language.said import say_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from ipaddress import IPv4Address


def and_pairs(address: IPv4Address, pairs: Collection[tuple[IPv4Address, IPv4Address]]) -> IPv4Address | str:
    """The second address of a pair that is named, with how many pairs of addresses there are besides."""
    if len(pairs) < 2:
        return address
    return say_of(
        len(pairs) - 1,
        "{address} and of {count} other pair of addresses",
        "{address} and of {count} other pairs of addresses",
        address=address,
    )


def and_addresses(address: IPv4Address, all_of_them: Collection[IPv4Address]) -> IPv4Address | str:
    """An address, with how many there are besides of those that it stands for."""
    if len(all_of_them) < 2:
        return address
    return say_of(
        len(all_of_them) - 1,
        "{address} and {count} other address",
        "{address} and {count} other addresses",
        address=address,
    )
