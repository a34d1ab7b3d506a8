"""Link headers, labels and tags: addresses replaced, the rest as it is; each function tells what comes next.

The names of hosts and services, and addresses, that link protocols carry (LLDP, PPPoE discovery, IPCP) are cut off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ipipscope.anonymize.steps import LLC, NOTHING, PPP, Step, step, together
from ipipscope.decoder import link

if TYPE_CHECKING:
    from ipipscope.anonymize.octets import Frames
    from ipipscope.decoder.columns import Array

ARP, ARP_FIXED, ARP_USUAL = 28, 8, 0x604
"""Octets of ARP for IPv4 on Ethernet (RFC 826), of what stands before its addresses, and the lengths of those."""
ARPHRD_ETHER: Final = 1
SNAP_HEADER: Final = 8


def link_layers(frames: Frames, types: Array) -> Step:
    """The frames' own link headers. types: of each frame, u4; nothing is kept of one that is not decoded."""
    found = []
    for link_type in np.unique(types).tolist():
        rows = np.flatnonzero(types == link_type)
        if link_type in _READERS:
            found.append(_READERS[link_type](frames, rows, frames.begin[rows]))
    return together(found)


def _whole(frames: Frames, rows: Array, at: Array, header: int) -> tuple[Array, Array]:
    """Those that hold a header of that size, which is kept."""
    fits = frames.have(rows, at, header)
    rows, at = rows[fits], at[fits]
    frames.keep[rows] = at + header
    return rows, at


def ethernet(frames: Frames, rows: Array, at: Array) -> Step:
    """An Ethernet header, of a frame or within a tunnel."""
    rows, at = _whole(frames, rows, at, link.ETHERNET_HEADER)
    frames.replace_macs(at + link.ETHERNET_DESTINATION)
    frames.replace_macs(at + link.ETHERNET_SOURCE)
    return step(rows, at + link.ETHERNET_HEADER, _ethertype(frames.u16(at + link.ETHERNET_TYPE)))


def tag(frames: Frames, rows: Array, at: Array) -> Step:
    """A VLAN tag."""
    rows, at = _whole(frames, rows, at, link.VLAN_TAG)
    return step(rows, at + link.VLAN_TAG, _ethertype(frames.u16(at + 2)))


def _ethertype(number: Array) -> Array:
    return np.where(number <= link.LENGTH_MAX, LLC, number)


def snap(frames: Frames, rows: Array, at: Array) -> Step:
    """Behind an IEEE 802.3 length: SNAP with an EtherType."""
    fits = frames.have(rows, at, SNAP_HEADER)
    rows, at = rows[fits], at[fits]
    known = (frames.u32(at) == link.SNAP) & (frames.u16(at + 4) == 0)
    rows, at = _whole(frames, rows[known], at[known], SNAP_HEADER)
    return step(rows, at + SNAP_HEADER, frames.u16(at + 6))


def mpls(frames: Frames, rows: Array, at: Array) -> Step:
    """A label; behind the last one IP shows its version (RFC 4928 §3)."""
    rows, at = _whole(frames, rows, at, link.MPLS_LABEL)
    bottom = frames.u32(at) & link.MPLS_BOTTOM > 0
    at = at + link.MPLS_LABEL
    return step(rows, at, np.where(bottom, _by_version(frames, rows, at, NOTHING), link.ETHERTYPE_MPLS))


def _by_version(frames: Frames, rows: Array, at: Array, otherwise: int) -> Array:
    version = frames.first(rows, at) >> 4
    return np.where(version == 4, link.ETHERTYPE_IPV4, np.where(version == 6, link.ETHERTYPE_IPV6, otherwise))


def pppoe(frames: Frames, rows: Array, at: Array) -> Step:
    """A session's PPPoE header; discovery tells names and is cut."""
    rows, at = _whole(frames, rows, at, link.PPPOE_HEADER)
    session = (frames.octets[at] == 0x11) & (frames.octets[at + 1] == 0)
    return step(rows[session], at[session] + link.PPPOE_HEADER, PPP)


def ppp(frames: Frames, rows: Array, at: Array) -> Step:
    """A protocol field, of one octet where it is odd (RFC 1661 §6.5); LCP and IPCP, which tell addresses, are cut."""
    length = np.where(frames.first(rows, at) & 1, 1, 2)
    fits = frames.limit[rows] - at >= length
    rows, at, length = rows[fits], at[fits], length[fits]
    kept = np.maximum(frames.keep[rows], at + length)
    frames.keep[rows] = kept
    number = frames.octets[at].astype("i8")
    two = length == 2
    number[two] = frames.u16(at[two])
    known = {
        link.PPP_IPV4: link.ETHERTYPE_IPV4,
        link.PPP_IPV6: link.ETHERTYPE_IPV6,
        link.PPP_MPLS: link.ETHERTYPE_MPLS,
    }
    protocol = np.zeros(len(rows), "i8")
    for field, ethertype in known.items():
        protocol[number == field] = ethertype
    cut = protocol == NOTHING
    frames.wipe((at + length)[cut], kept[cut])
    return step(rows, at + length, protocol)


def arp(frames: Frames, rows: Array, at: Array) -> Step:
    """ARP for IPv4 on Ethernet; of any other nothing but what stands before its addresses."""
    rows, at = _whole(frames, rows, at, ARP_FIXED)
    usual = (
        (frames.u16(at) == ARPHRD_ETHER)
        & (frames.u16(at + 2) == link.ETHERTYPE_IPV4)
        & (frames.u16(at + 4) == ARP_USUAL)
    )
    rows, at = _whole(frames, rows[usual], at[usual], ARP)
    for place in (8, 18):
        frames.replace_macs(at + place)
    for place in (14, 24):
        frames.replace_v4(at + place)
    return together(())


# --- link headers of frames other than Ethernet's --------------------------------------------------------------------


def _cooked(frames: Frames, rows: Array, at: Array) -> Step:
    rows, at = _whole(frames, rows, at, link.SLL_HEADER)
    _cooked_address(frames, at + link.SLL_ADDRESS, frames.u16(at + 4))
    return step(rows, at + link.SLL_HEADER, frames.u16(at + link.SLL_PROTOCOL))


def _cooked2(frames: Frames, rows: Array, at: Array) -> Step:
    rows, at = _whole(frames, rows, at, link.SLL2_HEADER)
    _cooked_address(frames, at + link.SLL2_ADDRESS, frames.octets[at + 11].astype("i8"))
    return step(rows, at + link.SLL2_HEADER, frames.u16(at + link.SLL2_PROTOCOL))


def _cooked_address(frames: Frames, at: Array, length: Array) -> None:
    """The sender's link-layer address, of up to eight octets: a MAC address, or a tunnel's own IPv4 address."""
    frames.replace_macs(at[length == 6])
    frames.replace_v4(at[length == 4])
    used = np.where((length == 6) | (length == 4), length, 0)
    frames.wipe(at + used, at + 8)


def _raw(frames: Frames, rows: Array, at: Array) -> Step:
    return step(rows, at, _by_version(frames, rows, at, link.ETHERTYPE_IPV4))


def _raw4(_: Frames, rows: Array, at: Array) -> Step:
    return step(rows, at, link.ETHERTYPE_IPV4)


def _raw6(_: Frames, rows: Array, at: Array) -> Step:
    return step(rows, at, link.ETHERTYPE_IPV6)


def _pppoe_alone(_: Frames, rows: Array, at: Array) -> Step:
    return step(rows, at, link.ETHERTYPE_PPPOE)


def _family(frames: Frames, rows: Array, at: Array) -> Step:
    """An address family in the writer's octet order."""
    rows, at = _whole(frames, rows, at, 4)
    family = frames.u32(at)
    family = np.where(family > 0xFFFF, (frames.octets[at + 1].astype("i8") << 8) + frames.octets[at], family)
    v6 = np.isin(family, list(link.FAMILIES_INET6))
    protocol = np.where(v6, link.ETHERTYPE_IPV6, NOTHING)
    return step(rows, at + 4, np.where(family == link.FAMILY_INET, link.ETHERTYPE_IPV4, protocol))


def _ppp_link(frames: Frames, rows: Array, at: Array) -> Step:
    fits = frames.have(rows, at, 4)
    rows, at = rows[fits], at[fits]
    framed = (frames.octets[at] == link.PPP_ADDRESS) & (frames.octets[at + 1] == link.PPP_CONTROL)
    frames.keep[rows] = at + 4  # fewer are no frame
    return step(rows, at + np.where(framed, 2, 0), PPP)


def _hdlc(frames: Frames, rows: Array, at: Array) -> Step:
    """Cisco HDLC, or PPP in HDLC's frames, which its address tells."""
    is_ppp = frames.first(rows, at) == link.PPP_ADDRESS
    framed = _ppp_link(frames, rows[is_ppp], at[is_ppp])
    rows, at = _whole(frames, rows[~is_ppp], at[~is_ppp], 4)
    return together((framed, step(rows, at + 4, frames.u16(at + 2))))


_READERS: Final = {
    link.LINKTYPE_ETHERNET: ethernet,
    link.LINKTYPE_LINUX_SLL: _cooked,
    link.LINKTYPE_LINUX_SLL2: _cooked2,
    link.LINKTYPE_NULL: _family,
    link.LINKTYPE_LOOP: _family,
    link.LINKTYPE_PPP: _ppp_link,
    link.LINKTYPE_PPP_HDLC: _ppp_link,
    link.LINKTYPE_C_HDLC: _hdlc,
    link.LINKTYPE_PPP_ETHER: _pppoe_alone,
    link.LINKTYPE_RAW: _raw,
    link.DLT_RAW: _raw,
    link.DLT_RAW_OPENBSD: _raw,
    link.LINKTYPE_IPV4: _raw4,
    link.LINKTYPE_IPV6: _raw6,
}
