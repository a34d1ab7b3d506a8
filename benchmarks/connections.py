"""Handshakes of as many TCP connections through IPIP as pcap on standard output.

`connections.py --count 1M --rate 200k | ipipscope triage -`: how much memory do so many take at once?
"""

from __future__ import annotations

import argparse
import sys
from typing import Final

import numpy as np
from generate import quantity

HEADER: Final = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
ETHERNET: Final = np.frombuffer(bytes.fromhex("0200000000010200000000020800"), "u1")
STEP: Final = 10_000
TCP, IPIP, SYN, SYN_ACK, DELAY = 6, 4, 0x02, 0x12, 3
BEGIN: Final = 1_700_000_000 * 10**6

Array = np.ndarray


def big(*numbers: tuple[Array | int, int], rows: int) -> Array:
    """Numbers side by side in network order, one row a packet; each with its octets."""
    columns = [np.broadcast_to(np.asarray(number, ">u4" if size > 1 else "u1"), rows) for number, size in numbers]
    parts = [
        np.ascontiguousarray(column).view("u1").reshape(rows, -1)[:, -size:]
        for column, (_, size) in zip(columns, numbers, strict=True)
    ]
    return np.concatenate(parts, 1)


def checksum(octets: Array, more: Array | int = 0) -> Array:
    """RFC 1071, of each row."""
    total = octets.reshape(len(octets), -1, 2) @ np.array([256, 1], "u8") @ np.ones(octets.shape[1] // 2, "u8") + more
    for _ in range(2):
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(protocol: int, payload: Array, src: Array | int, dst: Array | int, ident: Array) -> Array:
    """With a header in front."""
    rows = len(payload)
    length = 20 + payload.shape[1]
    fields = ((0x45, 1), (0, 1), (length, 2), (ident & 0xFFFF, 2), (0, 2), (64, 1), (protocol, 1))
    ends = ((src, 4), (dst, 4))
    summed = checksum(big(*fields, (0, 2), *ends, rows=rows))
    return np.concatenate([big(*fields, (summed, 2), *ends, rows=rows), payload], 1)


def packets(number: Array, rate: int, pods: int, *, reply: bool) -> Array:
    """The records of one way, one row each."""
    rows = len(number)
    near, far = 0x0A010000 + number % pods, np.full(rows, 0x0AC80005)
    port, sequence = 10_000 + number // pods % 50_000, number * 7919 % 2**32
    src, dst = (far, near) if reply else (near, far)
    ports = ((80, 2), (port, 2)) if reply else ((port, 2), (80, 2))
    numbers = (((sequence + 1) % 2**32, 4), (sequence + 1, 4)) if reply else ((sequence, 4), (0, 4))
    fields = (*ports, *numbers, (0x50, 1), (SYN_ACK if reply else SYN, 1), (64_000, 2))
    pseudo = (src >> 16) + (src & 0xFFFF) + (dst >> 16) + (dst & 0xFFFF) + TCP + 20
    summed = checksum(big(*fields, (0, 2), (0, 2), rows=rows), pseudo.astype("u8"))
    inner = ipv4(TCP, big(*fields, (summed, 2), (0, 2), rows=rows), src, dst, number)
    nodes = (0xC0A80002, 0xC0A80001) if reply else (0xC0A80001, 0xC0A80002)
    frame = np.concatenate([np.tile(ETHERNET, (rows, 1)), ipv4(IPIP, inner, *nodes, number)], 1)
    time = BEGIN + number * 10**6 // rate + DELAY * reply
    size = np.full(rows, frame.shape[1])
    head = np.stack([time // 10**6, time % 10**6, size, size], 1).astype("<u4")
    return np.concatenate([head.view("u1").reshape(rows, 16), frame], 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=quantity, default=10**6, help="connections (1M)")
    parser.add_argument("--rate", type=quantity, default=200_000, help="connections a second of capture time (200k)")
    parser.add_argument("--pods", type=quantity, default=4096, help="that connect, each from many ports (4096)")
    parser.add_argument("--unanswered", action="store_true", help="no SYN-ACK: all wait for the timeout")
    asked = parser.parse_args()
    out = sys.stdout.buffer
    out.write(HEADER)
    for begin in range(0, asked.count, STEP):
        number = np.arange(begin, min(begin + STEP, asked.count))
        replies = [False] if asked.unanswered else [False, True]
        ways = [packets(number, asked.rate, asked.pods, reply=reply) for reply in replies]
        out.write(np.stack(ways, 1).tobytes())


if __name__ == "__main__":
    main()
