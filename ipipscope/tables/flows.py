"""The flow table: the exchanges of one requester with one replier, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ipipscope.tables.exchanges import WORDS, exchange_table
from ipipscope.tables.table import NO_TIME, Column, Form, Table

if TYPE_CHECKING:
    from ipipscope.analysis import Analysis
    from ipipscope.decoder.columns import Array

KEY = ("src", "dst", "protocol", "id", "dport")


def flow_table(analysis: Analysis) -> Table:
    """A row a flow, in order of its first exchange.

    A flow is what has one inner source and destination, protocol, and ICMP identifier or replier's port.
    """
    exchanges = exchange_table(analysis)
    column = exchanges.columns
    keys = [np.where(column[name].absent(), -1, column[name].values.astype("i8")) for name in KEY]
    order = np.lexsort(keys)
    changed = np.zeros(len(order), bool)
    for key in keys:
        changed[1:] |= np.diff(key[order]) != 0
    changed[:1] = True
    flow = np.empty(len(order), "i8")
    flow[order] = np.cumsum(changed) - 1
    flows = int(changed.sum())
    begin = np.where(column["request"].absent(), column["reply"].values, column["request"].values)
    first = _least(begin, flow, flows)
    last = -_least(-begin, flow, flows)
    verdict = column["verdict"]
    trip, timed = column["rtt"].values, ~column["rtt"].absent()
    asked = np.bincount(flow[timed], minlength=flows)
    total = np.bincount(flow[timed], weights=trip[timed], minlength=flows)
    mean = np.divide(total, asked, out=np.zeros(flows), where=asked > 0)
    examples = np.zeros(flows, "i8")
    examples[flow[::-1]] = np.arange(len(flow))[::-1]
    made = {name: column[name].pick(examples) for name in (*KEY, "requester", "replier")}
    made["exchanges"] = Column(Form.NUMBER, np.bincount(flow, minlength=flows).astype("u4"))
    for word in WORDS:
        place = verdict.labels.index(word) if word in verdict.labels else -2
        counted = np.bincount(flow[verdict.values == place], minlength=flows)
        made[word] = Column(Form.NUMBER, counted.astype("u4"))
    made["first"], made["last"] = Column(Form.TIME, first), Column(Form.TIME, last)
    made["rtt_shortest"] = _duration(_least(trip[timed], flow[timed], flows), asked)
    made["rtt_mean"] = _duration(mean.round().astype("i8"), asked)
    made["rtt_longest"] = _duration(-_least(-trip[timed], flow[timed], flows), asked)
    return Table(made).pick(np.argsort(first, kind="stable"))


def _least(values: Array, group: Array, groups: int) -> Array:
    """The least value of each group; the largest i8 for a group that has none."""
    least = np.full(groups, np.iinfo("i8").max)
    np.minimum.at(least, group, values)
    return least


def _duration(values: Array, count: Array) -> Column:
    return Column(Form.DURATION, np.where(count > 0, values, NO_TIME))
