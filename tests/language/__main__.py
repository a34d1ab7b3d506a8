"""Bring the catalogues up to date: `python -m tests.language`."""

from ipipscope.language.po import messages as read
from tests.language.catalogue import FILES, written
from tests.language.messages import messages
from tests.language.reports import GOLDEN, outputs

for path in FILES:
    text = path.read_text()
    old = read(text)
    new = written(text, old)
    path.write_text(new)
    known = {each for message in messages() for each in message}
    for stale in old.keys() - known:
        print(f"{path.name}: left out, no longer said: {stale!r}: {old[stale]!r}")
    for single, _ in messages():
        if single not in old:
            print(f"{path.name}: to be translated: {single!r}")
GOLDEN.mkdir(exist_ok=True)
for name, text in outputs():
    (GOLDEN / name).write_text(text, encoding="utf-8")
