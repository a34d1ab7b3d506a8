"""A second opinion on one frame: tshark's, through pyshark.

pyshark runs in XML mode, whose layers keep both IP headers (its JSON mode loses the inner one), and in a thread of its
own, since it wants an event loop that a notebook already runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ipipscope.errors import IpipscopeError

if TYPE_CHECKING:
    from ipipscope.frames import Frame

WAIT: Final = 60
"""Seconds that tshark may take for one frame."""


class TsharkAbsentError(IpipscopeError):
    """There is no second opinion; the message says why, as a sentence."""


def dissect(frame: Frame) -> dict[str, str]:
    """What tshark reads in a frame: our field names (`outer source` ...) and its values as text.

    Raises TsharkAbsentError where tshark or pyshark is not there, or fails.
    """
    try:
        return _fields(packet(frame))
    except TsharkAbsentError as absent:
        raise TsharkAbsentError(f"{absent} Only ipipscope's own decode is shown.") from absent


def packet(frame: Frame) -> Any:
    """The frame as pyshark hands it out, `pyshark.packet.packet.Packet`; usable inside a running event loop.

    Raises TsharkAbsentError where tshark or pyshark is not there, or fails.
    """
    if sys.version_info >= (3, 14):
        raise TsharkAbsentError("pyshark does not work with Python 3.14 and later: use 3.13 or `.scapy()`.")
    if shutil.which("tshark") is None:
        raise TsharkAbsentError("tshark is not installed.")
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(_read(frame))
        except Exception as failure:  # noqa: BLE001  (whatever goes wrong over there, our decode is shown)
            found.append(failure)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(WAIT)
    if not found:
        raise TsharkAbsentError(f"tshark gave no answer within {WAIT} s.")
    if isinstance(found[0], Exception):
        reason = "pyshark is not installed" if isinstance(found[0], ImportError) else f"tshark failed: {found[0]}"
        raise TsharkAbsentError(f"{reason}.")
    return found[0]


def _read(frame: Frame) -> Any:
    import pyshark  # noqa: PLC0415  (94 ms, and only here)

    from ipipscope.capture.pcapng_writer import PcapngWriter  # noqa: PLC0415

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    with contextlib.closing(loop), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frame.pcapng"
        with path.open("wb") as sink:
            writer = PcapngWriter(sink)
            writer.interface(frame.interface)
            writer.packets(frame.records())
        capture = pyshark.FileCapture(str(path), use_json=False)
        try:
            return next(iter(capture))
        finally:
            capture.close()


def _fields(packet: Any) -> dict[str, str]:
    layers = packet.layers
    quoting = next((place for place, layer in enumerate(layers) if layer.layer_name == "icmp"), len(layers))
    ips = [layer for layer in layers[:quoting] if layer.layer_name == "ip"]
    told = {"layers": " ".join(layer.layer_name for layer in layers)}
    for name, layer in (("outer", ips[0] if len(ips) > 1 else None), ("inner", ips[-1] if ips else None)):
        if layer is not None:
            for field, theirs in (("source", "src"), ("destination", "dst"), ("ttl", "ttl"), ("id", "id")):
                told[f"{name} {field}"] = _value(layer, theirs)
            told[f"{name} protocol"] = _value(layer, "proto")
    for name in ("icmp", "tcp", "udp"):
        layer = next((layer for layer in layers if layer.layer_name == name), None)
        if layer is None:
            continue
        wanted = {"icmp": ("type", "code", "ident", "seq"), "tcp": PORTS, "udp": PORTS}[name]
        for theirs in wanted:
            if (value := _value(layer, theirs)) != "":
                told[f"{name} {OURS.get(theirs, theirs)}"] = value
    return told


PORTS: Final = ("srcport", "dstport")
OURS: Final = {"ident": "id", "srcport": "source port", "dstport": "destination port"}


def _value(layer: Any, field: str) -> str:
    value = layer.get_field_value(field)
    if value is None:
        return ""
    text = str(value)
    return str(int(text, 0)) if text.startswith("0x") else text
