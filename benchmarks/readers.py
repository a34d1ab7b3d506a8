"""Echo pairing by Python libraries, `readers.py scapy|pyshark|dpkt FILE`, and ipipscope's decoder alone.

Each does the least that answers the question "how many echoes were answered?", as a user of that library would
write it, and prints the counts as JSON. `decode FILE...` only turns packets into columns and counts the IPIP ones.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Echo = tuple[int, bytes | str, bytes | str, int, int]
"""Type, source, destination, identifier, sequence number: of the innermost header."""


def pair(echoes: Iterator[Echo | None]) -> dict[str, int]:
    """Count packets and answered requests; None is a packet that is no echo."""
    asked: set[tuple[object, ...]] = set()
    packets = answered = 0
    for echo in echoes:
        packets += 1
        if echo is None:
            continue
        kind, source, destination, identifier, seq = echo
        if kind == 8:
            asked.add((source, destination, identifier, seq))
        elif kind == 0 and (key := (destination, source, identifier, seq)) in asked:
            asked.remove(key)
            answered += 1
    return {"packets": packets, "answered": answered}


def with_scapy(path: str) -> dict[str, int]:
    import scapy.layers.l2  # noqa: F401, PLC0415 -- teaches the reader Ethernet
    from scapy.layers.inet import ICMP, IP  # noqa: PLC0415
    from scapy.utils import PcapReader  # noqa: PLC0415

    def echoes() -> Iterator[Echo | None]:
        with PcapReader(path) as packets:
            for packet in packets:
                icmp = packet.getlayer(ICMP)
                if icmp is None:
                    yield None
                    continue
                inner: Any = icmp.underlayer
                assert isinstance(inner, IP)
                yield icmp.type, inner.src, inner.dst, icmp.id, icmp.seq

    return pair(echoes())


def with_pyshark(path: str) -> dict[str, int]:
    import pyshark  # noqa: PLC0415

    def echoes() -> Iterator[Echo | None]:
        with pyshark.FileCapture(path, keep_packets=False) as packets:
            for packet in packets:
                if "ICMP" not in packet:
                    yield None
                    continue
                # Of a packet's two IP layers, `packet.ip` is the outer one.
                inner, icmp = [layer for layer in packet.layers if layer.layer_name == "ip"][-1], packet.icmp
                yield int(icmp.type), str(inner.src), str(inner.dst), int(icmp.ident), int(icmp.seq)

    return pair(echoes())


def with_dpkt(path: str) -> dict[str, int]:
    import dpkt  # type: ignore[import-untyped]  # noqa: PLC0415

    def echoes() -> Iterator[Echo | None]:
        with Path(path).open("rb") as stream:
            for _, octets in dpkt.pcap.Reader(stream):
                packet = dpkt.ethernet.Ethernet(octets).data
                while isinstance(packet, dpkt.ip.IP) and packet.p == dpkt.ip.IP_PROTO_IPIP:
                    packet = packet.data if isinstance(packet.data, dpkt.ip.IP) else dpkt.ip.IP(bytes(packet.data))
                icmp = getattr(packet, "data", None)
                if not isinstance(icmp, dpkt.icmp.ICMP):
                    yield None
                    continue
                identifier, seq = struct.unpack_from("!HH", bytes(icmp.data))
                yield icmp.type, packet.src, packet.dst, identifier, seq

    return pair(echoes())


def decode(*paths: str) -> dict[str, int]:
    from ipipscope.capture.files import find  # noqa: PLC0415
    from ipipscope.decoder.columns import Kind  # noqa: PLC0415
    from ipipscope.sources import decode as decoded  # noqa: PLC0415

    packets = encapsulated = 0
    for source in decoded(find(paths)[0]):
        for batch in source.batches():
            packets += len(batch)
            encapsulated += int((batch.kind == Kind.IPIP).sum())
    return {"packets": packets, "encapsulated": encapsulated}


READERS: dict[str, Callable[..., dict[str, int]]] = {
    "scapy": with_scapy,
    "pyshark": with_pyshark,
    "dpkt": with_dpkt,
    "decode": decode,
}

if __name__ == "__main__":
    print(json.dumps(READERS[sys.argv[1]](*sys.argv[2:])))
