"""GRE and VXLAN headers, as far as packets within them are read: keys replaced, the rest blanked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ipipscope.anonymize.steps import Step, step
from ipipscope.decoder import gre, udp, vxlan

if TYPE_CHECKING:
    from ipipscope.anonymize.octets import Frames
    from ipipscope.decoder.columns import Array

VNI, VNI_END = 4, 7


def gre_headers(frames: Frames, rows: Array, at: Array) -> Step:
    """GRE's header (RFC 2784, RFC 2890); of source routes (RFC 1701) and PPTP (RFC 2637) the first four octets."""
    fits = frames.have(rows, at, gre.HEADER_MIN)
    rows, at = rows[fits], at[fits]
    frames.keep[rows] = at + gre.HEADER_MIN
    bits = frames.u16(at)
    read = bits & (gre.ROUTING | gre.VERSION) == 0
    rows, at, bits = rows[read], at[read], bits[read]
    protocol = frames.u16(at + gre.PROTOCOL_TYPE)
    at = at + gre.HEADER_MIN
    for bit in (gre.CHECKSUM, gre.KEY, gre.SEQUENCE):
        size = np.where(bits & bit, 4, 0)
        there = frames.limit[rows] - at >= size
        rows, at, bits, protocol, size = rows[there], at[there], bits[there], protocol[there], size[there]
        if bit == gre.KEY:
            frames.replace_v4(at[size > 0])  # Linux takes a key in dotted form: tunnels are numbered by addresses
        elif bit == gre.CHECKSUM:
            frames.wipe(at, at + size)
        at = at + size
        frames.keep[rows] = at
    return step(rows, at, protocol)


def is_vxlan(frames: Frames, rows: Array, at: Array) -> Array:
    """Which UDP datagrams are VXLAN: by destination port and the flag that all have, as the decoder tells them."""
    found = np.zeros(len(rows), bool)
    whole = np.flatnonzero(frames.have(rows, at, udp.HEADER))
    port = frames.u16(at[whole] + udp.DESTINATION_PORT)
    flags = frames.first(rows[whole], at[whole] + udp.HEADER)
    alone = ~frames.have(rows[whole], at[whole], udp.HEADER + 1)
    found[whole] = (port == udp.PORT_VXLAN) & (alone | (flags & vxlan.VNI_IS_VALID > 0))
    old = whole[(port == udp.PORT_VXLAN_LINUX) & frames.have(rows[whole], at[whole], udp.HEADER + vxlan.HEADER)]
    begin = at[old] + udp.HEADER
    plain = frames.u32(begin) == vxlan.VNI_IS_VALID << 24
    found[old] = plain & (frames.octets[begin + vxlan.HEADER - 1] == 0)
    return found


def vxlan_headers(frames: Frames, rows: Array, at: Array) -> Step:
    """What follows the UDP header: flags and network identifier stay."""
    stop = np.minimum(at + vxlan.HEADER, frames.limit[rows])
    frames.wipe(at + 1, np.minimum(at + VNI, stop))
    frames.wipe(at + VNI_END, stop)
    frames.keep[rows] = stop
    whole = stop - at == vxlan.HEADER
    return step(rows[whole], stop[whole], gre.TRANSPARENT_ETHERNET)
