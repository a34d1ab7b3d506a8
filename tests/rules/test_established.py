"""Established TCP is evidence: what it proves of two nodes, and what it does not. The truth is what was written."""

import pytest

from ipipscope.analysis import triage
from ipipscope.correlator import correlate
from ipipscope.live.events import Change
from ipipscope.live.replay import replay
from tests.rules.overlay import BEGIN, MILLISECOND, SECOND, Node, Overlay, capture_file, reply, request
from tests.written import Ipv4, tcp

A = Node("node1", "eth1", 0xC0A8030A, 0x0A7A0040)
B = Node("node2", "eth1", 0xC0A8030B, 0x0A7A4040)
POD_A, POD_B, OTHER_A, OTHER_B = A.pod(1), B.pod(1), A.pod(2), B.pod(2)
SYN, RST, ACK, PUSH = 0x02, 0x04, 0x10, 0x18
BASE = BEGIN + SECOND


class Scene:
    """Two nodes whose pods talk; the folder of what their points saw."""

    def __init__(self, folder):
        self.folder, self.overlay = folder, Overlay()

    def known(self):
        """A ping between two other pods, long before: it tells which address is whose node's."""
        self.pings(2, start=BASE - 10 * SECOND, source=A.pod(9), target=B.pod(9))

    def pings(self, count=20, *, stop=None, start=BASE, source=POD_A, target=POD_B):
        """Echo requests every 100 ms; *stop*: how many points the request comes to, None for all, and an answer."""
        for number in range(count):
            way = self.overlay.way(source, target, *request("ping", source, target, number, id=7, size=56))
            at = self.overlay.show(way[:stop], start + number * 100 * MILLISECOND)
            if stop is None:
                answer = reply("ping", source, target, number, id=7, size=56)
                self.overlay.show(self.overlay.way(target, source, *answer), at)

    def connection(self, rounds=20, *, start=BASE, source=POD_A, target=POD_B, port=40001, back=True, opened=False):
        """An established connection: both ends send a segment every 100 ms, and acknowledge the other's."""
        if opened:
            self.segment(source, target, port, SYN, seq=999, at=start - 50 * MILLISECOND)
        for number in range(rounds):
            at = start + number * 100 * MILLISECOND
            mine, theirs = 1000 + 100 * number, 5000 + 100 * number
            self.segment(source, target, port, PUSH, seq=mine, ack=theirs, data=bytes(100), at=at)
            if back:
                answer = {"seq": theirs, "ack": mine + 100, "data": bytes(100)}
                self.segment(target, source, port, PUSH, at=at + MILLISECOND, **answer)

    def segment(self, source, target, port, flags, *, at, seq, ack=0, data=b"", stop=None):
        """One segment; *port* is the requester's, who asks for 8080."""
        ports = (port, 8080) if source.node is A else (8080, port)
        ip = Ipv4(src=source.address, dst=target.address, proto=6, id=(at // MILLISECOND * 3) & 0xFFFF)
        way = self.overlay.way(source, target, ip, tcp(*ports, flags, seq, ack, data))
        self.overlay.show(way[:stop], at)

    def triage(self, *, only=None, empty=()):
        """The report; *only*: the points recorded; *empty*: of these, the ones whose files hold no packet."""
        for (node, interface), packets in self.overlay.seen.items():
            if only is None or (node, interface) in only:
                shown = [] if (node, interface) in empty else packets
                (self.folder / f"{node}_{interface}.pcap").write_bytes(capture_file(interface, shown))
        return triage([str(self.folder)], state=[])


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


def lost(report):
    return [finding for finding in report.findings if finding.impact != "none"]


def test_pings_that_are_lost_while_tcp_works_are_a_fault_of_that_flow_alone(scene):
    scene.known()
    scene.pings(stop=3)
    scene.connection(source=OTHER_A, target=OTHER_B)
    (finding,) = lost(scene.triage())
    assert finding.code == "IPIP307"
    assert finding.pattern == (
        "Only 10.122.0.66 > 10.122.64.66 icmp is lost: 1 other flow between these nodes is answered. "
        "Meanwhile 1 TCP connection between these nodes works "
        "encapsulated both ways: 10.122.64.67 and 10.122.0.67 acknowledge each other's data 38 times."
    )


def test_a_connection_that_goes_on_all_the_time_counts_though_it_began_before_and_ends_after(scene):
    scene.pings(10, stop=3, start=BASE + 2 * SECOND)
    scene.connection(rounds=80)
    assert "Meanwhile 1 TCP connection" in lost(scene.triage())[0].pattern


@pytest.mark.parametrize(
    ("stop", "told"),
    [
        (2, "20 requests to 10.122.64.66 and 1 other address reach "),
        (5, "20 requests from 10.122.0.66 to 10.122.64.66 and of 1 other pair of addresses, last seen "),
        (6, "for 10.122.64.66 and 1 other address, which do not answer."),
    ],
)
def test_a_sentence_that_names_one_pair_of_addresses_says_how_many_others_it_counts(scene, stop, told):
    scene.known()
    scene.pings(10, stop=stop)
    scene.pings(10, stop=stop, target=OTHER_B)
    (finding,) = lost(scene.triage())
    assert (finding.count, len(finding.flows)) == (20, 2)
    assert told in finding.summary


def test_connections_before_and_after_the_loss_tell_nothing_of_it(scene):
    scene.pings(20, stop=3, start=BASE + 5 * SECOND)
    scene.connection(rounds=20)
    for rounds, port in ((5, 40001), (5, 40002)):
        scene.connection(rounds=rounds, start=BASE + 15 * SECOND, port=port)
    assert "Meanwhile" not in lost(scene.triage())[0].pattern


def test_acknowledgements_of_one_side_alone_prove_one_direction_alone(scene):
    scene.pings(stop=3)
    scene.connection(back=False)
    assert "Meanwhile" not in lost(scene.triage())[0].pattern


def test_tcp_between_other_nodes_tells_nothing(scene):
    other = Node("node3", "eth1", 0xC0A8030C, 0x0A7A8040).pod(1)
    scene.pings(stop=3)
    scene.connection(target=other)
    finding = lost(scene.triage())[0]
    assert "Meanwhile" not in finding.pattern


@pytest.mark.parametrize("seen", [("node2", "tunl0"), ("node2", POD_B.cali), ("node1", "tunl0")])
def test_a_handshake_whose_answer_was_not_recorded_was_answered_when_the_connection_goes_on(scene, seen):
    for port in (40001, 40002):
        scene.connection(back=False, opened=True, port=port)
    report = scene.triage(only={seen})
    assert (report.exchanges, report.answered, lost(report)) == (2, 2, [])


@pytest.mark.parametrize("others", [0, 2], ids=["the only answer", "beside others of its address"])
def test_an_answer_whose_request_was_before_the_recording_is_not_that_of_another_request(scene, others):
    scene.known()
    for number in range(others):
        scene.segment(POD_A, POD_B, 40010 + number, SYN, seq=99, at=BASE + number * 100 * MILLISECOND)
        answered = BASE + (number * 100 + 1) * MILLISECOND
        scene.segment(POD_B, POD_A, 40010 + number, SYN | ACK, seq=7, ack=100, at=answered)
    scene.segment(POD_B, POD_A, 40001, SYN | ACK, seq=7, ack=1, at=BASE + (200 if others else 0) * MILLISECOND)
    scene.segment(POD_A, B.host(), 40002, SYN, seq=999, at=BASE + 100 * MILLISECOND, stop=1)
    assert "IPIP501" not in {finding.code for finding in scene.triage().findings}


def test_a_handshake_is_not_answered_because_another_connection_goes_on(scene):
    scene.connection(back=False, opened=True)
    scene.segment(POD_A, POD_B, 40002, SYN, seq=1, at=BASE + SECOND)
    report = scene.triage(only={("node1", POD_A.cali)})
    assert report.exchanges == 2
    assert report.answered < 2


RETRANSMISSIONS = (300, 900, 2100, 4500)
"""Milliseconds after the first copy at which Linux sends a segment again that nobody acknowledges (RFC 6298, 5.5)."""


def stall(scene, *, there=None, back=0):
    """A connection that works for a second; then A's segment comes to *there* points, B's acknowledgement to *back*."""
    scene.connection(rounds=10)
    scene.pings(1, start=BASE + 20 * SECOND, source=OTHER_A, target=OTHER_B)  # all points record until then
    last = BASE + 900 * MILLISECOND
    for wait in (100, *RETRANSMISSIONS):
        at = last + wait * MILLISECOND
        scene.segment(POD_A, POD_B, 40001, PUSH, seq=2000, ack=6000, data=bytes(100), at=at, stop=there)
        if there is None:
            scene.segment(POD_B, POD_A, 40001, ACK, seq=6000, ack=2100, at=at + MILLISECOND, stop=back)


@pytest.mark.parametrize(
    ("there", "back", "code", "node"),
    [
        (3, 0, "IPIP307", "node1"),
        (4, 0, "IPIP301", "node2"),
        (5, 0, "IPIP302", "node2"),
        (None, 2, "IPIP101", "node2"),
        (None, 3, "IPIP308", "node2"),
        (None, 4, "IPIP303", "node1"),
        (None, 5, "IPIP304", "node1"),
    ],
)
def test_a_connection_that_stalls_tells_where_though_nobody_recorded_its_handshake(scene, there, back, code, node):
    stall(scene, there=there, back=back)
    report = scene.triage()
    (finding,) = lost(report)
    assert (finding.code, finding.node, finding.count, report.exchanges) == (code, node, 1, 1)
    assert finding.pattern.startswith(
        "1 TCP connection stalls: a segment of 140 octets from 10.122.0.66 to 10.122.64.66"
    )
    assert finding.evidence


@pytest.mark.parametrize(
    ("flags", "ack"), [(ACK, 2000), (RST, 0), (RST | ACK, 2100)], ids=["the same acknowledgement", "RST", "RST and ACK"]
)
@pytest.mark.parametrize("seen", [None, {("node1", "eth1"), ("node1", "tunl0"), ("node1", POD_A.cali)}])
def test_a_connection_whose_peer_answers_each_copy_does_not_stall(scene, flags, ack, seen):
    stall(scene)
    for wait in RETRANSMISSIONS:
        scene.segment(POD_B, POD_A, 40001, flags, seq=6000, ack=ack, at=BASE + (901 + wait) * MILLISECOND)
    assert lost(scene.triage(only=seen)) == []


def test_a_refusal_counts_as_an_answer_though_an_acknowledgement_was_lost_before(scene):
    stall(scene, back=3)
    scene.segment(POD_B, POD_A, 40001, RST, seq=6000, at=BASE + 5402 * MILLISECOND)
    assert lost(scene.triage()) == []


def test_a_connection_that_goes_on_after_its_losses_does_not_stall(scene):
    stall(scene, there=3)
    after = {"seq": 2000, "ack": 6000, "data": bytes(100), "at": BASE + 12 * SECOND}
    scene.segment(POD_A, POD_B, 40001, PUSH, **after)
    scene.segment(POD_B, POD_A, 40001, ACK, seq=6000, ack=2100, at=BASE + 12 * SECOND + MILLISECOND)
    assert lost(scene.triage()) == []


def test_a_segment_that_is_sent_again_twice_and_then_acknowledged_is_no_stall(scene):
    scene.connection(rounds=10)
    for wait, stop in ((100, 3), (300, 3), (900, None)):
        at = BASE + (900 + wait) * MILLISECOND
        scene.segment(POD_A, POD_B, 40001, PUSH, seq=2000, ack=6000, data=bytes(100), at=at, stop=stop)
    scene.segment(POD_B, POD_A, 40001, ACK, seq=6000, ack=2100, at=BASE + 1801 * MILLISECOND)
    assert lost(scene.triage()) == []


@pytest.mark.parametrize("seen", [("node2", "tunl0"), ("node2", "eth1"), ("node1", "eth1"), ("node1", "tunl0")])
def test_one_point_alone_accuses_no_node_of_what_it_cannot_show(scene, seen):
    stall(scene)
    assert lost(scene.triage(only={seen})) == []


def test_keep_alives_that_nobody_answers_are_no_segments(scene):
    scene.connection(rounds=10)
    for number in range(6):
        at = BASE + (2 + number) * SECOND
        scene.segment(POD_A, POD_B, 40001, ACK, seq=1999, ack=6000, data=b"x", at=at, stop=3)
    assert lost(scene.triage()) == []


def test_segments_of_more_connections_than_are_followed_are_told_in_a_note(scene, monkeypatch):
    monkeypatch.setattr(correlate, "CONNECTIONS_ROWS", 8)
    for port in (40001, 40002):
        scene.connection(rounds=10, port=port)
    notes = [note for note in scene.triage().notes if "not followed" in note]
    # 20 segments a connection, each seen at 6 points; a row is one direction at one point, 10 segments.
    assert notes == ["160 TCP segments are not followed beyond handshakes: there are more connections than are kept."]


class Told:
    """Keeps what a replay tells."""

    def __init__(self):
        self.told = []

    def events(self, events):
        self.told += [(event.change, event.finding.code, event.time // 1000 - BASE) for event in events]

    def note(self, text):
        pass

    def show(self, watched):
        pass


def replayed(scene):
    """What a replay tells: what became of which rule's finding, microseconds after the beginning."""
    scene.triage()
    told = Told()
    replay([str(scene.folder)], timeout=1000 * SECOND, state=[], view=told, pace=1e9)
    return told.told


def test_a_stall_is_told_while_it_lasts_though_no_exchange_closes(scene):
    scene.known()
    stall(scene, there=3)
    scene.connection(rounds=300, start=BASE + SECOND, source=OTHER_A, target=OTHER_B, port=40009)
    (opened,) = (at for change, _, at in replayed(scene) if change is Change.OPEN)
    assert opened < 10 * SECOND


def test_a_finding_has_not_changed_because_tcp_beside_it_goes_on(scene):
    scene.known()
    scene.pings(20, stop=3)
    scene.pings(100, source=A.pod(9), target=B.pod(9))
    scene.connection(rounds=100, start=BASE - SECOND, source=OTHER_A, target=OTHER_B, port=40009)
    told = replayed(scene)
    assert told[0][0] is Change.OPEN
    assert max(at for change, _, at in told if change is Change.CHANGE) < 5 * SECOND  # the last ping is lost after 2 s
