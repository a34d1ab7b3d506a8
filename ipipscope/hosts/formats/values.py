"""Foreign text into numbers, addresses and names, or a refusal that can be printed."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Final

from ipipscope.hosts.errors import BadState
from ipipscope.hosts.model import ANYWHERE

SHOWN_MAX: Final = 60
U32: Final = 0xFFFF_FFFF
U64: Final = 0xFFFF_FFFF_FFFF_FFFF
_INTERFACE = re.compile(r"[!-.0-9;-~]{1,15}", re.ASCII)  # printable ASCII without space, '/' and ':'
_DIGITS_MAX: Final = 20  # of 2**64: longer ones are refused before they are turned into a number


def shown(text: object, limit: int = SHOWN_MAX) -> str:
    """Foreign *text* fit to print in one line: control characters escaped, cut after *limit* characters."""
    whole = str(text[: limit + 1] if isinstance(text, str) else text)
    cut = whole[:limit] + ("..." if len(whole) > limit else "")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in cut)


def clean(text: object, what: str, limit: int = 1024) -> str:
    """*text* as a string without control characters, at most *limit* long."""
    if not isinstance(text, str):
        raise BadState(f"{what} is {shown(repr(text))}, not text.")
    if len(text) > limit:
        raise BadState(f"{what} is {len(text)} characters long, at most {limit} are taken.")
    return text if text.isprintable() else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def interface_name(text: object, what: str = "interface name") -> str:
    """*text* when the kernel would take it as an interface's name (dev_valid_name, net/core/dev.c).

    The `@if7` that ip shows behind a name is cut off.
    """
    if not isinstance(text, str):
        raise BadState(f"{what} is {shown(repr(text))}, not text.")
    name = text.split("@", 1)[0] if len(text) < 64 else text
    if name in (".", "..") or not _INTERFACE.fullmatch(name):
        raise BadState(f"{what} '{shown(name)}' is none that the kernel allows.")
    return name


def whole(value: object, what: str, limit: int = U64) -> int:
    """*value* as a number from 0 to *limit*; text is read as decimal, or hexadecimal after 0x."""
    number: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and len(value) <= _DIGITS_MAX and value.isascii():
        try:
            number = int(value, 16 if value[:2].lower() == "0x" else 10)
        except ValueError:
            number = None
    if number is None or not 0 <= number <= limit:
        raise BadState(f"{what} is {shown(repr(value))}, not a number from 0 to {limit}.")
    return number


def address(value: object, what: str = "address") -> IPv4Address:
    """*value* as an IPv4 address in dotted form."""
    if isinstance(value, str) and len(value) <= 15:
        try:
            return IPv4Address(value)
        except ValueError:
            pass
    raise BadState(f"{what} '{shown(value)}' is no IPv4 address.")


def is_address(text: str) -> bool:
    """Whether *text* is an IPv4 address in dotted form."""
    try:
        address(text)
    except BadState:
        return False
    return True


def network(value: object, what: str = "network") -> IPv4Network:
    """*value* as an IPv4 network; `default` and `all` are 0.0.0.0/0, `10.1` is read as iproute2 does."""
    if value in ("default", "all", "any"):
        return ANYWHERE
    if isinstance(value, str) and len(value) <= 18:
        base, slash, length = value.partition("/")
        if slash and base.count(".") < 3:
            base += ".0" * (3 - base.count("."))
        try:
            return IPv4Network(f"{base}/{length}" if slash else base, strict=False)
        except ValueError:
            pass
    raise BadState(f"{what} '{shown(value)}' is no IPv4 network.")


def is_ipv6(text: object) -> bool:
    """Whether *text* can only be an IPv6 address or network; those are left out."""
    return isinstance(text, str) and ":" in text and re.fullmatch(r"[0-9a-fA-F:.]+(/\d{1,3})?", text[:64]) is not None


def items(value: Any, what: str) -> list[dict[str, Any]]:
    """*value* as a list of JSON objects."""
    if not isinstance(value, list):
        raise BadState(f"{what} is {_kind(value)}, not a list.", "Was it printed with `ip -j`?")
    for place, item in enumerate(value):
        if not isinstance(item, dict):
            raise BadState(f"{what}: entry {place + 1} is {_kind(item)}, not an object.")
    return value


def member(value: Any, name: str, what: str) -> dict[str, Any]:
    """The object called *name* in *value*, an empty one where it is not there."""
    inner = value.get(name)
    if inner is None:
        return {}
    if not isinstance(inner, dict):
        raise BadState(f"{what}: '{name}' is {_kind(inner)}, not an object.")
    return inner


def words(value: Any, what: str) -> tuple[str, ...]:
    """*value* as a list of short words."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BadState(f"{what} is {_kind(value)}, not a list.")
    return tuple(clean(word, what, 64) for word in value)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", int: "a number", float: "a number", bool: "true or false"}
    return names.get(type(value), "nothing")
