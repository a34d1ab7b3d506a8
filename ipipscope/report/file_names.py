"""Short names of capture files: as short as tells them apart."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def short_names(paths: Iterable[str]) -> dict[str, str]:
    """The file's own name where it is the only one of that name, else its path from the folder all have in common."""
    every = list(dict.fromkeys(paths))
    own = Counter(PurePath(path).name for path in every)
    folders = {os.path.dirname(path) for path in every if own[PurePath(path).name] > 1}  # noqa: PTH120
    try:
        common = os.path.commonpath(folders) if folders else ""
    except ValueError:
        common = ""
    return {
        path: PurePath(path).name if own[PurePath(path).name] == 1 else os.path.relpath(path, common or ".")
        for path in every
    }
