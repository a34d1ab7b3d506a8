"""Record the points of a plan with tcpdump or dumpcap."""

from __future__ import annotations

import re
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .shell import start

if TYPE_CHECKING:
    import subprocess

    from .plan import Point

WORK: Final = Path("/run/capture")
"""The guest's own memory: tcpdump wants to own its file, which the host's file system refuses."""
READY: Final = re.compile(rb"listening on|Capturing on|File: ")
RING_KIB: Final = 16384
"""Immediate mode reserves a whole snaplen a packet; the default ring then holds a handful, and bursts are lost."""
PATIENCE: Final = 20.0


class Recorder:
    """The recordings of one case; use as: start(), traffic, stop()."""

    def __init__(self, points: list[Point]) -> None:
        WORK.mkdir(exist_ok=True)
        self._points = points
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._timers: list[threading.Timer] = []

    def start(self) -> None:
        """Start what records from the beginning, and return when all of it really listens."""
        now = [point for point in self._points if point.start_after == 0]
        for point in now:
            self._start(point)
        for point in now:
            self._await(point)

    def traffic_starts(self) -> None:
        """Set the clocks of points that start late or stop early."""
        for point in self._points:
            if point.start_after > 0:
                self._timers.append(threading.Timer(point.start_after, self._start, [point]))
            if point.stop_after is not None:
                self._timers.append(threading.Timer(point.stop_after, self._stop, [point]))
            for when, what in zip(point.hangs or (), (signal.SIGSTOP, signal.SIGCONT), strict=False):
                self._timers.append(threading.Timer(when, self._signal, [point, what]))
        for timer in self._timers:
            timer.start()

    def stop(self, folder: Path) -> list[dict[str, Any]]:
        """Stop what still records and put all files into *folder*; what each tool said it saw and dropped."""
        for timer in self._timers:
            timer.join()
        for point in self._points:
            self._signal(point)
        said = []
        for point in self._points:
            self._stop(point)
            shutil.copyfile(WORK / point.file_name, folder / point.file_name)
            said.append(self._said(point))
            (WORK / point.file_name).unlink()
            self._log(point).unlink()
        return said

    def abandon(self) -> None:
        """Kill everything: the case failed."""
        for timer in self._timers:
            timer.cancel()
        for process in self._running.values():
            process.kill()
            process.wait()
        self._running.clear()
        for path in WORK.iterdir():
            path.unlink()

    def _log(self, point: Point) -> Path:
        return WORK / f"{point.file_name}.log"

    def _start(self, point: Point) -> None:
        self._running[point.file_name] = start(point.node, _command(point), stderr=self._log(point))

    def _await(self, point: Point) -> None:
        deadline = time.monotonic() + PATIENCE
        while not READY.search(self._log(point).read_bytes()):
            if time.monotonic() > deadline or self._running[point.file_name].poll() is not None:
                raise RuntimeError(f"{point.file_name}: nothing is recorded: {self._log(point).read_text()}")
            time.sleep(0.02)

    def _signal(self, point: Point, what: signal.Signals = signal.SIGINT) -> None:
        process = self._running.get(point.file_name)
        if process is not None:
            process.send_signal(what)

    def _stop(self, point: Point) -> None:
        process = self._running.pop(point.file_name, None)
        if process is not None:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)

    def _said(self, point: Point) -> dict[str, Any]:
        text = self._log(point).read_text()
        said: dict[str, Any] = {
            "file": f"captures/{point.file_name}",
            "node": point.node,
            "interface": point.interface if "," not in point.interface else point.interface.split(","),
        }
        dropped = re.findall(r"(\d+) packets? dropped by kernel", text) or re.findall(r"\d+/(\d+) \(", text)
        if dropped:
            said["dropped_by_kernel"] = sum(map(int, dropped))
        if point.snaplen:
            said["snaplen"] = point.snaplen
        if point.filter:
            said["filter"] = point.filter
        if point.tool != "tcpdump":
            said["tool"] = point.tool
        if point.start_after:
            said["started_after"] = point.start_after
        if point.stop_after is not None:
            said["stopped_after"] = point.stop_after
        if point.hangs:
            said["hung"] = list(point.hangs)
        return said


def _command(point: Point) -> list[str]:
    file = str(WORK / point.file_name)
    if point.tool == "dumpcap":
        interfaces = [word for name in point.interface.split(",") for word in ("-i", name)]
        cut = ["-s", str(point.snaplen)] if point.snaplen else []
        cut += ["-B", "1"] if point.hangs else []  # four blocks, each handed over after a quarter of a second
        keep = ["-f", point.filter] if point.filter else []
        return ["dumpcap", *cut, *keep, *interfaces, "-w", file]
    wide = point.interface in {"any", "tunl0"} or point.interface.startswith("tun")
    snaplen = point.snaplen or (65535 if wide else 262144)
    command = ["tcpdump", "-n", "-i", point.interface, "--immediate-mode", "-U", "-Z", "root", "-s", str(snaplen)]
    command += ["-B", str(RING_KIB if wide else RING_KIB // 4)]
    if point.precision != "micro":
        command += [f"--time-stamp-precision={point.precision}"]
    if point.link_type:
        command += ["-y", point.link_type]
    return [*command, "-w", file, *point.filter.split()]
