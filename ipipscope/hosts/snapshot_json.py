"""A snapshot as JSON and back: schema `ipipscope.snapshot/1`.

The form follows the fields of `ipipscope.hosts.model`: an address and a network are text, a field that holds its
default is left out, `schema` stands at the top. Reading back gives an equal value. Unknown fields are passed over, so
that an older ipipscope reads a newer file as far as it knows it; a field of the wrong type is refused.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from enum import StrEnum
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Final

from ipipscope.hosts.errors import BadState
from ipipscope.hosts.formats.values import U64, address, clean, interface_name, network, shown
from ipipscope.hosts.model import Snapshot

SCHEMA: Final = "ipipscope.snapshot/1"
TEXT_MAX: Final = 16_384
_INTERFACE_FIELDS = frozenset(("interface", "device", "master", "in_interface", "out_interface"))


def to_json(snapshot: Snapshot) -> str:
    """*snapshot* as JSON text, ending in a newline."""
    return json.dumps({"schema": SCHEMA, **_encode_fields(snapshot)}, ensure_ascii=False, indent=1) + "\n"


def from_document(document: Any) -> Snapshot:
    """The snapshot in decoded JSON; raises BadState, naming the field, for anything that is none."""
    if not isinstance(document, dict) or not isinstance(document.get("schema"), str):
        raise BadState("it is no snapshot: it names no schema.", "Take one with `ipipscope snapshot`.")
    if document["schema"] != SCHEMA:
        raise BadState(f"its schema is '{shown(document['schema'])}', this ipipscope reads {SCHEMA}.", "Take it again.")
    if not isinstance(document.get("node"), str) or not document["node"]:
        raise BadState("it names no node.", "Take it again with `ipipscope snapshot`.")
    return typing.cast("Snapshot", _decode(Snapshot, document, "snapshot"))


def is_snapshot(document: Any) -> bool:
    """Whether *document* says that it is a snapshot, of whatever version."""
    return isinstance(document, dict) and str(document.get("schema", "")).startswith("ipipscope.snapshot")


def _encode(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return _encode_fields(value)
    if isinstance(value, (tuple, list)):
        return [_encode(item) for item in value]
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items()}
    return str(value) if isinstance(value, (IPv4Address, IPv4Network, StrEnum)) else value


def _encode_fields(value: Any) -> dict[str, Any]:
    encoded = {}
    for field in dataclasses.fields(value):
        held = getattr(value, field.name)
        default = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        if held != default:
            encoded[field.name] = _encode(held)
    return encoded


@cache
def _hints(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


@cache
def _required(cls: type) -> frozenset[str]:
    missing = dataclasses.MISSING
    return frozenset(f.name for f in dataclasses.fields(cls) if f.default is missing and f.default_factory is missing)


def _decode(kind: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        inner = next(one for one in typing.get_args(kind) if one is not types.NoneType)
        return None if value is None else _decode(inner, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise _wrong(where, value, "a list")
        item = typing.get_args(kind)[0]
        return tuple(_decode(item, one, f"{where}[{place}]") for place, one in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise _wrong(where, value, "an object")
        item = typing.get_args(kind)[1]
        return {clean(key, where, 128): _decode(item, one, f"{where}.{shown(key)}") for key, one in value.items()}
    if dataclasses.is_dataclass(kind):
        return _decode_fields(kind, value, where)
    return _plain(kind, value, where)


def _decode_fields(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise _wrong(where, value, "an object")
    missing = _required(kind) - value.keys()
    if missing:
        raise BadState(f"{where} lacks '{min(missing)}'.")
    fields = {}
    for name, hint in _hints(kind).items():
        if name in value:
            fields[name] = _decode(hint, value[name], f"{where}.{name}")
            if name in _INTERFACE_FIELDS and fields[name] is not None:
                interface_name(fields[name], f"{where}.{name}")
    return kind(**fields)


def _plain(kind: Any, value: Any, where: str) -> Any:
    if kind is IPv4Address:
        return address(value, where)
    if kind is IPv4Network:
        return network(value, where)
    if kind is bool:
        if not isinstance(value, bool):
            raise _wrong(where, value, "true or false")
        return value
    if kind is int:
        if not isinstance(value, int) or isinstance(value, bool) or not -U64 <= value <= U64:
            raise _wrong(where, value, "a number of at most 64 bits")
        return value
    text = clean(value, where, TEXT_MAX)
    if kind is str:
        return text
    try:
        return kind(text)  # a StrEnum
    except ValueError as error:
        raise _wrong(where, value, f"one of {', '.join(kind)}") from error


def _wrong(where: str, value: object, wanted: str) -> BadState:
    return BadState(f"{where} is {shown(repr(value))}, not {wanted}.")
