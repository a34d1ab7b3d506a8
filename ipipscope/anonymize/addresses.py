"""Prefix-preserving replacement of IPv4 addresses, and keyed replacement of IPv6 and MAC addresses.

The construction is that of Xu, Fan, Ammar and Moon, "Prefix-Preserving IP Address Anonymization" (ICNP 2002), known as
Crypto-PAn: each bit is flipped or not, by a pseudo-random function of the bits before it. The function here is BLAKE2
with a key (RFC 7693) instead of AES.
"""

from __future__ import annotations

import hashlib
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from ipipscope.decoder.columns import Array

KEPT: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this host, RFC 1122
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local, RFC 3927; 169.254.1.1 is every Calico pod's gateway
            "172.17.0.0/16",  # Docker's own network, the same on every host
            "224.0.0.0/24",  # multicast that is never forwarded, RFC 5771
            "255.255.255.255/32",
        ),
    )
)
"""Ranges whose addresses say nothing about whose they are: they stay what they are."""
CLASSES: Final = (*KEPT, IPv4Network("224.0.0.0/4"), IPv4Network("240.0.0.0/4"))
"""Ranges that nothing enters or leaves: what is multicast stays multicast."""
PLAIN_MACS: Final = frozenset({bytes(6), b"\xff" * 6, b"\xee" * 6})
"""None, everybody, and the host's side of every Calico pod."""
GROUP_PREFIXES: Final = (b"\x01\x00\x5e", b"\x33\x33", b"\x01\x80\xc2")
"""Multicast for IPv4, for IPv6, and of bridges."""

SOLICITED: Final = bytes.fromhex("ff0200000000000000000001ff")
"""The group of those whose address ends in the three octets that follow (RFC 4291 §2.7.1)."""


class Addresses:
    """Replaces addresses, always in the same way under one key.

    key: 32 octets.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._bits: dict[tuple[int, int], int] = {}
        self._known: dict[int, int] = {}
        self._macs: dict[bytes, bytes] = {}
        self._pinned = {
            (length, int(network.network_address) >> (32 - length) if length else 0)
            for network in CLASSES
            for length in range(network.prefixlen)
        }

    def digest(self, label: str, octets: bytes, size: int) -> bytes:
        """*size* octets that only the key's owner can compute; *label* tells uses apart."""
        return hashlib.blake2b(octets, key=self._key, digest_size=size, person=label.encode()[:16]).digest()

    def v4(self, address: int) -> int:
        """The replacement of an IPv4 address."""
        found = self._known.get(address)
        if found is None:
            kept = any(IPv4Address(address) in network for network in KEPT)
            found = self._known[address] = address if kept else self._replaced(address)
        return found

    def _replaced(self, address: int) -> int:
        result = 0
        for length in range(32):
            bit = address >> (31 - length) & 1
            result = result << 1 | bit ^ self._flip(length, address >> (32 - length) if length else 0)
        return result

    def _flip(self, length: int, prefix: int) -> int:
        """Whether the bit behind the first *length* bits is flipped; never where a class of addresses parts."""
        place = length, prefix
        if place in self._pinned:
            return 0
        found = self._bits.get(place)
        if found is None:
            octets = length.to_bytes(1, "big") + prefix.to_bytes(4, "big")
            found = self._bits[place] = self.digest("ipv4 prefix", octets, 1)[0] & 1
        return found

    def column(self, addresses: Array) -> Array:
        """The replacements of a column of addresses, u4."""
        distinct, inverse = np.unique(addresses, return_inverse=True)
        replaced = np.fromiter((self.v4(address) for address in distinct.tolist()), "u4", len(distinct))
        return replaced[inverse]

    def network(self, network: IPv4Network) -> IPv4Network:
        """The replacement of a network: that of its prefix."""
        length = network.prefixlen
        address = self.v4(int(network.network_address)) if length else 0
        return IPv4Network((address >> (32 - length) << (32 - length) if length else 0, length))

    def v6(self, address: bytes) -> bytes:
        """The replacement of an IPv6 address: its scope stays, its prefix does not."""
        if address[:13] == SOLICITED:
            return SOLICITED + self.digest("ipv6", address, 3)
        if address[:15] == bytes(15) or address[:2] == b"\xff\x02":
            return address
        kept = 2 if address[0] == 0xFF else 8 if address[:8] == b"\xfe\x80" + bytes(6) else 0
        head = address[:kept] or b"\x20\x01\x0d\xb8"  # documentation, RFC 3849
        return head + self.digest("ipv6", address, 16 - len(head))

    def mac(self, address: bytes) -> bytes:
        """The replacement of a MAC address: groups stay groups, local ones local."""
        found = self._macs.get(address)
        if found is None:
            if address in PLAIN_MACS:
                found = address
            else:
                kept = next((prefix for prefix in GROUP_PREFIXES if address.startswith(prefix)), b"")
                hashed = self.digest("mac", address, 6)
                found = kept + hashed[len(kept) :] if kept else bytes([address[0] & 3 | hashed[0] & 0xFC]) + hashed[1:]
            self._macs[address] = found
        return found
