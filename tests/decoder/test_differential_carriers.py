"""Tunnels and labels around IPv4 that scapy builds, beside what tshark reads of them: sound, cut, and changed.

Where ours and tshark's layers may differ, `explained` says why.
"""

import random
import shutil
import subprocess

import pytest
from written import ETHERNET, Written, pcap

from decoder.stack import layers
from ipipscope.decoder.columns import Flags, Kind, Part

pytest.importorskip("scapy")
COUNT = 1500
FIELDS = ("frame.number", "frame.protocols", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "icmp.ident", "icmp.seq")


def build():
    """One frame of each kind, with what its layers are and what kind it is to us."""
    from scapy.contrib.mpls import MPLS
    from scapy.layers.inet import ICMP, IP, UDP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import GRE, Dot1Q, Ether
    from scapy.layers.ppp import PPP, PPPoE
    from scapy.layers.vxlan import VXLAN

    link = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    outer, six = IP(src="192.0.2.1", dst="192.0.2.2"), IPv6(src="2001:db8::1", dst="2001:db8::2")
    ping = IP(src="10.1.0.1", dst="10.2.0.2") / ICMP(id=77, seq=5) / bytes(range(40))
    ipip = IP(src="198.51.100.1", dst="198.51.100.2", proto=4) / ping
    inner_six = IPv6(src="2001:db8:1::1", dst="2001:db8:2::2") / bytes(16)
    vxlan = UDP(sport=40000, dport=4789) / VXLAN(vni=4096, flags=8) / link
    frames = {
        "gre": (outer / GRE() / ping, Kind.GRE),
        "gre with key": (outer / GRE(key_present=1, key=7) / ping, Kind.GRE),
        "gre with checksum and number": (
            outer / GRE(chksum_present=1, seqnum_present=1, sequence_number=9) / ping, Kind.GRE,
        ),
        "gre over ethernet": (outer / GRE(proto=0x6558) / link / ping, Kind.GRE),
        "gre over ipv6": (six / GRE() / ping, Kind.GRE),
        "gre around ipip": (outer / GRE() / ipip, Kind.GRE),
        "vxlan": (outer / vxlan / ping, Kind.VXLAN),
        "vxlan with a vlan tag": (outer / vxlan / Dot1Q(vlan=9) / ping, Kind.VXLAN),
        "vxlan around ipip": (outer / vxlan / ipip, Kind.VXLAN),
        "vxlan over ipv6": (six / UDP(sport=40000, dport=4789) / VXLAN(vni=1, flags=8) / link / ping, Kind.VXLAN),
        "one label": (MPLS(label=100, s=1, ttl=9) / ping, Kind.NATIVE),
        "labels around ipip": (MPLS(label=100, s=0) / MPLS(label=200, s=1) / ipip, Kind.IPIP),
        "pppoe": (PPPoE(sessionid=3) / PPP(proto=0x21) / ping, Kind.NATIVE),
        "pppoe around ipip": (PPPoE(sessionid=3) / PPP(proto=0x21) / ipip, Kind.IPIP),
        "6in4": (outer / inner_six, Kind.IPV6_IN_IPV4),
        "4in6": (six / ping, Kind.IPV4_IN_IPV6),
        "6in6": (six / inner_six, Kind.IPV6_IN_IPV6),
        "ipip": (ipip, Kind.IPIP),
    }  # fmt: skip
    types = {MPLS: 0x8847, PPPoE: 0x8864, IPv6: 0x86DD}
    return {
        name: (bytes(Ether(src=link.src, dst=link.dst, type=types.get(type(packet), 0x0800)) / packet), kind)
        for name, (packet, kind) in frames.items()
    }


FRAMES = build()


def tshark(packets, folder):
    if not shutil.which("tshark"):
        pytest.skip("tshark is not installed")
    file = folder / "given.pcap"
    file.write_bytes(pcap(packets))
    options = [word for option in ("ip.defragment:FALSE", "ip.tso_support:TRUE") for word in ("-o", option)]
    command = ["tshark", "-n", "-r", str(file), *options, "-T", "fields", "-E", "occurrence=a", "-E", "separator=/t"]
    command += [word for name in FIELDS for word in ("-e", name)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    table = [[cell.split(",") if cell else [] for cell in line.split("\t")] for line in output.splitlines()]
    return [dict(zip(FIELDS, line, strict=True)) for line in table]


def told(row):
    """The IP layers that tshark shows, outermost first; IPv4 and IPv6 have columns of their own."""
    four = iter(zip(row["ip.src"], row["ip.dst"], strict=False))
    six = iter(zip(row["ipv6.src"], row["ipv6.dst"], strict=False))
    names = row["frame.protocols"][0].partition(":icmp")[0].split(":")
    found = [next(four if name == "ip" else six, None) for name in names if name in ("ip", "ipv6")]
    return [pair for pair in found if pair is not None]


def explained(name, frame):
    """Why tshark reads such a frame otherwise; None where it must not."""
    ip = 54 if "over ipv6" in name else 34
    if name.startswith("pppoe"):
        if frame[14:16] != b"\x11\0":
            return "version and type are 1, the code of a session is 0 (RFC 2516 §4, §6): we read no other"
        return None if frame[18:20] == FRAMES[name][0][18:20] else "we go by the IP header's length, not PPPoE's"
    if name.startswith("gre") and (frame[ip] & 0x40 or frame[ip + 1] & 7):
        return "source routes, and versions other than 0 (RFC 2784 §2.3.1), which we do not read"
    if name.startswith("vxlan"):
        if frame[ip + 8] & 8 == 0:
            return "without the flag I it is no VXLAN (RFC 7348 §5)"
        return None if frame[ip + 4 : ip + 6] == FRAMES[name][0][ip + 4 : ip + 6] else "we go by the inner lengths"
    return None


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What tshark says of each of them."""
    rows = tshark([Written(frame) for frame, _ in FRAMES.values()], tmp_path_factory.mktemp("sound"))
    return dict(zip(FRAMES, rows, strict=True))


@pytest.mark.parametrize("name", FRAMES)
def test_what_scapy_builds_is_read_as_tshark_reads_it(name, shown, build):
    frame, kind = FRAMES[name]
    row = shown[name]
    columns = build.decode_frames([frame], ETHERNET)
    assert layers(columns, 0) == told(row)
    assert Kind(columns.kind[0]) is kind
    assert not columns.flags[0] & (Flags.CUT | Flags.MALFORMED | Flags.BAD_CHECKSUM | Flags.BAD_HEADER_CHECKSUM)
    if row["icmp.ident"]:
        assert columns.part[0] == Part.ECHO_REQUEST
        assert (columns.icmp_id[0], columns.icmp_seq[0]) == (77, 5)


def test_changed_and_cut_ones_are_read_as_tshark_reads_them(tmp_path, installed_build):
    dice = random.Random(4789)
    packets = []
    for number in range(COUNT):
        frame, _ = list(FRAMES.values())[number % len(FRAMES)]
        whole = bytearray(frame)
        for _ in range(dice.choice((0, 1, 1, 2))):
            whole[dice.randrange(14, len(whole) - 40)] = dice.choice((0, 1, 4, 8, 0x45, 0xFF, dice.randrange(256)))
        cut = dice.randrange(20, len(whole)) if dice.random() < 0.2 else len(whole)
        packets.append(Written(bytes(whole[:cut]), number, len(whole)))
    columns = installed_build.decode_frames([p.octets for p in packets], ETHERNET, [p.on_wire for p in packets])
    differ, compared = [], 0
    for row, theirs in enumerate(tshark(packets, tmp_path)):
        name, frame = list(FRAMES)[row % len(FRAMES)], packets[row].octets
        if columns.flags[row] & (Flags.CUT | Flags.MALFORMED) or explained(name, frame.ljust(100, b"\0")):
            continue
        compared += 1
        if layers(columns, row) != told(theirs):
            differ.append((name, layers(columns, row), told(theirs), theirs["frame.protocols"], frame[14:70].hex()))
    assert differ == []
    assert compared > COUNT / 2
