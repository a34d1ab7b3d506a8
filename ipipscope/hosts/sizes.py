"""MTUs that do not fit: pods over tunnel over underlay, and what translation does to sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipscope.hosts.faults import Fault, Kind, kernel_counters
from ipipscope.hosts.route_lookup import Outcome
from ipipscope.hosts.tunnel import IPIP_OVERHEAD, encapsulate, is_tunnel, mtu_of
from ipipscope.language.said import say
from ipipscope.model import Confidence, Impact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipipscope.hosts.cluster import Cluster, Host


def sizes(cluster: Cluster, host: Host) -> Iterator[Fault]:
    """Where a node's MTUs do not fit into one another."""
    room: dict[str, tuple[int, int | None, str]] = {}
    for network in cluster.blocks:
        decision = host.fib.lookup(network.network_address)
        if decision.outcome is not Outcome.UNICAST or not is_tunnel(host.snapshot, decision.device):
            continue
        made = encapsulate(host.fib, decision)
        if made.drop is not None:
            continue
        mtu, fits = mtu_of(host.fib, made)
        if mtu is not None:
            known = room.get(made.device)
            if known is None or (fits is not None and (known[1] is None or fits < known[1])):
                room[made.device] = (mtu, fits, made.outer.device or "")
    for device, (mtu, fits, nic) in room.items():
        yield from _tunnel(host, device, mtu, fits, nic)
        yield from _workloads(host, device, mtu, fits)


def _tunnel(host: Host, device: str, mtu: int, fits: int | None, nic: str) -> Iterator[Fault]:
    if fits is None or mtu <= fits:
        return
    under = fits + IPIP_OVERHEAD
    yield Fault(
        kind=Kind.TUNNEL_MTU,
        host=host,
        config=f"{device} mtu {mtu}; {nic} mtu {under}",
        interface=device,
        number=fits,
        text=say(
            "A full packet of {device} ({mtu} octets) and its outer header are {outer} octets, {nic} of "
            "{host} takes {under}: outer packets are fragmented, or refused where DF is set.",
            device=device,
            mtu=mtu,
            outer=mtu + IPIP_OVERHEAD,
            nic=nic,
            host=host.name,
            under=under,
        ),
        impact=Impact.NONE,
        counters=kernel_counters(host, ("IpFragCreates", "IpFragFails")),
    )


def _workloads(host: Host, device: str, mtu: int, fits: int | None) -> Iterator[Fault]:
    devices = {route.device for route in host.workload_routes}
    large = [link for link in host.snapshot.links if link.name in devices and link.mtu is not None and link.mtu > mtu]
    if not large:
        return
    most = max(link.mtu or 0 for link in large)
    names = ", ".join(link.name for link in large[:3]) + (" ..." if len(large) > 3 else "")
    yield Fault(
        kind=Kind.WORKLOAD_MTU,
        host=host,
        interface=device,
        workloads=tuple(link.name for link in large),
        config=f"{large[0].name} mtu {large[0].mtu}; {device} mtu {mtu}",
        number=min(most, fits) if fits is not None and fits > mtu else mtu,
        text=say(
            "Pods of {host} ({names}) send packets of up to {most} octets, {device} takes {mtu}: larger ones "
            "with DF are answered with ICMP fragmentation needed.",
            host=host.name,
            names=names,
            most=most,
            device=device,
            mtu=mtu,
        ),
        impact=Impact.PARTIAL,
        confidence=Confidence.CERTAIN,
        counters=kernel_counters(host, ("IpFragFails",)),
    )
