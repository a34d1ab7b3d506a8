"""MTUs: of pods, of tunnels, of the path between nodes."""

# ruff: noqa: ARG001  # every way to mend is called alike, most need no cluster

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ipipscope.hosts.formats.values import interface_name
from ipipscope.hosts.remedies.words import CLUSTER, command
from ipipscope.hosts.tunnel import FALLBACK, IPIP_OVERHEAD
from ipipscope.language.said import say
from ipipscope.model import Remedy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipipscope.hosts.cluster import Cluster, Host
    from ipipscope.hosts.faults import Fault

PODS_MAX: Final = 8
"""Pods whose MTU one printed command sets; the rest are created anew with the cluster's setting."""


_NAMESPACE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
"""Names of namespaces that no command takes for an option."""


def workload_mtu(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Make pods, or the tunnel where the underlay has room, fit one another."""
    host, device = fault.host, fault.interface or FALLBACK
    link = host.fib.link(device)
    mtu = link.mtu if link else None
    if mtu is not None:
        yield from _pod_mtu(host, fault, mtu)
    largest = max((found.mtu or 0 for name in fault.workloads if (found := host.fib.link(name))), default=0)
    if mtu is not None and fault.number is not None and fault.number > mtu:
        yield Remedy(
            node=host.name,
            command=command("ip", "link", "set", interface_name(device), "mtu", fault.number),
            undo=command("ip", "link", "set", interface_name(device), "mtu", mtu),
            why=say(
                "The underlay has room for {number} octets inside the outer header, {device} takes {mtu}.",
                number=fault.number,
                device=device,
                mtu=mtu,
            ),
            risk=say(
                "The other nodes' devices and every router between have to take as much. Felix sets its own "
                "value again (ipipMTU).",
            ),
        )
    else:
        yield Remedy(
            node=host.name,
            command=_clamping("-A", device),
            undo=_clamping("-D", device),
            why=say(
                "TCP agrees on segments that fit, at once and for pods that run already; a ping with DF stays "
                "too large.",
            ),
            risk=say("None known; other protocols still depend on ICMP fragmentation needed."),
        )
    fits = min(value for value in (mtu, fault.number) if value) if mtu or fault.number else 1480
    yield from _calico_mtu(fault, fits, largest)


def _clamping(action: str, device: str) -> str:
    """The command that adds, or deletes, the rule by which TCP takes segments that fit the device."""
    chain = ("iptables", "-t", "mangle", action, "FORWARD", "-o", interface_name(device))
    return command(*chain, "-p", "tcp", "--tcp-flags", "SYN,RST", "SYN", "-j", "TCPMSS", "--clamp-mss-to-pmtu")


def _pod_mtu(host: Host, fault: Fault, mtu: int) -> Iterator[Remedy]:
    """Both ends of the pods' veth pairs, where the state names the pods' network namespaces."""
    do: list[str] = []
    undo: list[str] = []
    for name in fault.workloads[:PODS_MAX]:
        link = host.fib.link(name)
        if link is None or link.mtu is None or not _NAMESPACE.fullmatch(link.peer_namespace or ""):
            continue
        for steps, value in ((do, mtu), (undo, link.mtu)):
            inside = ("ip", "-n", link.peer_namespace, "link", "set", "eth0", "mtu", value)
            steps += [command(*inside), command("ip", "link", "set", interface_name(name), "mtu", value)]
    if do:
        yield Remedy(
            node=host.name,
            command=" && ".join(do),
            undo=" && ".join(undo),
            why=say(
                "The pods that run now send no packet larger than the {mtu} octets that the tunnel takes.", mtu=mtu
            ),
            risk=say("Lasts as long as the pods; eth0 is what Calico calls a pod's interface."),
        )


def _calico_mtu(fault: Fault, fits: int, largest: int) -> Iterator[Remedy]:
    was = say(" ({largest} before)", largest=largest) if largest else ""
    patch = f'{{"spec":{{"ipipMTU":{fits}}}}}'
    yield Remedy(
        node=fault.host.name,
        command=command("calicoctl", "patch", "felixconfiguration", "default", "-p", patch),
        why=say(
            "{cluster}the tunnels get MTU {fits}; set veth_mtu in the calico-config ConfigMap to {fits} "
            "too{was} and create the pods anew, they keep their MTU for life.",
            cluster=CLUSTER,
            fits=fits,
            was=was,
        ),
        risk=say("Pods that run keep the old MTU until they are created anew."),
        undo=say("Patch the former values back."),
    )


def tunnel_mtu(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Make the tunnel small enough for the NIC."""
    host, device = fault.host, fault.interface or FALLBACK
    link = host.fib.link(device)
    if fault.number is not None:
        yield Remedy(
            node=host.name,
            command=command("ip", "link", "set", interface_name(device), "mtu", fault.number),
            undo=command("ip", "link", "set", interface_name(device), "mtu", link.mtu if link and link.mtu else 1480),
            why=say(
                "{number} octets and the outer header of {header} fit the NIC.",
                number=fault.number,
                header=IPIP_OVERHEAD,
            ),
            risk=say("Felix sets its own value again (ipipMTU). Pods with a larger MTU learn it by ICMP."),
        )
        yield from _calico_mtu(fault, fault.number, 0)


def path_mtu(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Make the tunnel small enough for the path; find out how small, where nothing says it."""
    host, device = fault.host, fault.interface or FALLBACK
    link = host.fib.link(device)
    if fault.number is None:
        if fault.peer is not None:
            size = (link.mtu if link and link.mtu else 1480) - 8
            yield Remedy(
                node=host.name,
                command=command("ping", "-M", "do", "-c", 3, "-s", size, fault.peer),
                why=say(
                    "Try smaller sizes until it answers: 28 octets more are what the path takes, 8 octets more the "
                    "right MTU for the tunnel, on every node; or raise the MTU of what lies between.",
                ),
                risk=say("None: it only asks."),
            )
        return
    yield Remedy(
        node=host.name,
        command=command("ip", "link", "set", interface_name(device), "mtu", fault.number),
        undo=command("ip", "link", "set", interface_name(device), "mtu", link.mtu if link and link.mtu else 1480),
        why=say(
            "The path takes {number} octets, {inside} inside the outer header; larger packets are then "
            "refused where their sender hears of it. Or raise the router's MTU.",
            number=fault.number + IPIP_OVERHEAD,
            inside=fault.number,
        ),
        risk=say(
            "Needed on every node that uses this path; pods with a larger MTU learn it by ICMP. Felix sets "
            "its own value again (ipipMTU).",
        ),
    )
    yield from _calico_mtu(fault, fault.number, 0)
