"""100,000 mapped tasks in one flow: the memory they hold, and whether time grows faster than their number."""

import statistics
from collections.abc import Iterator

from bench.benchmarks.task_cost import WARMING_TASKS
from bench.measure import Finished, Measurement, expect_rows, run_program, throw_away_home

BUDGET_MEGABYTES = 600
BUDGET_RATIO = 1.3
FEW, MANY = 1_000, 100_000


def measure(*, quick: bool) -> Iterator[Measurement]:
    many_count, takes = (5_000, 1) if quick else (MANY, 5)
    few = statistics.median(seconds_each(mapped(FEW), FEW) for _ in range(takes))
    finished = [mapped(many_count) for _ in range(1 if quick else 3)]
    megabytes = max(it.said["kilobytes"] for it in finished) / 1024
    many = statistics.median(seconds_each(it, many_count) for it in finished)
    yield Measurement(f"{many_count:,} mapped tasks, most memory", megabytes, "MB", BUDGET_MEGABYTES)
    yield Measurement(f"time per task, {many_count:,} to {FEW:,}", many / few, "×", BUDGET_RATIO)


def mapped(count: int) -> Finished:
    with throw_away_home() as home:
        finished = run_program("task_cost", "penstock", "mapped", count, home=home)
        expect_rows(home, "task_run", count + WARMING_TASKS)
    return finished


def seconds_each(finished: Finished, count: int) -> float:
    return (finished.said["seconds"] - finished.said["seconds_of_one"]) / (count - 1)
