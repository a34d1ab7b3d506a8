"""Damages captures as disks, networks and attackers do: each mutation is one kind of harm, several go together."""

from __future__ import annotations

import gzip
import lzma
from typing import TYPE_CHECKING

from conftest import CORPUS, KERNEL_CASES
from written import MODIFIED, NANO, Section, Written, echo, ethernet, pcap, pcapng

if TYPE_CHECKING:
    import random
    from pathlib import Path

LONGEST_SEED = 50_000
NUMBERS = (0, 1, 2, 3, 4, 7, 8, 12, 16, 20, 32, 0x7F, 0x80, 0xFF, 0xFFFF, 0x10000, 0x40000, 0x7FFFFFFF, 0xFFFFFFFF)


def seeds() -> list[bytes]:
    """Captures to begin with: written here, shipped, third-party ones where they are at hand."""
    packets = [Written(ethernet(0x0800, echo(seq=at)), 10**15 + at) for at in range(8)]
    section = Section()
    options = {9: b"\x09", 2: b"eth0", 14: bytes(8)}
    odd = section.header() + section.interface(options=options) + section.simple(packets[0])
    odd += (
        section.obsolete(packets[1]) + section.statistics(0, {4: bytes(8), 5: bytes(8)}) + section.block(0x0BAD, b"x")
    )
    found = [pcap(packets), pcap(packets, big=True, magic=NANO), pcap(packets, magic=MODIFIED), pcapng(packets), odd]
    found += [gzip.compress(pcap(packets)), lzma.compress(pcapng(packets, big=True))]
    files: list[Path] = sorted((CORPUS / "captures").glob("*"))
    for place in KERNEL_CASES[1:]:
        files += sorted(place.glob("*/captures/*.pcap*"))
    return found + [file.read_bytes() for file in files if file.stat().st_size <= LONGEST_SEED]


def mutated(octets: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """*octets* with one to eight kinds of harm done to them."""
    data = bytearray(octets)
    for _ in range(1 << chance.randrange(4)):
        chance.choice(HARM)(data, others, chance)
    return bytes(data)


def _at(data: bytearray, chance: random.Random) -> int:
    """A place: headers at the beginning are as likely as all the rest."""
    return chance.randrange(min(len(data), chance.choice((40, 200, len(data)))) or 1) if data else 0


def _flip(data: bytearray, _others: list[bytes], chance: random.Random) -> None:
    if data:
        data[_at(data, chance)] ^= 1 << chance.randrange(8)


def _octet(data: bytearray, _others: list[bytes], chance: random.Random) -> None:
    if data:
        data[_at(data, chance)] = chance.randrange(256)


def _number(data: bytearray, _others: list[bytes], chance: random.Random) -> None:
    size = chance.choice((2, 4, 4, 8))
    at = _at(data, chance) & ~1
    number = (chance.choice(NUMBERS) + chance.choice((-1, 0, 0, 0, 1))) % (1 << 8 * size)
    data[at : at + size] = number.to_bytes(size, chance.choice(("big", "little")))


def _cut(data: bytearray, _others: list[bytes], chance: random.Random) -> None:
    del data[_at(data, chance) :]


def _lose(data: bytearray, _others: list[bytes], chance: random.Random) -> None:
    at = _at(data, chance)
    del data[at : at + chance.randrange(1, 64)]


def _insert(data: bytearray, _others: list[bytes], chance: random.Random) -> None:
    at = _at(data, chance)
    data[at:at] = chance.randbytes(chance.randrange(1, 64))


def _blank(data: bytearray, _others: list[bytes], chance: random.Random) -> None:
    at = _at(data, chance)
    end = min(len(data), at + chance.randrange(1, 400))
    data[at:end] = bytes(end - at)


def _repeat(data: bytearray, _others: list[bytes], chance: random.Random) -> None:
    at = _at(data, chance)
    data[at:at] = data[at : at + chance.randrange(1, 400)]


def _splice(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    other = chance.choice(others)
    begin = chance.randrange(len(other) or 1)
    at = _at(data, chance)
    data[at : at + chance.randrange(64)] = other[begin : begin + chance.randrange(2000)]


HARM = (_flip, _flip, _octet, _number, _number, _cut, _lose, _insert, _blank, _repeat, _splice)
