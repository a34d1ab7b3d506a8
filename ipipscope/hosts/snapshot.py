"""A snapshot of this host: `ip -j` and friends, run as commands, nothing changed.

Works without root as far as the commands do; what could not be read is named in `Snapshot.left_out` with the reason.
The same commands, their output saved one file each, are what `ipipscope.hosts.reading` understands.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
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

Run = Callable[[Sequence[str]], str]
"""Runs a command and returns its standard output; raises OSError or subprocess.SubprocessError."""

SYSCTLS: Final = ("/proc/sys/net/ipv4/conf", "/proc/sys/net/ipv4/ip_forward")
COMMANDS: Final[tuple[tuple[Listing, tuple[str, ...]], ...]] = (
    (Listing.ADDRESSES, ("ip", "-j", "addr")),
    (Listing.LINKS, ("ip", "-j", "-d", "-s", "link")),
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
KUBECTL: Final = ("kubectl", "get", "nodes", "-o", "json", "--request-timeout=5s")


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


def collect(
    node: str | None = None, *, cluster: bool = False, run: Run = run, clock: Callable[[], int] = time.time_ns
) -> Snapshot:
    """Take this host's network state.

    node: the name that findings will use; the host's own name when not given.
    cluster: also ask `kubectl` for the nodes' annotations, which leaves this host.
    run, clock: for tests and for other hosts, a function that runs the command elsewhere.
    """
    pieces = Pieces(node or platform.node() or "this-host")
    taken = clock()
    left_out: list[LeftOut] = []
    commands = (*COMMANDS, *(((Listing.CALICO_RESOURCES, KUBECTL),) if cluster else ()))
    for listing, command in commands:
        try:
            pieces.add(listing, run(command))
        except FileNotFoundError:
            if listing not in OPTIONAL:
                left_out.append(LeftOut(what=" ".join(command), why=f"{command[0]} is not installed"))
        except subprocess.CalledProcessError as error:
            left_out.append(LeftOut(what=" ".join(command), why=_why(error)))
        except subprocess.TimeoutExpired:
            left_out.append(LeftOut(what=" ".join(command), why=f"no answer within {TIMEOUT} s"))
        except (OSError, BadState) as error:
            left_out.append(LeftOut(what=" ".join(command), why=shown(str(error), 200)))
    snapshot = pieces.snapshot()
    return replace(snapshot, taken=taken, kernel=f"{platform.system()} {platform.release()}", left_out=tuple(left_out))


def _why(error: subprocess.CalledProcessError) -> str:
    raw = error.stderr or b""
    said = (raw if isinstance(raw, str) else raw.decode("utf-8", "replace")).strip().splitlines()
    return shown(said[0], 200) if said else f"it ended with status {error.returncode}"


__all__ = ["COMMANDS", "Calico", "Part", "Run", "Snapshot", "collect", "run"]
