"""What a rule is: decisions are data, and may be undecided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from ipaddress import IPv4Address

    from ipipscope.correlator.journey import Seen, Some
    from ipipscope.correlator.looks import Look
    from ipipscope.model import Confidence
    from ipipscope.rules.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A named, numbered thing that can be wrong; `ipipscope explain`, the docs and the reports read it here."""

    code: str
    name: str
    source: str
    """The document that says how it should be."""
    seen: str
    """What the captures show when it strikes: one sentence."""
    meaning: str
    """What is happening on the wire and in the kernel."""
    looks: str
    """How it looks at each capture point."""
    causes: str
    """What usually causes it."""
    mend: str
    """How it is mended, in general."""
    disproved_by: str
    """What sight would show that the finding is wrong."""
    capture_next: str = ""
    """What to record next, to be sure or to come closer."""
    counts_packets: bool = False
    """Whether its findings count packets, not exchanges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """A rule struck a journey.

    node, interface: where it goes wrong, as far as known; a node that was not captured goes by its outer address.
    proofs: the sightings that prove it, each with a few words.
    lost: whether the exchange failed because of it; None where the captures do not show that, or the rule is not about
        loss at all.
    """

    node: str | None
    interface: str | None
    confidence: Confidence
    proofs: tuple[tuple[Look, str], ...] = ()
    lost: bool | None = True
    look_at: str | None = None
    """A node whose recording would tell more, however sure the rule is of what it says."""
    some: Some | None = None
    """The exchanges that were struck, where not all of the journey's were: the finding counts these."""
    frames: tuple[tuple[Seen, str], ...] = ()
    """The very packets that prove it, where only some of the exchanges were struck; in place of *proofs*."""
    pairs: frozenset[tuple[IPv4Address, IPv4Address]] = frozenset()
    """Sources and destinations of all exchanges that a finding counts, for its sentence."""


class RuleModule(Protocol):
    """What a module of a journey rule offers."""

    RULE: Rule
    struck: Callable[[View], Strike | None]
    """None when the rule does not strike, or when the captures cannot tell."""
    summary: Callable[[int, Strike, View], str]
    """One sentence for *count* exchanges."""
