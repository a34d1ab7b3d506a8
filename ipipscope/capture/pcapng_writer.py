"""Writes pcapng (draft-ietf-opsawg-pcapng): one section, named interfaces, nanoseconds, comments, statistics.

Little-endian, whatever the machine. What is handed in is a batch of the readers' records, what goes out is one write a
batch: a file that is cut anywhere opens with every batch before the cut.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from ipipscope.capture.pcapng import (
    BYTE_ORDER_MAGIC,
    IF_DESCRIPTION,
    IF_FILTER,
    IF_NAME,
    IF_OS,
    IF_TSRESOL,
    INTERFACE_DESCRIPTION,
    INTERFACE_STATISTICS,
    ISB_DELIVERED,
    ISB_DROPPED,
    ISB_END,
    ISB_RECEIVED,
    ISB_START,
    OURS,
    SECTION_HEADER,
    SHB_TOOL,
)
from ipipscope.capture.records import ENHANCED_PACKET_BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ipipscope.capture.packets import Interface, Records
    from ipipscope.decoder.columns import Array

# Option codes: §3.5 (any block), §4.1 (section)
END_OF_OPTIONS, COMMENT = 0, 1
SHB_HARDWARE, SHB_OS = 2, 3

NANOSECONDS: Final = b"\x09"
"""if_tsresol: ticks of 10**-9 seconds."""
FILTER_STRING: Final = b"\0"
"""if_filter: libpcap's text follows."""
OPTION_MAX: Final = 65_532
"""Octets of one option that are written: its length has 16 bits, and the padding has to fit as well."""
COMMENTS_MAX: Final = 65_000
"""Octets that all comments of one packet may take: readers believe 65,536 octets of options."""

# Enhanced Packet Block, §4.3, in words of 32 bits from the start of the block; the total length stands again at its end
TYPE, TOTAL, INTERFACE, TIME_HIGH, TIME_LOW, CAPTURED, WIRE, FRAME = range(8)
AROUND: Final = 32
"""Octets of the block around frame and options."""


class Sink(Protocol):
    """A binary file or pipe."""

    def write(self, octets: bytes | bytearray, /) -> object:
        """Take all *octets*."""
        ...


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)


def _option(code: int, value: bytes) -> bytes:
    """One option; its text is cut where the format has no room for it."""
    kept = value[:OPTION_MAX]
    return code.to_bytes(2, "little") + len(kept).to_bytes(2, "little") + _padded(kept)


def _text(code: int, text: str) -> bytes:
    """A text option; empty where there is nothing to say."""
    octets = text.encode("utf-8", "replace")[:OPTION_MAX]
    return _option(code, octets.decode("utf-8", "ignore").encode()) if text else b""


def _options(*options: bytes) -> bytes:
    """The options of a block, with their end; empty where there are none."""
    joined = b"".join(options)
    return joined + _option(END_OF_OPTIONS, b"") if joined else b""


def _block(kind: int, body: bytes) -> bytes:
    total = (len(body) + 12).to_bytes(4, "little")
    return kind.to_bytes(4, "little") + total + body + total


def _halves(time: int) -> bytes:
    """A time as the format has it: the upper 32 bits before the lower ones."""
    return (time >> 32).to_bytes(4, "little") + (time & 0xFFFFFFFF).to_bytes(4, "little")


def _comments(texts: str | Iterable[str]) -> bytes:
    """The options of a packet block: each text a comment, as far as they fit."""
    room, options = COMMENTS_MAX, b""
    for text in (texts,) if isinstance(texts, str) else texts:
        octets = text.encode("utf-8", "replace")[: max(0, room - 8)]
        option = _text(COMMENT, octets.decode("utf-8", "ignore"))
        options += option
        room -= len(option)
    return _options(options)


class PcapngWriter:
    """Writes one section to *sink*.

    sink: takes octets; each call below makes at most one write, of whole blocks.
    tool, os: what recorded; this program and this machine when not given.
    comment: on the whole file.
    interfaces: those written so far, in the order of their numbers.
    """

    def __init__(self, sink: Sink, *, tool: str = "", os: str = "", comment: str = "") -> None:
        from ipipscope import __version__  # noqa: PLC0415  (the package names this module's folder)

        self._sink = sink
        self.interfaces: list[Interface] = []
        options = _options(
            _text(COMMENT, comment),
            _text(SHB_OS, os or f"{platform.system()} {platform.release()}"),
            _text(SHB_TOOL, tool or f"{OURS} {__version__}"),
        )
        version_and_length = b"\x01\0\0\0" + b"\xff" * 8  # 1.0; a section of unknown length
        self._write(_block(SECTION_HEADER, BYTE_ORDER_MAGIC.to_bytes(4, "little") + version_and_length + options))

    def interface(self, described: Interface) -> int:
        """Describe one more interface; its number. Its resolution becomes nanoseconds."""
        head = described.link_type.to_bytes(2, "little") + bytes(2) + described.snaplen.to_bytes(4, "little")
        options = _options(
            _text(IF_NAME, described.name),
            _text(IF_DESCRIPTION, described.description),
            _option(IF_TSRESOL, NANOSECONDS),
            _option(IF_FILTER, FILTER_STRING + described.filter.encode("utf-8", "replace"))
            if described.filter
            else b"",
            _text(IF_OS, described.os),
        )
        self._write(_block(INTERFACE_DESCRIPTION, head + options))
        self.interfaces.append(described)
        return len(self.interfaces) - 1

    def packets(
        self,
        records: Records,
        numbers: Sequence[int] | None = None,
        comments: Mapping[int, str | Sequence[str]] | None = None,
    ) -> None:
        """Write a batch.

        numbers: the interface number here of each interface of the records' reader; the same when not given.
        comments: by row of the batch, texts to write with the packet.
        A packet without a time, or from before 1970, gets time 0: the format has nothing for it.
        """
        if not len(records):
            return
        interface = records.interface.astype("u4")
        if numbers is not None:
            interface = np.array(numbers, "u4")[interface]
        options = {row: _comments(texts) for row, texts in (comments or {}).items()}
        self._write(_enhanced(records, interface, options))

    def statistics(
        self,
        interface: int,
        *,
        time: int,
        received: int | None = None,
        dropped: int | None = None,
        kept: int | None = None,
        recorded: tuple[int, int] | None = None,
    ) -> None:
        """What the capture says of itself, at its end.

        time: of the statement; recorded: from when to when it recorded; nanoseconds since 1970.
        received, dropped: packets that the filter let through, and those of them that were lost.
        kept: packets that stand in this file.
        """
        options = _options(
            *(
                _option(code, _halves(moment))
                for code, moment in zip((ISB_START, ISB_END), recorded or (), strict=False)
            ),
            *(
                _option(code, count.to_bytes(8, "little"))
                for code, count in ((ISB_RECEIVED, received), (ISB_DROPPED, dropped), (ISB_DELIVERED, kept))
                if count is not None
            ),
        )
        self._write(_block(INTERFACE_STATISTICS, interface.to_bytes(4, "little") + _halves(time) + options))

    def _write(self, octets: bytes | bytearray) -> None:
        self._sink.write(octets)


def _enhanced(records: Records, interface: Array, options: Mapping[int, bytes]) -> bytearray:
    """The batch as Enhanced Packet Blocks."""
    captured = records.captured.astype("i8")
    sizes = AROUND + (captured + 3) // 4 * 4
    for row, octets in options.items():
        sizes[row] += len(octets)
    ends = np.cumsum(sizes)
    starts = ends - sizes
    blocks = bytearray(int(ends[-1]))
    # Everything but the frames stands on multiples of four octets: one column a field.
    words = np.frombuffer(blocks, "<u4")
    at = starts // 4
    time = np.maximum(records.time, 0)
    words[at + TYPE] = ENHANCED_PACKET_BLOCK
    words[at + TOTAL] = sizes
    words[at + INTERFACE] = interface
    words[at + TIME_HIGH] = time >> 32
    words[at + TIME_LOW] = time & 0xFFFFFFFF
    words[at + CAPTURED] = captured
    words[at + WIRE] = records.wire
    words[ends // 4 - 1] = sizes
    # One copy a frame: an index an octet, NumPy's way for frames of many lengths, is several times slower.
    source, target = memoryview(records.octets), memoryview(blocks)
    frames = starts + FRAME * 4
    for here, length, there in zip(frames.tolist(), captured.tolist(), records.offsets.tolist(), strict=True):
        target[here : here + length] = source[there : there + length]
    for row, octets in options.items():
        end = int(ends[row]) - 4
        target[end - len(octets) : end] = octets
    return blocks
