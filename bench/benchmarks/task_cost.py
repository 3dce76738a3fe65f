"""What one more recorded no-op task costs a flow: called, submitted, mapped; each is found in the history."""

import statistics
from collections.abc import Iterator

from bench.measure import Measurement, expect_rows, run_program, throw_away_home
from bench.peers import list_peers, measure_task_cost

BUDGET_MICROSECONDS = {"called": 40, "submitted": 70, "mapped": 70}
TAKES = {1_000: 7, 10_000: 5, 100_000: 5}
WARMING_TASKS = 2  # the program's own two flows of one task


def measure(*, quick: bool) -> Iterator[Measurement]:
    takes = {1_000: 1} if quick else TAKES
    for kind, budget in BUDGET_MICROSECONDS.items():
        for count, times in takes.items():
            costs = [microseconds_each(kind, count) for _ in range(times)]
            returned = statistics.median(cost for cost, _ in costs)
            yield Measurement(f"task {kind}, {count:,}", returned, "µs", budget, note=spread(costs))
            if count == max(takes):
                # What the writer thread puts off until after the return is a cost, too.
                ended = statistics.median(cost for _, cost in costs)
                yield Measurement(f"task {kind}, {count:,}, to the process's end", ended, "µs")
    for peer, python in list_peers():
        yield from measure_task_cost(peer, python)


def microseconds_each(kind: str, count: int) -> tuple[float, float]:
    """Per task: until the flow returned, and until the process ended, each less the same with one task."""
    with throw_away_home() as home:
        one = run_program("task_cost", "penstock", kind, 1, home=home)
    with throw_away_home() as home:
        many = run_program("task_cost", "penstock", kind, count, home=home)
        expect_rows(home, "task_run", count + WARMING_TASKS)
    returned = many.said["seconds"] - many.said["seconds_of_one"]
    ended = many.process_seconds - one.process_seconds
    return returned / (count - 1) * 1e6, ended / (count - 1) * 1e6


def spread(costs: list[tuple[float, float]]) -> str:
    returned = [cost for cost, _ in costs]
    return f"{min(returned):.0f}–{max(returned):.0f} in {len(returned)} takes" if len(returned) > 1 else ""
