"""What `import ipipscope` loads, and what it does not."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("scapy", "pyshark", "pandas", "matplotlib", "pyarrow", "jinja2", "rich", "IPython")
CASE = "captures/case-1-reply-not-encapsulated"


def loaded(code):
    code += "\nimport sys; print(*(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split("\n")[-2].split())


def test_import_loads_nothing_heavy():
    assert not loaded("import ipipscope as ix; dir(ix)") & {*HEAVY, "numpy"}


@pytest.mark.parametrize(
    "code",
    [
        f"import ipipscope as ix; ix.load('{CASE}').triage()",
        f"import ipipscope as ix; repr(ix.load('{CASE}').triage())",
        f"import ipipscope as ix; ix.triage('{CASE}')",
        f"""
import sys; sys.argv[1:] = ['packets', '{CASE}', '--format', 'csv']
from ipipscope.cli import main
try: main()
except SystemExit: pass""",
    ],
)
def test_a_report_and_the_table_commands_load_numpy_alone(code, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[1])
    found = loaded(code)
    assert "numpy" in found
    assert not found & set(HEAVY)


def test_rules_of_others_are_looked_for_without_reading_what_all_packages_say_of_themselves(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[1])
    code = f"import ipipscope as ix; ix.triage('{CASE}'); import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not {"importlib.metadata", "email"} & set(done.stdout.split())


def test_every_public_name_is_there():
    import ipipscope

    for name in ipipscope.__all__:
        assert getattr(ipipscope, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        ipipscope.nonsense  # noqa: B018
