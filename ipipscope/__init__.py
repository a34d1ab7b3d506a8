"""ipipscope: find where an IPIP overlay loses its packets.

The public names, and nothing else; each loads what it needs on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipipscope import plots
    from ipipscope.analysis import Analysis, analyse, triage
    from ipipscope.loaded import Capture, CaptureWarning, audit, load
    from ipipscope.own_rules import check_rule, register_rule, unregister_rule
    from ipipscope.recorded import record
    from ipipscope.report.model import Report

    __version__: str

__all__ = [
    "Analysis",
    "Capture",
    "CaptureWarning",
    "Report",
    "__version__",
    "analyse",
    "audit",
    "check_rule",
    "compiled",
    "load",
    "plots",
    "record",
    "register_rule",
    "triage",
    "unregister_rule",
]

_HOMES = {
    "Analysis": "ipipscope.analysis",
    "Capture": "ipipscope.loaded",
    "CaptureWarning": "ipipscope.loaded",
    "Report": "ipipscope.report.model",
    "analyse": "ipipscope.analysis",
    "audit": "ipipscope.loaded",
    "check_rule": "ipipscope.own_rules",
    "load": "ipipscope.loaded",
    "record": "ipipscope.recorded",
    "register_rule": "ipipscope.own_rules",
    "triage": "ipipscope.analysis",
    "unregister_rule": "ipipscope.own_rules",
}
COMPILED = ("ipipscope.capture.records", "ipipscope.decoder.unwrap", "ipipscope.correlator.pairing")
"""The modules that the build compiles where it can."""


def __getattr__(name: str) -> Any:
    if name == "plots":  # a module: `ix.plots.timeline(capture)`
        return importlib.import_module("ipipscope.plots")
    if name == "__version__":
        return _version()
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'ipipscope' has no attribute {name!r}")


def _version() -> str:
    from importlib import metadata  # noqa: PLC0415  (reads mail headers: 30 ms, for whoever asks)

    try:
        return metadata.version("ipipscope")
    except metadata.PackageNotFoundError:  # a checkout that was never installed
        return "0"


def __dir__() -> list[str]:
    return __all__


def compiled() -> dict[str, bool]:
    """Which of the hot loops run compiled."""
    return {name: not (importlib.import_module(name).__file__ or "").endswith(".py") for name in COMPILED}
