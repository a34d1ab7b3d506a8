"""Where the cases of a real kernel are, when they are there."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from ipipscope.hosts.model import Snapshot
from ipipscope.hosts.reading import load_snapshots

ROOT = Path(__file__).parents[2]
PLACES = (ROOT / "captures", ROOT.parent / "shared" / "captures")
STORIES = (ROOT / "captures" / "stories", ROOT.parent / "shared" / "stories")


@dataclass(frozen=True)
class Case:
    """One case's folder, truth and host state."""

    folder: Path
    truth: dict

    def snapshots(self, state: str = "state") -> dict[str, Snapshot]:
        return load_snapshots([self.folder / state])

    @property
    def name(self) -> str:
        return self.folder.name


def cases() -> list[Case]:
    """Every case with host state that is at hand."""
    found = {}
    for place in PLACES:
        for truth in sorted(place.glob("*/truth.json")):
            if (truth.parent / "state").is_dir():
                found.setdefault(truth.parent.name, Case(truth.parent, json.loads(truth.read_text())))
    return [found[name] for name in sorted(found)]


@pytest.fixture
def case():
    """A case by the beginning of its name, as `case("02-")`."""

    def find(prefix: str) -> Case:
        for one in cases():
            if one.name.startswith(prefix):
                return one
        pytest.skip(f"the case {prefix} of a real kernel is not at hand (looked in captures/ and ../shared/captures/)")

    return find


@pytest.fixture
def story():
    """A story's listing by the beginning of its name."""

    def find(prefix: str) -> Path:
        for place in STORIES:
            for path in sorted(place.glob(f"{prefix}*")):
                return path
        pytest.skip(f"the story {prefix} is not at hand (looked in captures/stories/ and ../shared/stories/)")

    return find
