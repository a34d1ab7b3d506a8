"""A small overlay that forwards packets as Linux does, and shows each at every point that it passes.

Forwarding lowers the TTL (RFC 1812, 5.3.1); an ipip device without a TTL of its own takes the inner one for the outer
header (RFC 2003, 3.1; net/ipv4/ip_tunnel.c); the NIC shows the packet with its outer header, tunl0 without it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tests.written import ETHERNET, Ipv4, Written, echo, ethernet, pcap, tcp

RAW = 101
MICROSECOND, MILLISECOND, SECOND = 1, 1000, 1_000_000
BEGIN = 1_795_480_400 * SECOND
SYN, SYN_ACK = 0x02, 0x12


@dataclass(frozen=True)
class Node:
    """A host of the cluster: the block of its pods begins with the address of its tunnel."""

    name: str
    nic: str
    address: int
    tunnel: int
    subnet: int = 0

    def pod(self, number: int) -> Endpoint:
        return Endpoint(self, self.tunnel + 1 + number, f"cali{self.tunnel + 1 + number:011x}")

    def host(self) -> Endpoint:
        """The node itself, which talks to pods of others with its tunnel's address."""
        return Endpoint(self, self.tunnel, None)


@dataclass(frozen=True)
class Endpoint:
    """Who talks: a pod behind its interface, or a host."""

    node: Node
    address: int
    cali: str | None


@dataclass(frozen=True)
class Step:
    """A packet at one point: octets as that point shows them."""

    node: str
    interface: str
    octets: bytes


@dataclass
class Overlay:
    """Sends packets and remembers what each point saw: {(node, interface): [(time, octets)]}."""

    cross_subnet: bool = False
    seen: dict[tuple[str, str], list[tuple[int, bytes]]] = field(default_factory=dict)
    outer: int = 0

    def way(self, source: Endpoint, target: Endpoint, packet: Ipv4, payload: bytes) -> list[Step]:
        """What the points between two endpoints see of one packet, in order."""
        here, there = source.node, target.node
        steps = []
        if source.cali:
            steps.append(Step(here.name, source.cali, _frame(source, target, packet(payload))))
            packet = replace(packet, ttl=packet.ttl - 1)
        if here != there:
            native = self.cross_subnet and here.subnet == there.subnet
            inner = packet(payload)
            self.outer = self.outer + 1 & 0xFFFF
            outer = Ipv4(src=here.address, dst=there.address, proto=4, ttl=packet.ttl, id=self.outer)
            hops = 0 if here.subnet == there.subnet else 1
            sent, got = (inner, inner) if native else (outer(inner), replace(outer, ttl=packet.ttl - hops)(inner))
            steps += [] if native else [Step(here.name, "tunl0", inner)]
            steps.append(Step(here.name, here.nic, ethernet(0x0800, sent, here.address, there.address)))
            steps.append(Step(there.name, there.nic, ethernet(0x0800, got, here.address, there.address)))
            steps += [] if native else [Step(there.name, "tunl0", inner)]
            packet = replace(packet, ttl=packet.ttl - 1)
        if target.cali:
            steps.append(Step(there.name, target.cali, _frame(source, target, packet(payload))))
        return steps

    def show(self, steps: list[Step], at: int, apart: int = 40) -> int:
        """Let the points see these steps from `at` on; the time after the last of them."""
        for step in steps:
            self.seen.setdefault((step.node, step.interface), []).append((at, step.octets))
            at += apart
        return at


def _frame(source: Endpoint, target: Endpoint, packet: bytes) -> bytes:
    return ethernet(0x0800, packet, source.address, target.address)


def request(kind: str, source: Endpoint, target: Endpoint, number: int, *, id: int, size: int) -> tuple[Ipv4, bytes]:  # noqa: A002
    ip = Ipv4(src=source.address, dst=target.address, proto=1 if kind == "ping" else 6, id=(number * 7 + id) & 0xFFFF)
    if kind == "ping":
        return ip, echo(id=id, seq=number & 0xFFFF, data=bytes(size))
    return ip, tcp(20000 + number, 8080, SYN, seq=number * 1000)


def reply(kind: str, source: Endpoint, target: Endpoint, number: int, *, id: int, size: int) -> tuple[Ipv4, bytes]:  # noqa: A002
    """From target to source."""
    ip = Ipv4(src=target.address, dst=source.address, proto=1 if kind == "ping" else 6, id=(number * 11 + id) & 0xFFFF)
    if kind == "ping":
        return ip, echo(reply=True, id=id, seq=number & 0xFFFF, data=bytes(size))
    return ip, tcp(8080, 20000 + number, SYN_ACK, seq=7, ack=number * 1000 + 1)


def capture_file(interface: str, packets: list[tuple[int, bytes]], snaplen: int = 262144) -> bytes:
    """A pcap of what one point saw."""
    link = RAW if interface == "tunl0" else ETHERNET
    records = [Written(octets[:snaplen], at, len(octets)) for at, octets in sorted(packets, key=lambda each: each[0])]
    return pcap(records, link_type=link, snaplen=snaplen)
