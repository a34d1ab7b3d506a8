"""What to record to be sure, as commands to paste: names come from files and hosts, so they are quoted."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from ipipscope.language.said import Said, say
from ipipscope.model import STDIN_NODE

if TYPE_CHECKING:
    from collections.abc import Iterable


def on(node: str | None, command: str) -> Said:
    """The command, with the node on which it is to be run."""
    if node == STDIN_NODE:
        return say("on the node that standard input comes from: {command}", command=command)
    return say("on {node}: {command}", node=shlex.quote(str(node)), command=command)


def _file(node: str, ending: str) -> str:
    """What to call the recording, quoted for a shell there."""
    return f'"$(hostname){ending}"' if node == STDIN_NODE else shlex.quote(f"{node}{ending}")


def everything(node: str, protocols: Iterable[str] = ()) -> str:
    """All devices of a node at once: whatever way its packets take, they are seen.

    protocols: of the inner packets that are looked for; icmp always is.
    """
    others = "".join(f" or {protocol}" for protocol in sorted(set(protocols) - {"icmp"}))
    file = _file(node, "_any.pcap")
    return on(node, f"tcpdump -i any -s 128 -w {file} 'ip proto 4 or icmp{others}'")


def whole_headers(node: str, interface: str) -> str:
    """One interface, with room for both headers and what they carry."""
    file = shlex.quote(f"{interface}.pcap")
    return on(node, f"tcpdump -i {shlex.quote(interface)} -s 128 -w {file}")


def without_loss(node: str, interface: str) -> str:
    """One interface, with a large buffer and only what is needed."""
    file = _file(node, ".pcapng")
    return on(node, f"dumpcap -i {shlex.quote(interface)} -B 16 -s 128 -f 'ip proto 4 or icmp' -w {file}")
