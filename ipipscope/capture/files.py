"""Which files are captures, in which format, and which points they recorded: from magic and name, never from hope."""

from __future__ import annotations

import errno
import io
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ipipscope.capture import points
from ipipscope.capture.compression import OPENERS, decompressed, peek
from ipipscope.capture.growing import Growing, is_growing
from ipipscope.capture.pcap import FORMS, PcapReader
from ipipscope.capture.pcapng import SECTION_HEADER, PcapngReader
from ipipscope.capture.pipe import Pipe
from ipipscope.capture.window import SIZE, Window
from ipipscope.errors import STILL_WRITTEN, CaptureDamaged, CaptureTruncated, CaptureUnreadable, InputError
from ipipscope.language.said import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ipipscope.capture.packets import Interface, Records
    from ipipscope.model import CapturePoint

STDIN: Final = "-"
PEEK: Final = 1 << 14
"""Octets that are read to see when a file begins."""
PCAPNG_MAGIC: Final = SECTION_HEADER.to_bytes(4, "big")
EMPTY_HINT: Final = say("It holds no octets: was the capture started, and was the disk full?")
FOREIGN_HINT: Final = say("Give pcap or pcapng files, plain or compressed, as tcpdump and dumpcap write them.")


@dataclass(slots=True)
class CaptureFile:
    """One file to read.

    path: as the user gave it, or as found below a folder; `-` is standard input.
    point: what --point said of it; None where name and interfaces tell.
    problems: what could not be read of it, filled while `batches` runs.
    window: octets of it that are held in memory at once; it grows for a record that is larger.
    held: whether it stays open while it is read. Thousands of files that are read side by side must not.
    goes_on: asked before each read of standard input, and in its pauses (True), whether to read on; see `Pipe`.
    follows: read on as the file grows; goes_on is asked there, too. See `Growing`.
    at, end: octets of the file that were read, and that it had then, when it was followed; what follows damage is not
        read. end is None where it was not opened.
    """

    path: str
    point: CapturePoint | None = None
    problems: list[InputError] = field(default_factory=list)
    window: int = SIZE
    held: bool = True
    goes_on: Callable[[bool], bool] | None = None
    follows: bool = False
    at: int = 0
    end: int | None = None
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

    def batches(self, window: int = 0) -> Iterator[Records]:
        """Open, read to the end or to where it stops making sense, close. Problems are kept, not raised."""
        octets = None
        try:
            with self._opened() as stream:
                try:
                    plain, _ = decompressed(stream, self.path)
                    octets = Window(plain, window or self.window)
                    self._reader = reader_of(octets, self.path)
                    yield from self._reader.batches()
                finally:
                    if isinstance(stream, Growing):
                        self.at, self.end = stream.at, stream.end
                self.problems.extend(self._endings(octets, self._reader.problems))
        except InputError as problem:
            self.problems.append(problem)
        except OSError as failure:
            self.problems.append(_os_problem(self.path, failure))
        finally:
            if octets is not None:
                octets.close()

    def _opened(self) -> Any:
        if self.path == STDIN:
            if self.goes_on is not None:
                return Pipe(sys.stdin.fileno(), self.goes_on)
            return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
        if self.follows and self.goes_on is not None:
            return Growing(self.path, self.goes_on)
        if not self.held and Path(self.path).is_file():
            return Reopened(self.path)
        return Path(self.path).open("rb", buffering=0)

    def _endings(self, octets: Window, problems: list[InputError]) -> list[InputError]:
        """The reader's problems, and what is to be said of the file's end."""
        cut = [problem for problem in problems if isinstance(problem, CaptureTruncated)]
        others = [problem for problem in problems if not isinstance(problem, CaptureTruncated)]
        growing = (bool(cut) or octets.damage is not None) and is_growing(self.path)
        if octets.damage is None:
            return others + [problem.still_written() if growing else problem for problem in cut]
        # The record that is cut by it needs no line of its own.
        damage = CaptureDamaged(
            self.path,
            say(
                "{still_written}{damage}, after octet {offset} of the plain data.",
                still_written=STILL_WRITTEN if growing else "",
                damage=octets.damage,
                offset=octets.offset + len(octets),
            ),
            say("Everything before is in the report."),
            frame=0,
            offset=octets.offset,
        )
        return [damage, *others]


def _os_problem(path: str, failure: OSError) -> InputError:
    reasons = {
        FileNotFoundError: say("no such file or directory"),
        PermissionError: say("permission denied"),
        IsADirectoryError: say("is a directory"),
    }
    other = failure.strerror or type(failure).__name__
    hints = {
        FileNotFoundError: say("Check the name."),
        PermissionError: say("Ask for the right to read it, or run as its owner."),
        IsADirectoryError: say("Name the files in it."),
    }
    return CaptureUnreadable(
        path,
        say("{reason}.", reason=reasons.get(type(failure), other[:1].lower() + other[1:])),
        hints.get(type(failure), ""),
    )


class Reopened(io.RawIOBase):
    """A file that is open only while it is read from: as many of them as there are cost no file descriptor."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._at = 0
        self._identity: tuple[int, int] | None = None

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Go on where the last read ended. Raises OSError when the name has come to mean another file."""
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            stat = os.fstat(descriptor)
            identity = stat.st_dev, stat.st_ino
            if identity != (self._identity or identity):
                raise OSError(errno.ESTALE, "the file was replaced while it was read")
            self._identity = identity
            got = os.preadv(descriptor, [buffer], self._at)
        finally:
            os.close(descriptor)
        self._at += got
        return got


def reader_of(window: Window, path: str) -> PcapReader | PcapngReader:
    """The reader for what stands at the window's start; raises CaptureUnreadable when that is no capture."""
    window.fill(4)
    magic = bytes(window.octets[window.start : min(window.end, window.start + 4)])
    if window.damage is not None and len(magic) < 4:
        raise CaptureUnreadable(path, say("{damage}.", damage=window.damage), say("Fetch the file again."))
    if not magic:
        raise CaptureUnreadable(path, say("the file is empty."), EMPTY_HINT)
    if magic in FORMS:
        return PcapReader(window, path)
    if magic == PCAPNG_MAGIC:
        return PcapngReader(window, path)
    raise CaptureUnreadable(path, say("not a capture: its first octets are no pcap or pcapng magic."), FOREIGN_HINT)


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


def is_state(path: str) -> bool:
    """Whether *path* is a folder called as those are in which host state lies beside captures."""
    place = Path(path)
    return (place.suffix == ".state" or place.name == "state") and place.is_dir()


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
    # Host state among the captures, as `ring*` names it: after them, for it is a mistake only where it is alone.
    for path in sorted(paths, key=is_state):
        if path != STDIN and Path(path).is_dir():
            below = sorted(entry for entry in Path(path).rglob("*") if entry.is_file())
            captures = [entry for entry in below if is_capture(entry)]
            empty = [entry for entry in below if entry.stat().st_size == 0 and ".pcap" in entry.name.lower()]
            for entry in captures:
                take(str(entry), None)
            problems.extend(CaptureUnreadable(str(entry), say("the file is empty."), EMPTY_HINT) for entry in empty)
            if not captures and not (found and is_state(path)):
                problems.append(CaptureUnreadable(path, say("no captures in this folder or below it."), FOREIGN_HINT))
        else:
            take(path, None)
    return found, problems
