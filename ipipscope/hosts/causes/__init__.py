"""Why: the line of host configuration that explains a finding, and the commands that mend it.

For each rule the way that its packets took is walked through the hosts' state (`outbound`, `inbound`, `sizes`), with
the addresses that the finding shows. The first fault that the kernel would have met is the cause, provided that it
shows itself as that rule. Where the state shows none, no cause is claimed; only kinds of findings whose class follows
from the packets alone (scattered loss, duplicates ...) get one without a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ipipscope.hosts.causes.delivery import (
    no_reply,
    pod_unreachable,
    reply_dropped,
    reply_not_delivered,
    request_dropped,
    request_not_delivered,
)
from ipipscope.hosts.causes.encapsulation import (
    reply_native,
    reply_not_encapsulated,
    request_native,
    request_not_encapsulated,
)
from ipipscope.hosts.causes.inner import mtu, outer_fragments, rewritten
from ipipscope.hosts.causes.outer_addresses import (
    interfaces_differ,
    lost_between,
    outer_source,
    shared_addresses,
    through_other_node,
    wrong_outer_destination,
)
from ipipscope.hosts.causes.sides import Sides, sides_of
from ipipscope.hosts.causes.without_a_line import from_packets, narrow_path, translated_elsewhere, without_the_sender
from ipipscope.hosts.cluster import Cluster
from ipipscope.hosts.faults import Fault, Kind
from ipipscope.hosts.remedies import CLUSTER, remedies
from ipipscope.model import Cause, Confidence, Finding

if TYPE_CHECKING:
    from ipipscope.hosts.model import Snapshot

__all__ = ["cause_of", "explain", "explained", "searched", "shared_addresses"]

_Search = Callable[[Cluster, Sides], Iterator[Fault]]

_SEARCHES: Final[dict[str, _Search]] = {
    "IPIP101": reply_not_encapsulated,
    "IPIP102": request_not_encapsulated,
    "IPIP103": reply_native,
    "IPIP104": request_native,
    "IPIP201": outer_source,
    "IPIP202": wrong_outer_destination,
    "IPIP203": through_other_node,
    "IPIP204": interfaces_differ,
    "IPIP301": request_not_delivered,
    "IPIP302": request_dropped,
    "IPIP303": reply_not_delivered,
    "IPIP304": reply_dropped,
    "IPIP305": pod_unreachable,
    "IPIP306": no_reply,
    "IPIP307": lost_between,
    "IPIP308": lost_between,
    "IPIP401": mtu,
    "IPIP402": outer_fragments,
    "IPIP501": rewritten,
}


def explain(findings: Iterable[Finding], snapshots: Mapping[str, Snapshot]) -> list[Finding]:
    """*findings* with the cause and the remedies that *snapshots* support; those that have a cause keep it.

    snapshots: by node, named as in the findings.
    """
    cluster = Cluster(snapshots)
    return [finding if finding.cause is not None else explained(finding, cluster) for finding in findings]


def explained(finding: Finding, cluster: Cluster) -> Finding:
    """*finding* with what the state of *cluster* shows.

    A line that makes the packets go wrong in just this way says that they did, where packets alone leave it possible.
    """
    fault = next(searched(finding, cluster), None)
    if fault is not None:
        surer = fault.config is not None and fault.confidence is Confidence.CERTAIN
        confidence = Confidence.LIKELY if surer and finding.confidence is Confidence.POSSIBLE else finding.confidence
        found = replace(finding, cause=cause_of(fault), remedy=remedies(cluster, fault), confidence=confidence)
        if fault.kind is not Kind.FOREIGN_TUNNEL_ADDRESS:
            return found
        # The replier answers as it should, to the node whose block the requester's address is of.
        return replace(found, node=fault.node, interface=fault.interface)
    cause = without_the_sender(finding, cluster) or from_packets(finding, cluster)
    if cause is None:
        return finding
    faults = (*narrow_path(finding, cluster), *translated_elsewhere(finding, cluster))
    cure = [remedy for fault in faults for remedy in remedies(cluster, fault)]
    once = {(remedy.command, remedy.why if remedy.why.startswith(CLUSTER) else remedy.node): remedy for remedy in cure}
    return replace(finding, cause=cause, remedy=tuple(once.values()))


def cause_of(fault: Fault) -> Cause:
    """The cause that a fault is."""
    return Cause(cls=fault.cls, node=fault.node, config=fault.config, text=fault.text, counters=fault.counters)


def searched(finding: Finding, cluster: Cluster) -> Iterator[Fault]:
    """The faults on the way of a finding's packets that show themselves as its rule, in their order."""
    search = _SEARCHES.get(finding.code)
    if search is None:
        return
    for sides in sides_of(finding, cluster):
        yield from search(cluster, sides)
