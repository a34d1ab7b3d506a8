"""Running commands and measuring them: wall time, processor time, peak memory, and what they answered.

This module and what imports it load no NumPy: a child's peak memory, as the kernel tells it, is never below what its
parent held when it was started, so the parent stays small. That floor is noted in every result.
"""

from __future__ import annotations

import os
import resource
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

SLOW: Final = 20.0
"""Seconds; a command whose first run takes longer is not run again: its first run is the result."""
SAMPLE: Final = 0.05
"""Seconds between looks at the memory of a command's own children."""

Answer = dict[str, int]
"""Counts that a command found, by name: packets, encapsulated, answered."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do a scenario's job."""

    name: str
    commands: Sequence[Sequence[str]]
    """Run one after the other; their times add up."""
    read: Callable[[Iterable[str]], Answer]
    """From the lines that a command wrote to its answer, summed over the commands; ValueError when there is none."""
    feed: Sequence[str] | None = None
    """A command whose output is the standard input of each of *commands*; not counted in memory and processor time."""
    statuses: frozenset[int] = frozenset({0})
    """Exit statuses of success."""


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a contender."""

    wall: float
    """Seconds from start to end."""
    cpu: float
    """Seconds of processor time, its own children included, the feeding command not."""
    peak: int
    """Octets of resident memory; with children of its own, the largest sum that was seen."""
    answer: Answer


@dataclass(slots=True)
class Result:
    """All measured runs of one contender."""

    contender: Contender
    runs: list[Run] = field(default_factory=list)
    problem: str = ""
    """Why there are no runs, in one line."""

    @property
    def wall(self) -> float:
        """Median, seconds."""
        return statistics.median(run.wall for run in self.runs)

    @property
    def peak(self) -> int:
        """Largest of all runs, octets."""
        return max(run.peak for run in self.runs)

    @property
    def cpu(self) -> float:
        """Median, seconds."""
        return statistics.median(run.cpu for run in self.runs)


class RunFailedError(Exception):
    """A command could not be run, ended with another status than it should, or told nothing."""


def floor() -> int:
    """Octets of memory below which a child's peak cannot be told."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def side_by_side(contenders: Sequence[Contender], *, repeat: int, warm_up: bool, timeout: float) -> list[Result]:
    """Run all *contenders* in turn, *repeat* times, after a round that does not count.

    Taking turns spreads what else the machine does over all of them.
    """
    results = [Result(contender) for contender in contenders]
    done: set[int] = set()
    for turn in range(repeat + warm_up):
        for place, result in enumerate(results):
            if place in done:
                continue
            try:
                run = execute(result.contender, timeout=timeout)
            except RunFailedError as failure:
                result.problem, result.runs = str(failure), []
                done.add(place)
                continue
            if run.wall > SLOW:
                done.add(place)
            if turn >= warm_up or run.wall > SLOW:
                result.runs.append(run)
    return results


def execute(contender: Contender, *, timeout: float) -> Run:
    """Run a contender once; raises RunFailedError."""
    wall = cpu = 0.0
    peak = 0
    answer: Answer = {}
    for command in contender.commands:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            seconds, usage, status, tree = _spawn(command, contender.feed, out, err, timeout)
            if status not in contender.statuses:
                raise RunFailedError(f"{Path(command[0]).name}: status {status}: {_last_line(err)}")
            try:
                for name, count in contender.read(_lines(out)).items():
                    answer[name] = answer.get(name, 0) + count
            except (ValueError, KeyError) as nothing:
                raise RunFailedError(f"{Path(command[0]).name}: no answer: {_last_line(err) or nothing}") from nothing
        wall += seconds
        cpu += usage.ru_utime + usage.ru_stime
        peak = max(peak, usage.ru_maxrss * 1024, tree)
    return Run(wall, cpu, peak, answer)


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """One at a time: the output of tshark is as large as a capture, and this process has to stay small."""
    stream.seek(0)
    return (line.decode(errors="replace") for line in stream)


def _last_line(stream: IO[bytes]) -> str:
    stream.seek(0, os.SEEK_END)
    stream.seek(max(0, stream.tell() - 1000))
    return (stream.read().decode(errors="replace").strip().splitlines() or [""])[-1][:150]


def _spawn(
    command: Sequence[str], feed: Sequence[str] | None, out: IO[bytes], err: IO[bytes], timeout: float
) -> tuple[float, Any, int, int]:
    """Wall seconds, resource usage, exit status (negative for a signal), peak of the process tree in octets."""
    environment = os.environ | {"LC_ALL": "C.UTF-8", "NO_COLOR": "1"}
    begin = time.perf_counter()
    feeder = None
    try:
        if feed:
            feeder = subprocess.Popen(feed, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
        process = subprocess.Popen(
            command, stdin=feeder.stdout if feeder else subprocess.DEVNULL, stdout=out, stderr=err, env=environment
        )
    except FileNotFoundError as missing:
        if feeder:
            feeder.kill()
            feeder.wait()
        raise RunFailedError(f"{Path(str(missing.filename)).name} is not installed") from missing
    if feeder and feeder.stdout:
        feeder.stdout.close()  # so that the feeder notices when its reader goes away
    watch = Watch(process.pid, timeout)
    watch.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    watch.stop()
    process.returncode = os.waitstatus_to_exitcode(status)
    if feeder:
        feeder.wait()
    if watch.expired:
        raise RunFailedError(f"{Path(command[0]).name}: stopped after {timeout:.0f} s")
    return seconds, usage, process.returncode, watch.peak


class Watch(threading.Thread):
    """Looks at a running command: the memory of its process tree if it has children, and the time it may take."""

    def __init__(self, pid: int, timeout: float, every: float = SAMPLE) -> None:
        super().__init__(daemon=True)
        self._pid, self._deadline, self._every = pid, time.monotonic() + timeout, every
        self._done = threading.Event()
        self.peak = 0
        self.expired = False

    def run(self) -> None:
        while not self._done.wait(self._every):
            tree = list(descendants(self._pid))
            if len(tree) > 1:
                self.peak = max(self.peak, sum(map(_proportional_memory, tree)))
            if time.monotonic() > self._deadline and not self.expired:
                self.expired = True
                os.kill(self._pid, signal.SIGKILL)

    def stop(self) -> None:
        self._done.set()
        self.join()


def descendants(pid: int) -> Iterator[int]:
    """A process, and all that it started and that still run."""
    yield pid
    try:
        children = [
            child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
        ]
    except OSError:  # it ended meanwhile, or this system has no /proc
        return
    for child in children:
        yield from descendants(int(child))


def _proportional_memory(pid: int) -> int:
    """Octets; pages that several processes share are divided among them."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
