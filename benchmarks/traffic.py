"""What passes one node of an IPIP overlay, as frames: echo exchanges at the replier, and the mix of a working node.

The node that records is `node3`, eth1 192.168.3.112, also 192.168.0.112 on another NIC; many peers ping its pods
through tunl0 and talk TCP with them. Headers follow captures of Linux 6.1: the outer header takes the inner's TTL and
DF bit, identifications count up, a request has one time stamp at eth1 and tunl0, a reply passes tunl0 some
microseconds before it leaves eth1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import headers as wire
import numpy as np
from containers import LINKTYPE_ETHERNET, LINKTYPE_RAW, PAYLOAD_POOL_SIZE, Frames, Interface, Payload, payload_pool
from headers import Array

if TYPE_CHECKING:
    from collections.abc import Iterator

ETH1, TUNL0 = 0, 1
INTERFACES: Final = (Interface("eth1", LINKTYPE_ETHERNET), Interface("tunl0", LINKTYPE_RAW))
START: Final = 1_795_480_000_000_000_000
"""Capture time of the first packet, ns since 1970."""
MICROSECOND: Final = 1_000
CHUNK: Final = 1 << 15
"""Events worked out at a time: some tens of megabytes of records."""

NODE_ADDRESS: Final = 0xC0A80370  # 192.168.3.112, what the peers know
NODE_OTHER_ADDRESS: Final = 0xC0A80070  # 192.168.0.112, the outer source that the peers refuse
NODE_MAC: Final = 0x00163E0A3370
NODE_PODS: Final = 0x0A7A7F00  # 10.122.127.0

ETHERNET_IPIP_ECHO: Final = np.dtype(
    [("ethernet", wire.ETHERNET), ("outer", wire.IPV4), ("inner", wire.IPV4), ("echo", wire.ECHO)]
)
ETHERNET_IPIP_TCP: Final = np.dtype(
    [("ethernet", wire.ETHERNET), ("outer", wire.IPV4), ("inner", wire.IPV4), ("tcp", wire.TCP)]
)
ETHERNET_TCP: Final = np.dtype([("ethernet", wire.ETHERNET), ("inner", wire.IPV4), ("tcp", wire.TCP)])
ETHERNET_ARP: Final = np.dtype([("ethernet", wire.ETHERNET), ("arp", wire.ARP)])

Batch = tuple[list[Frames], int]
"""Frames, and the capture time before which no later batch has any."""


def _macs(numbers: Array) -> Array:
    """48-bit numbers as octets, shape (numbers, 6)."""
    octets: Array = numbers.astype(">u8").view(np.uint8).reshape(-1, 8)
    return octets[:, 2:]


@dataclass(frozen=True, slots=True)
class Cluster:
    """The peers of node3 and everybody's pods."""

    peers: int
    """Other nodes, at most 30,000."""
    pods: int
    """Pods of each node, at most 254."""

    def peer_address(self, peer: Array) -> Array:
        """192.168.4.1, 192.168.4.2 ... by number."""
        address: Array = 0xC0A80400 + ((peer // 250) << 8) + 1 + peer % 250
        return address

    def peer_mac(self, peer: Array) -> Array:
        """By number; shape (peers, 6)."""
        return _macs(0x00163E100000 + peer)

    def peer_pod(self, peer: Array, pod: Array) -> Array:
        """10.128.0.1 ... by the peer's number and the pod's."""
        return 0x0A800000 + (peer << 8) + 1 + pod

    def fill_ethernet(self, ethernet: Array, peer: Array, *, incoming: Array | bool, kind: int) -> None:
        """Addresses of frames between node3 and its peers."""
        here, there = _macs(np.array([NODE_MAC])), self.peer_mac(peer)
        arrives = np.reshape(incoming, (-1, 1))
        ethernet["source"] = np.where(arrives, there, here)
        ethernet["destination"] = np.where(arrives, here, there)
        ethernet["type"] = kind


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares of the exchanges that are struck, each from 0 to 1, together at most 1."""

    not_encapsulated: float = 0.0
    """The reply is on tunl0 and never leaves eth1 (IPIP101)."""
    wrong_source: float = 0.0
    """The reply leaves with the node's other address as outer source (IPIP201)."""
    lost: float = 0.0
    """The request is delivered to tunl0 and nobody answers (IPIP306)."""


@dataclass(slots=True)
class Truth:
    """What was generated, to hold reports against."""

    exchanges: int = 0
    answered: int = 0
    """A reply left eth1 with the right outer source."""
    not_encapsulated: int = 0
    wrong_source: int = 0
    lost: int = 0
    packets: dict[str, int] = field(default_factory=dict)
    """By what they are: echo, tcp-ipip, tcp-native, arp."""

    def count(self, kind: str, packets: int) -> None:
        """Add *packets* of a kind."""
        self.packets[kind] = self.packets.get(kind, 0) + packets


def _inner_only(rows: Array) -> Array:
    """The rows without Ethernet and outer header: what tunl0 shows."""
    size = rows.dtype.itemsize - wire.ETHERNET.itemsize - wire.IPV4.itemsize
    octets = rows.view(np.uint8).reshape(len(rows), -1)[:, -size:]
    return np.ascontiguousarray(octets).view(f"V{size}").reshape(-1)


class Echoes:
    """Pings of many pods through the tunnel, each at its own pace, sequence numbers counting up."""

    def __init__(
        self, cluster: Cluster, *, flows: int, latency: int, faults: Faults, tunnel: bool, seed: int, truth: Truth
    ) -> None:
        """flows: pings that run at once. latency: median until the pod's reply, ns. tunnel: record tunl0 too."""
        rng = np.random.default_rng([seed, 1])
        flow = rng.permutation(flows)
        self._cluster, self._faults, self._latency, self._tunnel, self._truth = cluster, faults, latency, tunnel, truth
        self._flows = flows
        self._peer = flow % cluster.peers
        pair = flow // cluster.peers
        self._src = cluster.peer_pod(self._peer, pair % cluster.pods)
        self._dst = NODE_PODS + 1 + (pair // cluster.pods + pair) % cluster.pods
        # Neighbours in time share neither peer nor pod, and no two pings of one pod share an identifier.
        self._identifier = (0x1000 + flow * 7) & 0xFFFF
        self._first_id = rng.integers(0, 1 << 16, (4, flows))
        self._next = 0

    def frames(self, time: Array, rng: np.random.Generator) -> list[Frames]:
        """The exchanges whose requests arrive at *time*."""
        count = len(time)
        number = np.arange(self._next, self._next + count)
        self._next += count
        flow = number % self._flows
        turn = number // self._flows
        seq = (turn + 1) & 0xFFFF
        src, dst, peer = self._src[flow], self._dst[flow], self._peer[flow]
        peer_address = self._cluster.peer_address(peer)
        outer_request_id, request_id, outer_reply_id, reply_id = self._first_id[:, flow] + turn
        clock = time - rng.integers(80, 300, count) * MICROSECOND

        request = np.empty(count, dtype=ETHERNET_IPIP_ECHO)
        self._cluster.fill_ethernet(request["ethernet"], peer, incoming=True, kind=wire.ETHERTYPE_IPV4)
        common: dict[str, Any] = {"fragment": wire.DONT_FRAGMENT, "ttl": 63}
        wire.fill_ipv4(
            request["outer"], length=104, identification=outer_request_id, protocol=wire.PROTOCOL_IPIP,
            src=peer_address, dst=NODE_ADDRESS, **common,
        )  # fmt: skip
        wire.fill_ipv4(
            request["inner"], length=84, identification=request_id, protocol=wire.PROTOCOL_ICMP,
            src=src, dst=dst, **common,
        )  # fmt: skip
        wire.fill_echo(request["echo"], kind=wire.ECHO_REQUEST, identifier=self._identifier[flow], seq=seq, clock=clock)

        missing, wrong, lost = self._draw(count, rng)
        reply = np.empty(count, dtype=ETHERNET_IPIP_ECHO)
        self._cluster.fill_ethernet(reply["ethernet"], peer, incoming=False, kind=wire.ETHERTYPE_IPV4)
        common = {"fragment": 0, "ttl": 63}
        wire.fill_ipv4(
            reply["outer"], length=104, identification=outer_reply_id, protocol=wire.PROTOCOL_IPIP,
            src=np.where(wrong, NODE_OTHER_ADDRESS, NODE_ADDRESS), dst=peer_address, **common,
        )  # fmt: skip
        wire.fill_ipv4(
            reply["inner"], length=84, identification=reply_id, protocol=wire.PROTOCOL_ICMP,
            src=dst, dst=src, **common,
        )  # fmt: skip
        wire.fill_echo(reply["echo"], kind=wire.ECHO_REPLY, identifier=self._identifier[flow], seq=seq, clock=clock)

        at_tunnel = time + np.minimum(rng.lognormal(np.log(self._latency), 0.5, count), 10**8).astype(np.int64)
        at_nic = at_tunnel + rng.integers(2, 9, count) * MICROSECOND
        # In the order of capture: a request has the same time at both interfaces, and eth1 records it first.
        frames = [Frames(ETH1, time, request)]
        if self._tunnel:
            frames.append(Frames(TUNL0, time, _inner_only(request)))
            frames.append(Frames(TUNL0, at_tunnel, _inner_only(reply)).where(~lost))
        frames.append(Frames(ETH1, at_nic, reply).where(~lost & ~missing))
        self._truth.count("echo", sum(map(len, frames)))
        return frames

    def _draw(self, count: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
        draw = rng.random(count)
        first = self._faults.not_encapsulated
        second = first + self._faults.wrong_source
        missing, wrong, lost = draw < first, (first <= draw) & (draw < second), np.zeros(count, dtype=bool)
        if self._faults.lost:
            lost = (second <= draw) & (draw < second + self._faults.lost)
        truth = self._truth
        truth.exchanges += count
        truth.not_encapsulated += int(missing.sum())
        truth.wrong_source += int(wrong.sum())
        truth.lost += int(lost.sum())
        truth.answered = truth.exchanges - truth.not_encapsulated - truth.wrong_source - truth.lost
        return missing, wrong, lost


class Connections:
    """TCP connections that open, carry a request and bulk data, close and open again, their sequence numbers valid.

    Data is in segments of full size mostly, every second packet is a pure acknowledgement.
    """

    SIZES: Final = np.array([31, 87, 210, 344, 517, 733, 1100])
    SYN_OPTIONS: Final = bytes.fromhex("020405a0 01030307 04020101")  # maximum segment size, window scale, SACK

    def __init__(self, cluster: Cluster, *, slots: int, encapsulated: bool, tunnel: bool, seed: int) -> None:
        """slots: connections open at once. encapsulated: between pods through IPIP, else between the nodes."""
        rng = np.random.default_rng([seed, 2, encapsulated])
        self._cluster, self._encapsulated, self._tunnel = cluster, encapsulated, tunnel and encapsulated
        self._peer = rng.integers(0, cluster.peers, slots)
        if encapsulated:
            self._client = cluster.peer_pod(self._peer, rng.integers(0, cluster.pods, slots))
            self._server = NODE_PODS + 1 + rng.integers(0, cluster.pods, slots)
        else:
            self._client = cluster.peer_address(self._peer)
            self._server = np.full(slots, NODE_ADDRESS)
        self._full = 1428 if encapsulated else 1448  # what an MTU of 1480 or 1500 leaves with time stamps
        self._port = rng.choice([443, 6379, 8080, 9092], slots)
        self._life = rng.choice([12, 40, 200, 1000], slots)
        self._upload = rng.random(slots) < 0.25
        self._turn = rng.integers(0, self._life)  # most were open before the capture began
        self._used = rng.integers(0, 1 << 32, (2, slots))  # sequence numbers of client and server
        self._clock = rng.integers(0, 1 << 32, (2, slots))
        pool = payload_pool(seed)
        pool[-len(self.SYN_OPTIONS) :] = np.frombuffer(self.SYN_OPTIONS, dtype=np.uint8)
        self._pool = pool
        self._pool_sums = np.concatenate(([0], np.cumsum(pool.view(">u2"), dtype=np.int64)))
        self._outer_id = 0

    def frames(self, time: Array, rng: np.random.Generator) -> list[Frames]:
        """One segment at each *time*, of connections drawn at random."""
        count = len(time)
        slot = rng.integers(0, len(self._life), count)
        order = np.argsort(slot, kind="stable")
        grouped = slot[order]
        first = np.searchsorted(grouped, grouped)  # where each one's connection begins
        turn = np.empty(count, dtype=np.int64)
        turn[order] = np.arange(count) - first
        turn += self._turn[slot]
        life = self._life[slot]
        at = turn % life

        left = life - at  # 3, 2, 1: the closing FIN, FIN, ACK
        closing, data_turn = left <= 3, (at >= 4) & (left > 3)
        bulk = data_turn & (at % 2 == 0)
        client = np.where(data_turn, bulk == self._upload[slot], (at != 1) & (left != 2))
        syn, fin = at <= 1, closing & (left >= 2)
        size = np.where(rng.random(count) < 0.7, self._full, rng.choice(self.SIZES, count))
        length = np.where(bulk, size, np.where(at == 3, 517, 0))
        flags = np.where(syn, wire.SYN, wire.ACK) | np.where(at == 1, wire.ACK, 0)
        flags |= np.where(fin, wire.FIN, 0) | np.where(length > 0, wire.PSH, 0)

        used = np.empty((2, count), dtype=np.int64)  # by client and server before each segment
        advance = (length + syn + fin) * np.array([client, ~client])
        for side in (0, 1):
            total = np.concatenate(([0], np.cumsum(advance[side][order])))
            used[side][order] = total[:-1] - total[first]
        used += self._used[:, slot]
        for side in (0, 1):
            self._used[side] += np.bincount(slot, advance[side], len(self._life)).astype(np.int64)
        self._turn += np.bincount(slot, minlength=len(self._life))

        rows = np.empty(count, dtype=ETHERNET_IPIP_TCP if self._encapsulated else ETHERNET_TCP)
        peer = self._peer[slot]
        self._cluster.fill_ethernet(rows["ethernet"], peer, incoming=client, kind=wire.ETHERTYPE_IPV4)
        option_size = np.where(syn, len(self.SYN_OPTIONS), 0)
        segment_length = wire.TCP.itemsize + option_size + length
        ip_length = wire.IPV4.itemsize + segment_length
        ttl = 63 if self._encapsulated else 64
        wire.fill_ipv4(
            rows["inner"],
            length=ip_length,
            identification=np.where(at == 1, 0, slot * 97 + turn + np.where(client, 0, 1 << 15)),
            fragment=wire.DONT_FRAGMENT,
            ttl=ttl,
            protocol=wire.PROTOCOL_TCP,
            src=np.where(client, self._client[slot], self._server[slot]),
            dst=np.where(client, self._server[slot], self._client[slot]),
        )
        if self._encapsulated:
            peer_address = self._cluster.peer_address(peer)
            wire.fill_ipv4(
                rows["outer"],
                length=ip_length + wire.IPV4.itemsize,
                identification=self._outer_id + np.arange(count),
                fragment=wire.DONT_FRAGMENT,
                ttl=ttl,
                protocol=wire.PROTOCOL_IPIP,
                src=np.where(client, peer_address, NODE_ADDRESS),
                dst=np.where(client, NODE_ADDRESS, peer_address),
            )
            self._outer_id += count

        tcp = rows["tcp"]
        ephemeral = 32768 + (slot * 37 + turn // life) % 28232
        tcp["sport"] = np.where(client, ephemeral, self._port[slot])
        tcp["dport"] = np.where(client, self._port[slot], ephemeral)
        tcp["seq"] = np.where(client, used[0], used[1]) & 0xFFFFFFFF
        tcp["ack"] = np.where(at == 0, 0, np.where(client, used[1], used[0])) & 0xFFFFFFFF
        tcp["offset_flags"] = ((wire.TCP.itemsize + option_size) // 4 << 12) | flags
        tcp["window"] = np.where(syn, 64800, 1013)
        tcp["urgent"] = 0
        tcp["option"] = wire.TIMESTAMPS
        clocks = (self._clock[:, slot] + time // 1_000_000) & 0xFFFFFFFF
        tcp["tsval"] = np.where(client, clocks[0], clocks[1])
        tcp["tsecr"] = np.where(at == 0, 0, np.where(client, clocks[1], clocks[0]))

        start = rng.integers(0, (PAYLOAD_POOL_SIZE - 2048) // 2, count) * 2
        start[syn] = PAYLOAD_POOL_SIZE - len(self.SYN_OPTIONS)
        payload = Payload(self._pool, start, option_size + length)
        end = start + payload.length
        odd_end = np.where(end % 2 == 1, self._pool[end - 1].astype(np.int64) << 8, 0)
        summed = self._pool_sums[end // 2] - self._pool_sums[start // 2] + odd_end
        wire.fill_tcp_checksum(tcp, rows["inner"], length=segment_length, payload_words=summed)

        if not self._tunnel:
            return [Frames(ETH1, time, rows, payload)]
        at_nic = time + np.where(client, 0, rng.integers(2, 9, count) * MICROSECOND)
        return [Frames(ETH1, at_nic, rows, payload), Frames(TUNL0, time, _inner_only(rows), payload)]


def arp(cluster: Cluster, time: Array, rng: np.random.Generator) -> list[Frames]:
    """Questions of node3 for its peers' addresses at each even *time*, the answers at the odd ones."""
    count = len(time)
    peer = np.repeat(rng.integers(0, cluster.peers, count // 2 + 1), 2)[:count]
    answer = np.arange(count) % 2 == 1
    here, there = _macs(np.array([NODE_MAC])), cluster.peer_mac(peer)
    rows = np.empty(count, dtype=ETHERNET_ARP)
    cluster.fill_ethernet(rows["ethernet"], peer, incoming=answer, kind=wire.ETHERTYPE_ARP)
    body, address, from_peer = rows["arp"], cluster.peer_address(peer), answer[:, None]
    body["hardware"], body["protocol"], body["lengths"] = 1, wire.ETHERTYPE_IPV4, 0x0604
    body["operation"] = np.where(answer, 2, 1)
    body["sender_mac"] = np.where(from_peer, there, here)
    body["target_mac"] = np.where(from_peer, here, 0)
    body["sender"] = np.where(answer, address, NODE_ADDRESS)
    body["target"] = np.where(answer, NODE_ADDRESS, address)
    return [Frames(ETH1, time, rows)]


def _times(first: int, last: int, step: float, rng: np.random.Generator) -> tuple[Array, int]:
    """Times of events *first* up to *last*, none earlier than its even place, and the place of the next."""
    place = START + (np.arange(first, last) * step).astype(np.int64)
    return place + (rng.exponential(2 * step, last - first)).astype(np.int64), START + int(last * step)


def echo_only(echoes: Echoes, *, exchanges: int, interval: float, seed: int) -> Iterator[Batch]:
    """*exchanges* of *echoes*, one every *interval* nanoseconds on average."""
    for first in range(0, exchanges, CHUNK):
        last = min(first + CHUNK, exchanges)
        rng = np.random.default_rng([seed, 3, first])
        time, horizon = _times(first, last, interval, rng)
        yield echoes.frames(np.sort(time), rng), horizon


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """How many events of each sort a mixed capture has."""

    echoes: int
    """Exchanges."""
    encapsulated: int
    native: int
    arp: int

    @classmethod
    def of(cls, packets: int, *, tunnel: bool) -> Mix:
        """About 1 % echoes, 0.5 % ARP, 25 % native TCP, the rest TCP through IPIP; exactly *packets* in all."""
        sightings_of_exchange, sightings_of_segment = (4, 2) if tunnel else (2, 1)
        echoes = max(1, round(packets * 0.01 / sightings_of_exchange))
        questions = round(packets * 0.005)
        encapsulated = round(packets * 0.735) // sightings_of_segment
        native = packets - echoes * sightings_of_exchange - questions - encapsulated * sightings_of_segment
        return cls(echoes=echoes, encapsulated=encapsulated, native=max(0, native), arp=questions)

    @property
    def events(self) -> int:
        """All sorts together."""
        return self.echoes + self.encapsulated + self.native + self.arp


def mixed(
    cluster: Cluster, echoes: Echoes, mix: Mix, *, interval: float, tunnel: bool, slots: int, seed: int, truth: Truth
) -> Iterator[Batch]:
    """The events of *mix* in random order, one every *interval* nanoseconds on average."""
    through_tunnel = Connections(cluster, slots=slots, encapsulated=True, tunnel=tunnel, seed=seed)
    beside_it = Connections(cluster, slots=max(1, slots // 3), encapsulated=False, tunnel=tunnel, seed=seed)
    bounds = np.cumsum([mix.echoes, mix.encapsulated, mix.native, mix.arp])
    for first in range(0, mix.events, CHUNK):
        last = min(first + CHUNK, mix.events)
        rng = np.random.default_rng([seed, 4, first])
        time, horizon = _times(first, last, interval, rng)
        # Each chunk has its even share of every sort.
        quota = np.diff(bounds * last // mix.events - bounds * first // mix.events, prepend=0)
        sort = rng.permutation(np.repeat(np.arange(4), quota))
        at = [np.sort(time[sort == which]) for which in range(4)]
        parts = {
            "tcp-ipip": through_tunnel.frames(at[1], rng),
            "tcp-native": beside_it.frames(at[2], rng),
            "arp": arp(cluster, at[3], rng),
        }
        for kind, part in parts.items():
            truth.count(kind, sum(map(len, part)))
        frames = echoes.frames(at[0], rng)
        yield [*frames, *(group for part in parts.values() for group in part)], horizon
