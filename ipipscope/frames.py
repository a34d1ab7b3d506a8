"""One frame of a capture file: its octets, and what our decoder makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ipipscope.capture.files import STDIN, CaptureFile, find
from ipipscope.capture.packets import Interface, Records
from ipipscope.decoder.unwrap import unwrap
from ipipscope.errors import InputError, UsageError
from ipipscope.language.said import say
from ipipscope.model import SECOND
from ipipscope.report.file_names import short_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ipipscope.decoder.columns import Columns
    from ipipscope.model import CapturePoint

NAMED_MAX: Final = 6
"""Files that a message names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A frame. `columns` has one row; `time` is the smallest i8 where the file gives it none."""

    file: str
    number: int
    time: int
    point: CapturePoint
    interface: Interface
    octets: bytes
    wire: int
    columns: Columns

    @property
    def bytes(self) -> bytes:
        """The octets that were captured."""
        return self.octets

    def scapy(self) -> Any:
        """The frame as a scapy packet, with `time` and `wirelen`; a `Raw` where scapy does not know the link type."""
        from scapy.config import conf  # noqa: PLC0415  (0.3 s, and only here)
        from scapy.layers import inet, l2  # noqa: F401, PLC0415  (they register the link types)
        from scapy.packet import Raw  # noqa: PLC0415

        layer = conf.l2types.num2layer.get(self.interface.link_type, Raw)
        packet = layer(self.octets)
        packet.time, packet.wirelen = self.time / SECOND, self.wire
        return packet

    def pyshark(self) -> Any:
        """The frame as tshark takes it apart, a pyshark packet: `.layers` holds every IP header, the outer one first.

        Works in a notebook's event loop too. Raises TsharkAbsentError where tshark or pyshark is missing, with
        Python 3.14 and later, and where tshark fails.
        """
        from ipipscope.tshark import packet  # noqa: PLC0415

        return packet(self)

    def records(self) -> Records:
        """The frame as a batch of one, for a writer."""
        length = np.array([len(self.octets)], "u4")
        return Records(
            octets=bytearray(self.octets),
            offsets=np.zeros(1, "u4"),
            captured=length,
            wire=np.array([self.wire], "u4"),
            time=np.array([self.time], "i8"),
            interface=np.zeros(1, "u2"),
            first_frame=1,
        )


def frame(where: str, paths: Sequence[str] = (), points: Mapping[str, CapturePoint] | None = None) -> Frame:
    """The frame that `FILE:N` names, or `N` where *paths* hold one file.

    FILE is a path, or the short name by which a report on *paths* calls a file.
    Raises UsageError where that is no frame's name, InputError where the file does not have it.
    """
    name, _, digits = where.rpartition(":")
    if not digits.isdecimal() or not int(digits):
        raise UsageError(f"{where!r} names no frame: say FILE:N, with N from 1, as in the proof of a finding")
    number = int(digits)
    file = _file(name, paths, points)
    for records in file.batches():
        row = number - records.first_frame
        if row < len(records):
            interface = int(records.interface[row])
            start, length = int(records.offsets[row]), int(records.captured[row])
            one = slice(row, row + 1)
            link_types = np.array([each.link_type for each in file.interfaces], "u4")
            columns = unwrap(
                records.octets,
                records.offsets[one],
                records.captured[one],
                records.wire[one],
                records.interface[one],
                link_types,
            )
            return Frame(
                file=file.path,
                number=number,
                time=int(records.time[row]),
                point=file.point_of(interface),
                interface=file.interfaces[interface],
                octets=bytes(memoryview(records.octets)[start : start + length]),
                wire=int(records.wire[row]),
                columns=columns,
            )
    if file.problems:
        raise file.problems[0]
    raise InputError(
        file.path, say("there is no frame {number}.", number=number), say("Frames count from 1, as in Wireshark.")
    )


def _file(name: str, paths: Sequence[str], points: Mapping[str, CapturePoint] | None) -> CaptureFile:
    files, problems = find(paths, points) if paths or points else find([name or STDIN])
    if not files:
        raise problems[0]
    if not name:
        if len(files) > 1:
            raise UsageError(f"{len(files)} files are named: say which one, as FILE:N")
        return files[0]
    short = short_names(file.path for file in files)
    for matches in (lambda file: name in {file.path, short[file.path]}, lambda file: file.path.endswith(f"/{name}")):
        found = [file for file in files if matches(file)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{name!r} names {len(found)} files: {', '.join(short[file.path] for file in found[:4])}")
    names = sorted(short.values())
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    raise UsageError(f"no file {name!r} among the captures: {', '.join(names[:NAMED_MAX])}{more}")
