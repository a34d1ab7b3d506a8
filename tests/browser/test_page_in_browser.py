"""The HTML report as its readers meet it: opened from disk in a real browser."""

from __future__ import annotations

import json
from pathlib import Path

import axe_core_python
import pytest

AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
CHINESE = "case-1-reply-not-encapsulated.zh"
CASES = ("case-1-reply-not-encapsulated", "case-2-outer-source-mismatch", "healthy", "audit", CHINESE)

pytestmark = pytest.mark.slow


@pytest.fixture
def opened(browser, pages):
    """Opens a case's page at a width, in a colour scheme."""

    def open_page(case: str = CASES[0], width: int = 1280, scheme: str = "light", media: str = "screen"):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
        browser.get_log("browser")
        browser.get_log("performance")
        browser.get((pages / f"{case}.html").as_uri())
        return browser

    return open_page


def requests_of(browser) -> list[str]:
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


def axe_faults(browser) -> list[tuple[str, str, list[str]]]:
    """Impact, rule and places of each fault that axe-core finds."""
    browser.execute_script(AXE)
    found = browser.execute_async_script(
        "const done = arguments[0];"
        "axe.run({ resultTypes: ['violations'] }).then((told) => done(told), (error) => done(String(error)))"
    )
    return [
        (each["impact"], each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found["violations"]
    ]


def shown_rows(browser, table: str) -> int:
    return browser.execute_script(
        f"return [...document.querySelectorAll('#{table} tbody tr')].filter((row) => !row.hidden).length"
    )


def type_into(browser, ident: str, words: str) -> None:
    browser.execute_script(
        "const field = document.getElementById(arguments[0]); field.value = arguments[1];"
        "field.dispatchEvent(new Event('input', { bubbles: true }))",
        ident,
        words,
    )


@pytest.mark.parametrize("case", CASES)
def test_nothing_but_the_page_itself_is_fetched_and_the_console_stays_silent(opened, case):
    browser = opened(case)
    assert browser.get_log("browser") == []
    assert [url for url in requests_of(browser) if not url.startswith("data:")] == [browser.current_url]


@pytest.mark.parametrize("width", [400, 1280, 1600])
@pytest.mark.parametrize("case", CASES)
def test_the_page_is_never_wider_than_its_window(opened, case, width):
    browser = opened(case, width)
    browser.execute_script("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("case", CASES)
def test_axe_finds_no_fault(opened, case, scheme):
    browser = opened(case, scheme=scheme)
    browser.execute_script("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    assert axe_faults(browser) == []


def test_axe_would_find_a_fault(opened):
    browser = opened()
    browser.execute_script("document.querySelector('main').append(document.createElement('button'))")
    assert [fault[1] for fault in axe_faults(browser)] == ["button-name"]


def test_the_filter_and_the_verdict_choice_leave_the_rows_that_fit(opened):
    browser = opened()
    assert shown_rows(browser, "exchanges-table") == 20
    type_into(browser, "exchanges-filter", "10.122.127.129 IPIP101")
    assert shown_rows(browser, "exchanges-table") == 10
    type_into(browser, "exchanges-filter", "10.122.127.129 IPIP999")
    assert shown_rows(browser, "exchanges-table") == 0
    type_into(browser, "exchanges-filter", "")
    type_into(browser, "exchanges-verdict", "answered")
    assert shown_rows(browser, "exchanges-table") == 0
    assert (
        browser.execute_script("return document.getElementById('exchanges-table-count').textContent") == "0 of 20 rows"
    )


def test_the_page_counts_and_sorts_in_its_language(opened):
    browser = opened(CHINESE)
    type_into(browser, "exchanges-filter", "10.122.127.129")
    count, said = "exchanges-table-count", "said"
    words = "return document.getElementById(arguments[0]).textContent"
    assert browser.execute_script(words, count) == "20 行中的 10 行"
    browser.execute_script("document.querySelector('#points-table th:nth-child(4) button').click()")
    assert browser.execute_script(words, said) == "已按“报文”升序排列。"
    assert browser.execute_script("return document.documentElement.lang") == "zh-CN"


def test_a_column_sorts_both_ways_and_says_so(opened):
    browser = opened()
    press = "document.querySelector('#points-table th:nth-child(4) button').click()"
    column = (
        "return [...document.querySelectorAll('#points-table td:nth-child(4)')].map((cell) => Number(cell.textContent))"
    )
    browser.execute_script(press)
    packets = browser.execute_script(column)
    assert packets == sorted(packets)
    browser.execute_script(press)
    assert browser.execute_script(column) == sorted(packets, reverse=True)
    order = "return document.querySelector('#points-table th:nth-child(4)').getAttribute('aria-sort')"
    assert browser.execute_script(order) == "descending"


def test_a_ladder_is_chosen_from_the_list_and_from_the_table(opened):
    browser = opened()
    shown = (
        "return [...document.querySelectorAll('#ladders figure')].filter((each) => !each.hidden).map((each) => each.id)"
    )
    assert browser.execute_script(shown) == ["ladder-1"]
    type_into(browser, "ladder-choice", "ladder-11")
    assert browser.execute_script(shown) == ["ladder-11"]
    browser.execute_script("document.querySelector('a[data-ladder=ladder-3]').click()")
    assert browser.execute_script(shown) == ["ladder-3"]
    assert browser.execute_script("return document.getElementById('ladder-choice').value") == "ladder-3"


def test_the_time_line_zooms_by_keyboard_and_the_table_follows(opened):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser = opened()
    picture = browser.find_element(By.ID, "timeline-picture")
    picture.send_keys("+", "+", Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    rows = shown_rows(browser, "exchanges-table")
    assert 0 < rows < 20
    assert "UTC" in browser.find_element(By.ID, "shown-time").text
    picture.send_keys("0")
    assert shown_rows(browser, "exchanges-table") == 20


def test_every_control_is_reached_by_the_tab_key(opened):
    from selenium.webdriver.common.keys import Keys

    browser = opened()
    focusable = browser.execute_script(
        "return [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex=\"0\"]')]"
        ".filter((each) => each.checkVisibility() && !each.disabled).length"
    )
    reached = set()
    for _ in range(focusable + 1):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        reached.add(
            browser.execute_script(
                "const at = document.activeElement; return [...document.querySelectorAll('*')].indexOf(at)"
            )
        )
    assert len(reached) >= focusable


def test_a_command_is_copied(opened):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser = opened()
    browser.find_element(By.CSS_SELECTOR, "button[data-copy=first-aid]").click()
    field = browser.find_element(By.ID, "exchanges-filter")
    field.send_keys(Keys.CONTROL, "v")
    assert (
        field.get_property("value") == "ip route replace 10.122.17.64/26 via 192.168.3.110 dev tunl0 proto bird onlink"
    )


def test_on_paper_the_controls_are_gone_and_the_ground_is_white(opened):
    browser = opened(scheme="dark", media="print")
    assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    visible = (
        "return [...document.querySelectorAll('nav, button, .tools')].filter((each) => each.checkVisibility()).length"
    )
    assert browser.execute_script(visible) == 0


def test_without_script_everything_is_there(opened):
    browser = opened()
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.refresh()
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
        hidden = (
            "return [...document.querySelectorAll('#ladders figure, tbody tr')].filter((each) => each.hidden).length"
        )
        assert browser.execute_script(hidden) == 0
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
