"""What one more subflow costs a flow."""

from collections.abc import Iterator

from bench.measure import Measurement, expect_rows, median_of, run_program, throw_away_home

BUDGET_MILLISECONDS = 2
COUNT = 200
TAKES = 5


def measure(*, quick: bool) -> Iterator[Measurement]:
    count, takes = (20, 1) if quick else (COUNT, TAKES)
    yield Measurement("subflow called", median_of(takes, lambda: each(count)), "ms", BUDGET_MILLISECONDS)


def each(count: int) -> float:
    with throw_away_home() as home:
        said = run_program("subflows", "penstock", count, home=home).said
        expect_rows(home, "flow_run", 3 + 2 + count)  # three parents; children of the two warming ones; the rest
    return (said["seconds"] - said["seconds_of_one"]) / (count - 1) * 1e3
