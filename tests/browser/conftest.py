"""A real server over real runs, and Debian's Chromium looking at its console.

Screenshots go to build/screenshots, for a person to look at.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.fixtures.servers import start_server

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "src" / "penstock" / "server" / "static"
FLOWS = Path(__file__).with_name("flows.py")
SCREENSHOTS = ROOT / "build" / "screenshots"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
CHROMIUM_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
WAIT_MS = 15_000


@dataclass
class Console:
    """A server's address, and the home behind it."""

    url: str
    home: Path

    def run(self, *parts: str) -> None:
        """Run flows to their end."""
        command = [sys.executable, str(FLOWS), *parts]
        subprocess.run(command, env=self._environment(), check=True, capture_output=True, timeout=120)

    @contextmanager
    def running(self, *parts: str, program: Path = FLOWS) -> Iterator[None]:
        """Flows that run meanwhile."""
        command = [sys.executable, str(program), *parts]
        process = subprocess.Popen(
            command, env=self._environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)

    def find_run(self, flow: str, *states: str) -> dict[str, Any]:
        """The newest run of a flow, in one of the states if any are named."""
        return self.list_runs(flow, *states)[0]

    def list_runs(self, flow: str, *states: str) -> list[dict[str, Any]]:
        """The runs of a flow, newest first."""
        asked = {"filter": {"flow_names": [flow], "state_types": list(states)}}
        found: list[dict[str, Any]] = httpx.post(f"{self.url}/api/flow-runs/filter", json=asked).json()["items"]
        return found

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PENSTOCK_HOME": str(self.home)}


@pytest.fixture(scope="session")
def built() -> Path:
    """The built console."""
    if not (STATIC / "index.html").is_file():
        reason = "The console is not built: run `make ui`."
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return STATIC


@pytest.fixture(scope="session")
def console(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A server over a home in which flows have run, one of them with ten thousand task runs."""
    home = tmp_path_factory.mktemp("console")
    Console("", home).run("history", "many")
    with start_server(home) as url:
        yield Console(url, home)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, of one file only: while Playwright lives, its event loop runs in this thread, and no test can run another."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


def find_chromium() -> str:
    """Where Chromium is."""
    found = next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)
    return found or pytest.fail("No Chromium is installed: `make test` installs Debian's.")


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, console: Console) -> Iterator[OpenPage]:
    """Opens pages of the console; one that complains, or loads anything from elsewhere, fails the test."""
    contexts = []
    wrong: list[str] = []

    def open_(path: str, *, theme: str = "light", **options: Any) -> Page:
        context = browser.new_context(color_scheme=theme, viewport={"width": 1440, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(f"{said.text} {said.location}") if _is_wrong(said) else None)
        page.on("request", lambda request: wrong.append(request.url) if _is_elsewhere(request.url, console) else None)
        page.goto(console.url + path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert [] == wrong


def _is_wrong(said: ConsoleMessage) -> bool:
    """Chromium complains of every refusal; that what somebody typed does not fit (422) is said by the page."""
    return said.type == "error" and "status of 422" not in said.text


def _is_elsewhere(url: str, console: Console) -> bool:
    return not url.startswith((console.url, "data:", "blob:"))
