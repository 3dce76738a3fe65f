"""What is recorded through a server: one more no-op task, 40 × fibo(10) by a worker, a command of the command line."""

import subprocess
import sys
import time
from collections.abc import Iterator

from bench.benchmarks.task_cost import WARMING_TASKS, spread
from bench.measure import Measurement, environment, expect_rows, median_of, run_program, throw_away_home
from bench.service import Server, server, started, worker
from penstock.core.states import StateType
from penstock.ports import GetFlowRun
from penstock.scheduling import RequestRun

TASK_BUDGET_MICROSECONDS = 120
FIBONACCI_BUDGET_SECONDS = 0.4
COMMAND_BUDGET_MILLISECONDS = 300
COUNT, TAKES = 10_000, 5
FIBONACCI_COUNT = 40
SHOWN_RUNS = 50
LOOK_SECONDS = 0.01


def measure(*, quick: bool) -> Iterator[Measurement]:
    count, takes = (1_000, 1) if quick else (COUNT, TAKES)
    for kind in ("called", "submitted", "mapped"):
        costs = [microseconds_each(kind, count) for _ in range(takes)]
        costs.sort()
        cost, at_server = costs[len(costs) // 2]
        note = f"the server computes {at_server:.0f} µs of it"
        said = spread(costs)
        yield Measurement(
            f"task {kind}, {count:,}", cost, "µs", TASK_BUDGET_MICROSECONDS, f"{note}; {said}" if said else note
        )
    yield from measure_worker(1 if quick else 9)
    yield from measure_command(2 if quick else 9)


def microseconds_each(kind: str, count: int) -> tuple[float, float]:
    """Per task: until the flow returned, and the server's processor time."""
    with throw_away_home() as home, started(home) as served:
        before = served.cpu_seconds()
        said = run_program("task_cost", "penstock", kind, count, home=home / "client", api_url=served.api_url).said
        computed = served.cpu_seconds() - before
        expect_rows(home, "task_run", count + WARMING_TASKS)
    return (said["seconds"] - said["seconds_of_one"]) / (count - 1) * 1e6, computed / count * 1e6


def measure_worker(takes: int) -> Iterator[Measurement]:
    with throw_away_home() as home, server(home) as served, worker(served, home / "ledger"):
        deployment = served.deploy("sequence", "fibonacci")
        runs: list[tuple[float, float]] = []
        median_of(takes, lambda: take_run(served, deployment, runs))
        expect_rows(home, "task_run", FIBONACCI_COUNT * len(runs))
    whole, begun = sorted(runs[1:])[takes // 2]
    note = f"from the request to its end; {begun:.3f} s of it in the flow"
    name = f"{FIBONACCI_COUNT} × fibo(10), server and worker"
    yield Measurement(name, whole, "s", FIBONACCI_BUDGET_SECONDS, note)


def take_run(served: Server, deployment: str, runs: list[tuple[float, float]]) -> float:
    """Seconds from the request to the run's end; `runs` gets them, and those from its beginning."""
    run = served.ask(RequestRun(deployment=deployment, parameters={"count": FIBONACCI_COUNT}))
    while not run.state.is_final:
        time.sleep(LOOK_SECONDS)
        run = served.ask(GetFlowRun(id=run.id))
    assert run.state.type is StateType.COMPLETED, run.state
    runs.append(((run.ended_at - run.created_at) / 1e6, (run.ended_at - run.started_at) / 1e6))
    return runs[-1][0]


def measure_command(takes: int) -> Iterator[Measurement]:
    with throw_away_home() as home, started(home) as served:
        run_program("crowd", 4, SHOWN_RUNS // 4 + 1, home=home / "client", api_url=served.api_url)
        command = [sys.executable, "-m", "penstock", "flow-run", "ls"]
        environ = environment(home / "client") | {"PENSTOCK_API_URL": served.api_url}

        def take() -> float:
            begin = time.perf_counter()
            subprocess.run(command, env=environ, check=True, capture_output=True)
            return (time.perf_counter() - begin) * 1_000

        milliseconds = median_of(takes, take)
    yield Measurement("penstock flow-run ls, whole process", milliseconds, "ms", COMMAND_BUDGET_MILLISECONDS)
