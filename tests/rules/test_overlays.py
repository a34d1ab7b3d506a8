"""Whatever the cluster, its traffic and the points that were recorded: healthy is healthy, and a break is where it is.

Clusters, conversations and recordings are drawn; what each point sees follows from how Linux forwards (`overlay`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from ipipscope.analysis import triage
from tests.rules.overlay import BEGIN, MILLISECOND, SECOND, Endpoint, Node, Overlay, capture_file, reply, request

NAMES = st.sampled_from([("node1", "node2", "node3"), ("k8s-a", "k8s-b", "k8s-c"), ("w-01", "w-02", "w-03")])
NICS = st.sampled_from([("eth1", "eth1", "eth1"), ("ens192", "eno1", "eth0"), ("bond0", "bond0", "eth0")])
CLOCKS = st.sampled_from([0, 0, 0, 3 * SECOND, -3 * SECOND, 3600 * SECOND, 4 * MILLISECOND, -50 * MILLISECOND])
SHARES = st.sampled_from([0.0, 0.0, 0.1, 0.3])
CUTS = "none", "a node's points together", "each point"


@dataclass(frozen=True)
class Stop:
    """Where a leg ends: so many points after its pod's; the rules that say so when those around it were recorded."""

    leg: str
    points: int
    rules: frozenset[str]


STOPS = [
    Stop(leg, points, frozenset(rules))
    for leg, found in (
        ("request", [{"IPIP102"}, {"IPIP102"}, {"IPIP307"}, {"IPIP301"}, {"IPIP302"}]),
        ("reply", [{"IPIP101"}, {"IPIP101"}, {"IPIP308"}, {"IPIP303"}, {"IPIP304"}]),
    )
    for points, rules in enumerate(found)
]
NO_REPLY = "IPIP306"
"""What may be said of any stop that lies beyond the points recorded."""


@dataclass(frozen=True)
class Conversation:
    """Requests from source to target, each answered."""

    source: Endpoint
    target: Endpoint
    kind: str
    count: int
    gap: int
    start: int
    id: int
    delay: int

    def take_place(self, overlay: Overlay, hop: int, stop: Stop | None = None) -> None:
        for number in range(self.count):
            asked = request(self.kind, self.source, self.target, number, id=self.id, size=56)
            answer = reply(self.kind, self.source, self.target, number, id=self.id, size=56)
            there = overlay.way(self.source, self.target, *asked)
            back = overlay.way(self.target, self.source, *answer)
            if stop is not None and stop.leg == "request":
                there, back = there[: stop.points + bool(self.source.cali)], []
            elif stop is not None:
                back = back[: stop.points + bool(self.target.cali)]
            overlay.show(back, overlay.show(there, self.start + number * self.gap, hop) + self.delay, hop)


@st.composite
def clusters(draw: st.DrawFn) -> list[Node]:
    names, nics, subnets = draw(NAMES), draw(NICS), draw(st.booleans())
    step, base = draw(st.sampled_from([1, 3])), draw(st.sampled_from([0xC0A8030A, 0x0A00000A]))
    return [
        Node(names[place], nics[place], base + place * step, 0x0A7A0040 + 0x4000 * place, place % 2 if subnets else 0)
        for place in range(draw(st.integers(2, 3)))
    ]


@st.composite
def conversations(draw: st.DrawFn, nodes: list[Node]) -> Conversation:
    here, there = draw(st.sampled_from(nodes)), draw(st.sampled_from(nodes))
    source = draw(st.sampled_from([here.pod(0), here.pod(0), here.host()]))
    target = draw(st.sampled_from([there.pod(1), there.pod(1), there.host()]))
    if source == target:
        source = here.pod(0)
    return Conversation(
        source,
        target,
        kind=draw(st.sampled_from(["ping", "ping", "tcp"])),
        count=draw(st.sampled_from([5, 10, 30])),
        gap=draw(st.sampled_from([10, 100, 1000])) * MILLISECOND,
        start=BEGIN + draw(st.integers(0, 3000)) * MILLISECOND,
        id=draw(st.integers(1, 0xFFFF)),
        delay=draw(st.sampled_from([50, 2000, 30000])),
    )


@st.composite
def recordings(draw: st.DrawFn, overlay: Overlay, cuts: tuple[str, ...] = CUTS) -> dict[str, bytes]:
    """Some of the points, each from its beginning to its end, by its node's clock: {file name: octets}."""
    cut = draw(st.sampled_from(cuts))
    times = [at for packets in overlay.seen.values() for at, _ in packets] or [BEGIN]
    first, length = min(times), max(times) - min(times)
    clocks: dict[str, int] = {}
    windows: dict[object, tuple[float, float]] = {}
    files = {}
    for point in sorted(overlay.seen):
        node, interface = point
        clock = clocks.setdefault(node, draw(CLOCKS))
        key = {CUTS[0]: None, CUTS[1]: node, CUTS[2]: point}[cut]
        if key not in windows:
            off = (draw(SHARES), draw(SHARES)) if cut != CUTS[0] else (0, 0)
            windows[key] = first + length * off[0], first + length * (1 - off[1])
        if not draw(st.sampled_from([True, True, True, False])):
            continue
        begin, end = windows[key]
        kept = [(at + clock, octets) for at, octets in overlay.seen[point] if begin <= at <= end]
        files[f"{node}_{interface}.pcap"] = capture_file(interface, kept, draw(st.sampled_from([262144, 262144, 96])))
    return files


@st.composite
def healthy(draw: st.DrawFn) -> dict[str, bytes]:
    nodes, overlay = draw(clusters()), Overlay(cross_subnet=draw(st.booleans()))
    for each in draw(st.lists(conversations(nodes), min_size=1, max_size=3)):
        each.take_place(overlay, draw(st.integers(5, 80)))
    return draw(recordings(overlay))


@st.composite
def broken(draw: st.DrawFn) -> tuple[dict[str, bytes], Stop]:
    """One conversation between two nodes breaks, others are healthy; each node's points were recorded together."""
    nodes, overlay = draw(clusters()), Overlay()
    stop = draw(st.sampled_from(STOPS))
    victim = draw(
        conversations(nodes[:2]).filter(lambda each: each.source.node != each.target.node and each.delay < each.gap)
    )
    if stop.leg == "reply" and not stop.points and not victim.target.cali:  # the host itself is silent
        stop = Stop(stop.leg, stop.points, frozenset({"IPIP302"}))
    victim.take_place(overlay, draw(st.integers(5, 80)), stop)
    for each in draw(st.lists(conversations(nodes), max_size=2)):
        if {each.source, each.target} != {victim.source, victim.target}:
            each.take_place(overlay, draw(st.integers(5, 80)))
    return draw(recordings(overlay, CUTS[:2])), stop


def alarms(files: dict[str, bytes]) -> list[tuple[str, str]]:
    with TemporaryDirectory() as folder:
        for name, octets in files.items():
            (Path(folder) / name).write_bytes(octets)
        found = triage([folder], state=[]).findings if files else ()
    return [(each.code, str(each.summary)) for each in found if each.impact != "none"]


@settings(max_examples=150, deadline=None)
@given(healthy())
def test_healthy_traffic_never_alarms(files: dict[str, bytes]) -> None:
    assert alarms(files) == []


@settings(max_examples=150, deadline=None)
@given(broken())
def test_a_break_is_told_where_it_is_or_not_at_all(case: tuple[dict[str, bytes], Stop]) -> None:
    files, stop = case
    first = alarms(files)[:1]
    assert not first or first[0][0] in {*stop.rules, NO_REPLY}, (first, stop)


def test_what_only_the_replying_pod_shows_is_not_answered() -> None:
    """Its node's requester was recorded, but later: those exchanges are no sign that the others were lost by chance."""
    here, there = Node("node1", "eth1", 0xC0A8030A, 0x0A7A0040), Node("node2", "eth1", 0xC0A8030B, 0x0A7A4040)
    overlay = Overlay()
    victim = Conversation(there.host(), here.pod(1), "ping", 20, 100 * MILLISECOND, BEGIN, id=1, delay=50)
    victim.take_place(overlay, 5, STOPS[5])
    windows = {"node1": (0.0, 2 * SECOND), "node2": (0.5 * SECOND, 1.5 * SECOND)}
    files = {}
    for (node, interface), packets in overlay.seen.items():
        if node == "node2" or interface.startswith("cali"):
            kept = [(at, octets) for at, octets in packets if windows[node][0] <= at - BEGIN < windows[node][1]]
            files[f"{node}_{interface}.pcap"] = capture_file(interface, kept)
    assert {code for code, _ in alarms(files)} <= {"IPIP101", NO_REPLY}
