"""The timeline of 10,000 task runs in Chromium: from opening its page to the picture, and the main thread's time while it is panned."""

import shutil
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Page, sync_playwright

from bench.measure import Measurement, expect_rows, median_of, run_program, throw_away_home
from bench.service import Server, started
from penstock.ports import ListFlowRuns

TASKS = 10_000
DRAW_BUDGET_SECONDS = 1
FRAME_BUDGET_MILLISECONDS = 16
MOVES = 120
ZOOMS = 8
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
CHROMIUM_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

# A canvas that has drawn all bars says so; the page's clock begins with its loading.
DRAWN = """
count => {
  const canvas = document.querySelector("[data-testid=timeline]");
  return canvas && canvas.dataset.total === String(count) && Number(canvas.dataset.bars) > 0 ? performance.now() : 0;
}
"""
COUNT_FRAMES = """
() => {
  window.painted = [];
  const canvas = document.querySelector("[data-testid=timeline]");
  const note = () => window.painted.push(Number(canvas.dataset.milliseconds));
  new MutationObserver(note).observe(canvas, { attributeFilter: ["data-milliseconds"] });
}
"""


def measure(*, quick: bool) -> Iterator[Measurement]:
    with throw_away_home() as home:
        run_program("task_cost", "penstock", "mapped", TASKS, home=home)
        expect_rows(home, "task_run", TASKS + 2)
        with started(home) as served, opened_page() as page:
            address = f"{served.url}/runs/{find_run(served)}"
            page.goto(served.url)  # as people have the console open: its files are in the browser's cache
            takes: list[float] = []
            seconds = median_of(1 if quick else 7, lambda: draw(page, address, takes))
            note = f"its page opened anew; {min(takes):.2f}–{max(takes):.2f} s"
            yield Measurement(f"{TASKS:,} task runs drawn", seconds, "s", DRAW_BUDGET_SECONDS, note)
            page.evaluate(COUNT_FRAMES)
            moves = MOVES // 4 if quick else MOVES
            yield pan(page, "all of them in sight", moves)
            canvas = page.get_by_test_id("timeline")
            for _ in range(ZOOMS):
                canvas.press("+")
            yield pan(page, "zoomed", moves)


def find_run(served: Server) -> str:
    """The run of all those task runs."""
    runs = served.ask(ListFlowRuns()).items
    run: str = max(runs, key=lambda run: sum(run.task_counts.values())).id
    return run


def draw(page: Page, address: str, takes: list[float]) -> float:
    page.goto(address, wait_until="commit")
    takes.append(page.wait_for_function(DRAWN, arg=TASKS, polling="raf").json_value() / 1_000)
    return takes[-1]


def pan(page: Page, what: str, moves: int) -> Measurement:
    """Drag by the mouse, a step each frame; the main thread's own time, so that a busy machine counts for less."""
    box: Any = page.get_by_test_id("timeline").bounding_box()
    x, y = box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 10, y)
    page.evaluate("() => { window.painted.length = 0 }")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = task_seconds(session)
    for step in range(moves):
        page.mouse.move(x - 10 - step * box["width"] * 0.6 / moves, y)
    took = task_seconds(session) - before
    painted: list[float] = page.evaluate("() => window.painted")
    page.mouse.up()
    session.detach()
    assert len(painted) > moves // 4, f"{len(painted)} frames were painted for {moves} moves"
    note = f"{len(painted)} frames; of it painting {statistics.median(painted):.1f}, at most {max(painted):.1f} ms"
    milliseconds = took / len(painted) * 1_000
    return Measurement(f"panned, {what}: main thread a frame", milliseconds, "ms", FRAME_BUDGET_MILLISECONDS, note)


def task_seconds(session: Any) -> float:
    """What the main thread has computed so far."""
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    seconds: float = metrics["TaskDuration"]
    return seconds


@contextmanager
def opened_page() -> Iterator[Page]:
    """A page of the machine's Chromium."""
    found = next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise RuntimeError("No Chromium is installed: `make test` installs Debian's.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=CHROMIUM_FLAGS)
        yield browser.new_page(viewport={"width": 1440, "height": 900})
        browser.close()
