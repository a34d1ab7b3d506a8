"""What the report says of packets that contradict themselves, and of those that the capture cut."""

from written import Ipv4, Written, echo, ethernet, pcap

from ipipscope import triage

IPIP = Ipv4(src=1, dst=2, proto=4)


def report_on(folder, frames, wire=None):
    file = folder / "node1_eth0.pcap"
    file.write_bytes(pcap([Written(ethernet(0x0800, frame), number, wire) for number, frame in enumerate(frames)]))
    return triage([str(file)], state=[])


def test_malformed_packets_are_counted_by_layer_and_the_first_is_named(tmp_path):
    sound = IPIP(Ipv4()(echo(data=bytes(40))))
    forged = IPIP(b"\x43" + Ipv4()(echo())[1:])
    short = IPIP(Ipv4()(b"\x08\0\0\0"))
    report = report_on(tmp_path, [sound, forged, forged, short])
    (point,) = report.points
    assert point.malformed == {"inner IPv4 header": 2, "ICMP message": 1}
    (note,) = report.notes
    assert note.startswith(f"3 packets at node1:eth0 contradict themselves; the first is frame 2 of {tmp_path}")
    assert note.endswith(": inner IPv4 header at octet 34 needs 20 octets, has 12 (its own length).")
    assert "IPIP902" not in {finding.code for finding in report.findings}


def test_packets_that_the_capture_cut_are_not_called_malformed(tmp_path):
    whole = IPIP(Ipv4()(echo(data=bytes(40))))
    report = report_on(tmp_path, [whole[:30]], wire=14 + len(whole))
    assert report.points[0].malformed == {}
    assert report.notes == ()
    assert "IPIP902" in {finding.code for finding in report.findings}
