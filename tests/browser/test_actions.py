"""What can be done about a run, done from its page: retry it, run it again, read its whole log elsewhere."""

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Console
from tests.browser.flows import TARGET
from tests.fixtures.servers import start_server


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


@pytest.fixture
def broken(built: Path, tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """A server, and a run that failed because the target is not there."""
    monkeypatch.setenv(TARGET, str(target))
    home = tmp_path / "home"
    with start_server(home) as url:
        console = Console(url, home)
        console.run("publish")
        yield console


@pytest.fixture
def page(browser: Browser, broken: Console) -> Iterator[Page]:
    """The failed run's page."""
    page = browser.new_page()
    page.goto(f"{broken.url}/runs/{broken.find_run('publish', 'FAILED')['id']}")
    yield page
    page.close()


def test_a_failed_run_is_retried_and_completes_before_ones_eyes(page: Page, target: Path, broken: Console) -> None:
    expect(page.get_by_role("heading", level=1)).to_contain_text("Failed")
    target.mkdir()
    page.get_by_role("button", name="Retry").click()
    page.get_by_role("button", name="Retry this run").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Completed", timeout=30_000)
    expect(page.get_by_text("2, the others are in its history")).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_have_count(0)
    assert {"COMPLETED": 3} == broken.find_run("publish")["task_counts"]


def test_runs_that_failed_are_retried_together(browser: Browser, broken: Console, target: Path) -> None:
    broken.run("publish")
    target.mkdir()
    page = browser.new_page()
    page.goto(f"{broken.url}/runs?state=FAILED")
    page.get_by_role("checkbox", name="Select all runs in the list").check()
    page.get_by_role("toolbar", name="Selected runs").get_by_role("button", name="Retry 2").click()
    page.get_by_role("dialog", name="Retry 2 runs?").get_by_role("button", name="Retry 2 runs").click()
    page.goto(f"{broken.url}/runs?state=COMPLETED")
    expect(page.get_by_role("row").filter(has_text="Completed")).to_have_count(2, timeout=30_000)
    page.close()


def test_what_cannot_be_started_is_said_with_the_command_that_can(browser: Browser, broken: Console) -> None:
    """A server of another machine, by name, over the same database."""
    run = broken.find_run("publish")
    with sqlite3.connect(broken.home / "penstock.db") as connection:
        connection.execute("UPDATE writer SET host = 'far-away'")
    page = browser.new_page()
    page.goto(f"{broken.url}/runs/{run['id']}")
    page.get_by_role("button", name="Retry").click()
    page.get_by_role("button", name="Retry this run").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("ran on far-away")
    expect(alert.get_by_role("button")).to_contain_text(f"penstock flow-run resume {run['id']}")
    page.close()


def test_a_flow_runs_again_with_parameters_that_were_typed_over(page: Page, target: Path, broken: Console) -> None:
    target.mkdir()
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Run again").click()
    page.get_by_role("textbox", name="copies").fill("")
    page.get_by_role("button", name="Run again", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("copies is empty")
    page.get_by_role("textbox", name="copies").fill("4")
    page.get_by_role("button", name="Run again", exact=True).click()
    expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible(timeout=30_000)
    expect(page.get_by_role("row").filter(has_text="copies=4")).to_contain_text("Completed", timeout=30_000)
    run = broken.find_run("publish", "COMPLETED")
    assert ({"target": str(target), "copies": 4}, {"COMPLETED": 5}) == (run["parameters"], run["task_counts"])


def test_the_whole_log_is_downloaded_as_far_as_the_filters_go(page: Page) -> None:
    page.get_by_label("Search the log").fill("FETCHING")
    expect(page).to_have_url(re.compile("q=FETCHING"))
    expect(page.get_by_role("log")).to_contain_text("fetching page 1")
    page.get_by_role("button", name="Download", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="As JSON Lines").click()
    lines = [json.loads(line) for line in Path(download.value.path()).read_text().splitlines()]
    assert ["fetching page 0", "fetching page 1"] == [line["message"] for line in lines]
    page.get_by_role("button", name="Download", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="As text").click()
    assert download.value.suggested_filename.endswith(".log")
    assert 2 == len(Path(download.value.path()).read_text().splitlines())


def test_the_head_says_where_it_ran_and_what_started_it(page: Page, broken: Console) -> None:
    run = broken.find_run("publish")
    expect(page.get_by_text(f"{run['host']}, process {run['pid']}")).to_be_visible()
    expect(page.get_by_text("a program", exact=True)).to_be_visible()
