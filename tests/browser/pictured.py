"""Flows for the pictures in the docs. As a program: `pictured.py PART ...`, recorded in the current home."""

import contextlib
import sys
import time

from penstock import flow, task
from penstock.artifacts import create_markdown_artifact, create_table_artifact
from penstock.concurrency import concurrency
from penstock.logging import get_run_logger

ROUNDS = 26
BROKEN = (9, 17, ROUNDS - 1)
"""Rounds in which one month is not there."""
HOLD_SECONDS = 300.0


@task(retries=2, tags=["web"])
def fetch(month: str, broken: bool) -> int:
    get_run_logger().info("GET green_tripdata_%s.csv.gz", month)
    time.sleep(0.004 + int(month[-2:]) * 0.002)
    if broken:
        raise ConnectionError(f"green_tripdata_{month}.csv.gz: the server answered 503 Service Unavailable")
    return 30_000 + int(month[-2:]) * 1_187


@task
def clean(rows: int) -> int:
    time.sleep(0.006)
    get_run_logger().info("%d rows, 12 without a fare", rows)
    return rows - 12


@task
def load(rows: list[int], year: int) -> int:
    time.sleep(0.012)
    create_table_artifact(
        [{"month": f"{year}-{month:02}", "trips": count} for month, count in enumerate(rows, start=1)],
        key="trips-loaded",
    )
    create_markdown_artifact(f"**{sum(rows):,}** trips of {year} are in the lake.", key="report")
    return sum(rows)


@flow(log_prints=True, tags=["nightly"])
def web_to_lake(year: int, months: list[int], broken: bool = False) -> int:
    print(f"{len(months)} months of {year}")
    names = [f"{year}-{month:02}" for month in months]
    cleaned = [clean.submit(fetch.submit(name, broken and name.endswith("05"))) for name in names]
    return load.submit(cleaned, year).result()


@flow(log_prints=True)
def warehouse_report(year: int) -> None:
    get_run_logger().warning("three zones have no trips")
    clean(year)


@task
def use_warehouse(part: int) -> None:
    with concurrency("warehouse"):
        time.sleep(HOLD_SECONDS)


@flow
def fill_warehouse() -> None:
    for future in use_warehouse.map([1, 2, 3, 4]):
        future.wait()


def history() -> None:
    for number in range(ROUNDS):
        with contextlib.suppress(Exception):  # a broken one is meant to end so
            web_to_lake(2020 + number % 2, [1, 2, 3, 4, 5, 6, 7, 8], broken=number in BROKEN)
        if number % 3 == 0:
            warehouse_report(2020 + number % 2)


PARTS = {"history": history, "fill": fill_warehouse}

if __name__ == "__main__":
    for part in sys.argv[1:]:
        PARTS[part]()
