"""What the shipped cases look like in other languages, small enough to be read by eye."""

import io
from pathlib import Path

from ipipscope.analysis import analyse
from ipipscope.language.told import writing_in
from ipipscope.report.ladder import ladder
from ipipscope.report.ladder_text import write_ladder
from ipipscope.report.lines import write_lines
from ipipscope.report.markdown import write_markdown
from ipipscope.report.terminal import write_text

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
CASES = ("case-1-reply-not-encapsulated", "case-2-outer-source-mismatch", "healthy", "reply-native-yet-answered")


def outputs(language="zh_CN"):
    """File names of golden outputs, and what they should hold."""
    for case in CASES:
        analysis = analyse([str(ROOT / "captures" / case)], keep=True)
        with writing_in(language):
            yield f"{case}.{language}.txt", written(write_text, analysis.report, width=80, verbose=case == CASES[1])
            if case == CASES[0]:
                yield f"{case}.{language}.md", written(write_markdown, analysis.report)
                yield f"{case}.{language}.quiet.txt", written(write_text, analysis.report, quiet=True)
                lines = list(write_ladder(ladder(analysis, 3), 80, len(analysis.rows)))
                yield f"{case}.{language}.ladder.txt", written(write_lines, lines, colour=False, unicode=True)


def written(write, report, **options):
    out = io.StringIO()
    write(report, out, **options)
    return out.getvalue()
