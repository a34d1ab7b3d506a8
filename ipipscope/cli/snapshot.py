"""`ipipscope snapshot`: this host's network state as one JSON file."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003  (typer reads annotations at run time)
from typing import Annotated

import typer

from ipipscope.cli.output import opened


def snapshot(
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to FILE.")] = None,
    node: Annotated[str | None, typer.Option("--node", help="The node's name; the host's own when not given.")] = None,
    cluster: Annotated[bool, typer.Option("--cluster", help="Also ask kubectl for the nodes' annotations.")] = False,
) -> None:
    """Take this host's network state: addresses, links, routes, rules, neighbours, firewall, counters.

    Works without root as far as the host lets it; what was left out is said, and why.
    """
    from ipipscope.hosts.snapshot import collect  # noqa: PLC0415  (after --help)
    from ipipscope.hosts.snapshot_json import to_json  # noqa: PLC0415
    from ipipscope.report.inert import inert  # noqa: PLC0415

    taken = collect(node, cluster=cluster)
    with opened(output) as out:
        out.write(to_json(taken).rstrip("\n") + "\n")
    for left_out in taken.left_out:
        print(f"ipipscope: left out: {inert(left_out.what)}: {inert(left_out.why)}", file=sys.stderr)
