"""Write large captures of an IPIP overlay: `generate.py echo OUT`, `mixed OUT`, or compressed copies: `compress FILE`.

Memory stays the same whatever the size; packets come as a stream. OUT is a file, `-` for standard output, or with
`--layout pair` or `--files N` a folder. The same options and seed give the same packets in every layout's files.
What was written, and what a report on it has to say, goes to stderr as one JSON object (or to `--truth FILE`).
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from containers import Budget, Output, Pcap, Pcapng, RefusedError
from traffic import ETH1, INTERFACES, TUNL0, Cluster, Echoes, Faults, Mix, Truth, echo_only, mixed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NODE: Final = "node3"
UNITS: Final = {"k": 10**3, "M": 10**6, "G": 10**9}
MEAN_MIXED_FRAME: Final = 565
"""Octets; an estimate, with which `mixed --size` becomes a number of packets."""


def quantity(text: str) -> int:
    """`4M` is 4,000,000."""
    unit = UNITS.get(text[-1:], 1)
    return int(float(text.rstrip("kMG")) * unit)


def share(text: str) -> float:
    """A number from 0 to 1, or a percentage."""
    value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (("echo", "IPIP echoes and nothing else"), ("mixed", "TCP mostly, 1 %% echoes, ARP")):
        command = commands.add_parser(name, help=what, description=what)
        command.add_argument("out", help="file, folder, or - for standard output")
        amount = command.add_mutually_exclusive_group()
        amount.add_argument("--packets", type=quantity, default=4_000_000, help="packets in all (4M)")
        amount.add_argument("--size", type=quantity, help="octets in all, about, instead of --packets (10G)")
        command.add_argument(
            "--layout",
            choices=("pcapng", "pair", "pcap"),
            default="pcapng",
            help="eth1 and tunl0 in one pcapng; the same in two pcap files; eth1 alone in one pcap",
        )
        command.add_argument("--files", type=int, default=1, help="the same records divided over so many files")
        command.add_argument("--nanoseconds", action="store_true", help="pcap files with nanoseconds")
        command.add_argument("--nodes", type=int, default=20, help="nodes that talk with this one (20)")
        command.add_argument("--pods", type=int, default=30, help="pods of each node (30)")
        command.add_argument("--flows", type=int, default=1000, help="pings that run at once (1000)")
        command.add_argument("--connections", type=int, default=600, help="mixed: TCP connections open at once (600)")
        command.add_argument("--rate", type=quantity, default=100_000, help="packets a second of capture time (100k)")
        command.add_argument("--pace", action="store_true", help="no faster than capture time passes")
        command.add_argument("--latency", type=float, default=60, help="median answer of a pod, microseconds (60)")
        command.add_argument("--not-encapsulated", type=share, default=0.0, help="share of replies that stay on tunl0")
        command.add_argument(
            "--wrong-source", type=share, default=0.0, help="share of replies with a wrong outer source"
        )
        command.add_argument("--lost", type=share, default=0.0, help="share of requests that nobody answers")
        command.add_argument("--seed", type=int, default=1)
        command.add_argument("--max-size", type=quantity, default=4 * 10**9, help="refuse to write more to disk (4G)")
        command.add_argument("--truth", type=Path, help="where the JSON about it goes, else stderr")
    compress = commands.add_parser("compress", help="copies of a file beside it, FILE.gz and FILE.zst")
    compress.add_argument("out", metavar="FILE")
    compress.add_argument("--to", choices=("gz", "zst"), action="append", help="one form only; may be repeated")
    compress.add_argument("--max-size", type=quantity, default=4 * 10**9, help="refuse to write more to disk (4G)")
    options = parser.parse_args(arguments)
    if options.command != "compress":
        check(parser, options)
    return options


def check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End with a usage message where options contradict one another or the address plan."""
    if options.out == "-" and (options.files > 1 or options.layout == "pair"):
        parser.error("standard output takes one file: --layout pcapng or pcap, no --files")
    if not (1 <= options.nodes <= 30_000 and 1 <= options.pods <= 254):
        parser.error("--nodes is 1 to 30000, --pods 1 to 254")
    if not 1 <= options.flows <= options.nodes * options.pods**2:
        parser.error("--flows is at most nodes x pods x pods: each is a pair of pods")
    if options.not_encapsulated + options.wrong_source + options.lost > 1:
        parser.error("the shares of faults are together at most 1")
    if min(options.files, options.rate, options.connections, options.latency) <= 0:
        parser.error("--files, --rate, --connections and --latency are at least 1")


def paths(options: argparse.Namespace, name: str) -> list[str]:
    """The files of one output; parts of one capture keep its name, each in a folder of its own."""
    if options.files == 1:
        return [str(Path(options.out) / name)] if options.layout == "pair" else [options.out]
    return [str(Path(options.out) / f"part-{part:05}" / name) for part in range(1, options.files + 1)]


def outputs(options: argparse.Namespace, packets: int, budget: Budget) -> dict[int, Output]:
    """Where the frames of each interface go."""
    if options.layout == "pcapng":
        both = Output(Pcapng(INTERFACES), paths(options, f"{NODE}.pcapng"), packets=packets, budget=budget)
        return {ETH1: both, TUNL0: both}
    points = (ETH1, TUNL0) if options.layout == "pair" else (ETH1,)
    return {
        point: Output(
            Pcap(INTERFACES[point].link_type, nanoseconds=options.nanoseconds),
            paths(options, f"{NODE}_{INTERFACES[point].name}.pcap"),
            packets=packets // len(points),
            budget=budget,
        )
        for point in points
    }


def mean_record(options: argparse.Namespace) -> float:
    """Octets of a record on average, exact for echoes."""
    extra = 32 if options.layout == "pcapng" else 16
    if options.command == "mixed":
        return MEAN_MIXED_FRAME + extra
    if options.layout == "pcapng":
        return (120 + 84) / 2 + extra
    return (118 + (84 if options.layout == "pair" else 118)) / 2 + extra


def generate(options: argparse.Namespace) -> dict[str, object]:
    """Write the capture; returns what it holds."""
    tunnel = options.layout != "pcap"
    packets = int(options.size / mean_record(options)) if options.size else options.packets
    budget = Budget(None)
    if options.out != "-":
        budget = Budget.on_disk(Path(options.out).absolute(), at_most=options.max_size)
        budget.check(int(packets * mean_record(options)))
    truth = Truth()
    cluster = Cluster(options.nodes, options.pods)
    echoes = Echoes(
        cluster,
        flows=options.flows,
        latency=int(options.latency * 1000),
        faults=Faults(options.not_encapsulated, options.wrong_source, options.lost),
        tunnel=tunnel,
        seed=options.seed,
        truth=truth,
    )
    if options.command == "echo":
        exchanges = max(1, packets // (4 if tunnel else 2))
        interval = packets / exchanges * 1e9 / options.rate
        stream = echo_only(echoes, exchanges=exchanges, interval=interval, seed=options.seed)
    else:
        mix = Mix.of(packets, tunnel=tunnel)
        stream = mixed(
            cluster,
            echoes,
            mix,
            interval=packets / mix.events * 1e9 / options.rate,
            tunnel=tunnel,
            slots=options.connections,
            seed=options.seed,
            truth=truth,
        )
    sinks = outputs(options, packets, budget)
    distinct = {id(sink): sink for sink in sinks.values()}.values()
    began, start = time.monotonic(), None
    for frames, horizon in stream:
        start = horizon if start is None else start
        if options.pace:
            time.sleep(max(0.0, began + (horizon - start) / 1e9 - time.monotonic()))
        for sink in distinct:
            sink.write([group for group in frames if sinks[group.interface] is sink], horizon=horizon)
    for sink in distinct:
        sink.close()
    return {"octets": budget.written, "total": sum(sink.packets for sink in distinct), **asdict(truth)}


def gzip_copy(source: BinaryIO, target: Path) -> None:
    """Compress with the standard library."""
    with gzip.open(target, "wb", compresslevel=6) as out:
        shutil.copyfileobj(source, out, 1 << 20)


def zstd_copy(source: BinaryIO, target: Path) -> None:
    """Compress with the zstd command."""
    subprocess.run(["zstd", "-q", "-f", "-3", "-o", target], stdin=source, check=True)


COMPRESSORS: Final[dict[str, Callable[[BinaryIO, Path], None]]] = {"gz": gzip_copy, "zst": zstd_copy}


def compress(options: argparse.Namespace) -> dict[str, object]:
    """Write compressed copies beside the file; returns their sizes."""
    source = Path(options.out)
    sizes: dict[str, object] = {}
    for form in options.to or COMPRESSORS:
        target = source.with_name(f"{source.name}.{form}")
        Budget.on_disk(source.absolute().parent, at_most=options.max_size).check(source.stat().st_size)
        with source.open("rb") as octets:
            COMPRESSORS[form](octets, target)
        sizes[target.name] = target.stat().st_size
    return sizes


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 refused or wrong options, 141 the reader went away."""
    options = parse(arguments)
    try:
        done = compress(options) if options.command == "compress" else generate(options)
    except RefusedError as reason:
        print(f"generate: {reason}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    text = json.dumps(done)
    if getattr(options, "truth", None):
        options.truth.write_text(text + "\n")
    else:
        print(text, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
