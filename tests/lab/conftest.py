"""One boot for all tests of the laboratory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from .boot import Laboratory, missing_tools

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """A booted laboratory; where tools are missing, tests are skipped on a user's machine and fail in CI."""
    if missing := missing_tools():
        said = f"not installed: {', '.join(missing)}"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    with Laboratory(tmp_path_factory.mktemp("cases")) as booted:
        yield booted
