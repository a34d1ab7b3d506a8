"""The picture of a path in a terminal: at any width, with and without Unicode, and with ICMP errors in it."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from ipipscope.analysis import triage
from ipipscope.model import ErrorSeen, Flow, Hop, Leg, OuterPair, Passage, PathSeen, Role
from ipipscope.report.lines import ASCII, cells
from ipipscope.report.path_picture import error_words, picture
from ipipscope.report.path_text import draw

CAPTURES = Path(__file__).parents[2] / "captures"
CASES = (
    "case-1-reply-not-encapsulated",
    "case-2-outer-source-mismatch",
    "rules/pod-mtu-too-large",
    "rules/pod-without-address",
    "rules/firewall-rejects-ipip",
    "rules/request-lost-underway",
    "rules/source-translated",
)
WIDTHS = (60, 80, 100, *range(121, 201, 13))
ROUTER, ASKS, ANSWERS = (IPv4Address(f"192.168.0.{host}") for host in (254, 1, 2))
POD, OTHER_POD = IPv4Address("10.1.1.2"), IPv4Address("10.1.2.2")


def first_path(case: str) -> PathSeen:
    path = triage([str(CAPTURES / case)]).findings[0].path
    assert path is not None
    return path


def drawn(path: PathSeen, width: int = 100) -> list[str]:
    shown = picture(path)
    assert shown is not None
    return ["".join(text for text, _ in line).rstrip() for line in draw(shown, width)]


@pytest.mark.parametrize("case", CASES)
def test_no_line_is_wider_than_the_terminal_and_all_of_it_has_an_ascii_form(case):
    path = first_path(case)
    for width in WIDTHS:
        lines = drawn(path, width)
        assert max(map(cells, lines)) <= width
        assert "\n".join(lines).translate(ASCII).isascii()


def way(leg: Leg, last: int) -> list[Hop]:
    """A leg's places: pod, tunnel and NIC of n1, then those of n2, or the other way round; not seen beyond *last*."""
    pair = OuterPair(ASKS, ANSWERS) if leg is Leg.REQUEST else OuterPair(ANSWERS, ASKS)
    ends = ("n1", "n2") if leg is Leg.REQUEST else ("n2", "n1")
    outwards = ((Role.WORKLOAD, "cali1"), (Role.TUNNEL, "tunl0"), (Role.PHYSICAL, "eth0"))
    places = [(ends[0], *place) for place in outwards] + [(ends[1], *place) for place in outwards[::-1]]
    return [
        Hop(
            leg=leg,
            node=node,
            role=role,
            interface=interface,
            passage=Passage.SEEN if number <= last else Passage.MISSING,
            outer=pair if role is Role.PHYSICAL else None,
        )
        for number, (node, role, interface) in enumerate(places)
    ]


def with_error(about: Leg, node: str | None, seen: list[tuple[str, Role]], *, arrived: bool | None) -> PathSeen:
    """A path whose request, or whose reply, is answered by an ICMP error that these places show."""
    request, reply = (way(Leg.REQUEST, 2), way(Leg.REPLY, -1)) if about is Leg.REQUEST else (
        way(Leg.REQUEST, 5), way(Leg.REPLY, 2)
    )  # fmt: skip
    hops = [
        Hop(leg=about, node=at, role=role, interface=None, passage=Passage.SEEN) for at, role in seen
    ]  # fmt: skip
    error = ErrorSeen(
        about=about,
        sender=ROUTER,
        to=ASKS if about is Leg.REQUEST else ANSWERS,
        node=node,
        what="host unreachable",
        hops=tuple(hops),
        arrived=arrived,
    )
    return PathSeen(Flow(POD, OTHER_POD, "icmp", 7), (*request, *reply), (error,))


def row_of(lines: list[str], name: str) -> str:
    return next(line for line in lines if line.strip().startswith(name))


def test_a_routers_error_about_the_request_comes_from_between_the_nodes_back_to_the_requesters():
    lines = drawn(with_error(Leg.REQUEST, None, [("n1", Role.PHYSICAL)], arrived=True))
    labels, error = lines[1], row_of(lines, "error")
    assert labels.index("eth0") < error.index("◆") < labels.rindex("eth0")
    assert error.index("●") < error.index("◀") < error.index("◆")
    assert "host unreachable, from 192.168.0.254 to 192.168.0.1: arrived" in "\n".join(lines)


def test_a_routers_error_about_the_reply_goes_to_the_repliers_node():
    lines = drawn(with_error(Leg.REPLY, None, [("n2", Role.PHYSICAL)], arrived=True))
    error = row_of(lines, "error")
    assert error.index("◆") < error.index("▶") < error.index("●")


def test_an_error_of_the_other_node_begins_there_and_passes_the_places_that_saw_it():
    seen = [("n2", Role.PHYSICAL), ("n1", Role.PHYSICAL), ("n1", Role.WORKLOAD)]
    lines = drawn(with_error(Leg.REQUEST, "n2", seen, arrived=True))
    labels, error = lines[1], row_of(lines, "error")
    assert error.index("◆") == pytest.approx(labels.rindex("eth0") + 2, abs=1)
    assert error.count("●") == 2
    assert error.count("◀") == 2
    assert "192.168.0.254 on n2" in "\n".join(lines)


def test_whether_an_error_arrived_is_said_where_something_recorded_there_only():
    ends = {}
    for arrived in (True, False, None):
        shown = picture(with_error(Leg.REQUEST, None, [("n1", Role.PHYSICAL)], arrived=arrived))
        assert shown is not None
        ends[arrived] = error_words(shown.errors[0]).partition("to 192.168.0.1")[2]
    assert ends == {True: ": arrived", False: ": not seen to arrive", None: ""}


@pytest.mark.parametrize(
    ("case", "sender", "node", "what"),
    [
        ("pod-mtu-too-large", "198.18.4.0", "fsn1-a", "fragmentation needed, MTU 1480"),
        ("pod-without-address", "10.233.90.0", "ip-10-12-5-32", "host unreachable"),
        ("firewall-rejects-ipip", "192.168.100.12", "fsn1-b", "host prohibited"),
    ],
)
@pytest.mark.parametrize("state", [True, False], ids=["state", "no-state"])
def test_recorded_errors_are_told_with_their_sender_and_that_they_arrived(case, sender, node, what, state):
    path = triage([str(CAPTURES / "rules" / case)], state=None if state else []).findings[0].path
    assert path is not None
    assert [(str(e.sender), e.node, e.what, e.arrived, e.about) for e in path.errors] == [
        (sender, node, what, True, Leg.REQUEST)
    ]
