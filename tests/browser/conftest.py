"""A headless Chromium, and the page of a shipped case opened in it from disk."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipipscope import analyse
from ipipscope.audit_state import audit_of
from ipipscope.language.told import writing_in
from ipipscope.report.html_page import write_html

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium.webdriver import Chrome

CAPTURES = Path(__file__).parents[2] / "captures"


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page of each case that is looked at."""
    folder = tmp_path_factory.mktemp("pages")
    for case in ("case-1-reply-not-encapsulated", "case-2-outer-source-mismatch", "healthy"):
        analysis = analyse([str(CAPTURES / case)], keep=True)
        with (folder / f"{case}.html").open("w", encoding="utf-8") as out:
            write_html(analysis.report, out, analysis)
        if case.startswith("case-1"):
            with (folder / f"{case}.zh.html").open("w", encoding="utf-8") as out, writing_in("zh_CN"):
                write_html(analysis.report, out, analysis)
    audit = audit_of([str(CAPTURES / "case-2-outer-source-mismatch" / "state")])
    with (folder / "audit.html").open("w", encoding="utf-8") as out:
        write_html(audit.report, out, snapshots=audit.snapshots)
    return folder


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Chromium without a window; it writes down what it fetches and what its console says."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("chromium and chromium-driver are not installed: `make system` installs them")
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = chromium
    profile = tmp_path_factory.mktemp("profile")
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = Chrome(options=options, service=Service(driver))
    opened.set_script_timeout(60)
    yield opened
    opened.quit()
