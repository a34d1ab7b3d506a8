"""Whose an outer address is, where no packet of its node was ever encapsulated. The truth is what was written."""

from ipipscope.analysis import analyse
from tests.rules.overlay import BEGIN, MILLISECOND, Node, Overlay, capture_file, request
from tests.written import Ipv4, echo, ethernet

A = Node("node1", "eth1", 0xC0A8030A, 0x0A7A0040)
B = Node("node2", "eth1", 0xC0A8030B, 0x0A7A4040)


def write(folder, *, mac_of_b):
    """Pings of the overlay that the network drops, and pings between the nodes' own addresses that it does not."""
    overlay, pods = Overlay(), (A.pod(1), B.pod(1))
    for number in range(10):
        at = BEGIN + number * 100 * MILLISECOND
        overlay.show(overlay.way(*pods, *request("ping", *pods, number, id=7, size=56))[:3], at)
        asked = Ipv4(src=A.address, dst=B.address, id=number)(echo(id=9, seq=number))
        answer = Ipv4(src=B.address, dst=A.address, id=number)(echo(reply=True, id=9, seq=number))
        for place, node in enumerate((A, B)):
            seen = overlay.seen.setdefault((node.name, node.nic), [])
            seen.append((at + 50 + place, ethernet(0x800, asked, A.address, mac_of_b)))
            seen.append((at + 60 - place, ethernet(0x800, answer, mac_of_b, A.address)))
    for (node, interface), packets in overlay.seen.items():
        (folder / f"{node}_{interface}.pcap").write_bytes(capture_file(interface, packets))
    return analyse([str(folder)], state=[])


def test_a_neighbours_mac_address_tells_what_came_in(tmp_path):
    found = write(tmp_path, mac_of_b=B.address)
    assert {str(address): node for address, node in found.judgement.sides.outer_home.items()} == {
        "192.168.3.10": "node1", "192.168.3.11": "node2",
    }  # fmt: skip
    assert found.findings[0].code == "IPIP307"


def test_one_mac_address_on_both_sides_tells_nothing(tmp_path):
    found = write(tmp_path, mac_of_b=A.address)
    assert found.findings[0].code == "IPIP306"
