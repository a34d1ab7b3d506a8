"""The frames behind a report as a pcapng file whose packet comments carry the verdict, for Wireshark's packet list.

The file is for reading in Wireshark: all its interfaces stand in one file as if one process had recorded them, which
the originals need not have been. Triage the originals.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from ipipscope.capture.files import STDIN
from ipipscope.capture.packets import Records
from ipipscope.capture.pcapng_writer import PcapngWriter
from ipipscope.correlator.merge import merge
from ipipscope.correlator.recorded_twice import RecordedTwice
from ipipscope.decoder.unwrap import unwrap
from ipipscope.errors import UsageError, writing
from ipipscope.language.said import say
from ipipscope.language.told import told
from ipipscope.report.inert import inert
from ipipscope.report.kept_exchanges import KeptExchanges

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ipipscope.analysis import Analysis
    from ipipscope.capture.pcapng_writer import Sink
    from ipipscope.correlator.merge import Chunk
    from ipipscope.decoder.columns import Array, Columns
    from ipipscope.model import CapturePoint, Finding
    from ipipscope.sources import Decoded

EXCHANGES_MAX: Final = 20
"""Exchanges of each finding of which every packet is written and commented."""

Comments = dict[int, dict[int, list[str]]]
"""Texts by source and frame number."""


@dataclass(frozen=True, slots=True)
class Annotated:
    """How many packets were written, and how many of them carry a comment."""

    packets: int
    comments: int


def annotate(analysis: Analysis, path: Path, *, everything: bool = False) -> Annotated:
    """Write the frames of the evidence and the exchanges that show it to *path*, in order of capture time.

    everything: write all frames of all files, those that two files recorded of one point once.
    Raises UsageError where *path* is one of the captures, or they came through a pipe; InputError where it
    cannot be written.
    """
    protect(analysis.files, path)
    comments = comments_of(analysis)
    with writing(path), path.open("wb") as out:
        return write_annotated(analysis.sources, comments, out, everything=everything)


def protect(files: Iterable[str], path: Path) -> None:
    """Refuse to write *path* over one of the capture *files*, and to read a pipe a second time: UsageError."""
    for file in files:
        if file == STDIN:
            raise UsageError("--annotate reads the captures a second time: name files instead of -")
        if path.exists() and Path(file).exists() and path.samefile(file):
            raise UsageError(f"--annotate would overwrite the capture {path}: name another file")


def comments_of(analysis: Analysis) -> Comments:
    """What is said of each frame: the finding it proves, and what became of its exchange."""
    numbers = {file: source for source, file in enumerate(analysis.files)}
    said: Comments = defaultdict(lambda: defaultdict(list))
    kept = KeptExchanges(analysis)
    for place, finding in enumerate(analysis.findings):
        for proof, evidence in enumerate(finding.evidence):
            said[numbers[evidence.file]][evidence.frame].append(_proof(finding, evidence.what, first=proof == 0))
        for entry in np.flatnonzero(kept.finding == place)[:EXCHANGES_MAX].tolist():
            exchange = analysis.exchange(entry + 1)
            for seen, hop in zip(exchange.sightings, exchange.places, strict=True):
                text = say(
                    "exchange {number}, {verdict}: {code} {rule}; {leg} at {node}:{interface}",
                    number=exchange.number,
                    verdict=say(exchange.verdict.word),
                    code=finding.code,
                    rule=finding.rule,
                    leg=say(seen.look.leg.value),
                    node=hop.node,
                    interface=hop.interface,
                )
                said[seen.source][seen.frame].append(inert(told(text)))
    return said


def _proof(finding: Finding, what: str, *, first: bool) -> str:
    """The finding in one comment; cause and remedy stand on its first proof only."""
    text = say(
        "{code} {rule} ({impact}, {confidence}): {what}. {summary}",
        code=finding.code,
        rule=finding.rule,
        impact=say(finding.impact.value),
        confidence=say(finding.confidence.value),
        what=what,
        summary=finding.summary,
    )
    if first and finding.cause is not None:
        text = say("{text} Cause: {cause}", text=text, cause=finding.cause.text)
    if first and finding.remedy:
        remedy = finding.remedy[0]
        text = say("{text} To mend it on {node}: {command}", text=text, node=remedy.node, command=remedy.command)
    return inert(told(text))


def write_annotated(
    sources: Sequence[Decoded], comments: Comments, sink: Sink, *, everything: bool = False
) -> Annotated:
    """Write the commented frames, or all, of *sources*."""
    writer = PcapngWriter(sink, comment="Frames of several captures with ipipscope's verdict; triage the originals.")
    interfaces = _Interfaces(writer, sources)
    read = [
        _Batches(number, source, interfaces, None if everything else np.array(sorted(comments.get(number, ())), "u4"))
        for number, source in enumerate(sources)
    ]
    packets = commented = 0
    for _, chunks in merge(
        cast("list[Iterable[Columns]]", read), [source.begins for source in sources], [0] * len(sources)
    ):
        records, origins = _together(chunks)
        texts = {
            row: comments[source][frame]
            for row, (source, frame) in enumerate(origins)
            if frame in comments.get(source, ())
        }
        writer.packets(records, comments=texts)
        packets, commented = packets + len(records), commented + len(texts)
    return Annotated(packets, commented)


class _Batch:
    """Some records of one file: *frames* are their numbers in it."""

    def __init__(self, records: Records, frames: Array) -> None:
        self.records, self.frames, self.time = records, frames, records.time

    def __len__(self) -> int:
        return len(self.frames)


class _Batches:
    """A file, read again.

    wanted: the frames to take, in order; None for all that no other file of the same point has shown.
    """

    def __init__(self, number: int, source: Decoded, interfaces: _Interfaces, wanted: Array | None) -> None:
        self._number, self._source, self._interfaces, self._wanted = number, source, interfaces, wanted

    def __iter__(self) -> Iterator[_Batch]:
        if self._wanted is not None and not len(self._wanted):
            return
        for records in self._source.file.batches():
            frames = np.arange(records.first_frame, records.first_frame + len(records), dtype="u4")
            if self._wanted is not None:
                rows = np.flatnonzero(np.isin(frames, self._wanted))
            else:
                rows = self._interfaces.fresh(self._number, self._source, records)
            numbers = self._interfaces.numbers(self._source, records.interface[rows])
            picked = replace(
                records,
                offsets=records.offsets[rows],
                captured=records.captured[rows],
                wire=records.wire[rows],
                time=records.time[rows],
                interface=numbers,
            )
            yield _Batch(picked, frames[rows])


class _Interfaces:
    """The interfaces written so far; points that several files recorded show each packet once."""

    def __init__(self, writer: PcapngWriter, sources: Sequence[Decoded]) -> None:
        self._writer = writer
        self._numbers: dict[tuple[CapturePoint, int], int] = {}
        self._twice: dict[CapturePoint, RecordedTwice] = {}
        files = Counter(
            point
            for source in sources
            for point in {source.file.point_of(i) for i in range(len(source.file.interfaces))}
        )
        self._shared = {point for point, count in files.items() if count > 1}

    def numbers(self, source: Decoded, interfaces: Array) -> Array:
        """The numbers here of a file's *interfaces*; new ones are described."""
        numbers = np.zeros(len(interfaces), "u2")
        for interface in np.unique(interfaces).tolist():
            described = source.file.interfaces[interface]
            point = source.file.point_of(interface)
            key = point, described.link_type
            if key not in self._numbers:
                named = replace(described, name=f"{point.node}:{point.interface}", snaplen=0, filter="")
                self._numbers[key] = self._writer.interface(named)
            numbers[interfaces == interface] = self._numbers[key]
        return numbers

    def fresh(self, number: int, source: Decoded, records: Records) -> Array:
        """The rows of *records* that no other file of their point has shown."""
        points = [source.file.point_of(interface) for interface in range(len(source.file.interfaces))]
        mask = np.ones(len(records), bool)
        if not self._shared.intersection(points):
            return np.flatnonzero(mask)
        types = np.array([interface.link_type for interface in source.file.interfaces], "u4")
        columns = unwrap(records.octets, records.offsets, records.captured, records.wire, records.interface, types)
        columns.time = records.time
        for interface, point in enumerate(points):
            mine = records.interface == interface
            if point in self._shared and mine.any():
                twice = self._twice.setdefault(point, RecordedTwice())
                mask[mine] = twice.fresh(number, columns, 0, len(records), mine)[mine]
        return np.flatnonzero(mask)


def _together(chunks: Sequence[Chunk]) -> tuple[Records, list[tuple[int, int]]]:
    """The chunks' records in order of time, and the source and frame number of each."""
    octets = bytearray()
    columns: dict[str, list[Array]] = defaultdict(list)
    for chunk in chunks:
        batch, rows = cast("_Batch", chunk.batch), slice(chunk.start, chunk.stop)
        records = batch.records
        offsets, captured = records.offsets[rows].astype("i8"), records.captured[rows]
        low, high = int(offsets.min()), int((offsets + captured).max())
        columns["offsets"].append(offsets - low + len(octets))
        octets += memoryview(records.octets)[low:high]
        columns["captured"].append(captured)
        for name in ("wire", "time", "interface"):
            columns[name].append(getattr(records, name)[rows])
        columns["frame"].append(batch.frames[rows])
        columns["source"].append(np.full(chunk.stop - chunk.start, chunk.source, "u4"))
    whole = {name: np.concatenate(parts) for name, parts in columns.items()}
    order = np.argsort(whole["time"], kind="stable")
    source, frame = whole.pop("source")[order].tolist(), whole.pop("frame")[order].tolist()
    ordered = {name: column[order] for name, column in whole.items()}
    return Records(octets=octets, first_frame=1, **ordered), list(zip(source, frame, strict=True))
