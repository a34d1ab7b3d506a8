"""Pings through a tunnel between two nodes, as their tunnels and NICs show them."""

from collections.abc import Collection
from pathlib import Path

from tests.written import ETHERNET, Ipv4, Written, echo, ethernet, pcap

RAW = 101
PODS = 0x0A010102, 0x0A010202
SECOND = 1_000_000  # ticks of a pcap file
BEGIN = 1_700_000_000 * SECOND


def write_pings(folder: Path, pings: int, lost: Collection[int], large: Collection[int] = ()) -> None:
    """Write a file for each of n1 and n2, eth0 and tunl0: see `points`."""
    write(folder, points(pings, lost, large))


def points(
    pings: int,
    lost: Collection[int] = (),
    large: Collection[int] = (),
    *,
    nodes: tuple[int, int] = (1, 2),
    pods: tuple[int, int] = PODS,
    ident: int = 7,
    begin: int = 0,
    every: int = SECOND // 10,
) -> dict[str, list[Written]]:
    """What each of `n1_tunl0`, `n1_eth0` and those of n2 shows: a ping each *every* ticks, *lost* ones die underway.

    nodes: numbers of the requester's and the replier's, in names and addresses.
    begin: how many pings later than others this flow begins.
    """
    here, there = nodes
    found: dict[str, list[Written]] = {
        name: [] for name in (f"n{here}_tunl0", f"n{here}_eth0", f"n{there}_eth0", f"n{there}_tunl0")
    }
    outer_ends = tuple(0xC0A80000 + node for node in nodes)
    macs = tuple(0x020000000000 + node for node in nodes)
    for number in range(pings):
        size = 1200 if number in large else 56
        for back in (0, 1):
            if back and number in lost:
                continue
            at = BEGIN + (begin + number) * every + back * 200
            message = echo(reply=bool(back), id=ident, seq=number & 0xFFFF, data=bytes(size))
            inner = Ipv4(src=pods[back], dst=pods[1 - back], ttl=63, id=number & 0xFFFF)(message)
            outer = Ipv4(src=outer_ends[back], dst=outer_ends[1 - back], proto=4, ttl=63, id=number & 0xFFFF)(inner)
            frame = ethernet(0x0800, outer, src=macs[back], dst=macs[1 - back])
            way = list(found) if not back else list(found)[::-1]
            if number in lost:
                way = way[:2]
            for hop, name in enumerate(way):
                found[name].append(Written(inner if "tunl" in name else frame, at + 10 * hop))
    return found


def write(folder: Path, *flows: dict[str, list[Written]]) -> None:
    """The packets of several flows as one file a point, in order of time."""
    together: dict[str, list[Written]] = {}
    for flow in flows:
        for name, packets in flow.items():
            together.setdefault(name, []).extend(packets)
    for name, packets in together.items():
        packets.sort(key=lambda packet: packet.ticks)
        (folder / f"{name}.pcap").write_bytes(pcap(packets, link_type=RAW if "tunl" in name else ETHERNET))
