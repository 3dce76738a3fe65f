"""What the server promises, seen whole: a demo in another process moves live, and no fact of it is lost while the server is away."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, expect

from tests.fixtures.servers import SOURCE, port_of, start_server

DEMO_TASK_RUNS = {"fetch": 2, "clean": 2, "store": 2, "extract": 2, "transform": 2, "load": 2, "draw_trips_per_day": 1}
DEMO_FLOW_RUNS = {"taxi-demo": 1, "web-to-lake": 1, "month-to-lake": 2, "lake-to-warehouse": 1}


class OtherShell:
    """A shell with a home of its own in which PENSTOCK_API_URL is set."""

    def __init__(self, home: Path, url: str):
        self.environment = {
            **os.environ, "PYTHONPATH": str(SOURCE), "PENSTOCK_HOME": str(home), "PENSTOCK_API_URL": f"{url}/api",
        }  # fmt: skip

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "penstock", *arguments]

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            self.command(*arguments), env=self.environment, check=True, capture_output=True, text=True, timeout=120
        )
        return done.stdout

    @contextmanager
    def running(self, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        process = subprocess.Popen(
            self.command(*arguments),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def read_all(url: str, route: str, **body: object) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = httpx.post(f"{url}/api{route}", json={"limit": 1_000, **body}).json()["items"]
    return items


def test_the_demo_moves_live_and_is_recorded_once_though_the_server_goes_away(
    built: Path, browser: Browser, tmp_path: Path
) -> None:
    page = browser.new_page()
    with ExitStack() as stack:
        with start_server(tmp_path / "server") as url:
            shell = OtherShell(tmp_path / "shell", url)
            page.goto(f"{url}/runs")
            expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
            demo = stack.enter_context(shell.running("demo"))
            row = page.get_by_role("row").filter(has_text="taxi-demo")
            expect(row).to_contain_text("Running")
            row.get_by_role("link").first.click()
            expect(page.get_by_role("log")).to_contain_text("Fetched green_tripdata_2020-04")
            demo.send_signal(signal.SIGSTOP)  # until the server is gone
        demo.send_signal(signal.SIGCONT)
        out, err = demo.communicate(timeout=120)
    assert 0 == demo.returncode, err
    assert "92,972" in out
    with start_server(tmp_path / "server", port_of(url)):
        shell.run("flow-run", "ls")  # the next process on that machine sends what waits
        expect(page.get_by_role("heading", level=1)).to_contain_text("Completed", timeout=20_000)
        expect(page.get_by_role("log")).to_contain_text("92,972 green trips of 2020 are in the lake")
        page.close()
        expect_the_demo_once(url)
    assert [] == list((tmp_path / "shell" / "journals").glob("*"))


def expect_the_demo_once(url: str) -> None:
    """Every run, task run and log line of it, each once and ended well."""
    flow_runs, task_runs = read_all(url, "/flow-runs/filter"), read_all(url, "/task-runs/filter")
    assert DEMO_FLOW_RUNS == Counter(run["flow_name"] for run in flow_runs)
    assert DEMO_TASK_RUNS == Counter(run["task_name"] for run in task_runs)
    assert {"COMPLETED"} == {run["state"]["type"] for run in (*flow_runs, *task_runs)}
    lines = read_all(url, "/logs/filter")
    assert {1} == set(Counter((line["flow_run_id"], line["at"], line["message"]) for line in lines).values())
    for begun in ("Beginning flow run", "Finished in state Completed"):
        assert {run["id"]: 1 for run in flow_runs} == Counter(
            line["flow_run_id"] for line in lines if line["message"].startswith(begun)
        )
    assert 2 == len([line for line in lines if line["message"].startswith("Fetched green_tripdata_2020-0")])
