"""Which command's output a text is: by the command, by the file's name, or by what it looks like."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Final

from ipipscope.hosts.formats import calico, ip_text
from ipipscope.hosts.snapshot_json import is_snapshot


class Listing(StrEnum):
    """A command's output, text or JSON."""

    ADDRESSES = "ip addr"
    LINKS = "ip link"
    ROUTES = "ip route"
    SOME_ROUTES = "ip route | grep"
    ALL_ROUTES = "ip route show table all"
    RULES = "ip rule"
    NEIGHBOURS = "ip neigh"
    TUNNELS = "ip tunnel show"
    SYSCTL = "sysctl"
    NSTAT = "nstat"
    IPTABLES = "iptables-save -c"
    IPTABLES_LEGACY = "iptables-legacy-save -c"
    IPTABLES_NFT = "iptables-nft-save -c"
    NFT = "nft -j list ruleset"
    IPSETS = "ipset list"
    CALICO_STATUS = "calicoctl node status"
    CALICO_RESOURCES = "kubectl get nodes -o json"
    SNAPSHOT = "ipipscope snapshot"
    OTHER = "another command"


_IP_OBJECTS: Final = (
    ("address", Listing.ADDRESSES), ("route", Listing.ROUTES), ("rule", Listing.RULES), ("link", Listing.LINKS),
    ("neighbour", Listing.NEIGHBOURS), ("neighbor", Listing.NEIGHBOURS), ("tunnel", Listing.TUNNELS),
)  # fmt: skip
_NAMES: Final = {
    "ipv4 addr": Listing.ADDRESSES, "ipv4 route": Listing.ROUTES, "ipv4 tables": Listing.IPTABLES,
    "routes": Listing.ROUTES, "ipsets": Listing.IPSETS, "iptables": Listing.IPTABLES, "nodes": Listing.OTHER,
    "rp filter": Listing.SYSCTL, "ip forward": Listing.SYSCTL,
}  # fmt: skip
_CHANGING = frozenset(["add", "del", "delete", "replace", "change", "append", "flush", "set"])


def of_command(command: str) -> Listing | None:
    """What *command* prints; OTHER when it prints nothing of use, None when it is no command known here."""
    head, bar, rest = command.strip().partition("|")
    words = head.replace(";", " ; ").split()
    while words and (words[0] in ("sudo", "watch") or "=" in words[0]):
        words.pop(0)
    if not words:
        return None
    name, options = words[0].rsplit("/", 1)[-1], [word for word in words[1:] if word != "\\"]
    found = _by_words(name, options)
    if found is Listing.ROUTES and (bar and "grep" in rest):
        return Listing.SOME_ROUTES
    return found


def _by_words(name: str, options: list[str]) -> Listing | None:
    if name == "ip":
        return _ip([word for word in options if not word.startswith("-")], options)
    if name in ("iptables-save", "iptables-legacy-save", "iptables-nft-save"):
        return {"iptables-legacy-save": Listing.IPTABLES_LEGACY, "iptables-nft-save": Listing.IPTABLES_NFT}.get(
            name, Listing.IPTABLES
        )
    if name == "nft":
        return Listing.NFT if "-j" in options else Listing.OTHER
    if name == "ipset":
        return Listing.IPSETS if options[:1] in (["list"], ["save"], ["-L"]) else Listing.OTHER
    if name in ("sysctl", "nstat"):
        return Listing(name) if not any(word in ("-w", "-p") for word in options) else Listing.OTHER
    if name == "calicoctl":
        if options[:2] == ["node", "status"]:
            return Listing.CALICO_STATUS
        return Listing.CALICO_RESOURCES if options[:1] == ["get"] else Listing.OTHER
    if name == "kubectl":
        return Listing.CALICO_RESOURCES if "get" in options and "json" in " ".join(options) else Listing.OTHER
    return None


def _ip(words: list[str], options: list[str]) -> Listing:
    if "-6" in options or not words:
        return Listing.OTHER
    known = next((listing for full, listing in _IP_OBJECTS if full.startswith(words[0])), None)
    if known is None or _CHANGING & set(words[1:2]):
        return Listing.OTHER
    if known is Listing.ROUTES:
        asked = [word for word in words[1:] if word not in ("show", "list", "s", "ls", "l", "sh")]
        if asked[:1] in (["get"], ["monitor"]):
            return Listing.OTHER
        if asked[:2] == ["table", "all"] or asked[:2] == ["table", "0"]:
            return Listing.ALL_ROUTES
        if asked and asked[:2] != ["table", "main"]:
            return Listing.ROUTES if asked[0] == "table" else Listing.SOME_ROUTES
    return known


def of_name(name: str) -> Listing | None:
    """What a file called *name* holds, when it is named after the command as `ip_-j_route.json` is."""
    stem = re.sub(r"(\.constructed|\.txt|\.json|\.log|\.out)+$", "", name[:255])
    words = stem.replace("_", " ").strip()
    if words.startswith("sysctl"):
        return Listing.SYSCTL
    return _NAMES.get(words) or of_command(words)


def of_document(document: Any) -> Listing | None:
    """What decoded JSON is."""
    if is_snapshot(document):
        return Listing.SNAPSHOT
    if calico.is_calico(document):
        return Listing.CALICO_RESOURCES
    if isinstance(document, dict) and "nftables" in document:
        return Listing.NFT
    if not isinstance(document, list) or not document:
        return None
    first = next((entry for entry in document if isinstance(entry, dict) and entry), {})
    if "ifname" in first:
        return Listing.ADDRESSES if "addr_info" in first else Listing.LINKS
    if "lladdr" in first or "state" in first:
        return Listing.NEIGHBOURS
    if "priority" in first and "src" in first:
        return Listing.RULES
    if "dst" in first:
        tables = {entry.get("table") for entry in document if isinstance(entry, dict)}
        return Listing.ALL_ROUTES if "local" in tables else Listing.ROUTES
    return None


def of_line(line: str) -> Listing | None:
    """What a line without its command most likely is; None for one that says nothing by itself."""
    text = line.strip()
    if not text:
        return None
    if text.startswith("*") and text[1:].strip() in ("filter", "nat", "mangle", "raw", "security"):
        return Listing.IPTABLES
    if ip_text.looks_like_an_interface(line):
        return Listing.ADDRESSES
    if ip_text.looks_like_a_rule(line):
        return Listing.RULES
    if calico.looks_like_a_peer(line):
        return Listing.CALICO_STATUS
    if text.startswith("Name: "):
        return Listing.IPSETS
    if re.match(r"(net[./]ipv4[./]|/proc/sys/net/)\S{1,200}\s*[=:]\s*-?\d", text[:512]):
        return Listing.SYSCTL
    if re.match(r"(Ip|Icmp|Tcp|Udp|IpExt|TcpExt)[A-Za-z0-9]{2,60}\s+\d+\s+[\d.]+$", text[:256]):
        return Listing.NSTAT
    if re.match(r"\S{1,15}: (any|ip|mpls)/ip\s+remote ", text[:256]):
        return Listing.TUNNELS
    if ip_text.looks_like_a_route(line):
        return Listing.ROUTES
    return None
