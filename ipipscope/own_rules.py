"""Rules of users beside the built-in ones: registered by a call, or installed with a package.

A rule is any object with what a built-in rule's module has: `RULE` (`ipipscope.rules.rule.Rule`), `struck(view)`, which
returns a `Strike` or None, and `summary(count, strike, view)`, one sentence. `view` is `ipipscope.rules.view.View`: one
journey, and what can be said about it. A package offers rules by entry points of the group `ipipscope.rules`.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ipipscope.errors import IpipscopeError
from ipipscope.rules.catalogue import OWN, RULES, journey_rules
from ipipscope.rules.rule import Rule, Strike

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipipscope.analysis import Analysis
    from ipipscope.rules.rule import RuleModule
    from ipipscope.rules.view import View

GROUP: Final = "ipipscope.rules"
CODE: Final = re.compile(r"[A-Z]{2,12}[0-9]{3,4}")
NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_loaded: list[bool] = []


class RuleUnsound(IpipscopeError):
    """A rule is not what a rule has to be.

    rule: its code, or what was given; faults: one sentence each.
    """

    def __init__(self, rule: str, faults: Sequence[str]) -> None:
        self.rule, self.faults = rule, tuple(faults)
        super().__init__(rule, *faults)

    def __str__(self) -> str:
        return f"{self.rule}: {' '.join(self.faults)}"


def register_rule(module: RuleModule, *, before: str | None = None) -> None:
    """Ask this rule of every journey from now on, in this process.

    before: code of the rule before which it is asked: the first rule that strikes is the fault, those behind it follow
        from it. None for last, so that it is named only where no other rule explains the exchange.
    Raises RuleUnsound where the rule lacks something, or where its code or name is taken.
    """
    faults = _shape(module)
    if before is not None and before not in {each.RULE.code for each in journey_rules()}:
        faults.append(f"There is no rule {before} to stand before.")
    if faults:
        raise RuleUnsound(_called(module), faults)
    OWN.append((module, before))
    RULES[module.RULE.code] = module.RULE


def unregister_rule(code: str) -> None:
    """Forget a rule that was registered; raises KeyError where none has this code."""
    for place, (module, _) in enumerate(OWN):
        if module.RULE.code == code:
            del OWN[place], RULES[code]
            return
    raise KeyError(code)


def load_installed() -> None:
    """Register the rules of installed packages, once; one that is unsound is left out with a warning."""
    if _loaded:
        return
    _loaded.append(True)
    if not _offered():
        return
    from importlib import metadata  # noqa: PLC0415  (reads mail headers and archives: 30 ms, where it is asked in vain)

    for entry in metadata.entry_points(group=GROUP):
        try:
            register_rule(entry.load())
        except Exception as failure:  # noqa: BLE001  (somebody else's package must not stop a triage)
            warnings.warn(f"rule {entry.name} ({entry.value}) is left out: {failure}", stacklevel=2)


def _offered() -> bool:
    """Whether the entry points of any installed package may name the group."""
    for place in map(Path, dict.fromkeys(sys.path)):
        if place.is_file():
            return True  # an archive, whatever it holds
        for kind in ("dist-info", "egg-info"):
            for told in place.glob(f"*.{kind}/entry_points.txt"):
                try:
                    if GROUP.encode() in told.read_bytes():
                        return True
                except OSError:
                    continue
    return False


def check_rule(module: RuleModule, *, cases: Sequence[str] = (), healthy: Sequence[str] = ()) -> int:
    """Hold a rule to what built-in rules are held to; for a test.

    cases: captures, or folders of them, on each of whose journeys the rule is tried; healthy: such on which it has to
        stay silent. It need not be registered.
    Returns how many journeys it struck. Raises RuleUnsound with all faults that were found.
    """
    faults = _shape(module, registered=True)
    if faults:
        raise RuleUnsound(_called(module), faults)
    from ipipscope.analysis import analyse  # noqa: PLC0415  (which loads installed rules from here)

    strikes = 0
    for path, silent in [*((each, False) for each in cases), *((each, True) for each in healthy)]:
        views = _views(analyse([str(path)], state=()))
        if not views:
            faults.append(f"{path}: no journey to try it on.")
        struck = 0
        for view in views:
            struck += _tried(module, view, str(path), faults)
        if silent and struck:
            faults.append(f"{path}: struck {struck} healthy journeys.")
        strikes += struck
    if faults:
        raise RuleUnsound(_called(module), list(dict.fromkeys(faults)))
    return strikes


def _tried(module: RuleModule, view: View, where: str, faults: list[str]) -> int:
    """Try a rule on one journey; 1 where it struck."""
    try:
        strike: Any = module.struck(view)
        again: Any = module.struck(view)
        if strike != again:
            faults.append(f"{where}: struck says something else when it is asked again.")
        if strike is None:
            return 0
        if not isinstance(strike, Strike):
            faults.append(f"{where}: struck returned {type(strike).__name__}, neither a Strike nor None.")
            return 1
        summary: Any = module.summary(view.journey.count, strike, view)
        if not isinstance(summary, str) or not summary.strip() or "\n" in summary:
            faults.append(f"{where}: the summary is not one line of text.")
        if not {look for look, _ in strike.proofs} <= set(view.journey.sightings):
            faults.append(f"{where}: a proof is no sighting of the journey.")
    except Exception as failure:  # noqa: BLE001  (it is reported)
        faults.append(f"{where}: {type(failure).__name__}: {failure}")
        return 0
    return 1


def _shape(module: RuleModule, *, registered: bool = False) -> list[str]:
    """What a rule lacks, without trying it; *registered* where it may be among the rules itself."""
    rule = getattr(module, "RULE", None)
    if not isinstance(rule, Rule):
        return ["RULE is no ipipscope.rules.rule.Rule."]
    faults = [f"{name} is no function." for name in ("struck", "summary") if not callable(getattr(module, name, None))]
    if not CODE.fullmatch(rule.code):
        faults.append(f"The code {rule.code!r} is not made of capitals and three or four digits, as ACME101.")
    if not NAME.fullmatch(rule.name):
        faults.append(f"The name {rule.name!r} is not made of small letters, digits and hyphens.")
    needed = [field.name for field in dataclasses.fields(rule) if field.default is dataclasses.MISSING]
    empty = [name for name in needed if not str(getattr(rule, name)).strip()]
    faults += [f"The text {name!r} is empty." for name in empty]
    others = [each for each in RULES.values() if not (registered and each is rule)]
    if rule.code in {each.code for each in others}:
        faults.append(f"The code {rule.code} is taken.")
    if rule.name in {each.name for each in others}:
        faults.append(f"The name {rule.name} is taken.")
    return faults


def _views(analysis: Analysis) -> list[View]:
    return [part.view for parts in analysis.judgement.parts.values() for part, _ in parts]


def _called(module: RuleModule) -> str:
    rule = getattr(module, "RULE", None)
    return str(getattr(rule, "code", None) or getattr(module, "__name__", None) or type(module).__name__)
