"""The report: what a triage says, whatever the format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipipscope.model import Impact

if TYPE_CHECKING:
    from ipipscope.correlator.clocks import Clock
    from ipipscope.errors import InputError
    from ipipscope.model import Finding, PointSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a triage says.

    packets: recorded at all points, identical records of several files counted once.
    encapsulated: of these, IPIP packets.
    problems: what could not be read.
    notes: bounds that were reached, and the like.
    """

    points: tuple[PointSummary, ...]
    findings: tuple[Finding, ...]
    packets: int
    encapsulated: int
    exchanges: int
    answered: int
    unanswered: int
    undecided: int
    problems: tuple[InputError, ...] = ()
    notes: tuple[str, ...] = ()
    clocks: tuple[Clock, ...] = ()
    """The nodes' clocks against one another, where they recorded the same packets."""
    nodes: tuple[str, ...] = ()
    """Whose state was read, in an audit."""
    state: tuple[str, ...] = ()
    """Nodes whose state was at hand when packets were judged."""

    def _repr_html_(self) -> str:
        from ipipscope.report.notebook import report_html  # noqa: PLC0415  (only in notebooks)

        return report_html(self)

    @property
    def nothing_read(self) -> bool:
        """Whether there is nothing to judge because nothing could be read."""
        return bool(self.problems) and not self.points and not self.nodes

    @property
    def healthy(self) -> bool:
        """Whether nothing of impact `loss` or `partial` was found."""
        return all(finding.impact is Impact.NONE for finding in self.findings)

    def exit_status(self, *, strict: bool = False) -> int:
        """As the command ends: 3 for input that could not be read, 1 for findings, 0 for none.

        strict: count findings of impact `none` as well.
        """
        if self.problems:
            return 3
        return int(bool(self.findings) if strict else not self.healthy)
