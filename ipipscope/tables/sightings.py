"""The sighting table: one row a packet of an exchange at one capture point, in path order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ipipscope.decoder.columns import Direction
from ipipscope.tables.exchanges import kept
from ipipscope.tables.table import Column, Form, Table, labelled

if TYPE_CHECKING:
    from ipipscope.analysis import Analysis
    from ipipscope.correlator.looks import Look
    from ipipscope.decoder.columns import Array


def sighting_table(analysis: Analysis) -> Table:
    """Each exchange's sightings together: requests first, node by node, each node's in order of time."""
    exchanges = kept(analysis)
    rows = np.array(analysis.rows, "i8")
    counts = exchanges.stop[rows] - exchanges.start[rows]
    total = int(counts.sum())
    exchange = np.repeat(np.arange(1, len(rows) + 1, dtype="u4"), counts)
    before = np.cumsum(counts) - counts
    step = np.arange(total) - np.repeat(before, counts)
    at = np.repeat(exchanges.start[rows], counts) + step
    token = exchanges.token[at]
    looks = exchanges.looks
    stations = analysis.correlation.stations
    points = [stations[look.station].point for look in looks]
    roles = [stations[look.station].role for look in looks]
    files = tuple(analysis.files)
    pairs = [look.outer for look in looks]

    def numbers(values: list[int], dtype: str) -> Array:
        return np.array(values, dtype)[token] if looks else np.zeros(0, dtype)

    bare = numbers([pair is None for pair in pairs], "?")
    harmless = numbers([look.error is None for look in looks], "?")
    return Table(
        {
            "exchange": Column(Form.NUMBER, exchange),
            "step": Column(Form.NUMBER, (step + 1).astype("u2")),
            "time": Column(Form.TIME, exchanges.time[at]),
            "leg": labelled([look.leg.value for look in looks]).pick(token),
            "node": labelled([point.node for point in points]).pick(token),
            "point": labelled([str(point) for point in points]).pick(token),
            "role": labelled([None if role is None else role.value for role in roles]).pick(token),
            "direction": labelled([_direction(look) for look in looks]).pick(token),
            "depth": Column(Form.NUMBER, numbers([look.depth for look in looks], "u1")),
            "outer_src": Column(Form.ADDRESS, numbers([int(pair.src) if pair else 0 for pair in pairs], "u4"), bare),
            "outer_dst": Column(Form.ADDRESS, numbers([int(pair.dst) if pair else 0 for pair in pairs], "u4"), bare),
            "outer_ttl": Column(Form.NUMBER, numbers([look.outer_ttl for look in looks], "u1"), bare),
            "inner_ttl": Column(Form.NUMBER, numbers([look.inner_ttl for look in looks], "u1")),
            "src_mac": _macs(numbers([look.src_mac for look in looks], "u8")),
            "dst_mac": _macs(numbers([look.dst_mac for look in looks], "u8")),
            "error_type": Column(Form.NUMBER, numbers([_error(look, 0) for look in looks], "u1"), harmless),
            "error_code": Column(Form.NUMBER, numbers([_error(look, 1) for look in looks], "u1"), harmless),
            "error_src": Column(Form.ADDRESS, numbers([int(look.error_from or 0) for look in looks], "u4"), harmless),
            "file": Column(Form.LABEL, exchanges.source[at].astype("i4"), labels=files),
            "frame": Column(Form.NUMBER, exchanges.frame[at]),
        }
    )


def _macs(values: Array) -> Column:
    return Column(Form.MAC, values, values == 0)


def _error(look: Look, place: int) -> int:
    return look.error[place] if look.error else 0


def _direction(look: Look) -> str | None:
    return look.direction.name.lower() if look.direction is not Direction.UNKNOWN else None
