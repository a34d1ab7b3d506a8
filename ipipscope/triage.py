"""The stages in order; the one call that command line, tests and notebooks share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ipipscope.capture.files import STDIN, CaptureFile, find
from ipipscope.capture.points import role as role_of
from ipipscope.correlator.correlate import Correlation, correlate
from ipipscope.decoder import link
from ipipscope.decoder.unwrap import unwrap
from ipipscope.errors import InputError, LinkTypeUnsupported
from ipipscope.model import SECOND, CapturePoint, PointSummary, Role
from ipipscope.report.model import Report
from ipipscope.rules.capture_facts import CaptureFacts
from ipipscope.rules.judge import judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from ipaddress import IPv4Address

    from ipipscope.decoder.columns import Columns
    from ipipscope.hosts.model import Snapshot

UNKNOWN_BEGIN = np.iinfo("i8").min


@dataclass(slots=True)
class Decoded:
    """A capture file whose batches are columns."""

    file: CaptureFile
    begins: int = UNKNOWN_BEGIN
    interfaces: int = 0
    records: int = 0
    refused: set[int] = field(default_factory=set)
    """Interfaces whose link type is not decoded."""

    def peek(self) -> None:
        """See when the file begins and which interfaces it describes first."""
        self.begins = self.file.begins()
        self.interfaces = len(self.file.interfaces)
        self.file.problems.clear()

    def batches(self) -> Iterator[Columns]:
        """The file's packets in file order."""
        for records in self.file.batches():
            link_types = np.array([each.link_type for each in self.file.interfaces], "u4")
            batch = unwrap(
                records.octets, records.offsets, records.captured, records.wire, records.interface, link_types
            )
            batch.time = records.time
            batch.frame = np.arange(records.first_frame, records.first_frame + len(records), dtype="u4")
            self.records += len(records)
            self._note_link_types(link_types)
            yield batch

    def _note_link_types(self, link_types: np.ndarray) -> None:
        for interface, link_type in enumerate(link_types.tolist()):
            if link_type not in link.DECODED and interface not in self.refused:
                self.refused.add(interface)
                self.file.problems.append(LinkTypeUnsupported(self.file.path, link_type, link.name(link_type)))

    def point_of(self, interface: int) -> tuple[CapturePoint, Role | None]:
        """Where interface *interface* of this file stands."""
        point = self.file.point_of(interface)
        return point, role_of(point.interface, self.file.interfaces[interface].link_type)


def decode(files: Sequence[CaptureFile]) -> list[Decoded]:
    """The files as sources of columns, in the order in which second recordings give way to first ones."""
    sources = [Decoded(file) for file in files]
    if len(sources) > 1:
        for source in sources:
            if source.file.path != STDIN:
                source.peek()
        # Of two recordings the first one counts: the cooked header of version 1 tells no devices apart.
        sources.sort(key=lambda source: any(i.link_type == link.LINKTYPE_LINUX_SLL for i in source.file.interfaces))
    return sources


def triage(
    paths: Sequence[str],
    *,
    points: Mapping[str, CapturePoint] | None = None,
    state: Sequence[str] | None = None,
    timeout: int = 5 * SECOND,
) -> Report:
    """Run the stages in order on capture files, folders of them, or `-` for standard input.

    points: capture points said outright, by file.
    state: snapshots and folders of host state; None for what lies beside the captures, empty for none at all.
    timeout: how long after its request a reply still counts, nanoseconds of capture time.
    Never raises for what a file holds: what cannot be read is in the report's problems.
    """
    files, problems = find(paths, points)
    sources = decode(files)
    correlation = correlate(sources, timeout=timeout)
    facts = _facts(sources)
    names = [source.file.path for source in sources]
    where = state_beside(paths, names) if state is None else state
    snapshots, state_problems = _snapshots(where)
    problems.extend(state_problems)
    judgement = judge(correlation, facts, names, _addresses(snapshots))
    for source in sources:
        problems.extend(source.file.problems)
    summaries = _summaries(correlation, sources, facts)
    findings = judgement.findings
    if snapshots:
        from ipipscope.hosts.causes import explain  # noqa: PLC0415  (only where there is state)

        findings = explain(findings, snapshots)
    return Report(
        points=summaries,
        findings=tuple(findings),
        packets=sum(point.packets for point in summaries),
        encapsulated=sum(
            count for point in summaries for kind, count in point.kinds.items() if kind.startswith("ipip")
        ),
        exchanges=judgement.exchanges,
        answered=judgement.answered,
        unanswered=judgement.unanswered,
        undecided=judgement.undecided,
        problems=tuple(problems),
        notes=_notes(correlation),
    )


def audit_report(state: Sequence[str]) -> Report:
    """What host state alone tells, as a report without captures: see `ipipscope.hosts.audit`."""
    from ipipscope.hosts.audit import audit  # noqa: PLC0415
    from ipipscope.hosts.reading import read_state  # noqa: PLC0415

    read = read_state(state)
    return Report(
        points=(),
        findings=tuple(audit(read.snapshots)),
        packets=0,
        encapsulated=0,
        exchanges=0,
        answered=0,
        unanswered=0,
        undecided=0,
        problems=read.problems,
        nodes=tuple(sorted(read.snapshots)),
    )


def state_beside(paths: Sequence[str], files: Sequence[str]) -> list[str]:
    """Folders named `state` in the folders that were given, and beside the captures that were found."""
    folders = [Path(path) for path in paths if Path(path).is_dir()]
    for file in files:
        folders += [Path(file).parent, Path(file).parent.parent] if file != STDIN else []
    found = {}
    for folder in dict.fromkeys(folders):
        if (folder / "state").is_dir():
            found[(folder / "state").resolve()] = str(folder / "state")
    return list(found.values())


def _snapshots(where: Sequence[str]) -> tuple[Mapping[str, Snapshot], Sequence[InputError]]:
    """The hosts' state that was found or named, and what of it could not be read."""
    if not where:
        return {}, ()
    from ipipscope.hosts.reading import read_state  # noqa: PLC0415  (only where there is state)

    state = read_state(where)
    return state.snapshots, state.problems


def _addresses(snapshots: Mapping[str, Snapshot]) -> dict[IPv4Address, str]:
    """The node of each address: its own, and those of pods that it has a route to; none that two nodes claim."""
    owners: dict[IPv4Address, set[str]] = {}
    for node, snapshot in snapshots.items():
        for address in snapshot.addresses:
            if not address.address.is_loopback:
                owners.setdefault(address.address, set()).add(node)
        for route in snapshot.routes:
            if route.destination.prefixlen == 32 and route.device and route.scope == "link" and route.via is None:
                owners.setdefault(route.destination.network_address, set()).add(node)
    return {address: nodes.pop() for address, nodes in owners.items() if len(nodes) == 1}


def _facts(sources: Sequence[Decoded]) -> CaptureFacts:
    dropped: dict[CapturePoint, int] = {}
    snaplen: dict[CapturePoint, int] = {}
    for source in sources:
        for number, interface in enumerate(source.file.interfaces):
            point = source.file.point_of(number)
            if interface.dropped:
                dropped[point] = dropped.get(point, 0) + interface.dropped
            if interface.snaplen:
                snaplen[point] = min(snaplen.get(point, interface.snaplen), interface.snaplen)
    return CaptureFacts(dropped, snaplen, tuple(source.file.path for source in sources))


def _summaries(correlation: Correlation, sources: Sequence[Decoded], facts: CaptureFacts) -> tuple[PointSummary, ...]:
    files: dict[CapturePoint, dict[str, None]] = {}
    link_types: dict[CapturePoint, dict[str, None]] = {}
    for source in sources:
        for number, interface in enumerate(source.file.interfaces):
            point = source.file.point_of(number)
            files.setdefault(point, {})[source.file.path] = None
            link_types.setdefault(point, {})[link.name(interface.link_type)] = None
    return tuple(
        PointSummary(
            point=point,
            role=correlation.roles[point],
            files=tuple(files[point]),
            link_types=tuple(link_types[point]),
            snaplen=facts.snaplen.get(point, 0),
            packets=tally.packets,
            first=tally.first,
            last=tally.last,
            dropped=facts.dropped.get(point),
            kinds=tally.by_label(),
        )
        for point, tally in sorted(correlation.tallies.items())
    )


def _notes(correlation: Correlation) -> tuple[str, ...]:
    notes = []
    if correlation.pressed:
        notes.append(f"{correlation.pressed} exchanges were closed early: more were open at once than are kept.")
    if correlation.folded:
        notes.append(
            f"{correlation.folded} exchanges are counted without their flow: there are more flows than are kept."
        )
    if correlation.overlooked:
        notes.append(f"{correlation.overlooked} packets looked in more different ways than are kept apart.")
    return tuple(notes)
