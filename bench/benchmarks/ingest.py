"""What it costs to take one task run into the store, and how much of Python that leaves to the flow."""

from collections.abc import Iterator
from pathlib import Path

from bench.measure import Measurement, database_bytes, expect_rows, run_program, throw_away_home

COUNT = 100_000
BUSY_COUNT = 20_000


def measure(*, quick: bool) -> Iterator[Measurement]:
    count, busy_count = (5_000, 2_000) if quick else (COUNT, BUSY_COUNT)
    with throw_away_home() as home:
        said = taken_in(home, count, 1, "alone")
        yield Measurement("taken in with one record each: CPU per task run", said["cpu_us"], "µs")
        yield Measurement("the same: bytes in the database", database_bytes(home) / count, "bytes", 1_000)
    with throw_away_home() as home:
        said = taken_in(home, count, 2, "alone")
        yield Measurement("taken in with two records each: CPU per task run", said["cpu_us"], "µs")
    with throw_away_home() as home:
        said = taken_in(home, busy_count, 1, "busy")
        yield Measurement("beside a busy thread: time per task run", said["wall_us"], "µs")
        yield Measurement("the same: speed left to that thread", said["left_to_others"] * 100, "%")


def taken_in(home: Path, count: int, each: int, company: str) -> dict[str, float]:
    said = run_program("ingest", count, each, company, home=home).said
    expect_rows(home, "task_run", count)
    return said
