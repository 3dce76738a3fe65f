"""Everybody's console: no violation that axe knows, all of it by keyboard, both themes."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.axe import settle, violations
from tests.browser.conftest import Console, OpenPage

PathOf = Callable[[Console], str]


def run_path(flow: str, state: str, tab: str = "logs") -> PathOf:
    return lambda console: f"/runs/{console.find_run(flow, state)['id']}?tab={tab}"


def compare_path(console: Console) -> str:
    return f"/compare?a={console.find_run('web-to-lake', 'COMPLETED')['id']}&b={console.find_run('web-to-lake', 'FAILED')['id']}"


PAGES: dict[str, PathOf] = {
    "home": lambda _: "/",
    "runs": lambda _: "/runs",
    "run-failed": run_path("web-to-lake", "FAILED"),
    "run-tasks": run_path("web-to-lake", "COMPLETED", "tasks"),
    "run-graph": run_path("web-to-lake", "COMPLETED", "graph"),
    "run-artifacts": run_path("web-to-lake", "COMPLETED", "artifacts"),
    "run-states": run_path("web-to-lake", "COMPLETED", "states"),
    "run-many": run_path("ten-thousand", "COMPLETED"),
    "compare": compare_path,
    "flows": lambda _: "/flows",
    "flow": lambda _: "/flows/web-to-lake",
    "artifacts": lambda _: "/artifacts",
    "datasets": lambda _: "/datasets",
    "concurrency": lambda _: "/concurrency",
    "events": lambda _: "/events",
    "settings": lambda _: "/settings",
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(console: Console, open_page: OpenPage, name: str, theme: str) -> None:
    page = open_page(PAGES[name](console), theme=theme, bypass_csp=True)
    assert [] == violations(page, f"{name}-{theme}")


def test_runs_are_reached_and_opened_by_keys_alone(console: Console, open_page: OpenPage) -> None:
    page = open_page("/")
    settle(page)
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible()
    expect(page.get_by_role("table", name="Runs").get_by_role("row").nth(2)).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_role("toolbar", name="Selected runs")).to_contain_text("1 run selected")
    page.keyboard.press("x")
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="Logs")).to_be_visible()


def test_slash_searches_and_a_question_mark_helps(console: Console, open_page: OpenPage) -> None:
    page = open_page("/runs")
    settle(page)
    page.keyboard.press("/")
    expect(page.get_by_label("Search runs")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("Command palette")


def test_the_palette_finds_runs_flows_and_pages(console: Console, open_page: OpenPage) -> None:
    run = console.find_run("web-to-lake", "FAILED")
    page = open_page("/")
    settle(page)
    page.keyboard.press("Control+k")
    palette = page.get_by_role("combobox", name=re.compile("Search runs"))
    palette.fill(run["name"])
    expect(page.get_by_role("option").first).to_contain_text(run["name"])
    palette.fill("nightly")
    expect(page.get_by_role("option", name=re.compile("nightly.*flow"))).to_be_visible()
    palette.fill("settings")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()


def test_the_theme_follows_the_system_and_can_be_chosen(console: Console, open_page: OpenPage) -> None:
    page = open_page("/", theme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.get_by_role("button", name=re.compile("^Theme")).click()
    assert dark != page.evaluate(background)
    page.reload()
    assert dark != page.evaluate(background)


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_apis_documentation_is_drawn_with_nothing_from_elsewhere(open_page: OpenPage, path: str) -> None:
    page = open_page(path)
    expect(page.get_by_role("heading", name=re.compile("^Penstock")).first).to_be_visible(timeout=30_000)
    page.wait_for_load_state("networkidle")


def test_a_narrow_window_needs_no_sideways_scrolling(console: Console, open_page: OpenPage) -> None:
    page = open_page("/")
    page.set_viewport_size({"width": 390, "height": 800})
    for path in ("/", "/runs", PAGES["run-failed"](console), "/flows"):
        page.goto(console.url + path)
        settle(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
