"""Commands on this host or, through a prefix, on another: `ssh root@node4`, `kubectl exec -i POD --`, `ip netns exec`.

The prefix is asked two things before anything is recorded: how many shells its words pass through (ssh joins them and
hands them to one, `ip netns exec` to none), so that a filter's parentheses arrive as they are, and whether what is
written to its standard input arrives (`kubectl exec` without -i drops it), because its end is how a recorder there is
told to stop.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ipipscope.errors import InputError, UsageError
from ipipscope.language.said import say

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE: Final = 20
"""Seconds for an answer: a jump host, a busy API server."""
SHELLS_MAX: Final = 2
"""ssh to a bastion that sshs on."""
SBIN: Final = "/usr/sbin:/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin:/bin"
TOLD: Final = "it's here"
"""A word that no shell leaves as it is."""
READY: Final = "stdin-arrives"


@dataclass(frozen=True, slots=True)
class Host:
    """Where commands run.

    via: words of the prefix; empty for this host.
    shells: how many shells a command's words pass through on the way.
    listens: whether standard input arrives there.
    """

    via: tuple[str, ...] = ()
    shells: int = 0
    listens: bool = True

    def command(self, words: Sequence[str]) -> list[str]:
        """What to run here so that *words* run there, word by word."""
        there = list(words) if not self.via else ["env", "LC_ALL=C", f"PATH={SBIN}", *words]
        for _ in range(self.shells):
            there = [shlex.quote(word) for word in there]
        return [*self.via, *there]

    def run(self, words: Sequence[str], stdin: str = "") -> str:
        """What *words* print there.

        Raises InputError, with what the command said, when they cannot be run or fail.
        """
        try:
            done = subprocess.run(
                self.command(words), input=stdin.encode(), capture_output=True, timeout=PATIENCE, check=False,
                env=environment(),
            )  # fmt: skip
        except FileNotFoundError as failure:
            raise InputError(self.via[0] if self.via else words[0], say("no such command here.")) from failure
        except OSError as failure:
            raise InputError(
                shlex.join(self.via), say("cannot be run: {strerror}.", strerror=failure.strerror)
            ) from failure
        except subprocess.TimeoutExpired as failure:
            raise InputError(
                shlex.join(self.via), say("no answer within {patience} s.", patience=PATIENCE)
            ) from failure
        if done.returncode:
            said = one_line(done.stderr.decode("utf-8", "replace")) or f"it ended with status {done.returncode}"
            raise InputError(shlex.join(self.via or words), said)
        return done.stdout.decode("utf-8", "replace")


def environment() -> dict[str, str]:
    """Ours, with messages in English and the folders of administration, which users often have not in their path."""
    return {**os.environ, "LC_ALL": "C", "PATH": f"{os.environ.get('PATH', '')}:{SBIN}"}


def host(via: Sequence[str]) -> Host:
    """Find out how the prefix *via* hands on words and standard input.

    Raises InputError when nothing can be run there, UsageError when its words do not arrive.
    """
    if not via:
        return Host()
    for shells in range(SHELLS_MAX + 1):
        there = Host(tuple(via), shells)
        # One word with a blank and a quote: what passes through a shell unquoted comes out as something else.
        try:
            said = there.run(("echo", TOLD))
        except InputError:
            if shells == SHELLS_MAX:
                raise
            continue  # a shell that fell over the quote; quoted once more it passes
        if said.strip() == TOLD:
            echo = there.run(("sh", "-c", 'read -r line; echo "$line"'), stdin=READY + "\n")
            return Host(tuple(via), shells, listens=echo.strip() == READY)
    raise UsageError(f"--via {shlex.join(via)!r}: a command's words do not arrive there as they were given")


def words(prefix: str) -> tuple[str, ...]:
    """The words of a prefix as the user wrote it.

    Raises UsageError when its quotes do not match.
    """
    try:
        return tuple(shlex.split(prefix))
    except ValueError as problem:
        raise UsageError(f"--via {prefix!r}: {str(problem).lower()}") from problem


def namespace(via: Sequence[str]) -> str | None:
    """The network namespace in `ip netns exec NAME`: all of them answer uname with the host's own name."""
    after = [via[place + 2] for place in range(len(via) - 2) if tuple(via[place : place + 2]) == ("netns", "exec")]
    return after[0] if after else None


def one_line(said: str) -> str:
    """What a command said on standard error, its lines joined."""
    return " ".join(line.strip() for line in said.splitlines() if line.strip())
