"""ICMP, TCP and UDP headers: kept without options, a keyed hash in the place of what they carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ipipscope.anonymize.steps import Step, step
from ipipscope.anonymize.tunnels import is_vxlan, vxlan_headers
from ipipscope.decoder import icmp, ipv4, link, tcp, udp, vxlan

if TYPE_CHECKING:
    from ipipscope.anonymize.octets import Frames
    from ipipscope.decoder.columns import Array

SAMPLE: Final = 16
"""Octets of payload that the decoder compares."""
QUOTED: Final = 8
"""Octets of what a quoted packet carries that the decoder reads (RFC 792)."""
ERRORS: Final = (icmp.UNREACHABLE, icmp.SOURCE_QUENCH, icmp.REDIRECT, icmp.TIME_EXCEEDED, icmp.PARAMETER_PROBLEM)
ICMP_CHECKSUM, TCP_CHECKSUM = 2, 16  # RFC 792, RFC 9293 §3.1
NO_OPERATION = 1  # RFC 9293 §3.2


def icmp_messages(frames: Frames, rows: Array, at: Array) -> Step:
    """Messages; the packets that errors quote come next."""
    whole = frames.have(rows, at, icmp.HEADER)
    _cut_short(frames, rows[~whole], at[~whole], icmp.CODE + 1)
    rows, at = rows[whole], at[whole]
    kind = frames.octets[at + icmp.TYPE]
    echo = (kind == icmp.ECHO_REQUEST) | (kind == icmp.ECHO_REPLY)
    redirect, pointer = kind == icmp.REDIRECT, kind == icmp.PARAMETER_PROBLEM
    mtu = (kind == icmp.UNREACHABLE) & (frames.octets[at + icmp.CODE] == icmp.FRAGMENTATION_NEEDED)
    frames.replace_v4(at[redirect] + 4)  # the router that redirects lead to
    spared = np.where(pointer, 5, np.where(mtu, icmp.NEXT_HOP_MTU, np.where(echo | redirect, icmp.HEADER, 4)))
    frames.wipe(at + np.where(mtu, 4, spared), at + np.where(mtu, spared, icmp.HEADER))
    frames.keep[rows] = at + icmp.HEADER
    own = ~frames.quoted[rows]
    frames.octets[at + ICMP_CHECKSUM] = frames.octets[at + ICMP_CHECKSUM + 1] = 0
    frames.sum_later(rows[own], at[own], ICMP_CHECKSUM, np.zeros(int(own.sum()), "i8"))
    pings, error = echo & own, np.isin(kind, ERRORS) & own
    _payload(frames, rows[pings], at[pings] + icmp.HEADER)
    rows, at = rows[error], at[error]
    frames.quoted[rows] = True
    return step(rows, at + icmp.HEADER, link.ETHERTYPE_IPV4)


def tcp_segments(frames: Frames, rows: Array, at: Array, header: Array) -> None:
    """The header without options, then the payload's hash. header: where the IPv4 header begins."""
    whole = frames.have(rows, at, tcp.HEADER_MIN) & ~frames.quoted[rows]
    _cut_short(frames, rows[~whole], at[~whole], tcp.READ)
    rows, at, header = rows[whole], at[whole], header[whole]
    end = frames.limit[rows]
    size = np.maximum((frames.octets[at + tcp.DATA_OFFSET] >> 4).astype("i8") * 4, tcp.HEADER_MIN)
    size = np.minimum(size, end - at)
    frames.wipe(at + TCP_CHECKSUM, at + TCP_CHECKSUM + 4)  # and the urgent pointer
    frames.wipe(at + tcp.HEADER_MIN, at + size, NO_OPERATION)
    frames.keep[rows] = at + size
    _payload(frames, rows, at + size)
    frames.sum_later(rows, at, TCP_CHECKSUM, _pseudo(frames, rows, at, header, ipv4.PROTOCOL_TCP))


def udp_datagrams(frames: Frames, rows: Array, at: Array, header: Array | None) -> Step:
    """The header without checksum, then the payload's hash, or what VXLAN carries.

    header: where the IPv4 header begins; None in IPv6, where only VXLAN is kept.
    """
    tunnelled = is_vxlan(frames, rows, at) & ~frames.quoted[rows]
    inside = rows[tunnelled], at[tunnelled]
    frames.wipe(inside[1] + udp.CHECKSUM, inside[1] + udp.HEADER)
    following = vxlan_headers(frames, inside[0], inside[1] + udp.HEADER)
    if header is None:
        return following
    rows, at, header = rows[~tunnelled], at[~tunnelled], header[~tunnelled]
    whole = frames.have(rows, at, udp.HEADER)
    _cut_short(frames, rows[~whole], at[~whole], udp.LENGTH)
    rows, at, header = rows[whole], at[whole], header[whole]
    frames.wipe(at + udp.CHECKSUM, at + udp.HEADER)
    frames.keep[rows] = at + udp.HEADER
    own = ~frames.quoted[rows]
    _payload(frames, rows[own], at[own] + udp.HEADER)
    # What was no VXLAN must not be taken for it: its hash never has the flag that all VXLAN headers have.
    more = own & frames.have(rows, at, udp.HEADER + 1)
    vxlan_port = more & np.isin(frames.u16(at + udp.DESTINATION_PORT), (udp.PORT_VXLAN, udp.PORT_VXLAN_LINUX))
    frames.octets[at[vxlan_port] + udp.HEADER] &= 0xFF ^ vxlan.VNI_IS_VALID
    # A datagram without a checksum is right; one that was wrong stays wrong.
    bad = own & frames.bad[rows]
    pseudo = _pseudo(frames, rows[bad], at[bad], header[bad], ipv4.PROTOCOL_UDP)
    frames.sum_later(rows[bad], at[bad], udp.CHECKSUM, pseudo)
    return following


def other(frames: Frames, rows: Array, at: Array) -> None:
    """What else a quoted packet carries: room for what the decoder reads, blank."""
    stop = np.minimum(at + QUOTED, frames.limit[rows])
    frames.wipe(at, stop)
    frames.keep[rows] = stop


def _cut_short(frames: Frames, rows: Array, at: Array, most: int) -> None:
    """Part of a header: nothing but its first octets, which hold ports and numbers."""
    frames.keep[rows] = np.minimum(at + most, frames.limit[rows])


def _payload(frames: Frames, rows: Array, at: Array) -> None:
    """A keyed hash in the place of its first octets; a frame that is not longer stays whole, its padding blank."""
    end = frames.limit[rows]
    frames.whole[rows[end - at <= SAMPLE]] = True
    stop = np.minimum(end, at + SAMPLE)
    for first, last in zip(at.tolist(), stop.tolist(), strict=True):
        if first < last:
            hashed = frames.addresses.digest("payload", frames.octets[first:last].tobytes(), SAMPLE)
            frames.octets[first:last] = np.frombuffer(hashed[: last - first], "u1")
    frames.keep[rows] = np.maximum(stop, at)


def _pseudo(frames: Frames, rows: Array, at: Array, header: Array, protocol: int) -> Array:
    """The sum of the pseudo-header (RFC 9293 §3.1), whose addresses are replaced already."""
    addresses = frames.u32(header + ipv4.SOURCE) + frames.u32(header + ipv4.DESTINATION)
    pseudo: Array = (addresses >> 16) + (addresses & 0xFFFF) + protocol + frames.limit[rows] - at
    return pseudo
