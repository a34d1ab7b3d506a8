"""The picture of a path: its columns, marks and links, worked out before anybody draws them.

Columns stand in the order of the request's way, the requester's on the left; the reply's row is read from right to
left. The terminal and the HTML page draw the same picture.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Final

from ipipscope.language.said import say
from ipipscope.language.told import told
from ipipscope.model import Leg, Passage, Role

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from ipaddress import IPv4Address

    from ipipscope.language.said import Said
    from ipipscope.model import ErrorSeen, Hop, OuterPair, PathSeen

LABELS: Final = {
    Role.WORKLOAD: say("pod"),
    Role.TUNNEL: say("tunnel"),
    Role.OTHER_TUNNEL: say("other tunnel"),
    Role.PHYSICAL: say("NIC"),
}


class Mark(StrEnum):
    """What stands where a row crosses a column."""

    SEEN = "seen"
    UNWATCHED = "not recorded"
    BROKEN = "missing"
    """The first place where it should have been seen and was not."""
    AFTER = "not reached"
    """Further places behind the break."""


class Link(StrEnum):
    """How a packet goes from one column to the next."""

    INSIDE = "inside"
    """Within a node."""
    IPIP = "ipip"
    """Between nodes, with an outer header."""
    NATIVE = "native"
    """Between nodes, without."""
    BROKEN = "broken"
    """It should have gone there and did not arrive."""


@dataclass(frozen=True, slots=True)
class Column:
    """One place: a node's workload, tunnel or NIC."""

    node: str | None
    role: Role
    interface: str | None

    @property
    def label(self) -> str:
        """The interface, or what it is where one capture showed all interfaces."""
        return told(LABELS[self.role]) if self.interface is None or self.interface == "any" else self.interface


@dataclass(frozen=True, slots=True)
class Stretch:
    """A link from one column to another; they need not be neighbours."""

    start: int
    end: int
    link: Link


@dataclass(slots=True)
class Row:
    """The request's or the reply's way.

    marks: by column.
    outer: the outer pair between the nodes, None where it was not seen encapsulated.
    strange: addresses of it that do not mirror the other leg's.
    broken: the column of the break.
    """

    leg: Leg
    marks: dict[int, Mark] = field(default_factory=dict)
    stretches: list[Stretch] = field(default_factory=list)
    outer: OuterPair | None = None
    strange: frozenset[IPv4Address] = frozenset()
    broken: int | None = None
    native: bool = False
    """It crossed a NIC without an outer header."""
    seen: bool = False


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """An ICMP error's way back, leftwards where it is about the request.

    places: columns where it was seen, in the order of its way.
    origin: the column that stands for its sender; None for a sender that is no column, between two groups.
    beside: the group of columns that it came to first.
    """

    error: ErrorSeen
    places: tuple[int, ...]
    origin: int | None
    beside: int

    @property
    def leftwards(self) -> bool:
        """Whether it goes to the requester's side."""
        return self.error.about is Leg.REQUEST


@dataclass(frozen=True, slots=True)
class Picture:
    """Columns from the requester to the replier, and the rows of request and reply.

    ends: inner address of requester and replier.
    sender, answerer: how many columns belong to the requester's node, and to the replier's.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    ends: tuple[str, str]
    sender: int
    answerer: int
    errors: tuple[ErrorRow, ...] = ()

    def groups(self) -> list[tuple[str | None, int, int]]:
        """Neighbouring columns of one node: its name, the first and the last of them."""
        found: list[tuple[str | None, int, int]] = []
        for number, column in enumerate(self.columns):
            edge = number in {self.sender, len(self.columns) - self.answerer}
            if found and found[-1][0] == column.node and not edge:
                found[-1] = (column.node, found[-1][1], number)
            else:
                found.append((column.node, number, number))
        return found


def error_words(row: ErrorRow) -> Said:
    """What an error says, from whom to whom, and whether it was seen to arrive."""
    error = row.error
    sender = (
        str(error.sender) if error.node is None else say("{sender} on {node}", sender=error.sender, node=error.node)
    )
    what, to = error.what, error.to
    if error.arrived is None:
        return say("{what}, from {sender} to {to}", what=what, sender=sender, to=to)
    if error.arrived:
        return say("{what}, from {sender} to {to}: arrived", what=what, sender=sender, to=to)
    return say("{what}, from {sender} to {to}: not seen to arrive", what=what, sender=sender, to=to)


def picture(path: PathSeen) -> Picture | None:
    """Work out columns, marks and links; None where the path tells of no place."""
    legs = {leg: [hop for hop in path.hops if hop.leg is leg] for leg in (Leg.REQUEST, Leg.REPLY)}
    there, back = legs[Leg.REQUEST], legs[Leg.REPLY]
    if not there or not back:
        return None
    way = [*there, *reversed(back)]
    sender, answerer = there[0].node, there[-1].node
    left = _columns(hop for hop in way if hop.node == sender)
    right = _columns((hop for hop in way if hop.node == answerer), inwards=True) if answerer != sender else []
    between = _between([[hop for hop in leg if hop.node not in {sender, answerer}] for leg in (there, back[::-1])])
    columns = (*left, *between, *right)
    request, reply = (_row(leg, legs[leg], columns) for leg in legs)
    if request.outer is not None and reply.outer is not None:
        request.strange = frozenset({request.outer.src, request.outer.dst} - {reply.outer.src, reply.outer.dst})
        reply.strange = frozenset({reply.outer.src, reply.outer.dst} - {request.outer.src, request.outer.dst})
    ends = (str(path.flow.src), str(path.flow.dst))
    drawn = Picture(columns, (request, reply), ends, len(left), len(right))
    rows = [row for error in path.errors if (row := _error_row(error, drawn)) is not None]
    return replace(drawn, errors=tuple(rows))


def _error_row(error: ErrorSeen, picture: Picture) -> ErrorRow | None:
    """The way of an error; None where it was seen at no column."""
    leftwards = error.about is Leg.REQUEST
    roles = {(hop.node, hop.role) for hop in error.hops}
    places = sorted((n for n, at in enumerate(picture.columns) if (at.node, at.role) in roles), reverse=leftwards)
    if not places:
        return None
    back = -1 if leftwards else 1
    own = [n for n, at in enumerate(picture.columns) if error.node is not None and at.node == error.node]
    origin = None
    if own:
        row = picture.rows[0 if leftwards else 1]
        nearest = own[0] if leftwards else own[-1]
        seen = [n for n in own if row.marks.get(n) is Mark.SEEN] or [places[0] if places[0] in own else nearest]
        origin = max(seen) if leftwards else min(seen)
        if places == [origin] and origin - back in own:
            origin -= back  # it came to the first place from the next one
        if (origin - places[0]) * back > 0:
            origin = places[0]
    beside = next(n for n, (_, first, last) in enumerate(picture.groups()) if first <= places[0] <= last)
    return ErrorRow(error, tuple(places), origin, beside)


def _between(ways: Sequence[Sequence[Hop]]) -> list[Column]:
    """The columns of nodes passed on the way, from left to right: by one NIC in and out again, it stands there twice.

    ways: the places of each leg between the ends, both from the requester to the replier.
    """
    columns: list[Column] = []
    for way in sorted(ways, key=len, reverse=True):
        at = 0
        for column, _ in groupby(map(_column, way)):  # into a tunnel and out of it again is one place
            if column in columns[at:]:
                at = columns.index(column, at) + 1
            else:
                columns.insert(at, column)
                at += 1
    return columns


def _column(hop: Hop) -> Column:
    return Column(hop.node, hop.role, hop.interface)


def _columns(hops: Iterable[Hop], *, inwards: bool = False) -> list[Column]:
    """A node's columns from its workload outwards; a place without a name only where no other of its role has one."""
    order = list(LABELS)
    found = list(dict.fromkeys(map(_column, hops)))
    named = {column.role for column in found if column.interface is not None}
    kept = [column for column in found if column.interface is not None or column.role not in named]
    kept.sort(key=lambda column: order.index(column.role))
    return kept[::-1] if inwards else kept


def _place(hop: Hop, columns: Sequence[Column], used: Collection[int], *, backwards: bool) -> int:
    """The hop's column; where it stands twice, the next one on the way that is not *used* yet."""
    wanted = _column(hop)
    alike = [number for number, column in enumerate(columns) if column == wanted]
    if alike:
        alike = alike[::-1] if backwards else alike
        return next((number for number in alike if number not in used), alike[-1])
    return next(n for n, column in enumerate(columns) if (column.node, column.role) == (hop.node, hop.role))


def _row(leg: Leg, hops: Sequence[Hop], columns: Sequence[Column]) -> Row:
    row = Row(leg)
    seen = [place for place, hop in enumerate(hops) if hop.passage is Passage.SEEN]
    row.seen = bool(seen)
    last_seen = seen[-1] if seen else -1
    broken = next((n for n, hop in enumerate(hops) if hop.passage is Passage.MISSING and n > last_seen), None)
    previous: tuple[int, Hop] | None = None
    for number, hop in enumerate(hops):
        place = _place(hop, columns, row.marks, backwards=leg is Leg.REPLY)
        if hop.passage is Passage.SEEN:
            row.marks[place] = Mark.SEEN
            row.outer = row.outer or hop.outer
            row.native = row.native or (hop.role is Role.PHYSICAL and hop.outer is None)
        elif number == broken:
            row.marks[place], row.broken = Mark.BROKEN, place
        elif hop.passage is Passage.UNWATCHED:
            row.marks[place] = Mark.UNWATCHED
        elif broken is not None and number > broken:
            row.marks[place] = Mark.AFTER
        else:
            continue  # missing here, seen further on: it passed by
        if (
            previous is not None
            and previous[0] != place
            and (broken is None or number <= broken)
            and (seen or broken is None)
        ):
            row.stretches.append(Stretch(previous[0], place, _link(previous[1], hop, broken=number == broken)))
        previous = (place, hop)
    return row


def _link(one: Hop, other: Hop, *, broken: bool) -> Link:
    if broken:
        return Link.BROKEN
    if one.node == other.node:
        return Link.INSIDE
    return Link.IPIP if one.outer is not None or other.outer is not None else Link.NATIVE
