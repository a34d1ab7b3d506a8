"""Capture files as sources of columns: where the reader ends and the decoder begins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ipipscope.capture.files import STDIN, CaptureFile
from ipipscope.capture.filters import keeps_pings
from ipipscope.capture.points import ring_place
from ipipscope.capture.points import role as role_of
from ipipscope.decoder import link
from ipipscope.decoder.unwrap import unwrap
from ipipscope.errors import LinkTypeUnsupported
from ipipscope.model import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ipipscope.capture.packets import Records
    from ipipscope.correlator.recorded_time import Stretch
    from ipipscope.decoder.columns import Columns
    from ipipscope.model import CapturePoint, Role

HELD = 64
"""So many files may stay open at once."""
TOGETHER = 1 << 26
"""Octets of all files' windows together; more files have smaller ones."""
SMALLEST_WINDOW = 1 << 14
RECORD_HEADER = 16
"""Octets of the header before a packet in a pcap file; pcapng has some more."""
ASTRAY = 3 * SECOND
"""A packet so long before its recorder began, or after it ended, was recorded by another clock."""
UNKNOWN_BEGIN = np.iinfo("i8").min


@dataclass(slots=True)
class Decoded:
    """A capture file whose batches are columns."""

    file: CaptureFile
    begins: int = UNKNOWN_BEGIN
    interfaces: int = 0
    records: int = 0
    octets: int = 0
    """How much of the file was read, about; of the plain data where it is compressed."""
    refused: set[int] = field(default_factory=set)
    """Interfaces whose link type is not decoded."""
    heard: Callable[[Records], None] | None = None
    """Is given each batch as it was read, before it is decoded."""

    def peek(self) -> None:
        """See when the file begins and which interfaces it describes first."""
        self.begins = self.file.begins()
        self.interfaces = len(self.file.interfaces)
        self.file.problems.clear()

    def sample(self, packets: int) -> Iterator[Columns]:
        """The file's first *packets* packets, about; none of standard input, which can be read once only."""
        if self.file.path == STDIN:
            return
        follows, self.file.follows = self.file.follows, False  # what is there is enough
        for records in self.file.batches():
            yield self.columns(records)
            packets -= len(records)
            if packets <= 0:
                break
        self.file.follows = follows
        self.records = self.octets = 0
        self.refused.clear()
        self.file.problems.clear()

    @property
    def place(self) -> tuple[str, int] | None:
        """Of a file of a ring, which ring, and its number there; None for a file by itself."""
        return ring_place(self.file.path)

    def recorded(self, interface: int, seen: Stretch) -> tuple[int, int] | None:
        """From when to when the file says that the interface was recorded; None where it does not, or not credibly.

        Not where packets are missing or their times were changed since, where the recorder lost some, where packets of
        another time show that a clock was set, nor where a filter may be why there are none.
        """
        said = self.file.interfaces[interface]
        if said.recorded is None or said.kept != seen.packets or said.dropped:
            return None
        if seen.first is None or seen.last is None:
            return said.recorded if keeps_pings(said.filter) else None
        begin, end = said.recorded
        return said.recorded if begin - ASTRAY <= seen.first and seen.last <= end + ASTRAY else None

    @property
    def at_once(self) -> bool:
        """Whether one process recorded all the file's interfaces at once.

        It counted what it received, a merger does not; and it described each once, for it recorded each once.
        """
        names = [interface.name for interface in self.file.interfaces if interface.name]
        counted = any(interface.received is not None for interface in self.file.interfaces)
        return counted and len(set(names)) == len(names)

    def batches(self) -> Iterator[Columns]:
        """The file's packets in file order."""
        for records in self.file.batches():
            if self.heard is not None:
                self.heard(records)
            yield self.columns(records)
        self.interfaces = len(self.file.interfaces)

    def columns(self, records: Records) -> Columns:
        """Decode one batch of the file's records."""
        link_types = np.array([each.link_type for each in self.file.interfaces], "u4")
        batch = unwrap(records.octets, records.offsets, records.captured, records.wire, records.interface, link_types)
        batch.time = records.time
        batch.frame = np.arange(records.first_frame, records.first_frame + len(records), dtype="u4")
        self.records += len(records)
        self.octets += int(records.captured.sum()) + RECORD_HEADER * len(records)
        self._note_link_types(link_types)
        return batch

    def _note_link_types(self, link_types: np.ndarray) -> None:
        for interface, link_type in enumerate(link_types.tolist()):
            if link_type not in link.DECODED and interface not in self.refused:
                self.refused.add(interface)
                self.file.problems.append(LinkTypeUnsupported(self.file.path, link_type, link.name(link_type)))

    def point_of(self, interface: int) -> tuple[CapturePoint, Role | None]:
        """Where interface *interface* of this file stands."""
        point = self.file.point_of(interface)
        link_type = self.file.interfaces[interface].link_type
        return point, role_of(point.interface, cooked=link_type in link.COOKED, raw=link_type in link.RAW_IP)


def decode(files: Sequence[CaptureFile]) -> list[Decoded]:
    """The files as sources of columns, in the order in which second recordings give way to first ones."""
    sources = [Decoded(file) for file in files]
    if len(sources) > HELD:
        for source in sources:
            source.file.held, source.file.window = False, max(SMALLEST_WINDOW, TOGETHER // len(sources))
    if len(sources) > 1:
        for source in sources:
            if source.file.path != STDIN:
                source.peek()
        # Of two recordings the first one counts: the cooked header of version 1 tells no devices apart.
        sources.sort(key=lambda source: any(i.link_type == link.LINKTYPE_LINUX_SLL for i in source.file.interfaces))
    return sources
