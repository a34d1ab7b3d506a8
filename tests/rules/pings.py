"""Pings through a tunnel between two nodes, as their tunnels and NICs show them."""

from collections.abc import Collection
from pathlib import Path

from tests.written import ETHERNET, Ipv4, Written, echo, ethernet, pcap

RAW = 101
PODS = 0x0A010102, 0x0A010202
NODES = 0xC0A80001, 0xC0A80002
MACS = 0x020000000001, 0x020000000002
SECOND = 1_000_000  # ticks of a pcap file
BEGIN = 1_700_000_000 * SECOND


def write_pings(folder: Path, pings: int, lost: Collection[int], large: Collection[int] = ()) -> None:
    """Write a file for each of n1 and n2, eth0 and tunl0: see `points`."""
    for name, packets in points(pings, lost, large).items():
        (folder / f"{name}.pcap").write_bytes(pcap(packets, link_type=RAW if "tunl" in name else ETHERNET))


def points(
    pings: int, lost: Collection[int] = (), large: Collection[int] = (), *, every: int = SECOND // 10
) -> dict[str, list[Written]]:
    """What each of `n1_tunl0`, `n1_eth0` and those of n2 shows: a ping each *every* ticks, *lost* ones die underway."""
    found: dict[str, list[Written]] = {name: [] for name in ("n1_tunl0", "n1_eth0", "n2_eth0", "n2_tunl0")}
    for number in range(pings):
        size = 1200 if number in large else 56
        for back in (0, 1):
            if back and number in lost:
                continue
            at = BEGIN + number * every + back * 200
            message = echo(reply=bool(back), id=7, seq=number & 0xFFFF, data=bytes(size))
            inner = Ipv4(src=PODS[back], dst=PODS[1 - back], ttl=63, id=number & 0xFFFF)(message)
            outer = Ipv4(src=NODES[back], dst=NODES[1 - back], proto=4, ttl=63, id=number & 0xFFFF)(inner)
            frame = ethernet(0x0800, outer, src=MACS[back], dst=MACS[1 - back])
            way = list(found) if not back else list(found)[::-1]
            if number in lost:
                way = way[:2]
            for hop, name in enumerate(way):
                found[name].append(Written(inner if "tunl" in name else frame, at + 10 * hop))
    return found
