"""Who records without loss, and at what cost? dumpcap, tcpdump, `ipipscope capture` and scapy's sniffer, as root.

A veth between two network namespaces is made here and removed at the end; nothing leaves it. tcpreplay sends the same
captures through it, at growing rates and at last as fast as it can; the recorders take turns at the other end. Packets
are counted by the sender's interface, by each recorder itself, and in its file afterwards by capinfos. Times are shown,
never judged: exit status 1 says that a command failed.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self

from compare import command_under_test, first_line, machine, significant
from generate import quantity
from measure import Watch, descendants
from recorders import Recorder, events, recorders

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE: Final = Path(__file__).parent
DEVICE: Final = "eth1"
TOP: Final = 500_000
"""Packets a second that are made ready for the highest rate."""
WORKLOADS: Final = {
    "echo": ("all packets match, one reply in 100 has a wrong outer source", ("--wrong-source", "1%")),
    "mixed": ("TCP mostly, through IPIP and native; 1.5 % match: echoes and ARP", ()),
}
BEFORE, BEHIND, PATIENCE, END = 1.0, 2.0, 20.0, 300.0
"""Seconds: from a recorder's socket to the first packet, from the last one to its end, for its socket, for its end."""
SAMPLE: Final = 0.25
COLUMNS: Final = (
    *("sent/s", "recorder", "matching", "in file", "lost", "received", "dropped"),
    *("CPU s", "of its recorder", "us/packet", "peak MB", "end s", "found after s", "not judged live"),
)
SENT_IN: Final = re.compile(r"sent in ([\d.]+) seconds")
NAME: Final = 1
"""The column with the recorder's name."""
PASSED_OVER: Final = re.compile(r"(\d+) packets were judged only now")


@dataclass(frozen=True, slots=True)
class Row:
    """One recorder at one rate.

    sent: packets that left the sender. rate: of them a second.
    matching: packets that the filter lets pass; in_file: of these, how many were recorded.
    received, dropped: what the recorder says.
    cpu, child: seconds of all its processes, and of those that are not the one that was started.
    peak: octets of memory. end: seconds from SIGINT to its end.
    found: seconds from the moment when the first struck exchange timed out to the finding in the output.
    passed_over: packets that were judged only at the end.
    """

    workload: str
    recorder: str
    sent: int
    rate: float
    matching: int
    in_file: int
    received: int | None
    dropped: int | None
    cpu: float
    child: float
    peak: int
    end: float
    found: float | None
    passed_over: int | None


class Wire:
    """Two namespaces with a veth between them, `near` and `far`."""

    def __init__(self) -> None:
        self.near, self.far = (f"ipipscope-{end}-{os.getpid()}" for end in ("near", "far"))

    def __enter__(self) -> Self:
        for space in (self.near, self.far):
            done("ip", "netns", "add", space)
            # Only what is sent here: no router solicitations, no neighbour discovery.
            done("ip", "netns", "exec", space, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        done("ip", "-n", self.near, "link", "add", DEVICE, "type", "veth", "peer", "name", DEVICE, "netns", self.far)
        for space in (self.near, self.far):
            done("ip", "-n", space, "link", "set", DEVICE, "up")
        return self

    def __exit__(self, *_: object) -> None:
        for space in (self.near, self.far):
            subprocess.run(["ip", "netns", "del", space], check=False)

    def sent(self) -> int:
        """Packets that have left the far end so far."""
        [link] = json.loads(done("ip", "-n", self.far, "-s", "-j", "link", "show", DEVICE))
        return int(link["stats64"]["tx"]["packets"])

    def listened_to(self) -> bool:
        """Whether a packet socket of the near end is bound to its interface and runs: packet(7)."""
        [link] = json.loads(done("ip", "-n", self.near, "-j", "link", "show", DEVICE))
        lines = done("ip", "netns", "exec", self.near, "cat", "/proc/net/packet").splitlines()[1:]
        return any(words[4:6] == [str(link["ifindex"]), "1"] for words in map(str.split, lines))

    def send(self, capture: Path, rate: int | None) -> float:
        """All packets of *capture*, once; *rate* a second, None for as fast as it goes. How many seconds it took."""
        pace = ["--topspeed"] if rate is None else ["--pps", str(rate), "--pps-multi", "10"]
        said = done("ip", "netns", "exec", self.far, "tcpreplay", "-K", *pace, "-i", DEVICE, str(capture))
        found = SENT_IN.search(said)
        if found is None:
            raise RuntimeError(f"tcpreplay said nothing of its time: {said}")
        return float(found[1])


def done(*command: str) -> str:
    """What a command prints; raises CalledProcessError."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=END).stdout


class Heard(threading.Thread):
    """Keeps what a process writes, and when each line came."""

    def __init__(self, stream: IO[str]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self.lines: list[tuple[float, str]] = []
        self.start()

    def run(self) -> None:
        for line in self._stream:
            self.lines.append((time.time(), line))

    def all(self) -> str:
        """Everything, once the process has ended."""
        self.join()
        return "".join(line for _, line in self.lines)


def processor_seconds(pid: int) -> float:
    """User and system time of a running process: proc(5), stat, 14 and 15."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def measured(wire: Wire, recorder: Recorder, workload: str, load: Load, folder: Path, rate: int | None) -> Row:
    """One recorder while *load* is sent."""
    file = folder / "recorded.pcapng"
    command = ["ip", "netns", "exec", wire.near, *recorder.command(DEVICE, load.filter, str(file))]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = Heard(process.stdout), Heard(process.stderr)
    watch = Watch(process.pid, 2 * END, SAMPLE)
    watch.start()
    try:
        wait(wire, process, err)
        before = wire.sent()
        took = wire.send(load.capture, rate)
        sent = wire.sent() - before
        time.sleep(BEHIND)
        child = sum(map(processor_seconds, set(descendants(process.pid)) - {process.pid}))
        told = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        raise
    end = time.monotonic() - told
    process.returncode = os.waitstatus_to_exitcode(status)
    watch.stop()
    said, complained = out.all(), err.all()
    if process.returncode not in recorder.statuses:
        raise RuntimeError(f"{recorder.name} ended with status {process.returncode}: {complained}")
    received, dropped = recorder.said(said, complained)
    in_file = int(done("capinfos", "-Mcr", "-T", str(file)).split("\t")[1])
    file.unlink()
    shutil.rmtree(file.with_suffix(".state"), ignore_errors=True)
    passed = PASSED_OVER.search(complained + said)
    return Row(
        workload=workload,
        recorder=recorder.name,
        sent=sent,
        rate=sent / took,
        matching=load.matching,
        in_file=in_file,
        received=received,
        dropped=dropped,
        cpu=usage.ru_utime + usage.ru_stime,
        child=child,
        peak=max(usage.ru_maxrss * 1024, watch.peak),
        end=end,
        found=found_after(out.lines) if recorder.judges else None,
        passed_over=(int(passed[1]) if passed else 0) if recorder.judges else None,
    )


def wait(wire: Wire, process: subprocess.Popen[str], err: Heard) -> None:
    """Until it records, and a moment longer: the filter is set after the socket is there."""
    until = time.monotonic() + PATIENCE
    while not wire.listened_to():
        if process.poll() is not None:
            raise RuntimeError(f"it does not record: {err.all()}")
        if time.monotonic() > until:
            raise RuntimeError(f"no socket within {PATIENCE:.0f} s")
        time.sleep(0.05)
    time.sleep(BEFORE)


def found_after(lines: Sequence[tuple[float, str]]) -> float | None:
    """Seconds from the timeout of the first exchange with a wrong outer source to the line that tells of it."""
    for when, line in lines:
        for event in events(line):
            if event["type"] == "open" and event["code"] == "IPIP201":
                first = dt.datetime.fromisoformat(event["first"][:26] + "+00:00").timestamp()
                return when - first - TIMEOUT
    return None


TIMEOUT: Final = 5.0
"""Seconds that ipipscope waits for a reply."""


@dataclass(frozen=True, slots=True)
class Load:
    """A capture that is sent, and how many of its packets the filter lets pass, as tcpdump says."""

    capture: Path
    filter: str
    matching: int


def load(workload: str, packets: int, rate: int, folder: Path) -> Load:
    """Make the capture of one round."""
    capture = folder / f"{workload}.pcap"
    generated = [sys.executable, str(HERE / "generate.py"), workload, str(capture), "--layout", "pcap"]
    options = ["--packets", str(packets), "--rate", str(rate), *WORKLOADS[workload][1]]
    done(*generated, *options)
    ask = "from ipipscope.capture.filters import *; print(expression(Traffic.ICMP, 'ether'))"
    wanted = done(sys.executable, "-c", ask).strip()
    counted = done("tcpdump", "-r", str(capture), "--count", wanted)
    return Load(capture, wanted, int(counted.split()[0]))


def line(told: Sequence[str]) -> str:
    """One line of the table."""
    widths = [max(len(column), 10) for column in COLUMNS]
    widths[NAME] = 17
    pairs = enumerate(zip(told, widths, strict=True))
    return "  ".join(cell.ljust(width) if at == NAME else cell.rjust(width) for at, (cell, width) in pairs).rstrip()


def cells(row: Row) -> tuple[str, ...]:
    """What the table says of a row."""

    def number(value: float | None, form: str = ",") -> str:
        return "" if value is None else format(value, form)

    return (
        f"{row.rate:,.0f}",
        row.recorder,
        f"{row.matching:,}",
        f"{row.in_file:,}",
        f"{(row.matching - row.in_file) / row.matching:.1%}" if row.in_file != row.matching else "0",
        number(row.received),
        number(row.dropped),
        f"{row.cpu:.1f}",
        f"{row.child:.1f}" if row.child else "",
        significant(row.cpu / max(1, row.in_file) * 1e6),
        f"{row.peak / 1e6:.0f}",
        f"{row.end:.1f}",
        number(row.found, ".1f"),
        number(row.passed_over),
    )


def rounds(options: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Every workload at every rate, the recorders in turn; prints a line each."""
    contenders = [
        each
        for each in recorders(command_under_test(options.ipipscope))
        if not each.name.startswith(tuple(options.skip))
    ]
    with Wire() as wire:
        for workload in options.only or WORKLOADS:
            print(f"{workload}: {WORKLOADS[workload][0]}\n{line(COLUMNS)}", flush=True)
            for rate in options.rates:
                several = load(workload, round((rate or TOP) * options.seconds), rate or TOP, folder)
                for recorder in contenders:
                    row = measured(wire, recorder, workload, several, folder, rate)
                    print(line(cells(row)), flush=True)
                    yield row
            print()


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rates",
        type=lambda text: [None if each == "top" else quantity(each) for each in text.split(",")],
        default=[50_000, 100_000, 200_000, 300_000, None],
        help="packets a second, `top` for as many as tcpreplay can send (50k,100k,200k,300k,top)",
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each rate is sent (10)")
    parser.add_argument("--only", action="append", choices=WORKLOADS, help="this workload; may be repeated")
    parser.add_argument("--skip", action="append", default=[], help="recorders whose name begins so; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured as JSON")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="where captures are made; 5 GB")
    parser.add_argument("--ipipscope", metavar="COMMAND", help="the command under test")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 1 when a command failed."""
    options = parse(arguments)
    about = machine(command_under_test(options.ipipscope))
    about |= {"dumpcap": first_line(["dumpcap", "--version"]), "tcpreplay": first_line(["tcpreplay", "--version"])}
    about["load before"] = f"{os.getloadavg()[0]:.1f} of {os.cpu_count()}"
    print("\n".join(f"{key}: {value}" for key, value in about.items()), "\n", sep="", flush=True)
    with tempfile.TemporaryDirectory(prefix="ipipscope-live-", dir=options.data) as folder:
        Path(folder).chmod(0o777)  # tcpdump gives up its rights before it writes
        try:
            rows = list(rounds(options, Path(folder)))
        except (OSError, RuntimeError, subprocess.SubprocessError) as failure:
            print(f"live: {failure} {getattr(failure, 'stderr', '') or ''}".strip(), file=sys.stderr)
            return 1
    if options.json:
        document = {"schema": "ipipscope.live/1", "machine": about, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
