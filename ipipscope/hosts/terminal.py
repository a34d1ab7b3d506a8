"""Text pasted from a terminal: prompts, commands, what they printed, remarks, answers of the shell."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ipipscope.hosts.formats import calico, ip_text
from ipipscope.hosts.listing import Listing, of_command, of_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LINE_MAX: Final = 4096
_PROMPT = re.compile(
    r"^\s*(?P<prompt>\[[^\]\n]{1,100}\]\s*[#$>%]?|[\w.-]{1,64}@[\w.-]{1,253}[:~ ][^#$>%\n]{0,200}[#$>%]"
    r"|[\w.-]{0,64}(?::[^#$>%\n ]{0,200})?[#$>%])\s*(?P<command>\S.*)$"
)
_HOST = re.compile(r"[\w.-]{1,64}@([\w.-]{1,253})")
_JUST_PROMPT = re.compile(r"^\s*(\[[^\]]{1,100}\]\s*[#$>%]|[\w.-]{1,64}@[\w.-]{1,253}[:~ ][^#$>%]{0,200}[#$>%])\s*$")


@dataclass(slots=True)
class Printed:
    """What one command printed."""

    listing: Listing
    command: str
    """Empty when the paste shows the output alone."""
    host: str | None
    """From the prompt; None when there was none."""
    lines: list[str] = field(default_factory=list)


def printed(lines: Iterable[str]) -> Iterator[Printed]:
    """The outputs in a paste, in order; text that belongs to no known command is passed over."""
    current: Printed | None = None
    for raw in lines:
        line = raw[:LINE_MAX].rstrip()
        command = _command(line)
        if command is not None:
            if current is not None:
                yield current
            current = command
            continue
        if _JUST_PROMPT.match(line):
            if current is not None:
                yield current
            current = None
            continue
        kind = of_line(line)
        if kind is not None and (current is None or (not current.command and not _goes_on(current.listing, kind))):
            if current is not None:
                yield current
            current = Printed(kind, "", current.host if current is not None else None)
        if current is not None:
            current.lines.append(line)
    if current is not None:
        yield current


def _goes_on(listing: Listing, kind: Listing) -> bool:
    same = {Listing.ADDRESSES: {Listing.LINKS}, Listing.IPTABLES: set(Listing), Listing.IPSETS: set(Listing)}
    return listing is kind or kind in same.get(listing, ())


def _command(line: str) -> Printed | None:
    match = _PROMPT.match(line)
    if match is None:
        return None
    listing = of_command(match["command"])
    host = _HOST.search(match["prompt"])
    if listing is None and host is None:
        return None  # a remark behind `#`, a quoted line: no prompt of a known command
    return Printed(listing or Listing.OTHER, match["command"], host[1] if host else None)


def kept(one: Printed) -> list[str]:
    """The lines of *one* that its command can have printed: remarks and the shell's answers are dropped."""
    test = {
        Listing.ROUTES: ip_text.looks_like_a_route,
        Listing.SOME_ROUTES: ip_text.looks_like_a_route,
        Listing.ALL_ROUTES: ip_text.looks_like_a_route,
        Listing.RULES: ip_text.looks_like_a_rule,
        Listing.CALICO_STATUS: calico.looks_like_a_peer,
    }.get(one.listing)
    if test is not None:
        return [line for line in one.lines if test(line)]
    if one.listing in (Listing.ADDRESSES, Listing.LINKS):
        inside, chosen = False, []
        for line in one.lines:
            head = ip_text.looks_like_an_interface(line)
            inside = head or (inside and (line[:1].isspace() or not line))
            if inside:
                chosen.append(line)
        return chosen
    return [line for line in one.lines if line.strip()]
