"""Addresses that are looked up millions of times."""

from __future__ import annotations

from ipaddress import IPv4Address


class Address(IPv4Address):
    """An IPv4 address, equal to any other of its number, whose hash is worked out once."""

    __slots__ = ("_hash",)

    def __init__(self, address: int | str) -> None:
        super().__init__(address)
        self._hash = super().__hash__()

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"IPv4Address({str(self)!r})"
