"""The verdict on a whole case in a few words, the same in every format: what is broken and where, or not known."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ipipscope.capture.points import role as named
from ipipscope.language.said import counted, joined, say
from ipipscope.model import Confidence, Role
from ipipscope.report.times import iso

if TYPE_CHECKING:
    from ipipscope.language.said import Said
    from ipipscope.model import Finding, PointSummary
    from ipipscope.report.model import Report

UNEXPLAINED: Final = say(
    "Nothing shows that the unanswered requests belong to an IPIP overlay: no copy of them was seen encapsulated or on "
    "a tunnel. If they should be, record all nodes' tunnels and NICs, and give the nodes' state (`ipipscope snapshot`)."
)
INSIDE: Final = say(
    "Only the inner side of tunnels was recorded: whether and to where packets leave encapsulated shows on the NICs. "
    "Record both: ipipscope capture eth1 tunl0 -w node.pcapng"
)
KINDS_SHOWN: Final = 4
UNDECIDED: Final = "undecided"
HEALTHY: Final = "healthy"


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands at the top.

    kind: loss, partial, undecided or healthy: how it is coloured.
    word: the verdict.
    title: the rest of the headline.
    said: a sentence or two that the headline needs, empty for none.
    since: when it began, as the title says it, where it does; timeless: the title without that.
    """

    kind: str
    word: Said
    title: Said
    said: str = ""
    since: str = ""
    timeless: str = ""


def standing(report: Report) -> Standing:
    """The verdict on *report*."""
    first = report.findings[0] if report.findings else None
    if first is not None and not report.healthy:
        return _of_fault(report, first)
    if report.nodes:
        return _of_state(report, first)
    if not report.packets:
        return Standing(UNDECIDED, say("UNDECIDED"), say("no packet in these captures"))
    if not _shows_an_overlay(report):
        return _without_overlay(report) if _shows_a_nic(report) else _without_nic()
    inside = "" if report.encapsulated or _shows_a_nic(report) else INSIDE
    if not report.exchanges:
        title = _noting(first, say("no exchange of request and reply in these captures"))
        return Standing(UNDECIDED, say("UNDECIDED"), title, inside)
    if report.undecided:
        title = _noting(first, say("no fault found as far as the captures show"))
        return Standing(UNDECIDED, say("UNDECIDED"), title, inside)
    if report.unanswered:
        title = _noting(first, say("but not every request was answered"))
        return Standing(UNDECIDED, say("NO FAULT FOUND"), title, UNEXPLAINED)
    if first is not None and not first.code.startswith("IPIP9"):
        return Standing(HEALTHY, say("NO LOSS"), say("but {what}", what=_about(first)), first.summary)
    return Standing(HEALTHY, say("HEALTHY"), _noting(first, say("every exchange is accounted for")))


def _of_fault(report: Report, first: Finding) -> Standing:
    what = _about(first)
    if first.confidence is not Confidence.CERTAIN:
        what = say("{what} ({confidence})", what=what, confidence=say(first.confidence.value))
    if not first.last or report.nodes:
        return Standing(first.impact.value, say(first.impact.value), what, first.summary)
    since = iso(first.first)[:19].replace("T", " ")
    title = say("{what}, since {time} UTC", what=what, time=since)
    return Standing(first.impact.value, say(first.impact.value), title, first.summary, since, what)


def _of_state(report: Report, first: Finding | None) -> Standing:
    where = say("in the state of {nodes}", nodes=joined(", ", report.nodes))
    if first is None:
        return Standing(HEALTHY, say("NOTHING FOUND"), where)
    return Standing(HEALTHY, say("NO LOSS"), say("{where}, but {what}", where=where, what=_about(first)), first.summary)


def _without_overlay(report: Report) -> Standing:
    kinds: Counter[str] = Counter()
    for point in report.points:
        kinds.update(point.kinds)
    shown = joined(", ", [f"{count} {kind}" for kind, count in kinds.most_common(KINDS_SHOWN) if count])
    if report.unanswered and any(point.role is Role.TUNNEL and not point.packets for point in report.points):
        said = say(
            "No packet is encapsulated ({kinds}), and the tunnel recorded nothing. If the unanswered requests were for "
            "another node's pods, their own node does not put them into its tunnel (`ipipscope explain IPIP104`); its "
            "state tells: ipipscope snapshot",
            kinds=shown,
        )
    else:
        said = say(
            "No packet is encapsulated, and none is known to be of a tunnel ({kinds}): nothing is said of an overlay. "
            "Record the NICs that carry the tunnel, and the tunnel: ipipscope capture eth1 tunl0 -w node.pcapng",
            kinds=shown,
        )
    title = say("in {packets}", packets=counted(report.packets, "packet"))
    return Standing(UNDECIDED, say("NO IPIP SEEN"), title, said)


def _without_nic() -> Standing:
    said = say(
        "Whether the packets belong to an overlay, and how they travel, does not show on pods' interfaces. Record the "
        "NICs and the tunnel as well: ipipscope capture eth1 tunl0 -w node.pcapng"
    )
    return Standing(UNDECIDED, say("UNDECIDED"), say("neither a NIC nor a tunnel was recorded"), said)


def _about(finding: Finding) -> Said:
    place = finding.node or say("an unknown node")
    if finding.interface and finding.interface != "any":
        place = say("{node}:{interface}", node=place, interface=finding.interface)
    return say("{rule} on {place}", rule=finding.rule, place=place)


def _noting(first: Finding | None, what: Said) -> Said:
    return what if first is None else say("{what}; note {finding}", what=what, finding=_about(first))


def _shows_an_overlay(report: Report) -> bool:
    """Whether anything was seen encapsulated or on a tunnel that is known to be one."""
    return bool(report.encapsulated) or any(point.on_tunnel or _is_tunnel(point) for point in report.points)


def _shows_a_nic(report: Report) -> bool:
    """Whether packets were recorded where an outer header might show: not just on pods' interfaces."""
    return any(
        point.packets > point.on_tunnel and point.role is not Role.WORKLOAD and not _is_tunnel(point)
        for point in report.points
    )


def _is_tunnel(point: PointSummary) -> bool:
    """A point whose role was guessed from its packets is none: whatever is native looks like that."""
    known = named(point.point.interface, cooked=False, raw=False) is Role.TUNNEL or "RAW" in point.link_types
    return point.role is Role.TUNNEL and bool(point.packets) and known
