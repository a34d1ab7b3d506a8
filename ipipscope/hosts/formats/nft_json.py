"""`nft -j list ruleset`: native nftables rules, as far as they concern IPv4 addresses, protocols and devices.

Form as in libnftables-json(5). The rules that iptables-nft keeps there are shown by iptables-save too; both describe
the same packets' fate, so a snapshot may hold both.
"""

from __future__ import annotations

import json
from typing import Any, Final

from ipipscope.hosts.errors import BadState
from ipipscope.hosts.formats.values import clean, is_ipv6, items, member, whole
from ipipscope.hosts.model import Chain, FirewallRule, IpSet, Match, Ruleset

FAMILIES: Final = frozenset(("ip", "inet"))
HOOKS: Final = {
    "prerouting": "PREROUTING", "input": "INPUT", "forward": "FORWARD", "output": "OUTPUT",
    "postrouting": "POSTROUTING",
}  # fmt: skip
_VERDICTS = frozenset(("accept", "drop", "return", "continue", "reject", "masquerade", "snat", "dnat"))
_PASSING = frozenset(("counter", "log", "comment", "notrack", "mangle", "limit", "quota", "set", "map", "ct"))


def ruleset(document: Any) -> tuple[Ruleset, tuple[IpSet, ...]]:
    """The rules and the named sets; raises BadState when *document* is no ruleset."""
    if not isinstance(document, dict) or "nftables" not in document:
        raise BadState("it is no nftables ruleset.", "Save `nft -j list ruleset`.")
    chains: dict[tuple[str, str, str], dict[str, Any]] = {}
    rules: dict[tuple[str, str, str], list[FirewallRule]] = {}
    sets = []
    for entry in items(document["nftables"], "nftables"):
        chain, rule, named = (
            member(entry, "chain", "entry"),
            member(entry, "rule", "entry"),
            member(entry, "set", "entry"),
        )
        if chain.get("family") in FAMILIES:
            chains[_key(chain, "name")] = chain
        elif rule.get("family") in FAMILIES:
            rules.setdefault(_key(rule, "chain"), []).append(_rule(rule))
        elif named.get("family") in FAMILIES and named.get("type") == "ipv4_addr":
            members = tuple(member_text for element in named.get("elem") or [] for member_text in _element(element))
            sets.append(IpSet(name=clean(named.get("name", ""), "set name", 256), type="ipv4_addr", members=members))
    found = tuple(_chain(key, chain, tuple(rules.get(key, ()))) for key, chain in chains.items())
    return Ruleset(backend="nft", chains=found), tuple(sets)


def _key(entry: dict[str, Any], name: str) -> tuple[str, str, str]:
    return tuple(clean(entry.get(field, ""), f"{field} of a chain", 256) for field in ("family", "table", name))  # type: ignore[return-value]


def _chain(key: tuple[str, str, str], chain: dict[str, Any], rules: tuple[FirewallRule, ...]) -> Chain:
    priority = chain.get("prio", 0)
    return Chain(
        table=f"{key[0]} {key[1]}",
        name=key[2],
        hook=HOOKS.get(str(chain.get("hook"))),
        priority=priority if isinstance(priority, int) and abs(priority) < 2**31 else 0,
        policy=str(chain["policy"]) if chain.get("policy") in ("accept", "drop") else None,
        rules=rules,
    )


def _rule(rule: dict[str, Any]) -> FirewallRule:
    matches: list[Match] = []
    target, argument, packets, octets = "", "", None, None
    for part in items(rule.get("expr", []), "expressions of a rule"):
        for name, body in part.items():
            if name == "match":
                matches.append(_match(body))
            elif name == "counter" and isinstance(body, dict):
                packets, octets = whole(body.get("packets", 0), "counter"), whole(body.get("bytes", 0), "counter")
            elif name in ("jump", "goto"):
                target, argument = name, clean(member(part, name, "rule").get("target", ""), "chain", 256)
            elif name in _VERDICTS:
                target = "" if name == "continue" else name
            elif name not in _PASSING:  # xt, vmap, dup ...: what they decide is not shown
                matches.append(Match(what="unknown", values=(clean(name, "expression", 64),)))
                target = target or "unknown"
    text = clean(json.dumps(rule.get("expr", []), separators=(",", ":"), ensure_ascii=True)[:1000], "rule")
    where = f"{rule.get('table', '')} {rule.get('chain', '')}"
    return FirewallRule(
        text=clean(f"nft {where[:200]}: {text}", "rule", 2048), matches=tuple(matches), target=target,
        argument=argument, packets=packets, bytes=octets,
    )  # fmt: skip


_FIELDS = {
    ("ip", "protocol"): "protocol", ("ip", "saddr"): "source", ("ip", "daddr"): "destination",
}  # fmt: skip
_METAS = {"l4proto": "protocol", "iifname": "in", "oifname": "out", "iif": "in", "oif": "out"}


def _match(body: Any) -> Match:
    unknown = Match(what="unknown", values=(clean(json.dumps(body)[:200], "match", 256),))
    if not isinstance(body, dict) or body.get("op") not in ("==", "!=", "in"):
        return unknown
    left = body.get("left")
    if not isinstance(left, dict):
        return unknown
    payload, meta, track = member(left, "payload", "m"), member(left, "meta", "m"), member(left, "ct", "m")
    what = _FIELDS.get((str(payload.get("protocol")), str(payload.get("field")))) or _METAS.get(str(meta.get("key")))
    if track.get("key") == "state":
        what = "state"
    if meta.get("key") == "nfproto":
        return Match(what="any" if body.get("right") == "ipv4" else "unknown", values=("nfproto",))
    values = _values(body.get("right"))
    if what is None or values is None:
        return unknown
    negated = body["op"] == "!="
    if what in ("source", "destination") and len(values) == 1 and values[0].startswith("@"):
        return Match(what=f"{what}-set", values=(values[0][1:],), negated=negated)
    if what in ("source", "destination") and any(is_ipv6(value) for value in values):
        return unknown
    return Match(what=what, values=tuple(v.upper() if what == "state" else v for v in values), negated=negated)


def _values(right: Any) -> tuple[str, ...] | None:
    if isinstance(right, dict) and isinstance(right.get("set"), list):
        found = [_values(part) for part in right["set"]]
        return None if None in found else tuple(value for part in found if part for value in part)
    if isinstance(right, dict) and "prefix" in right:
        return tuple(_element(right)) or None
    if isinstance(right, list):
        return tuple(str(part)[:128] for part in right if isinstance(part, str))
    if isinstance(right, (str, int)) and not isinstance(right, bool):
        return (clean(str(right)[:128], "value"),)
    return None


def _element(element: Any) -> list[str]:
    if isinstance(element, str):
        return [clean(element[:128], "set member")]
    if isinstance(element, dict):
        prefix = element.get("prefix")
        if isinstance(prefix, dict):
            return [clean(f"{prefix.get('addr')}/{prefix.get('len')}"[:64], "set member")]
        inner = element.get("elem")
        if isinstance(inner, dict):
            return _element(inner.get("val"))
    return []
