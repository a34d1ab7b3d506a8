"""`python -m fuzz --seconds 60`, in tests/: mutated captures against every target; what fails is kept."""

from __future__ import annotations

import argparse
import faulthandler
import random
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from .mutate import mutated, seeds
from .targets import TARGETS

LONGEST_INPUT = 30
"""Seconds after which an input hangs."""


def run(names: list[str], seconds: float, seed: int, keep: Path | None = None) -> tuple[Counter[str], list[str]]:
    """Inputs a target had, and the failures, each told once by the line where it happened."""
    chance = random.Random(seed)
    begin = seeds()
    counts: Counter[str] = Counter()
    failures: dict[str, str] = {}
    stop = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < stop:
            octets = mutated(chance.choice(begin), begin, chance)
            for name in names:
                faulthandler.dump_traceback_later(LONGEST_INPUT, exit=True)
                try:
                    TARGETS[name](octets, Path(folder))
                except Exception:  # noqa: BLE001  (whatever it is, it is a finding)
                    trace = traceback.format_exc()
                    where = "".join(trace.splitlines()[-4:])
                    if where not in failures:
                        failures[where] = f"{name}: {trace}"
                        if keep:
                            (keep / f"{name}-{len(failures)}.bin").write_bytes(octets)
                counts[name] += 1
            faulthandler.cancel_dump_traceback_later()
    return counts, list(failures.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for inputs that failed")
    parser.add_argument("targets", nargs="*", default=list(TARGETS), metavar="TARGET", help=", ".join(TARGETS))
    asked = parser.parse_args()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counts, failures = run(asked.targets, asked.seconds, asked.seed, asked.keep)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stdout.write(f"seed {asked.seed}: {dict(counts)} inputs, {len(failures)} failures\n")
    sys.stdout.write(f"largest resident memory: {before // 1024} MB before, {after // 1024} MB after\n")
    sys.stderr.writelines(failures)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
