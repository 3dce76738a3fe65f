"""Short runs a second, through one SQLite server and one worker: a fork for each, and processes that run one after another."""

import time
from collections.abc import Iterator

from bench.benchmarks.run_latency import take, wait_for
from bench.measure import Measurement, expect_rows, throw_away_home
from bench.service import server, worker
from penstock.core.states import StateType
from penstock.ports import ListFlowRuns, RunFilter
from penstock.scheduling import RequestRun


def measure(*, quick: bool) -> Iterator[Measurement]:
    for name, job, count, least in (
        ("a fork for each", {}, 400, 20),
        ("kept processes", {"isolation": "reuse"}, 2_000, 200),
    ):
        runs = count // 10 if quick else count
        with throw_away_home() as home, server(home) as served:
            ledger = home / "ledger"
            deployment = served.deploy("begin", "short", **job)
            with worker(served, ledger):
                take(served, ledger, deployment, numbers=range(1), every=0)
            for number in range(1, runs + 1):
                served.ask(RequestRun(deployment=deployment, parameters={"number": number}))
            with worker(served, ledger):
                began = wait_for(ledger, range(1, runs + 1))
                first, last = (
                    began[min(began, key=lambda number: began[number] if number else 2**63)],
                    max(began.values()),
                )
                while served.ask(
                    ListFlowRuns(
                        filter=RunFilter(state_types=[StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING]),
                        limit=1,
                    )
                ).items:
                    time.sleep(0.05)
            expect_rows(home, "flow_run", runs + 1)
            a_second = (runs - 1) / ((last - first) / 1e9)
            yield Measurement(
                f"a short run, {name}",
                1_000 / a_second,
                "ms",
                1_000 / least,
                f"{a_second:,.0f} runs/s of {runs:,} that waited",
            )
