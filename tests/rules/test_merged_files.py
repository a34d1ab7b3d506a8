"""A file that was put together later does not prove that its interfaces recorded at the same time."""

import ipipscope
from tests.rules.pings import RAW, points
from tests.written import ETHERNET, Section, Written


def merged(seen, node, *, counted):
    """One pcapng of a node, its interfaces named; with the recorder's counters or without."""
    section = Section(False)
    names = [f"{node}_eth0", f"{node}_tunl0"]
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


def triage(tmp_path, seen, node, *, counted):
    (tmp_path / f"{node}_merged.pcapng").write_bytes(merged(seen, node, counted=counted))
    return ipipscope.triage([tmp_path])


def refused_at_first():
    """Three pings that reach n2's NIC and neither its tunnel nor an answer, then seven that are answered."""
    seen = points(10)
    seen["n2_tunl0"] = seen["n2_tunl0"][6:]
    seen["n2_eth0"] = [each for place, each in enumerate(seen["n2_eth0"]) if place not in {1, 3, 5}]
    return seen


def test_a_tunnel_that_began_late_is_not_missing_what_came_before(tmp_path):
    seen = points(10)
    seen["n1_tunl0"] = seen["n1_tunl0"][6:]  # three pings later than the NIC
    assert triage(tmp_path, seen, "n1", counted=False).healthy


def test_a_recorder_that_counted_for_both_interfaces_ran_for_both(tmp_path):
    (finding,) = triage(tmp_path, refused_at_first(), "n2", counted=True).findings
    assert (finding.code, finding.count, finding.confidence) == ("IPIP301", 3, "certain")


def test_files_put_together_leave_it_likely_that_a_tunnel_recorded_before_its_first_packet(tmp_path):
    found = triage(tmp_path, refused_at_first(), "n2", counted=False).findings
    assert [each.confidence for each in found if each.code == "IPIP301"] == ["likely"]
