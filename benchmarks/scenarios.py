"""What is compared: each scenario makes its data, names the contenders for one job on it, and the right answer."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from measure import Answer, Contender

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

HERE: Final = Path(__file__).resolve().parent
FILTER: Final = "ip proto 4"
TSHARK: Final = "tshark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much of everything: packets, octets, files."""

    echo: int
    mixed: int
    slice: int
    split: int
    files: int
    streams: tuple[str, ...]
    repeat: int


QUICK: Final = Sizes(
    echo=400_000, mixed=200_000, slice=10_000, split=200_000, files=100, streams=("100M", "500M"), repeat=3
)
FULL: Final = Sizes(
    echo=4_000_000, mixed=4_000_000, slice=20_000, split=1_000_000, files=1000, streams=("1G", "10G"), repeat=5
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One comparison, its data made."""

    title: str
    contenders: Sequence[Contender]
    truth: Answer = field(default_factory=dict)
    """Counts by name that an answer must not contradict."""
    baselines: Sequence[str] = ("tcpdump", "tshark")
    """How the names of those contenders begin that the others are compared with."""
    octets: int = 0
    repeat: int | None = None
    warm_up: bool = True


@dataclass(frozen=True, slots=True)
class Workbench:
    """Where data goes, how much, and the command under test."""

    folder: Path
    sizes: Sizes
    ipipscope: Sequence[str]

    def generate(self, *arguments: str) -> dict[str, int]:
        """Run the generator; counts of what it wrote."""
        truth = self.folder / "truth.json"
        subprocess.run([*GENERATE, *arguments, "--truth", str(truth)], check=True)
        told = json.loads(truth.read_text())
        kinds = told.pop("packets")
        return {**told, "encapsulated": kinds["echo"] + kinds.get("tcp-ipip", 0)}

    def file(self, name: str) -> str:
        """A path for data."""
        return str(self.folder / name)

    def triage(self, *paths: str, name: str = "triage", feed: Sequence[str] | None = None) -> Contender:
        """The whole diagnosis as JSON; exit status 1 says that there are findings."""
        command = [*self.ipipscope, "triage", *paths, "--format", "json"]
        return Contender(name, [command], report_answer, feed, frozenset({0, 1}))


GENERATE: Final = (sys.executable, str(HERE / "generate.py"))


def report_answer(lines: Iterable[str]) -> Answer:
    """Counts of a JSON report."""
    summary = json.loads("".join(lines))["summary"]
    return {name: int(summary[name]) for name in ("packets", "encapsulated", "answered")}


def counted(lines: Iterable[str]) -> int:
    """What tcpdump counted."""
    return next(int(line.split()[0]) for line in [*lines, "none"] if line.split()[1:] in (["packets"], ["packet"]))


def tcpdump(*paths: str, name: str = "tcpdump", feed: Sequence[str] | None = None) -> Contender:
    """Counts the encapsulated packets, file after file, and does nothing else."""
    commands = [["tcpdump", "-nr", path, "--count", FILTER] for path in paths]
    return Contender(name, commands, lambda lines: {"encapsulated": counted(lines)}, feed)


def tcpdump_sightings(*paths: str) -> Contender:
    """Counts the sightings of echoes, file after file: encapsulated at eth1, bare at tunl0."""
    commands = [["tcpdump", "-nr", path, "--count", f"{FILTER} or icmp"] for path in paths]
    return Contender("tcpdump", commands, lambda lines: {"packets": counted(lines)})


def tshark_pairing(path: str, name: str = TSHARK) -> Contender:
    """Wireshark's own pairing of echoes, in two passes as it needs."""
    command = [TSHARK, "-n", "-2", "-r", path, "-o", "ip.defragment:FALSE"]
    command += ["-Y", "icmp.resp_in", "-T", "fields", "-e", "frame.number", "-e", "icmp.resp_in"]

    def answer(lines: Iterable[str]) -> Answer:
        return {"answered": sum(1 for line in lines if line.strip().partition("\t")[2].isdigit())}

    return Contender(name, [command], answer)


def reader(which: str, path: str, name: str | None = None) -> Contender:
    """A Python library, or ipipscope's decoder alone, in a process of its own."""
    command = [sys.executable, str(HERE / "readers.py"), which, path]

    return Contender(name or which, [command], lambda lines: json.loads("".join(lines)))


def nothing(_lines: Iterable[str]) -> Answer:
    """For commands that print what is not looked at."""
    return {}


def something(lines: Iterable[str]) -> Answer:
    """For commands that have to print whatever they like: a crash prints nothing."""
    if not any(line.strip() for line in lines):
        raise ValueError("it printed nothing")
    return {}


def known(told: dict[str, int], *names: str) -> Answer:
    """The named counts, the generator's `total` as packets."""
    counts = {**told, "packets": told["total"]}
    return {name: counts[name] for name in names}


def echo_at_eth1(bench: Workbench) -> Job:
    path = bench.file("node3_eth1.pcap")
    told = bench.generate("echo", path, "--layout", "pcap", "--packets", str(bench.sizes.echo))
    return Job(
        title="Echoes through IPIP, recorded at eth1, one pcap file",
        contenders=[bench.triage(path), reader("decode", path, "decode only"), tcpdump(path), tshark_pairing(path)],
        truth=known(told, "packets", "encapsulated", "answered"),
        octets=told["octets"],
    )


def echo_at_both(bench: Workbench) -> Job:
    pair, merged = bench.file("pair"), bench.file("node3.pcapng")
    amount = ("--packets", str(bench.sizes.echo))
    told = bench.generate("echo", pair, "--layout", "pair", *amount)
    bench.generate("echo", merged, *amount)
    return Job(
        title="All four sightings of each echo: eth1 and tunl0, as two pcap files or one pcapng file",
        contenders=[
            bench.triage(pair, name="triage (2 pcap)"),
            bench.triage(merged, name="triage (pcapng)"),
            reader("decode", merged, "decode only (pcapng)"),
            # It refuses a pcapng file whose interfaces have different link types.
            tcpdump_sightings(f"{pair}/node3_eth1.pcap", f"{pair}/node3_tunl0.pcap"),
            tshark_pairing(merged, "tshark (pcapng)"),
        ],
        truth=known(told, "packets", "answered"),
        octets=told["octets"],
    )


def mixed(bench: Workbench) -> Job:
    path = bench.file("node3_eth1.pcap")
    told = bench.generate("mixed", path, "--layout", "pcap", "--packets", str(bench.sizes.mixed))
    return Job(
        title="Mixed traffic at eth1: TCP through IPIP and native, ARP, 1 % echoes",
        contenders=[bench.triage(path), reader("decode", path, "decode only"), tcpdump(path)],
        truth=known(told, "packets", "encapsulated"),
        octets=told["octets"],
    )


def compressed(bench: Workbench) -> Job:
    path = bench.file("node3_eth1.pcap")
    told = bench.generate("echo", path, "--layout", "pcap", "--packets", str(bench.sizes.echo))
    subprocess.run([*GENERATE, "compress", path], check=True, capture_output=True)
    gz, zst = path + ".gz", path + ".zst"
    return Job(
        title="The same echoes at eth1, plain, gzip and zstd",
        contenders=[
            bench.triage(path, name="triage (plain)"),
            bench.triage(gz, name="triage (gz)"),
            bench.triage(zst, name="triage (zst)"),
            tcpdump(path, name="tcpdump"),
            tcpdump("-", name="gzip -dc | tcpdump", feed=("gzip", "-dc", gz)),
            tcpdump("-", name="zstd -dc | tcpdump", feed=("zstd", "-dcq", zst)),
        ],
        truth=known(told, "packets", "encapsulated", "answered"),
        octets=told["octets"],
    )


def many_files(bench: Workbench) -> Job:
    one, folder = bench.file("node3.pcapng"), bench.file("parts")
    amount = ("--packets", str(bench.sizes.split))
    told = bench.generate("echo", one, *amount)
    bench.generate("echo", folder, *amount, "--files", str(bench.sizes.files))
    return Job(
        title=f"The same records in one pcapng file and in {bench.sizes.files:,} files",
        contenders=[
            bench.triage(one, name="triage (1 file)"),
            bench.triage(folder, name=f"triage ({bench.sizes.files:,} files)"),
        ],
        truth=known(told, "packets", "answered"),
        octets=told["octets"],
        baselines=("triage (1 file)",),
    )


def libraries(bench: Workbench) -> Job:
    path = bench.file("node3_eth1.pcap")
    told = bench.generate("echo", path, "--layout", "pcap", "--packets", str(bench.sizes.slice))
    return Job(
        title="A slice of echoes at eth1, for the Python libraries",
        contenders=[
            bench.triage(path),
            tcpdump(path),
            tshark_pairing(path),
            reader("dpkt", path),
            reader("scapy", path),
            reader("pyshark", path),
        ],
        truth=known(told, "packets", "encapsulated", "answered"),
        octets=told["octets"],
    )


def start_up(bench: Workbench) -> Job:
    captures = HERE.parent / "captures"
    cases = sorted(captures.glob("*case-1*")) or sorted(captures.iterdir())
    small = [path for case in cases for path in sorted(case.rglob("*.pcap*")) if path.is_file()]
    if small:
        case, path = cases[0], next((path for path in small if path.name.endswith("_eth1.pcap")), small[0])
        title = f"Start-up: a shipped capture, {path.relative_to(captures)} (and its whole folder)"
    else:
        case = path = Path(bench.file("node3_eth1.pcap"))
        bench.generate("echo", str(path), "--layout", "pcap", "--packets", "40")
        title = "Start-up: 40 generated packets"
    whole = [] if case == path else [bench.triage(str(case), name="triage (folder)")]
    text = Contender("triage (text)", [[*bench.ipipscope, "triage", str(path)]], something, None, frozenset({0, 1}))
    return Job(
        title=title,
        contenders=[
            bench.triage(str(path), name="triage"),
            text,
            *whole,
            Contender(TSHARK, [[TSHARK, "-n", "-r", str(path)]], something),
            Contender("tcpdump", [["tcpdump", "-nr", str(path)]], something),
            Contender("python -c 'import numpy'", [[sys.executable, "-c", "import numpy"]], nothing),
        ],
        baselines=(TSHARK,),
        octets=path.stat().st_size,
        repeat=max(10, bench.sizes.repeat),
    )


def streamed(bench: Workbench) -> Job:
    forms = {
        "echo": ("echo", "-", "--layout", "pcapng"),
        "echo, 10 % lost": ("echo", "-", "--layout", "pcapng", "--lost", "10%"),
        "mixed": ("mixed", "-", "--layout", "pcap"),
    }
    return Job(
        title="Peak memory: captures of growing size through a pipe (the wall time is mostly the generator's)",
        contenders=[
            bench.triage("-", name=f"triage, {form}, {size}", feed=(*GENERATE, *arguments, "--size", size))
            for form, arguments in forms.items()
            for size in bench.sizes.streams
        ],
        baselines=(),
        repeat=1,
        warm_up=False,
    )


SCENARIOS: Final[dict[str, Callable[[Workbench], Job]]] = {
    "start-up": start_up,
    "echo-eth1": echo_at_eth1,
    "echo-both": echo_at_both,
    "mixed": mixed,
    "compressed": compressed,
    "files": many_files,
    "libraries": libraries,
    "memory": streamed,
}
