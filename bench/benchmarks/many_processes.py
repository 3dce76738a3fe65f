"""64 processes that run flows on one SQLite file at once: none sees an error, nothing is missing."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from bench.benchmarks.task_cost import WARMING_TASKS
from bench.measure import Measurement, expect_rows, run_program, throw_away_home

PROCESSES = 64
TASKS_EACH = 50


def measure(*, quick: bool) -> Iterator[Measurement]:
    processes = 8 if quick else PROCESSES
    with throw_away_home() as home, ThreadPoolExecutor(processes) as starters:
        begin = time.perf_counter()
        running = [
            starters.submit(run_program, "task_cost", "penstock", "called", TASKS_EACH, home=home)
            for _ in range(processes)
        ]
        slowest = max(future.result().process_seconds for future in running)
        seconds = time.perf_counter() - begin
        expect_rows(home, "task_run", processes * (TASKS_EACH + WARMING_TASKS))
        expect_rows(home, "flow_run", processes * 3)
    yield Measurement(
        f"{processes} processes on one file, all", seconds, "s", note=f"{TASKS_EACH} tasks each, no error"
    )
    yield Measurement(f"{processes} processes on one file, slowest", slowest, "s")
