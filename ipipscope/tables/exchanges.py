"""The exchange table: one row a request with its reply, with the verdict on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ipipscope.correlator.looks import LEGS
from ipipscope.model import Leg
from ipipscope.tables.table import NO_TIME, Column, Form, Table, labelled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipipscope.analysis import Analysis
    from ipipscope.correlator.exchanges import Exchanges
    from ipipscope.correlator.journey import Journey
    from ipipscope.decoder.columns import Array
    from ipipscope.model import Verdict


def kept(analysis: Analysis) -> Exchanges:
    """The exchanges one by one; raises ValueError where the analysis was not asked to keep them."""
    if analysis.correlation.exchanges is None:
        raise ValueError("the analysis keeps no exchanges: call analyse(..., keep=True)")
    return analysis.correlation.exchanges


def exchange_table(analysis: Analysis) -> Table:
    """A row an exchange, in order of capture time; `exchange` is its number in `ipipscope show --exchange`."""
    exchanges = kept(analysis)
    rows = np.array(analysis.rows, "i8")
    journeys = Journeys(analysis)
    of = journeys.place[exchanges.journey[rows]] if len(rows) else np.zeros(0, "i8")
    request, reply = exchanges.request[rows], exchanges.reply[rows]
    told, verdicts = analysis.judgement.verdicts(exchanges.journey[rows], np.where(request > 0, request, reply))
    icmp = journeys.icmp[of]
    port = exchanges.port[rows]
    first_outer = {leg: journeys.outer(leg) for leg in (Leg.REQUEST, Leg.REPLY)}

    def of_verdict(make: Callable[[Verdict], str | None]) -> Column:
        column = labelled([make(verdict) for verdict in verdicts])
        return Column(Form.LABEL, column.values[told], labels=column.labels)

    columns = {
        "exchange": Column(Form.NUMBER, np.arange(1, len(rows) + 1, dtype="u4")),
        "request": Column(Form.TIME, np.where(request > 0, request, NO_TIME)),
        "reply": Column(Form.TIME, np.where(reply > 0, reply, NO_TIME)),
        "rtt": Column(Form.DURATION, round_trips(analysis, rows)),
        "src": Column(Form.ADDRESS, journeys.src[of]),
        "dst": Column(Form.ADDRESS, journeys.dst[of]),
        "protocol": journeys.protocol.pick(of),
        "id": Column(Form.NUMBER, journeys.id[of].astype("u2"), journeys.id[of] < 0),
        "sport": Column(Form.NUMBER, port, icmp | (port == 0)),
        "dport": Column(Form.NUMBER, journeys.dport[of].astype("u2"), journeys.dport[of] < 0),
        "sequence": Column(Form.NUMBER, exchanges.number[rows], journeys.protocol.values[of] == journeys.udp),
        "length": Column(Form.NUMBER, exchanges.length[rows]),
        "verdict": of_verdict(lambda verdict: verdict.word),
        "rule": of_verdict(lambda verdict: verdict.code),
        "finding": _findings(verdicts, told),
        "requester": journeys.node(analysis, requester=True).pick(of),
        "replier": journeys.node(analysis, requester=False).pick(of),
    }
    for leg, (source, destination, missing) in first_outer.items():
        columns[f"{leg.value}_outer_src"] = Column(Form.ADDRESS, source[of], missing[of])
        columns[f"{leg.value}_outer_dst"] = Column(Form.ADDRESS, destination[of], missing[of])
    columns["sightings"] = Column(Form.NUMBER, (exchanges.stop[rows] - exchanges.start[rows]).astype("u4"))
    return Table(columns)


def round_trips(analysis: Analysis, rows: Array) -> Array:
    """From the request's first sighting to the reply's at the very same station, i8, nanoseconds.

    NO_TIME where that station did not see the reply: a lost one, or one that came back another way.
    """
    exchanges = kept(analysis)
    if not len(exchanges.token):
        return np.full(len(rows), NO_TIME)
    leg = np.array([LEGS.index(look.leg) for look in exchanges.looks], "i1")[exchanges.token]
    station = np.array([look.station for look in exchanges.looks], "i4")[exchanges.token]
    of = np.empty(len(exchanges.token), "i8")
    for_rows = np.argsort(exchanges.start, kind="stable")
    of[:] = np.repeat(for_rows, (exchanges.stop - exchanges.start)[for_rows])
    asked = leg == LEGS.index(Leg.REQUEST)
    begin = np.full(len(exchanges), np.iinfo("i8").max)
    np.minimum.at(begin, of[asked], exchanges.time[asked])
    at = np.full(len(exchanges), -1, "i4")
    first = asked & (exchanges.time == begin[of])
    at[of[first]] = station[first]
    back = (leg == LEGS.index(Leg.REPLY)) & (station == at[of])
    end = np.full(len(exchanges), np.iinfo("i8").max)
    np.minimum.at(end, of[back], exchanges.time[back])
    known = (end < np.iinfo("i8").max) & (end >= begin)
    return np.where(known, end - np.where(known, begin, 0), NO_TIME)[rows]


class Journeys:
    """What the exchanges of a journey have in common, an entry a journey."""

    def __init__(self, analysis: Analysis) -> None:
        self.all: Sequence[Journey] = analysis.correlation.journeys
        rows = [journey.row for journey in self.all]
        self.place = np.full(max(rows, default=-1) + 1, -1, "i8")
        """By row of the journey, where it stands here."""
        self.place[rows] = np.arange(len(rows))
        flows = [journey.flow for journey in self.all]
        self.src = np.array([int(flow.src) for flow in flows], "u4")
        self.dst = np.array([int(flow.dst) for flow in flows], "u4")
        self.protocol = labelled([flow.protocol for flow in flows])
        self.id = np.array([-1 if flow.id is None else flow.id for flow in flows], "i4")
        self.dport = np.array([-1 if flow.dport is None else flow.dport for flow in flows], "i4")
        self.icmp = np.array([flow.protocol == "icmp" for flow in flows], bool)
        self.udp = self.protocol.labels.index("udp") if "udp" in self.protocol.labels else -2

    def outer(self, leg: Leg) -> tuple[Array, Array, Array]:
        """Outer source and destination of each journey's first sighting of *leg* that has them; and which has none."""
        pairs = [next((look.outer for look in each.looks(leg) if look.outer), None) for each in self.all]
        source = np.array([0 if pair is None else int(pair.src) for pair in pairs], "u4")
        destination = np.array([0 if pair is None else int(pair.dst) for pair in pairs], "u4")
        return source, destination, np.array([pair is None for pair in pairs], bool)

    def node(self, analysis: Analysis, *, requester: bool) -> Column:
        """The requester's or the replier's node; none where it is not known."""
        sides = analysis.judgement.sides
        side = sides.origin if requester else sides.target
        return labelled([side(journey, Leg.REQUEST) for journey in self.all])


def _findings(verdicts: Sequence[Verdict], told: Array) -> Column:
    """Place among the findings, from 0, as in the finding table."""
    places: Any = np.array([-1 if verdict.finding is None else verdict.finding for verdict in verdicts], "i8")[told]
    return Column(Form.NUMBER, np.maximum(places, 0).astype("u4"), places < 0)
