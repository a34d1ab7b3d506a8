"""Frames with their addresses replaced and their payloads cut, a batch at a time.

What is kept of a frame: link header, every IPv4 header, the transport header, and of what follows 16 octets of a keyed
hash, so that equal payloads stay equal; of ARP and IPv6 the header, of everything else the link header alone. Header
checksums are made right again; those over payloads are zero.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from ipipscope.decoder import icmp, ipv4, link, tcp, udp

if TYPE_CHECKING:
    from ipipscope.anonymize.addresses import Addresses
    from ipipscope.capture.packets import Records
    from ipipscope.decoder.columns import Array

LEVELS_MAX: Final = 12
"""IPv4 headers of one frame that are rewritten; deeper ones are cut off."""
SAMPLE: Final = 16
"""Octets of payload that the decoder compares."""
TAGS_MAX: Final = 4
TAGGED: Final = (link.ETHERTYPE_VLAN, link.ETHERTYPE_QINQ, link.ETHERTYPE_QINQ_OLD)
ERRORS: Final = (icmp.UNREACHABLE, icmp.SOURCE_QUENCH, icmp.REDIRECT, icmp.TIME_EXCEEDED, icmp.PARAMETER_PROBLEM)
ARP, ARP_FIXED = 28, 8
"""Octets of ARP for IPv4 on Ethernet (RFC 826), and of what stands before its addresses."""
IPV6_HEADER, IPV6_NEXT, IPV6_ADDRESSES = 40, 6, 8
VERSION_4, CHECKSUM = 4, 10  # RFC 791 §3.1
ICMP_CHECKSUM, TCP_CHECKSUM, UDP_CHECKSUM = 2, 16, 6  # RFC 792, RFC 9293 §3.1, RFC 768
ARPHRD_ETHER: Final = 1
OTHER: Final = 0


def rewrite(records: Records, link_types: Array, addresses: Addresses) -> Records:
    """*records* with everything replaced or cut.

    link_types: u4, of each interface of the records' file.
    """
    return _Batch(records, link_types, addresses).result()


class _Batch:
    """The octets of a batch while they are rewritten.

    begin, end: of each frame. keep: up to where it is kept so far. All i8.
    """

    def __init__(self, records: Records, link_types: Array, addresses: Addresses) -> None:
        self.records, self.addresses = records, addresses
        self.octets = np.frombuffer(bytearray(records.octets), "u1").copy()
        self.begin = records.offsets.astype("i8")
        self.end = self.begin + records.captured
        self.keep = self.begin.copy()
        self.types = link_types[records.interface]

    def result(self) -> Records:
        """The batch as records of their own."""
        rows, at, protocol = self._link_layers()
        v4, arp = protocol == link.ETHERTYPE_IPV4, protocol == link.ETHERTYPE_ARP
        self._arp(rows[arp], at[arp])
        v6 = protocol == link.ETHERTYPE_IPV6
        under, inside = self._ipv6(rows[v6], at[v6])
        rows, at = np.concatenate([rows[v4], under]), np.concatenate([at[v4], inside])
        self._ipv4(rows, at, self.end[rows])
        kept = self.keep - self.begin
        starts = np.cumsum(kept) - kept
        picked = np.repeat(self.begin - starts, kept) + np.arange(int(kept.sum()))
        return replace(
            self.records,
            octets=bytearray(self.octets[picked].tobytes()),
            offsets=starts.astype("u4"),
            captured=kept.astype("u4"),
        )

    # --- reading and writing ---------------------------------------------------------------------------------------

    def _u16(self, at: Array) -> Array:
        number: Array = self.octets[at].astype("i8") << 8
        number += self.octets[at + 1]
        return number

    def _u32(self, at: Array) -> Array:
        number: Array = (self._u16(at) << 16) + self._u16(at + 2)
        return number

    def _replace_v4(self, at: Array) -> None:
        replaced = self.addresses.column(self._u32(at).astype("u4"))
        for place, shift in enumerate((24, 16, 8, 0)):
            self.octets[at + place] = (replaced >> np.uint32(shift)).astype("u1")

    def _replace_macs(self, at: Array) -> None:
        places = at[:, None] + np.arange(6)
        if len(at):
            distinct, inverse = np.unique(self.octets[places], axis=0, return_inverse=True)
            replaced = [np.frombuffer(self.addresses.mac(each.tobytes()), "u1") for each in distinct]
            self.octets[places] = np.array(replaced, "u1")[inverse.reshape(-1)]

    def _wipe(self, start: Array, stop: Array, value: int = 0) -> None:
        """Set the octets from *start* to *stop* of some frames."""
        length = np.maximum(stop - start, 0)
        if length.any():
            first = np.cumsum(length) - length
            self.octets[np.repeat(start - first, length) + np.arange(int(length.sum()))] = value

    # --- link layers -----------------------------------------------------------------------------------------------

    def _link_layers(self) -> tuple[Array, Array, Array]:
        """Rows whose link header is whole, where the network header begins, and its EtherType (0 for others)."""
        readers = {
            link.LINKTYPE_ETHERNET: self._ethernet,
            link.LINKTYPE_LINUX_SLL: self._cooked,
            link.LINKTYPE_LINUX_SLL2: self._cooked2,
            link.LINKTYPE_NULL: self._family,
            link.LINKTYPE_LOOP: self._family,
            link.LINKTYPE_PPP: self._ppp,
            link.LINKTYPE_PPP_HDLC: self._ppp,
            link.LINKTYPE_C_HDLC: self._hdlc,
            **dict.fromkeys(link.RAW_IP, self._raw),
        }
        found = []
        for link_type in np.unique(self.types).tolist():
            rows = np.flatnonzero(self.types == link_type)
            if link_type in readers:
                found.append(readers[link_type](rows))
        if not found:
            none = np.zeros(0, "i8")
            return none, none, none
        rows, at, protocol = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return rows, at, protocol

    def _whole(self, rows: Array, header: int) -> Array:
        """The rows that hold a header of that size; it is kept."""
        rows = rows[self.end[rows] - self.begin[rows] >= header]
        self.keep[rows] = self.begin[rows] + header
        return rows

    def _ethernet(self, rows: Array) -> tuple[Array, Array, Array]:
        rows = self._whole(rows, link.ETHERNET_HEADER)
        begin = self.begin[rows]
        self._replace_macs(begin + link.ETHERNET_DESTINATION)
        self._replace_macs(begin + link.ETHERNET_SOURCE)
        return self._tags(rows, begin + link.ETHERNET_HEADER, self._u16(begin + link.ETHERNET_TYPE))

    def _tags(self, rows: Array, at: Array, protocol: Array) -> tuple[Array, Array, Array]:
        """Past the VLAN tags; an EtherType below 1536 is a length, and what follows is cut."""
        for _ in range(TAGS_MAX):
            tagged = np.isin(protocol, TAGGED) & (self.end[rows] - at >= link.VLAN_TAG)
            if not tagged.any():
                break
            protocol[tagged] = self._u16(at[tagged] + 2)
            at[tagged] += link.VLAN_TAG
        self.keep[rows] = at
        return rows, at, protocol

    def _cooked(self, rows: Array) -> tuple[Array, Array, Array]:
        rows = self._whole(rows, link.SLL_HEADER)
        begin = self.begin[rows]
        self._cooked_address(begin + link.SLL_ADDRESS, self._u16(begin + 4))
        return self._tags(rows, begin + link.SLL_HEADER, self._u16(begin + link.SLL_PROTOCOL))

    def _cooked2(self, rows: Array) -> tuple[Array, Array, Array]:
        rows = self._whole(rows, link.SLL2_HEADER)
        begin = self.begin[rows]
        self._cooked_address(begin + link.SLL2_ADDRESS, self.octets[begin + 11].astype("i8"))
        return self._tags(rows, begin + link.SLL2_HEADER, self._u16(begin + link.SLL2_PROTOCOL))

    def _cooked_address(self, at: Array, length: Array) -> None:
        """The sender's link-layer address, of up to eight octets: a MAC address, or a tunnel's own IPv4 address."""
        self._replace_macs(at[length == 6])
        self._replace_v4(at[length == 4])
        used = np.where((length == 6) | (length == 4), length, 0)
        self._wipe(at + used, at + 8)

    def _raw(self, rows: Array) -> tuple[Array, Array, Array]:
        rows = rows[self.end[rows] > self.begin[rows]]
        at = self.begin[rows]
        version = self.octets[at] >> 4
        return rows, at, np.where(version == 4, link.ETHERTYPE_IPV4, np.where(version == 6, link.ETHERTYPE_IPV6, OTHER))

    def _family(self, rows: Array) -> tuple[Array, Array, Array]:
        rows = self._whole(rows, 4)
        return self._by_version(rows, self.begin[rows] + 4)

    def _ppp(self, rows: Array) -> tuple[Array, Array, Array]:
        rows = self._whole(rows, 4)
        begin = self.begin[rows]
        framed = (self.octets[begin] == 0xFF) & (self.octets[begin + 1] == 3)
        at = begin + np.where(framed, 4, 2)
        return self._by_version(rows, at)

    def _hdlc(self, rows: Array) -> tuple[Array, Array, Array]:
        rows = self._whole(rows, 4)
        begin = self.begin[rows]
        return rows, begin + 4, self._u16(begin + 2)

    def _by_version(self, rows: Array, at: Array) -> tuple[Array, Array, Array]:
        """What the first four bits behind the link header say."""
        more = at < self.end[rows]
        rows, at = rows[more], at[more]
        version = self.octets[at] >> 4
        return rows, at, np.where(version == 4, link.ETHERTYPE_IPV4, np.where(version == 6, link.ETHERTYPE_IPV6, OTHER))

    # --- network layers --------------------------------------------------------------------------------------------

    def _arp(self, rows: Array, at: Array) -> None:
        known = self.end[rows] - at >= ARP
        rows, at = rows[known], at[known]
        usual = (
            (self._u16(at) == ARPHRD_ETHER) & (self._u16(at + 2) == link.ETHERTYPE_IPV4) & (self._u16(at + 4) == 0x604)
        )
        self.keep[rows] = at + np.where(usual, ARP, ARP_FIXED)
        at = at[usual]
        for place in (8, 18):
            self._replace_macs(at + place)
        for place in (14, 24):
            self._replace_v4(at + place)

    def _ipv6(self, rows: Array, at: Array) -> tuple[Array, Array]:
        """The header alone; the rows that carry IPv4 right behind it (RFC 2473), and where that begins."""
        known = self.end[rows] - at >= IPV6_HEADER
        rows, at = rows[known], at[known]
        self.keep[rows] = at + IPV6_HEADER
        for place in at.tolist():
            for start in (place + IPV6_ADDRESSES, place + IPV6_ADDRESSES + 16):
                replaced = self.addresses.v6(self.octets[start : start + 16].tobytes())
                self.octets[start : start + 16] = np.frombuffer(replaced, "u1")
        nested = (self.octets[at + IPV6_NEXT] == ipv4.PROTOCOL_IPIP) & (at + IPV6_HEADER < self.end[rows])
        return rows[nested], at[nested] + IPV6_HEADER

    def _ipv4(self, rows: Array, at: Array, end: Array) -> None:
        """Header by header inwards, at first all rows, then those that carry one more.

        end: of what the headers so far leave; beyond it lies padding.
        """
        quoted = np.zeros(len(rows), bool)
        for _ in range(LEVELS_MAX):
            rows, at, end, quoted = self._headers(rows, at, end, quoted)
            if not len(rows):
                return

    def _headers(self, rows: Array, at: Array, end: Array, quoted: Array) -> tuple[Array, Array, Array, Array]:
        """One level: addresses replaced, options blanked; what it carries is seen to, or handed back for the next."""
        first = np.where(at < end, self.octets[np.minimum(at, len(self.octets) - 1)], 0)
        size = (first & 15).astype("i8") * 4
        whole = (first >> 4 == VERSION_4) & (size >= ipv4.HEADER_MIN) & (end - at >= size)
        # A header that is cut or is none: what stands before its addresses stays, the rest has no meaning any more.
        broken = ~whole
        sense = np.where(first[broken] >> 4 == VERSION_4, ipv4.SOURCE, IPV6_ADDRESSES)
        self._wipe(np.minimum(at[broken] + sense, end[broken]), end[broken])
        self.keep[rows[broken]] = np.minimum(at[broken] + ipv4.HEADER_MIN, end[broken])
        rows, at, end, quoted, size = rows[whole], at[whole], end[whole], quoted[whole], size[whole]
        if not len(rows):
            return rows, at, end, quoted
        wrong = self._header_sum(at, size) != 0xFFFF
        self._replace_v4(at + ipv4.SOURCE)
        self._replace_v4(at + ipv4.DESTINATION)
        self._wipe(at + ipv4.HEADER_MIN, at + size, 1)  # no operation, RFC 791 §3.1
        self._checksum(at, size, wrong)
        total = self._u16(at + ipv4.TOTAL_LENGTH)
        end = np.where((total >= size) & ~quoted, np.minimum(end, at + total), end)
        protocol = self.octets[at + ipv4.PROTOCOL]
        header = at
        later = self._u16(at + ipv4.FRAGMENT) & ipv4.OFFSET_MASK > 0
        at = at + size
        self.keep[rows] = at
        carries = ~later
        nested = carries & (protocol == ipv4.PROTOCOL_IPIP) & (at < end)
        more, quotes = self._icmp(*self._some(carries & (protocol == ipv4.PROTOCOL_ICMP), rows, at, end, quoted))
        self._tcp(*self._some(carries & (protocol == ipv4.PROTOCOL_TCP), rows, at, end, quoted, header))
        self._udp(*self._some(carries & (protocol == ipv4.PROTOCOL_UDP), rows, at, end, quoted))
        return (
            np.concatenate([rows[nested], more]),
            np.concatenate([at[nested], quotes]),
            np.concatenate([end[nested], self.end[more]]),
            np.concatenate([quoted[nested], np.ones(len(more), bool)]),
        )

    @staticmethod
    def _some(which: Array, *columns: Array) -> tuple[Array, ...]:
        return tuple(column[which] for column in columns)

    def _checksum(self, at: Array, size: Array, wrong: Array) -> None:
        """The header checksum, RFC 1071; one that was *wrong* stays wrong."""
        self.octets[at + CHECKSUM] = self.octets[at + CHECKSUM + 1] = 0
        total = np.where(wrong, 0x5555, 0xFFFF) ^ self._header_sum(at, size)
        self.octets[at + CHECKSUM], self.octets[at + CHECKSUM + 1] = total >> 8, total & 0xFF

    def _header_sum(self, at: Array, size: Array) -> Array:
        """The ones' complement sum of each header; 0xFFFF over one whose checksum is right."""
        total = np.zeros(len(at), "i8")
        for word in range(0, int(size.max()), 2):
            within = size > word
            total[within] += self._u16(at[within] + word)
        total = (total & 0xFFFF) + (total >> 16)
        return (total & 0xFFFF) + (total >> 16)

    def _icmp(self, rows: Array, at: Array, end: Array, quoted: Array) -> tuple[Array, Array]:
        """Messages; the rows of errors, and where the packet that they quote begins."""
        whole = end - at >= icmp.HEADER
        self._ports(icmp.CODE + 1, *self._some(~whole, rows, at, end))
        rows, at, end, quoted = self._some(whole, rows, at, end, quoted)
        self.octets[at + 2] = self.octets[at + 3] = 0
        kind = self.octets[at + icmp.TYPE]
        self._replace_v4(at[kind == icmp.REDIRECT] + 4)
        self.keep[rows] = at + icmp.HEADER
        echo = ((kind == icmp.ECHO_REQUEST) | (kind == icmp.ECHO_REPLY)) & ~quoted
        self._payload(rows[echo], at[echo] + icmp.HEADER, end[echo])
        self._sum_up(rows[echo], at[echo], end[echo], ICMP_CHECKSUM, np.zeros(int(echo.sum()), "i8"))
        error = np.isin(kind, ERRORS) & ~quoted
        return rows[error], at[error] + icmp.HEADER

    def _tcp(self, rows: Array, at: Array, end: Array, quoted: Array, header: Array) -> None:
        """The header without options, then the payload's hash.

        header: where the IPv4 header begins.
        """
        whole = (end - at >= tcp.HEADER_MIN) & ~quoted
        self._ports(tcp.READ, *self._some(~whole, rows, at, end))
        rows, at, end, header = self._some(whole, rows, at, end, header)
        size = np.maximum((self.octets[at + tcp.DATA_OFFSET] >> 4).astype("i8") * 4, tcp.HEADER_MIN)
        size = np.minimum(size, end - at)
        self._wipe(at + TCP_CHECKSUM, at + TCP_CHECKSUM + 4)  # and the urgent pointer
        self._wipe(at + tcp.HEADER_MIN, at + size, 1)  # no operation, RFC 9293 §3.2
        self.keep[rows] = at + size
        self._payload(rows, at + size, end)
        empty = at + size >= end
        self._wipe(end[empty], self.end[rows[empty]])
        self.keep[rows[empty]] = self.end[rows[empty]]
        pseudo = self._u32(header + ipv4.SOURCE) + self._u32(header + ipv4.DESTINATION)
        pseudo = (pseudo >> 16) + (pseudo & 0xFFFF) + ipv4.PROTOCOL_TCP + end - at
        self._sum_up(rows, at, end, TCP_CHECKSUM, pseudo)

    def _udp(self, rows: Array, at: Array, end: Array, quoted: Array) -> None:
        """The header without checksum, then the payload's hash."""
        whole = end - at >= udp.HEADER
        self._ports(udp.LENGTH, *self._some(~whole, rows, at, end))
        rows, at, end, quoted = self._some(whole, rows, at, end, quoted)
        self._wipe(at + UDP_CHECKSUM, at + udp.HEADER)
        self.keep[rows] = at + udp.HEADER
        self._payload(rows[~quoted], at[~quoted] + udp.HEADER, end[~quoted])

    def _sum_up(self, rows: Array, at: Array, end: Array, place: int, pseudo: Array) -> None:
        """The Internet checksum (RFC 1071) of those that are kept whole; of the others it stays zero.

        place: of the checksum behind *at*; pseudo: what else it covers, summed up.
        """
        whole = (self.keep[rows] >= end) & (end > at)
        at, end, total = at[whole], end[whole], pseudo[whole]
        if not len(at):
            return
        length = end - at
        first = np.cumsum(length) - length
        within = np.arange(int(length.sum())) - np.repeat(first, length)
        octets = self.octets[np.repeat(at, length) + within].astype("i8")
        total = total + np.add.reduceat(np.where(within % 2 == 0, octets << 8, octets), first)
        for _ in range(3):
            total = (total & 0xFFFF) + (total >> 16)
        total = ~total & 0xFFFF
        self.octets[at + place], self.octets[at + place + 1] = total >> 8, total & 0xFF

    def _ports(self, most: int, rows: Array, at: Array, end: Array) -> None:
        """Part of a header: nothing but its first octets, which hold ports and numbers."""
        self.keep[rows] = np.minimum(at + most, end)

    def _payload(self, rows: Array, at: Array, end: Array) -> None:
        """A keyed hash in the place of its first octets; a frame that is not longer stays whole, its padding blank."""
        more = at < end
        rows, at, end = self._some(more, rows, at, end)
        for start, stop in zip(at.tolist(), np.minimum(end, at + SAMPLE).tolist(), strict=True):
            hashed = self.addresses.digest("payload", self.octets[start:stop].tobytes(), SAMPLE)
            self.octets[start:stop] = np.frombuffer(hashed[: stop - start], "u1")
        short = end - at <= SAMPLE
        self._wipe(end[short], self.end[rows[short]])
        self.keep[rows] = np.where(short, self.end[rows], np.minimum(end, at + SAMPLE))
