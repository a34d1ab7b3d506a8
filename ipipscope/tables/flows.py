"""The flow table: one row a conversation, both directions and all capture points put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ipipscope.correlator.conversations import conversations
from ipipscope.model import VERDICTS
from ipipscope.tables.exchanges import exchange_table
from ipipscope.tables.table import NO_TIME, Column, Form, Table, labelled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ipaddress import IPv4Address

    from ipipscope.analysis import Analysis
    from ipipscope.correlator.conversations import Conversation
    from ipipscope.decoder.columns import Array

NO_HEADER: Final = "0"
"""Packets whose inner header could not be read: no conversation of anybody."""
KEY: Final = ("src", "dst", "protocol", "id", "sport", "dport")


def flow_table(analysis: Analysis) -> Table:
    """A row a conversation, in order of its first packet: what has one pair of inner addresses, protocol and ports, or
    ICMP identifier.

    `sent_*` is the requester's direction, `returned_*` the other. Packets and octets (of inner IP packets) are those of
    the one place that saw most of them, so that none is counted twice. Behind them stand its exchanges.
    """
    correlation = analysis.correlation
    if correlation.flows is None:
        raise ValueError("the analysis counts no flows: call analyse(..., keep=True)")
    found = [each for each in conversations(correlation.flows, correlation.stations) if each.protocol != NO_HEADER]
    columns = {
        "src": _addresses([each.src for each in found]),
        "dst": _addresses([each.dst for each in found]),
        "protocol": labelled([each.protocol for each in found]),
        "id": _numbers([each.id for each in found], "u2"),
        "sport": _numbers([each.sport for each in found], "u2"),
        "dport": _numbers([each.dport for each in found], "u2"),
        "first": Column(Form.TIME, np.array([each.first for each in found], "i8")),
        "last": Column(Form.TIME, np.array([each.last for each in found], "i8")),
    }
    for name, ways in (("sent", [each.forward for each in found]), ("returned", [each.back for each in found])):
        for count in ("packets", "octets", "encapsulated", "native", "retransmissions"):
            columns[f"{name}_{count}"] = Column(Form.NUMBER, np.array([getattr(way, count) for way in ways], "u8"))
        busiest = [way.outers[0] if way.outers else None for way in ways]
        columns[f"{name}_outer_src"] = _addresses([pair.src if pair else None for pair in busiest])
        columns[f"{name}_outer_dst"] = _addresses([pair.dst if pair else None for pair in busiest])
    return Table(columns | _exchanges(analysis, found))


def _exchanges(analysis: Analysis, found: Sequence[Conversation]) -> dict[str, Column]:
    """The exchanges of each conversation counted by verdict, with their round trips."""
    column = exchange_table(analysis).columns
    places = {
        (int(each.src), int(each.dst), each.protocol, each.id, each.sport, each.dport): place
        for place, each in enumerate(found)
    }
    flow = _places(column, places)
    rows, known = len(found), flow >= 0
    made = {"exchanges": _counted(flow[known], rows)}
    for word in VERDICTS:
        labels = column["verdict"].labels
        place = labels.index(word) if word in labels else -2
        made[word] = _counted(flow[known & (column["verdict"].values == place)], rows)
    timed = known & ~column["rtt"].absent()
    trip, of = column["rtt"].values[timed], flow[timed]
    many = np.bincount(of, minlength=rows)
    mean = np.bincount(of, weights=trip, minlength=rows) / np.maximum(many, 1)
    for name, values in (
        ("rtt_shortest", _least(trip, of, rows)),
        ("rtt_mean", mean.round().astype("i8")),
        ("rtt_longest", -_least(-trip, of, rows)),
    ):
        made[name] = Column(Form.DURATION, np.where(many > 0, values, NO_TIME))
    return made


def _places(column: Mapping[str, Column], places: Mapping[Any, int]) -> Array:
    """The conversation of each exchange; -1 where it is none of these: a flow beyond the table's bound."""
    keys = [np.where(column[name].absent(), -1, column[name].values.astype("i8")) for name in KEY]
    distinct, of = np.unique(np.stack(keys, axis=1), axis=0, return_inverse=True)
    words = column["protocol"].labels
    found = [
        places.get((src, dst, words[protocol], *(None if each < 0 else each for each in numbers)), -1)
        for src, dst, protocol, *numbers in distinct.tolist()
    ]
    return np.array(found, "i8")[of.reshape(-1)] if found else np.zeros(0, "i8")


def _counted(flow: Array, rows: int) -> Column:
    return Column(Form.NUMBER, np.bincount(flow, minlength=rows).astype("u4"))


def _least(values: Array, group: Array, groups: int) -> Array:
    """The least value of each group; the largest i8 for a group that has none."""
    least = np.full(groups, np.iinfo("i8").max)
    np.minimum.at(least, group, values)
    return least


def _addresses(values: Sequence[IPv4Address | None]) -> Column:
    missing = np.array([value is None for value in values], bool)
    return Column(Form.ADDRESS, np.array([0 if value is None else int(value) for value in values], "u4"), missing)


def _numbers(values: Sequence[int | None], dtype: str) -> Column:
    missing = np.array([value is None for value in values], bool)
    return Column(Form.NUMBER, np.array([value or 0 for value in values], dtype), missing)
