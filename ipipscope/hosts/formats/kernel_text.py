"""sysctl, nstat and ipset as text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ipipscope.hosts.errors import BadState
from ipipscope.hosts.formats.values import clean, interface_name, shown, whole
from ipipscope.hosts.model import IpSet

if TYPE_CHECKING:
    from collections.abc import Iterable

LINE_MAX: Final = 4096
MEMBERS_MAX: Final = 1_000_000
_SYSCTL = re.compile(r"^(?:/proc/sys/)?([A-Za-z0-9_./@*-]{1,200})\s*(?:=|:)\s*(-?\d{1,20})\s*$")


def sysctls(lines: Iterable[str]) -> dict[str, int]:
    """`sysctl` or `grep . /proc/sys/...`: numbers by name, the name's parts joined by `/`.

    Interface names may hold dots, so `net.ipv4.conf.eth0.100.rp_filter` and `net/ipv4/conf/eth0.100/rp_filter` both
    become the latter. Lines whose value is no number are passed over.
    """
    found = {}
    for line in lines:
        match = _SYSCTL.match(line[:LINE_MAX].strip())
        if match:
            found[_slashed(match[1])] = int(match[2])
    return found


def _slashed(name: str) -> str:
    """The form with slashes; the first separator tells which one joins the parts, as in sysctl(8)."""
    dot, slash = name.find("."), name.find("/")
    if dot < 0 or 0 <= slash < dot:
        return name.strip("/")
    conf, last = "net.ipv4.conf.", name.rsplit(".", 1)[-1]
    if name.startswith(conf) and len(name) > len(conf) + len(last) + 1:
        # sysctl prints the dot of eth0.100 as a slash; people write it as it is
        return f"net/ipv4/conf/{name[len(conf) : -len(last) - 1].replace('/', '.')}/{last}"
    return name.replace(".", "/")


def by_interface(values: dict[str, int], last: str) -> dict[str, int]:
    """The values of `net/ipv4/conf/INTERFACE/<last>`, by interface; `all` and `default` too."""
    found = {}
    for name, value in values.items():
        parts = name.split("/")
        if parts[:3] == ["net", "ipv4", "conf"] and len(parts) == 5 and parts[4] == last:
            found[interface_name(parts[3])] = whole(value, name, 255)
    return found


def nstat(lines: Iterable[str]) -> dict[str, int]:
    """`nstat -az` or /proc/net/snmp and netstat: counters by nstat's names.

    Negative numbers (Tcp MaxConn) are passed over.
    """
    found: dict[str, int] = {}
    heads: dict[str, list[str]] = {}
    for line in lines:
        words = line[:LINE_MAX].split()
        if len(words) >= 2 and words[0].endswith(":"):
            group = words[0][:-1]
            if words[1].lstrip("-").isdigit() and group in heads:
                for name, value in zip(heads[group], words[1:], strict=False):
                    if value.isdigit():
                        found[clean(group + name, "counter name", 64)] = whole(value, name)
            else:
                heads[group] = words[1:]
        elif len(words) >= 2 and words[0].isalnum() and words[0].isascii() and words[1].isdigit():
            found[clean(words[0], "counter name", 64)] = whole(words[1], words[0])
    return found


def ipsets(lines: Iterable[str]) -> tuple[IpSet, ...]:
    """`ipset list` or `ipset save`."""
    kinds: dict[str, str] = {}
    members: dict[str, list[str]] = {}
    current: str | None = None
    reading, taken = False, 0
    for number, raw in enumerate(lines, 1):
        line = raw[:LINE_MAX].strip()
        words = line.split()
        if not words:
            reading = False
        elif words[0] in ("create", "add") and len(words) > 2:  # ipset save
            name = clean(words[1], "set name", 64)
            if words[0] == "create":
                kinds[name] = clean(words[2], "set type", 64)
                members.setdefault(name, [])
            else:
                members.setdefault(name, []).append(clean(words[2], f"member of {name}", 128))
                taken += 1
        elif words[0] == "Name:" and len(words) > 1:
            current, reading = clean(words[1], "set name", 64), False
            members[current] = []
        elif words[0] == "Type:" and current is not None and len(words) > 1:
            kinds[current] = clean(words[1], "set type", 64)
        elif words[0] == "Members:":
            reading = True
        elif reading and current is not None:
            members[current].append(clean(words[0], f"member of {current}", 128))
            taken += 1
        elif ":" not in line and not line.startswith(("#", "//")):
            raise BadState(f"line {number} is none that ipset prints: '{shown(line)}'.")
        if taken > MEMBERS_MAX:
            raise BadState(f"the sets have more than {MEMBERS_MAX} members.", "Keep Calico's host set only.")
    return tuple(IpSet(name=name, type=kinds.get(name, ""), members=tuple(held)) for name, held in members.items())
