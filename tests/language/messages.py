"""Every message of the program, read from its source: what has to stand in the catalogue."""

import ast
import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, nodes

from ipipscope import model
from ipipscope.hosts import faults
from ipipscope.live import events

PACKAGE = Path(__file__).parents[2] / "ipipscope"
RULE_TEXTS = ("source", "seen", "meaning", "looks", "causes", "mend", "disproved_by", "capture_next")
ENUMERATIONS = (model.Impact, model.Confidence, model.Role, model.Leg, faults.Kind, events.Change)
"""Their values are said as they are: `say(finding.impact.value)`."""
PLACEHOLDER = re.compile(r"\{([a-z_0-9]+)(?::[^}]*)?\}")


class NotLiteral(Exception):
    """A call whose message cannot be read from the source."""


@cache
def messages():
    """(msgid, msgid_plural or None) with the files that say them, in the order of files and lines."""
    found = {}

    def add(file, *message):
        found.setdefault((*message, None)[:2], []).append(file)

    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE.parent).as_posix()
        for message in sorted(_in_module(path.read_text(), file)):
            add(file, *message[1:])
    for path in sorted(PACKAGE.rglob("*.j2")):
        for _, *message in _in_template(path.read_text()):
            add(path.relative_to(PACKAGE.parent).as_posix(), *message)
    for enumeration in ENUMERATIONS:
        for member in enumeration:
            add(f"{enumeration.__module__.replace('.', '/')}.py", member.value)
    return found


def _in_template(text):
    """Calls of `_` and `counted` with a literal; without values it may hold placeholders for the page's script."""
    for call in Environment().parse(text).find_all(nodes.Call):
        name = getattr(call.node, "name", None)
        if name == "_" and isinstance(call.args[0], nodes.Const):
            template, named = call.args[0].value, {keyword.key for keyword in call.kwargs}
            assert not named or named == placeholders(template), f"line {call.lineno}: values are not the placeholders"
            yield call.lineno, template, None
        elif name == "counted":
            thing = call.args[1].value
            yield call.lineno, f"{{count}} {thing}", f"{{count}} {thing}s"


def _in_module(text, file):
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        at = (node.lineno, node.col_offset)
        if node.func.id == "say" and node.args:
            first = node.args[0]
            if isinstance(first, ast.Attribute) and first.attr in {"value", "word", *RULE_TEXTS}:
                continue
            template = _literal(first, file)
            named = {keyword.arg for keyword in node.keywords}
            assert named == placeholders(template), f"{file}:{node.lineno}: values are not the placeholders"
            yield at, template
        elif node.func.id == "say_of" and len(node.args) > 2:
            named = {keyword.arg for keyword in node.keywords} | {"count"}
            one, many = (_literal(each, file) for each in node.args[1:])
            for template in (one, many):
                assert named == placeholders(template), f"{file}:{node.lineno}: values are not the placeholders"
            yield at, one, many
        elif node.func.id == "joined" and node.args:
            yield at, _literal(node.args[0], file)
        elif node.func.id == "counted" and len(node.args) > 1:
            thing = _literal(node.args[1], file)
            things = _literal(node.args[2], file) if len(node.args) > 2 else thing + "s"
            yield at, f"{{count}} {thing}", f"{{count}} {things}"
        elif node.func.id == "Rule":
            for keyword in node.keywords:
                if keyword.arg in RULE_TEXTS:
                    yield (keyword.value.lineno, 0), _literal(keyword.value, file)


def _literal(node, file):
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        raise NotLiteral(f"{file}:{node.lineno}: a message is a literal, its values are given by name")
    return node.value


def placeholders(template):
    return set(PLACEHOLDER.findall(template))
