"""The decoder beside tshark and scapy on the same octets: sound packets, and thousands with a few octets changed.

Each disagreement is either a fault of ours or is explained here, next to the condition that excludes it.
"""

import random
import shutil
import subprocess

import pytest
from written import (
    ETHERNET,
    Ipv4,
    Written,
    echo,
    ethernet,
    icmp_error,
    pcap,
    tcp,
    udp,
    vlan,
)

from decoder.stack import layers
from ipipscope.decoder.columns import Flags, Kind

IPV4 = 0x0800
ICMP, IPIP, TCP, UDP = 1, 4, 6, 17
LOST = Ipv4(src=5, dst=6, proto=4)(Ipv4(src=7, dst=8)(echo(id=9, seq=10)))
SOUND = [
    ethernet(IPV4, Ipv4()(echo(data=bytes(range(40))))),
    ethernet(IPV4, Ipv4(proto=4)(Ipv4(src=3, dst=4)(echo(reply=True, id=9, seq=7, data=bytes(40))))),
    ethernet(IPV4, Ipv4(proto=4, options=b"\x94\x04\0\0")(Ipv4(src=3, dst=4, options=b"\1\1\1\0")(echo()))),
    ethernet(IPV4, Ipv4(proto=4)(Ipv4(src=3, dst=4, proto=4)(Ipv4(src=5, dst=6)(echo(data=bytes(20)))))),
    ethernet(0x8100, vlan(7, IPV4, Ipv4(proto=4)(Ipv4(src=3, dst=4, proto=6)(tcp(1024, 80, 2, 1, 0))))),
    ethernet(0x88A8, vlan(7, 0x8100, vlan(8, IPV4, Ipv4(proto=4)(Ipv4(src=3, dst=4, proto=17)(udp(9, 9, b"x")))))),
    ethernet(IPV4, Ipv4(proto=4)(Ipv4(src=3, dst=4, fragment=0x2000)(echo(data=bytes(24))))),
    ethernet(IPV4, Ipv4(proto=4)(Ipv4(src=3, dst=4, fragment=185)(bytes(40)))),
    ethernet(IPV4, Ipv4(proto=4, fragment=185)(bytes(40))),
    ethernet(IPV4, Ipv4(src=1, dst=2)(icmp_error(3, 4, LOST, word=1400))),
    ethernet(IPV4, Ipv4(proto=6)(tcp(4000, 443, 0x12, 5, 6, b"hello"))) + bytes(6),
]
FIELDS = (
    "frame.number", "ip.src", "ip.dst", "icmp.type", "icmp.code", "icmp.ident", "icmp.seq",
    "tcp.srcport", "tcp.dstport", "tcp.seq_raw", "udp.srcport", "udp.dstport", "frame.protocols",
)  # fmt: skip


def changed(count, seed):
    """Sound packets with up to three octets of their headers changed, and some of them cut."""
    dice = random.Random(seed)
    found = []
    for number in range(count):
        whole = bytearray(SOUND[number % len(SOUND)])
        wire = len(whole)
        for _ in range(dice.choice((0, 1, 1, 2, 3))):
            value = dice.choice((0, 1, 4, 0x45, 0x46, 0xFF, dice.randrange(256)))
            whole[dice.randrange(12, min(len(whole), 90))] = value
        cut = dice.randrange(14, wire) if dice.random() < 0.1 else wire
        found.append(Written(bytes(whole[:cut]), number, wire))
    return found


@pytest.fixture(scope="module")
def packets():
    return changed(4000, seed=20031)


def tshark(octets, folder):
    if not shutil.which("tshark"):
        pytest.skip("tshark is not installed")
    file = folder / "given.pcap"
    file.write_bytes(octets)
    options = [word for option in ("ip.defragment:FALSE", "ip.tso_support:TRUE") for word in ("-o", option)]
    command = ["tshark", "-n", "-r", str(file), *options, "-T", "fields", "-E", "occurrence=a", "-E", "separator=/t"]
    for name in FIELDS:
        command += ["-e", name]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    table = [[cell.split(",") if cell else [] for cell in line.split("\t")] for line in output.splitlines()]
    return [dict(zip(FIELDS, line, strict=True)) for line in table]


def test_headers_are_those_that_tshark_shows(packets, tmp_path, installed_build):
    rows = tshark(pcap(packets), tmp_path)
    columns = installed_build.decode_frames([p.octets for p in packets], ETHERNET, [p.on_wire for p in packets])
    differ = []
    compared = 0
    for row, told in enumerate(rows):
        if columns.kind[row] not in (Kind.NATIVE, Kind.IPIP):
            continue
        compared += 1
        ours = layers(columns, row)
        theirs = list(zip(told["ip.src"], told["ip.dst"], strict=False))  # a cut header may show a source alone
        icmp = told["icmp.type"]
        quotes = icmp[:1] in (["3"], ["4"], ["5"], ["11"], ["12"])
        if ours != theirs[: len(ours)] or (len(theirs) > len(ours) and not quotes):
            differ.append((row, ours, theirs, told["frame.protocols"], Flags(int(columns.flags[row]))))
            continue
        if columns.flags[row] & (Flags.CUT | Flags.MALFORMED):
            continue
        if columns.inner_proto[row] == ICMP and not columns.fragment_offset[row] and icmp[:1] in (["0"], ["8"]):
            mine = columns.icmp_type[row], columns.icmp_code[row], columns.icmp_id[row], columns.icmp_seq[row]
            tells = tuple(int(told[name][0]) for name in ("icmp.type", "icmp.code", "icmp.ident", "icmp.seq"))
            if mine != tells:
                differ.append((row, mine, tells))
        for proto, prefix in ((TCP, "tcp"), (UDP, "udp")):
            ports = told[f"{prefix}.srcport"], told[f"{prefix}.dstport"]
            if columns.inner_proto[row] == proto and not columns.fragment_offset[row] and all(ports):
                mine = columns.sport[row], columns.dport[row]
                if mine != (int(ports[0][0]), int(ports[1][0])):
                    differ.append((row, mine, ports))
    assert differ == []
    assert compared > len(packets) / 2


def test_what_tshark_shows_as_ipip_is_never_missed(packets, tmp_path, installed_build):
    rows = tshark(pcap(packets), tmp_path)
    columns = installed_build.decode_frames([p.octets for p in packets], ETHERNET, [p.on_wire for p in packets])
    missed = [
        (row, told["frame.protocols"], Kind(columns.kind[row]), Flags(int(columns.flags[row])), told["ip.src"])
        for row, told in enumerate(rows)
        if "ip:ip" in told["frame.protocols"][0].partition(":icmp")[0]
        and len(told["ip.dst"]) > 1
        and columns.kind[row] != Kind.IPIP
    ]
    assert missed == []


def test_headers_are_those_that_scapy_reads(packets, installed_build):
    inet = pytest.importorskip("scapy.layers.inet")
    l2 = pytest.importorskip("scapy.layers.l2")
    columns = installed_build.decode_frames([p.octets for p in packets], ETHERNET, [p.on_wire for p in packets])
    differ = []
    compared = 0
    for row, packet in enumerate(packets[:1500]):
        sound = columns.kind[row] in (Kind.NATIVE, Kind.IPIP) and not columns.flags[row] & (Flags.CUT | Flags.MALFORMED)
        if not sound:
            continue
        compared += 1
        theirs = []
        header = l2.Ether(packet.octets).getlayer(inet.IP)
        while isinstance(header, inet.IP):
            theirs.append((header.src, header.dst))
            last, header = header, header.payload
        if layers(columns, row) != theirs:
            differ.append((row, layers(columns, row), theirs))
        elif columns.part[row] in (1, 2):
            mine = columns.icmp_type[row], columns.icmp_id[row], columns.icmp_seq[row]
            if mine != (last.payload.type, last.payload.id, last.payload.seq):
                differ.append((row, mine, last.payload.show(dump=True)))
    assert differ == []
    assert compared > 500
