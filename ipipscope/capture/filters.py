"""Capture filters that run in the kernel: they keep what the question needs and cost little on a busy node.

Expressions of libpcap, pcap-filter(7). `ip[...]` counts from the outer IPv4 header on every link type, so one text
serves Ethernet, raw IP and Linux cooked captures; only VLAN tags and ARP ask for Ethernet.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Traffic(StrEnum):
    """What to record."""

    ICMP = "icmp"
    """Pings and ICMP errors, native and inside IPIP, with fragments of tunnel packets."""
    HANDSHAKES = "handshakes"
    """The same, TCP's SYN, SYN-ACK and RST, and DNS."""
    ALL = "all"
    """Everything."""


ETHERNET: Final = frozenset(("ether", "loopback"))
"""Link types, as `ip -j link` names them, that carry Ethernet frames."""

INNER: Final = "((ip[0]&0xf)<<2)"
"""Where the inner IPv4 header begins: the outer one has a variable length (RFC 791 §3.1, IHL)."""
PAYLOAD: Final = f"{INNER}+((ip[{INNER}]&0xf)<<2)"
"""Where the inner packet's payload begins."""
PROTOCOL, FRAGMENT = 9, 6  # RFC 791 §3.1, octets from the start of the header
TCP_FLAGS, SYN_OR_RST = 13, 6  # RFC 9293 §3.1: the flags' octet; bits RST (4) and SYN (2)
DNS: Final = 53

# A comparison that reads behind the captured end rejects the packet, whatever stands to its right: hence the order,
# from what every packet has to what only some have.
LATER_FRAGMENT: Final = f"ip[{FRAGMENT}:2]&0x1fff != 0"
INNER_FIRST: Final = f"ip[{INNER}+{FRAGMENT}:2]&0x1fff == 0"
INNER_PROTOCOL: Final = f"ip[{INNER}+{PROTOCOL}]"
NESTED: Final = f"{INNER_PROTOCOL} == 4"

ICMP_INSIDE: Final = f"{INNER_PROTOCOL} == 1"
# `and` and `or` bind alike in libpcap, from left to right: every pair has its parentheses.
DNS_INSIDE: Final = f"(ip[{PAYLOAD}:2] == {DNS} or ip[{PAYLOAD}+2:2] == {DNS})"
HANDSHAKES_INSIDE: Final = (
    f"({INNER_FIRST} and (({INNER_PROTOCOL} == 6 and ip[{PAYLOAD}+{TCP_FLAGS}]&{SYN_OR_RST} != 0)"
    f" or ({INNER_PROTOCOL} == 17 and {DNS_INSIDE})))"
)
ICMP: Final = f"icmp or (ip proto 4 and ({LATER_FRAGMENT} or {ICMP_INSIDE} or {NESTED}))"
HANDSHAKES: Final = (
    f"icmp or (ip and (tcp[{TCP_FLAGS}]&{SYN_OR_RST} != 0 or udp port {DNS}))"
    f" or (ip proto 4 and ({LATER_FRAGMENT} or {ICMP_INSIDE} or {NESTED} or {HANDSHAKES_INSIDE}))"
)


USUAL: Final = frozenset(("arp", "icmp", "ip", "ip proto 4", "proto 4"))
"""What people join with `or`."""


def keeps_pings(filter: str) -> bool:  # noqa: A002  (the word for it)
    """Whether it surely keeps pings, at least native ones: one of `expression`, or one that people usually write."""
    if not filter or any(filter == expression(traffic, kind) for traffic in Traffic for kind in ("", *ETHERNET)):
        return True
    wanted = {part.strip() for part in filter.split(" or ")}
    return wanted <= USUAL and bool(wanted & {"icmp", "ip"})


def expression(traffic: Traffic, link_type: str) -> str:
    """What the kernel is told to keep on an interface; empty for everything.

    link_type: as `ip -j link` names it; what is not Ethernet has neither VLAN tags nor ARP.
    """
    if traffic is Traffic.ALL:
        return ""
    wanted = ICMP if traffic is Traffic.ICMP else HANDSHAKES
    if link_type not in ETHERNET:
        return wanted
    # ARP: a node that asks in vain for a pod's address is a finding. Each `vlan` moves what stands to its right
    # behind one more tag, so the untagged form comes first.
    return f"arp or {wanted} or (vlan and ({wanted} or (vlan and ({wanted}))))"
