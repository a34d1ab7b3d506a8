"""Send what a plan asks for, and count what was answered."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from .plan import Ping, Tcp
from .shell import CommandError, Task, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from .plan import Event, Phase, Udp


@dataclass(frozen=True, slots=True)
class Outcome:
    """One phase as truth.json tells it, and the text its user saw."""

    record: dict[str, Any]
    text: str


def send(phases: list[Phase], *, together: bool = False, count: int | None = None) -> list[Outcome]:
    """Run *phases* one after another or *together*; *count* replaces their numbers of requests."""
    if not together:
        return [_send(phase, count) for phase in phases]
    outcomes: dict[int, Outcome] = {}

    def work(number: int, phase: Phase) -> None:
        outcomes[number] = _send(phase, count)

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(phases)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [outcomes[number] for number in range(len(phases))]


class Timeline(threading.Thread):
    """Runs events at their times, and remembers when each really happened (seconds since the epoch)."""

    def __init__(self, events: list[Event]) -> None:
        super().__init__(daemon=True)
        self._events = sorted(events, key=lambda event: event.at)
        self.happened: list[tuple[Event, float]] = []
        self._error: CommandError | None = None

    def finish(self) -> None:
        """Wait for the last event; raises CommandError when one did not work."""
        self.join()
        if self._error is not None:
            raise self._error

    def run(self) -> None:
        """Wait for each event's time and run it."""
        start = time.monotonic()
        for event in self._events:
            time.sleep(max(0.0, start + event.at - time.monotonic()))
            self.happened.append((event, time.time()))
            try:
                run(event.step.namespace, event.step.command)
            except CommandError as error:
                self._error = error
                return


def _send(phase: Phase, count: int | None) -> Outcome:
    if isinstance(phase, Ping):
        return _ping(phase, count)
    if isinstance(phase, Tcp):
        return _tcp(phase, count)
    return _udp(phase, count)


def _record(phase: Phase, command: str, sent: int, answered: int, **more: Any) -> dict[str, Any]:
    return {
        "label": phase.label or f"{phase.source} -> {phase.target}",
        "command": command,
        "from": phase.source,
        "to": phase.target,
        "sent": sent,
        "answered": answered,
        **more,
    }


def _ping(phase: Ping, count: int | None) -> Outcome:
    command = phase.command(count)
    result = run(phase.source, command, check=False, timeout=120)
    numbers = re.search(r"(\d+) packets transmitted, (\d+) received(.*)", result.stdout)
    if numbers is None:
        raise RuntimeError(f"{phase.source}: `{command}` counted nothing: {result.stdout}{result.stderr}")
    more = {}
    if phase.identifier is not None:
        more["icmp_id"] = phase.identifier
    for word in ("duplicates", "errors"):
        found = re.search(rf"\+(\d+) {word}", numbers[3])
        if found:
            more[word] = int(found[1])
    record = _record(phase, command, int(numbers[1]), int(numbers[2]), **more)
    head = f"# {record['label']}   (run in the network namespace of {phase.source})\n$ {command}\n"
    return Outcome(record, head + result.stdout + result.stderr + "\n")


def _tcp(phase: Tcp, count: int | None) -> Outcome:
    connections = count or phase.connections
    serve = partial(_serve_tcp, phase.target, phase.port, connections, phase.timeout)
    said, served = _talk(phase, serve, partial(_connect, phase, connections))
    answered, refused = sum(number >= 0 for number in said), said.count(REFUSED)
    command = f"tcp client: {connections} connections to {phase.target}:{phase.port}, {phase.octets} octets each"
    record = _record(phase, command, connections, answered, kind="tcp", **({"refused": refused} if refused else {}))
    text = f"# {record['label']}   (run in the network namespace of {phase.source})\n# {command}\n"
    text += "".join(f"connection {place}: {_told(number)}\n" for place, number in enumerate(said, 1))
    return Outcome(record, text + f"# server: {served} connections accepted\n\n")


def _talk(phase: Tcp | Udp, serve: Callable[[], int], ask: Callable[[], Any]) -> tuple[Any, int]:
    """What the client came to know, and how many the server served; no server where the phase names none."""
    server = Task(phase.server, serve) if phase.server else None
    time.sleep(0.15)
    said = Task(phase.source, ask).wait()
    return said, server.wait() if server else 0


UNCONNECTED, REFUSED = -1, -2
"""Instead of what the server counted. A reset is an answer too: only, nobody listens."""


def _told(number: int) -> str:
    if number == REFUSED:
        return "refused"
    return f"connected, server counted {number} octets" if number >= 0 else "not connected in time"


def _connect(phase: Tcp, connections: int) -> list[int]:
    said = []
    for _ in range(connections):
        number = UNCONNECTED
        try:
            with socket.create_connection((phase.target, phase.port), phase.timeout) as link:
                number = 0
                link.sendall(b"x" * phase.octets)
                link.shutdown(socket.SHUT_WR)
                number = int(link.recv(64) or b"0")
        except ConnectionRefusedError:
            number = REFUSED
        except OSError:
            pass
        said.append(number)
    return said


def _serve_tcp(address: str, port: int, connections: int, patience: float) -> int:
    accepted = 0
    with socket.create_server((address, port)) as listener:
        listener.settimeout(patience * connections + 1)
        with contextlib.suppress(TimeoutError):
            while accepted < connections:
                link, _ = listener.accept()
                accepted += 1
                with link:
                    link.settimeout(patience)
                    with contextlib.suppress(OSError):
                        total = 0
                        while octets := link.recv(65536):
                            total += len(octets)
                        link.sendall(b"%d" % total)
    return accepted


def _udp(phase: Udp, count: int | None) -> Outcome:
    queries = count or phase.queries
    serve = partial(_serve_udp, phase.target, phase.port, queries, phase.timeout)
    (answered, refused), served = _talk(phase, serve, partial(_query, phase, queries))
    command = f"udp client: {queries} queries to {phase.target}:{phase.port}"
    record = _record(phase, command, queries, answered, kind="udp", **({"refused": refused} if refused else {}))
    head = f"# {record['label']}   (run in the network namespace of {phase.source})\n# {command}\n"
    return Outcome(record, f"{head}{answered} answers\n# server: {served} queries answered\n\n")


def _query(phase: Udp, queries: int) -> tuple[int, int]:
    """How many queries were answered, and how many an ICMP error said nobody takes."""
    answered = refused = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(phase.timeout)
        link.connect((phase.target, phase.port))
        for number in range(queries):
            question = b"query %d" % number
            try:
                link.send(question)
                while link.recv(2048) != b"answer to " + question:
                    pass
                answered += 1
            except ConnectionRefusedError:
                refused += 1
            except OSError:
                pass
            time.sleep(phase.interval)
    return answered, refused


def _serve_udp(address: str, port: int, queries: int, patience: float) -> int:
    served = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.bind((address, port))
        link.settimeout(patience * queries + 1)
        with contextlib.suppress(TimeoutError):
            while served < queries:
                question, client = link.recvfrom(2048)
                link.sendto(b"answer to " + question, client)
                served += 1
    return served
