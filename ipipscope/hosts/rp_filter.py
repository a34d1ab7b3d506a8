"""The reverse path filter: whether a host takes a packet of that source on that interface.

As __fib_validate_source does it (Linux net/ipv4/fib_frontend.c); modes as in ip-sysctl: 0 none, 1 strict, 2 loose, and
the higher of `all` and the interface's own counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ipipscope.hosts.model import Part, Snapshot
from ipipscope.hosts.route_lookup import Decision, Fib, Outcome
from ipipscope.language.said import say

if TYPE_CHECKING:
    from ipaddress import IPv4Address

OFF, STRICT, LOOSE = 0, 1, 2
MODES: Final = {OFF: say("off"), STRICT: say("strict"), LOOSE: say("loose")}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReversePath:
    """What the filter makes of one source on one interface."""

    passes: bool | None
    """None when the mode was not read and would decide."""
    mode: int | None
    """None when it was not read."""
    interface: str
    back: Decision
    """Where the host would send a packet to that source."""


def mode_of(snapshot: Snapshot, interface: str) -> int | None:
    """The mode that applies on *interface*; None when it was not read."""
    if not snapshot.has(Part.RP_FILTER):
        return None
    values = snapshot.rp_filter
    own = values.get(interface, values.get("default", OFF))
    return max(own, values.get("all", OFF))


def setting(snapshot: Snapshot, interface: str) -> str:
    """The line of sysctl that decides on *interface*."""
    own, everywhere = snapshot.rp_filter.get(interface, 0), snapshot.rp_filter.get("all", 0)
    name = interface if own >= everywhere else "all"
    return f"net.ipv4.conf.{name}.rp_filter = {max(own, everywhere)}"


def reverse_path(
    fib: Fib,
    source: IPv4Address,
    interface: str,
    *,
    destination: IPv4Address | None = None,
    forwarded_to: str | None = None,
) -> ReversePath:
    """Whether a packet from *source* that comes in on *interface* passes.

    destination: its destination, for rules that select by source.
    forwarded_to: the interface that it leaves by, where its answer would come in; None for one to the host itself.
    """
    mode = mode_of(fib.snapshot, interface)
    back = fib.lookup(source, source=destination, in_interface=forwarded_to)
    strict, loose = _passes(fib, back, interface, STRICT), _passes(fib, back, interface, LOOSE)
    if mode == OFF:
        # without a filter only the host's own and broadcast addresses are refused
        passes: bool | None = back.outcome not in (Outcome.LOCAL, Outcome.BROADCAST) or (
            back.outcome is Outcome.LOCAL and _accepts_own(fib, interface)
        )
    elif mode is None:
        passes = True if strict else (False if back.outcome in (Outcome.LOCAL, Outcome.BROADCAST) else None)
    else:
        passes = strict if mode == STRICT else loose
    return ReversePath(passes=passes, mode=mode, interface=interface, back=back)


def _passes(fib: Fib, back: Decision, interface: str, mode: int) -> bool:
    if back.outcome in (Outcome.LOCAL, Outcome.BROADCAST):
        return back.outcome is Outcome.LOCAL and _accepts_own(fib, interface)
    if back.dropped:
        return False
    hops = back.equal_hops or ((back.hop,) if back.hop else ())
    if any(hop.device == interface for hop in hops):
        return True
    # a device without any address falls back to the filter's mode alone, and both modes refuse
    return mode == LOOSE and bool(fib.addresses.get(interface))


def _accepts_own(fib: Fib, interface: str) -> bool:
    values = fib.snapshot.accept_local
    return bool(values.get("all", 0) or values.get(interface, 0))
