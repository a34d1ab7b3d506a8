"""The guilty line of host state among its neighbours, as the host's own commands list them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipipscope.hosts.model import Snapshot

AROUND: Final = 4
"""Lines shown before and after the guilty ones."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines of one listing; the guilty ones are marked.

    command: what lists them.
    before, after: how many lines are left out at either end.
    """

    command: str
    lines: tuple[tuple[str, bool], ...]
    before: int = 0
    after: int = 0


def excerpts(snapshot: Snapshot | None, config: str) -> tuple[Excerpt, ...]:
    """Each line that *config* names, in its listing; a line that is in none stands alone."""
    found: dict[str, tuple[list[str], set[int]]] = {}
    alone = []
    for piece in config.split("; "):
        command, lines, place = _listed(snapshot, piece)
        if place is None:
            alone.append(Excerpt("", ((piece, True),)))
        else:
            found.setdefault(command, (lines, set()))[1].add(place)
    shown = []
    for command, (lines, guilty) in found.items():
        first, last = max(0, min(guilty) - AROUND), min(len(lines), max(guilty) + AROUND + 1)
        marked = tuple((lines[place], place in guilty) for place in range(first, last))
        shown.append(Excerpt(command, marked, first, len(lines) - last))
    return (*shown, *alone)


def _listed(snapshot: Snapshot | None, piece: str) -> tuple[str, list[str], int | None]:
    if snapshot is not None:
        for command, lines in _listings(snapshot):
            for place, line in enumerate(lines):
                if line == piece:
                    return command, lines, place
    return "", [], None


def _listings(snapshot: Snapshot) -> Iterator[tuple[str, list[str]]]:
    """Every listing that a guilty line may come from, with the line as `Cause.config` writes it."""
    tables: dict[str, list[str]] = {}
    for route in snapshot.routes:
        tables.setdefault(route.table, []).append(route.line)
    for table, lines in tables.items():
        yield "ip route" if table == "main" else f"ip route show table {table}", lines
    yield "ip rule", [rule.line for rule in snapshot.rules]
    yield "ip tunnel show", [tunnel.line for tunnel in snapshot.tunnels]
    yield (
        "ip neigh",
        [
            f"{n.address} dev {n.interface}{f' lladdr {n.mac}' if n.mac else ''} {' '.join(n.state)}"
            for n in snapshot.neighbours
        ],
    )
    yield "sysctl", [f"net.ipv4.conf.{name}.rp_filter = {value}" for name, value in sorted(snapshot.rp_filter.items())]
    for ruleset in snapshot.firewall:
        for chain in ruleset.chains:
            yield f"{ruleset.backend}, table {chain.table}, chain {chain.name}", [rule.text for rule in chain.rules]
