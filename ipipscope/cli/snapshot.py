"""`ipipscope snapshot`: this host's network state as one JSON file."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from ipipscope.cli.options import Output  # noqa: TC001  (typer reads annotations at run time)
from ipipscope.cli.output import opened
from ipipscope.language.said import say


def snapshot(
    output: Output = None,
    node: Annotated[str | None, typer.Option("--node", help="The node's name; the host's own when not given.")] = None,
    via: Annotated[
        str, typer.Option("--via", metavar="COMMAND", help="Look at another host through COMMAND, as 'ssh node4'.")
    ] = "",
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Also ask kubectl for Calico's nodes, pools and blocks.")
    ] = False,
) -> None:
    """Take a host's network state: addresses, links, routes, rules, neighbours, firewall, counters.

    Works without root as far as the host lets it; what was left out is said, and why. Exit status 3 when the host
    could not be asked at all.

    Examples:
      ipipscope snapshot -o node3.json

      ipipscope snapshot --via 'ssh root@node4' -o node4.json

      ipipscope snapshot --via 'kubectl exec -n kube-system calico-node-x7v2p --' --node node5 -o node5.json

    """
    from ipipscope.errors import InputError  # noqa: PLC0415  (after --help)
    from ipipscope.hosts.snapshot import collect  # noqa: PLC0415
    from ipipscope.hosts.snapshot_json import to_json  # noqa: PLC0415
    from ipipscope.report.inert import inert  # noqa: PLC0415

    try:
        prefix = shlex.split(via)
    except ValueError as error:
        raise typer.BadParameter(f"{error}: {via}", param_hint="--via") from error
    taken = collect(node, via=prefix, cluster=cluster)
    if not taken.parts:
        raise InputError(via or "this host", say("cannot be looked at: {reason}.", reason=taken.left_out[0].why))
    with opened(output) as out:
        out.write(to_json(taken).rstrip("\n") + "\n")
    for left_out in taken.left_out:
        print(f"ipipscope: left out: {inert(left_out.what)}: {inert(left_out.why)}", file=sys.stderr)
