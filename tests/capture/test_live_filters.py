"""The kernel's filter keeps what it should, by libpcap's own compiler on packets that scapy built."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from scapy.layers.dns import DNS
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import wrpcap

from ipipscope.capture.filters import Traffic, expression

pytestmark = pytest.mark.skipif(not shutil.which("tcpdump"), reason="needs tcpdump, which compiles filters")

OPTIONS = [IPOption_NOP()] * 4
ENDS = {"src": "192.168.3.110", "dst": "192.168.3.112"}
PODS = {"src": "10.122.17.64", "dst": "10.122.127.128"}
SYN, DATA = TCP(flags="S"), TCP(flags="PA")
BULK = Raw(b"x" * 60)

PING_LIKE = {
    "native echo": IP(**PODS) / ICMP(),
    "native error": IP(**PODS) / ICMP(type=3, code=4) / IP(**ENDS, proto=4),
    "later fragment of a native echo": IP(**PODS, frag=185, proto=1) / BULK,
    "ipip": IP(**ENDS) / IP(**PODS) / ICMP(),
    "ipip, outer options": IP(**ENDS, options=OPTIONS) / IP(**PODS) / ICMP(),
    "ipip, inner options": IP(**ENDS) / IP(**PODS, options=OPTIONS) / ICMP(),
    "ipip, error inside": IP(**ENDS) / IP(**PODS) / ICMP(type=3, code=1) / IP(**PODS),
    "nested ipip": IP(**ENDS) / IP(**ENDS) / IP(**PODS) / ICMP(),
    "later fragment of the tunnel packet": IP(**ENDS, frag=100, proto=4) / Raw(b"\xff" * 8),
    "later fragment inside": IP(**ENDS) / IP(**PODS, frag=9, proto=1) / BULK,
}
HANDSHAKE_LIKE = {
    "syn": IP(**PODS) / SYN,
    "syn-ack": IP(**PODS) / TCP(flags="SA"),
    "rst": IP(**PODS) / TCP(flags="R"),
    "dns": IP(**PODS) / UDP(sport=3333, dport=53) / DNS(),
    "syn inside": IP(**ENDS) / IP(**PODS) / SYN,
    "syn-ack inside, options everywhere": IP(**ENDS, options=OPTIONS) / IP(**PODS, options=OPTIONS) / TCP(flags="SA"),
    "dns answer inside": IP(**ENDS, options=OPTIONS) / IP(**PODS) / UDP(sport=53, dport=3333) / DNS(),
}
NEITHER = {
    "data": IP(**PODS) / DATA / BULK,
    "data inside": IP(**ENDS) / IP(**PODS) / DATA / BULK,
    "data inside, options": IP(**ENDS, options=OPTIONS) / IP(**PODS, options=OPTIONS) / DATA / BULK,
    "other udp inside": IP(**ENDS) / IP(**PODS) / UDP(sport=1, dport=2) / BULK,
    "fragment of udp inside": IP(**ENDS) / IP(**PODS, frag=4, proto=17) / Raw(b"\0\x35\0\x35" * 9),
    "6in4": IP(**ENDS, proto=41) / IPv6() / SYN,
}
FORMS = {
    "ether": ("EN10MB", lambda packet: Ether() / packet),
    "one tag": ("EN10MB", lambda packet: Ether() / Dot1Q(vlan=7) / packet),
    "two tags": ("EN10MB", lambda packet: Ether() / Dot1Q(vlan=7) / Dot1Q(vlan=8) / packet),
    "ipip": ("RAW", lambda packet: packet),
}


def kept(folder, packets, traffic: Traffic, form: str) -> list[str]:
    """Names of the packets that pass."""
    chosen = []
    _, wrap = FORMS[form]
    for number, (name, packet) in enumerate(packets.items()):
        file = folder / f"{number}.pcap"
        wrpcap(str(file), [wrap(packet)], linktype=101 if form == "ipip" else 1)
        words = expression(traffic, "ipip" if form == "ipip" else "ether")
        out = subprocess.run(
            ["tcpdump", "-nr", str(file), "--count", words], capture_output=True, text=True, check=True
        )
        if out.stdout.startswith("1 "):
            chosen.append(name)
    return chosen


@pytest.mark.parametrize("form", FORMS)
def test_pings_errors_and_fragments_pass_in_every_form_and_nothing_else(tmp_path, form):
    assert kept(tmp_path, PING_LIKE | HANDSHAKE_LIKE | NEITHER, Traffic.ICMP, form) == list(PING_LIKE)


@pytest.mark.parametrize("form", FORMS)
def test_handshakes_and_dns_pass_where_asked_for(tmp_path, form):
    wanted = PING_LIKE | HANDSHAKE_LIKE
    assert kept(tmp_path, wanted | NEITHER, Traffic.HANDSHAKES, form) == list(wanted)


def test_arp_passes_on_ethernet_for_nodes_that_ask_in_vain(tmp_path):
    assert kept(tmp_path, {"arp": ARP()}, Traffic.ICMP, "ether") == ["arp"]


@pytest.mark.parametrize("traffic", Traffic)
@pytest.mark.parametrize("link_type", [("ether", "EN10MB"), ("ipip", "RAW"), ("", "LINUX_SLL2"), ("", "LINUX_SLL")])
def test_every_expression_compiles_for_its_link_type(traffic, link_type):
    kind, name = link_type
    words = expression(traffic, kind)
    done = subprocess.run(["tcpdump", "-d", "-y", name, words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
