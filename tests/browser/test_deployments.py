"""What runs when: a flow run from its form by a worker's process, schedules, the calendar, pools; as a person would."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import Console, OpenPage
from tests.browser.mill import ask, deploy, furnish, working
from tests.fixtures.servers import start_server

WORK_MS = 90_000
"""A worker's process starts, claims, and its run's process begins and ends."""
ZONE = {"timezone_id": "UTC", "locale": "en-GB"}


@pytest.fixture(scope="module")
def console(built: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A server with deployments in place of the one with history."""
    home = tmp_path_factory.mktemp("mill")
    with start_server(home) as url:
        console = Console(url, home)
        furnish(console)
        yield console


@pytest.fixture(scope="module")
def worker(console: Console) -> Iterator[None]:
    with working(console):
        yield


def open_dialog(page: Page, button: str, title: str | re.Pattern[str]) -> Locator:
    page.get_by_role("button", name=button).click()
    return page.get_by_role("dialog", name=title)


def tomorrow() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).date().isoformat()


# ---- Runs -------------------------------------------------------------------------------------------------------


def test_a_flow_is_run_from_its_form_by_a_worker(console: Console, open_page: OpenPage, worker: None) -> None:
    page = open_page("/deployments")
    page.get_by_role("link", name="by-hand").click()
    form = open_dialog(page, "Run …", "Run load/by-hand")
    form.get_by_role("textbox", name="year").fill("soon")
    form.get_by_role("button", name="Run now").click()
    expect(form.get_by_text("year must be integer, not string")).to_be_visible()
    form.get_by_role("textbox", name="year").fill("2021")
    form.get_by_role("button", name="Add to months").click()
    form.get_by_role("textbox", name="months 1").fill("5")
    form.get_by_role("combobox", name="color").select_option("yellow")
    form.get_by_role("button", name="Give box").click()
    form.get_by_role("textbox", name="north").fill("91")
    form.get_by_role("button", name="Run now").click()
    expect(form.get_by_text("north must be at most 90")).to_be_visible()
    form.get_by_role("textbox", name="north").fill("41.2")
    form.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Completed", timeout=WORK_MS)
    expect(page.get_by_role("log")).to_contain_text("1 months of 2021, yellow, from 41.2")
    expect(page.get_by_role("link", name="by-hand")).to_be_visible()
    expect(page.get_by_text(re.compile(r"process:\d+"))).to_be_visible()
    run = console.find_run("load", "COMPLETED")
    assert (2021, [5], "yellow") == tuple(run["parameters"][name] for name in ("year", "months", "color"))
    assert {"south": 40.5, "north": 41.2} == run["parameters"]["source"]["box"]
    day = datetime.fromtimestamp(run["started_at"] / 1e6, UTC).date()
    page.goto(f"{console.url}/calendar?view=day&date={day}&deployment=load/by-hand")
    page.get_by_role("region", name="Day").get_by_role("button", name="by-hand").last.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(run["name"])


def test_a_failed_run_of_a_deployment_is_retried_by_a_worker(
    console: Console, open_page: OpenPage, worker: None
) -> None:
    page = open_page("/deployments/load/nightly")
    form = open_dialog(page, "Run …", "Run load/nightly")
    form.get_by_role("button", name="JSON").click()
    given = form.get_by_role("textbox", name="Parameters as JSON")
    given.fill('{"year": 2020, "months": [4], "broken": true')
    form.get_by_role("button", name="Run now").click()
    expect(form.get_by_text("The JSON cannot be read.")).to_be_visible()
    given.fill(
        '{"year": 2020, "months": [4], "color": "green", "source": {"url": "x", "box": null}, "note": null, "broken": true}'
    )
    form.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Failed", timeout=WORK_MS)
    run = console.find_run("load", "FAILED")
    open_dialog(page, "Retry", f"Retry {run['name']}?").get_by_role("button", name="Retry this run").click()
    expect(page.get_by_text("2, the others are in its history")).to_be_visible(timeout=WORK_MS)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Failed", timeout=WORK_MS)


def test_a_run_says_why_it_waits_and_is_cancelled(console: Console, open_page: OpenPage) -> None:
    page = open_page("/deployments/load/nobody")
    open_dialog(page, "Run …", "Run load/nobody").get_by_role("button", name="Run now").click()
    why = page.get_by_role("region", name="Why it is not running")
    expect(why).to_contain_text("No worker of work pool empty was ever heard of.")
    expect(why.get_by_role("button", name="penstock worker start -p empty")).to_be_visible()
    page.goto(f"{console.url}/work-pools/empty")
    expect(page.get_by_role("region", name="What waits")).to_contain_text("penstock worker start -p empty")
    page.go_back()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel this run").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Cancelled")
    expect(why).to_have_count(0)


def test_a_run_for_later_is_asked_for(console: Console, open_page: OpenPage) -> None:
    page = open_page("/deployments/load/nightly", **ZONE)
    form = open_dialog(page, "Run …", "Run load/nightly")
    form.get_by_role("button", name="At a time").click()
    form.get_by_label("Start at").fill(f"{tomorrow()}T17:45")
    form.get_by_role("button", name="Run at that time").click()
    expect(page.get_by_role("region", name="Why it is not running")).to_contain_text("It is due in")
    page.goto(f"{console.url}/calendar?view=day&date={tomorrow()}")
    expect(page.get_by_role("button", name="Scheduled 17:45 nightly")).to_be_visible()
    page.goto(f"{console.url}/runs?deployment=load/nightly&state=SCHEDULED")
    expect(page.get_by_role("table", name="Runs").get_by_role("row")).to_have_count(2)


def test_a_paused_run_is_answered_by_its_form(console: Console, open_page: OpenPage, worker: None) -> None:
    ask(console, "POST", "/deployment-runs/release/by-week", {})
    page = open_page("/deployments/release/by-week")
    runs = page.get_by_role("region", name="Last runs")
    runs.get_by_role("link").filter(has=page.get_by_role("img", name="Paused")).click(timeout=WORK_MS)
    waits = page.get_by_role("region", name="Why it is not running")
    expect(waits).to_contain_text("May it be published?")
    waits.get_by_role("checkbox", name="approved").check()
    waits.get_by_role("textbox", name="share").fill("2")
    waits.get_by_role("button", name="Answer").click()
    expect(waits.get_by_text("share must be at most 1")).to_be_visible()
    waits.get_by_role("textbox", name="share").fill("0.25")
    waits.get_by_role("button", name="Answer").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Completed", timeout=WORK_MS)
    expect(page.get_by_role("log")).to_contain_text("approved: True, 25%")


def test_past_periods_are_filled_by_a_worker(console: Console, open_page: OpenPage, worker: None) -> None:
    page = open_page("/deployments/load/nightly", **ZONE)
    form = open_dialog(page, "New backfill", "Backfill load/nightly")
    form.get_by_label("From").fill("2026-01-01")
    form.get_by_label("Until").fill("2026-01-01")
    expect(form.get_by_text("It is not after the first day.")).to_be_visible()
    form.get_by_label("Until").fill("2026-01-04")
    preview = form.get_by_role("region", name="What it will be")
    expect(preview).to_contain_text("3 runs")
    expect(preview).to_contain_text("1 Jan, 12:00 – 2 Jan, 12:00")
    form.get_by_role("button", name="Ask for 3 runs").click()
    backfill = page.get_by_role("list", name="Backfills").get_by_role("listitem")
    backfill.get_by_role("button", name="Pause").click()
    expect(backfill).to_contain_text("paused")
    backfill.get_by_role("button", name="Go on").click()
    expect(backfill).to_contain_text("3 of 3 runs", timeout=WORK_MS)
    expect(backfill).to_contain_text("done", timeout=WORK_MS)


# ---- Deployments and schedules ----------------------------------------------------------------------------------


def test_deployments_are_found_paused_and_let_go_on(console: Console, open_page: OpenPage) -> None:
    page = open_page("/deployments")
    rows = page.get_by_role("region", name="Deployments").get_by_role("row")
    expect(rows).to_have_count(5)
    page.get_by_label("Search deployments").fill("night")
    expect(rows).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("every day at 12:00")
    page.get_by_role("switch", name="load/nightly is on").click()
    expect(rows.nth(1)).to_contain_text("paused")
    page.get_by_role("button", name="Paused", exact=True).click()
    expect(rows).to_have_count(2)
    page.get_by_role("switch", name="load/nightly is paused").click()
    expect(page.get_by_text("No deployment is named like “night”")).to_be_visible()
    assert not ask(console, "GET", "/deployments/load/nightly")["paused"]


def test_a_flow_lists_its_deployments_as_they_come_and_go(console: Console, open_page: OpenPage) -> None:
    page = open_page("/flows/load")
    rows = page.get_by_role("region", name="Deployments of the flow").get_by_role("row")
    expect(rows.filter(has_text="nightly")).to_contain_text("every day at 12:00")
    deploy(console, "just-now")
    expect(rows.filter(has_text="just-now")).to_contain_text("on demand")
    ask(console, "DELETE", "/deployments/load/just-now")
    expect(rows.filter(has_text="just-now")).to_have_count(0)


def test_a_schedule_is_added_with_its_times_in_sight_changed_and_removed(console: Console, open_page: OpenPage) -> None:
    page = open_page("/deployments/load/by-hand", **ZONE)
    expect(page.get_by_text("It runs on demand only")).to_be_visible()
    form = open_dialog(page, "Add a schedule", "Add a schedule to load/by-hand")
    times = form.get_by_role("list", name="Next times")
    expect(times.get_by_role("listitem")).to_have_count(10)
    form.get_by_label("Cron").fill("61 5 * * *")
    expect(form.get_by_role("alert").filter(has_text="the minute 61 must be made of")).to_be_visible()
    form.get_by_label("Cron").fill("30 5 1 3 *")
    form.get_by_label("Time zone").fill("Europe/Berlin")
    expect(times.get_by_role("listitem").first).to_contain_text("1 Mar 20")
    expect(times.get_by_role("listitem").first).to_contain_text("05:30")
    form.get_by_label("If the run before still goes on").select_option("queue")
    form.get_by_text("Parameters", exact=True).click()
    form.get_by_role("textbox", name="year").fill("{{ period.start.yeer }}")
    form.get_by_role("button", name="Add it").click()
    expect(form.get_by_role("alert").filter(has_text="yeer")).to_be_visible()
    form.get_by_role("textbox", name="year").fill("{{ period.start.year }}")
    form.get_by_role("button", name="Add it").click()
    schedules = page.get_by_role("list", name="Schedules", exact=True)
    expect(schedules).to_contain_text("every 1 March at 05:30")
    expect(schedules).to_contain_text("overlap queue")
    expect(schedules).to_contain_text("year={{ period.start.year }}")
    (made,) = ask(console, "GET", "/deployments/load/by-hand")["schedules"]
    assert {"year": "{{ period.start.year }}"} == made["definition"]["parameters"]
    form = open_dialog(page, "Change cron", "Change cron")
    form.get_by_role("button", name="Interval").click()
    form.get_by_label("Every", exact=True).fill("90")
    form.get_by_label("Unit").select_option("minutes")
    expect(form.get_by_role("list", name="Next times").get_by_role("listitem")).to_have_count(10)
    form.get_by_role("button", name="Change it").click()
    expect(schedules).to_contain_text("every 90 minutes")
    page.get_by_role("switch", name="cron is on").click()
    expect(page.get_by_role("switch", name="cron is off")).to_be_visible()
    open_dialog(page, "Remove cron", "Remove the schedule cron?").get_by_role(
        "button", name="Remove this schedule"
    ).click()
    expect(page.get_by_text("It runs on demand only")).to_be_visible()


def test_a_version_is_rolled_back(console: Console, open_page: OpenPage) -> None:
    page = open_page("/deployments/load/nightly")
    parameters = page.get_by_role("region", name="Parameters")
    expect(parameters).to_contain_text("[4, 5]")
    open_dialog(page, "Roll back to version 1", "Use version 1 of load/nightly?").get_by_role(
        "button", name="Use version 1"
    ).click()
    expect(parameters).to_contain_text("[4]")
    expect(page.get_by_role("list", name="Versions").get_by_role("listitem").nth(1)).to_contain_text("current")
    open_dialog(page, "Go forward to version 2", "Use version 2 of load/nightly?").get_by_role(
        "button", name="Use version 2"
    ).click()
    expect(parameters).to_contain_text("[4, 5]")


def test_a_time_is_moved_skipped_and_restored_in_the_calendar(console: Console, open_page: OpenPage) -> None:
    page = open_page(f"/calendar?view=day&date={tomorrow()}&deployment=load/nightly", **ZONE)
    page.get_by_role("button", name="to come 12:00 nightly").click()
    tick = page.get_by_role("dialog", name="nightly, to come")
    tick.get_by_label("Move it to").fill(f"{tomorrow()}T14:30")
    tick.get_by_role("button", name="Move", exact=True).click()
    page.get_by_role("button", name="to come 14:30 nightly").click()
    tick.get_by_role("button", name="Skip it").click()
    page.get_by_role("button", name="skipped 12:00 nightly").click()
    tick.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("button", name="to come 12:00 nightly")).to_be_visible()


def test_the_calendar_is_turned_by_keys(console: Console, open_page: OpenPage) -> None:
    page = open_page("/calendar?date=2030-01-15", **ZONE)
    head = page.get_by_role("heading", level=1)
    expect(head).to_contain_text("January 2030")
    expect(page.get_by_role("button", name="12:00 nightly")).to_have_count(35)
    page.keyboard.press("j")
    expect(head).to_contain_text("February 2030")
    page.keyboard.press("2")
    expect(page).to_have_url(re.compile("view=week"))
    page.keyboard.press("k")
    expect(head).to_contain_text("21 Jan 2030 – 27 Jan 2030")
    page.get_by_role("button", name="Wed 23").click()
    expect(head).to_contain_text(re.compile("Wednesday,? 23 January 2030"))
    page.keyboard.press("t")
    expect(page.get_by_role("region", name="Day").get_by_role("button").first).to_have_attribute("aria-current", "date")


# ---- Pools ------------------------------------------------------------------------------------------------------


def test_a_pool_its_queues_and_its_worker_are_looked_after(console: Console, open_page: OpenPage, worker: None) -> None:
    page = open_page("/work-pools")
    page.get_by_role("link", name="mill").first.click()
    workers = page.get_by_role("region", name="Workers").last
    expect(workers).to_contain_text("online", timeout=WORK_MS)
    expect(workers).to_contain_text("desk")
    form = open_dialog(page, "New queue", "New queue of mill")
    form.get_by_label("Name").fill("slow")
    form.get_by_label("Priority").fill("7")
    form.get_by_label("Runs at once").fill("2")
    form.get_by_role("button", name="Make it").click()
    queue = page.get_by_role("region", name="Queues").last.get_by_role("row").filter(has_text="slow")
    expect(queue).to_contain_text("0 of 2")
    queue.get_by_role("switch", name="slow is on").click()
    expect(queue).to_contain_text("paused")
    open_dialog(page, "Remove the queue slow", "Remove the queue slow?").get_by_role(
        "button", name="Remove this queue"
    ).click()
    expect(queue).to_have_count(0)
    page.get_by_role("switch", name="mill is on").click()
    expect(page.get_by_role("switch", name="mill is paused")).to_be_visible()
    page.get_by_role("switch", name="mill is paused").click()
    expect(page.get_by_role("switch", name="mill is on")).to_be_visible()


def test_a_pool_is_made_and_deleted(console: Console, open_page: OpenPage) -> None:
    page = open_page("/work-pools")
    form = open_dialog(page, "New pool", "New work pool")
    form.get_by_label("Name").fill("containers")
    form.get_by_label("Type").select_option("docker")
    form.get_by_label("Runs at once").fill("4")
    form.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("containers")
    expect(page.get_by_text("0 of 4")).to_be_visible()
    expect(page.get_by_text("penstock worker start --pool containers")).to_be_visible()
    expect(page.get_by_role("region", name="Job template")).to_contain_text("image")
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Delete pool").click()
    page.get_by_role("button", name="Delete this pool").click()
    expect(page.get_by_role("heading", name="Work pools", level=1)).to_be_visible()
    expect(page.get_by_role("link", name="containers")).to_have_count(0)


# ---- Everybody's ------------------------------------------------------------------------------------------------

PAGES = {
    "deployments": "/deployments",
    "deployment": "/deployments/load/nightly",
    "calendar-month": "/calendar",
    "calendar-week": "/calendar?view=week",
    "pools": "/work-pools",
    "pool": "/work-pools/mill",
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(console: Console, open_page: OpenPage, name: str, theme: str) -> None:
    page = open_page(PAGES[name], theme=theme, bypass_csp=True)
    assert [] == violations(page, f"{name}-{theme}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_of_a_run_that_waits(console: Console, open_page: OpenPage, theme: str) -> None:
    run = ask(console, "POST", "/deployment-runs/load/nobody", {})
    page = open_page(f"/runs/{run['id']}", theme=theme, bypass_csp=True)
    expect(page.get_by_role("region", name="Why it is not running")).to_contain_text("No worker")
    assert [] == violations(page, f"run-waiting-{theme}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_the_forms(console: Console, open_page: OpenPage, theme: str) -> None:
    page = open_page("/deployments/load/nightly", theme=theme, bypass_csp=True)
    for button, title in (
        ("Run …", "Run load/nightly"),
        ("Add a schedule", "Add a schedule to load/nightly"),
        ("New backfill", "Backfill load/nightly"),
    ):
        expect(open_dialog(page, button, title)).to_be_visible()
        assert [] == violations(page, f"{button.split()[0].lower()}-form-{theme}")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_what_is_not_there_yet_says_what_to_type(
    built: object, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    commands = {
        "/deployments": "penstock deploy",
        "/calendar": "penstock deployment schedule add",
        "/work-pools": "penstock work-pool create",
    }
    with start_server(tmp_path_factory.mktemp("empty")) as url:
        page = browser.new_page()
        for path, command in commands.items():
            page.goto(url + path)
            expect(page.get_by_label("What to type")).to_contain_text(command)
        page.close()
