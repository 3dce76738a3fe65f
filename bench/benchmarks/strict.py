"""`durability="strict"`: one fsync per step, against what the disk itself takes for one."""

import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from bench.benchmarks.task_cost import WARMING_TASKS
from bench.measure import Measurement, expect_rows, run_program, throw_away_home

COUNT = 500
TAKES = 5
RECORD = b"x" * 300  # about what a task's record takes


class NotDurable(Exception):
    def __init__(self, *, raw: float, strict: float) -> None:
        super().__init__(f"a strict task took {strict:.0f} µs, an fsync alone takes {raw:.0f}: none can have been made")


def measure(*, quick: bool) -> Iterator[Measurement]:
    count, takes = (50, 1) if quick else (COUNT, TAKES)
    # In turn, so that a disk that is busy for a while is so for both.
    pairs = [(raw_microseconds(count), strict_microseconds(count)) for _ in range(takes)]
    raw = statistics.median(pair[0] for pair in pairs)
    strict = statistics.median(pair[1] for pair in pairs)
    if strict < raw / 2:
        raise NotDurable(raw=raw, strict=strict)
    yield Measurement("the disk's own write and fsync", raw, "µs")
    yield Measurement("task called, strict", strict, "µs", 1.5 * raw + 100)


def strict_microseconds(count: int) -> float:
    with throw_away_home() as home:
        said = run_program("task_cost", "penstock", "strict", count, home=home).said
        expect_rows(home, "task_run", count + WARMING_TASKS)
    return (said["seconds"] - said["seconds_of_one"]) / (count - 1) * 1e6


def raw_microseconds(count: int) -> float:
    with throw_away_home() as home:
        return statistics.median(fsync_seconds(home / "file", count)) * 1e6


def fsync_seconds(path: Path, count: int) -> Iterator[float]:
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        for _ in range(count):
            begin = time.perf_counter()
            os.write(descriptor, RECORD)
            os.fsync(descriptor)
            yield time.perf_counter() - begin
    finally:
        os.close(descriptor)
