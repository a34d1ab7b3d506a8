"""Which files are captures, in which format, and which points they recorded: from magic and name, never from hope."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ipipscope.capture import points
from ipipscope.capture.compression import OPENERS, Damage, decompressed, peek
from ipipscope.capture.pcap import FORMS, PcapReader
from ipipscope.capture.pcapng import SECTION_HEADER, PcapngReader
from ipipscope.capture.window import SIZE, Window
from ipipscope.errors import CaptureDamaged, CaptureUnreadable, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ipipscope.capture.packets import Interface, Records
    from ipipscope.model import CapturePoint

STDIN: Final = "-"
PEEK: Final = 1 << 14
"""Octets that are read to see when a file begins."""
PCAPNG_MAGIC: Final = SECTION_HEADER.to_bytes(4, "big")
EMPTY_HINT: Final = "It holds no octets: was the capture started, and was the disk full?"
FOREIGN_HINT: Final = "Give pcap or pcapng files, plain or compressed, as tcpdump and dumpcap write them."


@dataclass(slots=True)
class CaptureFile:
    """One file to read.

    path: as the user gave it, or as found below a folder; `-` is standard input.
    point: what --point said of it; None where name and interfaces tell.
    problems: what could not be read of it, filled while `batches` runs.
    """

    path: str
    point: CapturePoint | None = None
    problems: list[InputError] = field(default_factory=list)
    _reader: PcapReader | PcapngReader | None = None

    @property
    def interfaces(self) -> Sequence[Interface]:
        """Of the part that was read so far."""
        return self._reader.interfaces if self._reader else ()

    def point_of(self, which: int) -> CapturePoint:
        """The capture point of interface *which*."""
        name = self.interfaces[which].name
        if self.point is not None:
            return self.point
        return points.of_interface(self.path, name) if name else points.from_file_name(self.path)

    def begins(self) -> int:
        """Earliest capture time among the file's first packets, nanoseconds; the smallest i8 when it has none."""
        for records in self.batches(window=PEEK):
            known = records.time[records.time >= 0]
            if len(known):
                return int(known.min())
        return -(1 << 63)

    def batches(self, window: int = SIZE) -> Iterator[Records]:
        """Open, read to the end or to where it stops making sense, close. Problems are kept, not raised."""
        try:
            with _opened(self.path) as stream:
                plain, _ = decompressed(stream, self.path)
                octets = Window(plain, window)
                self._reader = reader_of(octets, self.path)
                try:
                    yield from self._reader.batches()
                except Damage as damage:
                    self.problems.append(
                        CaptureDamaged(
                            self.path,
                            f"{damage}, after octet {octets.offset + len(octets)} of the plain data.",
                            "Everything before is in the report.",
                            frame=0,
                            offset=octets.offset,
                        )
                    )
                self.problems.extend(self._reader.problems)
        except InputError as problem:
            self.problems.append(problem)
        except Damage as damage:
            self.problems.append(CaptureUnreadable(self.path, f"{damage}.", "Fetch the file again."))
        except OSError as failure:
            self.problems.append(_os_problem(self.path, failure))


def _os_problem(path: str, failure: OSError) -> InputError:
    reason = failure.strerror or type(failure).__name__
    hints = {
        FileNotFoundError: "Check the name.",
        PermissionError: "Ask for the right to read it, or run as its owner.",
        IsADirectoryError: "Name the files in it.",
    }
    return CaptureUnreadable(path, f"{reason[0].lower()}{reason[1:]}.", hints.get(type(failure), ""))


def _opened(path: str) -> Any:
    if path == STDIN:
        return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
    return Path(path).open("rb", buffering=0)


def reader_of(window: Window, path: str) -> PcapReader | PcapngReader:
    """The reader for what stands at the window's start; raises CaptureUnreadable when that is no capture."""
    window.fill(4)
    magic = bytes(window.octets[window.start : min(window.end, window.start + 4)])
    if not magic:
        raise CaptureUnreadable(path, "the file is empty.", EMPTY_HINT)
    if magic in FORMS:
        return PcapReader(window, path)
    if magic == PCAPNG_MAGIC:
        return PcapngReader(window, path)
    raise CaptureUnreadable(path, "not a capture: its first octets are no pcap or pcapng magic.", FOREIGN_HINT)


def is_capture(path: Path) -> bool:
    """Whether the file's first octets are a capture's, or those of compressed data named like a capture."""
    try:
        with path.open("rb", buffering=0) as stream:
            magic = peek(stream, 6)
    except OSError:
        return False
    if magic[:4] in FORMS or magic[:4] == PCAPNG_MAGIC:
        return True
    compressed = any(magic.startswith(start) for start in OPENERS)
    return compressed and ".pcap" in path.name.lower()


def find(
    paths: Sequence[str], named: Mapping[str, CapturePoint] | None = None
) -> tuple[list[CaptureFile], list[InputError]]:
    """The capture files that *paths* name, folders with everything below them; each file once.

    named: points that were said outright, by file.
    Returns the files in a fixed order (as given; by name within a folder) and what could not be used.
    """
    found: list[CaptureFile] = []
    problems: list[InputError] = []
    seen: set[object] = set()

    def take(path: str, point: CapturePoint | None) -> None:
        identity: object = path
        if path != STDIN:
            try:
                stat = os.stat(path)  # noqa: PTH116
                identity = (stat.st_dev, stat.st_ino)
            except OSError:
                pass  # reading it will say why
        if identity not in seen:
            seen.add(identity)
            found.append(CaptureFile(path, point))

    for path, point in (named or {}).items():
        take(path, point)
    for path in paths:
        if path != STDIN and Path(path).is_dir():
            below = sorted(entry for entry in Path(path).rglob("*") if entry.is_file())
            captures = [entry for entry in below if is_capture(entry)]
            empty = [entry for entry in below if entry.stat().st_size == 0 and ".pcap" in entry.name.lower()]
            for entry in captures:
                take(str(entry), None)
            problems.extend(CaptureUnreadable(str(entry), "the file is empty.", EMPTY_HINT) for entry in empty)
            if not captures:
                problems.append(CaptureUnreadable(path, "no captures in this folder or below it.", FOREIGN_HINT))
        else:
            take(path, None)
    return found, problems
