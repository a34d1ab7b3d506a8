"""A finding counts what struck, from the first to the last of it, and shows the frames of what struck, no others."""

from dataclasses import replace

import pytest

import ipipscope
from tests.rules.pings import BEGIN, SECOND, points, write
from tests.written import Ipv4, Written, ethernet, icmp_error

TICK = 1000  # nanoseconds in a tick of these files


@pytest.fixture
def triage(tmp_path):
    def written(shown):
        write(tmp_path, shown)
        return {finding.rule: finding for finding in ipipscope.triage([tmp_path]).findings}

    return written


def sent(number):
    """When the tunnel of n1 shows the request, nanoseconds."""
    return (BEGIN + number * SECOND // 10) * TICK


def twice(shown, point, number, back=0):
    """The packet of this ping comes to *point* once more, a hundred microseconds later."""
    packets = shown[point]
    packet = packets[2 * number + back]
    packets.append(replace(packet, ticks=packet.ticks + 100))


def later(shown, number, ticks, names=None):
    """The reply to this ping comes later at these points."""
    for name in names or shown:
        packet = shown[name][2 * number + 1]
        shown[name][2 * number + 1] = replace(packet, ticks=packet.ticks + ticks)


def frames(finding):
    return {(evidence.file.rpartition("/")[2], evidence.frame) for evidence in finding.evidence}


def test_copies_are_counted_and_shown_where_they_first_appear(triage):
    shown = points(100)
    for number in (42, 57):
        twice(shown, "n2_eth0", number)
        twice(shown, "n2_tunl0", number)
    finding = triage(shown)["duplication"]
    assert (finding.node, finding.interface, finding.count) == ("n2", "eth0", 2)
    assert (finding.first, finding.last) == (sent(42), sent(57))
    # Each ping has two frames at a point; those of ping 42 are 85 and 86, its copy comes before the reply.
    assert frames(finding) <= {("n2_eth0.pcap", frame) for frame in (85, 86, 87, 116, 117, 118)}
    assert len(frames(finding)) == 4
    assert finding.summary == "Packets of 2 exchanges pass n2:eth0 more than once, once at n1:eth0 before it."


def test_one_copy_among_many_pings_is_one(triage):
    shown = points(100)
    twice(shown, "n1_eth0", 7, back=1)
    finding = triage(shown)["duplication"]
    assert (finding.node, finding.interface, finding.count) == ("n1", "eth0", 1)
    assert finding.first == finding.last == sent(7)


def test_a_reply_that_comes_before_an_earlier_one_is_counted_once_and_shown_with_it(triage):
    shown = points(100)
    later(shown, 30, SECOND // 10 + 500, ["n1_eth0", "n1_tunl0"])
    finding = triage(shown)["delay-reorder"]
    assert finding.count == 1
    assert finding.first == finding.last == sent(31)
    # At n1:tunl0: request 30 is frame 61, request 31 frame 62, reply 31 frame 63, reply 30 frame 64.
    assert frames(finding) == {("n1_tunl0.pcap", 63), ("n1_tunl0.pcap", 64)}
    assert finding.summary == "1 reply comes before that to an earlier request, at n1:tunl0."


@pytest.mark.parametrize(
    ("names", "where", "said"),
    [
        (["n2_tunl0", "n2_eth0", "n1_eth0", "n1_tunl0"], ("n2", "tunl0"), "behind n2:tunl0"),
        (["n1_eth0", "n1_tunl0"], ("n1", "eth0"), "between n1:eth0 and n2:eth0"),
        (["n1_tunl0"], ("n1", "tunl0"), "between n1:tunl0 and n1:eth0"),
    ],
)
def test_a_late_reply_is_counted_once_and_the_hop_that_holds_it_is_named(triage, names, where, said):
    shown = points(100)
    later(shown, 50, 2 * SECOND, names)
    finding = triage(shown)["delay-reorder"]
    assert finding.count == 1
    assert finding.first == finding.last == sent(50)
    assert (finding.node, finding.interface) == where
    assert finding.summary.startswith("1 reply takes 2.000 s")
    assert said in finding.summary
    assert ("n1_tunl0.pcap", 101) in frames(finding)  # its request; its reply stands 40 frames on
    assert len(frames(finding)) == 2


def test_pings_in_order_and_in_time_have_neither(triage):
    assert not triage(points(100)).keys() & {"duplication", "delay-reorder"}


def test_what_is_slow_and_in_order_below_a_second_is_nothing(triage):
    shown = points(100)
    for number in range(100):
        later(shown, number, SECOND // 2)
    assert "delay-reorder" not in triage(shown)


def test_an_exchange_that_was_not_struck_has_no_verdict_of_the_rule(tmp_path):
    shown = points(100)
    twice(shown, "n2_eth0", 42)
    write(tmp_path, shown)
    rules = ipipscope.load(tmp_path).exchanges["rule"]
    assert list(rules.dropna()) == ["IPIP603"]


def test_a_cut_packet_is_told_with_its_own_time_not_with_its_points(triage):
    shown = points(100)
    for number in (42, 57):
        packet = shown["n2_eth0"][2 * number]
        shown["n2_eth0"][2 * number] = replace(packet, octets=packet.octets[:40], wire=len(packet.octets))
    finding = triage(shown)["capture-truncated"]
    assert finding.count == 2
    assert (finding.first, finding.last) == tuple(shown["n2_eth0"][2 * number].ticks * TICK for number in (42, 57))


def test_an_error_from_a_node_that_was_not_recorded_names_no_interface_of_it(triage):
    shown = []
    for number, request in enumerate(points(10, range(10))["n1_eth0"]):
        error = Ipv4(src=0xC0A80002, dst=0xC0A80001, id=number)(icmp_error(3, 2, request.octets[14:]))
        shown += [request, Written(ethernet(0x0800, error, 0x020000000002, 0x020000000001), request.ticks + 50)]
    finding = triage({"n1_eth0": shown})["request-not-delivered-to-tunnel"]
    assert (finding.node, finding.interface) == ("192.168.0.2", None)
    assert finding.summary == "10 requests reach 192.168.0.2 as IPIP and never its tunnel."
    assert "ICMP protocol unreachable from 192.168.0.2" in [each.what for each in finding.evidence]
