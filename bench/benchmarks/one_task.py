"""The whole process of a flow of one task, on a fresh home and on one that has been used."""

from collections.abc import Iterator
from pathlib import Path

from bench.measure import Measurement, count_rows, expect_rows, median_of, run_program, throw_away_home
from bench.peers import list_peers, measure_process

BUDGET_SECONDS = 0.4
TAKES = 9


def measure(*, quick: bool) -> Iterator[Measurement]:
    takes = 2 if quick else TAKES
    yield Measurement("process, one task, fresh home", median_of(takes, on_fresh_home), "s", BUDGET_SECONDS)
    with throw_away_home() as home:
        yield Measurement("process, one task, used home", median_of(takes, lambda: on(home)), "s", BUDGET_SECONDS)
        expect_rows(home, "task_run", takes + 1)
    for peer, python in list_peers():
        yield from measure_process(peer, python)


def on_fresh_home() -> float:
    with throw_away_home() as home:
        seconds = on(home)
        assert count_rows(home, "task_run") == 1
        return seconds


def on(home: Path) -> float:
    return run_program("one_task", home=home).process_seconds
