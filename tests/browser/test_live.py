"""Pages that move by themselves."""

from pathlib import Path

from playwright.sync_api import APIResponse, Browser, Route, expect

from tests.browser.conftest import Console, OpenPage
from tests.browser.mill import ask
from tests.browser.pictures import PICTURED
from tests.fixtures.servers import port_of, start_server


def test_a_running_flow_is_followed_and_cancelled(console: Console, open_page: OpenPage) -> None:
    page = open_page("/runs")
    with console.running("slow"):
        row = page.get_by_role("row").filter(has_text="slow-import")
        expect(row).to_contain_text("Running")
        row.get_by_role("link").click()
        log = page.get_by_role("log")
        expect(log).to_contain_text("part 3 of")
        expect(log).to_contain_text("part 12 of")
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("button", name="Cancel this run").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Cancelled")


def test_a_run_that_ends_while_its_page_is_read_is_shown_as_it_ended(console: Console, open_page: OpenPage) -> None:
    page, beside = open_page("/runs"), open_page("/runs")
    held: list[tuple[Route, APIResponse]] = []
    with console.running("slow"):
        row = page.get_by_role("row").filter(has_text="slow-import").filter(has_text="Running")
        expect(row).to_have_count(1)
        run = console.find_run("slow-import")
        page.route(f"**/flow-runs/{run['id']}", lambda route: held.append((route, route.fetch())), times=1)
        with page.expect_request(f"**/flow-runs/{run['id']}"):
            row.get_by_role("link").click()
        expect(page.get_by_role("log")).to_contain_text("part")
    ended = console.find_run("slow-import")["state"]["name"]
    expect(beside.get_by_role("row").filter(has_text=run["name"])).to_contain_text(ended)
    [(route, read_while_it_ran)] = held
    route.fulfill(response=read_while_it_ran)
    expect(page.get_by_role("heading", level=1)).to_contain_text(ended)


def test_a_new_run_comes_into_the_list_by_itself(console: Console, open_page: OpenPage) -> None:
    page = open_page("/runs?q=param.year=2022")
    expect(page.get_by_text("No run fits these filters")).to_be_visible()
    console.run("one")
    expect(page.get_by_role("row").filter(has_text="web-to-lake")).to_be_visible()


def test_a_lost_connection_is_shown_and_what_was_missed_comes(built: Path, browser: Browser, tmp_path: Path) -> None:
    home = tmp_path / "home"
    page = browser.new_page()
    with start_server(home) as url:
        page.goto(f"{url}/runs")
        expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_hidden()
    console = Console(url, home)
    console.run("one")
    with start_server(home, port=port_of(url)):
        expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible(timeout=20_000)
        expect(page.get_by_role("row").filter(has_text="web-to-lake")).to_be_visible()
        page.close()


def test_a_limit_shows_who_holds_it_and_who_waits(built: Path, browser: Browser, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with start_server(home) as url:
        console = Console(url, home)
        ask(console, "PUT", "/concurrency-limits/warehouse", {"slots": 1})
        page = browser.new_page()
        page.goto(f"{url}/concurrency")
        page.get_by_role("button", name="warehouse", exact=True).click()
        with console.running("fill", program=PICTURED):
            waiting = page.get_by_role("list", name="Waiting, the longest first").get_by_role("listitem")
            expect(waiting).to_have_count(3, timeout=20_000)
            page.get_by_role("list", name="Held by").get_by_role("link").click()
            expect(page.get_by_role("heading", level=1)).to_contain_text("fill-warehouse")
        page.close()


def test_a_server_with_a_key_asks_for_it(built: Path, browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page()
    with start_server(tmp_path / "home", PENSTOCK_API_KEY="open-sesame") as url:
        page.goto(f"{url}/runs")
        page.get_by_label("API key").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("not the server's")
        page.get_by_label("API key").fill("open-sesame")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Runs")).to_be_visible()
        expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
        page.close()
