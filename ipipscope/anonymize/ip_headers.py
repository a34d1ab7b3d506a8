"""IPv4 and IPv6 headers: addresses replaced, options blanked; each function tells what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ipipscope.anonymize.octets import WRONG
from ipipscope.anonymize.steps import Step, step, together
from ipipscope.anonymize.transport import icmp_messages, other, tcp_segments, udp_datagrams
from ipipscope.anonymize.tunnels import gre_headers
from ipipscope.decoder import ipv4, ipv6, link

if TYPE_CHECKING:
    from ipipscope.anonymize.octets import Frames
    from ipipscope.decoder.columns import Array

CHECKSUM = 10  # of the IPv4 header, RFC 791 §3.1
NO_OPERATION = 1
EXTENSIONS_MAX = 16
"""IPv6 extension headers of a packet that are kept."""


def v4(frames: Frames, rows: Array, at: Array) -> Step:
    """An IPv4 header, also of a packet that an ICMP error quotes."""
    first, have = frames.first(rows, at), frames.limit[rows] - at
    size = (first & 15) * 4
    fair = (first >> 4 == 4) & (size >= ipv4.HEADER_MIN) & (have >= ipv4.HEADER_MIN)
    _junk(frames, rows[~fair], at[~fair], ipv4.HEADER_MIN, np.where(first[~fair] >> 4 == 4, ipv4.IDENTIFICATION, 1))
    rows, at, size, have = rows[fair], at[fair], size[fair], have[fair]
    there = np.minimum(size, have)  # of the header: its options may be cut
    wrong = frames.header_sum(at, there) != 0xFFFF
    frames.replace_v4(at + ipv4.SOURCE)
    frames.replace_v4(at + ipv4.DESTINATION)
    frames.wipe(at + ipv4.HEADER_MIN, at + there, NO_OPERATION)
    frames.octets[at + CHECKSUM] = frames.octets[at + CHECKSUM + 1] = 0
    checksum = np.where(wrong, WRONG, 0xFFFF) ^ frames.header_sum(at, there)
    frames.octets[at + CHECKSUM], frames.octets[at + CHECKSUM + 1] = checksum >> 8, checksum & 0xFF
    frames.keep[rows] = at + there
    total = frames.u16(at + ipv4.TOTAL_LENGTH)
    frames.whole[rows[total == 0]] = True  # segmentation offload: its length is that of what was captured
    own = ~frames.quoted[rows]  # of a packet that is quoted most is left out
    ends = own & (total >= size)
    frames.limit[rows[ends]] = np.minimum(frames.limit[rows], at + total)[ends]
    later = frames.u16(at + ipv4.FRAGMENT) & ipv4.OFFSET_MASK > 0
    goes_on = (have >= size) & ~later
    return _carried(frames, rows[goes_on], (at + size)[goes_on], at[goes_on])


def _carried(frames: Frames, rows: Array, at: Array, header: Array) -> Step:
    """What an IPv4 packet carries. header: where its header begins."""
    protocol = frames.octets[header + ipv4.PROTOCOL]
    own = ~frames.quoted[rows]
    ipip, ping = protocol == ipv4.PROTOCOL_IPIP, protocol == ipv4.PROTOCOL_ICMP
    segment, datagram = protocol == ipv4.PROTOCOL_TCP, protocol == ipv4.PROTOCOL_UDP
    six, gre = own & (protocol == ipv4.PROTOCOL_IPV6), own & (protocol == ipv4.PROTOCOL_GRE)
    other(frames, *_some(~(ipip | ping | segment | datagram | own), rows, at))
    version = frames.first(rows, at) >> 4
    inner = np.where(version == 6, link.ETHERTYPE_IPV6, link.ETHERTYPE_IPV4)
    tcp_segments(frames, *_some(segment, rows, at, header))
    return together(
        (
            step(*_some(ipip, rows, at, inner)),
            step(rows[six], at[six], link.ETHERTYPE_IPV6),
            gre_headers(frames, *_some(gre, rows, at)),
            icmp_messages(frames, *_some(ping, rows, at)),
            udp_datagrams(frames, *_some(datagram, rows, at, header)),
        )
    )


def v6(frames: Frames, rows: Array, at: Array) -> Step:
    """An IPv6 header with its extension headers; of what it carries only tunnels are kept."""
    first, have = frames.first(rows, at), frames.limit[rows] - at
    fair = (first >> 4 == 6) & (have >= ipv6.HEADER)
    _junk(frames, rows[~fair], at[~fair], ipv6.HEADER, np.ones(int((~fair).sum()), "i8"))
    rows, at = rows[fair], at[fair]
    frames.replace_v6(at + ipv6.SOURCE)
    frames.replace_v6(at + ipv6.DESTINATION)
    length = frames.u16(at + ipv6.PAYLOAD_LENGTH)
    ends = np.where(length > 0, at + ipv6.HEADER + length, frames.limit[rows])
    frames.limit[rows] = np.minimum(frames.limit[rows], ends)
    following, at = _extensions(frames, rows, at)
    frames.keep[rows] = at
    four, six = following == ipv4.PROTOCOL_IPIP, following == ipv4.PROTOCOL_IPV6
    gre, datagram = following == ipv4.PROTOCOL_GRE, following == ipv4.PROTOCOL_UDP
    return together(
        (
            step(rows[four], at[four], link.ETHERTYPE_IPV4),
            step(rows[six], at[six], link.ETHERTYPE_IPV6),
            gre_headers(frames, rows[gre], at[gre]),
            udp_datagrams(frames, rows[datagram], at[datagram], None),
        )
    )


def _extensions(frames: Frames, rows: Array, at: Array) -> tuple[Array, Array]:
    """What follows the extension headers (RFC 8200 §4), and where; routing headers and options are blanked."""
    following = frames.octets[at + ipv6.NEXT_HEADER].astype("i8")
    at = at + ipv6.HEADER
    lists = (ipv6.HOP_BY_HOP, ipv6.ROUTING, ipv6.DESTINATION_OPTIONS)
    for _ in range(EXTENSIONS_MAX):
        known = np.isin(following, (*lists, ipv6.AUTHENTICATION, ipv6.FRAGMENT)) & frames.have(rows, at, 8)
        if not known.any():
            break
        here, kind = at[known], following[known]
        units = frames.octets[here + 1].astype("i8")
        size = np.where(np.isin(kind, lists), (units + 1) * 8, (units + 2) * 4)
        fragment = kind == ipv6.FRAGMENT
        size[fragment] = 8
        size = np.minimum(size, frames.limit[rows[known]] - here)
        frames.wipe(here[~fragment] + 2, (here + size)[~fragment])
        later = fragment & (frames.u16(here + 2) & ipv6.OFFSET_MASK > 0)
        following[known] = np.where(later, ipv6.NO_NEXT_HEADER, frames.octets[here])
        at[known] = here + size
    return np.where(np.isin(following, (*lists, ipv6.AUTHENTICATION)), ipv6.NO_NEXT_HEADER, following), at


def _junk(frames: Frames, rows: Array, at: Array, header: int, sense: Array) -> None:
    """A header that is cut or is none: its first *sense* octets stay, and room for the rest."""
    stop = np.minimum(at + header, frames.limit[rows])
    there = at < stop
    frames.octets[at[there & (sense == 1)]] &= 0xF0  # the version alone
    frames.wipe(at + sense, stop)
    frames.keep[rows] = np.maximum(stop, frames.keep[rows])


def _some(which: Array, *columns: Array) -> tuple[Array, ...]:
    return tuple(column[which] for column in columns)
