"""`ip -j`: addresses, links, routes, rules and neighbours."""

from __future__ import annotations

from typing import Any

from ipipscope.hosts.errors import BadState
from ipipscope.hosts.formats.values import (
    U32,
    address,
    clean,
    interface_name,
    is_ipv6,
    items,
    member,
    network,
    whole,
    words,
)
from ipipscope.hosts.model import (
    MAIN,
    Address,
    Link,
    Neighbour,
    NextHop,
    PolicyRule,
    Route,
    Tunnel,
)

ROUTE_TYPES = frozenset(
    ("unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit", "throw", "nat")
)
ANY = frozenset(("any", "0.0.0.0"))  # noqa: S104 - an end left open, nothing is bound
_COUNTERS = ("bytes", "packets", "errors", "dropped", "carrier_errors", "collisions", "over_errors", "multicast")


def addresses(document: Any) -> tuple[Address, ...]:
    """`ip -j addr`."""
    found = []
    for entry in items(document, "the list of addresses"):
        if "ifname" not in entry:
            continue  # ip prints {} for what a filter hid
        name = interface_name(entry["ifname"])
        for info in items(entry.get("addr_info", []), f"addr_info of {name}"):
            if info.get("family", "inet") != "inet" or "local" not in info:
                continue
            found.append(
                Address(
                    interface=name,
                    address=address(info["local"], f"address of {name}"),
                    prefix_length=whole(info.get("prefixlen", 32), f"prefix length on {name}", 32),
                    scope=clean(info.get("scope", "global"), f"scope on {name}", 16),
                    secondary=info.get("secondary") is True,
                    peer=address(info["address"], f"peer on {name}") if "address" in info else None,
                )
            )
    return tuple(found)


def links(document: Any) -> tuple[Link, ...]:
    """`ip -j link`, with or without `-d` and `-s`; `ip -j addr` holds the same fields."""
    return tuple(_link(entry) for entry in items(document, "the list of links") if "ifname" in entry)


def _link(entry: dict[str, Any]) -> Link:
    name = interface_name(entry["ifname"])
    stats = member(entry, "stats64", name) or member(entry, "stats", name)
    kind = member(entry, "linkinfo", name).get("info_kind")
    return Link(
        name=name,
        index=whole(entry.get("ifindex", 0), f"index of {name}", U32),
        flags=words(entry.get("flags"), f"flags of {name}"),
        mtu=whole(entry["mtu"], f"MTU of {name}", U32) if "mtu" in entry else None,
        kind=clean(kind, f"kind of {name}", 32) if kind is not None else None,
        link_type=_text(entry, "link_type", name),
        operstate=_text(entry, "operstate", name),
        mac=_text(entry, "address", name),
        master=interface_name(entry["master"], f"master of {name}") if "master" in entry else None,
        rx=_counters(stats, "rx", name),
        tx=_counters(stats, "tx", name),
    )


def _text(entry: dict[str, Any], key: str, name: str) -> str | None:
    return clean(entry[key], f"{key} of {name}", 64) if entry.get(key) is not None else None


def _counters(stats: dict[str, Any], way: str, name: str) -> dict[str, int]:
    counted = member(stats, way, name)
    return {key: whole(counted[key], f"{way} {key} of {name}") for key in _COUNTERS if key in counted}


def tunnels(document: Any) -> tuple[Tunnel, ...]:
    """The IP-in-IP devices in `ip -j -d link`."""
    found = []
    for entry in items(document, "the list of links"):
        info = member(entry, "linkinfo", "link")
        if info.get("info_kind") != "ipip":
            continue
        name = interface_name(entry.get("ifname"))
        data = member(info, "info_data", name)
        ends = {
            end: None if data.get(end, "any") in ANY else address(data[end], f"{end} end of {name}")
            for end in ("local", "remote")
        }
        bound = data.get("link", data.get("dev"))
        found.append(
            Tunnel(
                interface=name,
                mode=clean(data.get("proto", data.get("mode", "ipip")), f"mode of {name}", 16),
                local=ends["local"],
                remote=ends["remote"],
                ttl=0 if data.get("ttl") in (None, "inherit") else whole(data["ttl"], f"TTL of {name}", 255),
                pmtudisc=data.get("pmtudisc") is not False,
                device=interface_name(bound, f"underlay device of {name}") if isinstance(bound, str) else None,
            )
        )
    return tuple(found)


def routes(document: Any) -> tuple[Route, ...]:
    """`ip -j route`, of one table or of all; IPv6 routes are passed over."""
    return tuple(_route(entry) for entry in items(document, "the list of routes") if not _foreign(entry))


def _foreign(entry: dict[str, Any]) -> bool:
    return (
        any(is_ipv6(entry.get(key)) for key in ("dst", "gateway", "prefsrc")) or "dst" not in entry or "pref" in entry
    )


def _route(entry: dict[str, Any]) -> Route:
    destination = network(entry["dst"], "route destination")
    what = f"route to {destination}"
    kind = clean(entry.get("type", "unicast"), f"type of {what}", 16)
    if kind not in ROUTE_TYPES:
        raise BadState(f"{what} has type '{kind}', which is none of the kernel's.")
    metric = whole(entry.get("metric", 0), f"metric of {what}", U32)
    metrics = {key: value for part in items(entry.get("metrics", []), what) for key, value in part.items()}
    hops = tuple(
        NextHop(
            via=address(hop["gateway"], f"next hop of {what}") if "gateway" in hop else None,
            device=interface_name(hop["dev"], f"device of {what}") if "dev" in hop else None,
            weight=whole(hop.get("weight", 1), f"weight in {what}", 256),
            flags=words(hop.get("flags"), f"flags of {what}"),
        )
        for hop in items(entry.get("nexthops", []), what)
    )
    return Route(
        destination=destination,
        type=kind,
        via=address(entry["gateway"], f"next hop of {what}") if "gateway" in entry else None,
        device=interface_name(entry["dev"], f"device of {what}") if "dev" in entry else None,
        table=clean(str(entry.get("table", MAIN)), f"table of {what}", 64),
        protocol=clean(str(entry["protocol"]), f"protocol of {what}", 32) if "protocol" in entry else None,
        scope=clean(str(entry.get("scope", "global")), f"scope of {what}", 16),
        source=address(entry["prefsrc"], f"source of {what}") if "prefsrc" in entry else None,
        metric=metric,
        mtu=whole(metrics["mtu"], f"MTU of {what}", U32) if "mtu" in metrics else None,
        tos=whole(entry["tos"], f"TOS of {what}", 255) if "tos" in entry else 0,
        flags=words(entry.get("flags"), f"flags of {what}"),
        next_hops=hops,
    )


def rules(document: Any) -> tuple[PolicyRule, ...]:
    """`ip -j rule`, in the order of their priorities."""
    found = []
    for entry in items(document, "the list of rules"):
        priority = whole(entry.get("priority", 0), "rule priority", U32)
        what = f"rule {priority}"
        if any(is_ipv6(entry.get(key)) for key in ("src", "dst")):
            continue
        action = clean(entry.get("action", "goto" if "goto" in entry else "lookup"), f"action of {what}", 16)
        other = [f"{key} {clean(str(entry[key]), what, 32)}" for key in _OTHER_SELECTORS if key in entry]
        found.append(
            PolicyRule(
                priority=priority,
                source=_selector(entry, "src", what),
                destination=_selector(entry, "dst", what),
                inverted="not" in entry,
                in_interface=interface_name(entry["iif"], f"iif of {what}") if "iif" in entry else None,
                out_interface=interface_name(entry["oif"], f"oif of {what}") if "oif" in entry else None,
                mark=whole(entry["fwmark"], f"fwmark of {what}", U32) if "fwmark" in entry else None,
                mask=whole(entry.get("fwmask", U32), f"fwmask of {what}", U32),
                action="lookup" if action == "to_tbl" else action,
                table=clean(str(entry["table"]), f"table of {what}", 64) if "table" in entry else None,
                goto=whole(entry["goto"], f"goto of {what}", U32) if "goto" in entry else None,
                suppress_prefix_length=whole(entry["suppress_prefixlen"], f"suppressor of {what}", 32)
                if entry.get("suppress_prefixlen", -1) not in (-1, None)
                else None,
                other=tuple(other),
            )
        )
    return tuple(sorted(found, key=lambda rule: rule.priority))


_OTHER_SELECTORS = ("tos", "ipproto", "sport", "dport", "sport_start", "dport_start", "uid_start", "l3mdev", "tun_id")


def _selector(entry: dict[str, Any], key: str, what: str) -> Any:
    value = entry.get(key, "all")
    if value == "all":
        return None
    length = entry.get(f"{key}len")
    text = value if length is None else f"{value}/{whole(length, f'{key} of {what}', 32)}"
    return network(text, f"{key} of {what}")


def neighbours(document: Any) -> tuple[Neighbour, ...]:
    """`ip -j neigh`; IPv6 neighbours are passed over."""
    return tuple(
        Neighbour(
            address=address(entry["dst"], "neighbour"),
            interface=interface_name(entry.get("dev"), "device of a neighbour"),
            mac=clean(entry["lladdr"], "MAC address", 64) if "lladdr" in entry else None,
            state=words(entry.get("state"), "neighbour state"),
        )
        for entry in items(document, "the list of neighbours")
        if "dst" in entry and not is_ipv6(entry["dst"])
    )
