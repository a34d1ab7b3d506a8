"""The commands that mend a fault, safest first: printed, never run.

The first one can be run on the node with ip, sysctl, iptables or nft and takes effect at once, where such a command
exists; those that change the whole cluster follow and say so in `why`. Every value has been read as an address, a
number or an interface name before it gets here, and every word is quoted for the shell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipipscope.hosts.faults import Fault, Kind
from ipipscope.hosts.remedies.devices import (
    forwarding,
    no_neighbour,
    other_device,
    other_remote,
    shared_address,
    tunnel_address,
    tunnel_up,
)
from ipipscope.hosts.remedies.firewall import firewall_forward, firewall_in, firewall_inner, firewall_out, translation
from ipipscope.hosts.remedies.pods import pod_gone, pod_silent
from ipipscope.hosts.remedies.reverse_path import rp_filter_inner, rp_filter_outer
from ipipscope.hosts.remedies.routes import diverting_rule, no_underlay, tunnel_route, underlay_loop
from ipipscope.hosts.remedies.sizes import path_mtu, tunnel_mtu, workload_mtu
from ipipscope.hosts.remedies.sources import interfaces_differ, odd_peer, outer_source, retired_address
from ipipscope.hosts.remedies.words import CLUSTER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ipipscope.hosts.cluster import Cluster
    from ipipscope.model import Remedy

__all__ = ["CLUSTER", "odd_peer", "remedies"]


def remedies(cluster: Cluster, fault: Fault) -> tuple[Remedy, ...]:
    """What mends *fault*, safest first."""
    return tuple(_WAYS[fault.kind](cluster, fault))


_WAYS: Final[dict[Kind, Callable[[Cluster, Fault], Iterator[Remedy]]]] = {
    Kind.OWN_NEXT_HOP: tunnel_route,
    Kind.OTHER_NEXT_HOP: tunnel_route,
    Kind.NOT_TUNNELLED: tunnel_route,
    Kind.NO_BLOCK_ROUTE: tunnel_route,
    Kind.UNROUTED: tunnel_route,
    Kind.RULE_DIVERTS: diverting_rule,
    Kind.UNDERLAY_LOOP: underlay_loop,
    Kind.NO_UNDERLAY: no_underlay,
    Kind.TUNNEL_DOWN: tunnel_up,
    Kind.OTHER_REMOTE: other_remote,
    Kind.OTHER_DEVICE: other_device,
    Kind.OUTER_SOURCE: outer_source,
    Kind.RETIRED_ADDRESS: retired_address,
    Kind.RP_FILTER_OUTER: rp_filter_outer,
    Kind.RP_FILTER_INNER: rp_filter_inner,
    Kind.FIREWALL_OUT: firewall_out,
    Kind.FIREWALL_IN: firewall_in,
    Kind.FIREWALL_FORWARD: firewall_forward,
    Kind.FIREWALL_INNER: firewall_inner,
    Kind.FORWARDING_OFF: forwarding,
    Kind.POD_GONE: pod_gone,
    Kind.POD_ABSENT: pod_silent,
    Kind.POD_SILENT: pod_silent,
    Kind.WORKLOAD_MTU: workload_mtu,
    Kind.TUNNEL_MTU: tunnel_mtu,
    Kind.PATH_MTU: path_mtu,
    Kind.NAT: translation,
    Kind.SHARED_ADDRESS: shared_address,
    Kind.FOREIGN_TUNNEL_ADDRESS: tunnel_address,
    Kind.NO_TUNNEL_ADDRESS: tunnel_address,
    Kind.NO_NEIGHBOUR: no_neighbour,
    Kind.INTERFACES_DIFFER: interfaces_differ,
}
