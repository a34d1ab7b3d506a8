"""Write the golden outputs and the shipped JSON Schema anew: `python -m tests.report`; then read `git diff`."""

from tests.report.golden import GOLDEN, SCHEMA, outputs, schema

if __name__ == "__main__":
    found = list(outputs())
    for old in GOLDEN.glob("*"):
        old.unlink()
    for name, text in found:
        (GOLDEN / name).write_text(text, encoding="utf-8")
    SCHEMA.write_text(schema(), encoding="utf-8")
