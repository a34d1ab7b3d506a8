"""One frame for a terminal: our decode beside tshark's, then its headers octet by octet."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

from ipipscope.decoder import link
from ipipscope.decoder.columns import Flags, Kind, Part
from ipipscope.report.headers import headers
from ipipscope.report.inert import inert
from ipipscope.report.lines import cells
from ipipscope.report.times import iso

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ipipscope.frames import Frame
    from ipipscope.report.lines import Line

PAYLOAD_SHOWN: Final = 64
"""Octets of what is no header that are shown."""
NO_TIME: Final = -(1 << 63)


def write_frame(frame: Frame, theirs: Mapping[str, str] | None, why: str = "") -> Iterator[Line]:
    """The frame, in at most 80 columns.

    theirs: what tshark reads; None with *why* where there is no second opinion.
    """
    kind = Kind(int(frame.columns.kind[0])).label
    when = "no time" if frame.time == NO_TIME else iso(frame.time).replace("T", " ").replace("Z", " UTC")
    yield [(f"frame {frame.number}", "bold"), (f" of {inert(frame.file)}, at {inert(frame.point)}", "")]
    cut = "" if len(frame.octets) >= frame.wire else f", {len(frame.octets)} of them captured"
    yield [(f"{when}, {frame.wire} octets{cut}, {link.name(frame.interface.link_type)}", "")]
    yield []
    yield from _compared({"kind": kind, **ours(frame)}, theirs)
    if theirs is None:
        yield [(inert(why), "dim")]
    for header in headers(frame.octets, frame.interface.link_type):
        yield []
        end = header.start + len(header.octets) - 1
        yield [(header.name, "bold"), (f", {header.start} to {end}", "dim")]
        if header.fields:
            for field in header.fields:
                yield [(f"  {field.start:>4}  ", "dim"), (f"{field.octets.hex(' '):<24}", ""), (field.meaning, "")]
            continue
        shown = header.octets[:PAYLOAD_SHOWN]
        for at in range(0, len(shown), 16):
            row = shown[at : at + 16]
            text = "".join(chr(each) if 32 <= each < 127 else "." for each in row)
            yield [(f"  {header.start + at:>4}  ", "dim"), (f"{row.hex(' '):<49}", ""), (text, "dim")]
        if len(header.octets) > PAYLOAD_SHOWN:
            yield [(f"        and {len(header.octets) - PAYLOAD_SHOWN} more octets", "dim")]


def ours(frame: Frame) -> dict[str, str]:
    """What our decoder reads, by field name; only fields that the packet has."""
    row = {name: int(getattr(frame.columns, name)[0]) for name in FIELDS}
    told: dict[str, str] = {}
    if row["vlan"]:
        told["vlan"] = str(row["vlan"])
    if row["depth"] > 1:
        told["outer source"] = str(IPv4Address(row["outer_src"]))
        told["outer destination"] = str(IPv4Address(row["outer_dst"]))
        told["outer ttl"], told["outer id"] = str(row["outer_ttl"]), str(row["outer_id"])
        told["outer protocol"] = "4"
    if row["depth"]:
        told["inner source"] = str(IPv4Address(row["inner_src"]))
        told["inner destination"] = str(IPv4Address(row["inner_dst"]))
        told["inner ttl"], told["inner id"] = str(row["inner_ttl"]), str(row["inner_id"])
        told["inner protocol"] = str(row["inner_proto"])
    part = Part(row["part"])
    if part in {Part.ECHO_REQUEST, Part.ECHO_REPLY, Part.ERROR}:
        told["icmp type"], told["icmp code"] = str(row["icmp_type"]), str(row["icmp_code"])
    if part in {Part.ECHO_REQUEST, Part.ECHO_REPLY}:
        told["icmp id"], told["icmp seq"] = str(row["icmp_id"]), str(row["icmp_seq"])
    transport = {6: "tcp", 17: "udp"}.get(row["inner_proto"])
    if transport and row["sport"]:
        told[f"{transport} source port"] = str(row["sport"])
        told[f"{transport} destination port"] = str(row["dport"])
    if part is not Part.NONE:
        told["part"] = part.name.lower().replace("_", " ")
    flags = [flag.name.lower().replace("_", " ") for flag in Flags if row["flags"] & flag and flag.name]
    if flags:
        told["flags"] = ", ".join(flags)
    return told


FIELDS: Final = (
    "vlan", "depth", "outer_src", "outer_dst", "outer_ttl", "outer_id", "inner_src", "inner_dst", "inner_ttl",
    "inner_id", "inner_proto", "part", "icmp_type", "icmp_code", "icmp_id", "icmp_seq", "sport", "dport", "flags",
)  # fmt: skip


def _compared(ours_: Mapping[str, str], theirs: Mapping[str, str] | None) -> Iterator[Line]:
    """A row a field; a field that both know and read differently is marked."""
    names = list(dict.fromkeys([*ours_, *(theirs or {})]))
    head = f"{'field':<24}{'ipipscope':<20}" + ("tshark" if theirs is not None else "")
    yield [(head.rstrip(), "dim")]
    for name in names:
        mine, other = ours_.get(name, ""), inert((theirs or {}).get(name, ""))
        differs = theirs is not None and bool(mine) and bool(other) and mine != other
        room = " " * max(1, 20 - cells(mine))
        mark = "  <- they differ" if differs else ""
        yield [(f"{name:<24}{mine}{room}{other}{mark}".rstrip(), "bold red" if differs else "")]
