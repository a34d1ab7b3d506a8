"""Pages of the manual that are made from the program: `python -m docs.pages` writes them, and a man page.

Every rule from the catalogue, every command from the command line, every key from the JSON Schema.
"""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from typer.models import ArgumentInfo

from ipipscope import __version__
from ipipscope.capture.compression import OPENERS
from ipipscope.capture.pcap import FORMS, LONGEST
from ipipscope.cli.program import app
from ipipscope.decoder import link
from ipipscope.decoder.columns import Kind
from ipipscope.report.json_report import json_schema
from ipipscope.rules.catalogue import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
EXAMPLE = re.compile(r"(```console\n\$ .*\n)([^`]*)")
"""A command of an example, and what it prints."""
BAR = "\\|"
"""A bar in a cell."""
RECORD = 16
"""Octets of the header of a record of pcap."""
MADE = "<!-- Made by `python -m docs.pages`: change the program, not this page. -->"


def pages() -> dict[str, str]:
    """File names below `docs/`, and what they should hold."""
    return {
        "rules.md": "\n".join(rules()) + "\n",
        "commands.md": "\n".join(commands()) + "\n",
        "json-report.md": "\n".join(json_report()) + "\n",
        "formats.md": "\n".join(formats()) + "\n",
        "ipipscope.1": "\n".join(man_page()) + "\n",
    }


# Formats -------------------------------------------------------------------------------------------------------------


def formats() -> Iterator[str]:
    """What is read: containers, compressions, link types, and what packets are counted as."""
    yield MADE
    yield ""
    yield "# Formats and link types"
    yield ""
    yield "What a file is follows from its content, never from its name. `-` is standard input."
    yield ""
    yield "## Files"
    yield ""
    yield "| first octets | format |"
    yield "|---|---|"
    for magic, form in FORMS.items():
        order, unit = ("big" if form.big else "little"), ("nanoseconds" if form.tick == 1 else "microseconds")
        more = ", record headers of 24 octets (old Red Hat kernels)" if form.header > RECORD else ""
        yield f"| `{magic.hex()}` | pcap, {order}-endian, {unit}{more} |"
    yield "| `0a0d0d0a` | pcapng: any number of sections, of either octet order |"
    yield ""
    yield "Of pcapng, packets of enhanced, simple and obsolete blocks are read, and of interfaces name, description,"
    yield "filter, system, snaplen, resolution (powers of 10 and of 2) and time offset, and what their statistics"
    yield "say was received and dropped. All other blocks are passed over by their length. A record is believed up"
    yield f"to {LONGEST:,} octets, or up to the file's snaplen where that is larger."
    yield ""
    yield "Statistics of dumpcap and of `ipipscope capture` also say from when to when an interface recorded. That"
    yield "counts, so that an interface without packets shows that nothing came, as long as the file holds the packets"
    yield "that were counted (it was not cut or filtered since), none was lost, and their times are of that time. Of"
    yield "dumpcap's times the last second is left out: packets of its last 0.4 s were seen to be missing."
    yield ""
    yield "| first octets | compression |"
    yield "|---|---|"
    for magic, (kind, _, extra) in OPENERS.items():
        needs = f", `pip install '{extra}'`" if extra.startswith("ipipscope[") else ""
        yield f"| `{magic.hex()}` | {kind}{needs} |"
    yield ""
    yield "Several compressed members in a row are one file. Of one that is cut or damaged, everything before is"
    yield "read."
    yield ""
    yield "Damaged octets in a plain file are skipped to the next place where records make sense, and told with"
    yield "their offsets. A file that ends inside a record is read up to there; where some process of this host"
    yield "still writes it, that is said instead of a loss."
    yield ""
    yield "## Link types"
    yield ""
    yield "| number | name | |"
    yield "|---|---|---|"
    for number in sorted(link.DECODED):
        what = "Linux cooked: what `-i any` records" if number in link.COOKED else ""
        yield f"| {number} | `{link.name(number)}` | {'IP without a link header' if number in link.RAW_IP else what} |"
    yield ""
    yield "Between these and IP, VLAN tags (802.1Q, 802.1ad), LLC/SNAP, MPLS labels, PPPoE and PPP are looked"
    yield "through. Frames of other link types, 802.11 among them, are counted and named."
    yield ""
    yield "## What packets are counted as"
    yield ""
    yield ", ".join(f"`{kind.label}`" for kind in Kind) + "."
    yield ""
    yield "Only IPIP (protocol 4) is judged. IPv4 inside GRE, VXLAN and IPv6 is read and its exchanges are followed,"
    yield "but no rule about encapsulation is struck by it; their devices (`vxlan.calico`, `gre1`, `ip6tnl1`) have"
    yield "the role `other-tunnel`. VXLAN is known by UDP port 4789, and by 8472 where the header leaves no doubt;"
    yield "GRE is that of version 0 without source routes. `ipv6-under-ipip` is an IPv6 header behind protocol 4,"
    yield "which RFC 2003 does not know."


# Rules ---------------------------------------------------------------------------------------------------------------


def rules() -> Iterator[str]:
    """Every rule as `ipipscope explain` tells it."""
    yield MADE
    yield ""
    yield "# Rules"
    yield ""
    yield "What can be wrong, by number. `ipipscope explain IPIP101` says the same in a terminal."
    yield ""
    yield "| number | name | what is seen |"
    yield "|---|---|---|"
    for rule in RULES.values():
        yield f"| [{rule.code}](#{rule.code.lower()}-{rule.name}) | `{rule.name}` | {_cell(rule.seen)} |"
    for rule in RULES.values():
        yield ""
        yield f"## {rule.code} {rule.name}"
        for title, text in (
            ("Seen", rule.seen),
            ("Meaning", rule.meaning),
            ("How it looks", rule.looks),
            ("Usual causes", rule.causes),
            ("How to mend it", rule.mend),
            ("What would disprove it", rule.disproved_by),
            ("What to record next", rule.capture_next),
            ("Source", rule.source),
        ):
            yield ""
            yield f"**{title}.** {_prose(text)}"


def _prose(text: str) -> str:
    return text.replace("*", "\\*").replace("<", "\\<").replace("_", "\\_")


def _cell(text: str) -> str:
    return _prose(text).replace("|", "\\|")


# Commands ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parameter:
    """An argument, or an option with all its names; `value` is empty for a flag."""

    names: tuple[str, ...]
    value: str
    help: str
    default: str

    @property
    def written(self) -> str:
        """As it is written on the command line."""
        return f"{', '.join(self.names)} {self.value}".strip()

    @property
    def told(self) -> str:
        """What it does, and what it is when it is not given."""
        return f"{self.help} Default: {self.default}." if self.default else self.help


@dataclass(frozen=True)
class Command:
    """A command as its function says it."""

    name: str
    text: str
    examples: list[str]
    parameters: list[Parameter]


def commands_of_the_program() -> list[Command]:
    """All commands, from the functions and annotations that the command line is built from."""
    found = []
    for registered in app.registered_commands:
        function = registered.callback
        assert function is not None
        text, _, examples = inspect.cleandoc(function.__doc__ or "").partition("Examples:")
        hints = get_type_hints(function, include_extras=True)
        found.append(
            Command(
                name=registered.name or function.__name__.replace("_", "-"),
                text=text.strip(),
                examples=[line.strip() for line in examples.splitlines() if line.strip()],
                parameters=[
                    _parameter(name, hints[name], parameter.default)
                    for name, parameter in inspect.signature(function).parameters.items()
                ],
            )
        )
    return found


def _parameter(name: str, hint: Any, default: object) -> Parameter:
    kind, info = hint.__origin__, hint.__metadata__[0]
    kinds = [each for each in get_args(kind) or (kind,) if each is not type(None)]
    told = "" if default in (None, False, inspect.Parameter.empty) else str(getattr(default, "value", default))
    if isinstance(info, ArgumentInfo):
        return Parameter((info.metavar or name.upper(),), "", info.help or "", "")
    # typer takes the first name of an annotated option for its default, and puts that right later.
    written = [each for each in (info.default, *(info.param_decls or ())) if str(each).startswith("-")]
    names = tuple(written) or (f"--{name.replace('_', '-')}",)
    choices = next((each for each in kinds if isinstance(each, type) and issubclass(each, Enum)), None)
    value = info.metavar or ("|".join(each.value for each in choices) if choices else "N")
    return Parameter(names, "" if kinds == [bool] else value, info.help or "", told)


def commands() -> Iterator[str]:
    """Every command with its options and examples."""
    yield MADE
    yield ""
    yield "# Commands"
    yield ""
    yield "`ipipscope COMMAND --help` says the same; `ipipscope --install-completion` teaches it to the shell."
    for command in commands_of_the_program():
        yield ""
        yield f"## ipipscope {command.name}"
        yield ""
        yield _prose(command.text)
        if command.parameters:
            yield ""
            yield "| | |"
            yield "|---|---|"
        for parameter in command.parameters:
            yield f"| `{parameter.written.replace('|', BAR)}` | {_cell(parameter.told)} |"
        if command.examples:
            yield ""
            yield "```sh"
            yield from command.examples
            yield "```"


# JSON ----------------------------------------------------------------------------------------------------------------


def json_report() -> Iterator[str]:
    """Every key of the report."""
    schema = json_schema()
    yield MADE
    yield ""
    yield "# The JSON report"
    yield ""
    yield "`ipipscope triage --format json` writes one document with the keys below; more may be added, these stay."
    yield "A JSON Schema ships with the package: `ipipscope.report.json_report.json_schema()`."
    yield '`--format ndjson` writes one object a line: each finding with `"type": "finding"`, then the rest with'
    yield '`"type": "report"`. From a pipe, `triage - --format ndjson`, lines of type `open`, `change` and `close` come'
    yield "first, each with a finding as it then was, while packets come."
    yield ""
    yield "```console"
    yield "$ ipipscope triage captures/healthy --format json | head -20"
    yield "```"
    yield from _object("The report", schema)
    for name, part in schema["$defs"].items():
        yield from _object(name, part)


def _object(name: str, part: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield f"## {name}"
    yield ""
    if part.get("description") and name != "The report":
        yield part["description"]
        yield ""
    yield "| key | type | meaning |"
    yield "|---|---|---|"
    for key, value in part["properties"].items():
        yield f"| `{key}` | {_type(value)} | {_cell(value.get('description', ''))} |"


def _type(value: dict[str, Any]) -> str:
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in value:
        return " or ".join(_type(each) for each in value["anyOf"])
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(f"`{each}`" for each in value["enum"])
    if value.get("type") == "array":
        if "prefixItems" in value:
            return "list of two"
        return f"list of {_type(value['items'])}"
    if value.get("type") == "object":
        return "object"
    return str(value.get("type", "any"))


# man -----------------------------------------------------------------------------------------------------------------


def man_page() -> Iterator[str]:
    """The manual page, in man(7)'s macros."""
    yield f'.TH IPIPSCOPE 1 "" "ipipscope {__version__}" "User Commands"'
    yield ".SH NAME"
    yield "ipipscope \\- find where an IPIP overlay loses its packets"
    yield ".SH SYNOPSIS"
    yield ".B ipipscope"
    yield ".I COMMAND"
    yield "[OPTION]..."
    yield ".SH DESCRIPTION"
    yield (
        "Reads captures of IPIP tunnels and says where each conversation breaks, what is asymmetric about its "
        "encapsulation, why, and which commands mend it."
    )
    yield ".SH COMMANDS"
    for command in commands_of_the_program():
        yield f".SS ipipscope {_roff(command.name)}"
        for place, paragraph in enumerate(command.text.split("\n\n")):
            if place:
                yield ".PP"
            yield _roff(" ".join(paragraph.split()))
        for parameter in command.parameters:
            yield ".TP"
            yield f".B {_roff(parameter.written)}"
            yield _roff(parameter.told)
        if command.examples:
            yield ".PP"
            yield "Examples:"
            yield ".PP"
            yield ".nf"
            yield from (_roff(f"  {example}") for example in command.examples)
            yield ".fi"
    yield ".SH EXIT STATUS"
    for status, meaning in (
        ("0", "nothing of impact loss or partial found"),
        ("1", "findings"),
        ("2", "usage"),
        ("3", "input that could not be read; what could be read is reported"),
        ("70", "a fault of ipipscope's own"),
        ("130", "interrupted"),
        ("141", "nobody read the output any more"),
    ):
        yield ".TP"
        yield f".B {status}"
        yield _roff(meaning)
    yield ".SH RULES"
    for rule in RULES.values():
        yield ".TP"
        yield f".B {rule.code} {_roff(rule.name)}"
        yield _roff(rule.seen)


def _roff(text: str) -> str:
    """Text that is no request, with hyphens that stay hyphens."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped[:1] in {".", "'"} else escaped


def main() -> None:
    """Write them all; what examples print stays as it was, `python -m tests.test_docs` runs them again."""
    for name, text in pages().items():
        page = HERE / name
        printed = dict(EXAMPLE.findall(page.read_text(encoding="utf-8"))) if page.exists() else {}
        for command, old in printed.items():
            text = text.replace(f"{command}```", f"{command}{old}```")  # noqa: PLW2901  (the page as it is written)
        page.write_text(text, encoding="utf-8")
        sys.stderr.write(f"docs/{name}\n")


if __name__ == "__main__":
    main()
