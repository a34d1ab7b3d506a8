"""Damaged host state: a snapshot or a clear line, an audit that ends, and commands that a shell reads as words.

Whole nodes are begun with, as recorded; words, lines and files are exchanged, cut, doubled and poisoned, so that most
of it stays readable and reaches the audit and its remedies.
"""

import json
import random
import shlex
import shutil
from pathlib import Path

import pytest

from ipipscope.hosts.audit import audit
from ipipscope.hosts.reading import read_state
from ipipscope.hosts.snapshot_json import from_document, to_json

ROOT = Path(__file__).parents[2]
PLACES = (ROOT / "captures", ROOT.parent / "shared" / "captures")
ROUNDS = 60
POISON = (
    "$(reboot)", ";reboot", "`id`", "'", '"', "-rf", "\x1b[2J", "\u202e", "a" * 300, "0", "-1", "4294967296", "9" * 40,
    "0.0.0.0", "255.255.255.255", "10.0.0.0/33", "10.122.17.64/26", "192.168.3.110", "default", "dev", "via", "onlink",
    "tunl0", "blackhole", "null", "{}", "[]", "::1", "table", "nexthop",
)  # fmt: skip


def states():
    """The state folders of the recorded cases at hand, each kind of case once."""
    found = {}
    for place in PLACES:
        for folder in sorted(place.glob("*/state")):
            found.setdefault(folder.parent.name, folder)
    return list(found.values())


def harmed(text, others, chance):
    lines = text.splitlines()
    for _ in range(1 + chance.randrange(4)):
        at = chance.randrange(len(lines) or 1)
        if not lines:
            return chance.choice(others)
        kind = chance.randrange(7)
        words = lines[at].split(" ")
        word = chance.randrange(len(words))
        if kind < 3:
            words[word] = chance.choice(POISON)
            lines[at] = " ".join(words)
        elif kind == 3:
            words[word], words[0] = words[0], words[word]
            lines[at] = " ".join(words)
        elif kind == 4:
            del lines[at]
        elif kind == 5:
            lines.insert(at, chance.choice(lines))
        else:
            lines[at] = lines[at][: chance.randrange(len(lines[at]) + 1)]
    return "\n".join(lines)


def harmed_json(value, chance, depth=0):
    """One value somewhere in it exchanged, the rest left alone: the document stays JSON."""
    if isinstance(value, list) and value and depth < 8:
        at = chance.randrange(len(value))
        return [harmed_json(one, chance, depth + 1) if place == at else one for place, one in enumerate(value)]
    if isinstance(value, dict) and value and depth < 8:
        key = chance.choice(list(value))
        return {**value, key: harmed_json(value[key], chance, depth + 1)}
    return chance.choice((*POISON, 0, -1, 2**40, None, True, [], {}, [{}], 1.5))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_state_gives_a_snapshot_or_a_clear_line_and_only_safe_commands(tmp_path, seed):
    chance = random.Random(seed)
    folders = states()
    texts = [path.read_text() for path in folders[0].rglob("*.txt")]
    audited, commands, problems = 0, 0, 0
    for _ in range(ROUNDS):
        case = tmp_path / "state"
        shutil.copytree(chance.choice(folders), case)
        files = sorted(path for path in case.rglob("*") if path.is_file())
        for path in chance.sample(files, min(len(files), 1 + chance.randrange(4))):
            text = path.read_text()
            if path.suffix == ".json" and chance.random() < 0.8:
                path.write_text(json.dumps(harmed_json(json.loads(text), chance)))
            else:
                path.write_text(harmed(text, texts, chance))
        state = read_state([case])
        for problem in state.problems:
            problems += 1
            assert str(problem).isprintable()
        for snapshot in state.snapshots.values():
            assert from_document(json.loads(to_json(snapshot))) == snapshot
        for finding in audit(state.snapshots):
            audited += 1
            assert finding.cause is not None
            assert finding.cause.text.isprintable()
            assert (finding.cause.config or "").isprintable()
            for remedy in finding.remedy:
                commands += 1
                assert remedy.command.isprintable()
                for part in remedy.command.split(" && "):
                    assert shlex.join(shlex.split(part)) == part
        shutil.rmtree(case)
    assert min(audited, commands, problems) > ROUNDS / 5  # the harm was neither too much nor too little
