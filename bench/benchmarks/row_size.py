"""How much disk one task run takes, indexes included."""

from collections.abc import Iterator
from pathlib import Path

from bench.benchmarks.task_cost import WARMING_TASKS
from bench.measure import Measurement, database_bytes, expect_rows, home_bytes, run_program, throw_away_home

BUDGET_BYTES = 1_000
COUNT = 20_000


def measure(*, quick: bool) -> Iterator[Measurement]:
    count = 1_000 if quick else COUNT
    with throw_away_home() as home:
        base_database, base_home = sizes_after(home, 1)
    with throw_away_home() as home:
        database, everything = sizes_after(home, count)
    yield Measurement("database per task run", (database - base_database) / (count - 1), "bytes", BUDGET_BYTES)
    yield Measurement("whole home per task run", (everything - base_home) / (count - 1), "bytes")


def sizes_after(home: Path, count: int) -> tuple[int, int]:
    run_program("task_cost", "penstock", "called", count, home=home)
    expect_rows(home, "task_run", count + WARMING_TASKS)
    return database_bytes(home), home_bytes(home)
