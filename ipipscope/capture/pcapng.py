"""pcapng, per section and interface (draft-ietf-opsawg-pcapng): names, clocks, statistics.

Blocks that are no packets are read here, one by one; packet blocks go through the compiled walk. Unknown and custom
blocks are skipped by their length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ipipscope.capture import records
from ipipscope.capture.packets import Interface, Records, rows_of
from ipipscope.capture.pcap import LINK_TYPE_MASK, LONGEST, LONGEST_EVER
from ipipscope.capture.salvage import Salvage
from ipipscope.errors import CaptureDamaged, CaptureTruncated, CaptureUnreadable, InputError
from ipipscope.language.said import say

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from ipipscope.capture.window import Window
    from ipipscope.decoder.columns import Array

SECTION_HEADER: Final = 0x0A0D0D0A  # reads the same in both octet orders
INTERFACE_DESCRIPTION: Final = 1
INTERFACE_STATISTICS: Final = 5
BYTE_ORDER_MAGIC: Final = 0x1A2B3C4D
BLOCK_MIN: Final = 12
PACKET_HEADER: Final = 12
"""Octets that stand before every packet in its block, at the least."""
BLOCK_MAX: Final = 1 << 24
"""Blocks longer than this are damage, not data."""
NO_TIME: Final = np.iinfo("i8").min

# Option codes, §4.1 (section), §4.2 (interfaces) and §4.6 (statistics)
SHB_TOOL = 4
IF_NAME, IF_DESCRIPTION, IF_TSRESOL, IF_FILTER, IF_OS, IF_TSOFFSET = 2, 3, 9, 11, 12, 14
ISB_START, ISB_END, ISB_RECEIVED, ISB_DROPPED, ISB_DROPPED_BY_OS, ISB_DELIVERED = 2, 3, 4, 5, 7, 8

# Whose statistics tell from when to when an interface was recorded.
OURS, DUMPCAP = "ipipscope", "dumpcap"
NEVER_HANDED_ON: Final = 1_000_000_000
"""Nanoseconds before the end that dumpcap states in which it may have left packets with the kernel: 0.4 s were seen."""
LONG_AGO: Final = 365 * 86400 * 1_000_000_000
"""Nanoseconds since 1970 before which nobody recorded."""


class _Clock:
    """An interface's time resolution and offset: ticks to nanoseconds."""

    def __init__(self, resolution: int = 6, offset: int = 0) -> None:
        exponent = resolution & 0x7F
        if resolution & 0x80:
            self.numerator, self.denominator = 1_000_000_000, 1 << min(exponent, 127)
        elif exponent <= 9:
            self.numerator, self.denominator = 10 ** (9 - exponent), 1
        else:
            self.numerator, self.denominator = 1, 10 ** (exponent - 9)
        self.offset = offset * 1_000_000_000

    def nanoseconds(self, ticks: Array) -> Array:
        """i8 from u8; times that no i8 holds become `NO_TIME`."""
        largest = (1 << 63) - 1 - abs(self.offset)
        if self.denominator == 1:
            fits = ticks <= np.uint64(max(0, largest) // self.numerator)
            time = ticks * np.uint64(self.numerator)
        else:
            # Python's integers: exact for every resolution, and rare enough.
            exact = [int(tick) * self.numerator // self.denominator for tick in ticks]
            fits = np.array([value <= largest for value in exact], bool)
            time = np.array([value if value <= largest else 0 for value in exact], "u8")
        result = time.astype("i8") + self.offset
        result[~fits] = NO_TIME
        return result


class PcapngReader:
    """Reads one pcapng stream, batch by batch.

    interfaces: of all sections so far, in file order; grows while `batches` runs.
    problems: what could not be read, filled while `batches` runs.
    Raises CaptureUnreadable when the first section header is no such thing.
    """

    def __init__(self, window: Window, name: str) -> None:
        self._window, self._name = window, name
        self.interfaces: list[Interface] = []
        self.problems: list[InputError] = []
        self._clocks: list[_Clock] = []
        self._order: Literal["big", "little"] = "little"
        self._first = 0
        self._tool = ""
        self._frame = 1
        self._walk = records.Walk()
        self._salvage = Salvage(window, name)
        if not window.fill(28):
            raise CaptureUnreadable(
                name,
                say("the pcapng section header is cut: {window} of 28 octets.", window=len(window)),
                say("Record it again."),
            )
        magic = bytes(window.octets[window.start + 8 : window.start + 12])
        if BYTE_ORDER_MAGIC not in (int.from_bytes(magic, "big"), int.from_bytes(magic, "little")):
            raise CaptureUnreadable(
                name, say("the pcapng section header has no byte-order magic."), say("Record it again.")
            )

    def batches(self) -> Iterator[Records]:
        """The file's packets in file order, whatever their interface."""
        try:
            yield from self._batches()
        finally:
            self.problems += self._salvage.problems()
            if self._walk.undescribed:
                self.problems.append(self._undescribed())

    def _batches(self) -> Iterator[Records]:
        window, walk = self._window, self._walk
        last = 0  # octets of the packet block before: it stays in the window, for damage may begin in it
        need = BLOCK_MIN
        rows = rows_of(len(window.octets))
        while True:
            if not window.fill(last + need):
                promised, present = need, len(window) - last
                if not present:
                    return
                if need == BLOCK_MIN or not self._skip(last, cut=True):
                    self._truncated(promised, present)
                    return
                last = 0
            offsets, captured, wire = (np.empty(rows, "u4") for _ in range(3))
            ticks, interface = np.empty(rows, "u8"), np.empty(rows, "u2")
            section = self.interfaces[self._first :]
            records.walk_pcapng(
                memoryview(window.octets), window.start + last, window.end, self._order == "big", self._first,
                len(section), self._limit(), section[0].snaplen if section else 0,
                offsets.data, captured.data, wire.data, ticks.data,
                interface.data, walk,
            )  # fmt: skip
            octets, count, status, need = window.octets, walk.count, walk.status, walk.need or BLOCK_MIN
            if walk.position > window.start + last:
                begin = int(offsets[count - 1]) - PACKET_HEADER if count else walk.position
                last = walk.position - begin
                window.forward(begin - window.start)
            if count:
                time = self._time(ticks[:count], interface[:count])
                yield Records(
                    octets, offsets[:count], captured[:count], wire[:count], time, interface[:count], self._frame
                )
                self._frame += count
            if status == records.OTHER_BLOCK:
                window.forward(last)
                last, need = 0, self._other_block()
            if status == records.BROKEN or not need:
                if not self._skip(last):
                    return
                last, need = 0, BLOCK_MIN

    def _limit(self) -> int:
        """The longest captured length that is believed in this section."""
        return min(max([LONGEST, *(each.snaplen for each in self.interfaces[self._first :])]), LONGEST_EVER)

    def _skip(self, last: int, *, cut: bool = False) -> bool:
        """Go to the next block that makes sense; see `Salvage.skip`. *cut*: the file ends inside a block."""
        window = self._window

        def find(start: int, cross: int) -> None:
            records.find_pcapng(
                memoryview(window.octets), start, window.end, window.ended << cut, self._order == "big",
                self._limit(), cross, self._walk,
            )  # fmt: skip

        return self._salvage.skip(find, self._walk, last=last, header=BLOCK_MIN, frame=self._frame, cut=cut)

    def _truncated(self, promised: int, present: int) -> None:
        offset = self._window.offset - present
        self.problems.append(
            CaptureTruncated(self._name, frame=self._frame, offset=offset, promised=promised, present=present)
        )

    def _undescribed(self) -> CaptureDamaged:
        count = self._walk.undescribed
        return CaptureDamaged(
            self._name,
            say("{count} packets are of interfaces that the file does not describe and were left out.", count=count),
            say("Fetch the file again: the descriptions stand at its beginning."),
            frame=self._frame,
            offset=self._window.offset,
        )

    def _time(self, ticks: Array, interface: Array) -> Array:
        first = int(interface[0])
        no_time = ticks == np.iinfo("u8").max
        if (interface == first).all():
            time = self._clocks[first].nanoseconds(ticks)
        else:
            time = np.empty(len(ticks), "i8")
            for which in np.unique(interface):
                rows = interface == which
                time[rows] = self._clocks[which].nanoseconds(ticks[rows])
        if no_time.any():
            time[no_time] = NO_TIME
        return time

    def _other_block(self) -> int:
        """Read or skip the block at the window's start; octets needed next, 0 when the block makes no sense."""
        window = self._window
        octets, start = window.octets, window.start
        kind = int.from_bytes(octets[start : start + 4], self._order)
        order = self._order
        if kind == SECTION_HEADER:
            magic = octets[start + 8 : start + 12]
            order = "big" if int.from_bytes(magic, "big") == BYTE_ORDER_MAGIC else "little"
            if order == "little" and int.from_bytes(magic, "little") != BYTE_ORDER_MAGIC:
                return 0
        total = int.from_bytes(octets[start + 4 : start + 8], order)
        if total < BLOCK_MIN or total % 4 or total > BLOCK_MAX:
            return 0
        if len(window) < total:
            return total
        body = bytes(octets[start + 8 : start + total - 4])
        trailer = octets[start + total - 4 : start + total]
        if int.from_bytes(trailer, order) != total:
            return 0
        if kind == SECTION_HEADER:
            self._order, self._first = order, len(self.interfaces)
            self._tool = self._options(body[16:]).get(SHB_TOOL, b"").decode("utf-8", "replace").lower()
        elif kind == INTERFACE_DESCRIPTION and len(body) >= 8:
            self._interface(body)
        elif kind == INTERFACE_STATISTICS and len(body) >= 12:
            self._statistics(body)
        window.forward(total)
        return BLOCK_MIN

    def _options(self, octets: bytes) -> dict[int, bytes]:
        """Options by code; the first of each code counts. Stops where they stop making sense."""
        found: dict[int, bytes] = {}
        at = 0
        while at + 4 <= len(octets):
            code = int.from_bytes(octets[at : at + 2], self._order)
            length = int.from_bytes(octets[at + 2 : at + 4], self._order)
            if code == 0 or at + 4 + length > len(octets):
                break
            found.setdefault(code, octets[at + 4 : at + 4 + length])
            at += 4 + (length + 3) // 4 * 4
        return found

    def _interface(self, body: bytes) -> None:
        options = self._options(body[8:])

        def text(code: int) -> str:
            return options.get(code, b"").rstrip(b"\0").decode("utf-8", "replace")

        resolution = options.get(IF_TSRESOL, b"\x06")[:1] or b"\x06"
        offset = int.from_bytes(options.get(IF_TSOFFSET, b"")[:8], self._order, signed=True)
        self._clocks.append(_Clock(resolution[0], offset if abs(offset) < 1 << 32 else 0))
        self.interfaces.append(
            Interface(
                link_type=int.from_bytes(body[:2], self._order) & LINK_TYPE_MASK,
                snaplen=int.from_bytes(body[4:8], self._order),
                name=text(IF_NAME),
                description=text(IF_DESCRIPTION),
                filter=options.get(IF_FILTER, b"\0")[1:].rstrip(b"\0").decode("utf-8", "replace"),
                os=text(IF_OS),
                resolution=6 if resolution[0] == 6 else 9,
            )
        )

    def _statistics(self, body: bytes) -> None:
        which = self._first + int.from_bytes(body[:4], self._order)
        if which >= len(self.interfaces):
            return
        options = self._options(body[12:])
        interface = self.interfaces[which]
        if ISB_RECEIVED in options:
            interface.received = int.from_bytes(options[ISB_RECEIVED][:8], self._order)
        dropped = [options[code][:8] for code in (ISB_DROPPED, ISB_DROPPED_BY_OS) if code in options]
        if dropped:
            interface.dropped = sum(int.from_bytes(number, self._order) for number in dropped)
        if self._tool.startswith((OURS, DUMPCAP)):
            interface.recorded = self._recorded(options, self._clocks[which])
            interface.kept = interface.received if self._tool.startswith(DUMPCAP) else None
            if ISB_DELIVERED in options:
                interface.kept = int.from_bytes(options[ISB_DELIVERED][:8], self._order)

    def _recorded(self, options: dict[int, bytes], clock: _Clock) -> tuple[int, int] | None:
        """From when to when an interface recorded for sure, by its statistics."""
        moments = []
        for code in (ISB_START, ISB_END):
            high, low = options.get(code, b"")[:4], options.get(code, b"")[4:8]
            if len(low) < 4:
                return None
            ticks = int.from_bytes(high, self._order) << 32 | int.from_bytes(low, self._order)
            moment = int(clock.nanoseconds(np.array([ticks], "u8"))[0])
            if moment < LONG_AGO and self._tool.startswith(DUMPCAP):
                moment = ticks * 1000  # its microseconds, also where packets have nanoseconds
            moments.append(moment)
        begin, end = moments
        if self._tool.startswith(DUMPCAP):
            end -= NEVER_HANDED_ON
        return (begin, end) if LONG_AGO < begin < end < 1 << 62 else None
