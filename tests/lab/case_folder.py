"""Complete a case folder on the host: describe the capture files, merge them, count packets with tshark."""

from __future__ import annotations

import json
import struct
import subprocess
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINK_TYPES: Final = {1: "EN10MB", 101: "RAW", 113: "LINUX_SLL", 276: "LINUX_SLL2", 12: "RAW", 228: "IPV4"}
PCAP_MAGIC: Final = {0xA1B2C3D4: ("us", 1000), 0xA1B23C4D: ("ns", 1)}
SECTION, INTERFACE, PACKET = 0x0A0D0D0A, 1, 6  # draft-ietf-opsawg-pcapng, block types
COUNTED: Final = (
    *("frame.interface_name", "ip.proto", "ip.src", "ip.dst", "icmp.type"),
    *("icmp.ident", "icmp.seq", "tcp.flags.syn", "tcp.flags.ack", "udp.port"),
    *("arp.opcode", "ipv6.nxt", "ip.frag_offset"),
)
KINDS: Final = {"8": "echo-request", "0": "echo-reply", "3": "unreachable", "11": "time-exceeded", "5": "redirect"}


@dataclass(frozen=True, slots=True)
class Recording:
    """A pcap file that tcpdump wrote on this kind of machine."""

    link_type: int
    precision: str
    snaplen: int
    packets: list[tuple[int, int, bytes]]
    """Time in nanoseconds, length on the wire, octets."""


def read_pcap(path: Path) -> Recording:
    """Read a whole pcap file in this machine's octet order; a cut last record is left out."""
    octets = path.read_bytes()
    magic, _, _, _, _, snaplen, link_type = struct.unpack_from("=IHHiIII", octets)
    precision, unit = PCAP_MAGIC[magic]
    packets, at = [], 24
    while at + 16 <= len(octets):
        seconds, fraction, kept, length = struct.unpack_from("=IIII", octets, at)
        packets.append((seconds * 1_000_000_000 + fraction * unit, length, octets[at + 16 : at + 16 + kept]))
        at += 16 + kept
    return Recording(link_type, precision, snaplen, packets)


def write_pcapng(path: Path, recordings: dict[str, Recording]) -> None:
    """Write *recordings* (by interface name) into one pcapng file in order of time, nanosecond clocks."""
    blocks = [_block(SECTION, struct.pack("=IHHq", 0x1A2B3C4D, 1, 0, -1))]
    merged = []
    for number, (name, recording) in enumerate(recordings.items()):
        options = _option(2, name.encode()) + _option(9, b"\x09") + _option(0, b"")
        head = struct.pack("=HHI", recording.link_type, 0, recording.snaplen)
        blocks.append(_block(INTERFACE, head + options))
        merged += [(time, number, length, data) for time, length, data in recording.packets]
    for time, number, length, data in sorted(merged, key=lambda packet: packet[:2]):
        head = struct.pack("=IIIII", number, time >> 32, time & 0xFFFFFFFF, len(data), length)
        blocks.append(_block(PACKET, head + _padded(data)))
    path.write_bytes(b"".join(blocks))


def complete(folder: Path) -> dict[str, Any]:
    """Add what the host can tell to the truth.json of *folder*, write `merged/`, and return the truth."""
    path = folder / "truth.json"
    truth: dict[str, Any] = json.loads(path.read_text())
    pods = {pod["host_interface"] for node in truth["nodes"].values() for pod in node["pods"].values()}
    by_node: dict[str, dict[str, Recording]] = defaultdict(dict)
    alone: list[str] = []
    for point in truth["capture_points"]:
        file = folder / point["file"]
        point["bytes"] = file.stat().st_size
        if file.suffix != ".pcap":
            point |= {"linktype": "per interface", "role": "merged", "format": "pcapng"}
            alone.append(point["file"])
            continue
        recording = read_pcap(file)
        times = [packet[0] for packet in recording.packets]
        point |= {
            "linktype": LINK_TYPES[recording.link_type],
            "role": _role(point["interface"], pods),
            "format": "pcap",
            "precision": recording.precision,
            "snaplen": recording.snaplen,
            "packets": len(times),
            "first_packet": min(times) / 1e9 if times else None,
            "last_packet": max(times) / 1e9 if times else None,
        }
        if file.name == f"{point['node']}_{point['interface']}.pcap" and point["interface"] != "any":
            by_node[point["node"]][point["interface"]] = recording
        else:
            alone.append(point["file"])
    truth["expected"] = []
    for node, recordings in by_node.items():
        (folder / "merged").mkdir(exist_ok=True)
        merged = folder / "merged" / f"{node}_merged.pcapng"
        write_pcapng(merged, recordings)
        counts = count(merged)
        truth["expected"] += [
            {"file": f"captures/{node}_{interface}.pcap", **counts.get(interface, {"counts": {}, "flows": []})}
            for interface in recordings
        ]
    truth["expected"] += [
        {"file": file, **({"interface": interface} if interface else {}), **found}
        for file in alone
        for interface, found in count(folder / file).items()
    ]
    path.write_text(json.dumps(truth, indent=1) + "\n")
    return truth


def count(path: Path) -> dict[str, dict[str, Any]]:
    """Packets by kind, and echo flows, as tshark dissects them unreassembled; by interface name ("" in a pcap file)."""
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    flows: dict[str, dict[tuple[str, ...], list[int]]] = defaultdict(lambda: defaultdict(list))
    for fields in _dissect(path):
        interface = "".join(fields["frame.interface_name"])
        sources, targets = fields["ip.src"], fields["ip.dst"]
        # An ICMP error quotes a packet: only the outermost header tells how this one travels.
        encapsulated = fields["ip.proto"][:1] == ["4"]
        types = fields["icmp.type"]
        kind = _kind(fields)
        kinds[interface][kind if kind == "arp" else f"{'ipip' if encapsulated else 'plain'} {kind}"] += 1
        if types and types[0] in {"0", "8"} and len(types) == 1 and fields["icmp.seq"]:
            inner = f"{sources[1 if encapsulated else 0]} > {targets[1 if encapsulated else 0]}"
            outer = f"{sources[0]} > {targets[0]}" if encapsulated else ""
            key = (KINDS[types[0]], "ipip" if encapsulated else "plain", inner, outer, fields["icmp.ident"][0])
            flows[interface][key].append(int(fields["icmp.seq"][0]))
    return {
        interface: {
            "counts": dict(sorted(counter.items())),
            "flows": [
                {
                    "kind": kind,
                    "as": form,
                    "inner": inner,
                    "outer": outer or None,
                    "packets": len(sequence),
                    "icmp_id": int(ident, 0),
                    "distinct_seq": len(set(sequence)),
                }
                for (kind, form, inner, outer, ident), sequence in flows[interface].items()
            ],
        }
        for interface, counter in kinds.items()
    }


def _kind(fields: dict[str, list[str]]) -> str:
    if fields["arp.opcode"]:
        return "arp"
    if fields["icmp.type"]:
        return KINDS.get(fields["icmp.type"][0], f"icmp-{fields['icmp.type'][0]}")
    if fields["ip.frag_offset"] and fields["ip.frag_offset"][-1] != "0":
        return "fragment"
    if fields["tcp.flags.syn"]:
        opening = {"1": "tcp-syn-ack" if fields["tcp.flags.ack"][0] in {"1", "True"} else "tcp-syn"}
        return opening.get(fields["tcp.flags.syn"][0].replace("True", "1"), "tcp")
    if fields["udp.port"]:
        return "udp"
    return "ipv6" if fields["ipv6.nxt"] else "other"


def _dissect(path: Path) -> Iterator[dict[str, list[str]]]:
    fields = [word for name in COUNTED for word in ("-e", name)]
    settings = ["-o", "ip.defragment:FALSE", "-o", "tcp.desegment_tcp_streams:FALSE"]
    command = ["tshark", "-n", "-r", str(path), *settings, "-T", "fields", "-E", "occurrence=a", *fields]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        values = line.split("\t")
        yield {name: value.split(",") if value else [] for name, value in zip(COUNTED, values, strict=True)}


def _role(interface: str, pods: set[str]) -> str:
    if interface == "any":
        return "any"
    if interface in pods:
        return "pod"
    return "tunnel" if interface.startswith(("tun", "ipip")) else "loopback" if interface == "lo" else "nic"


def _block(kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack("=II", kind, length) + body + struct.pack("=I", length)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("=HH", code, len(value)) + _padded(value)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
