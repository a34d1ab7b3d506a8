"""The pcap file header: magic, octet order, clock (draft-ietf-opsawg-pcap §4).

Besides the two published forms, the modified one of old Red Hat kernels (magic a1b2cd34, 24 octets a record header).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ipipscope.capture import records
from ipipscope.capture.packets import ROWS, Interface, Records
from ipipscope.errors import CaptureDamaged, CaptureTruncated, CaptureUnreadable, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipipscope.capture.window import Window

HEADER: Final = 24
SNAPLEN, LINK_TYPE = 16, 20  # octets from the start of the file header
LINK_TYPE_MASK: Final = 0xFFFF  # the upper bits hold FCS length and reserved bits
LONGEST: Final = 262_144
"""Captured octets that are believed in any file, as libpcap's MAXIMUM_SNAPLEN; a larger snaplen raises it."""
LONGEST_EVER: Final = 1 << 27


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
                name, f"the pcap file header is cut: {len(window)} of {HEADER} octets.", "Record it again."
            )
        head = bytes(window.octets[window.start : window.start + HEADER])
        self._form = FORMS[head[:4]]
        order = "big" if self._form.big else "little"
        snaplen = int.from_bytes(head[SNAPLEN : SNAPLEN + 4], order)  # type: ignore[arg-type]
        link_type = int.from_bytes(head[LINK_TYPE : LINK_TYPE + 4], order) & LINK_TYPE_MASK  # type: ignore[arg-type]
        resolution = 9 if self._form.tick == 1 else 6
        self.interfaces = [Interface(link_type=link_type, snaplen=snaplen, resolution=resolution)]
        self._limit = min(max(LONGEST, snaplen), LONGEST_EVER)
        window.forward(HEADER)

    def batches(self) -> Iterator[Records]:
        """The file's records in file order."""
        window, form = self._window, self._form
        walk = records.Walk()
        frame = 1
        interface = np.zeros(ROWS, "u2")
        need = form.header
        while window.fill(need):
            offsets, captured, wire = (np.empty(ROWS, "u4") for _ in range(3))
            time = np.empty(ROWS, "i8")
            records.walk_pcap(
                memoryview(window.octets), window.start, window.end, form.big, form.header, form.tick, self._limit,
                offsets.data, captured.data, wire.data, time.data, walk,
            )  # fmt: skip
            count = walk.count
            octets = window.octets
            window.forward(walk.position - window.start)
            if count:
                yield Records(
                    octets, offsets[:count], captured[:count], wire[:count], time[:count], interface[:count], frame
                )
                frame += count
            if walk.status == records.BROKEN:
                self.problems.append(
                    CaptureDamaged(
                        self._name,
                        f"frame {frame} at octet {window.offset} is no pcap record.",
                        "Everything before it is in the report.",
                        frame=frame,
                        offset=window.offset,
                    )
                )
                return
            need = walk.need if walk.status == records.MORE else form.header
        if len(window):
            self.problems.append(
                CaptureTruncated(self._name, frame=frame, offset=window.offset, promised=need, present=len(window))
            )
