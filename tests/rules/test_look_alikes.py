"""What looks like asymmetry and is none: no finding of a rule about packets may cost anybody anything.

Written octet by octet, one file a capture point: pod A on node1 and pod B on node2, each node with its NIC and tunnel.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

import pytest
from written import MICRO, Ipv4, Written, echo, ethernet, icmp_error, pcap, tcp

from ipipscope.analysis import triage

A, A2, B, B2 = 0x0A010002, 0x0A010003, 0x0A020002, 0x0A020003
NODE1, NODE2, OUTSIDE, ABSENT = 0xC0A80301, 0xC0A80302, 0x08080808, 0xC6336401
RAW, SLL2 = 101, 276
MILLISECOND = 1000
FORWARD = ("node1_cali1", "node1_tunl0", "node1_eth0", "node2_eth0", "node2_tunl0", "node2_cali2")
BACK = FORWARD[::-1]
START = 1_795_480_400 * 10**6


def wrapped(packet, src, dst, number, fragment=0):
    return Ipv4(src=src, dst=dst, proto=4, id=number, fragment=fragment)(packet)


@dataclass
class Points:
    """Files of capture points to be; times in microseconds from the start."""

    seen: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)

    def see(self, point, at, packet):
        self.seen.setdefault(point, []).append((START + at, packet))

    def cross(self, points, at, packet, outer=None):
        """One packet at each of some points, with an outer header at NICs when *outer* says which."""
        number = int.from_bytes(packet[4:6], "big")
        for hop, point in enumerate(points):
            carried = wrapped(packet, *outer, number) if outer and point.endswith("eth0") else packet
            self.see(point, at + 10 * hop, carried)

    def ping(self, at, *, src=A, dst=B, id=7, seq=1, ip_id=None, native=False):  # noqa: A002
        number = (at // MILLISECOND * 2 + src + dst) & 0xFFFF if ip_id is None else ip_id
        data = bytes(range(56))
        there, back = (None, None) if native else ((NODE1, NODE2), (NODE2, NODE1))
        points = [each for each in FORWARD if not (native and each.endswith("tunl0"))]
        self.cross(points, at, Ipv4(src=src, dst=dst, id=number)(echo(id=id, seq=seq, data=data)), there)
        reply = Ipv4(src=dst, dst=src, id=number + 1 & 0xFFFF)(echo(reply=True, id=id, seq=seq, data=data))
        self.cross(points[::-1], at + 500, reply, back)

    def write(self, folder):
        for point, packets in self.seen.items():
            tunnel = point.endswith("tunl0")
            framed = [
                Written(packet if tunnel else ethernet(0x800, packet), ticks=at) for at, packet in sorted(packets)
            ]
            (folder / f"{point}.pcap").write_bytes(pcap(framed, magic=MICRO, link_type=RAW if tunnel else 1))


@pytest.fixture(name="points")
def points_():
    return Points()


@pytest.fixture(name="told")
def told_(points, tmp_path):
    """The alarms from all points, with each left out, with each node alone; and the report on all."""

    def told():
        points.write(tmp_path)
        files = sorted(str(file) for file in tmp_path.iterdir())
        parts = [[other for other in files if other != file] for file in files]
        parts += [[file for file in files if f"{node}_" in file] for node in ("node1", "node2")]
        report = triage(files, state=[])
        reports = [report] + [triage(part, state=[]) for part in parts if part]
        return sorted({each.code for one in reports for each in one.findings if each.impact != "none"}), report

    return told


def pings(points, count=20, start=0, **ping):
    for number in range(count):
        points.ping(start + number * 100 * MILLISECOND, **{"seq": number + 1} | ping)


def test_a_written_reply_that_is_missing_on_the_nic_does_alarm(points, told):
    pings(points)
    keep = lambda packet: packet[9] != 4 or packet[40] != 0  # noqa: E731  (IPIP with an echo reply in it)
    for point in FORWARD[:4]:
        points.seen[point] = [each for each in points.seen[point] if keep(each[1]) and each[1][20] != 0]
    alarms, _ = told()
    assert "IPIP101" in alarms


def test_pods_that_use_the_same_id_and_sequence_numbers_are_kept_apart(points, told):
    for pair, (src, dst) in enumerate([(A, B), (A2, B), (A, B2), (A2, B2)]):
        pings(points, start=pair * 50, src=src, dst=dst)
    alarms, report = told()
    assert (alarms, report.exchanges, report.answered) == ([], 80, 80)


def test_an_id_and_sequence_numbers_used_again_later_are_new_exchanges(points, told):
    pings(points)
    pings(points, start=60 * 10**6)
    alarms, report = told()
    assert (alarms, report.exchanges, report.answered) == ([], 40, 40)


def test_sequence_numbers_that_wrap_are_new_exchanges(points, told):
    for number in range(40):
        points.ping(number * 100 * MILLISECOND, seq=65516 + number & 0xFFFF)
    alarms, report = told()
    assert (alarms, report.exchanges, report.answered) == ([], 40, 40)


def test_a_broadcast_ping_that_many_answer_is_no_fault(points, told):
    pings(points)
    for number in range(10):
        at = number * 100 * MILLISECOND
        asked = Ipv4(src=NODE1, dst=0xC0A803FF, id=900 + number)(echo(id=9, seq=number))
        points.cross(("node1_eth0", "node2_eth0"), at, asked)
        for host in range(2, 12):
            reply = Ipv4(src=0xC0A80300 + host, dst=NODE1, id=host)(echo(reply=True, id=9, seq=number))
            points.cross(("node2_eth0", "node1_eth0") if host == 2 else ("node1_eth0",), at + host, reply)
    alarms, _ = told()
    assert alarms == []


def test_errors_that_quote_pings_from_outside_the_overlay_are_no_fault(points, told):
    pings(points)
    for number in range(10):
        quoted = Ipv4(src=NODE1, dst=ABSENT, id=number)(echo(id=9, seq=number))
        error = Ipv4(src=0xC0A803FE, dst=NODE1, id=number)(icmp_error(3, 1, quoted))
        points.see("node1_eth0", number * 100 * MILLISECOND, error)
    alarms, _ = told()
    assert alarms == []


def test_pings_to_an_address_that_is_nowhere_are_no_fault_of_the_overlay(points, told):
    pings(points)
    for number in range(10):
        asked = Ipv4(src=NODE1, dst=ABSENT, id=number)(echo(id=9, seq=number))
        points.see("node1_eth0", number * 100 * MILLISECOND, asked)
    alarms, _ = told()
    assert alarms == []


def test_a_masqueraded_pod_that_talks_to_the_outside_is_no_fault(points, told):
    pings(points)
    for number in range(10):
        at, numbers = number * 100 * MILLISECOND, {"id": 9, "seq": number}
        points.see("node1_cali1", at, Ipv4(src=A, dst=OUTSIDE, id=number)(echo(**numbers)))
        points.see("node1_eth0", at + 10, Ipv4(src=NODE1, dst=OUTSIDE, ttl=63, id=number)(echo(**numbers)))
        back = partial(Ipv4, src=OUTSIDE, id=500 + number)
        points.see("node1_eth0", at + 900, back(dst=NODE1)(echo(reply=True, **numbers)))
        points.see("node1_cali1", at + 910, back(dst=A, ttl=63)(echo(reply=True, **numbers)))
    alarms, _ = told()
    assert alarms == []


def test_neighbours_that_talk_natively_both_ways_are_no_fault(points, told):
    pings(points, native=True)
    pings(points, start=50, src=A2, dst=0x0A030002)
    alarms, report = told()
    assert (alarms, report.answered) == ([], 40)


def test_pods_of_one_node_need_no_tunnel(points, told):
    pings(points)
    for number in range(10):
        at, numbers = number * 100 * MILLISECOND, {"id": 9, "seq": number}
        for hop, (there, back) in enumerate([("node1_cali1", "node1_cali3"), ("node1_cali3", "node1_cali1")]):
            asked, answer = partial(Ipv4, src=A, dst=A2, ttl=64 - hop), partial(Ipv4, src=A2, dst=A, ttl=64 - hop)
            points.see(there, at + 10 * hop, asked(id=number)(echo(**numbers)))
            points.see(back, at + 50 + 10 * hop, answer(id=number)(echo(reply=True, **numbers)))
    alarms, _ = told()
    assert alarms == []


def test_frames_larger_than_the_mtu_before_segmentation_are_no_fault(points, told):
    syn, ack, push = 2, 16, 24
    there, back = (NODE1, NODE2), (NODE2, NODE1)
    ip, pi = partial(Ipv4, src=A, dst=B, proto=6), partial(Ipv4, src=B, dst=A, proto=6)
    points.cross(FORWARD, 0, ip(id=1)(tcp(40000, 80, syn)), there)
    points.cross(BACK, 500, pi(id=1)(tcp(80, 40000, syn | ack, 0, 1)), back)
    points.cross(FORWARD, 1000, ip(id=2)(tcp(40000, 80, ack, 1, 1)), there)
    size = 1440
    for number in range(10):
        at, seq = 2000 * (number + 1), 1 + number * 10 * size
        large = ip(id=100 + number * 10)(tcp(40000, 80, push, seq, 1, bytes(10 * size)))
        points.cross(FORWARD[:3], at, large, there)
        for part in range(10):
            small = ip(id=100 + number * 10 + part)(tcp(40000, 80, push, seq + part * size, 1, bytes(size)))
            points.cross(FORWARD[3:4], at + 30 + part, small, there)
        points.cross(FORWARD[4:], at + 60, large)
        points.cross(BACK, at + 500, pi(id=2 + number)(tcp(80, 40000, ack, 1, seq + 10 * size)), back)
    alarms, report = told()
    assert (alarms, report.answered) == ([], 1)


def test_checksums_that_the_nic_still_has_to_fill_in_are_no_fault(points, told):
    pings(points)
    for point in ("node1_eth0", "node1_tunl0"):
        points.seen[point] = [
            (at, packet[:10] + b"\xde\xad" + packet[12:]) if packet[12:16] in {NODE1.to_bytes(4), A.to_bytes(4)}
            else (at, packet)
            for at, packet in points.seen[point]
        ]  # fmt: skip
    alarms, report = told()
    assert (alarms, report.answered) == ([], 20)


def test_a_packet_that_the_any_device_saw_several_times_is_one(points, tmp_path):
    pings(points)
    interfaces = {"cali1": 7, "tunl0": 3, "eth0": 2, "cali2": 8}
    for node in ("node1", "node2"):
        records = []
        for point, packets in points.seen.items():
            name = point.partition("_")[2]
            if point.startswith(node):
                head = b"\x08\x00\x00\x00" + interfaces[name].to_bytes(4) + (768 if name == "tunl0" else 1).to_bytes(2)
                head += b"\x00\x06" + bytes(8)
                records += [Written(head + packet, ticks=at) for at, packet in packets]
        records.sort(key=lambda each: each.ticks)
        # Under a VLAN or a bridge the device below shows each frame again.
        again = [replace(each, ticks=each.ticks + 1) for each in records]
        both = sorted(records + again, key=lambda each: each.ticks)
        (tmp_path / f"{node}_any.pcap").write_bytes(pcap(both, link_type=SLL2))
    report = triage([str(tmp_path)], state=[])
    assert [each.code for each in report.findings if each.impact != "none"] == []
    assert (report.exchanges, report.answered) == (20, 20)


def test_an_outer_header_that_may_be_fragmented_one_way_only_is_no_fault(points, told):
    pings(points)
    for point in ("node1_eth0", "node2_eth0"):
        points.seen[point] = [
            (at, packet[:6] + b"\x40\0" + packet[8:] if packet[12:16] == NODE1.to_bytes(4) else packet)
            for at, packet in points.seen[point]
        ]
    alarms, report = told()
    assert (alarms, report.answered) == ([], 20)


def test_a_pod_that_asks_another_node_under_its_own_nodes_address_is_no_fault(points, told):
    pings(points)  # natOutgoing: addresses outside the pools see the node's, and answer natively
    for number in range(10):
        at, numbers = number * 100 * MILLISECOND, {"id": 9, "seq": number}
        asked, answer = partial(echo, **numbers), partial(echo, reply=True, **numbers)
        points.see("node1_cali1", at, Ipv4(src=A, dst=NODE2, id=number)(asked()))
        bare = Ipv4(src=NODE1, dst=NODE2, ttl=63, id=number)(asked())
        points.cross(("node1_eth0", "node2_eth0"), at + 10, bare)
        back = partial(Ipv4, src=NODE2, id=500 + number)
        points.cross(("node2_eth0", "node1_eth0"), at + 300, back(dst=NODE1)(answer()))
        points.see("node1_cali1", at + 320, back(dst=A, ttl=63)(answer()))
    alarms, _ = told()
    assert alarms == []


@pytest.mark.parametrize("asked", [True, False], ids=["answers-only", "nothing"])
def test_a_pods_interface_that_a_program_in_the_kernel_bypasses_is_no_fault(points, told, asked):
    pings(points)
    kept = points.seen["node2_cali2"] if asked else []
    points.seen["node2_cali2"] = [(at, packet) for at, packet in kept if packet[20] == 0]
    alarms, report = told()
    assert (alarms, report.answered) == ([], 20)


def test_answers_to_a_nodes_other_address_may_come_by_a_nic_that_nobody_watched(points, told):
    pings(points)
    other = 0x0A640001  # of the requester's second NIC: its tunnel has no address
    for number in range(20):
        at, numbers = number * 100 * MILLISECOND + 50, {"id": 9, "seq": number}
        asked = Ipv4(src=other, dst=B, id=700 + number)(echo(**numbers))
        points.cross(FORWARD[1:], at, asked, (NODE1, NODE2))
        answer = Ipv4(src=B, dst=other, id=800 + number)(echo(reply=True, **numbers))
        points.cross(("node2_cali2", "node2_eth1", "node1_eth1"), at + 300, answer)
    alarms, report = told()
    assert (alarms, report.answered) == ([], 40)


@pytest.mark.parametrize("snaplen", [60, 62, 76])
def test_packets_cut_in_their_inner_header_or_behind_it_are_no_fault(points, tmp_path, snaplen):
    pings(points)
    for point, packets in points.seen.items():
        tunnel = point.endswith("tunl0")
        framed = [(at, packet if tunnel else ethernet(0x800, packet)) for at, packet in sorted(packets)]
        cut = [Written(frame[:snaplen], at, len(frame)) for at, frame in framed]
        (tmp_path / f"{point}.pcap").write_bytes(pcap(cut, snaplen=snaplen, link_type=RAW if tunnel else 1))
    report = triage([str(tmp_path)], state=[])
    assert [each.code for each in report.findings if each.impact != "none"] == []


@pytest.mark.parametrize("point", FORWARD)
@pytest.mark.parametrize("late", [True, False], ids=["starts-late", "stops-early"])
def test_a_capture_that_starts_late_or_stops_early_blames_nobody(points, told, point, late):
    pings(points)
    middle = START + 20 * 100 * MILLISECOND // 2 - 50 * MILLISECOND + 200
    points.seen[point] = [each for each in points.seen[point] if (each[0] > middle) == late]
    alarms, _ = told()
    assert alarms == []


def test_captures_that_all_stop_between_request_and_reply_blame_nobody(points, told):
    pings(points)
    end = START + 19 * 100 * MILLISECOND + 200
    points.seen = {point: [each for each in seen if each[0] < end] for point, seen in points.seen.items()}
    alarms, report = told()
    assert (alarms, report.answered, report.unanswered) == ([], 19, 0)


@pytest.mark.parametrize("behind", [4 * MILLISECOND, -4 * MILLISECOND])
def test_a_recording_that_stops_between_two_points_while_the_other_nodes_clock_is_a_little_off(tmp_path, behind):
    """The last reply is on the requester's NIC and no longer on its tunnel: nobody recorded that any more."""
    points = Points()
    for number in range(20):
        points.ping(number * 10 * MILLISECOND, seq=number)
    for point, packets in points.seen.items():
        if point.startswith("node2"):
            points.seen[point] = [(at + behind, packet) for at, packet in packets]
    for point in ("node1_tunl0", "node1_cali1"):
        points.seen[point].pop()
    points.write(tmp_path)
    assert [finding.code for finding in triage([str(tmp_path)]).findings if finding.impact != "none"] == []
