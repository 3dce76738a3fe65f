"""Fifty async subflows at once: their waiting overlaps, and what is left is the price of orchestrating them."""

from collections.abc import Iterator

from bench.measure import Measurement, expect_rows, median_of, run_program, throw_away_home

COUNT = 50
WAIT_SECONDS = 0.2
# Nothing but the waiting, once, and 2 ms for each subflow.
BUDGET_SECONDS = WAIT_SECONDS + COUNT * 0.002
TAKES = 5


def measure(*, quick: bool) -> Iterator[Measurement]:
    seconds = median_of(1 if quick else TAKES, all_at_once)
    note = f"each waits {WAIT_SECONDS} s in one task"
    yield Measurement(f"{COUNT} async subflows at once", seconds, "s", BUDGET_SECONDS, note=note)


def all_at_once() -> float:
    with throw_away_home() as home:
        said = run_program("async_subflows", "penstock", COUNT, WAIT_SECONDS, home=home).said
        expect_rows(home, "flow_run", COUNT + 1 + 2)
        expect_rows(home, "task_run", COUNT + 1)
    return said["seconds"]
