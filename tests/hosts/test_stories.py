"""The listings of the two founding stories, as their author pasted them, audited to the stories' own conclusions."""

from ipaddress import IPv4Address

from ipipscope.audit_state import audit_report as audit
from ipipscope.hosts.model import Part
from ipipscope.hosts.reading import load_snapshots
from ipipscope.model import CauseClass, Impact


def test_both_listings_of_node3_are_read_and_the_bad_route_is_mended_as_in_the_story(story):
    path = story("case1-node3")
    snapshots = load_snapshots([path])
    assert [len(snapshot.routes) for snapshot in snapshots.values()] == [1, 1]
    assert {snapshot.node for snapshot in snapshots.values()} == {"az3-k8s-13"}
    (finding,) = audit([str(path)]).findings
    assert (finding.code, finding.node, finding.cause.cls) == ("IPIP101", "az3-k8s-13", CauseClass.WRONG_ROUTE)
    assert finding.cause.config == "10.122.17.64/26 via 10.122.127.128 dev tunl0"
    assert finding.remedy[0].command == "ip route replace 10.122.17.64/26 via 192.168.3.110 dev tunl0 proto bird onlink"


def test_the_last_listing_of_node3_is_told_to_be_mended(story):
    (finding,) = audit([str(story("case1-node3"))]).findings
    assert "the last listing no longer shows it" in finding.cause.text


def test_bgp_sessions_are_read_and_the_odd_peer_is_named_though_all_are_established(story):
    path = story("case2-calicoctl")
    (snapshot,) = load_snapshots([path]).values()
    assert [peer.address for peer in snapshot.calico.peers] == [
        IPv4Address(f"192.168.{tail}") for tail in ("0.111", "3.112", "3.113", "3.114")
    ]
    assert {peer.info for peer in snapshot.calico.peers} == {"Established"}
    (finding,) = audit([str(path)]).findings
    assert (finding.code, finding.node) == ("IPIP201", "192.168.0.111")
    assert finding.cause.cls is CauseClass.SOURCE_SELECTION
    assert "proves nothing" in finding.cause.text
    assert any("192.168.0.111" in remedy.command for remedy in finding.remedy)


def test_node4_after_its_cure_sends_to_node2_from_the_address_that_node2_knows(story):
    path = story("case2-node4")
    (snapshot,) = load_snapshots([path]).values()
    assert (snapshot.node, len(snapshot.routes)) == ("az3-k8s-14", 14)
    assert snapshot.has(Part.ROUTES)
    report = audit([str(path)])
    assert report.findings == ()
    assert report.nodes == ("az3-k8s-14",)


def test_node4_before_its_cure_is_told_to_send_from_the_wrong_address(story, tmp_path):
    """As the story says it was: the connected route of eth0 there, the default route over it, node2 as BGP peer."""
    after = story("case2-node4").read_text()
    before = after.replace(
        "default via 192.168.3.253 dev eth1",
        "default via 192.168.0.253 dev eth0\n192.168.0.0/24 dev eth0 proto kernel scope link src 192.168.0.113",
    )
    (tmp_path / "node4.txt").write_text(before)
    (tmp_path / "node1.txt").write_text(
        "[root@az3-k8s-11 ~]# ip route |grep tunl0\n10.122.157.128/26 via 192.168.3.113 dev tunl0 proto bird onlink\n"
    )
    findings = audit([str(tmp_path)], strict=True).findings
    (told,) = [finding for finding in findings if finding.node == "az3-k8s-14"]
    assert (told.code, told.impact) == ("IPIP201", Impact.NONE)  # nothing at hand shows who drops it
    assert told.remedy[0].command == "ip route replace 192.168.0.111/32 dev eth0 src 192.168.3.113"


def test_all_listings_together_tell_no_more_and_no_less(story):
    told = audit([str(story("case1-node3").parent)]).findings
    assert {(finding.code, finding.node) for finding in told} == {
        ("IPIP101", "az3-k8s-13"),
        ("IPIP201", "192.168.0.111"),
    }
