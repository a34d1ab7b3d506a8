"""What the shipped cases look like in every format, small enough to be read by eye."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ipipscope.analysis import triage
from ipipscope.report.json_report import write_json, write_ndjson
from ipipscope.report.markdown import write_markdown
from ipipscope.report.schema import Report as ReportSchema
from ipipscope.report.terminal import write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ipipscope.report.model import Report

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
SCHEMA = ROOT / "ipipscope" / "report" / "report.schema.json"
EVERY_FORMAT = "case-2-outer-source-mismatch"
CASES = ("case-1-reply-not-encapsulated", EVERY_FORMAT, "healthy", "reply-native-yet-answered")
DRAWN = ("rules/pod-mtu-too-large", "rules/pod-without-address", "rules/firewall-rejects-ipip")
"""Cases whose pictures show ICMP errors."""


def written(write: Callable[..., None], report: Report, **options: object) -> str:
    out = io.StringIO()
    write(report, out, **options)
    return out.getvalue()


def outputs() -> Iterator[tuple[str, str]]:
    """File names of golden outputs, and what they should hold."""
    for case in CASES:
        report = triage([str(ROOT / "captures" / case)])
        yield f"{case}.80.txt", written(write_text, report, width=80)
        yield f"{case}.120.txt", written(write_text, report, width=120)
        if case != EVERY_FORMAT:
            continue
        yield f"{case}.verbose.txt", written(write_text, report, width=100, verbose=True)
        yield f"{case}.ascii.txt", written(write_text, report, width=80, unicode=False)
        yield f"{case}.quiet.txt", written(write_text, report, quiet=True)
        yield f"{case}.ansi.txt", written(write_text, report, width=80, colour=True).replace("\x1b", "␛")
        yield f"{case}.md", written(write_markdown, report)
        yield f"{case}.json", written(write_json, report)
        yield f"{case}.ndjson", written(write_ndjson, report)
    for case in DRAWN:
        report = triage([str(ROOT / "captures" / case)])
        for width in (60, 80, 120):
            yield f"{case.rpartition('/')[2]}.{width}.txt", written(write_text, report, width=width)


def schema() -> str:
    """The JSON Schema that ships, from the pydantic models."""
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **ReportSchema.model_json_schema()}
    return json.dumps(whole, indent=2) + "\n"
