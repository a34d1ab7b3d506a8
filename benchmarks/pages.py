"""The HTML report of a million exchanges: how long it takes to write, and how large it gets.

`python benchmarks/pages.py` makes captures of its own in a temporary folder, about 0.5 GB, and removes them. Exit
status 1 where a page is larger than 5 MB.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

LIMIT: Final = 5 * 10**6
HERE: Final = Path(__file__).parent
CASES: Final = {
    "pings, 1 % lost": ("generate.py", "echo", "FILE", "--packets", "PACKETS", "--lost", "0.01"),
    "pings, 10 % replies not encapsulated": (
        "generate.py", "echo", "FILE", "--packets", "PACKETS", "--not-encapsulated", "0.1",
    ),
    "TCP, 4,096 pods": ("connections.py", "--count", "EXCHANGES"),
    "TCP, 60,000 pods": ("connections.py", "--count", "EXCHANGES", "--pods", "60000", "--rate", "20000"),
}  # fmt: skip
"""A script beside this one, and its words; without FILE it writes to standard output."""


def made(words: tuple[str, ...], path: Path, exchanges: int) -> None:
    """Have a capture written."""
    put = {"FILE": str(path), "PACKETS": str(4 * exchanges), "EXCHANGES": str(exchanges)}
    command = [sys.executable, str(HERE / words[0]), *(put.get(word, word) for word in words[1:])]
    with path.open("wb") if "FILE" not in words else Path("/dev/null").open("wb") as out:
        subprocess.run(command, stdout=out, stderr=subprocess.DEVNULL, check=True)


def measure(path: Path) -> tuple[int, float, float, int, int]:
    """In a process of its own: exchanges, seconds until they are judged, seconds for the page, its octets, peak MB."""
    code = (
        "import sys, time, io, resource\n"
        "from ipipscope import analyse\n"
        "from ipipscope.report.html_page import write_html\n"
        "begin = time.perf_counter()\n"
        "analysis = analyse([sys.argv[1]], keep=True)\n"
        "judged = time.perf_counter()\n"
        "with open(sys.argv[1] + '.html', 'w', encoding='utf-8') as out:\n"
        "    write_html(analysis.report, out, analysis)\n"
        "done = time.perf_counter()\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "print(analysis.report.exchanges, judged - begin, done - judged, peak)\n"
    )
    told = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True).stdout
    exchanges, judged, written, peak = told.split()
    return int(exchanges), float(judged), float(written), Path(f"{path}.html").stat().st_size, int(peak)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exchanges", type=int, default=10**6, help="in each capture, about (1,000,000)")
    parser.add_argument("--case", choices=list(CASES), action="append", help="only this; may be repeated")
    asked = parser.parse_args()
    large = False
    print("| exchanges | judged s | page s | page MB | peak MB |\n|---|---|---|---|---|")
    for case in asked.case or CASES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "node3_eth1.pcap"
            made(CASES[case], path, asked.exchanges)
            exchanges, judged, written, octets, peak = measure(path)
        large |= octets > LIMIT
        print(f"| {exchanges:,} {case} | {judged:.1f} | {written:.1f} | {octets / 1e6:.2f} | {peak} |", flush=True)
    return int(large)


if __name__ == "__main__":
    sys.exit(main())
