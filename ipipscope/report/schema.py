"""The JSON report as pydantic models: the source of the JSON Schema that ships with the package.

Not imported on the way to a report: `ipipscope.report.json_report` writes the same keys from plain values, and a test
holds the two together.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CapturePoint(_Strict):
    """What one capture point recorded."""

    node: str
    interface: str
    role: Literal["physical", "tunnel", "workload", "any", "other-tunnel", "loopback"]
    file: str
    files: list[str]
    link_type: str
    packets: int
    first: str | None = Field(description="Time of the first packet, UTC, nanoseconds")
    last: str | None
    dropped: int | None = Field(description="Packets that the capture lost, where the file says so")
    kinds: dict[str, int] = Field(description="Packets by kind: native, ipip, arp ...")
    malformed: dict[str, int] = Field(
        default_factory=dict, description="Packets that stop making sense, by the layer where they do"
    )


class Summary(_Strict):
    """Counts over all capture points."""

    packets: int
    encapsulated: int
    exchanges: int
    answered: int = Field(description="Exchanges whose reply arrived at the requester, as far as the captures show")
    unanswered: int
    undecided: int
    healthy: bool = Field(description="Nothing of impact loss or partial was found")


class Tunnel(_Strict):
    """Outer source and outer destination of request and reply."""

    request: tuple[str, str] | None
    reply: tuple[str, str] | None


class Flow(_Strict):
    """Inner addresses, in the requester's direction."""

    src: str
    dst: str
    protocol: Literal["icmp", "tcp", "udp"]
    id: int | None = Field(description="ICMP identifier")
    dport: int | None = Field(description="TCP or UDP port of the replier")


class Hop(_Strict):
    """One place on the way of a request or a reply."""

    leg: Literal["request", "reply"]
    node: str | None = Field(description="A node that was not captured goes by its outer address")
    role: Literal["physical", "tunnel", "workload"]
    interface: str | None
    passage: Literal["seen", "missing", "unwatched"] = Field(
        description="missing: a point that would have shown it was recording; unwatched: none was"
    )
    outer: tuple[str, str] | None = Field(description="The outer header it carried there")


class ErrorPlace(_Strict):
    """Where an ICMP error was seen."""

    node: str | None
    interface: str | None


class PathError(_Strict):
    """An ICMP error about the request or the reply."""

    about: Literal["request", "reply"]
    what: str
    from_: str = Field(alias="from", description="Its source address")
    node: str | None = Field(description="The captured node that sent it")
    to: str
    seen: list[ErrorPlace] = Field(description="In the order of its way")
    arrived: bool | None = Field(description="Whether it was seen where it went; null where nothing recorded there")


class Path(_Strict):
    """The way of one flow's exchanges, there and back."""

    flow: Flow
    hops: list[Hop]
    errors: list[PathError]


class Evidence(_Strict):
    """One frame that helps to prove a finding."""

    file: str
    frame: int = Field(description="Place in its file, from 1, as Wireshark counts")
    time: str
    what: str


class Cause(_Strict):
    """The line of host configuration that explains a finding."""

    class_: str = Field(alias="class")
    node: str | None
    config: str | None
    text: str
    counters: list[str]


class Remedy(_Strict):
    """A command that mends the cause; printed, never run."""

    node: str
    command: str
    why: str
    risk: str
    undo: str


class Finding(_Strict):
    """A rule with all the exchanges it struck on one node and tunnel pair."""

    code: str
    rule: str
    impact: Literal["loss", "partial", "none"]
    confidence: Literal["certain", "likely", "possible"]
    node: str | None
    interface: str | None
    count: int
    first: str
    last: str
    summary: str
    tunnels: list[Tunnel]
    flows: list[Flow]
    evidence: list[Evidence]
    display_filter: str
    consequences: list[str]
    pattern: str
    disproved_by: str
    next_captures: list[str]
    path: Path | None
    cause: Cause | None
    remedy: list[Remedy]


class Problem(_Strict):
    """Something that could not be read."""

    file: str
    problem: str
    hint: str
    frame: int | None
    offset: int | None


class Clock(_Strict):
    """A node's clock against another's, from packets that both recorded."""

    node: str
    reference: str
    offset: float = Field(description="seconds by which it is ahead")
    uncertainty: float | None = Field(description="seconds; null where one direction only was seen at both")
    drift: float | None = Field(description="nanoseconds gained a second; null where the packets span too little time")
    packets: int


class Report(_Strict):
    """What a triage says."""

    schema_: Literal["ipipscope.report/1"] = Field(alias="schema")
    capture_points: list[CapturePoint]
    summary: Summary
    findings: list[Finding]
    problems: list[Problem]
    notes: list[str]
    clocks: list[Clock]
