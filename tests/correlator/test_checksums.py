"""A wrong checksum is normal where a packet is sent and evidence where it arrives."""

from written import Ipv4, Written, ethernet, pcap, tcp, udp

from ipipscope import triage

POD1, POD2, NODE1, NODE2 = 0x0A7A1141, 0x0A7A7F81, 0xC0A80001, 0xC0A80002
SYN, SYN_ACK = 0x02, 0x12


def recordings(folder, *, filled_in, delivered):
    """Handshakes whose TCP checksums (0 in `written`) are wrong, as before checksum offload; a NIC may fill them in."""
    files = {}

    def put(name, time, packet):
        files.setdefault(name, []).append(Written(packet, time))

    for number in range(8):
        time = 1_700_000_000_000_000 + number * 10_000
        for way, (src, dst, here, there) in enumerate(((POD1, POD2, "node1", "node2"), (POD2, POD1, "node2", "node1"))):
            time += 500 * way
            numbers = (5000, 80) if not way else (80, 5000)
            segment = tcp(*numbers, SYN_ACK if way else SYN, 77 if way else number, number + 1 if way else 0)
            inner = Ipv4(src=src, dst=dst, proto=6, id=number + 1)(segment)
            sound = Ipv4(src=src, dst=dst, proto=6, id=number + 1)(with_checksum(src, dst, segment))
            ends = (NODE2, NODE1) if way else (NODE1, NODE2)
            outer = Ipv4(src=ends[0], dst=ends[1], proto=4)
            put(f"{here}_tunl0", time, ethernet(0x0800, inner))
            put(f"{here}_eth0", time + 1, ethernet(0x0800, outer(inner)))
            put(f"{there}_eth0", time + 60, ethernet(0x0800, outer(sound if filled_in else inner)))
            if not delivered:
                break
            put(f"{there}_tunl0", time + 60, ethernet(0x0800, sound if filled_in else inner))
    for time in (1_700_000_000_000_000 - 9, 1_700_000_000_000_000 + 99_999_999):  # all points recorded all the while
        for node in ("node1", "node2"):
            put(f"{node}_tunl0", time, ethernet(0x0800, Ipv4(src=9, dst=8, proto=17)(udp(9, 9))))
    folder.mkdir()
    for name, packets in files.items():
        (folder / f"{name}.pcap").write_bytes(pcap(sorted(packets, key=lambda packet: packet.ticks)))
    return triage([str(folder)], state=[])


def with_checksum(src, dst, segment):
    words = src.to_bytes(4, "big") + dst.to_bytes(4, "big") + (6).to_bytes(2, "big") + len(segment).to_bytes(2, "big")
    padded = words + segment + bytes(len(segment) % 2)
    remainder = sum(int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2)) % 0xFFFF
    return segment[:16] + (0xFFFF - remainder).to_bytes(2, "big") + segment[18:]


def test_wrong_checksums_on_the_sending_nodes_alone_strike_nothing(tmp_path):
    report = recordings(tmp_path / "case", filled_in=True, delivered=True)
    assert (report.findings, report.answered) == ((), 8)


def test_a_request_that_arrives_with_a_wrong_checksum_and_is_not_delivered_says_so(tmp_path):
    report = recordings(tmp_path / "case", filled_in=False, delivered=False)
    (finding,) = report.findings
    assert finding.code == "IPIP301"
    assert "with a wrong checksum" in " ".join(evidence.what for evidence in finding.evidence)


def test_a_sound_request_that_is_not_delivered_does_not(tmp_path):
    report = recordings(tmp_path / "case", filled_in=True, delivered=False)
    (finding,) = report.findings
    assert finding.code == "IPIP301"
    assert "checksum" not in " ".join(evidence.what for evidence in finding.evidence)
