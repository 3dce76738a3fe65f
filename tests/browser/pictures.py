"""Takes the pictures of the docs anew, all of them, in both themes: `make pictures`, and look at them."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.axe import settle
from tests.browser.conftest import CHROMIUM_FLAGS, FLOWS, ROOT, Console, find_chromium
from tests.browser.mill import NIGHTLY, ask, deploy, furnish, working
from tests.browser.pictured import web_to_lake
from tests.fixtures.servers import SOURCE, start_server

IMAGES = ROOT / "docs" / "images"
PICTURED = Path(__file__).with_name("pictured.py")
SIZE = {"width": 1280, "height": 820}
DAY_US = 86_400_000_000
SPREAD_US = 6 * DAY_US
"""Over so long the runs of the history are spread, as if they had run by night and day."""
HOME, CODE = "/home/you/.penstock", "/home/you/taxi"
MACHINE = [[socket.gethostname(), "laptop"], [f"{os.uname().sysname} {os.uname().release}", "Linux 6.12"]]
STRETCH = 240
"""And so many times as long did they take."""

PLACES = """([[from, to], ...rest]) => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) for (const [here, there] of [[from, to], ...rest])
    if (walker.currentNode.data.includes(here)) walker.currentNode.data = walker.currentNode.data.replaceAll(here, there);
}"""
"""Puts other words in the place of those that are of this machine only."""

Look = Callable[[Page], None]


def press(*keys: str) -> Look:
    """Press keys on the timeline."""

    def look(page: Page) -> None:
        timeline = page.get_by_test_id("timeline")
        timeline.scroll_into_view_if_needed()
        for key in keys:
            timeline.press(key)

    return look


def click(*names: str) -> Look:
    """Click buttons."""

    def look(page: Page) -> None:
        for name in names:
            page.get_by_role("button", name=name).first.click()

    return look


def pages_of(console: Console) -> dict[str, tuple[str, Look | None]]:
    """What is pictured: its name, its address, and what is done there first."""
    failed = console.find_run("web-to-lake", "FAILED")["id"]
    whole = next(run for run in console.list_runs("web-to-lake", "COMPLETED") if run["parent_run_id"] is None)["id"]
    many = console.find_run("ten-thousand")["id"]
    return {
        "home": ("/?range=7d", None),
        "runs": ("/runs?flow=web-to-lake", None),
        "run": (f"/runs/{failed}", None),
        "timeline": (f"/runs/{many}", press("+", "+")),
        "compare": (f"/compare?a={whole}&b={failed}", None),
        "flow": ("/flows/web-to-lake", None),
        "artifacts": ("/artifacts", None),
        "concurrency": ("/concurrency", click("warehouse")),
        "events": ("/events", None),
        "settings": ("/settings", None),
        "deployment": ("/deployments/load/nightly", None),
        "run-form": ("/deployments/load/nightly", click("Run …", "Give box")),
        "calendar": ("/calendar", None),
        "work-pool": ("/work-pools/mill", None),
    }


def take(browser: Browser, console: Console, theme: Any, folder: Path) -> None:
    """Picture every page in a theme."""
    context = browser.new_context(color_scheme=theme, viewport=SIZE, timezone_id="Europe/Berlin", locale="en-GB")  # type: ignore[arg-type]
    for name, (path, look) in pages_of(console).items():
        page = context.new_page()
        page.goto(console.url + path)
        settle(page)
        if look is not None:
            look(page)
            page.wait_for_load_state("networkidle")
        page.wait_for_timeout(500)  # until what moves has come to rest
        page.evaluate(
            PLACES, [[str(console.home), HOME], [str(Path(__file__).parent), CODE], [str(ROOT), CODE], *MACHINE]
        )
        page.screenshot(path=folder / f"console-{name}{'-dark' if theme == 'dark' else ''}.png")
        page.close()
    context.close()


def fill(home: Path) -> None:
    """Have flows run: the demo, a history, one of ten thousand tasks."""
    environment = {**os.environ, "PYTHONPATH": f"{SOURCE}:{ROOT}", "PENSTOCK_HOME": str(home)}
    environment.pop("PENSTOCK_API_URL", None)
    for command in ([str(PICTURED), "history"], [str(FLOWS), "many"], ["-m", "penstock", "demo"]):
        subprocess.run([sys.executable, *command], env=environment, check=True, capture_output=True)
        if command[-1] == "history":
            spread(home / "penstock.db")


def spread(path: Path) -> None:
    """Let the runs that are recorded have run one after another through the last days, and have taken as long as real ones."""
    with sqlite3.connect(path) as connection:
        runs = connection.execute("SELECT seq, start_at FROM flow_run ORDER BY start_at").fetchall()
        now = max(at for _, at in runs)
        for place, (seq, start) in enumerate(runs):
            then = now - SPREAD_US * (len(runs) - 1 - place) // len(runs)
            for table in ("flow_run", "flow_run_state", "task_run", "log", "event", "artifact"):
                key = "seq" if table == "flow_run" else "flow_run_seq"
                columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
                times = [name for name in columns if name == "at" or name.endswith("_at")]
                moved = ", ".join(f"{name} = {then} + ({name} - {start}) * {STRETCH}" for name in times)
                connection.execute(f"UPDATE {table} SET {moved} WHERE {key} = {seq}")
            tries = connection.execute(
                "SELECT seq, attempts FROM task_run WHERE flow_run_seq = ? AND attempts IS NOT NULL", (seq,)
            )
            for task_seq, attempts in tries.fetchall():
                told = json.dumps(move(json.loads(attempts), start, then))
                connection.execute("UPDATE task_run SET attempts = ? WHERE seq = ?", (told, task_seq))


def move(value: Any, start: int, then: int) -> Any:
    """The times in a JSON value, moved as those of the columns."""
    if isinstance(value, list):
        return [move(item, start, then) for item in value]
    if isinstance(value, dict):
        return {key: move(item, start, then) for key, item in value.items()}
    return then + (value - start) * STRETCH if isinstance(value, int) and value > DAY_US else value


def work(console: Console) -> None:
    """Have a worker run some of what is deployed."""
    for months in ([4], [4, 5], [6, 7]):
        ask(console, "POST", "/deployment-runs/load/nightly", {"parameters": {"year": 2020, "months": months}})
    ask(console, "POST", "/deployment-runs/load/nobody", {})
    while len(console.list_runs("load", "COMPLETED")) < 3:
        pass


def main() -> None:
    """Make everything, and take the pictures."""
    IMAGES.mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="penstock-pictures-"))
    try:
        fill(home)
        with start_server(home) as url, sync_playwright() as playwright:
            console = Console(url, home)
            furnish(console)
            nightly = {"entrypoint": "pictured.py:web_to_lake", "parameters": {"year": 2021, "months": [1, 2, 3]}}
            deploy(console, "nightly", {**NIGHTLY, "timezone": "Europe/Berlin"}, flow=web_to_lake, **nightly)
            for name, slots in (("warehouse", 2), ("tag:web", 8)):
                ask(console, "PUT", f"/concurrency-limits/{name}", {"slots": slots})
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_FLAGS)
            with working(console), console.running("fill", program=PICTURED):
                work(console)
                for theme in ("light", "dark"):
                    take(browser, console, theme, IMAGES)
            browser.close()
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(f"The pictures are in {IMAGES.relative_to(ROOT)}: look at them.", file=sys.stderr)


if __name__ == "__main__":
    main()
