"""The interfaces of a host that is to be recorded, and the recorders that are installed there."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ipipscope.capture.links import Link
from ipipscope.capture.points import TUNNEL
from ipipscope.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipipscope.capture.elsewhere import Host

ANY: Final = "any"
"""libpcap's name for all interfaces at once."""
MARK: Final = "==8=="
# /proc/self/net, not /sys: after `nsenter -n` the latter still shows the interfaces of the other namespace.
QUESTION: Final = (
    f"uname -n; echo {MARK}; uname -sr; echo {MARK}; command -v dumpcap; command -v tcpdump; echo {MARK};"
    f" cat /proc/self/net/dev; echo {MARK}; ip -j -d link 2>/dev/null; :"
)
RECORDERS: Final = ("dumpcap", "tcpdump")


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a host answered."""

    name: str
    """As `uname -n` knows it."""
    system: str
    """Kernel and release."""
    recorders: tuple[str, ...]
    """dumpcap, tcpdump: those that are installed, the better one first."""
    link_types: dict[str, str] = field(default_factory=dict)
    """ether, ipip, loopback, none ... by interface; empty text where `ip` did not say."""
    links: tuple[Link, ...] = ()
    """Whether they were up, and their MTU, as far as `ip` said."""

    @property
    def tunnels(self) -> list[str]:
        """Its IPIP tunnel devices."""
        return [name for name, kind in self.link_types.items() if kind == "ipip" or (not kind and TUNNEL.match(name))]

    def link_type(self, interface: str) -> str:
        """Empty where it is not known."""
        return self.link_types.get(interface, "")

    def check(self, node: str, interfaces: Iterable[str]) -> None:
        """Raise UsageError with close names and the host's tunnel devices for an interface that does not exist."""
        for interface in interfaces:
            if interface in self.link_types or interface == ANY or not self.link_types:
                continue
            raise UsageError(f"{node} has no interface {interface!r}. {self.instead_of(interface)}")

    def instead_of(self, interface: str) -> str:
        """What to name instead of *interface*."""
        close = difflib.get_close_matches(interface, list(self.link_types), n=3, cutoff=0.5)
        hints = [f"Did you mean {' or '.join(close)}?"] if close else []
        tunnels = self.tunnels
        hints.append(f"Its tunnel devices: {', '.join(tunnels)}." if tunnels else "It has no IPIP tunnel device.")
        if not close:
            hints.append(f"Its interfaces: {', '.join(sorted(self.link_types))}.")
        return " ".join(hints)


def equipment(host: Host) -> Equipment:
    """Ask *host*; raises InputError when it does not answer."""
    name, system, found, devices, links = [*host.run(("sh", "-c", QUESTION)).split(f"{MARK}\n"), "", "", "", ""][:5]
    installed = {path.rpartition("/")[2] for path in found.split()}
    link_types = {line.partition(":")[0].strip(): "" for line in devices.splitlines() if ":" in line}
    states = []
    try:
        for link in json.loads(links or "[]"):
            link_types[link["ifname"]] = link.get("link_type", "")
            states.append(Link.of_json(link))
    except (ValueError, KeyError, TypeError, AttributeError):
        pass  # an `ip` that knows no JSON: names are enough
    recorders = tuple(tool for tool in RECORDERS if tool in installed)
    return Equipment(name.strip(), system.strip(), recorders, link_types, tuple(states))
