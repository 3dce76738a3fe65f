"""Real flows for the console to show. As a program: `flows.py PART ...`, recorded in the current home."""

import contextlib
import os
import sys
import time
from pathlib import Path

from penstock import flow, task
from penstock.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from penstock.logging import get_run_logger

HOSTILE = "<img src=x onerror=window.hacked=1>"
MANY = 10_000
ODD_ONES = 10


@task(retries=1)
def fetch(page: int, broken: bool) -> int:
    get_run_logger().info("fetching page %s", page)
    time.sleep(0.002 * (page + 1))
    if broken and page == 4:
        raise ValueError(f"page {page}: the server answered 503 {HOSTILE}")
    return page


@task
def clean(page: int) -> int:
    return page


@task
def total(pages: list[int]) -> int:
    create_table_artifact([{"month": "2020-04", "trips": 35_612}, {"month": "2020-05", "trips": 57_360}], key="trips")
    create_markdown_artifact(f"# Loaded\n\n**{len(pages)}** pages.\n\n{HOSTILE}", key="report")
    create_link_artifact("https://example.org/release", "The release", key="source")
    return sum(pages)


@flow(log_prints=True)
def web_to_lake(year: int, broken: bool = False) -> int:
    print(f"loading {year} {HOSTILE}")
    get_run_logger().warning("two rows have no fare; they are kept")
    return total.submit([clean.submit(fetch.submit(page, broken)) for page in range(8)]).result()


@flow
def nightly() -> None:
    web_to_lake(2021)


@task
def step(number: int) -> int:
    if number % (MANY // ODD_ONES) == 5:
        raise ValueError("an odd one")
    return number


@flow
def ten_thousand() -> str:
    futures = step.map(list(range(MANY)))
    for future in futures:
        future.wait()
    return "done"


@flow(log_prints=True)
def slow_import(parts: int) -> None:
    for part in range(parts):
        print(f"part {part} of {parts}")
        fetch(0, False)
        time.sleep(0.1)


def history() -> None:
    for round_ in range(4):
        for year in (2019, 2020):
            with contextlib.suppress(ValueError, Exception):  # a broken one is meant to end so
                web_to_lake(year, broken=round_ == 2 and year == 2020)
    nightly()


@task(retries=1)
def upload(target: str) -> str:
    if not Path(target).exists():
        raise OSError(f"{target} is away")
    return target


@flow
def publish(target: str, copies: int = 2) -> int:
    pages = [fetch(page, False) for page in range(copies)]
    upload(target)
    return len(pages)


PARTS = {"history": history, "many": ten_thousand, "slow": lambda: slow_import(600), "one": lambda: web_to_lake(2022)}
TARGET = "BROWSER_TEST_TARGET"
"""Names the folder that `publish` needs."""
PARTS["publish"] = lambda: publish(os.environ[TARGET], return_state=True)

if __name__ == "__main__":
    for part in sys.argv[1:]:
        PARTS[part]()
