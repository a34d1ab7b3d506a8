"""What a host's firewall makes of a packet, as far as its rules are understood.

A rule whose conditions are not all understood may or may not match; both ways are followed, and where they end
differently the verdict is `unknown`. Conntrack's state is given with the packet, marks are followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Final

from ipipscope.hosts.model import Chain, FirewallRule, Match, Ruleset
from ipipscope.hosts.route_lookup import Fib, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

STEPS_MAX: Final = 200_000
DEPTH_MAX: Final = 32
# iana.org/assignments/protocol-numbers; the word ipip in /etc/protocols is 94, which is not IP-in-IP
PROTOCOLS: Final = {
    "all": None, "any": None, "0": None, "icmp": 1, "igmp": 2, "ipencap": 4, "ipv4": 4, "ip-encap": 4, "tcp": 6,
    "udp": 17, "gre": 47, "esp": 50, "ah": 51, "ipip": 94, "sctp": 132, "ipv6": 41, "icmpv6": 58, "ipv6-icmp": 58,
    "udplite": 136, "vrrp": 112, "ospf": 89, "dccp": 33, "mh": 135,
}  # fmt: skip
PATHS: Final = {"INPUT": ("PREROUTING", "INPUT"), "FORWARD": ("PREROUTING", "FORWARD", "POSTROUTING"),
                "OUTPUT": ("OUTPUT", "POSTROUTING")}  # fmt: skip


class Verdict(StrEnum):
    """What becomes of the packet."""

    ACCEPT = "accept"
    DROP = "drop"
    REJECT = "reject"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """What rules look at."""

    source: IPv4Address
    destination: IPv4Address
    protocol: int
    in_interface: str | None = ""
    """Empty: none, the host sends it; None: not known."""
    out_interface: str | None = ""
    state: str | None = "NEW"
    """Conntrack's word for it; None: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict and the rule that gave it."""

    verdict: Verdict
    ruleset: Ruleset | None = None
    chain: Chain | None = None
    rule: FirewallRule | None = None
    """None where a chain's policy decided."""
    set_name: str | None = None
    """The set of addresses in whose accepting rule the packet was not listed, on the way to its drop (Felix)."""

    @property
    def dropped(self) -> bool:
        """Whether the packet ends here for certain."""
        return self.verdict in (Verdict.DROP, Verdict.REJECT)

    @property
    def line(self) -> str:
        """The deciding line as the host shows it."""
        if self.rule is not None:
            prefix = f"-t {self.chain.table} " if self.chain and self.chain.table != "filter" else ""
            return prefix + self.rule.text if self.rule.text.startswith("-A") else self.rule.text
        if self.chain is not None:
            return f"-t {self.chain.table} -P {self.chain.name} {str(self.chain.policy).upper()}"
        return ""


class _OutOfSteps(Exception):
    pass


@dataclass(slots=True)
class _Walk:
    packet: Packet
    mark: int | None = 0
    steps: int = 0
    certain: tuple[Chain, FirewallRule] | None = None
    missed_set: str | None = None


@dataclass(slots=True)
class _Ends:
    """How one chain can end."""

    verdicts: set[Verdict]
    passes: bool
    """It can be left without a verdict."""


class Firewall:
    """One host's rules, ready to be asked."""

    def __init__(self, fib: Fib) -> None:
        self.fib = fib
        self.rulesets = fib.snapshot.firewall
        self._chains = {
            id(ruleset): {(chain.table, chain.name): chain for chain in ruleset.chains} for ruleset in self.rulesets
        }
        self._sets: dict[str, _Members] = {}

    def judge(self, path: str, packet: Packet) -> Judgement:
        """The verdict on *packet* along INPUT, FORWARD or OUTPUT, translation apart.

        Without any rules read the verdict is unknown.
        """
        if not self.rulesets:
            return Judgement(verdict=Verdict.UNKNOWN)
        unsure: Judgement | None = None
        marks: dict[int, int | None] = {}
        for hook in PATHS[path]:
            for ruleset, chain in self._at(hook):
                judgement = self._base(ruleset, chain, packet, marks)
                if judgement.dropped:
                    return judgement
                if judgement.verdict is Verdict.UNKNOWN:
                    unsure = unsure or judgement
        return unsure or Judgement(verdict=Verdict.ACCEPT)

    def _at(self, hook: str) -> list[tuple[Ruleset, Chain]]:
        saved = {chain.table for ruleset in self.rulesets if ruleset.backend != "nft" for chain in ruleset.chains}
        found = [
            (ruleset, chain)
            for ruleset in self.rulesets
            for chain in ruleset.chains
            if chain.hook == hook
            and chain.table.rsplit(" ", 1)[-1] != "nat"
            # iptables-nft's own tables, which iptables-save has shown better
            and not (ruleset.backend == "nft" and chain.table.startswith("ip ") and chain.table[3:] in saved)
        ]
        return sorted(found, key=lambda one: one[1].priority)

    def _base(self, ruleset: Ruleset, chain: Chain, packet: Packet, marks: dict[int, int | None]) -> Judgement:
        walk = _Walk(packet, mark=marks.get(0, 0))
        try:
            ends = self._chain(ruleset, chain, walk, 0)
        except _OutOfSteps:
            return Judgement(verdict=Verdict.UNKNOWN, ruleset=ruleset, chain=chain)
        marks[0] = walk.mark
        if ends.passes:
            ends.verdicts.add(Verdict(chain.policy or "accept"))
        if ends.verdicts <= {Verdict.DROP, Verdict.REJECT}:
            where, rule = walk.certain or (chain, None)
            return Judgement(
                verdict=Verdict.REJECT if ends.verdicts == {Verdict.REJECT} else Verdict.DROP,
                ruleset=ruleset, chain=where, rule=rule, set_name=walk.missed_set,
            )  # fmt: skip
        verdict = Verdict.ACCEPT if ends.verdicts == {Verdict.ACCEPT} else Verdict.UNKNOWN
        return Judgement(verdict=verdict, ruleset=ruleset, chain=chain)

    def _chain(self, ruleset: Ruleset, chain: Chain, walk: _Walk, depth: int) -> _Ends:
        verdicts: set[Verdict] = set()
        passes = False
        if depth > DEPTH_MAX:
            raise _OutOfSteps
        for rule in chain.rules:
            walk.steps += 1
            if walk.steps > STEPS_MAX:
                raise _OutOfSteps
            matches = self._rule(rule, walk)
            if matches is False:
                continue
            if rule.target in ("accept", "drop", "reject"):
                verdicts.add(Verdict(rule.target))
                if matches:
                    walk.certain = (chain, rule)
                    return _Ends(verdicts, passes)
            elif rule.target == "return":
                if matches:
                    return _Ends(verdicts, passes=True)
                passes = True
            elif rule.target in ("jump", "goto"):
                ends = self._jump(ruleset, chain, rule, walk, depth)
                verdicts |= ends.verdicts
                if matches and not ends.passes:
                    return _Ends(verdicts, passes)
                if rule.target == "goto":
                    if matches:
                        return _Ends(verdicts, passes=True)
                    passes = True
            elif rule.target == "mark":
                walk.mark = _marked(walk.mark, rule.argument) if matches else None
            elif rule.target == "unknown":
                verdicts.add(Verdict.UNKNOWN)
        return _Ends(verdicts, passes=True)

    def _jump(self, ruleset: Ruleset, chain: Chain, rule: FirewallRule, walk: _Walk, depth: int) -> _Ends:
        target = self._chains[id(ruleset)].get((chain.table, rule.argument))
        if target is None:  # a target that is no chain, of an extension unknown here
            return _Ends({Verdict.UNKNOWN}, passes=True)
        return self._chain(ruleset, target, walk, depth + 1)

    def _rule(self, rule: FirewallRule, walk: _Walk) -> bool | None:
        result: bool | None = True
        missed: str | None = None
        for match in rule.matches:
            one = self._match(match, walk)
            if one is not None and match.negated:
                one = not one
            if one is False:
                if match.what != "source-set" or missed is not None or result is False:
                    return False
                missed, result = match.values[0] if match.values else None, False
            elif one is None and result is True:
                result = None
        if result is False and missed is not None and rule.target == "accept":
            walk.missed_set = missed
        return result

    def _match(self, match: Match, walk: _Walk) -> bool | None:
        packet = walk.packet
        match match.what:
            case "any":
                return True
            case "protocol":
                return _protocol(match.values, packet.protocol)
            case "source" | "destination":
                address = packet.source if match.what == "source" else packet.destination
                return _in_networks(match.values, address)
            case "in" | "out":
                name = packet.in_interface if match.what == "in" else packet.out_interface
                return None if name is None else any(_interface(pattern, name) for pattern in match.values)
            case "source-set" | "destination-set":
                members = self._members(match.values[0] if match.values else "")
                address = packet.source if match.what == "source-set" else packet.destination
                return None if members is None else members.holds(address)
            case "source-type" | "destination-type":
                address = packet.source if match.what == "source-type" else packet.destination
                return self._address_type(match.values, address)
            case "state":
                return None if packet.state is None else packet.state in match.values
            case "mark":
                return _mark_matches(match.values, walk.mark)
            case _:
                return None

    def _members(self, name: str) -> _Members | None:
        if name not in self._sets:
            held = next((one for one in self.fib.snapshot.ipsets if one.name == name), None)
            if held is None:
                return None
            self._sets[name] = _Members(held.members)
        return self._sets[name]

    def _address_type(self, values: tuple[str, ...], address: IPv4Address) -> bool | None:
        kinds = {Outcome.LOCAL: "LOCAL", Outcome.BROADCAST: "BROADCAST", Outcome.BLACKHOLE: "BLACKHOLE"}
        return kinds.get(self.fib.lookup(address).outcome, "UNICAST") in values

    def translation(self, packet: Packet) -> tuple[Chain, FirewallRule] | None:
        """The rule that rewrites the source of *packet* as it leaves; None when none does for certain."""
        for ruleset in self.rulesets:
            for chain in ruleset.chains:
                if chain.hook == "POSTROUTING" and chain.table.rsplit(" ", 1)[-1] == "nat":
                    found = self._translating(ruleset, chain, _Walk(packet), 0)
                    if isinstance(found, tuple):
                        return found
        return None

    def translating_to(self, source: IPv4Address) -> Iterator[tuple[Chain, FirewallRule]]:
        """The rules that give packets that source, wherever they stand, those that matched some first."""
        found = [
            (chain, rule)
            for ruleset in self.rulesets
            for chain in ruleset.chains
            for rule in chain.rules
            if rule.target == "snat" and rule.argument.split(" ")[-1].split(":")[0] == str(source)
        ]
        yield from sorted(found, key=lambda one: not one[1].packets)

    def judged_by(self, chain: Chain, rule: FirewallRule) -> Judgement:
        """*rule* as a judgement, so that a remedy can be put before it."""
        ruleset = next((one for one in self.rulesets if any(chain is own for own in one.chains)), None)
        base = chain if chain.hook else Chain(table=chain.table, name="POSTROUTING", hook="POSTROUTING")
        return Judgement(verdict=Verdict.UNKNOWN, ruleset=ruleset, chain=base, rule=rule)

    def _translating(
        self, ruleset: Ruleset, chain: Chain, walk: _Walk, depth: int
    ) -> tuple[Chain, FirewallRule] | bool:
        """The rewriting rule; True when the packet leaves the table unchanged, False when the chain is just left."""
        if depth > DEPTH_MAX:
            return True
        for rule in chain.rules:
            walk.steps += 1
            if walk.steps > STEPS_MAX:
                return True
            if self._rule(rule, walk) is not True:
                continue
            if rule.target in ("masquerade", "snat"):
                return chain, rule
            if rule.target == "accept":
                return True
            if rule.target == "return":
                return False
            if rule.target == "mark":
                walk.mark = _marked(walk.mark, rule.argument)
            target = self._chains[id(ruleset)].get((chain.table, rule.argument))
            if rule.target in ("jump", "goto") and target is not None:
                found = self._translating(ruleset, target, walk, depth + 1)
                if found is not False or rule.target == "goto":
                    return found
        return False

    @cached_property
    def filters_by_host(self) -> str | None:
        """The set by which a rule takes protocol 4 from known hosts only, as Felix does; None without such a rule."""
        for ruleset in self.rulesets:
            for chain in ruleset.chains:
                for rule in chain.rules:
                    names = [match.values[0] for match in rule.matches if match.what == "source-set" and match.values]
                    protocol = [match for match in rule.matches if match.what == "protocol"]
                    if rule.target == "accept" and names and any(_protocol(one.values, 4) for one in protocol):
                        return names[0]
        return None

    def hosts_of(self, name: str) -> _Members | None:
        """The members of the set called *name*."""
        return self._members(name)


class _Members:
    """A set's members, ready to be asked."""

    def __init__(self, members: tuple[str, ...]) -> None:
        self.networks: dict[int, set[int]] = {}
        self.ranges: list[tuple[int, int]] = []
        for member in members:
            first, dash, last = member.partition("-")
            try:
                if dash:
                    self.ranges.append((int(IPv4Address(first)), int(IPv4Address(last))))
                else:
                    network = IPv4Network(first.split(",")[0], strict=False)
                    self.networks.setdefault(network.prefixlen, set()).add(int(network.network_address))
            except ValueError:
                continue  # an IPv6 member, or a port

    def holds(self, address: IPv4Address) -> bool:
        number = int(address)
        return any(
            (number >> (32 - length) << (32 - length) if length else 0) in bases
            for length, bases in self.networks.items()
        ) or any(first <= number <= last for first, last in self.ranges)

    @property
    def addresses(self) -> frozenset[IPv4Address]:
        """The members that are single addresses."""
        return frozenset(IPv4Address(number) for number in self.networks.get(32, ()))


def _protocol(values: tuple[str, ...], protocol: int) -> bool | None:
    known: list[int | None] = []
    for value in values:
        if value.lower() in PROTOCOLS:
            known.append(PROTOCOLS[value.lower()])
        elif value.isdigit() and len(value) < 4:
            known.append(int(value))
        else:
            return None
    return None in known or protocol in known


def _in_networks(values: tuple[str, ...], address: IPv4Address) -> bool | None:
    try:
        return any(address in IPv4Network(value, strict=False) for value in values)
    except ValueError:
        return None


def _interface(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith(("+", "*")) else name == pattern


def _numbers(text: str) -> tuple[int, int] | None:
    value, _, mask = text.partition("/")
    try:
        return int(value, 0), int(mask, 0) if mask else 0xFFFF_FFFF
    except ValueError:
        return None


def _mark_matches(values: tuple[str, ...], mark: int | None) -> bool | None:
    wanted = _numbers(values[0]) if values else None
    if wanted is None or mark is None:
        return None
    return mark & wanted[1] == wanted[0] & wanted[1]


def _marked(mark: int | None, argument: str) -> int | None:
    """*mark* after `set-xmark`, `set-mark`, `or-mark` or `and-mark` (iptables-extensions(8), MARK)."""
    action, _, text = argument.partition(" ")
    numbers = _numbers(text)
    if numbers is None or mark is None:
        return None
    value, mask = numbers
    if action == "set-xmark":
        return (mark & ~mask & 0xFFFF_FFFF) ^ value
    if action == "set-mark":
        return (mark & ~mask & 0xFFFF_FFFF) | value
    return mark | value if action == "or-mark" else mark & value
