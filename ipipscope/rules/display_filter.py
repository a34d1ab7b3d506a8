"""A Wireshark display filter that selects the packets of some flows, encapsulated or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipipscope.model import Flow

FLOWS_MAX: Final = 8


def display_filter(flows: Sequence[Flow]) -> str:
    """For `tshark -Y` and Wireshark; beyond a few flows only the pairs of addresses are named."""
    terms = []
    for flow in flows[:FLOWS_MAX]:
        term = f"ip.addr == {flow.src} && ip.addr == {flow.dst}"
        if flow.id is not None:
            term += f" && icmp.ident == {flow.id}"
        elif flow.protocol == "tcp" and flow.dport is not None:
            term += f" && tcp.port == {flow.dport}"
        elif flow.protocol == "udp" and flow.dport is not None:
            term += f" && udp.port == {flow.dport}"
        terms.append(f"({term})")
    return " || ".join(dict.fromkeys(terms))
