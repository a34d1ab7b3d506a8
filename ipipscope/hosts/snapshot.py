"""A snapshot of this host or another: `ip -j` and friends, run as commands, nothing changed.

Works without root as far as the commands do; what could not be read is named in `Snapshot.left_out` with the reason.
The same commands, their output saved one file each, are what `ipipscope.hosts.reading` understands. Another host needs
no Python: a prefix such as `ssh node4` or `ip netns exec node2` runs them there.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from ipipscope.hosts.assembly import Pieces
from ipipscope.hosts.errors import BadState
from ipipscope.hosts.formats.values import shown
from ipipscope.hosts.listing import Listing
from ipipscope.hosts.model import Calico, LeftOut, Part, Snapshot

TIMEOUT: Final = 20
"""Seconds that one command may take."""
OUTPUT_MAX: Final = 64 << 20
"""Octets of one command's output that are kept."""
SBIN: Final = "/usr/sbin:/sbin:/usr/local/sbin:/usr/local/bin"
AT_ONCE: Final = 4
"""Commands that run side by side: over ssh each is a connection, and sshd refuses more than ten that log in at once."""
NOT_FOUND: Final = 127
"""The exit status by which `env` and shells say that there is no such command, POSIX.1-2017 XCU 2.8.2."""

Run = Callable[[Sequence[str]], str]
"""Runs a command and returns its standard output; raises OSError or subprocess.SubprocessError."""

SYSCTLS: Final = ("/proc/sys/net/ipv4/conf", "/proc/sys/net/ipv4/ip_forward")
COMMANDS: Final[tuple[tuple[Listing, tuple[str, ...]], ...]] = (
    (Listing.ADDRESSES, ("ip", "-j", "addr")),
    (Listing.LINKS, ("ip", "-j", "-d", "-s", "link")),
    (Listing.LINKS, ("ip", "-d", "link")),  # the text alone names the pods' network namespaces
    (Listing.ALL_ROUTES, ("ip", "-j", "-4", "route", "show", "table", "all")),
    (Listing.RULES, ("ip", "-j", "-4", "rule")),
    (Listing.NEIGHBOURS, ("ip", "-j", "-4", "neigh")),
    (Listing.TUNNELS, ("ip", "tunnel", "show")),
    (
        Listing.SYSCTL,
        # not sysctl: it is missing on slim hosts, and its dots cannot tell eth0.100 from a folder
        ("grep", "-rH", "--include=rp_filter", "--include=accept_local", "--include=ip_forward", ".", *SYSCTLS),
    ),
    (Listing.NSTAT, ("nstat", "-asz")),
    (Listing.IPTABLES, ("iptables-save", "-c")),
    (Listing.IPTABLES_LEGACY, ("iptables-legacy-save", "-c")),
    (Listing.NFT, ("nft", "-j", "list", "ruleset")),
    (Listing.IPSETS, ("ipset", "list")),
    (Listing.CALICO_STATUS, ("calicoctl", "node", "status")),
)
OPTIONAL: Final = frozenset((Listing.IPTABLES_LEGACY, Listing.NFT, Listing.IPSETS, Listing.CALICO_STATUS))
"""Their absence on a host is nothing to report."""
CLUSTER: Final[tuple[tuple[Listing, tuple[str, ...]], ...]] = tuple(
    (Listing.CALICO_RESOURCES, ("kubectl", "get", resource, "-o", "json", "--request-timeout=5s"))
    for resource in ("nodes", "ippools.crd.projectcalico.org", "blockaffinities.crd.projectcalico.org")
)
"""Asked where ipipscope runs, whatever host the snapshot is of: there is the user's access to the cluster."""


def run(command: Sequence[str]) -> str:
    """*command*'s standard output; raises OSError when it cannot be run and SubprocessError when it fails."""
    environment = {**os.environ, "LC_ALL": "C", "PATH": f"{os.environ.get('PATH', '/usr/bin:/bin')}:{SBIN}"}
    name = shutil.which(command[0], path=environment["PATH"])
    if name is None:
        raise FileNotFoundError(command[0])
    done = subprocess.run(
        [name, *command[1:]], capture_output=True, check=True, env=environment, stdin=subprocess.DEVNULL,
        timeout=TIMEOUT,
    )  # fmt: skip
    return done.stdout[:OUTPUT_MAX].decode("utf-8", "replace")


def through(via: Sequence[str], run: Run = run) -> Run:
    """A `Run` that puts *via* before each command: `("ssh", "node4")`, `("ip", "netns", "exec", "node2")` ...

    The commands hold no character that a shell would touch, so it does not matter whether *via* hands its words to a
    program, as `kubectl exec POD --` does, or to a shell, as ssh does.
    """

    def run_there(command: Sequence[str]) -> str:
        # env: who logs in over ssh without being root often has no sbin in the path
        there = ("env", "LC_ALL=C", f"PATH=/usr/bin:/bin:{SBIN}", *command)
        try:
            return run([*via, *there])
        except subprocess.CalledProcessError as error:
            if error.returncode == NOT_FOUND:
                raise FileNotFoundError(command[0]) from error
            raise

    return run_there


def collect(
    node: str | None = None,
    *,
    via: Sequence[str] = (),
    cluster: bool = False,
    run: Run = run,
    clock: Callable[[], int] = time.time_ns,
) -> Snapshot:
    """Take a host's network state; never raises: a host that cannot be asked gives a snapshot without parts.

    node: the name that findings will use; the host's own name, or that of the network namespace, when not given.
    via: words of a command that runs another one on the host to look at; this host when empty.
    cluster: also ask `kubectl` for the nodes' annotations, pools and blocks.
    run, clock: for tests.
    """
    taken = clock()
    there = through(via, run) if via else run
    try:
        name, kernel = _who(there) if via else (platform.node(), f"{platform.system()} {platform.release()}")
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        why = _why(error, tuple(via))
        return Snapshot(
            node=node or _named(via) or "that-host", taken=taken,
            left_out=(LeftOut(what="everything", why=why),),
        )  # fmt: skip
    pieces = Pieces(node or _named(via) or name or "this-host")
    asked = [(there, *one) for one in COMMANDS] + [(run, *one) for one in (CLUSTER if cluster else ())]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = [pool.submit(runs, command) for runs, _, command in asked]
    left_out: list[LeftOut] = []
    for (_, listing, command), answer in zip(asked, answers, strict=True):
        try:
            pieces.add(listing, answer.result())
        except (OSError, subprocess.SubprocessError, BadState) as error:
            if not (isinstance(error, FileNotFoundError) and listing in OPTIONAL):
                left_out.append(LeftOut(what=" ".join(command), why=_why(error, command)))
    return replace(pieces.snapshot(), taken=taken, kernel=kernel, left_out=tuple(left_out))


def _who(run: Run) -> tuple[str, str]:
    """The host's name and its kernel, as `uname` knows them; raises what *run* raises, or ValueError."""
    said = run(("uname", "-snr")).split()  # Linux node4 6.1.0-18-amd64, in this order always
    if len(said) != 3:
        raise ValueError(f"uname answers '{shown(' '.join(said))}' there")
    return shown(said[1], 253), f"{shown(said[0])} {shown(said[2], 128)}"


def _named(via: Sequence[str]) -> str | None:
    """The network namespace in `ip netns exec NAME`: all of them answer uname with the host's own name."""
    words = list(via)
    after = [words[place + 2] for place in range(len(words) - 2) if words[place : place + 2] == ["netns", "exec"]]
    return after[0] if after else None


def _why(error: Exception, command: Sequence[str]) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{command[0]} is not installed"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"no answer within {TIMEOUT} s"
    if isinstance(error, subprocess.CalledProcessError):
        raw = error.stderr or b""
        said = (raw if isinstance(raw, str) else raw.decode("utf-8", "replace")).strip().splitlines()
        return shown(said[0], 200) if said else f"it ended with status {error.returncode}"
    return shown(str(error), 200)


__all__ = ["COMMANDS", "Calico", "Part", "Run", "Snapshot", "collect", "run", "through"]
