"""What a scenario asks for: what to break, what to send, where to record, how to mend it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from .cluster import Cluster, Node


@dataclass(frozen=True, slots=True)
class Step:
    """One shell command in one namespace (a node's name, a pod's, or the fabric's)."""

    namespace: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """A run of echo requests, as iputils sends them."""

    source: str
    target: str
    label: str = ""
    count: int = 10
    interval: float = 0.1
    wait: float = 1
    identifier: int | None = None
    size: int | None = None
    fragment: str = ""
    """Value of ping's -M: do, want or dont."""
    bind: str = ""
    healthy_answers: bool = True
    """Whether it is answered before anything is broken."""

    def command(self, count: int | None = None) -> str:
        """The command line, for *count* requests instead of its own number."""
        options = f"-n -c {count or self.count} -i {self.interval} -W {self.wait:g}"
        if self.identifier is not None:
            options += f" -e {self.identifier}"
        if self.size is not None:
            options += f" -s {self.size}"
        if self.fragment:
            options += f" -M {self.fragment}"
        if self.bind:
            options += f" -I {self.bind}"
        return f"ping {options} {self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tcp:
    """Connections one after another; each sends *octets* and hears how many arrived."""

    source: str
    server: str
    """Namespace of the server; empty where nobody listens."""
    target: str
    port: int = 8080
    connections: int = 3
    octets: int = 2000
    timeout: float = 2.5
    label: str = ""
    healthy_answers: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Udp:
    """Queries from one socket, each waiting for its answer."""

    source: str
    server: str
    target: str
    port: int = 5353
    queries: int = 10
    interval: float = 0.05
    timeout: float = 0.5
    label: str = ""
    healthy_answers: bool = True


Phase = Ping | Tcp | Udp


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens while the traffic runs, *at* seconds after its start."""

    at: float
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One recording: `<node>_<interface>.pcap`, or what *file* says."""

    node: str
    interface: str
    """Or several, separated by commas, for dumpcap."""
    file: str = ""
    snaplen: int | None = None
    precision: str = "micro"
    link_type: str = ""
    tool: str = "tcpdump"
    start_after: float = 0
    """Seconds after the start of the traffic."""
    stop_after: float | None = None
    hangs: tuple[float, float] | None = None
    """From when to when the recorder (dumpcap) gets no time to run: the kernel drops what its buffer cannot hold."""
    filter: str = ""

    @property
    def file_name(self) -> str:
        return self.file or f"{self.node}_{self.interface}.pcap"


@dataclass(slots=True, kw_only=True)
class Plan:
    """One case from beginning to end. Labels as truth.json has them."""

    phases: list[Phase]
    requester: Node
    replier: Node
    points: list[Point] = field(default_factory=list)
    fault: str = "none"
    impact: str = "none"
    codes: tuple[str, ...] = ()
    """The rules of the design that tell this fault: any of them is a right answer. Empty: nothing may be found."""
    cause_class: str | None = None
    where: str | None = None
    drops_at: str | None = None
    seen_at: tuple[str, ...] = ()
    """Nodes at whose points the packets go wrong, where it is another one that is configured wrongly."""
    cause: str | None = None
    prepare: list[Step] = field(default_factory=list)
    """What makes the cluster the one the scenario speaks of; healthy still."""
    breaks: list[Step] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    outages: list[tuple[float, float]] = field(default_factory=list)
    fix: list[Step] = field(default_factory=list)
    together: bool = False
    """Whether the phases run at the same time."""
    notes: list[str] = field(default_factory=list)
    settle: float = 0.3
    """Seconds between the last phase and the end of the recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A named way to make a case out of any cluster that has the *needs*."""

    name: str
    title: str
    make: Callable[[Cluster], Plan]
    needs: frozenset[str]
    pods_per_node: int


SCENARIOS: Final[dict[str, Scenario]] = {}


def scenario(
    name: str, title: str, *, needs: str = "", pods_per_node: int = 1
) -> Callable[[Callable[[Cluster], Plan]], Callable[[Cluster], Plan]]:
    """Enter the decorated function into the library; *needs*: traits of the profile, separated by spaces."""

    def enter(make: Callable[[Cluster], Plan]) -> Callable[[Cluster], Plan]:
        if name in SCENARIOS:
            raise ValueError(f"two scenarios are called {name}")
        SCENARIOS[name] = Scenario(
            name=name, title=title, make=make, needs=frozenset(needs.split()), pods_per_node=pods_per_node
        )
        return make

    return enter
