"""What the lists of the view hold, row by row, and which exchanges have the words that were asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ipipscope.language.said import say
from ipipscope.language.told import told
from ipipscope.model import SECOND, VERDICTS
from ipipscope.report.ladder_text import WORDS, flow_text
from ipipscope.report.times import clock, lasting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipipscope.analysis import Analysis
    from ipipscope.decoder.columns import Array
    from ipipscope.model import Flow
    from ipipscope.report.kept_exchanges import KeptExchanges


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a list.

    same: what makes it the same in a later analysis, in which it may stand elsewhere.
    number: of the finding or point, from 0; of the exchange, from 1.
    """

    same: object
    number: int
    cells: tuple[str, ...]
    style: str = ""


STYLES = {"answered": "green", "unanswered": "bold red", "undecided": "yellow"}


def finding_rows(analysis: Analysis) -> list[Row]:
    """The findings, the one that explains most first."""
    rows = []
    for number, finding in enumerate(analysis.findings):
        where = f"{finding.node or '?'}:{finding.interface}" if finding.interface else finding.node or "?"
        impact, confidence = told(say(finding.impact.value)), told(say(finding.confidence.value))
        cells = (f"{number + 1}", f"{finding.code} {finding.rule}", where, f"{finding.count:,}", impact, confidence)
        same = finding.code, finding.node, finding.interface, tuple(str(pair) for pair in finding.tunnels)
        rows.append(Row(same, number, cells))
    return rows


def point_rows(analysis: Analysis) -> list[Row]:
    """The capture points, by name."""
    rows = []
    for number, point in enumerate(analysis.report.points):
        ipip = sum(count for kind, count in point.kinds.items() if kind.startswith("ipip"))
        times = ["-" if time is None else clock(time)[:12] for time in (point.first, point.last)]
        named = (point.point.node, point.point.interface, told(say(point.role.value)))
        rows.append(Row(point.point, number, (*named, f"{point.packets:,}", f"{ipip:,}", *times)))
    return rows


def exchange_rows(analysis: Analysis, kept: KeptExchanges, numbers: Sequence[int]) -> list[Row]:
    """Those of these numbers."""
    exchanges = analysis.correlation.exchanges
    if exchanges is None:
        return []
    journeys = {journey.row: journey for journey in analysis.correlation.journeys}
    rows = []
    for number in numbers:
        row = analysis.rows[number - 1]
        journey = journeys[int(exchanges.journey[row])]
        request, reply, port = int(exchanges.request[row]), int(exchanges.reply[row]), int(exchanges.port[row])
        time, sequence = int(kept.time[number - 1]), int(exchanges.number[row])
        verdict = analysis.judgement.verdict(journey.row, time)
        assert verdict is not None  # it is counted: it has one
        flow = replace(journey.flow, sport=port) if port else journey.flow
        trip = lasting(reply - request) if verdict.answered and request and reply else ""
        word = told(say(verdict.word))
        cells = (f"{number}", clock(time)[:12], word, verdict.code or "", trip, flow_text(flow, sequence))
        rows.append(Row((time, flow, sequence), number, cells, STYLES[verdict.word]))
    return rows


def matching(analysis: Analysis, kept: KeptExchanges, words: str) -> Array:
    """Numbers of the exchanges in which every word stands: addresses, ports, id, seq, time, verdict or rule."""
    exchanges = analysis.correlation.exchanges
    if exchanges is None or not words.strip():
        return np.arange(1, len(kept.time) + 1)
    rows = np.array(analysis.rows, "i8")
    flows = {journey.row: _words_of(journey.flow) for journey in analysis.correlation.journeys}
    known, journey = np.unique(exchanges.journey[rows], return_inverse=True)
    seconds, second = np.unique(kept.time // SECOND, return_inverse=True)
    rules = [f"{finding.code} {finding.rule}".lower() for finding in analysis.findings]
    verdicts = [f"{word} {told(WORDS[word][0])}".lower() for word in VERDICTS]
    hit = np.ones(len(rows), bool)
    for word in words.lower().split():
        found = np.array([word in flows[each] for each in known.tolist()], bool)[journey]
        # "answered" stands in "unanswered": who asks for one does not ask for the other.
        started = [any(each.startswith(word) for each in verdict.split()) for verdict in verdicts]
        found |= np.array(started, bool)[kept.verdict]
        found |= np.array([*(word in rule for rule in rules), False], bool)[kept.finding]
        if word.isdecimal():
            value = int(word)
            found |= (exchanges.number[rows] == value) | (exchanges.port[rows] == value)
        if ":" in word:
            times = np.array([word.partition(".")[0] in clock(int(each) * SECOND)[:8] for each in seconds], bool)
            at = times[second]
            if "." in word:
                at[at] = [word in clock(int(each)) for each in kept.time[at]]
            found |= at
        hit &= found
    return np.flatnonzero(hit) + 1


def _words_of(flow: Flow) -> str:
    return flow_text(flow, None).lower() + (" seq" if flow.protocol == "icmp" else "")
