"""What is known of a capture apart from its packets: what the rules about captures need."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipipscope.model import CapturePoint


@dataclass(frozen=True, slots=True)
class CaptureFacts:
    """Facts per capture point, from file headers and interface statistics.

    dropped: packets that the capture itself lost, where a file says so.
    snaplen: octets of each packet that were kept, where a file says so; 0 is no limit.
    files: by source number.
    """

    dropped: dict[CapturePoint, int] = field(default_factory=dict)
    snaplen: dict[CapturePoint, int] = field(default_factory=dict)
    files: tuple[str, ...] = ()
