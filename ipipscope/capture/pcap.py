"""The pcap file header: magic, octet order, clock (draft-ietf-opsawg-pcap §4).

Besides the two published forms, the modified one of old Red Hat kernels (magic a1b2cd34, 24 octets a record header).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ipipscope.capture import records
from ipipscope.capture.packets import ROWS, Interface, Records, rows_of
from ipipscope.capture.salvage import Salvage
from ipipscope.errors import CaptureTruncated, CaptureUnreadable, InputError
from ipipscope.language.said import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipipscope.capture.window import Window

HEADER: Final = 24
SNAPLEN, LINK_TYPE = 16, 20  # octets from the start of the file header
LINK_TYPE_MASK: Final = 0xFFFF  # the upper bits hold FCS length and reserved bits
LONGEST: Final = 262_144
"""Captured octets that are believed in any file, as libpcap's MAXIMUM_SNAPLEN; a larger snaplen raises it."""
LONGEST_EVER: Final = 1 << 27
DOUBTS: Final = 1000
"""Records in doubt that were right after all, after which nothing of the kind is doubted any more."""
HOLE: Final = 64
"""Octets of zero in a row that are no empty packets but a hole in the file."""
SETTLED: Final = 3
"""Records after which the times before a damaged place are believed."""
BILLION: Final = 1_000_000_000


class Form(NamedTuple):
    """What the magic number says."""

    big: bool
    header: int
    """Octets of a record header."""
    tick: int
    """Nanoseconds of one unit of the time's fraction."""


FORMS: Final = {
    b"\xa1\xb2\xc3\xd4": Form(True, 16, 1000),
    b"\xd4\xc3\xb2\xa1": Form(False, 16, 1000),
    b"\xa1\xb2\x3c\x4d": Form(True, 16, 1),
    b"\x4d\x3c\xb2\xa1": Form(False, 16, 1),
    b"\xa1\xb2\xcd\x34": Form(True, 24, 1000),
    b"\x34\xcd\xb2\xa1": Form(False, 24, 1000),
}


class PcapReader:
    """Reads one pcap stream, batch by batch.

    interfaces: the file's only one.
    problems: what stopped the reading, filled while `batches` runs.
    Raises CaptureUnreadable when the header is cut.
    """

    def __init__(self, window: Window, name: str) -> None:
        self._window, self._name = window, name
        self.problems: list[InputError] = []
        if not window.fill(HEADER):
            raise CaptureUnreadable(
                name,
                say("the pcap file header is cut: {window} of {header} octets.", window=len(window), header=HEADER),
                say("Record it again."),
            )
        head = bytes(window.octets[window.start : window.start + HEADER])
        self._form = FORMS[head[:4]]
        order = "big" if self._form.big else "little"
        snaplen = int.from_bytes(head[SNAPLEN : SNAPLEN + 4], order)  # type: ignore[arg-type]
        link_type = int.from_bytes(head[LINK_TYPE : LINK_TYPE + 4], order) & LINK_TYPE_MASK  # type: ignore[arg-type]
        resolution = 9 if self._form.tick == 1 else 6
        self.interfaces = [Interface(link_type=link_type, snaplen=snaplen, resolution=resolution)]
        self._limit = min(max(LONGEST, snaplen), LONGEST_EVER)
        self._walk = records.Walk()
        self._salvage = Salvage(window, name)
        window.forward(HEADER)

    def batches(self) -> Iterator[Records]:
        """The file's records in file order."""
        try:
            yield from self._batches()
        finally:
            self.problems += self._salvage.problems()

    def _batches(self) -> Iterator[Records]:
        window, form, walk = self._window, self._form, self._walk
        frame = 1
        rows = rows_of(len(window.octets))
        interface = np.zeros(rows, "u2")
        last = 0  # octets of the record before: it stays in the window, for damage may begin in it
        trusted, doubts = 0, 0
        need = form.header
        while True:
            if not window.fill(last + need):
                missing = need, len(window) - last
                if not missing[1]:
                    return
                if need == form.header or not self._skip(last, frame, cut=True):
                    self._truncated(frame, *missing)
                    return
                last = 0
            offsets, captured, wire = (np.empty(rows, "u4") for _ in range(3))
            time = np.empty(rows, "i8")
            records.walk_pcap(
                memoryview(window.octets), window.start + last, window.end, form.big, form.header, form.tick,
                self._limit, trusted, offsets.data, captured.data, wire.data, time.data, walk,
            )  # fmt: skip
            count, status, need = walk.count, walk.status, walk.need or form.header
            trusted = 0 if doubts < DOUBTS else ROWS
            if count:
                begin = int(offsets[count - 1]) - form.header
                last = walk.position - begin
                octets = window.octets
                window.forward(begin - window.start)
                yield Records(
                    octets, offsets[:count], captured[:count], wire[:count], time[:count], interface[:count], frame
                )
                frame += count
            if status == records.DOUBTFUL and self._holds(last):
                trusted, doubts = max(trusted, 1), doubts + 1
            elif status in {records.DOUBTFUL, records.BROKEN}:
                if not self._skip(last, frame):
                    return
                last = 0

    def _holds(self, last: int) -> bool:
        """Whether records that make sense follow the one in doubt, which stands *last* octets into the window."""
        window, form = self._window, self._form
        window.fill(last + HOLE)
        begin = window.start + last
        if not any(window.octets[begin : begin + form.header]):
            return self._walk.seconds <= 0 and any(window.octets[begin : min(window.end, begin + HOLE)])
        numbers = np.frombuffer(window.octets, ">u4" if form.big else "<u4", 4, begin)
        fraction, captured, wire = (int(number) for number in numbers[1:])
        odd = -(captured > wire) - 2 * (fraction >= BILLION // form.tick)
        behind = last + form.header + captured
        window.fill(behind + form.header)
        while True:
            status = records.follow_pcap(
                memoryview(window.octets), window.start + behind, window.end, window.ended, form.big, form.header,
                BILLION // form.tick, self._limit, odd, 0, -1, self._walk,
            )  # fmt: skip
            if status != records.MORE:
                return status == records.FOUND
            window.fill(behind + self._walk.need)

    def _skip(self, last: int, frame: int, *, cut: bool = False) -> bool:
        """Go to the next record that makes sense; see `Salvage.skip`. *cut*: the file ends inside a record."""
        window, form = self._window, self._form
        near = self._walk.seconds if frame > SETTLED else -1

        def find(start: int, cross: int) -> None:
            records.find_pcap(
                memoryview(window.octets), start, window.end, window.ended << cut, form.big, form.header,
                BILLION // form.tick, self._limit, cross, near, self._walk,
            )  # fmt: skip

        return self._salvage.skip(find, self._walk, last=last, header=form.header, frame=frame, cut=cut)

    def _truncated(self, frame: int, promised: int, present: int) -> None:
        offset = self._window.offset - present
        self.problems.append(
            CaptureTruncated(self._name, frame=frame, offset=offset, promised=promised, present=present)
        )
