"""Does a capture that goes on stay as it began? `endless.py --rate 200k --seconds 300`: memory and processor time.

`ipipscope capture` records and judges as ever, into a ring of files; only that its `dumpcap` is one that makes the
packets of an overlay's node, at the pace of their capture time. No rights are needed, nothing goes over a network.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from compare import command_under_test
from generate import quantity
from live import PASSED_OVER, processor_seconds
from recorders import events

if TYPE_CHECKING:
    from collections.abc import Sequence

GENERATE: Final = Path(__file__).with_name("generate.py")


def resident(pid: int) -> int:
    """Octets of memory; 0 where the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")), 0)


def watched(process: subprocess.Popen[str], every: float) -> None:
    """Print a line now and then until it ends."""
    print(f"{'s':>5}  {'peak MB':>7}  {'of one core':>11}", flush=True)
    began = before = time.monotonic()
    spent, peak = 0.0, 0
    while process.poll() is None:
        time.sleep(0.2)
        peak = max(peak, resident(process.pid))
        now = time.monotonic()
        if now - before >= every and (total := processor_seconds(process.pid)):
            share = (total - spent) / (now - before)
            print(f"{now - began:5.0f}  {peak / 1e6:7.0f}  {share:11.0%}", flush=True)
            before, spent, peak = now, total, 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status of the capture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=quantity, default=200_000, help="packets a second (200k)")
    parser.add_argument("--seconds", type=float, default=300, help="how long (300)")
    parser.add_argument("--every", type=float, default=20, help="seconds from one line to the next (20)")
    parser.add_argument("--ipipscope", metavar="COMMAND", help="the command under test")
    options, more = parser.parse_known_args(arguments)  # more: for generate.py
    packets = round(options.rate * options.seconds)
    made = [sys.executable, GENERATE, "echo", "-", "--pace", "--rate", options.rate, "--packets", packets + 1000, *more]
    with tempfile.TemporaryDirectory(prefix="ipipscope-endless-") as folder:
        recorder = Path(folder, "dumpcap")
        recorder.write_text(f"#!/bin/sh\nexec {shlex.join(map(str, made))} 2>/dev/null\n")
        recorder.chmod(0o755)
        ring = ["-w", f"{folder}/ring.pcapng", "-b", "filesize:200000", "-b", "files:2"]
        command = [*command_under_test(options.ipipscope), "capture", "lo", "-c", str(packets), *ring, "--no-state"]
        with subprocess.Popen(
            [*command, "--format", "ndjson"],
            env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            watched(process, options.every)
            out, err = process.communicate()
    [report] = [event for event in events(out) if event["type"] == "report"]
    passed = PASSED_OVER.search(err + out)
    print(json.dumps(report["summary"]), f"not judged live: {passed[1] if passed else 0}", err, sep="\n")
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
