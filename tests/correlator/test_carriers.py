"""Tunnels that are not IPIP, beside it and in its place: healthy ones strike no rule, whatever of them was recorded."""

import itertools
import struct
from pathlib import Path

import pytest
from written import Ipv4, Written, echo, ethernet, pcap, udp

from ipipscope import triage

POD1, POD2, NODE1, NODE2, OTHER = 0x0A7A1141, 0x0A7A7F81, 0xC0A80001, 0xC0A80002, 0xC0A80302
SECOND, RAW = 1_000_000, 101
IPV4, IPV6, ARP = 0x0800, 0x86DD, 0x0806


def ipv6(src, dst, following, payload):
    head = struct.pack(">IHBB", 6 << 28, len(payload), following, 64)
    return head + src.to_bytes(16, "big") + dst.to_bytes(16, "big") + payload


def vxlan(src, dst, number, packet):
    frame = ethernet(IPV4, packet, src=0x020000000001, dst=0x020000000002)
    return IPV4, Ipv4(src=src, dst=dst, proto=17, id=number)(
        udp(49152, 4789, struct.pack(">II", 0x08000000, 4096 << 8) + frame)
    )


def gre(src, dst, number, packet):
    return IPV4, Ipv4(src=src, dst=dst, proto=47, id=number)(struct.pack(">HHI", 0x2000, IPV4, 7) + packet)


def ipip(src, dst, number, packet):
    return IPV4, Ipv4(src=src, dst=dst, proto=4, id=number)(packet)


def four_in_six(src, dst, _, packet):
    return IPV6, ipv6(0xFD << 120 | src, 0xFD << 120 | dst, 4, packet)


CARRIERS = {
    "vxlan": (vxlan, "vxlan.calico"), "gre": (gre, "gre1"), "4in6": (four_in_six, "ip6tnl1"), "ipip": (ipip, "tunl0"),
}  # fmt: skip


class Recorder:
    """Ten pings from pod to pod over two nodes, each packet at the points it passes."""

    def __init__(self):
        self.packets = {}

    def put(self, node, interface, time, ethertype, packet):
        raw = interface in ("gre1", "ip6tnl1", "tunl0")
        frame = packet if raw else ethernet(ethertype, packet, src=0x020000000003, dst=0x020000000004)
        self.packets.setdefault((node, interface), []).append(Written(frame, time))

    def pings(self, request, reply, device, *, reply_from=NODE2, pods=(POD1, POD2), lost=(), inside=None, at=0):
        for number in range(10):
            for way in (0, 1):
                time = 1_700_000_000 * SECOND + number * SECOND // 10 + 400 * way + at
                src, dst = pods[:: -1 if way else 1]
                here, there = ("node2", "node1") if way else ("node1", "node2")
                message = echo(reply=bool(way), id=7, seq=number + 1, data=bytes(range(48)))

                def packet(ttl, src=src, dst=dst, message=message, ident=1000 + number + 500 * way):
                    whole = Ipv4(src=src, dst=dst, ttl=ttl, id=ident)(message)
                    return whole if inside is None else inside(src + 256, dst + 256, ident, whole)[1]

                carry = reply if way else request
                outer = (reply_from, NODE1) if way else (NODE1, NODE2)
                ethertype, carried = carry(*outer, number + 100 * way, packet(63))
                self.put(here, "cali1", time, IPV4, packet(64))
                self.put(here, device, time + 1, IPV4, packet(63))
                if way in lost:
                    break
                self.put(here, "eth0", time + 2, ethertype, carried)
                self.put(there, "eth0", time + 90, ethertype, carried)
                self.put(there, device, time + 90, IPV4, packet(63))
                self.put(there, "cali1", time + 91, IPV4, packet(62))

    def report(self, folder: Path, points=None):
        folder.mkdir()
        for (node, interface), packets in self.packets.items():
            if points is None or (node, interface) in points:
                link_type = RAW if interface in ("gre1", "ip6tnl1", "tunl0") else 1
                octets = pcap(sorted(packets, key=lambda packet: packet.ticks), link_type=link_type)
                (folder / f"{node}_{interface}.pcap").write_bytes(octets)
        return triage([str(folder)], state=[])


def silent_in_every_recording(recorder, tmp_path):
    """Each point alone, each pair of points, and all of them."""
    points = sorted(recorder.packets)
    recordings = [*itertools.combinations(points, 1), *itertools.combinations(points, 2), points]
    for number, recording in enumerate(recordings):
        report = recorder.report(tmp_path / str(number), set(recording))
        struck = [(each.code, each.summary) for each in report.findings if each.impact != "none"]
        assert struck == [], recording
        assert report.unanswered == 0
    assert (report.exchanges, report.answered) == (10, 10)
    return report


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_healthy_tunnel_strikes_nothing(carrier, tmp_path):
    carry, device = CARRIERS[carrier]
    recorder = Recorder()
    recorder.pings(carry, carry, device)
    silent_in_every_recording(recorder, tmp_path)


def test_arp_and_ipv6_on_the_vxlan_device_do_not_make_it_a_nic(tmp_path):
    recorder = Recorder()
    recorder.pings(vxlan, vxlan, "vxlan.calico")
    for node in ("node1", "node2"):
        recorder.put(node, "vxlan.calico", 1_700_000_000 * SECOND + 7, ARP, bytes(28))
        recorder.put(node, "vxlan.calico", 1_700_000_000 * SECOND + 8, IPV6, ipv6(5, 6, 58, bytes(8)))
    silent_in_every_recording(recorder, tmp_path)


@pytest.mark.parametrize("carrier", ["vxlan", "gre", "4in6"])
def test_ipip_beside_the_device_of_another_tunnel_is_not_missed_there(carrier, tmp_path):
    carry, device = CARRIERS[carrier]
    recorder = Recorder()
    recorder.pings(ipip, ipip, "tunl0")
    recorder.pings(carry, carry, device, pods=(POD1 + 1, POD2 + 1), at=5)
    for (_, interface), packets in recorder.packets.items():
        if interface == "eth0":  # recorded with `ip proto 4`
            packets[:] = [p for p in packets if p.octets[12:14] == b"\x08\0" and p.octets[14 + 9] == 4]
    for number, recording in enumerate(itertools.combinations(sorted(recorder.packets), 3)):
        report = recorder.report(tmp_path / str(number), set(recording))
        assert [(each.code, each.summary) for each in report.findings if each.impact != "none"] == [], recording


def test_a_tunnel_that_ipip_goes_over_is_a_nic_to_it(tmp_path):
    recorder = Recorder()
    recorder.pings(ipip, ipip, "tunl0", lost=(1,))
    underlay = {node: recorder.packets.pop((node, "eth0")) for node in ("node1", "node2")}
    for node, packets in underlay.items():
        recorder.packets[node, "gre1"] = [Written(packet.octets[14:], packet.ticks) for packet in packets]
    report = recorder.report(tmp_path / "case")
    assert [finding.code for finding in report.findings] == ["IPIP101"]


@pytest.mark.parametrize("carrier", ["vxlan", "gre", "4in6"])
def test_another_outer_source_is_no_fault_of_ipip(carrier, tmp_path):
    carry, device = CARRIERS[carrier]
    recorder = Recorder()
    recorder.pings(carry, carry, device, reply_from=OTHER)
    report = silent_in_every_recording(recorder, tmp_path)
    assert not {"IPIP201", "IPIP202", "IPIP203"} & {finding.code for finding in report.findings}


@pytest.mark.parametrize("inside", [vxlan, gre, ipip])
def test_a_pods_own_tunnel_inside_ipip_is_no_second_encapsulation(inside, tmp_path):
    recorder = Recorder()
    recorder.pings(ipip, ipip, "tunl0", inside=inside)
    silent_in_every_recording(recorder, tmp_path)


def test_a_reply_that_is_missing_its_ipip_header_is_found_beside_vxlan_neighbours(tmp_path):
    recorder = Recorder()
    recorder.pings(ipip, ipip, "tunl0", lost=(1,))
    recorder.pings(vxlan, vxlan, "vxlan.calico", pods=(POD1 + 1, POD2 + 1), at=5)
    report = recorder.report(tmp_path / "case")
    assert [finding.code for finding in report.findings] == ["IPIP101"]
    assert (report.findings[0].node, report.findings[0].count, report.answered) == ("node2", 10, 10)
