"""Where a packet stops making sense: which layer, at which octet, which length said so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipipscope.decoder.columns import Columns


class Layer(IntEnum):
    """What could not be read."""

    LINK = 0
    IPV4 = 1
    """The outermost IPv4 header."""
    INNER_IPV4 = 2
    IPV6 = 3
    CARRIER = 4
    """GRE, VXLAN, MPLS or PPPoE between the link header and IP, or between IP and IP."""
    ICMP = 5
    TCP = 6
    UDP = 7

    @property
    def label(self) -> str:
        """The name in reports."""
        return LABELS[self]


LABELS = {
    Layer.LINK: "link header",
    Layer.IPV4: "IPv4 header",
    Layer.INNER_IPV4: "inner IPv4 header",
    Layer.IPV6: "IPv6 header",
    Layer.CARRIER: "tunnel header",
    Layer.ICMP: "ICMP message",
    Layer.TCP: "TCP header",
    Layer.UDP: "UDP header",
}


class LengthFrom(IntEnum):
    """Who said that there are no more octets."""

    CAPTURED = 0
    """The snaplen: the file holds less than was on the wire. The packet itself may be sound."""
    FRAME = 1
    """The frame ends there."""
    AROUND = 2
    """The length in the header around it."""
    OWN = 3
    """The header's own length field contradicts the rest of it."""
    VERSION = 4
    """Its version is not the one that the header before it announces: `have` is the version."""
    FRAGMENT = 5
    """The rest is in later fragments."""

    @property
    def label(self) -> str:
        """The name in reports."""
        return REASONS[self]


REASONS = {
    LengthFrom.CAPTURED: "captured length",
    LengthFrom.FRAME: "frame length",
    LengthFrom.AROUND: "length in the header around it",
    LengthFrom.OWN: "its own length",
    LengthFrom.VERSION: "version",
    LengthFrom.FRAGMENT: "fragment",
}


@dataclass(frozen=True, slots=True)
class Malformed:
    """One packet's end of sense."""

    layer: Layer
    offset: int
    """Octets from the start of the captured data."""
    need: int
    """Octets this layer asks for."""
    have: int
    """Octets there are."""
    limited_by: LengthFrom

    def __str__(self) -> str:
        if self.limited_by is LengthFrom.VERSION:
            return f"{self.layer.label} at octet {self.offset}: version {self.have} in place of {self.need}"
        return (
            f"{self.layer.label} at octet {self.offset} needs {self.need} octets, has {self.have} "
            f"({self.limited_by.label})"
        )


def malformed(batch: Columns) -> Iterator[tuple[int, Malformed]]:
    """The rows of *batch* that stop making sense, and where."""
    for row, layer, offset, need, have, limited_by in batch.malformed.tolist():
        yield row, Malformed(Layer(layer), offset, need, have, LengthFrom(limited_by))
