"""Causes for which no line of a node's configuration stands: the network between, a node whose state is missing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ipipscope.hosts.causes.sides import sides_of
from ipipscope.hosts.faults import Fault, Kind
from ipipscope.hosts.inbound import Arrival, inbound, knows_enough
from ipipscope.hosts.tunnel import FALLBACK, IPIP_OVERHEAD
from ipipscope.language.said import joined, say
from ipipscope.model import Cause, CauseClass, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipipscope.hosts.cluster import Cluster

_BETWEEN = frozenset(("IPIP306", "IPIP307", "IPIP308"))
"""What outages between the nodes look like, exchange by exchange."""

_FROM_PACKETS: Final = {
    "IPIP601": (
        CauseClass.NETWORK_LOSS,
        say("Packets vanish between the nodes, one here and there; no node's state shows why."),
    ),
    "IPIP603": (
        CauseClass.NETWORK,
        say("Something between the nodes sends packets twice: a loop, a bond, a mirror port."),
    ),
    "IPIP604": (CauseClass.NETWORK, say("The packets are late or overtake one another between the nodes.")),
    "IPIP901": (
        CauseClass.CAPTURE_WINDOW,
        say("The points did not record at the same time; the nodes are not to blame."),
    ),
}


def without_the_sender(finding: Finding, cluster: Cluster) -> Cause | None:
    """The sender's state is not at hand, but the receiver's shows what it refuses."""
    if finding.code not in ("IPIP201", "IPIP203"):
        return None
    for sides in sides_of(finding, cluster):
        if sides.reply is None or sides.requester is None:
            continue
        arrival = Arrival(
            host=sides.requester, outer_source=sides.reply.src, outer_destination=sides.reply.dst,
            source=sides.flow.dst, destination=sides.flow.src, state="ESTABLISHED",
        )  # fmt: skip
        fault = next(inbound(cluster, arrival), None)
        if fault is not None and fault.kind in (Kind.FIREWALL_IN, Kind.OTHER_REMOTE):
            text = say(
                "{text} The sender's own state is not at hand: its route to {dst} chose that source.",
                text=fault.text,
                dst=sides.reply.dst,
            )
            return Cause(
                cls=CauseClass.SOURCE_SELECTION,
                node=finding.node,
                config=fault.config,
                text=text,
                counters=fault.counters,
            )
    return None


def from_packets(finding: Finding, cluster: Cluster) -> Cause | None:
    """What follows from the packets alone, or from state that shows nothing wrong."""
    if finding.code in _FROM_PACKETS:
        cls, text = _FROM_PACKETS[finding.code]
        return Cause(cls=cls, node=None, config=None, text=text)
    if finding.code == "IPIP401":
        return _path_mtu(finding, cluster)
    if finding.code == "IPIP501":
        return Cause(
            cls=CauseClass.NAT,
            node=finding.node,
            config=None,
            text=say(
                "The inner source is translated on the way; none of the firewall rules at hand does it, so look "
                "at tc filters, eBPF programs and rules that were not read.",
            ),
        )
    if (
        finding.code == "IPIP602"
        and finding.consequences
        and {*finding.consequences} <= _BETWEEN
        and {*finding.consequences} != {"IPIP306"}
    ):
        return Cause(cls=CauseClass.NETWORK, node=None, config=None, text=say("The outages happen between the nodes."))
    if finding.code in ("IPIP307", "IPIP308"):
        for sides in sides_of(finding, cluster):
            hosts = [host for host in (sides.requester, sides.replier) if host is not None and knows_enough(host)]
            if len(hosts) == 2:
                return Cause(
                    cls=CauseClass.NETWORK,
                    node=None,
                    config=None,
                    text=say(
                        "Nothing in the state of {sender} and {receiver} keeps these packets: what lies between them "
                        "does. Networks that filter have to pass IP protocol 4 (not port 4, and not 94, which some "
                        "call ipip).",
                        sender=hosts[0].name,
                        receiver=hosts[1].name,
                    ),
                )
    return None


def narrow_path(finding: Finding, cluster: Cluster) -> Iterator[Fault]:
    """The nodes whose tunnels are wider than a path between them; nothing where no ICMP error says how wide it is."""
    asked = next((found for one in finding.evidence if (found := _ASKED.search(one.what))), None)
    if finding.code != "IPIP401":
        return
    ends = [host for sides in sides_of(finding, cluster) for host in (sides.requester, sides.replier)]
    if asked is None:
        peer = next((pair.request.dst for pair in finding.tunnels if pair.request), None)
        for host in [host for host in ends if host is not None and peer is not None][:1]:
            yield Fault(
                kind=Kind.PATH_MTU, host=host, config=None, text="", interface=next(iter(host.tunnels), FALLBACK),
                peer=peer,
            )  # fmt: skip
        return
    # A router speaks of the outer packet; a node that has learned it from one speaks of the inner packet.
    own = cluster.host(finding.node) is not None
    fits = int(asked[1]) - (0 if own else IPIP_OVERHEAD)
    for host in dict.fromkeys(host for host in ends if host is not None):
        device = next(iter(host.tunnels), FALLBACK)
        link = host.fib.link(device)
        if fits >= INNER_MIN and (link is None or link.mtu is None or link.mtu > fits):
            yield Fault(kind=Kind.PATH_MTU, host=host, config=None, text="", interface=device, number=fits)


def translated_elsewhere(finding: Finding, cluster: Cluster) -> Iterator[Fault]:
    """A source that is translated by what a snapshot does not hold."""
    host = cluster.host(finding.node)
    if finding.code == "IPIP501" and host is not None:
        devices = [host.workload_device(end) for flow in finding.flows for end in (flow.src, flow.dst)]
        device = finding.interface or next((name for name in devices if name is not None), None)
        yield Fault(kind=Kind.NAT, host=host, config=None, text="", interface=device)


_ASKED: Final = re.compile(r"fragmentation needed, MTU (\d{2,5})")
"""As the rule `mtu-exceeded` words its evidence."""

INNER_MIN: Final = 68
"""The smallest MTU of an interface with IPv4, RFC 791 §3.2."""


def _path_mtu(finding: Finding, cluster: Cluster) -> Cause | None:
    for sides in sides_of(finding, cluster):
        shown = []
        for host in (sides.requester, sides.replier):
            if host is not None:
                device = next(iter(host.tunnels), FALLBACK)
                link = host.fib.link(device)
                shown.append(f"{host.name} {device} mtu {link.mtu}" if link and link.mtu else host.name)
        if shown:
            return Cause(
                cls=CauseClass.MTU,
                node=finding.node,
                config=None,
                text=say(
                    "The MTUs of the nodes fit one another ({mtus}); a router on the way takes smaller packets only.",
                    mtus=joined(", ", shown),
                ),
            )
    return Cause(
        cls=CauseClass.MTU, node=finding.node, config=None, text=say("A router on the way takes smaller packets only.")
    )
