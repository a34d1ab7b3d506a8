"""A capture that runs for long: what has gone quiet is not judged again and again, and nothing of it is forgotten."""

from __future__ import annotations

from itertools import pairwise

import pytest
from written import ETHERNET, Ipv4, Written, echo, ethernet, pcap

from ipipscope.analysis import analyse
from ipipscope.capture.files import CaptureFile
from ipipscope.capture.recording import Limits, Recording
from ipipscope.live.events import Change, Findings
from ipipscope.live.judge import MANY, RECENT, LiveJudge
from ipipscope.model import SECOND

BEGIN = 1_800_000_000
HERE, THERE, OTHER = 0xC0A8036E, 0xC0A80370, 0xC0A80070
FLOWS, LOST = MANY + 200, 7
MINUTES = 4
TIMEOUT = 5 * SECOND


def exchange(flow: int, seq: int, at: float, *, outer: int = THERE, answered: bool = True) -> list[Written]:
    """A ping through the tunnel, from a pod of its own; *outer* is the source that its reply carries."""
    pod, target = 0x0A010000 + flow, 0x0A020005
    asked = Ipv4(src=pod, dst=target, id=seq)(echo(id=flow, seq=seq))
    came = Ipv4(src=target, dst=pod, id=seq)(echo(reply=True, id=flow, seq=seq))
    request = Ipv4(src=HERE, dst=THERE, proto=4)(asked)
    reply = Ipv4(src=outer, dst=HERE, proto=4)(came)
    ticks = round((BEGIN + at) * 10**6)
    packets = [Written(ethernet(0x0800, request), ticks), Written(ethernet(0x0800, reply, 2, 1), ticks + 300)]
    return packets if answered else packets[:1]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Many flows at the beginning, some of them faulty; one that goes on; at the end one of the faulty once more."""
    packets = []
    for flow in range(FLOWS):
        packets += exchange(flow, 1, flow / 1000, outer=OTHER if flow < LOST else THERE)
    for second in range(2, 60 * MINUTES):
        packets += exchange(FLOWS, second, second)
    packets += exchange(0, 2, 60 * MINUTES, outer=OTHER)
    packets += exchange(FLOWS, 60 * MINUTES, 60 * MINUTES + 10)
    file = tmp_path_factory.mktemp("many") / "node3_eth1.pcap"
    file.write_bytes(pcap(packets, link_type=ETHERNET))
    return file


def looks(file):
    """The judge after each ten seconds of capture time, with what it said."""
    judge = LiveJudge(TIMEOUT)
    capture = CaptureFile(str(file))
    source = judge.source(str(file), [])
    events = Findings(TIMEOUT)
    for records in capture.batches():
        judge._sources[source].file.described[:] = capture.interfaces
        judge.describe(source, 0)
        step = [*range(0, len(records), 60), len(records)]
        told = 0
        for first, stop in pairwise(step):
            part = records.rows(slice(first, stop))
            now = int(part.time[-1])
            judge.take(source, part, first + 1, now)
            judge.pass_time(now, idle=True)
            if now - told > 10 * SECOND or stop == len(records):
                told = now
                analysis = judge.so_far()
                yield judge, analysis, events.update(analysis.findings, judge.now)


def test_quiet_flows_are_left_out_of_a_look_and_stay_in_its_counts(recorded):
    last = None
    for judge, analysis, _ in looks(recorded):
        judged = analysis.judgement
        assert judged.exchanges == judge.state[0]  # each of them, whether its flow is looked at again or not
        last = judge, analysis
    judge, analysis = last
    assert judge.now > (BEGIN + MINUTES * 60) * SECOND > BEGIN * SECOND + 2 * RECENT
    assert len(analysis.correlation.journeys) < 5
    assert analysis.judgement.answered > FLOWS - LOST


def test_a_finding_of_quiet_flows_has_closed_and_opens_again_when_one_is_struck(recorded):
    told = [event for *_, events in looks(recorded) for event in events if event.finding.code == "IPIP201"]
    assert [event.change for event in told if event.change is not Change.CHANGE] == [
        Change.OPEN, Change.CLOSE, Change.OPEN,
    ]  # fmt: skip
    assert told[0].finding.count <= LOST


def test_the_end_is_what_triage_of_the_file_says(recorded):
    *_, (judge, _, _) = looks(recorded)
    live, read = judge.finish().report, analyse([str(recorded)], timeout=TIMEOUT).report
    assert (live.answered, live.unanswered, live.undecided) == (read.answered, read.unanswered, read.undecided)
    assert live.findings == read.findings
    assert next(found.count for found in live.findings if found.code == "IPIP201") == LOST + 1


def test_a_day_of_pings_by_a_clock_slower_than_ours_is_answered(tmp_path):
    hours, each = 24, 600
    packets, arrivals = [], []
    for second in range(0, hours * 3600, each):
        slow = second * (1 - 100e-6)
        packets += exchange(1, second // each, slow)
        arrivals += [second * SECOND, second * SECOND + SECOND // 20]
    file = tmp_path / "node3_eth1.pcap"
    file.write_bytes(pcap(packets, link_type=ETHERNET))
    judge, capture = LiveJudge(TIMEOUT), CaptureFile(str(file))
    described = []
    source = judge.source(str(file), described)
    row = 0
    for records in capture.batches():
        described[:] = capture.interfaces
        judge.describe(source, 0)
        for number in range(len(records)):
            judge.take(source, records.rows(slice(number, number + 1)), row + 1, arrivals[row])
            judge.pass_time(arrivals[row] + SECOND // 50, idle=True)
            row += 1
    report = judge.finish().report
    assert (report.exchanges, report.answered) == (hours * 3600 // each, hours * 3600 // each)
    assert not report.findings


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 1, 3), (0, 1, 3), (3,)], ids=str)
def test_evidence_stands_where_it_is_said_to_in_a_ring_however_its_batches_come(tmp_path, order):
    packets = [each for flow in range(10) for each in exchange(flow, 1, flow, outer=OTHER if flow > 7 else THERE)]
    file = tmp_path / "node3_eth1.pcap"
    file.write_bytes(pcap(packets, link_type=ETHERNET))
    capture = CaptureFile(str(file))
    (records,) = capture.batches()
    ring = str(tmp_path / "ring.pcapng")
    recording = Recording(ring, Limits(file_packets=10))
    number = recording.describe(capture.interfaces[0])
    parts = [records.rows(slice(first, stop)) for first, stop in ((0, 8), (8, 10), (10, 14), (14, 20))]
    places = [recording.take(part, [number]) for part in parts]
    recording.close()
    judge = LiveJudge(TIMEOUT)
    source = judge.source(ring, list(capture.interfaces))
    judge.describe(source, 0)
    for which in order:
        part, place = parts[which], places[which]
        judge.stands_in(place.file, place.before)
        judge.take(source, part, place.number, int(part.time[-1]))
        judge.pass_time(int(part.time[-1]), idle=False)
    evidence = [each for finding in judge.finish().findings for each in finding.evidence]
    assert evidence
    for each in evidence:
        (recorded,) = CaptureFile(each.file).batches()
        assert recorded.time[each.frame - 1] == each.time
