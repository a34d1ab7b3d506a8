"""`iptables-save -c`: tables, chains and rules with counters.

Option names as in iptables(8) and iptables-extensions(8). What is not understood becomes a `Match` called unknown, so
that nobody mistakes the rule for one that always applies.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ipipscope.hosts.errors import BadState
from ipipscope.hosts.formats.values import clean, network, shown, whole
from ipipscope.hosts.model import Chain, FirewallRule, Match, Ruleset

if TYPE_CHECKING:
    from collections.abc import Iterable

LINE_MAX: Final = 16_384
RULES_MAX: Final = 500_000
HOOKS: Final = frozenset(("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"))
PRIORITIES: Final = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}  # netfilter_ipv4.h
_PLAIN_TARGETS = {
    "ACCEPT": "accept", "DROP": "drop", "REJECT": "reject", "RETURN": "return", "MASQUERADE": "masquerade",
    "SNAT": "snat", "DNAT": "dnat", "MARK": "mark", "QUEUE": "unknown", "NFQUEUE": "unknown", "NETMAP": "snat",
    "REDIRECT": "dnat", "LOG": "log", "NFLOG": "log", "CONNMARK": "log", "NOTRACK": "log", "CT": "log",
    "TCPMSS": "log", "CHECKSUM": "log", "TRACE": "log", "SET": "log", "AUDIT": "log", "CLASSIFY": "log", "TOS": "log",
    "TTL": "log", "DSCP": "log",
}  # fmt: skip
_VALUED_MATCHES = {
    "-p": "protocol", "--protocol": "protocol", "-s": "source", "--source": "source", "-d": "destination",
    "--destination": "destination", "-i": "in", "--in-interface": "in", "-o": "out", "--out-interface": "out",
    "--ctstate": "state", "--state": "state", "--src-type": "source-type", "--dst-type": "destination-type",
}  # fmt: skip
_TARGET_OPTIONS = frozenset(
    [
        "--to-source",
        "--to-destination",
        "--set-xmark",
        "--set-mark",
        "--and-mark",
        "--or-mark",
        "--reject-with",
        "--log-prefix",
        "--log-level",
        "--nflog-prefix",
        "--nflog-group",
        "--to-ports",
        "--restore-mark",
        "--save-mark",
        "--nfmask",
        "--ctmask",
        "--mask",
        "--add-set",
        "--del-set",
        "--zone",
        "--helper",
        "--set-mss",
        "--clamp-mss-to-pmtu",
        "--queue-num",
        "--nflog-size",
        "--nflog-threshold",
        "--set-class",
        "--persistent",
        "--random-fully",
        "--random",
        "--checksum-fill",
        "--notrack",
        "--exist",
    ]
)
_NO_VALUE = frozenset(
    [
        "--clamp-mss-to-pmtu",
        "--restore-mark",
        "--save-mark",
        "--persistent",
        "--random-fully",
        "--random",
        "--checksum-fill",
        "--notrack",
        "--exist",
        "--syn",
        "-f",
        "--fragment",
    ]
)
_COUNTED = re.compile(r"^\[(\d{1,20}):(\d{1,20})\]\s+")
_CHAIN = re.compile(r"^:(\S{1,64})\s+(\S{1,32})(?:\s+\[(\d{1,20}):(\d{1,20})\])?\s*$")


def ruleset(lines: Iterable[str], backend: str = "iptables") -> Ruleset:
    """One backend's rules; raises BadState for a line that iptables-save never prints."""
    chains: dict[tuple[str, str], _Chain] = {}
    table: str | None = None
    count = 0
    for number, raw in enumerate(lines, 1):
        line = raw[: LINE_MAX + 1].strip()
        if not line or line.startswith("#") or line == "COMMIT":
            continue
        if len(line) > LINE_MAX:
            raise BadState(f"line {number} is longer than any that iptables-save prints.")
        if line.startswith("*"):
            table = clean(line[1:].strip(), "table name", 64)
            continue
        if table is None:
            raise BadState(f"line {number} stands before any table: '{shown(line)}'.", "Save `iptables-save -c` whole.")
        declared = _CHAIN.match(line)
        if declared:
            name = clean(declared[1], "chain name", 64)
            policy = declared[2].lower() if declared[2] != "-" else None
            chains[table, name] = _Chain(policy if policy in ("accept", "drop") else None)
            continue
        counted = _COUNTED.match(line)
        body = line[counted.end() :] if counted else line
        if not body.startswith(("-A ", "--append ")):
            raise BadState(f"line {number} is none that iptables-save prints: '{shown(line)}'.")
        name, rule = _rule(
            body,
            number,
            whole(counted[1], f"counter of line {number}") if counted else None,
            whole(counted[2], f"counter of line {number}") if counted else None,
        )
        chains.setdefault((table, name), _Chain(None)).rules.append(rule)
        count += 1
        if count > RULES_MAX:
            raise BadState(f"there are more than {RULES_MAX} rules.", "Keep the chains that concern protocol 4.")
    return Ruleset(
        backend=backend,
        chains=tuple(
            Chain(
                table=table_name,
                name=name,
                hook=name if name in HOOKS else None,
                priority=PRIORITIES.get(table_name, 0),
                policy=chain.policy,
                rules=tuple(chain.rules),
            )
            for (table_name, name), chain in chains.items()
        ),
    )


@dataclass(slots=True)
class _Chain:
    policy: str | None
    rules: list[FirewallRule] = field(default_factory=list)


def _rule(body: str, number: int, packets: int | None, octets: int | None) -> tuple[str, FirewallRule]:
    try:
        words = shlex.split(body) if '"' in body or "'" in body or "\\" in body else body.split()
    except ValueError as error:
        raise BadState(f"line {number} has an unfinished quotation: '{shown(body)}'.") from error
    if len(words) < 2:
        raise BadState(f"line {number} appends to no chain.")
    chain = clean(words[1], "chain name", 64)
    matches: list[Match] = []
    target, argument = "", ""
    negated, place = False, 2
    while place < len(words):
        word = words[place]
        follows = words[place + 1] if place + 1 < len(words) else ""
        step = 2
        if word == "!":
            negated, step = True, 1
            place += step
            continue
        if word in ("-j", "--jump", "-g", "--goto"):
            target = _PLAIN_TARGETS.get(follows, "goto" if word in ("-g", "--goto") else "jump")
            argument = follows if target in ("jump", "goto") else argument
        elif word in ("-m", "--match", "--comment"):
            pass
        elif word in _VALUED_MATCHES:
            matches.append(_match(_VALUED_MATCHES[word], follows, negated, number))
        elif word == "--mark":
            matches.append(Match(what="mark", values=(clean(follows, "mark", 64),), negated=negated))
        elif word == "--match-set":
            way = words[place + 2] if place + 2 < len(words) else ""
            step = 3
            kind = {"src": "source-set", "dst": "destination-set"}.get(way, "unknown")
            matches.append(Match(what=kind, values=(clean(follows, "set name", 64),), negated=negated))
        elif word in _TARGET_OPTIONS:
            step = 1 if word in _NO_VALUE else 2
            if word in ("--set-xmark", "--set-mark", "--or-mark", "--and-mark", "--to-source", "--to-destination"):
                argument = f"{word[2:]} {clean(follows, 'target argument', 128)}"
        else:
            unknown = word if word in _NO_VALUE else f"{word} {follows}"
            step = 1 if word in _NO_VALUE else 2
            matches.append(Match(what="unknown", values=(clean(unknown, "match", 256),), negated=negated))
        negated = False
        place += step
    text = clean(body, f"line {number}", LINE_MAX)
    rule = FirewallRule(
        text=text, matches=tuple(matches), target=target, argument=clean(argument, "target", 256), packets=packets,
        bytes=octets,
    )  # fmt: skip
    return chain, rule


def _match(what: str, value: str, negated: bool, number: int) -> Match:
    values = tuple(clean(part, f"match on line {number}", 128) for part in value.split(",")[:64])
    if what in ("source", "destination"):
        values = tuple(str(network(part, f"{what} on line {number}")) for part in values)
    return Match(what=what, values=values, negated=negated)
