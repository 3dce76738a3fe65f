"""The timeline of ten thousand task runs."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import Console, OpenPage
from tests.browser.flows import MANY, ODD_ONES


def open_timeline(console: Console, open_page: OpenPage) -> Page:
    page = open_page(f"/runs/{console.find_run('ten-thousand')['id']}")
    expect(page.get_by_test_id("timeline")).to_have_attribute("data-total", str(MANY))
    return page


def test_every_task_run_is_drawn(console: Console, open_page: OpenPage) -> None:
    timeline = open_timeline(console, open_page).get_by_test_id("timeline")
    assert f"{MANY:,} task runs" in (timeline.get_attribute("aria-label") or "")
    assert f"{ODD_ONES} failed" in (timeline.get_attribute("aria-label") or "")


def test_keys_zoom_and_go_back_to_all(console: Console, open_page: OpenPage) -> None:
    timeline = open_timeline(console, open_page).get_by_test_id("timeline")
    everything = timeline.get_attribute("data-bars") or ""
    timeline.focus()
    for _ in range(6):
        timeline.press("+")
    expect(timeline).not_to_have_attribute("data-bars", everything)
    timeline.press("0")
    expect(timeline).to_have_attribute("data-bars", everything)


def test_n_goes_to_the_next_that_failed(console: Console, open_page: OpenPage) -> None:
    page = open_timeline(console, open_page)
    page.get_by_test_id("timeline").press("n")
    expect(page.get_by_role("dialog")).to_contain_text("an odd one")


def test_the_task_table_says_the_same_in_words(console: Console, open_page: OpenPage) -> None:
    page = open_timeline(console, open_page)
    page.get_by_role("tab", name="Task runs").click()
    page.get_by_role("button", name="All states").click()
    page.get_by_role("menuitemcheckbox", name="Failed").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("table", name="Task runs").get_by_role("row")).to_have_count(ODD_ONES + 1)
