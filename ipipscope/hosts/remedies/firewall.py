"""One accepting rule before the one that drops or translates, with the tool that keeps it."""

# ruff: noqa: ARG001  # every way to mend is called alike, most need no cluster

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from ipipscope.hosts.firewall import Packet
from ipipscope.hosts.formats.values import interface_name
from ipipscope.hosts.remedies.words import CLUSTER, command
from ipipscope.language.said import say
from ipipscope.model import Remedy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address, IPv4Network

    from ipipscope.hosts.cluster import Cluster
    from ipipscope.hosts.faults import Fault

_TOOLS = {"iptables": "iptables", "iptables-legacy": "iptables-legacy", "iptables-nft": "iptables-nft"}


def _accept(fault: Fault, hook: str, *match: object) -> tuple[str, str]:
    """A rule that accepts, put first where the drop happens; and the command that takes it away."""
    judgement = fault.judgement
    backend = judgement.ruleset.backend if judgement and judgement.ruleset else "iptables"
    chain = judgement.chain if judgement else None
    if backend == "nft" and chain is not None:
        family, _, table = chain.table.partition(" ")
        words = _nft_match(match)
        where = (family, table, chain.name)
        shown = command("nft", "insert", "rule", *where, *words, "accept")
        return shown, command("nft", "-a", "list", "chain", *where)
    table = chain.table if chain else "filter"
    at = (chain.hook if chain and chain.hook else None) or _hook_of(table, hook)
    tool = (_TOOLS.get(backend, "iptables"), *(("-t", table) if table != "filter" else ()))
    return command(*tool, "-I", at, 1, *match, "-j", "ACCEPT"), command(*tool, "-D", at, *match, "-j", "ACCEPT")


def _hook_of(table: str, hook: str) -> str:
    return "PREROUTING" if table == "raw" and hook in ("INPUT", "FORWARD") else hook


def _nft_match(match: tuple[object, ...]) -> list[object]:
    names = {
        "-p": ("meta", "l4proto"),
        "-s": ("ip", "saddr"),
        "-d": ("ip", "daddr"),
        "-i": ("iifname",),
        "-o": ("oifname",),
    }
    words: list[object] = []
    for option, value in zip(match[::2], match[1::2], strict=True):
        words += [*names[str(option)], value]
    return words


_FIREWALL_RISK = say(
    "Lasts until a reboot or until the firewall's owner (firewalld, ufw, a service) loads its rules "
    "again: allow IP protocol 4 there; Calico asks for such managers to be off.",
)


def _without_rule(fault: Fault) -> Iterator[Remedy]:
    """Delete the very rule, where it is one of iptables and no chain that Felix keeps."""
    judgement = fault.judgement
    if judgement is None or judgement.rule is None or judgement.chain is None or judgement.ruleset is None:
        return
    chain, rule = judgement.chain, judgement.rule
    tool = _TOOLS.get(judgement.ruleset.backend)
    try:
        words = shlex.split(rule.text)
    except ValueError:
        return
    if tool is None or words[:2] != ["-A", chain.name] or chain.name.startswith("cali-") or rule not in chain.rules:
        return
    start = (tool, *(("-t", chain.table) if chain.table != "filter" else ()))
    at = chain.rules.index(rule) + 1
    yield Remedy(
        node=fault.host.name,
        command=command(*start, "-D", *words[1:]),
        undo=command(*start, "-I", chain.name, at, *words[2:]),
        why=say("Deletes the rule that drops them."),
        risk=say("Whatever else the rule dropped passes, too. {lasts}", lasts=_FIREWALL_RISK),
    )


def firewall_in(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Accept protocol 4 from the peer; where Felix filters by known hosts, let it know this one too."""
    if fault.peer is None:
        return
    do, undo = _accept(fault, "INPUT", "-p", 4, "-s", fault.peer)
    name = fault.judgement.set_name if fault.judgement else None
    risk = _FIREWALL_RISK
    if name:
        risk = say(
            "Takes IPIP from {peer} although {name} does not list it; Felix puts its own chain first again some day.",
            peer=fault.peer,
            name=name,
        )
    yield Remedy(
        node=fault.host.name,
        command=do,
        undo=undo,
        risk=risk,
        why=say("Packets of protocol 4 from {peer} come in.", peer=fault.peer),
    )
    yield from _without_rule(fault)
    if name:
        patch = f'{{"spec":{{"externalNodesList":["{fault.peer}/32"]}}}}'
        yield Remedy(
            node=fault.host.name,
            command=command("calicoctl", "patch", "felixconfiguration", "default", "-p", patch),
            why=say(
                "{cluster}Felix lists {peer} in {name} on every node.", cluster=CLUSTER, peer=fault.peer, name=name
            ),
            risk=say(
                "Widens trust: whoever can send from that address can put packets into the overlay. Replaces a "
                "list that may be there.",
            ),
            undo=command(
                "calicoctl", "patch", "felixconfiguration", "default", "-p", '{"spec":{"externalNodesList":[]}}'
            ),
        )


def firewall_out(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Accept protocol 4 to the peer."""
    if fault.peer is None:
        return
    do, undo = _accept(fault, "OUTPUT", "-p", 4, "-d", fault.peer)
    yield Remedy(
        node=fault.host.name,
        command=do,
        undo=undo,
        risk=_FIREWALL_RISK,
        why=say("Packets of protocol 4 to {peer} go out.", peer=fault.peer),
    )
    yield from _without_rule(fault)


def firewall_forward(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Accept both ways between the two blocks, where both are dropped."""
    host, judgement = fault.host, fault.judgement
    if fault.address is None or fault.peer is None or judgement is None:
        return
    ends = [(_end(cluster, fault.address), _end(cluster, fault.peer))]
    device = fault.decision.device if fault.decision else None
    back = Packet(
        source=fault.peer, destination=fault.address, protocol=1, in_interface=device,
        out_interface=fault.interface if device else None, state="ESTABLISHED",
    )  # fmt: skip
    if host.firewall.judge("FORWARD", back).dropped or device is None:
        ends.append((ends[0][1], ends[0][0]))
    made = [_accept(fault, "FORWARD", "-s", source, "-d", destination) for source, destination in ends]
    yield Remedy(
        node=host.name,
        command=" && ".join(do for do, _ in made),
        undo=" && ".join(undo for _, undo in made),
        why=say("Packets between {here} and {there} are forwarded.", here=ends[0][0], there=ends[0][1]),
        risk=say("Passes network policies of the pods in these blocks. {lasts}", lasts=_FIREWALL_RISK),
    )
    yield from _without_rule(fault)


def firewall_inner(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Accept what the tunnel delivers to the node itself."""
    if fault.address is None or fault.peer is None:
        return
    do, undo = _accept(fault, "INPUT", "-s", _end(cluster, fault.address), "-d", fault.peer)
    yield Remedy(
        node=fault.host.name,
        command=do,
        undo=undo,
        risk=_FIREWALL_RISK,
        why=say("What the tunnel delivers to {peer} is taken.", peer=fault.peer),
    )
    yield from _without_rule(fault)


def _end(cluster: Cluster, address: IPv4Address) -> IPv4Network | IPv4Address:
    block = cluster.block_of(address)
    return block.network if block else address


def translation(cluster: Cluster, fault: Fault) -> Iterator[Remedy]:
    """Except packets between the two blocks from a translating rule; ask where no rule is known."""
    if fault.config is None and fault.interface is not None:
        yield Remedy(
            node=fault.host.name,
            command=command("tc", "-s", "filter", "show", "dev", interface_name(fault.interface), "ingress"),
            why=say("No firewall rule at hand translates: look for a tc filter or an eBPF program (egress too)."),
            risk=say("None: it only asks."),
        )
    if fault.address is None or fault.peer is None:
        return
    do, undo = _accept(fault, "POSTROUTING", "-s", _end(cluster, fault.address), "-d", _end(cluster, fault.peer))
    yield Remedy(
        node=fault.host.name,
        command=do,
        undo=undo,
        why=say(
            "Packets between the two blocks leave the table before the translating rule; connections that "
            "conntrack already translates keep their address until they end.",
        ),
        risk=say(
            "Lasts until the rule's owner (kube-proxy, a kubelet unit, Docker) writes the table again: "
            "correct clusterCIDR, --masquerade-all or natOutgoing there.",
        ),
    )
