"""Words that many remedies share: a quoted command, what lasts, how the routes' owner is made to work again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from ipipscope.hosts.formats.values import interface_name
from ipipscope.language.said import say
from ipipscope.model import Remedy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipipscope.hosts.faults import Fault

LASTS = say(
    "It is gone after a reboot or when its owner programs the route again: let the owner do it, or make it lasting.",
)
CLUSTER = say("For the cluster: ")
NAMESPACE_NOTE = say("The namespace is kube-system, or calico-system where the operator installed Calico.")


def command(*words: object) -> str:
    """A shell command of *words*, each quoted where the shell would read more into it than a word."""
    return shlex.join(str(word) for word in words)


def sysctl(interface: str, name: str, value: int) -> str:
    """`sysctl -w` for an interface's setting; slashes where the name holds a dot."""
    checked = interface_name(interface)
    if "." in checked:
        return command("sysctl", "-w", f"net/ipv4/conf/{checked}/{name}={value}")
    return command("sysctl", "-w", f"net.ipv4.conf.{checked}.{name}={value}")


def owner_programs_again(fault: Fault, protocol: str | None) -> Iterator[Remedy]:
    """Make who owns the routes write them once more, so that the cure lasts."""
    name = fault.host.name
    who = (
        say("Felix (route protocol 80)") if protocol == "80" else "BIRD" if protocol == "bird" else say("BIRD or Felix")
    )
    stale = say(" BIRD runs with `persist`: it leaves stale routes behind.") if protocol != "80" else ""
    yield Remedy(
        node=name,
        command=command(
            "kubectl",
            "delete",
            "pod",
            "-n",
            "kube-system",
            "-l",
            "k8s-app=calico-node",
            "--field-selector",
            f"spec.nodeName={name}",
        ),
        why=say(
            "{cluster}calico-node on {name} starts again and {who} programs its routes, so that the cure lasts.{stale}",
            cluster=CLUSTER,
            name=name,
            who=who,
            stale=stale,
        ),
        risk=say(
            "No new pod gets an interface on {name} for some seconds; traffic goes on. {namespace}",
            name=name,
            namespace=NAMESPACE_NOTE,
        ),
        undo=say("Nothing to undo."),
    )
