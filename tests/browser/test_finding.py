"""What broke, why, and what about it: the console's first questions, asked as a person would."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Console, OpenPage
from tests.browser.flows import HOSTILE


def test_a_failed_run_is_found_from_home_and_says_why(console: Console, open_page: OpenPage) -> None:
    page = open_page("/?range=24h")
    broke = page.get_by_role("region", name="What broke")
    broke.get_by_role("link").first.click()
    why = page.get_by_role("region", name="Why")
    expect(why).to_contain_text("the server answered 503")
    expect(why).to_contain_text("after 2 tries")
    expect(why).to_contain_text("penstock flow-run resume")


def test_a_failed_task_run_shows_its_tries_and_its_log(console: Console, open_page: OpenPage) -> None:
    page = open_page(f"/runs/{console.find_run('web-to-lake', 'FAILED')['id']}")
    page.get_by_role("region", name="Why").get_by_role("link", name="fetch-4").click()
    panel = page.get_by_role("dialog", name="fetch-4")
    expect(panel.get_by_role("region", name="Tries").get_by_role("listitem")).to_have_count(2)
    expect(panel.get_by_role("region", name="Log of the task run")).to_contain_text("fetching page 4")


def test_text_of_users_is_never_html(console: Console, open_page: OpenPage) -> None:
    page = open_page(f"/runs/{console.find_run('web-to-lake', 'FAILED')['id']}")
    expect(page.get_by_role("region", name="Why")).to_contain_text(HOSTILE)
    expect(page.get_by_role("log")).to_contain_text(HOSTILE)
    page.goto(f"{console.url}/artifacts")
    expect(page.get_by_role("article").filter(has_text="Loaded")).to_contain_text(HOSTILE)
    assert page.evaluate("window.hacked") is None


def test_a_log_is_searched_and_filtered_by_level(console: Console, open_page: OpenPage) -> None:
    page = open_page(f"/runs/{console.find_run('web-to-lake', 'COMPLETED')['id']}")
    log = page.get_by_role("log")
    expect(log).to_contain_text("fetching page 3")
    page.get_by_label("Search the log").fill("no fare")
    expect(log).not_to_contain_text("fetching page 3")
    expect(log).to_contain_text("two rows have no fare")
    page.get_by_label("Search the log").fill("")
    page.get_by_role("button", name="All levels").click()
    page.get_by_role("menuitemcheckbox", name="WARNING").click()
    expect(page).to_have_url(re.compile("level=30"))
    expect(log).not_to_contain_text("fetching page 3")


def test_the_oldest_runs_can_come_first(console: Console, open_page: OpenPage) -> None:
    page = open_page("/runs?all=1")
    first = page.get_by_role("table", name="Runs").get_by_role("row").nth(1)
    page.get_by_role("button", name="Started").click()
    expect(page).to_have_url(re.compile("sort=oldest"))
    expect(first).to_contain_text(console.list_runs("web-to-lake")[-1]["name"])


def test_dragging_over_the_scatter_filters_the_runs(console: Console, open_page: OpenPage) -> None:
    page = open_page("/runs?range=1h")
    rows = page.get_by_role("table", name="Runs").get_by_role("row")
    expect(rows.nth(1)).to_be_visible()
    box = page.get_by_test_id("scatter").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 60, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 60, steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"since=\d+.*until=\d+"))
    expect(page.get_by_text("No run fits these filters")).to_be_visible()
    page.get_by_title("Take this away").click()
    expect(rows.nth(1)).to_be_visible()


def test_runs_are_filtered_by_state_and_by_a_search(console: Console, open_page: OpenPage) -> None:
    page = open_page("/runs")
    table = page.get_by_role("table", name="Runs")
    page.get_by_role("button", name="State").click()
    page.get_by_role("menuitemcheckbox", name="Failed").click()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("state=FAILED"))
    expect(table.get_by_role("row")).to_have_count(2)
    page.goto(f"{console.url}/runs?q=param.year=2019")
    expect(table.get_by_role("row")).to_have_count(5)


def test_two_runs_are_compared(console: Console, open_page: OpenPage) -> None:
    failed = console.find_run("web-to-lake", "FAILED")
    page = open_page(f"/runs/{failed['id']}")
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("combobox", name="Run B").click()
    page.get_by_role("listbox").get_by_role("option").first.click()
    parameters = page.get_by_role("region", name="Parameters", exact=True)
    expect(parameters.get_by_role("row").filter(has_text="broken")).to_contain_text("differs")
    expect(page.get_by_role("region", name="Tasks", exact=True)).to_contain_text("fetch")


def test_the_graph_collapses_by_task_and_opens(console: Console, open_page: OpenPage) -> None:
    page = open_page(f"/runs/{console.find_run('web-to-lake', 'COMPLETED')['id']}?tab=graph")
    graph = page.get_by_role("region", name="Graph of the run")
    expect(graph.get_by_role("button")).to_have_count(3)
    graph.get_by_role("button", name="clean").click()
    expect(graph.get_by_role("button")).to_have_count(10)


def test_a_run_is_deleted_only_after_saying_what_goes(console: Console, open_page: OpenPage) -> None:
    console.run("one")
    run = console.find_run("web-to-lake", "COMPLETED")
    page = open_page(f"/runs/{run['id']}")
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Delete run").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("17 task runs")
    dialog.get_by_role("button", name="Delete this run").click()
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    expect(page.get_by_text(f"{run['name']} is deleted.")).to_be_visible()
    assert console.find_run("web-to-lake", "COMPLETED")["id"] != run["id"]


def test_a_limit_is_made_and_removed(console: Console, open_page: OpenPage) -> None:
    page = open_page("/concurrency")
    page.get_by_role("button", name="New limit").click()
    page.get_by_label("Name").fill("database")
    page.get_by_label("Slots").fill("2")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("row").filter(has_text="database")).to_contain_text("0 of 2")
    page.get_by_role("button", name="Remove database").click()
    page.get_by_role("button", name="Remove this limit").click()
    expect(page.get_by_text("No limits are set")).to_be_visible()
