"""The packet table: every column of the decoder, and the file and capture point that each packet comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ipipscope.decoder import ipv4
from ipipscope.decoder.columns import COLUMNS, Columns, Direction, Flags, Kind, Part
from ipipscope.tables.table import Column, Form, Table, join

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ipipscope.decoder.columns import Array
    from ipipscope.sources import Decoded

ROWS: Final = 1 << 17
"""Packets of a batch that is handed out."""
FORMS: Final = {
    "time": Form.TIME,
    "src_mac": Form.MAC,
    "dst_mac": Form.MAC,
    **dict.fromkeys(
        ("outer_src", "outer_dst", "inner_src", "inner_dst", "quoted_src", "quoted_dst"),
        Form.ADDRESS,
    ),
}
WORDS: Final[dict[str, tuple[int, tuple[str, ...]]]] = {
    "kind": (0, tuple(kind.label for kind in Kind)),
    "part": (1, tuple(part.name.lower().replace("_", "-") for part in Part if part)),
    "direction": (1, tuple(direction.name.lower() for direction in Direction if direction)),
}
"""Columns whose numbers have names, and the number of the first; 0 below it says that there is none."""
LEFT_OUT: Final = frozenset({"interface"})
"""Its number means nothing without its file; `point` names it."""
ORDER: Final = ("file", "frame", "time", "point")


class PacketTables:
    """Makes tables of the batches of several files; `file` and `point` have the same labels in all of them."""

    def __init__(self, sources: Sequence[Decoded]) -> None:
        self._sources = sources
        self._points: dict[str, int] = {}

    def __iter__(self) -> Iterator[Table]:
        """A table a decoded batch, file by file, in file order; an empty one where there is no packet at all."""
        files = tuple(source.file.path for source in self._sources)
        began = False
        for number, source in enumerate(self._sources):
            for batch in source.batches():
                began = True
                yield self._table(batch, number, files, self._point(source, batch))
        if not began:
            yield self._table(Columns.empty(0), 0, files, Column(Form.LABEL, np.zeros(0, "i4")))

    @staticmethod
    def _table(batch: Columns, number: int, files: tuple[str, ...], point: Column) -> Table:
        columns = packet_columns(batch)
        columns["file"] = Column(Form.LABEL, np.full(len(batch), number, "i4"), labels=files)
        columns["point"] = point
        head = {name: columns.pop(name) for name in ORDER}
        return Table(head | columns)

    def _point(self, source: Decoded, batch: Columns) -> Column:
        codes = np.empty(len(source.file.interfaces), "i4")
        for interface in range(len(codes)):
            label = str(source.point_of(interface)[0])
            codes[interface] = self._points.setdefault(label, len(self._points))
        return Column(Form.LABEL, codes[batch.interface], labels=tuple(self._points))


def gathered(tables: Iterator[Table], rows: int = ROWS) -> Iterator[Table]:
    """The same rows in fewer, larger tables of about *rows* rows; one at least."""
    waiting: list[Table] = []
    count = 0
    begun = False
    for table in tables:
        if waiting and not count:  # an empty one was kept for its columns alone
            waiting.clear()
        waiting.append(table)
        count += len(table)
        if count >= rows:
            yield join(waiting)
            waiting, count, begun = [], 0, True
    if count or (waiting and not begun):
        yield join(waiting)


def packet_columns(batch: Columns) -> dict[str, Column]:
    """The decoder's columns of a batch, each knowing which packets lack it."""
    absent = _absent(batch)
    columns = {}
    for name in COLUMNS:
        if name in LEFT_OUT:
            continue
        values = getattr(batch, name)
        if name in WORDS:
            first, words = WORDS[name]
            columns[name] = Column(Form.LABEL, values.astype("i4") - first, labels=words)
        else:
            columns[name] = Column(FORMS.get(name, Form.NUMBER), values, absent.get(name))
    return columns


def _absent(batch: Columns) -> dict[str, Array]:
    """Which packets lack a column: 0 is an ICMP type, an address and a port number too."""
    kind, flags, part, proto = batch.kind, batch.flags, batch.part, batch.inner_proto
    carries_inner = np.zeros(len(Kind), bool)
    carries_inner[[Kind.NATIVE, Kind.IPIP]] = True
    inner = carries_inner[kind] | (batch.inner_src != 0) | (batch.inner_dst != 0)
    carries_outer = np.zeros(len(Kind), bool)
    carries_outer[[Kind.IPIP, Kind.IPIP_FRAGMENT, Kind.IPIP_OPAQUE, Kind.IPV6_UNDER_IPIP]] = True
    outer = carries_outer[kind] | (batch.outer_src != 0) | (batch.outer_dst != 0)
    # A header that ends the way inwards although it announces another one: its fields beyond addresses were not kept.
    whole = inner & ((proto != ipv4.PROTOCOL_IPIP) | (batch.fragment_offset > 0))
    unharmed = (flags & np.uint16(Flags.CUT | Flags.MALFORMED)) == 0
    transport = whole & (batch.fragment_offset == 0) & unharmed
    tcp = transport & (proto == ipv4.PROTOCOL_TCP)
    ports = tcp | (transport & (proto == ipv4.PROTOCOL_UDP))
    icmp = transport & (proto == ipv4.PROTOCOL_ICMP)
    echo = (part == Part.ECHO_REQUEST) | (part == Part.ECHO_REPLY)
    quoted = batch.quoted_depth > 0
    number_quoted = quoted & ((flags & np.uint16(Flags.QUOTE_CUT)) == 0)
    icmp_quoted = number_quoted & (batch.quoted_proto == ipv4.PROTOCOL_ICMP)
    present: dict[str, Any] = {
        **dict.fromkeys(("outer_src", "outer_dst", "outer_ttl", "outer_tos", "outer_id"), outer),
        **dict.fromkeys(("inner_src", "inner_dst", "inner_proto"), inner),
        **dict.fromkeys(("inner_ttl", "inner_tos", "inner_id", "inner_length"), whole),
        "fragment_offset": whole | (kind == Kind.IPIP_FRAGMENT),
        "fragment_length": (flags & np.uint16(Flags.OUTER_FRAGMENT | Flags.INNER_FRAGMENT)) != 0,
        **dict.fromkeys(("icmp_type", "icmp_code"), icmp),
        **dict.fromkeys(("icmp_id", "icmp_seq"), echo),
        "icmp_mtu": batch.icmp_mtu > 0,
        **dict.fromkeys(("quoted_src", "quoted_dst", "quoted_proto", "quoted_depth"), quoted),
        "quoted_type": icmp_quoted,
        "quoted_word": number_quoted,
        "quoted_seq": number_quoted & ~icmp_quoted,
        **dict.fromkeys(("sport", "dport"), ports),
        **dict.fromkeys(("tcp_flags", "tcp_seq", "tcp_ack"), tcp),
        "payload_length": transport,
        "digest": batch.digest > 0,
        "vlan": batch.vlan > 0,
        "device": batch.device > 0,
        "src_mac": batch.src_mac > 0,
        "dst_mac": batch.dst_mac > 0,
    }
    return {name: ~there for name, there in present.items()}
