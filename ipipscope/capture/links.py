"""An interface as it is and as it changes, in the words of `ip`: iproute2, ip-link(8) and ip-monitor(8)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ipipscope.model import SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping


EVENT: Final = re.compile(
    r"\[(?P<time>\S+)\] *(?P<deleted>Deleted )?(?P<index>\d+): (?P<name>[^:@\s]+)(?:@\S+)?: <(?P<flags>[^>]*)>"
    r" mtu (?P<mtu>\d+)"
)


@dataclass(frozen=True, slots=True)
class Link:
    """What can change of an interface.

    up: whether it is switched on; carrier: whether its other end is there, too.
    """

    index: int
    name: str
    up: bool
    carrier: bool
    mtu: int

    @classmethod
    def of_json(cls, link: Mapping[str, Any]) -> Link:
        """From an entry of `ip -j link`; raises KeyError and TypeError for anything else."""
        flags = link["flags"]
        return cls(link["ifindex"], link["ifname"], "UP" in flags, "LOWER_UP" in flags, link["mtu"])


@dataclass(frozen=True, slots=True)
class Event:
    """One line of `ip monitor link`.

    time: nanoseconds since 1970, by the host's clock.
    """

    time: int
    link: Link
    deleted: bool


def event(line: str) -> Event | None:
    """What a line says; None where it says something else."""
    found = EVENT.match(line)
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(found["time"]).replace(tzinfo=UTC)
    except ValueError:
        return None
    time = int(moment.timestamp()) * SECOND + moment.microsecond * 1000
    flags = found["flags"].split(",")
    link = Link(int(found["index"]), found["name"], "UP" in flags, "LOWER_UP" in flags, int(found["mtu"]))
    return Event(time, link, bool(found["deleted"]))
