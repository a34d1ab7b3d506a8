"""A file that was put together later does not prove that its interfaces recorded at the same time."""

import ipipscope
from tests.rules.pings import RAW, points
from tests.written import ETHERNET, Section, Written


def merged(seen, *, counted):
    """One pcapng of node n1, its interfaces named; with the recorder's counters or without."""
    section = Section(False)
    names = ["n1_eth0", "n1_tunl0"]
    blocks = [section.header()]
    for name in names:
        link_type = RAW if "tunl" in name else ETHERNET
        blocks.append(section.interface(link_type, options={2: name.partition("_")[2].encode(), 9: bytes([6])}))
    packets = sorted((p.ticks, number, p.octets) for number, name in enumerate(names) for p in seen[name])
    blocks += [section.enhanced(Written(octets, ticks, interface=number)) for ticks, number, octets in packets]
    if counted:
        received = {4: (len(packets)).to_bytes(8, "little")}
        blocks += [section.statistics(number, received) for number in range(len(names))]
    return b"".join(blocks)


def triage(tmp_path, *, counted):
    seen = points(10)
    seen["n1_tunl0"] = seen["n1_tunl0"][6:]  # three pings later than the NIC
    (tmp_path / "n1_merged.pcapng").write_bytes(merged(seen, counted=counted))
    return ipipscope.triage([tmp_path])


def test_a_tunnel_that_began_late_is_not_missing_what_came_before(tmp_path):
    assert triage(tmp_path, counted=False).healthy


def test_a_recorder_that_counted_for_both_interfaces_ran_for_both(tmp_path):
    report = triage(tmp_path, counted=True)
    assert not report.healthy
    assert report.unanswered == 3
