"""The stages in order; the one path that command line, tests, notebooks and the live view share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ipipscope import own_rules
from ipipscope.capture.files import STDIN, find, is_state
from ipipscope.capture.points import RING_NUMBER, stem
from ipipscope.correlator.correlate import Correlation, correlate
from ipipscope.correlator.flows import Flows
from ipipscope.decoder import link
from ipipscope.language.said import Said, counted, joined, say, say_of
from ipipscope.model import MILLISECOND, SECOND, CapturePoint, PointSummary
from ipipscope.report.model import Report
from ipipscope.rules.capture_facts import CaptureFacts
from ipipscope.rules.catalogue import CAPTURE_RULES
from ipipscope.rules.judge import Judgement, judge
from ipipscope.rules.known_hosts import KnownHosts
from ipipscope.rules.path import path
from ipipscope.rules.place import place
from ipipscope.rules.told_points import untold
from ipipscope.sources import Decoded, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from ipipscope.correlator.clocks import Clock
    from ipipscope.correlator.journey import Journey, Seen
    from ipipscope.errors import InputError
    from ipipscope.hosts.model import Snapshot
    from ipipscope.model import Finding, Flow, Hop, PathSeen, Verdict


NAMED: Final = 5
"""Files that a note names; it counts the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One exchange with everything that was seen of it.

    number: its place in order of capture time, from 1, as in tables and `show --exchange`.
    flow: complete, with the requester's port.
    sequence: ICMP sequence number, or initial TCP sequence number; 0 for UDP.
    request, reply: earliest capture time; None where that packet was never seen.
    sightings: requests first, node by node, each node's in order of time.
    places: where each sighting was made.
    path: its way, with the places where it is missing or where nobody watched.
    """

    number: int
    flow: Flow
    sequence: int
    request: int | None
    reply: int | None
    verdict: Verdict
    sightings: tuple[Seen, ...]
    places: tuple[Hop, ...]
    path: PathSeen


@dataclass(eq=False)
class Analysis:
    """What a report, a table or a picture is made of.

    sources: the capture files; a sighting's `source` is a place in it.
    findings: with causes and remedies where there are snapshots.
    """

    sources: Sequence[Decoded]
    correlation: Correlation
    judgement: Judgement
    findings: Sequence[Finding]
    snapshots: Mapping[str, Snapshot]
    problems: Sequence[InputError]

    @property
    def files(self) -> list[str]:
        """Names of the capture files, by source number."""
        return [source.file.path for source in self.sources]

    @cached_property
    def report(self) -> Report:
        """What is said of it."""
        points = _summaries(self.correlation, self.sources, _facts(self.sources))
        kinds = [pair for point in points for pair in point.kinds.items()]
        told = self.judgement
        return Report(
            points=points,
            findings=tuple(self.findings),
            packets=sum(point.packets for point in points),
            encapsulated=sum(count for kind, count in kinds if kind.startswith("ipip")),
            exchanges=told.exchanges,
            answered=told.answered,
            unanswered=told.unanswered,
            undecided=told.undecided,
            problems=tuple(self.problems),
            notes=_notes(self.correlation, self.files),
            clocks=tuple(self.correlation.clocks),
            state=tuple(sorted(self.snapshots)),
        )

    @cached_property
    def rows(self) -> list[int]:
        """The rows of `correlation.exchanges` that count, in order: exchange *n* is `rows[n - 1]`.

        Empty unless the analysis was asked to keep exchanges.
        """
        kept = self.correlation.exchanges
        if kept is None:
            return []
        counted = self.judgement.parts
        return [row for row, journey in enumerate(kept.journey.tolist()) if journey in counted]

    def exchange(self, number: int) -> Exchange:
        """Exchange *number*, from 1.

        Raises IndexError where there is none, or where exchanges were not kept.
        """
        if not 1 <= number <= len(self.rows):
            raise IndexError(number)
        kept, row = self.correlation.exchanges, self.rows[number - 1]
        assert kept is not None
        request, reply = int(kept.request[row]), int(kept.reply[row])
        journey = self._journeys[int(kept.journey[row])]
        verdict = self.judgement.verdict(journey.row, request or reply)
        view = self.judgement.view(journey.row, request or reply)
        assert verdict is not None
        assert view is not None
        seen = kept.seen(row)
        port = int(kept.port[row])
        return Exchange(
            number=number,
            flow=replace(journey.flow, sport=port) if port else journey.flow,
            sequence=int(kept.number[row]),
            request=request or None,
            reply=reply or None,
            verdict=verdict,
            sightings=seen,
            places=tuple(place(view, each.look) for each in seen),
            path=path(view),
        )

    @cached_property
    def _journeys(self) -> dict[int, Journey]:
        return {journey.row: journey for journey in self.correlation.journeys}


def analyse(
    paths: Sequence[str],
    *,
    points: Mapping[str, CapturePoint] | None = None,
    state: Sequence[str] | None = None,
    timeout: int = 5 * SECOND,
    snapshots: Mapping[str, Snapshot] | None = None,
    keep: bool = False,
    progress: Callable[[Sequence[Decoded]], None] | None = None,
) -> Analysis:
    """Run the stages in order on capture files, folders of them, or `-` for standard input.

    points: capture points said outright, by file.
    state: snapshots and folders of host state; None for what lies beside the captures, empty for none at all.
    timeout: how long after its request a reply still counts, nanoseconds of capture time.
    snapshots: snapshots by node that are at hand, besides those of *state*.
    keep: keep every exchange for tables and ladders, about 100 octets each, and count the flows; not only what
        findings need.
    progress: called now and then with the files while they are read.
    Never raises for what a file holds: what cannot be read is in the problems.
    """
    paths = [str(paths)] if isinstance(paths, (str, Path)) else paths
    files, problems = find(paths, points)
    sources = decode(files)
    step = None if progress is None else partial(progress, sources)
    correlation = correlate(sources, timeout=timeout, keep=keep, flows=Flows() if keep else None, step=step)
    found, state_problems = snapshots_for(paths, [source.file.path for source in sources], state)
    return assemble(sources, correlation, {**(snapshots or {}), **found}, [*problems, *state_problems])


def assemble(
    sources: Sequence[Decoded],
    correlation: Correlation,
    snapshots: Mapping[str, Snapshot],
    problems: Sequence[InputError] = (),
) -> Analysis:
    """Judge what was correlated, and explain the findings from host state; the sources' own problems are added."""
    names = [source.file.path for source in sources]
    own_rules.load_installed()
    judgement = judge(correlation, _facts(sources), names, _known_hosts(snapshots))
    findings = judgement.findings
    if snapshots:
        from ipipscope.hosts.causes import explain  # noqa: PLC0415  (only where there is state)
        from ipipscope.hosts.suspected import suspected  # noqa: PLC0415  (only where there is state)

        explained = explain(findings, snapshots)
        # Verdicts name findings by their place: those on the capture itself, which none names, come last.
        about_capture = {module.RULE.code for module in CAPTURE_RULES}
        last = next((n for n, each in enumerate(explained) if each.code in about_capture), len(explained))
        findings = [*explained[:last], *suspected(judgement, snapshots), *explained[last:]]
    found = [*problems, *(problem for source in sources for problem in source.file.problems)]
    return Analysis(sources, correlation, judgement, findings, snapshots, found)


def triage(
    paths: Sequence[str],
    *,
    points: Mapping[str, CapturePoint] | None = None,
    state: Sequence[str] | None = None,
    timeout: int = 5 * SECOND,
) -> Report:
    """What captures show: `analyse`, and the report of it."""
    return analyse(paths, points=points, state=state, timeout=timeout).report


def state_beside(paths: Sequence[str], files: Sequence[str]) -> list[str]:
    """Host state that lies where captures do.

    Such folders that were given, folders named `state` in the folders that were given and beside the captures that were
    found, and `a.state` beside `a.pcapng` and beside the files of its ring, `a_00001_20261125103028.pcapng`.
    """
    folders = [Path(path) if is_state(path) else Path(path) / "state" for path in paths if Path(path).is_dir()]
    for file in files:
        if file != STDIN:
            place = Path(file).parent
            name = stem(file)
            folders += [place / "state", place.parent / "state"]
            folders += [place / f"{each}.state" for each in (name, RING_NUMBER.sub("", name))]
    found = {}
    for folder in dict.fromkeys(folders):
        if folder.is_dir():
            found[folder.resolve()] = str(folder)
    return list(found.values())


def snapshots_for(
    paths: Sequence[str], files: Sequence[str], state: Sequence[str] | None
) -> tuple[Mapping[str, Snapshot], Sequence[InputError]]:
    """The hosts' state, and what of it could not be read.

    state: as for `analyse`.
    """
    where = state_beside(paths, files) if state is None else state
    if not where:
        return {}, ()
    from ipipscope.hosts.reading import read_state  # noqa: PLC0415  (only where there is state)

    read = read_state(where)
    return read.snapshots, read.problems


def _known_hosts(snapshots: Mapping[str, Snapshot]) -> KnownHosts:
    if not snapshots:
        return KnownHosts()
    from ipipscope.hosts.known import known_hosts  # noqa: PLC0415  (only where there is state)

    return known_hosts(snapshots)


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
            first=None if tally.first is None else tally.first - correlation.shift(point.node),
            last=None if tally.last is None else tally.last - correlation.shift(point.node),
            dropped=facts.dropped.get(point),
            kinds=tally.by_label(),
            on_tunnel=tally.on_tunnel,
            malformed={layer.label: count for layer, count in sorted(tally.layers.items())},
        )
        for point, tally in sorted(correlation.tallies.items())
    )


def within(clock: Clock) -> Said:
    """How sure a clock's offset is."""
    if clock.uncertainty is None:
        return say("one direction only was seen at both")
    return say("give or take {time:.3f} ms", time=clock.uncertainty / MILLISECOND)


def _clock_note(clock: Clock) -> Said:
    order = say("ahead of") if clock.offset > 0 else say("behind")
    return say(
        "The clock of {node} is {time:.3f} s {order} that of {reference} ({within}); "
        "findings tell the time of {reference}.",
        node=clock.node,
        time=abs(clock.offset) / SECOND,
        order=order,
        reference=clock.reference,
        within=within(clock),
    )


def _untold(points: Collection[CapturePoint]) -> list[Said]:
    """What to do about points of which nothing tells the node, where there are others."""
    names = sorted(point.node for point in points if not point.told)
    if not names or len(points) == 1:
        return []
    shown = joined(", ", names[:NAMED])
    which = say("{names} and {more} more", names=shown, more=len(names) - NAMED) if len(names) > NAMED else shown
    if untold(points):
        told = say(
            "Nothing tells which node these files are from: {files}. This report takes no verdict from them.",
            files=which,
        )
    else:
        told = say(
            "Nothing tells which node these files are from: {files}. This report takes each for a node of its own.",
            files=which,
        )
    return [joined(" ", [told, say("Say it with --point NODE:IFACE=FILE, or name files NODE_IFACE.pcap.")])]


def _notes(correlation: Correlation, files: Sequence[str]) -> tuple[str, ...]:
    notes = [_clock_note(clock) for clock in correlation.clocks if clock.shift]
    notes += _untold(correlation.tallies)
    repeated = {point: count for point, count in sorted(correlation.repeated.items()) if count}
    if repeated:
        notes.append(
            say_of(
                sum(repeated.values()),
                "{count} packet stands in two files of its point, {points}, counted once.",
                "{count} packets stand in two files of their points, counted once: {points}.",
                points=", ".join(f"{point} {count}" for point, count in repeated.items()),
            )
        )
    for source, (count, frame) in sorted(correlation.strays.items()):
        notes.append(
            say_of(
                count,
                "{count} time in {file}, that of frame {frame}, contradicts the frames around it; it is placed at the "
                "one before.",
                "{count} times in {file}, the first of frame {frame}, contradict the frames around them; each is "
                "placed at the one before.",
                frame=frame,
                file=files[source],
            )
        )
    for point, tally in sorted(correlation.tallies.items()):
        if tally.first_malformed is not None:
            source, frame, where = tally.first_malformed
            count = tally.layers.total()
            notes.append(
                say(
                    "{packets} at {point} contradict themselves; the first is frame {frame} of {file}: {where}.",
                    packets=counted(count, "packet"),
                    point=point,
                    frame=frame,
                    file=files[source],
                    where=where,
                )
            )
    for point, count in sorted(correlation.incomplete.items()):
        notes.append(
            say("{count} packets at {point} are incomplete: fragments of them never came.", count=count, point=point)
        )
    if correlation.unjoined:
        notes.append(
            say(
                "{count} packets were judged before all their fragments were read: "
                "more were awaited at once than are kept.",
                count=correlation.unjoined,
            )
        )
    if correlation.pressed:
        notes.append(
            say("{count} exchanges were closed early: more were open at once than are kept.", count=correlation.pressed)
        )
    if correlation.folded:
        notes.append(
            say(
                "{count} exchanges are counted without their flow: there are more flows than are kept.",
                count=correlation.folded,
            )
        )
    unfollowed = correlation.connections.flows.folded if correlation.flows is None else 0
    if unfollowed:
        notes.append(
            say(
                "{count} TCP segments are not followed beyond handshakes: there are more connections than are kept.",
                count=unfollowed,
            )
        )
    if correlation.overlooked:
        notes.append(
            say("{count} packets looked in more different ways than are kept apart.", count=correlation.overlooked)
        )
    return tuple(notes)
