"""What Calico says: `calicoctl node status`, node annotations, pools and block affinities as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipipscope.hosts.errors import BadState
from ipipscope.hosts.formats.values import address, clean, is_address, is_ipv6, items, member, network, whole
from ipipscope.hosts.model import BlockAffinity, Calico, CalicoNode, CalicoPeer, CalicoPool

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Address

_ANNOTATION = "projectcalico.org/"


def looks_like_a_peer(line: str) -> bool:
    """Whether *line* is a row of the table that `calicoctl node status` prints."""
    cells = _cells(line)
    return len(cells) >= 3 and is_address(cells[0])


def _cells(line: str) -> list[str]:
    line = line[:1024].strip()
    if not line.startswith("|"):
        return []
    return [cell.strip() for cell in line.strip("|").split("|")]


def peers(lines: Iterable[str]) -> tuple[CalicoPeer, ...]:
    """`calicoctl node status`: the BGP peers; anything outside its table is passed over."""
    found = []
    for line in lines:
        cells = _cells(line)
        if len(cells) >= 3 and is_address(cells[0]):
            said = [clean(cell, "peer", 256) for cell in cells[1:5]] + [""] * 4
            found.append(
                CalicoPeer(address=address(cells[0]), kind=said[0], state=said[1], since=said[2], info=said[3])
            )
    return tuple(found)


def is_calico(document: Any) -> bool:
    """Whether *document* is JSON that kubectl or calicoctl printed."""
    first = document[0] if isinstance(document, list) and document else document
    return isinstance(first, dict) and ("apiVersion" in first or ("kind" in first and "metadata" in first))


def resources(document: Any) -> Calico:
    """Nodes, IPPools and BlockAffinities from `kubectl get ... -o json` or `calicoctl get ... -o json`.

    Other kinds of resources are passed over; raises BadState when nothing in it concerns Calico's addressing.
    """
    nodes: list[CalicoNode] = []
    pools: list[CalicoPool] = []
    blocks: list[BlockAffinity] = []
    seen = False
    for resource in _flat(document):
        kind = resource.get("kind")
        metadata, spec = member(resource, "metadata", "resource"), member(resource, "spec", "resource")
        if kind == "Node":
            seen = True
            nodes.append(_node(metadata, spec))
        elif kind == "IPPool" and not is_ipv6(spec.get("cidr")):
            seen = True
            pools.append(
                CalicoPool(
                    name=clean(metadata.get("name", ""), "pool name", 253),
                    network=network(spec.get("cidr"), "network of a pool"),
                    ipip_mode=clean(spec.get("ipipMode") or "Never", "ipipMode", 32),
                    nat_outgoing=spec.get("natOutgoing") is True,
                    block_size=whole(spec.get("blockSize", 26), "blockSize", 32),
                )
            )
        elif kind == "BlockAffinity" and not is_ipv6(spec.get("cidr")):
            seen = True
            if str(spec.get("deleted", "")).lower() != "true":
                owner = clean(spec.get("node", ""), "node of a block", 253)
                blocks.append(BlockAffinity(block=network(spec.get("cidr"), "block"), node=owner))
    if not seen:
        raise BadState("no Node, IPPool or BlockAffinity in it.", "Save `kubectl get nodes -o json`.")
    return Calico(nodes=tuple(nodes), pools=tuple(pools), blocks=tuple(blocks))


def _flat(document: Any) -> list[dict[str, Any]]:
    if isinstance(document, list):
        return [resource for part in items(document, "the list of resources") for resource in _flat(part)]
    if not isinstance(document, dict):
        raise BadState("this JSON is no list of resources.")
    if not isinstance(document.get("items"), list):
        return [document]
    kind = str(document.get("kind", "")).removesuffix("List")
    return [{"kind": kind, **item} for item in items(document["items"], "items")]


def _node(metadata: dict[str, Any], spec: dict[str, Any]) -> CalicoNode:
    name = clean(metadata.get("name", ""), "node name", 253)
    notes, bgp = member(metadata, "annotations", name), member(spec, "bgp", name)
    own = notes.get(_ANNOTATION + "IPv4Address") or bgp.get("ipv4Address")
    tunnel = notes.get(_ANNOTATION + "IPv4IPIPTunnelAddr") or bgp.get("ipv4IPIPTunnelAddr")
    ip: IPv4Address | None = None
    length: int | None = None
    if own is not None:
        text, slash, bits = clean(own, f"IPv4Address of {name}", 32).partition("/")
        ip = address(text, f"IPv4Address of {name}")
        length = whole(bits, f"IPv4Address of {name}", 32) if slash else None
    return CalicoNode(
        name=name,
        address=ip,
        prefix_length=length,
        tunnel_address=address(tunnel, f"IPv4IPIPTunnelAddr of {name}") if tunnel else None,
    )
