"""`ip` as a terminal shows it: addresses, links, routes, rules, neighbours and tunnels."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Final

from ipipscope.hosts.errors import BadState
from ipipscope.hosts.formats.ip_json import ANY, ROUTE_TYPES
from ipipscope.hosts.formats.values import (
    U32,
    address,
    clean,
    interface_name,
    is_address,
    is_ipv6,
    network,
    shown,
    whole,
)
from ipipscope.hosts.model import MAIN, Address, Link, Neighbour, NextHop, PolicyRule, Route, Tunnel

if TYPE_CHECKING:
    from collections.abc import Iterable

LINE_MAX: Final = 4096
"""Longer lines are none that ip prints."""
_HEAD = re.compile(r"^\d{1,10}:\s+(\S{1,80}?):\s+<([A-Z0-9_,-]*)>\s+(.*)$")
_PREFIX = re.compile(r"^\d{1,3}(\.\d{1,3}){1,3}(/\d{1,2})?$")
_FLAG_WORDS = frozenset(("onlink", "linkdown", "dead", "pervasive", "offload", "trap", "notify", "unresolved"))
_VALUED = frozenset(
    [
        "advmss",
        "realms",
        "window",
        "rtt",
        "rttvar",
        "cwnd",
        "initcwnd",
        "initrwnd",
        "ssthresh",
        "hoplimit",
        "quickack",
        "congctl",
        "error",
        "nhid",
        "expires",
        "pref",
        "rto_min",
        "features",
        "fastopen_no_cookie",
        "encap",
        "age",
        "ipid",
        "lock",
    ]
)


def _words(line: str) -> list[str]:
    """The words of *line* up to a remark, which people put behind `//`, `#` or `<-`."""
    words = line[:LINE_MAX].split()
    for place, word in enumerate(words):
        if word.startswith(("#", "//", "<-")):
            return words[:place]
        if "//" in word:  # no word of ip's holds two slashes
            return [*words[:place], word.split("//", 1)[0]]
    return words


def looks_like_a_route(line: str) -> bool:
    """Whether ip could have printed *line* for an IPv4 route."""
    words = _words(line)
    if len(words) < 2 or words[0] == "nexthop":
        return bool(words) and words[0] == "nexthop" and len(words) > 2
    if words[0] in ROUTE_TYPES:
        return _is_prefix(words[1])
    return _is_prefix(words[0]) and any(word in ("via", "dev", "nhid", "proto", "scope") for word in words[1:4])


def _is_prefix(word: str) -> bool:
    return word == "default" or _PREFIX.match(word) is not None


def routes(lines: Iterable[str]) -> tuple[Route, ...]:
    """`ip route`, of one table or of all; remarks after `//` or `#` and IPv6 routes are passed over.

    Raises BadState for a line that is none of a route's.
    """
    found: list[Route] = []
    hops: list[NextHop] = []

    def finish() -> None:
        if hops and found:
            last = found.pop()
            found.append(_with(last, tuple(hops)))
        hops.clear()

    for number, line in enumerate(lines, 1):
        words = _words(line)
        if not words:
            continue
        if words[0] == "nexthop" and found:
            hops.append(_hop(words[1:], found[-1]))
            continue
        finish()
        if is_ipv6(words[0]) or (len(words) > 1 and words[0] in ROUTE_TYPES and is_ipv6(words[1])) or "pref" in words:
            continue
        if words[0] == "default" and len(words) > 2 and is_ipv6(words[2]):
            continue
        if not looks_like_a_route(line):
            raise BadState(f"line {number} is no route: '{shown(line.strip())}'.")
        inline = words.index("nexthop") if "nexthop" in words else len(words)
        found.append(_route(words[:inline]))
        hops += [_hop(part, found[-1]) for part in _split(words[inline:], "nexthop")]
    finish()
    return tuple(found)


def _split(words: list[str], at: str) -> list[list[str]]:
    parts: list[list[str]] = []
    for word in words:
        if word == at:
            parts.append([])
        elif parts:
            parts[-1].append(word)
    return parts


def _with(route: Route, hops: tuple[NextHop, ...]) -> Route:
    if len(hops) == 1:
        return _copy(route, via=hops[0].via, device=hops[0].device, flags=route.flags + hops[0].flags)
    return _copy(route, via=None, device=None, next_hops=hops)


def _copy(route: Route, **changed: object) -> Route:
    fields = {name: getattr(route, name) for name in Route.__dataclass_fields__} | changed
    return Route(**fields)


def _pairs(words: list[str], what: str) -> tuple[dict[str, str], tuple[str, ...]]:
    values: dict[str, str] = {}
    flags: list[str] = []
    place = 0
    while place < len(words):
        word = words[place]
        if word in _FLAG_WORDS:
            flags.append(word)
        elif place + 1 < len(words) and (word in _VALUED or word in _ROUTE_KEYS):
            if word == "via" and words[place + 1] == "inet":
                place += 1
            values[word] = words[place + 1]
            place += 1
        elif word in _ROUTE_KEYS:
            raise BadState(f"{what} ends after '{word}'.")
        place += 1  # an unknown word is a remark or a newer attribute: it changes no decision that is made here
    return values, tuple(flags)


_ROUTE_KEYS = frozenset(("via", "dev", "table", "proto", "scope", "src", "metric", "mtu", "tos", "weight", "from"))


def _route(words: list[str]) -> Route:
    kind = words.pop(0) if words[0] in ROUTE_TYPES else "unicast"
    destination = network(words[0], "route destination")
    what = f"route to {destination}"
    values, flags = _pairs(words[1:], what)
    if is_ipv6(values.get("via")):
        raise BadState(f"{what} goes via IPv6, which an IP-in-IP overlay cannot follow.")
    return Route(
        destination=destination,
        type=kind,
        via=address(values["via"], f"next hop of {what}") if "via" in values else None,
        device=interface_name(values["dev"], f"device of {what}") if "dev" in values else None,
        table=clean(values.get("table", MAIN), f"table of {what}", 64),
        protocol=clean(values["proto"], f"protocol of {what}", 32) if "proto" in values else None,
        scope=clean(values.get("scope", "global"), f"scope of {what}", 16),
        source=address(values["src"], f"source of {what}") if "src" in values else None,
        metric=whole(values.get("metric", 0), f"metric of {what}", U32),
        mtu=whole(values["mtu"], f"MTU of {what}", U32) if "mtu" in values else None,
        tos=whole(values["tos"], f"TOS of {what}", 255) if "tos" in values else 0,
        flags=flags,
    )


def _hop(words: list[str], route: Route) -> NextHop:
    what = f"route to {route.destination}"
    values, flags = _pairs(words, what)
    return NextHop(
        via=address(values["via"], f"next hop of {what}") if "via" in values else None,
        device=interface_name(values["dev"], f"device of {what}") if "dev" in values else None,
        weight=whole(values.get("weight", 1), f"weight in {what}", 256),
        flags=flags,
    )


def looks_like_an_interface(line: str) -> bool:
    """Whether *line* begins an interface in `ip addr` or `ip link`."""
    return _HEAD.match(line[:LINE_MAX]) is not None


class _Interface:
    """One interface while its lines are read."""

    def __init__(self, head: re.Match[str]) -> None:
        self.name = interface_name(head[1])
        self.flags = tuple(flag for flag in head[2].split(",") if flag)
        rest = head[3].split()
        self.said = dict(zip(rest[::2], rest[1::2], strict=False))
        self.index = whole(head[0].split(":", 1)[0], f"index of {self.name}", U32)
        self.link_type: str | None = None
        self.mac: str | None = None
        self.kind: str | None = None
        self.peer_namespace: str | None = None
        self.detail: list[str] = []
        self.counters: dict[str, dict[str, int]] = {"RX": {}, "TX": {}}
        self.awaited: tuple[str, list[str]] | None = None
        self.addresses: list[Address] = []

    def take(self, line: str) -> None:
        """One indented line below the head."""
        words = line.split()
        if not words:
            return
        if self.awaited is not None and words[0].isdigit():
            way, columns = self.awaited
            self.counters[way] = {
                _COLUMNS[column]: whole(value, f"{way} {column} of {self.name}")
                for column, value in zip(columns, words, strict=False)
                if column in _COLUMNS
            }
            self.awaited = None
        elif words[0] in ("RX:", "TX:"):
            self.awaited = (words[0][:2], words[1:])
        elif words[0].startswith("link/"):
            self.link_type = clean(words[0][5:], f"type of {self.name}", 32)
            self.mac = clean(words[1], f"address of {self.name}", 64) if len(words) > 1 else None
            after = words[words.index("link-netns") + 1 :] if "link-netns" in words else []
            self.peer_namespace = clean(after[0], f"namespace of {self.name}", 255) if after else None
        elif words[0] == "inet" and len(words) > 1:
            self.addresses.append(self._address(words[1:]))
        elif words[0] not in _NO_KIND and self.kind is None and self.link_type and re.match(r"[a-z]", words[0]):
            self.kind = clean(words[0], f"kind of {self.name}", 32)
            self.detail = words[1:]

    def _address(self, words: list[str]) -> Address:
        what = f"address of {self.name}"
        values = dict(itertools.pairwise(words))
        local, _, length = words[0].partition("/")
        peer = None
        if "peer" in values:  # `inet 10.0.0.1 peer 10.0.0.2/32`: the length is the peer's
            text, _, length = values["peer"].partition("/")
            peer = address(text, f"peer on {self.name}")
        return Address(
            interface=self.name,
            address=address(local, what),
            prefix_length=whole(length or 32, f"prefix length on {self.name}", 32),
            scope=clean(values.get("scope", "global"), f"scope on {self.name}", 16),
            secondary="secondary" in words,
            peer=peer,
        )

    def link(self) -> Link:
        return Link(
            name=self.name,
            index=self.index,
            flags=self.flags,
            mtu=whole(self.said["mtu"], f"MTU of {self.name}", U32) if "mtu" in self.said else None,
            kind=self.kind,
            link_type=self.link_type,
            operstate=clean(self.said["state"], f"state of {self.name}", 32) if "state" in self.said else None,
            mac=self.mac,
            master=interface_name(self.said["master"]) if "master" in self.said else None,
            peer_namespace=self.peer_namespace,
            rx=self.counters["RX"],
            tx=self.counters["TX"],
        )


_NO_KIND = frozenset(
    ("inet6", "valid_lft", "alias", "altname", "prog/xdp", "RX", "TX", "vf", "promiscuity", "preferred_lft")
)
_COLUMNS = {
    "bytes": "bytes", "packets": "packets", "errors": "errors", "dropped": "dropped", "carrier": "carrier_errors",
    "collsns": "collisions", "overrun": "over_errors", "mcast": "multicast",
}  # fmt: skip


def interfaces(lines: Iterable[str]) -> tuple[tuple[Link, ...], tuple[Address, ...], tuple[Tunnel, ...]]:
    """`ip addr` or `ip link`, with or without `-d` and `-s`: links, addresses and tunnels, as far as they are shown.

    Raises BadState when a line stands before any interface and looks like none of ip's.
    """
    found: list[_Interface] = []
    for number, line in enumerate(lines, 1):
        head = _HEAD.match(line[:LINE_MAX])
        if head:
            found.append(_Interface(head))
        elif found and line[:1].isspace():
            found[-1].take(line[:LINE_MAX])
        elif line.strip() and not line.lstrip().startswith(("#", "//")):
            raise BadState(f"line {number} is no interface: '{shown(line.strip())}'.")
    known = tuple(tunnel for one in found if one.kind == "ipip" and (tunnel := _tunnel(one.name, one.detail)))
    return tuple(one.link() for one in found), tuple(a for one in found for a in one.addresses), known


def _tunnel(name: str, words: list[str]) -> Tunnel | None:
    if "remote" not in words or "local" not in words:
        return None
    mode = words[0] if words[0] != "remote" else "ipip"
    return _ends(name, mode, words[words.index("remote") :])


def _ends(name: str, mode: str, words: list[str]) -> Tunnel:
    values = dict(itertools.pairwise(words))
    ends = {
        end: None if values.get(end, "any") in ANY else address(values[end], f"{end} end of {name}")
        for end in ("remote", "local")
    }
    ttl = values.get("ttl", "inherit")
    return Tunnel(
        interface=name,
        mode=clean(mode, f"mode of {name}", 16),
        local=ends["local"],
        remote=ends["remote"],
        ttl=0 if ttl == "inherit" else whole(ttl, f"TTL of {name}", 255),
        pmtudisc="nopmtudisc" not in words,
        device=interface_name(values["dev"]) if "dev" in values else None,
    )


_TUNNEL_MODES = {"ip/ip": "ipip", "any/ip": "any", "mpls/ip": "mpls"}


def tunnels(lines: Iterable[str]) -> tuple[Tunnel, ...]:
    """`ip tunnel show`; other kinds of tunnels are passed over."""
    found = []
    for line in lines:
        words = line[:LINE_MAX].split()
        if len(words) > 2 and words[0].endswith(":") and words[1] in _TUNNEL_MODES:
            found.append(_ends(interface_name(words[0][:-1]), _TUNNEL_MODES[words[1]], words[2:]))
    return tuple(found)


_RULE = re.compile(r"^\s*(\d{1,10}):\s+(.*\S)\s*$")
_RULE_ACTIONS = frozenset(("blackhole", "unreachable", "prohibit", "nop"))


def looks_like_a_rule(line: str) -> bool:
    """Whether ip could have printed *line* for a policy rule."""
    return re.match(r"^\s*\d{1,10}:\s+(not\s+)?from\s+\S", line[:LINE_MAX]) is not None


def rules(lines: Iterable[str]) -> tuple[PolicyRule, ...]:
    """`ip rule`, in the order of their priorities."""
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        head = _RULE.match(" ".join(_words(line)))
        if not head or not looks_like_a_rule(line):
            raise BadState(f"line {number} is no rule: '{shown(line.strip())}'.")
        found.append(_rule(whole(head[1], "rule priority", U32), head[2].split()))
    return tuple(sorted(found, key=lambda rule: rule.priority))


def _rule(priority: int, words: list[str]) -> PolicyRule:
    what = f"rule {priority}"
    values: dict[str, str] = {}
    other: list[str] = []
    action, inverted, place = "", False, 0
    while place < len(words):
        word = words[place]
        follows = words[place + 1] if place + 1 < len(words) else None
        if word == "not":
            inverted = True
        elif word in _RULE_ACTIONS:
            action = word
        elif word in _RULE_KEYS and follows is not None:
            values[_RULE_KEYS[word]] = follows
            place += 1
        elif word in ("proto", "protocol") and follows is not None:
            place += 1  # who added the rule selects nothing
        elif word != "[detached]":
            other.append(clean(word, what, 64))
        place += 1
    mark, _, mask = values.get("fwmark", "").partition("/")
    if "goto" in values:
        action = "goto"
    return PolicyRule(
        priority=priority,
        source=None if values.get("from", "all") == "all" else network(values["from"], f"source of {what}"),
        destination=None if values.get("to", "all") == "all" else network(values["to"], f"destination of {what}"),
        inverted=inverted,
        in_interface=interface_name(values["iif"]) if "iif" in values else None,
        out_interface=interface_name(values["oif"]) if "oif" in values else None,
        mark=whole(mark, f"fwmark of {what}", U32) if mark else None,
        mask=whole(mask, f"fwmask of {what}", U32) if mask else U32,
        action=action or "lookup",
        table=clean(values["lookup"], f"table of {what}", 64) if "lookup" in values else None,
        goto=whole(values["goto"], f"goto of {what}", U32) if "goto" in values else None,
        suppress_prefix_length=whole(values["suppress"], f"suppressor of {what}", 32) if "suppress" in values else None,
        other=tuple(other),
    )


_RULE_KEYS = {
    "from": "from", "to": "to", "iif": "iif", "oif": "oif", "fwmark": "fwmark", "lookup": "lookup", "table": "lookup",
    "goto": "goto", "suppress_prefixlength": "suppress",
}  # fmt: skip


def neighbours(lines: Iterable[str]) -> tuple[Neighbour, ...]:
    """`ip neigh`; IPv6 neighbours are passed over."""
    found = []
    for line in lines:
        words = _words(line)
        if len(words) < 3 or words[1] != "dev" or not is_address(words[0]):
            continue
        mac = words[words.index("lladdr") + 1] if "lladdr" in words[:-1] else None
        state = tuple(clean(word, "neighbour state", 32) for word in words[3:] if word.isupper())
        found.append(
            Neighbour(
                address=address(words[0]),
                interface=interface_name(words[2]),
                mac=clean(mac, "MAC address", 64) if mac else None,
                state=state,
            )
        )
    return tuple(found)
