"""Link layers: where IPv4 begins.

Numbers are those in files (tcpdump.org/linktypes.html); a live handle's DLT_RAW, 12 or 14, is taken as raw IP too.
"""

from __future__ import annotations

from typing import Final

LINKTYPE_NULL: Final = 0
LINKTYPE_ETHERNET: Final = 1
LINKTYPE_PPP: Final = 9
DLT_RAW: Final = 12  # Linux, and most others
DLT_RAW_OPENBSD: Final = 14
LINKTYPE_PPP_HDLC: Final = 50
LINKTYPE_PPP_ETHER: Final = 51
LINKTYPE_RAW: Final = 101
LINKTYPE_C_HDLC: Final = 104
LINKTYPE_LOOP: Final = 108
LINKTYPE_LINUX_SLL: Final = 113
LINKTYPE_IPV4: Final = 228
LINKTYPE_IPV6: Final = 229
LINKTYPE_LINUX_SLL2: Final = 276

DECODED: Final = frozenset(
    {
        LINKTYPE_NULL,
        LINKTYPE_ETHERNET,
        LINKTYPE_PPP,
        DLT_RAW,
        DLT_RAW_OPENBSD,
        LINKTYPE_PPP_HDLC,
        LINKTYPE_PPP_ETHER,
        LINKTYPE_RAW,
        LINKTYPE_C_HDLC,
        LINKTYPE_LOOP,
        LINKTYPE_LINUX_SLL,
        LINKTYPE_IPV4,
        LINKTYPE_IPV6,
        LINKTYPE_LINUX_SLL2,
    }
)
"""The link types that are decoded; frames of others are counted."""

RAW_IP: Final = frozenset({LINKTYPE_RAW, DLT_RAW, DLT_RAW_OPENBSD, LINKTYPE_IPV4, LINKTYPE_IPV6})
"""No link header at all, as tunnel devices show their packets."""

COOKED: Final = frozenset({LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2})
"""Linux cooked captures, as `-i any` makes them."""

NAMES: Final = {
    LINKTYPE_NULL: "NULL",
    LINKTYPE_ETHERNET: "EN10MB",
    LINKTYPE_PPP: "PPP",
    DLT_RAW: "RAW",
    DLT_RAW_OPENBSD: "RAW",
    LINKTYPE_PPP_HDLC: "PPP_SERIAL",
    LINKTYPE_PPP_ETHER: "PPP_ETHER",
    LINKTYPE_RAW: "RAW",
    LINKTYPE_C_HDLC: "C_HDLC",
    105: "IEEE802_11",
    LINKTYPE_LOOP: "LOOP",
    LINKTYPE_LINUX_SLL: "LINUX_SLL",
    119: "IEEE802_11_PRISM",
    127: "IEEE802_11_RADIO",
    LINKTYPE_IPV4: "IPV4",
    LINKTYPE_IPV6: "IPV6",
    LINKTYPE_LINUX_SLL2: "LINUX_SLL2",
}
"""Names as tcpdump prints them, for reports."""

# Ethernet: IEEE 802.3 §3.1.1; 802.1Q §9. Octets from the start of the frame.
ETHERNET_DESTINATION, ETHERNET_SOURCE, ETHERNET_TYPE, ETHERNET_HEADER = 0, 6, 12, 14
VLAN_TAG = 4
ETHERTYPE_IPV4, ETHERTYPE_ARP, ETHERTYPE_IPV6 = 0x0800, 0x0806, 0x86DD
ETHERTYPE_VLAN, ETHERTYPE_QINQ, ETHERTYPE_QINQ_OLD = 0x8100, 0x88A8, 0x9100
ETHERTYPE_MPLS, ETHERTYPE_MPLS_MULTICAST = 0x8847, 0x8848
ETHERTYPE_PPPOE_DISCOVERY, ETHERTYPE_PPPOE = 0x8863, 0x8864
LENGTH_MAX = 1500  # no EtherType but the length of an IEEE 802.2 frame (IEEE 802.3 §3.2.6)
SNAP = 0xAAAA0300  # with an EtherType behind three zero octets it is IP all the same (RFC 1042)

# MPLS: RFC 3032 §2.1. Four octets a label.
MPLS_LABEL, MPLS_BOTTOM = 4, 0x100
# PPPoE: RFC 2516 §4. Version 1, type 1; code 0 is a session, whose payload is PPP.
PPPOE_HEADER = 6

# Linux cooked headers: tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html and LINKTYPE_LINUX_SLL2.html
SLL_TYPE, SLL_HARDWARE, SLL_ADDRESS, SLL_PROTOCOL, SLL_HEADER = 0, 2, 6, 14, 16
SLL2_PROTOCOL, SLL2_INTERFACE, SLL2_HARDWARE, SLL2_TYPE, SLL2_ADDRESS, SLL2_HEADER = 0, 4, 8, 10, 12, 20
PACKET_OUTGOING = 4  # linux/if_packet.h
ARPHRD_TUNNEL = 768  # linux/if_arp.h: IPIP tunnel
ARPHRD_LOOPBACK = 772
TUNNEL_DEVICE = 1 << 31
"""Set in the column `device` of a packet that a cooked capture saw on an IPIP tunnel device."""
INDEXED_DEVICE = 1 << 30
"""Set in the column `device` where it holds an interface index, not just a hardware type."""

# BSD loopback: address family in the writer's octet order
FAMILY_INET = 2
FAMILIES_INET6 = frozenset({10, 24, 28, 30})  # Linux, NetBSD/OpenBSD, FreeBSD, macOS

# PPP: RFC 1661 §2; numbers: RFC 1332, RFC 5072 and RFC 3032 §4.3
PPP_IPV4, PPP_IPV6, PPP_MPLS = 0x0021, 0x0057, 0x0281
PPP_ADDRESS, PPP_CONTROL = 0xFF, 0x03  # RFC 1662 §3.1


def name(link_type: int) -> str:
    """The name that tcpdump prints, or `LINKTYPE_n`."""
    return NAMES.get(link_type, f"LINKTYPE_{link_type}")
