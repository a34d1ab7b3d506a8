"""Captures as tables: `tables.py` compares `ipipscope.load` with scapy, pyshark, and tshark read by pandas, in one run.

The slow ones get a slice of the capture's kind, so what is compared is the time and memory of a packet. Then a network
is looked for in a long table. `tables.py WAY FILE` does one of them, and prints what it took as JSON.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from generate import quantity
from measure import Contender, side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from measure import Answer, Result

HERE: Final = Path(__file__).resolve().parent
FIELDS: Final = (
    "frame.time_epoch", "frame.interface_name", "frame.len", "ip.src", "ip.dst", "ip.proto", "ip.ttl", "ip.id",
    "icmp.type", "icmp.ident", "icmp.seq",
)  # fmt: skip
ROUNDS: Final = 7
BY_ROW: Final = 100_000
"""Rows of which the plain way, an address object each, is timed."""


def with_load(path: str) -> tuple[Any, Callable[[Any], int]]:
    import ipipscope as ix  # noqa: PLC0415
    import ipipscope.tables.dataframe  # noqa: PLC0415
    import ipipscope.tables.packets  # noqa: PLC0415 -- loaded late else, within the time

    return (lambda: ix.load(path).packets), lambda table: int((table.depth == 2).sum())


def with_scapy(path: str) -> tuple[Any, Callable[[Any], int]]:
    import scapy.layers.l2  # noqa: F401, PLC0415 -- teaches the reader Ethernet
    from scapy.layers.inet import IP  # noqa: PLC0415
    from scapy.utils import PcapReader  # noqa: PLC0415

    def read() -> list[Any]:
        with PcapReader(path) as packets:
            return list(packets)

    return read, lambda packets: sum(1 for packet in packets if IP in packet and packet[IP].proto == 4)


def with_pyshark(path: str) -> tuple[Any, Callable[[Any], int]]:
    import pyshark  # noqa: PLC0415

    def read() -> list[Any]:
        with pyshark.FileCapture(path) as packets:
            return list(packets)

    return read, lambda packets: sum(1 for one in packets if [each.layer_name for each in one.layers].count("ip") == 2)


def with_tshark(path: str) -> tuple[Any, Callable[[Any], int]]:
    import pandas as pd  # noqa: PLC0415

    command = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "header=y"]
    command += [part for name in FIELDS for part in ("-e", name)]

    def read() -> Any:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as tshark:
            return pd.read_csv(tshark.stdout, sep="\t")  # type: ignore[arg-type]

    # Of two headers tshark writes both values into one field, outer first.
    return read, lambda table: int(table["ip.proto"].astype(str).str.startswith("4,").sum())


WAYS: Final = {"load": with_load, "scapy": with_scapy, "pyshark": with_pyshark, "tshark": with_tshark}


def resident() -> int:
    """Octets of memory that are this process's own now, mapped files not counted."""
    gc.collect()
    _, pages, shared, *_ = map(int, Path("/proc/self/statm").read_text().split())
    return (pages - shared) * os.sysconf("SC_PAGE_SIZE")


def read_once(way: str, path: str) -> Answer:
    """What one way of reading took, imports not counted; `held` is by how much the process grew."""
    import pandas as pd  # noqa: F401, PLC0415 -- its memory is nobody's packets

    read, encapsulated = WAYS[way](path)
    before, begin = resident(), time.perf_counter()
    packets = read()
    taken = time.perf_counter() - begin
    held = resident() - before
    answer = {"packets": len(packets), "encapsulated": encapsulated(packets)}
    if way == "load":
        answer["table"] = int(packets.memory_usage(deep=True, index=False).sum())
    return {**answer, "microseconds": round(taken * 1e6), "held": held}


def look_for_network(path: str, rows: int) -> dict[str, Any]:
    """Rows by network in a table of *rows* rows: the packets of the capture, again and again."""
    from ipaddress import ip_address, ip_network  # noqa: PLC0415

    import pandas as pd  # noqa: PLC0415

    import ipipscope as ix  # noqa: PLC0415
    import ipipscope.accessor  # noqa: PLC0415 -- `df.ipip`

    columns = ["time", "point", "outer_src", "outer_dst", "inner_src", "inner_dst", "icmp_type", "icmp_seq"]
    packets = ix.load(path).packets[columns]
    times = -(-rows // len(packets))
    table = pd.concat([packets] * times, ignore_index=True).iloc[:rows]
    network = ip_network(f"{packets.inner_src.dropna().iloc[0]}/26", strict=False)
    counts = table.inner_src.value_counts()
    right = sum(int(count) for label, count in counts.items() if ip_address(str(label)) in network)

    def seconds(job: Callable[[], Any]) -> list[float]:
        taken = []
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            job()
            taken.append(time.perf_counter() - begin)
        return taken

    some = table.inner_src.iloc[:BY_ROW].astype(str)
    begin = time.perf_counter()
    plain = sum(text != "nan" and ip_address(text) in network for text in some)
    by_row = time.perf_counter() - begin
    mask = table.ipip.in_network(str(network), "inner_src")
    return {
        "rows": len(table),
        "network": str(network),
        "matching": int(mask.sum()),
        "right": int(mask.sum()) == right > 0 and int(mask.iloc[:BY_ROW].sum()) == plain,
        "mask of one column": seconds(lambda: table.ipip.in_network(str(network), "inner_src")),
        "mask of all four": seconds(lambda: table.ipip.in_network(str(network))),
        "mask, and its rows": seconds(lambda: table[table.ipip.in_network(str(network), "inner_src")]),
        "by row": by_row / len(some),
    }


def generate(path: Path, packets: int) -> Answer:
    """Make a capture; what is in it."""
    truth = path.with_suffix(".json")
    subprocess.run(
        [
            sys.executable,
            str(HERE / "generate.py"),
            "echo",
            str(path),
            "--packets",
            str(packets),
            "--truth",
            str(truth),
        ],
        check=True,
    )
    told = json.loads(truth.read_text())
    return {"packets": sum(told["packets"].values()), "octets": path.stat().st_size}


def contender(way: str, path: Path, name: str) -> Contender:
    def answer(lines: Iterable[str]) -> Answer:
        return {key: int(value) for key, value in json.loads("".join(lines)).items()}

    return Contender(name, [[sys.executable, str(HERE / "tables.py"), way, str(path)]], answer)


def told(result: Result) -> dict[str, Any]:
    """A row of the comparison."""
    if not result.runs:
        return {"name": result.contender.name, "problem": result.problem}
    answers = [run.answer for run in result.runs]
    packets = answers[0]["packets"]
    inside = statistics.median(answer["microseconds"] for answer in answers)
    return {
        "name": result.contender.name,
        "packets": packets,
        "encapsulated": answers[0]["encapsulated"],
        "runs": len(result.runs),
        "wall": result.wall,
        "microseconds a packet": inside / packets,
        "held a packet": max(answer["held"] for answer in answers) / packets,
        "table a packet": answers[0].get("table", 0) / packets,
        "peak": result.peak,
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as text; how many times as fast `load` is, a packet."""
    lines = [
        f"{'':28}{'packets':>10}{'runs':>5}{'wall s':>9}{'us/packet':>11}{'octets/packet':>14}{'peak MB':>9}{'x':>8}"
    ]
    for row in rows:
        if "problem" in row:
            lines.append(f"{row['name']:28}  {row['problem']}")
            continue
        slower = row["microseconds a packet"] / rows[0].get("microseconds a packet", float("nan"))
        lines.append(
            f"{row['name']:28}{row['packets']:>10,}{row['runs']:>5}{row['wall']:>9.2f}"
            f"{row['microseconds a packet']:>11.3f}{row['held a packet']:>14.0f}{row['peak'] / 1e6:>9.0f}{slower:>8.1f}"
        )
    return "\n".join(lines)


def compare(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Everything that was measured."""
    slices = {"load": options.packets, "tshark": options.packets, "scapy": options.scapy, "pyshark": options.pyshark}
    names = {"tshark": "tshark -T fields + read_csv", "scapy": "scapy + list", "pyshark": "pyshark + list"}
    made = {size: folder / f"{size}.pcapng" for size in slices.values()}
    truth = {size: generate(path, size) for size, path in made.items()}
    contenders = [
        contender(way, made[size], names.get(way, way) + (" (slice)" if size < options.packets else ""))
        for way, size in slices.items()
    ]
    results = side_by_side(contenders, repeat=options.repeat, warm_up=options.repeat > 1, timeout=options.timeout)
    rows = [told(result) for result in results]
    print(table(rows), flush=True)
    if "problem" not in rows[0]:
        print(f"load: the table itself is {rows[0]['table a packet']:.0f} octets a packet\n", flush=True)
    wrong = [
        row["name"]
        for row, size in zip(rows, slices.values(), strict=True)
        if row.get("packets", 0) != truth[size]["packets"]
    ]
    whole = [row["encapsulated"] for row in rows if row.get("packets") == options.packets]
    if len(set(whole)) > 1:
        wrong.append(f"encapsulated packets differ: {whole}")
    command = [
        sys.executable,
        str(HERE / "tables.py"),
        "network",
        str(made[options.packets]),
        "--rows",
        str(options.rows),
    ]
    network = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    print(f"{network['matching']:,} of {network['rows']:,} rows are in {network['network']}")
    for name in ("mask of one column", "mask of all four", "mask, and its rows"):
        taken = network[name]
        print(
            f"{name:28}{statistics.median(taken):>9.3f} s  ({min(taken):.3f} to {max(taken):.3f}, {len(taken)} rounds)"
        )
    print(f"{'an address object a row':28}{network['by row'] * 1e9:>9.0f} ns a row, of {BY_ROW:,} rows")
    if not network["right"]:
        wrong.append("in_network")
    for name in wrong:
        print(f"WRONG: {name}")
    return {"truth": truth, "ways": rows, "network": network, "wrong": wrong}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", nargs="?", choices=[*WAYS, "network"], help="do this one, in this process")
    parser.add_argument("file", nargs="?")
    parser.add_argument("--packets", type=quantity, default=1_000_000, help="packets of the capture (1M)")
    parser.add_argument("--scapy", type=quantity, default=50_000, metavar="PACKETS", help="scapy's slice (50k)")
    parser.add_argument("--pyshark", type=quantity, default=5_000, metavar="PACKETS", help="pyshark's slice (5k)")
    parser.add_argument("--rows", type=quantity, default=10_000_000, help="rows in which a network is looked for (10M)")
    parser.add_argument("--repeat", type=int, default=3, help="measured rounds after the warm-up; 1 for no warm-up")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds that one command may take (1800)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured as JSON")
    options = parser.parse_args(arguments)
    if options.way and not options.file:
        parser.error(f"{options.way} needs a file")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 1 when an answer was wrong or a command failed."""
    options = parse(arguments)
    if options.way == "network":
        print(json.dumps(look_for_network(options.file, options.rows)))
        return 0
    if options.way:
        print(json.dumps(read_once(options.way, options.file)))
        return 0
    with tempfile.TemporaryDirectory(prefix="ipipscope-benchmark-") as folder:
        document = compare(options, Path(folder))
    if options.json:
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    return int(bool(document["wrong"]) or any("problem" in row for row in document["ways"]))


if __name__ == "__main__":
    sys.exit(main())
