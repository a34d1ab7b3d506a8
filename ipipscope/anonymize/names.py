"""Names and free text: nodes, interfaces, chains and sets by keyed hashes, addresses in text as everywhere else."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address
from typing import TYPE_CHECKING, Final

from ipipscope.capture.points import LOOPBACK, MERGED

if TYPE_CHECKING:
    from ipipscope.anonymize.addresses import Addresses

COMMON: Final = re.compile(
    r"(eth|tunl|bond|wlan|team|dummy|docker|cni|cbr|virbr|usb|vmbr|em|eno|ens|ipip|any)\d*([.:]\d+)?"
    r"|(enp|p)\d+(s|p)\d+(f\d+)?(d\d+)?([.:]\d+)?|(kube|flannel)[-.][a-z0-9-]+|vxlan\.calico|all|default|br\d*"
)
"""Interface names that thousands of hosts have."""
FAMILY: Final = re.compile(
    r"cali|veth|lxc|azv|eni|gke|enx|tap|br-|tun[-.]|ipip|kube-|ib|bond|team|eth|enp|ens|eno|em|wl|vlan|usb|ovs|nic|en"
)
"""How names begin that tell what an interface is; the rest of such a name is replaced."""
V4: Final = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(/\d{1,2})?(?![\w.]*\d)")
MAC: Final = re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![\w:])")
V6: Final = re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
WORKLOAD: Final = re.compile(r"(?<![A-Za-z0-9])(cali[0-9a-f]{5,11}|veth[0-9a-f]{4,11})(?![A-Za-z0-9])")
COMMENT: Final = re.compile(r'(--comment\s+|comment\s+)("(?:[^"\\]|\\.)*"|\S+)')
CALICO_COMMENT: Final = re.compile(r'"?cali:[\w-]+"?')
WORDS: Final = frozenset({"main", "local", "kernel", "link", "host", "global", "lo", "up", "down", "ip", "tunnel"})
INTERFACE_MAX: Final = 15


class Names:
    """Replaces names, always in the same way under one key; those in free text must be `learned` first."""

    def __init__(self, addresses: Addresses) -> None:
        self.addresses = addresses
        self._learned: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None

    def hashed(self, label: str, name: str, letters: int = 6) -> str:
        """A few hexadecimal letters for a name."""
        return self.addresses.digest(label, name.encode("utf-8", "surrogateescape"), 8).hex()[:letters]

    def node(self, name: str) -> str:
        """The replacement of a host's name, or of the address it goes by."""
        try:
            return str(IPv4Address(self.addresses.v4(int(IPv4Address(name)))))
        except AddressValueError:
            return f"node-{self.hashed('node', name)}"

    def interface(self, name: str) -> str:
        """The replacement of an interface's name; it is of the same kind, as far as names tell."""
        if not name or COMMON.fullmatch(name) or LOOPBACK.match(name) or name.lower() in MERGED:
            return name
        plain, dot, vlan = name.rpartition(".")
        if dot and vlan.isdigit():
            return f"{self.interface(plain)[: INTERFACE_MAX - len(vlan) - 1]}.{vlan}"
        family = FAMILY.match(name)
        head = family.group() if family else "x"
        return (head + self.hashed("interface", name, 11))[:INTERFACE_MAX]

    def learn(self, label: str, name: str) -> None:
        """Have *name* replaced wherever it stands in free text; words that mean something everywhere stay."""
        if len(name) > 1 and name not in self._learned and name not in WORDS and not COMMON.fullmatch(name):
            kinds = {"node": self.node, "interface": self.interface}
            hashed = kinds[label](name) if label in kinds else f"{label}-{self.hashed(label, name)}"
            self._learned[name] = hashed
            self._pattern = None

    def text(self, text: str) -> str:
        """Free text with every address and learned name in it replaced."""
        if self._learned and self._pattern is None:
            words = "|".join(map(re.escape, sorted(self._learned, key=len, reverse=True)))
            self._pattern = re.compile(rf"(?<![A-Za-z0-9_])(?:{words})(?![A-Za-z0-9_])")
        text = COMMENT.sub(self._comment, text)
        if self._pattern is not None:
            text = self._pattern.sub(lambda found: self._learned[found.group()], text)
        text = WORKLOAD.sub(lambda found: self.interface(found.group()), text)
        text = MAC.sub(lambda found: self._mac(found.group()), text)
        text = V6.sub(self._v6, text)
        return V4.sub(self._v4, text)

    def _comment(self, found: re.Match[str]) -> str:
        """Comments are for people: all but Calico's own numbers go."""
        if CALICO_COMMENT.fullmatch(found.group(2)):
            return found.group()
        return f'{found.group(1)}"comment-{self.hashed("comment", found.group(2))}"'

    def _mac(self, text: str) -> str:
        return self.addresses.mac(bytes.fromhex(text.replace(":", ""))).hex(":")

    def _v6(self, found: re.Match[str]) -> str:
        try:
            return str(IPv6Address(self.addresses.v6(IPv6Address(found.group()).packed)))
        except AddressValueError:
            return found.group()

    def _v4(self, found: re.Match[str]) -> str:
        address, length = found.group(1), found.group(2) or ""
        try:
            if length:
                network = IPv4Network(address + length)
                return str(self.addresses.network(network)) if network.prefixlen < 32 else self._host(address) + length
        except ValueError:
            pass  # host bits are set: an address with its prefix length
        return self._host(address) + length

    def _host(self, text: str) -> str:
        try:
            return str(IPv4Address(self.addresses.v4(int(IPv4Address(text)))))
        except AddressValueError:
            return text
