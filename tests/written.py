"""Writes captures and packets octet by octet, from the documents: what a test knows about its input stands here.

pcap: draft-ietf-opsawg-pcap; pcapng: draft-ietf-opsawg-pcapng; IPv4: RFC 791; IPIP: RFC 2003; ICMP: RFC 792.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

MICRO, NANO, MODIFIED = 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34
SECTION, INTERFACE, OBSOLETE, SIMPLE, NAMES, STATISTICS, ENHANCED = 0x0A0D0D0A, 1, 2, 3, 4, 5, 6
ETHERNET, RAW = 1, 101


@dataclass(frozen=True)
class Written:
    """A packet to write: time in ticks of its interface."""

    octets: bytes
    ticks: int = 0
    wire: int | None = None
    interface: int = 0

    @property
    def on_wire(self) -> int:
        return len(self.octets) if self.wire is None else self.wire


def pcap_header(*, big: bool = False, magic: int = MICRO, link_type: int = ETHERNET, snaplen: int = 262144) -> bytes:
    return struct.pack(f"{'>' if big else '<'}IHHiIII", magic, 2, 4, 0, 0, snaplen, link_type)


def pcap_record(packet: Written, *, big: bool = False, magic: int = MICRO) -> bytes:
    unit = 10**9 if magic == NANO else 10**6
    seconds, fraction = divmod(packet.ticks, unit)
    numbers = seconds, fraction, len(packet.octets), packet.on_wire
    head = struct.pack(f"{'>' if big else '<'}IIII", *numbers)
    return head + (bytes(8) if magic == MODIFIED else b"") + packet.octets


def pcap(packets: list[Written], *, big: bool = False, magic: int = MICRO, **header: int) -> bytes:
    head = pcap_header(big=big, magic=magic, **header)
    return head + b"".join(pcap_record(packet, big=big, magic=magic) for packet in packets)


def padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)


@dataclass(frozen=True)
class Section:
    """Writes the blocks of one pcapng section."""

    big: bool = False

    def pack(self, form: str, *numbers: int) -> bytes:
        return struct.pack((">" if self.big else "<") + form, *numbers)

    def block(self, kind: int, body: bytes) -> bytes:
        length = self.pack("I", 12 + len(padded(body)))
        return self.pack("I", kind) + length + padded(body) + length

    def option(self, code: int, value: bytes) -> bytes:
        return self.pack("HH", code, len(value)) + padded(value)

    def options(self, options: dict[int, bytes]) -> bytes:
        return b"".join(self.option(*each) for each in options.items()) + (self.pack("HH", 0, 0) if options else b"")

    def header(self, options: dict[int, bytes] | None = None, length: int = -1) -> bytes:
        return self.block(SECTION, self.pack("IHHq", 0x1A2B3C4D, 1, 0, length) + self.options(options or {}))

    def interface(self, link_type: int = ETHERNET, snaplen: int = 0, options: dict[int, bytes] | None = None) -> bytes:
        return self.block(INTERFACE, self.pack("HHI", link_type, 0, snaplen) + self.options(options or {}))

    def enhanced(self, packet: Written, options: dict[int, bytes] | None = None) -> bytes:
        high, low = packet.ticks >> 32, packet.ticks & 0xFFFFFFFF
        numbers = self.pack("IIIII", packet.interface, high, low, len(packet.octets), packet.on_wire)
        return self.block(ENHANCED, numbers + padded(packet.octets) + self.options(options or {}))

    def obsolete(self, packet: Written) -> bytes:
        high, low = packet.ticks >> 32, packet.ticks & 0xFFFFFFFF
        numbers = self.pack("HHIIII", packet.interface, 0, high, low, len(packet.octets), packet.on_wire)
        return self.block(OBSOLETE, numbers + padded(packet.octets))

    def simple(self, packet: Written) -> bytes:
        return self.block(SIMPLE, self.pack("I", packet.on_wire) + padded(packet.octets))

    def statistics(self, interface: int, options: dict[int, bytes]) -> bytes:
        return self.block(STATISTICS, self.pack("III", interface, 0, 0) + self.options(options))


def pcapng(
    packets: list[Written], *, big: bool = False, resolutions: list[int] | None = None, **interface: int
) -> bytes:
    """One section; *resolutions* are the octets of if_tsresol, one an interface."""
    section = Section(big)
    blocks = [section.header()]
    blocks += [section.interface(options={9: bytes([each])}, **interface) for each in (resolutions or [6])]
    return b"".join(blocks + [section.enhanced(packet) for packet in packets])


# Packets --------------------------------------------------------------------------------------------------------------


def checksum(octets: bytes) -> int:
    """RFC 1071."""
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets[: len(octets) & ~1]))
    total += octets[-1] << 8 if len(octets) % 2 else 0
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


@dataclass(frozen=True, kw_only=True)
class Ipv4:
    """An IPv4 header; `total` is worked out unless it is said."""

    src: int = 0x0A000001
    dst: int = 0x0A000002
    proto: int = 1
    ttl: int = 64
    tos: int = 0
    id: int = 0
    fragment: int = 0
    options: bytes = b""
    total: int | None = field(default=None)

    def __call__(self, payload: bytes) -> bytes:
        options = padded(self.options)
        total = 20 + len(options) + len(payload) if self.total is None else self.total
        words = self.tos, total & 0xFFFF, self.id, self.fragment, self.ttl, self.proto
        first = 0x40 | (20 + len(options)) // 4
        addresses = struct.pack(">II", self.src, self.dst)
        blank = struct.pack(">BBHHHBBH", first, *words, 0) + addresses + options
        return blank[:10] + struct.pack(">H", checksum(blank)) + blank[12:] + payload


def echo(*, reply: bool = False, id: int = 1, seq: int = 1, data: bytes = b"") -> bytes:  # noqa: A002
    blank = struct.pack(">BBHHH", 0 if reply else 8, 0, 0, id, seq) + data
    return blank[:2] + struct.pack(">H", checksum(blank)) + blank[4:]


def icmp_error(kind: int, code: int, quoted: bytes, word: int = 0) -> bytes:
    blank = struct.pack(">BBHI", kind, code, 0, word) + quoted
    return blank[:2] + struct.pack(">H", checksum(blank)) + blank[4:]


def udp(sport: int, dport: int, payload: bytes = b"") -> bytes:
    return struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload


def tcp(sport: int, dport: int, flags: int, seq: int = 0, ack: int = 0, payload: bytes = b"") -> bytes:
    return struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 1024, 0, 0) + payload


def ethernet(ethertype: int, payload: bytes, src: int = 0x020000000001, dst: int = 0x020000000002) -> bytes:
    return dst.to_bytes(6, "big") + src.to_bytes(6, "big") + struct.pack(">H", ethertype) + payload


def vlan(number: int, ethertype: int, payload: bytes) -> bytes:
    return struct.pack(">HH", number, ethertype) + payload


def vxlan(vni: int, frame: bytes) -> bytes:
    return struct.pack(">II", 0x08000000, vni << 8) + frame


def gre(ethertype: int, payload: bytes, *, key: int | None = None, sum_: bool = False, seq: int | None = None) -> bytes:
    flags = (0x8000 if sum_ else 0) | (0x2000 if key is not None else 0) | (0x1000 if seq is not None else 0)
    optional = [struct.pack(">I", each) for each in (0 if sum_ else None, key, seq) if each is not None]
    return struct.pack(">HH", flags, ethertype) + b"".join(optional) + payload


def mpls(labels: list[int], payload: bytes) -> bytes:
    last = len(labels) - 1
    stack = [struct.pack(">I", label << 12 | (place == last) << 8 | 64) for place, label in enumerate(labels)]
    return b"".join(stack) + payload


def pppoe(protocol: int, payload: bytes) -> bytes:
    return struct.pack(">BBHHH", 0x11, 0, 7, len(payload) + 2, protocol) + payload


def ipv6(next_header: int, payload: bytes, src: int = 1, dst: int = 2) -> bytes:
    head = struct.pack(">IHBB", 0x60000000, len(payload), next_header, 64)
    return head + src.to_bytes(16, "big") + dst.to_bytes(16, "big") + payload
