"""Make cases: python -m tests.lab FOLDER [--scenario NAME ...] [--profile NAME ...]."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from .boot import LabError, Laboratory, missing_tools
from .profiles import PROFILES
from .scenarios import SCENARIOS, fitting
from .variants import RECORDERS, TRAFFIC


def main() -> int:
    """Make the cases asked for, one boot for all; 1 when a case could not be made."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description="Make cases with a real kernel.")
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--scenario", nargs="+", choices=sorted(SCENARIOS), default=list(SCENARIOS), metavar="NAME")
    parser.add_argument("--profile", nargs="+", choices=sorted(PROFILES), default=list(PROFILES), metavar="NAME")
    parser.add_argument("--traffic", choices=TRAFFIC, default="ping", help="what is sent instead of pings of pods")
    parser.add_argument("--recorder", choices=RECORDERS, default="tcpdump", help="what records instead of tcpdump")
    parser.add_argument("--list", action="store_true", help="name scenarios and profiles, and end")
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that the guest ends too
    if wanted.list or wanted.folder is None:
        for scenario in SCENARIOS.values():
            print(f"{scenario.name:<42} {scenario.title}")
        print("profiles:", *PROFILES)
        return 0 if wanted.list else 2
    if missing := missing_tools():
        print("not installed:", *missing, file=sys.stderr)
        return 2
    pairs = [(name, profile) for profile in wanted.profile for name in fitting(profile) if name in wanted.scenario]
    return make(wanted.folder, pairs, {"traffic": wanted.traffic, "recorder": wanted.recorder})


def make(folder: Path, pairs: list[tuple[str, str]], variant: dict[str, str]) -> int:
    """Make the case of every (scenario, profile); tells one line a case, and boots again when the guest died."""
    failed: list[str] = []
    left = list(pairs)
    while left:
        try:
            with Laboratory(folder) as laboratory:
                while left and laboratory.alive:
                    _tell(laboratory, *left.pop(0), variant, failed)
        except LabError as error:
            print(error, file=sys.stderr)
            return 1
    print(f"{len(pairs) - len(failed)} of {len(pairs)} cases made", *failed)
    return 1 if failed else 0


def _tell(laboratory: Laboratory, scenario: str, profile: str, variant: dict[str, str], failed: list[str]) -> None:
    began = time.monotonic()
    try:
        case = laboratory.record(scenario, profile, **variant)
    except LabError as error:
        failed.append(f"{profile}-{scenario}")
        print(f"FAILED {error}", flush=True)
        return
    exchanges, verified = case.truth["exchanges"], case.truth.get("fix_verification", {}).get("verified_in_lab")
    print(
        f"{case.folder.name}: {case.truth['fault']}, {exchanges['answered']}/{exchanges['sent']} answered,"
        f" fix {'-' if verified is None else 'works' if verified else 'DOES NOT WORK'},"
        f" {time.monotonic() - began:.1f} s",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
