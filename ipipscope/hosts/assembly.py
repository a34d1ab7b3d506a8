"""Listings of one host into one snapshot."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

from ipipscope.hosts.errors import BadState
from ipipscope.hosts.formats import calico, ip_json, ip_text, iptables, kernel_text, nft_json
from ipipscope.hosts.formats.values import clean
from ipipscope.hosts.listing import Listing
from ipipscope.hosts.model import (
    MAIN,
    Calico,
    LeftOut,
    Link,
    Part,
    Route,
    Ruleset,
    Snapshot,
)


def decode(text: str) -> Any:
    """*text* as JSON, or None when it is none; raises BadState when it begins as JSON and does not end as such."""
    if text.lstrip()[:1] not in ("[", "{"):
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        start = text.lstrip()[:2]
        if start[0] == "[" and not (len(start) > 1 and start[1] in '{[]" \n\r\t'):
            return None  # a prompt such as `[root@node3 ~]#`
        raise BadState(
            f"the JSON breaks off or is damaged at line {error.lineno}, column {error.colno}.", "Save it again, whole."
        ) from error
    except RecursionError as error:
        raise BadState("the JSON is nested too deeply to be any host's state.") from error
    except ValueError as error:
        raise BadState("the JSON holds a number that no host's state holds.") from error


class Pieces:
    """What was read of one host so far; `add` as often as there are listings, then `snapshot`."""

    def __init__(self, node: str, *, source: str = "") -> None:
        self.node, self.source = clean(node, "node name", 253), source
        self.values: dict[str, Any] = {}
        self.parts: set[Part] = set()
        self.left_out: list[LeftOut] = []
        self.links: dict[str, Link] = {}
        self.rulesets: dict[str, Ruleset] = {}
        self.calico = Calico()
        self.from_json: set[str] = set()

    def add(self, listing: Listing, text: str) -> None:
        """Take one listing, text or JSON; where both were given, JSON wins, whichever came first.

        Raises BadState when it is not that listing.
        """
        document = decode(text)
        if document is None:
            self._text(listing, text.splitlines())
        else:
            self._json(listing, document)

    def _json(self, listing: Listing, document: Any) -> None:
        match listing:
            case Listing.ADDRESSES:
                self._set("addresses", ip_json.addresses(document), Part.ADDRESSES, json_form=True)
                self._links(ip_json.links(document), json_form=True)
            case Listing.LINKS:
                self._links(ip_json.links(document), json_form=True)
                if any("linkinfo" in entry for entry in document):
                    self._set("tunnels", ip_json.tunnels(document), Part.TUNNELS, json_form=True)
            case Listing.ROUTES | Listing.ALL_ROUTES | Listing.SOME_ROUTES:
                self._routes(listing, ip_json.routes(document), json_form=True)
            case Listing.RULES:
                self._set("rules", ip_json.rules(document), Part.RULES, json_form=True)
            case Listing.NEIGHBOURS:
                self._set("neighbours", ip_json.neighbours(document), Part.NEIGHBOURS, json_form=True)
            case Listing.NFT:
                ruleset, sets = nft_json.ruleset(document)
                self._firewall(ruleset)
                self.values["ipsets"] = (*self.values.get("ipsets", ()), *sets)
            case Listing.CALICO_RESOURCES:
                self._calico(calico.resources(document))
            case _:
                raise BadState(f"JSON where `{listing}` prints text.")

    def _text(self, listing: Listing, lines: list[str]) -> None:
        match listing:
            case Listing.ADDRESSES | Listing.LINKS:
                links, addresses, tunnels = ip_text.interfaces(lines)
                self._links(links)
                if listing is Listing.ADDRESSES:
                    self._set("addresses", addresses, Part.ADDRESSES)
                if tunnels:
                    self._set("tunnels", tunnels, Part.TUNNELS)
            case Listing.ROUTES | Listing.ALL_ROUTES | Listing.SOME_ROUTES:
                self._routes(listing, ip_text.routes(lines))
            case Listing.RULES:
                self._set("rules", ip_text.rules(lines), Part.RULES)
            case Listing.NEIGHBOURS:
                self._set("neighbours", ip_text.neighbours(lines), Part.NEIGHBOURS)
            case Listing.TUNNELS:
                self._set("tunnels", ip_text.tunnels(lines), Part.TUNNELS)
            case Listing.SYSCTL:
                self._sysctl(kernel_text.sysctls(lines))
            case Listing.NSTAT:
                self._set("counters", {**self.values.get("counters", {}), **kernel_text.nstat(lines)}, Part.NSTAT)
            case Listing.IPTABLES | Listing.IPTABLES_LEGACY | Listing.IPTABLES_NFT:
                self._firewall(iptables.ruleset(lines, str(listing).removesuffix("-save -c")))
            case Listing.IPSETS:
                self.values["ipsets"] = (*kernel_text.ipsets(lines), *self.values.get("ipsets", ()))
                self.parts.add(Part.IPSETS)
            case Listing.CALICO_STATUS:
                self.calico = replace(self.calico, peers=calico.peers(lines))
                self.parts.add(Part.PEERS)
            case Listing.CALICO_RESOURCES:
                raise BadState("it is no JSON.", "Save it with `-o json`.")
            case _:
                pass

    def _set(self, field: str, value: Any, part: Part, *, json_form: bool = False) -> None:
        if json_form or field not in self.from_json:
            self.values[field] = value
        if json_form:
            self.from_json.add(field)
        self.parts.add(part)

    def _links(self, links: tuple[Link, ...], *, json_form: bool = False) -> None:
        """Merge what `ip addr`, `ip -d link` and `ip -s link` each show of a link."""
        for link in links:
            known = self.links.get(link.name)
            self.links[link.name] = link if known is None else _merged(known, link, prefer_new=json_form)
        self.parts.add(Part.LINKS)
        if any(link.rx or link.tx for link in links):
            self.parts.add(Part.COUNTERS)

    def _routes(self, listing: Listing, routes: tuple[Route, ...], *, json_form: bool = False) -> None:
        if listing is Listing.ROUTES and any(route.table != MAIN for route in routes):
            listing = Listing.ALL_ROUTES
        rank = {Listing.SOME_ROUTES: 0, Listing.ROUTES: 2, Listing.ALL_ROUTES: 4}[listing] + json_form
        if rank >= self.values.get("rank", -1):
            self.values["routes"], self.values["rank"] = routes, rank
        self.parts |= {
            Listing.SOME_ROUTES: {Part.SOME_ROUTES},
            Listing.ROUTES: {Part.ROUTES},
            Listing.ALL_ROUTES: {Part.ROUTES, Part.ALL_TABLES},
        }[listing]

    def _sysctl(self, values: dict[str, int]) -> None:
        for name, field, part in (
            ("rp_filter", "rp_filter", Part.RP_FILTER),
            ("accept_local", "accept_local", Part.ACCEPT_LOCAL),
        ):
            found = kernel_text.by_interface(values, name)
            if found:
                self._set(field, {**self.values.get(field, {}), **found}, part)
        forward = values.get("net/ipv4/ip_forward", values.get("net/ipv4/conf/all/forwarding"))
        if forward is not None:
            self._set("ip_forward", forward != 0, Part.IP_FORWARD)

    def _firewall(self, ruleset: Ruleset) -> None:
        self.rulesets[ruleset.backend] = ruleset
        self.parts.add(Part.FIREWALL)

    def _calico(self, found: Calico) -> None:
        self.calico = merged_calico(self.calico, found)
        self.parts.add(Part.CALICO)

    def snapshot(self) -> Snapshot:
        """Everything added so far."""
        values = {name: value for name, value in self.values.items() if name != "rank"}
        if self.parts & {Part.ROUTES}:
            self.parts.discard(Part.SOME_ROUTES)
        return Snapshot(
            node=self.node,
            source=self.source,
            parts=tuple(sorted(self.parts)),
            left_out=tuple(self.left_out),
            links=tuple(self.links.values()),
            firewall=tuple(self.rulesets.values()),
            calico=self.calico,
            **values,
        )


def _merged(known: Link, new: Link, *, prefer_new: bool) -> Link:
    first, second = (new, known) if prefer_new else (known, new)
    chosen: dict[str, Any] = {}
    for field in fields(Link):
        value = getattr(first, field.name)
        chosen[field.name] = value if value or value is False else getattr(second, field.name)
    return Link(**chosen)


def merged_calico(first: Calico, second: Calico) -> Calico:
    """What both say of the cluster, the later on top; the peers of *first*, which belong to its node."""
    return Calico(
        peers=first.peers or second.peers,
        nodes=tuple({node.name: node for node in (*first.nodes, *second.nodes)}.values()),
        pools=tuple({pool.name: pool for pool in (*first.pools, *second.pools)}.values()),
        blocks=tuple({block.block: block for block in (*first.blocks, *second.blocks)}.values()),
    )
