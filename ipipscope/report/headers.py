"""The headers of one frame, octet by octet: where each begins, and what its fields say.

scapy finds the headers; what stands in them is read here, from the same drawings as the decoder's.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

from ipipscope.decoder import icmp, ipv4, link, tcp, udp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROTOCOLS: Final = {1: "ICMP", 4: "IPIP: another IPv4 header follows", 6: "TCP", 17: "UDP", 41: "IPv6", 47: "GRE"}
ETHERTYPES: Final = {
    link.ETHERTYPE_IPV4: "IPv4",
    link.ETHERTYPE_ARP: "ARP",
    link.ETHERTYPE_IPV6: "IPv6",
    link.ETHERTYPE_VLAN: "VLAN tag",
}
TITLES: Final = {
    "Ether": "Ethernet",
    "Dot1Q": "VLAN tag",
    "CookedLinux": "Linux cooked",
    "CookedLinuxV2": "Linux cooked, version 2",
    "Raw": "payload",
    "octets": "octets",
    "IPerror": "IPv4, quoted",
    "ICMPerror": "ICMP, quoted",
    "TCPerror": "TCP, quoted",
    "UDPerror": "UDP, quoted",
}
"""scapy's names in our words."""
LINK_TYPES: Final = {12: 101, 14: 101}
"""A live handle's raw IP, as files number it."""


@dataclass(frozen=True, slots=True)
class Field:
    """Some octets of a header; *start* from the beginning of the frame."""

    start: int
    octets: bytes
    meaning: str


@dataclass(frozen=True, slots=True)
class Header:
    """One header; *fields* is empty where only its octets are shown."""

    name: str
    start: int
    octets: bytes
    fields: tuple[Field, ...]


def headers(octets: bytes, link_type: int) -> list[Header]:
    """The headers of a frame, outermost first, and the payload last; one header of raw octets where none is known."""
    found = []
    ip_seen = 0
    for name, start, length in _layers(octets, link_type):
        part = octets[start : start + length]
        title = TITLES.get(name, name)
        if name == "IP":
            title = "IPv4, inner" if ip_seen else "IPv4"
            ip_seen += 1
        read = READERS.get(name)
        fields = tuple(Field(start + at, part[at : at + size], text) for at, size, text in read(part)) if read else ()
        found.append(Header(title, start, part, tuple(field for field in fields if field.octets)))
    if ip_seen > 1:
        first = next(place for place, header in enumerate(found) if header.name == "IPv4")
        found[first] = Header("IPv4, outer", found[first].start, found[first].octets, found[first].fields)
    return found


def _layers(octets: bytes, link_type: int) -> list[tuple[str, int, int]]:
    """Name, start and length of each header as scapy takes the frame apart."""
    import scapy.layers.inet  # noqa: PLC0415  (over half a second: only to show one frame)
    import scapy.layers.inet6  # noqa: PLC0415
    import scapy.layers.l2  # noqa: F401, PLC0415
    from scapy.config import conf  # noqa: PLC0415

    whole = [("octets", 0, len(octets))]
    kind = conf.l2types.num2layer.get(LINK_TYPES.get(link_type, link_type))
    if kind is None or not octets:
        return whole
    try:
        layer = kind(octets)
    except Exception:  # noqa: BLE001  (frames may be hostile, and scapy's dissectors are many)
        return whole
    found, start = [], 0
    while layer and start < len(octets):
        inside = len(layer.payload.original) if layer.payload else 0
        length = len(layer.original) - inside
        name = type(layer).__name__
        if length <= 0 or start + length > len(octets):
            break
        found.append((name, start, length))
        start += length
        layer = layer.payload
    if start < len(octets):
        found.append(("octets", start, len(octets) - start))
    return found


def _u16(octets: bytes, at: int) -> int:
    return int.from_bytes(octets[at : at + 2], "big")


def _mac(octets: bytes) -> str:
    return octets.hex(":")


def _type(number: int) -> str:
    return f"{number:#06x} {ETHERTYPES.get(number, '')}".rstrip()


def _ethernet(part: bytes) -> Iterator[tuple[int, int, str]]:
    yield link.ETHERNET_DESTINATION, 6, f"destination {_mac(part[0:6])}"
    yield link.ETHERNET_SOURCE, 6, f"source {_mac(part[6:12])}"
    yield link.ETHERNET_TYPE, 2, f"type {_type(_u16(part, link.ETHERNET_TYPE))}"


def _vlan(part: bytes) -> Iterator[tuple[int, int, str]]:
    yield 0, 2, f"VLAN {_u16(part, 0) & 0xFFF}"
    yield 2, 2, f"type {_type(_u16(part, 2))}"


def _cooked(part: bytes) -> Iterator[tuple[int, int, str]]:
    yield link.SLL_TYPE, 2, _way(_u16(part, link.SLL_TYPE))
    yield link.SLL_HARDWARE, 2, f"hardware type {_u16(part, link.SLL_HARDWARE)}"
    yield link.SLL_ADDRESS, 8, f"sender {_mac(part[link.SLL_ADDRESS : link.SLL_ADDRESS + 6])}"
    yield link.SLL_PROTOCOL, 2, f"type {_type(_u16(part, link.SLL_PROTOCOL))}"


def _cooked2(part: bytes) -> Iterator[tuple[int, int, str]]:
    yield link.SLL2_PROTOCOL, 2, f"type {_type(_u16(part, link.SLL2_PROTOCOL))}"
    number = int.from_bytes(part[link.SLL2_INTERFACE : link.SLL2_INTERFACE + 4], "big")
    yield link.SLL2_INTERFACE, 4, f"interface index {number}"
    yield link.SLL2_HARDWARE, 2, f"hardware type {_u16(part, link.SLL2_HARDWARE)}"
    yield link.SLL2_TYPE, 1, _way(part[link.SLL2_TYPE])
    yield link.SLL2_ADDRESS, 8, f"sender {_mac(part[link.SLL2_ADDRESS : link.SLL2_ADDRESS + 6])}"


def _way(packet_type: int) -> str:
    return "outgoing" if packet_type == link.PACKET_OUTGOING else f"incoming (packet type {packet_type})"


def _ipv4(part: bytes) -> Iterator[tuple[int, int, str]]:
    yield ipv4.VERSION_IHL, 1, f"version {part[0] >> 4}, header of {(part[0] & 15) * 4} octets"
    yield ipv4.TOS, 1, f"type of service {part[ipv4.TOS]:#04x}"
    yield ipv4.TOTAL_LENGTH, 2, f"total length {_u16(part, ipv4.TOTAL_LENGTH)}"
    yield ipv4.IDENTIFICATION, 2, f"id {_u16(part, ipv4.IDENTIFICATION)}"
    fragment = _u16(part, ipv4.FRAGMENT)
    flags = [name for bit, name in ((ipv4.DONT_FRAGMENT, "DF"), (ipv4.MORE_FRAGMENTS, "MF")) if fragment & bit]
    yield ipv4.FRAGMENT, 2, f"flags {' '.join(flags) or 'none'}, fragment offset {(fragment & ipv4.OFFSET_MASK) * 8}"
    yield ipv4.TTL, 1, f"ttl {part[ipv4.TTL]}"
    protocol = part[ipv4.PROTOCOL]
    yield ipv4.PROTOCOL, 1, f"protocol {protocol} {PROTOCOLS.get(protocol, '')}".rstrip()
    yield 10, 2, "header checksum"
    yield ipv4.SOURCE, 4, f"source {IPv4Address(part[ipv4.SOURCE : ipv4.SOURCE + 4])}"
    yield ipv4.DESTINATION, 4, f"destination {IPv4Address(part[ipv4.DESTINATION : ipv4.DESTINATION + 4])}"
    if len(part) > ipv4.HEADER_MIN:
        yield ipv4.HEADER_MIN, len(part) - ipv4.HEADER_MIN, "options"


def _icmp(part: bytes) -> Iterator[tuple[int, int, str]]:
    kinds = {icmp.ECHO_REPLY: "echo reply", icmp.ECHO_REQUEST: "echo request", icmp.UNREACHABLE: "unreachable"}
    yield icmp.TYPE, 1, f"type {part[icmp.TYPE]} {kinds.get(part[icmp.TYPE], '')}".rstrip()
    yield icmp.CODE, 1, f"code {part[icmp.CODE]}"
    yield 2, 2, "checksum"
    if part[icmp.TYPE] in {icmp.ECHO_REPLY, icmp.ECHO_REQUEST}:
        yield icmp.IDENTIFIER, 2, f"id {_u16(part, icmp.IDENTIFIER)}"
        yield icmp.SEQUENCE, 2, f"sequence number {_u16(part, icmp.SEQUENCE)}"
    elif part[icmp.TYPE] == icmp.UNREACHABLE and part[icmp.CODE] == icmp.FRAGMENTATION_NEEDED:
        yield icmp.NEXT_HOP_MTU, 2, f"next-hop MTU {_u16(part, icmp.NEXT_HOP_MTU)}"


def _tcp(part: bytes) -> Iterator[tuple[int, int, str]]:
    yield tcp.SOURCE_PORT, 2, f"source port {_u16(part, tcp.SOURCE_PORT)}"
    yield tcp.DESTINATION_PORT, 2, f"destination port {_u16(part, tcp.DESTINATION_PORT)}"
    yield tcp.SEQUENCE, 4, f"sequence number {int.from_bytes(part[4:8], 'big')}"
    yield tcp.ACKNOWLEDGMENT, 4, f"acknowledgment {int.from_bytes(part[8:12], 'big')}"
    names = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")
    flags = [name for bit, name in enumerate(names) if part[tcp.FLAGS] >> bit & 1]
    yield tcp.FLAGS, 1, f"flags {' '.join(flags) or 'none'}"


def _udp(part: bytes) -> Iterator[tuple[int, int, str]]:
    yield udp.SOURCE_PORT, 2, f"source port {_u16(part, udp.SOURCE_PORT)}"
    yield udp.DESTINATION_PORT, 2, f"destination port {_u16(part, udp.DESTINATION_PORT)}"
    yield udp.LENGTH, 2, f"length {_u16(part, udp.LENGTH)}"
    yield 6, 2, "checksum"


def _whole(
    read: Callable[[bytes], Iterator[tuple[int, int, str]]], least: int
) -> Callable[[bytes], list[tuple[int, int, str]]]:
    """A reader that shows no fields of a header that is cut."""
    return lambda part: list(read(part)) if len(part) >= least else []


READERS: Final = {
    "Ether": _whole(_ethernet, link.ETHERNET_HEADER),
    "Dot1Q": _whole(_vlan, link.VLAN_TAG),
    "CookedLinux": _whole(_cooked, link.SLL_HEADER),
    "CookedLinuxV2": _whole(_cooked2, link.SLL2_HEADER),
    "IP": _whole(_ipv4, ipv4.HEADER_MIN),
    "IPerror": _whole(_ipv4, ipv4.HEADER_MIN),
    "ICMP": _whole(_icmp, icmp.HEADER),
    "TCP": _whole(_tcp, tcp.HEADER_MIN),
    "UDP": _whole(_udp, udp.HEADER),
}
