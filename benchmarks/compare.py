"""Compare ipipscope with tcpdump, tshark and Python libraries on the same captures: `compare.py --quick` or `--full`.

Data is generated, measured and removed, scenario after scenario. All contenders of a scenario take turns, several
times after a warm-up round; what they answer is held against what was generated. Times are shown, never judged:
exit status 1 says that an answer was wrong or a command failed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from measure import Result, floor, side_by_side
from scenarios import FULL, QUICK, SCENARIOS, Job, Workbench

if TYPE_CHECKING:
    from collections.abc import Sequence

MEGA: Final = 1_000_000
COLUMNS: Final = ("", "wall s", "min", "max", "runs", "CPU s", "Mpackets/s", "peak MB")


def command_under_test(given: str | None) -> list[str]:
    """The `ipipscope` beside this Python, else the one that the shell finds."""
    if given:
        return given.split()
    beside = Path(sys.executable).parent / "ipipscope"
    return [str(beside) if beside.exists() else "ipipscope"]


def first_line(command: Sequence[str]) -> str:
    """What a program says of its version."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "not installed"
    if done.returncode:
        return "does not run"
    return ((done.stdout or done.stderr).strip().splitlines() or [""])[0]


def machine(ipipscope: Sequence[str]) -> dict[str, Any]:
    """Where this was measured, and with what."""
    model = ""
    if (cpus := Path("/proc/cpuinfo")).exists():
        model = next((line.split(":")[1].strip() for line in cpus.open() if line.startswith("model name")), "")
    versions = {}
    for library in ("numpy", "scapy", "pyshark", "dpkt"):
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            versions[library] = "not installed"
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": model or platform.processor(),
        "processors": os.cpu_count(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "python": platform.python_version(),
        "ipipscope": first_line([*ipipscope, "--version"]),
        "tcpdump": first_line(["tcpdump", "--version"]),
        "tshark": first_line(["tshark", "--version"]),
        **versions,
    }


def verdict(result: Result, job: Job) -> str:
    """Whether the contender's answers are those of the generator."""
    wrong = [
        f"{name} {run.answer[name]:,} for {right:,}"
        for run in result.runs[:1]
        for name, right in job.truth.items()
        if run.answer.get(name, right) != right
    ]
    checked = [name for name in job.truth if result.runs and name in result.runs[0].answer]
    return "WRONG: " + ", ".join(wrong) if wrong else ("right: " + ", ".join(checked) if checked else "")


def speeds(result: Result, results: Sequence[Result], job: Job) -> dict[str, float]:
    """How many times as fast as each baseline, by the baseline's name."""
    return {
        other.contender.name: other.wall / result.wall
        for baseline in job.baselines
        for other in results
        if other.contender.name.startswith(baseline) and other.runs
    }


def rows(job: Job, results: Sequence[Result]) -> list[dict[str, Any]]:
    """One object a contender, as in the JSON file."""
    told = []
    for result in results:
        row: dict[str, Any] = {"name": result.contender.name, "problem": result.problem}
        if result.runs:
            walls = [run.wall for run in result.runs]
            packets = job.truth.get("packets") or result.runs[0].answer.get("packets")
            row |= {
                "wall": {"median": result.wall, "min": min(walls), "max": max(walls), "all": walls},
                "cpu": result.cpu,
                "packets_per_second": packets / result.wall if packets else None,
                "peak": result.peak,
                "peak_is_floor": result.peak <= floor(),
                "speed": speeds(result, results, job),
                "answer": result.runs[0].answer,
                "verdict": verdict(result, job),
            }
        told.append(row)
    return told


def significant(number: float) -> str:
    """Three digits that say something."""
    return f"{number:.0f}" if number >= 100 else f"{number:#.3g}"


def table(name: str, job: Job, told: Sequence[dict[str, Any]]) -> str:
    """The rows as text."""
    baselines = list(dict.fromkeys(name for row in told for name in row.get("speed", ())))
    lines: list[tuple[str, ...]] = [(*COLUMNS, *(f"x {name}" for name in baselines), "answer")]
    for row in told:
        if row["problem"]:
            lines.append((row["name"], *["-"] * (len(lines[0]) - 2), row["problem"]))
            continue
        wall, rate = row["wall"], row["packets_per_second"]
        lines.append(
            (
                row["name"],
                f"{wall['median']:.3f}",
                f"{wall['min']:.3f}",
                f"{wall['max']:.3f}",
                str(len(wall["all"])),
                f"{row['cpu']:.3f}",
                significant(rate / MEGA) if rate else "",
                ("<" if row["peak_is_floor"] else "") + f"{row['peak'] / MEGA:.0f}",
                *(significant(row["speed"][name]) for name in baselines),
                row["verdict"],
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    last = len(lines[0]) - 1
    body = "\n".join(
        "  ".join(
            cell.ljust(width) if column in (0, last) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
    facts = [f"{job.octets / MEGA:,.1f} MB"] if job.octets else []
    if "packets" in job.truth:
        facts.insert(0, f"{job.truth['packets']:,} packets")
    about = f" ({', '.join(facts)})" if facts else ""
    return f"{name}: {job.title}{about}\n{body}\n"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="small captures, some minutes (the default)")
    size.add_argument("--full", action="store_true", help="millions of packets, 1 and 10 GB streams; up to an hour")
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="this scenario; may be repeated")
    parser.add_argument("--repeat", type=int, help="measured rounds after the warm-up")
    parser.add_argument("--skip", action="append", default=[], help="contenders whose name begins so; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured, each run, as JSON")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="where captures are made; needs 4 GB for --full")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds that one command may take (1800)")
    parser.add_argument("--ipipscope", metavar="COMMAND", help="the command under test")
    return parser.parse_args(arguments)


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Run the scenarios, print their tables; returns what the JSON file holds."""
    sizes = FULL if options.full else QUICK
    ipipscope = command_under_test(options.ipipscope)
    document: dict[str, Any] = {
        "schema": "ipipscope.benchmark/1",
        "size": "full" if options.full else "quick",
        "machine": machine(ipipscope),
        "scenarios": {},
    }
    print("\n".join(f"{key}: {value}" for key, value in document["machine"].items()), "\n", sep="")
    for name in options.only or SCENARIOS:
        with tempfile.TemporaryDirectory(prefix="ipipscope-benchmark-", dir=options.data) as folder:
            Path(folder).chmod(0o755)  # tcpdump gives up its rights before it reads
            job = SCENARIOS[name](Workbench(Path(folder), sizes, ipipscope))
            results = side_by_side(
                [each for each in job.contenders if not each.name.startswith(tuple(options.skip))],
                repeat=options.repeat or job.repeat or sizes.repeat,
                warm_up=job.warm_up,
                timeout=options.timeout,
            )
            told = rows(job, results)
            print(table(name, job, told), flush=True)
            document["scenarios"][name] = {
                "title": job.title,
                "octets": job.octets,
                "truth": job.truth,
                "baselines": list(job.baselines),
                "memory_floor": floor(),
                "contenders": told,
            }
    return document


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 1 when an answer was wrong or a command failed."""
    options = parse(arguments)
    if options.data:
        options.data.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(options.data or tempfile.gettempdir()).free
    if options.full and free < 8_000_000_000:
        print("compare: --full needs 8 GB of free disk, of which it uses half; see --data", file=sys.stderr)
        return 2
    document = compare(options)
    if options.json:
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    told = [row for scenario in document["scenarios"].values() for row in scenario["contenders"]]
    return int(any(row["problem"] or row["verdict"].startswith("WRONG") for row in told))


if __name__ == "__main__":
    sys.exit(main())
