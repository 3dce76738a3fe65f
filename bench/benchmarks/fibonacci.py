"""40 tasks in a row, each computing fibo(10): the benchmark that other engines publish."""

from collections.abc import Iterator

from bench.measure import Measurement, expect_rows, median_of, run_program, throw_away_home

BUDGET_MILLISECONDS = 10
COUNT = 40
TAKES = 9


def measure(*, quick: bool) -> Iterator[Measurement]:
    takes = 1 if quick else TAKES
    yield Measurement(f"{COUNT} × fibo(10)", median_of(takes, take), "ms", BUDGET_MILLISECONDS)


def take() -> float:
    with throw_away_home() as home:
        said = run_program("fibonacci", "penstock", COUNT, home=home).said
        expect_rows(home, "task_run", COUNT + 1)
    return said["seconds"] * 1_000
