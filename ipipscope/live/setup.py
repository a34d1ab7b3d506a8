"""From what the user ordered to a session that is ready to run: hosts are asked, filters chosen, the file opened."""

from __future__ import annotations

import re
import shlex
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ipipscope.capture.commands import Settings, Wanted, commands
from ipipscope.capture.elsewhere import host, namespace, words
from ipipscope.capture.filters import Traffic, expression
from ipipscope.capture.interfaces import equipment
from ipipscope.capture.recording import KILO, STDOUT, Limits, Recording
from ipipscope.errors import UsageError
from ipipscope.language.said import say
from ipipscope.live.flight_recorder import FlightRecorder, FlightView
from ipipscope.live.judge import LiveJudge
from ipipscope.live.lines import Everyone
from ipipscope.live.session import Session
from ipipscope.live.state import HostState
from ipipscope.live.stream import Target
from ipipscope.model import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipipscope.analysis import Analysis
    from ipipscope.live.watched import View

MEMORY: Final = 64_000_000
"""Octets of packets that the flight recorder holds."""
STATE_PATIENCE: Final = 10.0
"""Seconds that the end waits for the last snapshots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the user asked for; see the options of `ipipscope capture`."""

    interfaces: Sequence[str]
    write: str | None
    force: bool
    traffic: str
    filter: str | None
    snaplen: int
    limits: Limits
    duration: float | None
    via: str | None
    on: Sequence[str]
    node: str | None
    timeout: int
    state: bool
    on_finding: str | None = None
    keep: int = 30 * SECOND
    memory: int = MEMORY


@dataclass(slots=True)
class Prepared:
    """A session that only needs to run.

    state: None where no snapshots are wanted.
    """

    session: Session
    settings: Settings
    state: HostState | None
    flight: FlightRecorder | None = None

    def told(self) -> list[str]:
        """The commands that will run, one a line, fit to be copied."""
        lines = []
        for target in self.session.targets:
            wanted = [Wanted(name, target.filters[name]) for name in target.interfaces]
            lines += [
                f"on {target.node}: {shlex.join(command)}"
                for command, _ in commands(target.tool, wanted, self.settings)
            ]
        return lines

    def run(self, view: View) -> Analysis:
        """Record and judge to the end; what it all amounts to."""
        session, state = self.session, self.state
        for target in session.targets:
            if target.tool == "scapy":
                view.note(
                    say(
                        "{node} has neither dumpcap nor tcpdump: scapy's sockets record, and lose packets without a "
                        "word from a few thousand a second on. Install tcpdump or wireshark-common.",
                        node=target.node,
                    )
                )
        told = Everyone((view, *([state] if state else []), *([FlightView(self.flight)] if self.flight else [])))
        if state is not None:
            session.judge.host_state = lambda: state.snapshots
            state.take()
        session.run(told)
        if state is not None:
            state.take()
            state.wait(STATE_PATIENCE)
            if state.problem is not None:
                session.judge.problems.append(state.problem)
        analysis = session.finish(told)
        if self.flight is not None:
            self.flight.finish()
            for text in self.flight.news():
                view.note(text)
        return analysis


def limits(count: int | None, autostop: Sequence[str], ring: Sequence[str]) -> Limits:
    """-c, -a and -b as limits; raises UsageError for a condition that there is not."""
    found = Limits(packets=count)
    for condition in autostop:
        name, value = _condition("-a", condition, ("duration", "filesize", "packets"))
        if name == "filesize":
            found = replace(found, size=round(value * KILO))
        elif name == "packets":
            found = replace(found, packets=min(round(value), found.packets or round(value)))
    for condition in ring:
        name, value = _condition("-b", condition, ("duration", "filesize", "packets", "files"))
        if name == "filesize":
            found = replace(found, file_size=round(value * KILO))
        elif name == "duration":
            found = replace(found, file_duration=value)
        elif name == "packets":
            found = replace(found, file_packets=round(value))
        else:
            found = replace(found, files=round(value))
    if found.files is not None and found == replace(found, file_size=None, file_duration=None, file_packets=None):
        raise UsageError(
            "-b files:N needs to know when the next file begins: add -b filesize:KB or -b duration:SECONDS"
        )
    return found


def duration(autostop: Sequence[str]) -> float | None:
    """Seconds of -a duration:SECONDS."""
    for condition in autostop:
        name, value = _condition("-a", condition, ("duration", "filesize", "packets"))
        if name == "duration":
            return value
    return None


def _condition(option: str, text: str, names: Sequence[str]) -> tuple[str, float]:
    name, _, value = text.partition(":")
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if name not in names or not 0 < number < float("inf"):
        raise UsageError(f"{option} {text!r}: write {' or '.join(f'{each}:NUMBER' for each in names)}")
    return name, number


def prepare(order: Order) -> Prepared:
    """Ask the hosts, open the file; raises UsageError and InputError before anything is recorded."""
    targets = _targets(order)
    nodes = [target.node for target in targets]
    path = order.write or f"{nodes[0] if len(nodes) == 1 else 'capture'}_{time.strftime('%Y%m%dT%H%M%S')}.pcapng"
    beside = None if path == STDOUT or order.on_finding is not None else path
    state = HostState(targets, beside, force=order.force) if order.state else None
    tools = sorted({target.tool for target in targets})
    systems = sorted({target.equipment.system for target in targets})
    from ipipscope import __version__  # noqa: PLC0415  (the package names this module's folder)

    tool, system = f"ipipscope {__version__} ({', '.join(tools)})", ", ".join(systems)
    flight = flight_recorder(order, tool=tool, system=system)
    if flight is not None and state is not None:
        flight.state = lambda: state.snapshots
    recording = flight or Recording(path, order.limits, tool=tool, system=system, force=order.force)
    settings = Settings(snaplen=order.snaplen)
    session = Session(
        targets,
        recording,
        LiveJudge(order.timeout),
        settings=settings,
        timeout=order.timeout,
        duration=order.duration,
    )
    return Prepared(session, settings, state, flight)


def flight_recorder(
    order: Order, *, tool: str = "", system: str = "", by_capture_time: bool = False
) -> FlightRecorder | None:
    """The flight recorder of --on-finding, where there is one; raises UsageError for what does not go with it."""
    if order.on_finding is None:
        return None
    if order.write is not None or order.limits.ring:
        raise UsageError("--on-finding writes files of its own, and only when something is found: leave out -w and -b")
    return FlightRecorder(
        order.on_finding,
        order.limits,
        keep=order.keep,
        memory=order.memory,
        tool=tool,
        system=system,
        by_capture_time=by_capture_time,
    )


def seconds(text: str) -> int:
    """`30`, `30s`, `2m` or `1h` in nanoseconds; raises UsageError for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if found is None or not float(found[1]):
        raise UsageError(f"--keep {text!r}: write seconds or minutes, as in 30s or 2m")
    return round(float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]] * SECOND)


def _targets(order: Order) -> list[Target]:
    """The nodes with their interfaces, in the order in which they were named."""
    ways: dict[str, tuple[str, ...]] = {}
    for text in order.on:
        node, equals, command = text.partition("=")
        if not (node and equals and command) or ":" in node:
            raise UsageError(f"--on {text!r}: write NODE=COMMAND, as in node4='ssh root@node4'")
        ways[node] = words(command)
    wanted: dict[str, list[str]] = {}
    for name in dict.fromkeys(order.interfaces):
        node, colon, interface = name.partition(":")
        if colon and node in ways and interface:
            wanted.setdefault(node, []).append(interface)
        else:
            wanted.setdefault("", []).append(name)
    for node in ways:
        if node not in wanted:
            raise UsageError(f"--on {node}=...: name an interface of it, as in {node}:eth1")
    return [
        _target(order, node or order.node, ways.get(node, words(order.via or "")), names)
        for node, names in wanted.items()
    ]


def _target(order: Order, node: str | None, via: Sequence[str], names: Sequence[str]) -> Target:
    there = host(via)
    found = equipment(there)
    node = node or namespace(via) or found.name
    found.check(node, names)
    if via and not found.recorders:
        raise UsageError(f"{node} has neither dumpcap nor tcpdump: install one of them there")
    traffic = Traffic(order.traffic)
    filters = {
        name: expression(traffic, found.link_type(name)) if order.filter is None else order.filter for name in names
    }
    return Target(node, there, found, tuple(names), filters)
