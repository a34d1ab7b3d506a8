"""The words of the design as types: what a person reads is built from these few frozen values.

Packets by the million live in columns (`ipipscope.decoder.columns`); what is here is small. Time is integer
nanoseconds since 1970-01-01 UTC everywhere; an address is `ipaddress.IPv4Address`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address  # noqa: TC003  (dataclass fields are resolved at run time for the schema)
from typing import TYPE_CHECKING, Final

from ipipscope.language.said import counted

if TYPE_CHECKING:
    from ipipscope.language.said import Said

STDIN_NODE: Final = "stdin"
"""The node of what comes in by standard input, where nothing says whose it is."""
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000


class Role(StrEnum):
    """What a capture point shows."""

    PHYSICAL = "physical"
    """A NIC: outer headers are visible."""
    TUNNEL = "tunnel"
    """tunl0 and its like: inner headers only, before encapsulation and after decapsulation."""
    WORKLOAD = "workload"
    """A pod's interface on the host (cali*, veth*): inner headers only."""
    ANY = "any"
    """All interfaces of a node in one Linux cooked capture."""
    OTHER_TUNNEL = "other-tunnel"
    """The device of a tunnel that is not IPIP (vxlan.calico, gre1, ip6tnl1): says nothing of IPIP, seen or missing."""
    LOOPBACK = "loopback"
    """lo: nothing of an overlay passes here."""


class Leg(StrEnum):
    """Which packet of an exchange was seen."""

    REQUEST = "request"
    REPLY = "reply"
    REQUEST_ERROR = "request-error"
    """An ICMP error that quotes the request."""
    REPLY_ERROR = "reply-error"
    """An ICMP error that quotes the reply."""


class Impact(StrEnum):
    """What the user lost."""

    LOSS = "loss"
    PARTIAL = "partial"
    NONE = "none"


class Confidence(StrEnum):
    """How sure a finding is; it falls with what was not captured."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


class CauseClass(StrEnum):
    """Kinds of causes (DESIGN.md, section 6)."""

    WRONG_ROUTE = "wrong-route"
    RP_FILTER = "rp-filter"
    FIREWALL = "firewall"
    TUNNEL_DEVICE_DOWN = "tunnel-device-down"
    MTU = "mtu"
    POD_GONE = "pod-gone"
    POD_DEAD = "pod-dead"
    NAT = "nat"
    SOURCE_SELECTION = "source-selection"
    NETWORK_LOSS = "network-loss"
    NETWORK = "network"
    CAPTURE_WINDOW = "capture-window"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, order=True)
class CapturePoint:
    """One interface of one node where packets were recorded."""

    node: str
    interface: str

    def __str__(self) -> str:
        return f"{self.node}:{self.interface}" if self.node != self.interface else self.node

    @property
    def told(self) -> bool:
        """Whether its node is known: a file whose name tells none stands for node and interface both."""
        return self.node not in {self.interface, STDIN_NODE}


@dataclass(frozen=True, slots=True, kw_only=True)
class PointSummary:
    """What one capture point recorded, from one file or several."""

    point: CapturePoint
    role: Role
    files: tuple[str, ...]
    link_types: tuple[str, ...]
    snaplen: int
    """The smallest of its files, octets; 0 when no file says."""
    packets: int
    """Recorded at this point, identical records of several files counted once."""
    first: int | None
    """Capture time of its first packet; None when it recorded none."""
    last: int | None
    dropped: int | None = None
    """Packets that the capture itself lost; None when the file does not say."""
    kinds: dict[str, int] = field(default_factory=dict)
    """Packets by kind: native, ipip, arp, ipv6 ... (names of `ipipscope.decoder.columns.Kind`)."""
    on_tunnel: int = 0
    """Packets that a cooked capture saw on an IPIP tunnel device."""
    malformed: dict[str, int] = field(default_factory=dict)
    """Packets that stop making sense, by layer: inner IPv4 header, ICMP message ... (`ipipscope.decoder.malformed`)."""


@dataclass(frozen=True, slots=True, order=True)
class Flow:
    """The inner addresses of a conversation, in the requester's direction."""

    src: IPv4Address
    dst: IPv4Address
    protocol: str
    """icmp, tcp or udp."""
    id: int | None = None
    """ICMP identifier; None for other protocols and where several were folded into one line."""
    sport: int | None = None
    dport: int | None = None


@dataclass(frozen=True, slots=True)
class OuterPair:
    """The tunnel's ends as one packet names them: outer source and outer destination."""

    src: IPv4Address
    dst: IPv4Address

    def __str__(self) -> str:
        return f"{self.src} > {self.dst}"


@dataclass(frozen=True, slots=True)
class TunnelPair:
    """Outer pairs of a request and of its reply; None where it was not seen encapsulated."""

    request: OuterPair | None
    reply: OuterPair | None


class Passage(StrEnum):
    """What the captures tell of a packet at one place of its way."""

    SEEN = "seen"
    MISSING = "missing"
    """A point that would have shown it was recording, and did not show it."""
    UNWATCHED = "unwatched"
    """Nothing that would have shown it was recording: nothing is claimed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One place on the way of a request or a reply: a node's workload, tunnel or NIC."""

    leg: Leg
    node: str | None
    """A node that was not captured goes by its outer address; None where not even that is known."""
    role: Role
    """workload, tunnel or physical."""
    interface: str | None
    """Where it was seen, or should have been; `any` in a cooked capture; None where nothing tells."""
    passage: Passage
    outer: OuterPair | None = None
    """The outer header that the packet carried there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorSeen:
    """An ICMP error about one leg, on its way back to where the leg came from.

    about: request or reply.
    sender, to: inner or outer addresses, as the error itself has them.
    node: the captured node that sent it; None for another, as a router between the nodes.
    what: what it says, in a few words.
    hops: where it was seen, in the order of its way.
    arrived: whether it was seen where it went; None where nothing recorded there.
    """

    about: Leg
    sender: IPv4Address
    to: IPv4Address
    node: str | None
    what: str
    hops: tuple[Hop, ...]
    arrived: bool | None


@dataclass(frozen=True, slots=True)
class PathSeen:
    """The way of one flow's exchanges, there and back: workload, tunnel, NIC, the other NIC, tunnel, workload."""

    flow: Flow
    hops: tuple[Hop, ...]
    """The request's first."""
    errors: tuple[ErrorSeen, ...] = ()


VERDICTS: Final = ("answered", "unanswered", "undecided")
"""The words for what an exchange shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one exchange shows.

    answered: whether the reply arrived at the requester; None where the captures do not tell.
    code: the rule that explains it, as IPIP101; None where none struck.
    finding: place of the finding that counts it among the report's findings, from 0; None for none.
    """

    answered: bool | None
    code: str | None = None
    finding: int | None = None

    @property
    def word(self) -> str:
        """One of VERDICTS."""
        return VERDICTS[2 if self.answered is None else int(not self.answered)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One frame that helps to prove a finding."""

    file: str
    frame: int
    """Place in *file*, from 1, as Wireshark counts."""
    time: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The line of host configuration that explains a finding."""

    cls: CauseClass
    node: str | None
    config: str | None
    """The guilty line as the host shows it."""
    text: str
    """One or two sentences for people."""
    counters: tuple[str, ...] = ()
    """Counters that moved and support the cause, as `tunl0 tx collisions 20`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """A command that mends a finding's cause; printed, never run."""

    node: str
    command: str
    why: str = ""
    risk: str = ""
    undo: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule with all the exchanges it struck on one node and tunnel pair."""

    code: str
    rule: str
    impact: Impact
    confidence: Confidence
    node: str | None
    interface: str | None
    count: int
    first: int
    last: int
    summary: str
    tunnels: tuple[TunnelPair, ...] = ()
    flows: tuple[Flow, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    display_filter: str = ""
    """Selects the struck packets in Wireshark and `tshark -Y`."""
    consequences: tuple[str, ...] = ()
    """Codes of rules that the same exchanges strike because of this one."""
    pattern: str = ""
    """When its losses happen, to which sizes or which flows; empty where nothing sets them apart."""
    disproved_by: str = ""
    next_captures: tuple[str, ...] = ()
    """What to record next where the captures do not settle it."""
    path: PathSeen | None = None
    """Of its busiest flows, the one that was seen at most places."""
    cause: Cause | None = None
    remedy: tuple[Remedy, ...] = ()
    counts_packets: bool = False
    """Whether *count* is of packets, not of exchanges."""

    @property
    def counted(self) -> Said:
        """What it counts, as `20 exchanges`."""
        return counted(self.count, "packet") if self.counts_packets else counted(self.count, "exchange")
