"""The one direction of flow, read from the import statements."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ipipscope"
STAGES = ["capture", "decoder", "correlator", "rules", "hosts", "report", "cli"]
"""From left to right: a stage may import those to its left."""
PURE = ["decoder", "correlator", "rules"]
WORLD = {"asyncio", "glob", "http", "io", "os", "pathlib", "select", "shutil", "socket", "subprocess", "sys",
         "tempfile", "threading", "time", "urllib"}  # fmt: skip
HEAVY = {"IPython", "jinja2", "matplotlib", "pandas", "pyarrow", "pyshark", "scapy", "textual"}


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def is_typing_only(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imports(path, *, lazy):
    """Names of modules that a module imports: at its top, or (lazy) also inside its functions."""

    def walk(nodes):
        for node in nodes:
            if is_typing_only(node):
                continue
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    yield inner if inner in MODULES else node.module
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) and not lazy:
                continue
            else:
                yield from walk(ast.iter_child_nodes(node))

    return set(walk(ast.parse(path.read_text()).body))


def stage(name):
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "ipipscope" and parts[1] in STAGES else None


@pytest.mark.parametrize("name", MODULES)
def test_a_stage_imports_only_what_stands_to_its_left(name):
    own = stage(name)
    if own is None:
        return  # the words, the errors, and what puts the stages together
    right = set(STAGES[STAGES.index(own) + 1 :])
    wrong = [other for other in imports(MODULES[name], lazy=False) if stage(other) in right]
    assert not wrong


@pytest.mark.parametrize("name", [name for name in MODULES if stage(name) in PURE])
def test_the_core_does_not_touch_the_world(name):
    tree = ast.parse(MODULES[name].read_text())
    touched = {other.split(".")[0] for other in imports(MODULES[name], lazy=True)} & WORLD
    opened = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in {"open", "print"}]
    assert not touched
    assert not opened


def test_no_modules_import_in_a_circle():
    graph = {name: imports(path, lazy=False) & set(MODULES) - {name} for name, path in MODULES.items()}
    done = set()

    def visit(name, trail):
        if name in trail:
            circle = [*trail[trail.index(name) :], name]
            raise AssertionError(" imports ".join(circle))
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, [*trail, name])
            done.add(name)

    for name in graph:
        visit(name, [])


def loaded(statement):
    """Top-level modules that a fresh interpreter has loaded after *statement*."""
    code = f"import sys\n{statement}\nprint(' '.join({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_loads_nothing_but_itself():
    assert not loaded("import ipipscope") & (HEAVY | {"numpy", "rich", "typer", "pydantic"})


def test_a_triage_loads_numpy_and_nothing_heavier():
    case = PACKAGE.parent / "captures" / "healthy"
    found = loaded(f"import ipipscope; ipipscope.triage([{str(case)!r}])")
    assert "numpy" in found
    assert not found & (HEAVY | {"rich", "typer", "pydantic"})
