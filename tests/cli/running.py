"""The program as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CAPTURES = ROOT / "captures"
PROGRAM = [sys.executable, "-c", "from ipipscope.cli import main; main()"]


def run(*words, stdin=None, **options):
    """The finished command, its output as text."""
    command = [*PROGRAM, *map(str, words)]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=120, check=False, **options)


def report(*words, **options):
    """The JSON report of a triage, and its exit status."""
    done = run("triage", *words, "--format", "json", **options)
    return json.loads(done.stdout), done.returncode
