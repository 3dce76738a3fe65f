"""From the request for a deployment's run to the first line of its flow, through a server and a worker; open loop."""

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.measure import Measurement, expect_rows, throw_away_home
from bench.service import Server, server, worker
from penstock.scheduling import RequestRun

WAIT_SECONDS_MAX = 120


def measure(*, quick: bool) -> Iterator[Measurement]:
    with throw_away_home() as home, server(home) as served:
        ledger = home / "ledger"
        with worker(served, ledger):
            cases = (
                ("a fork", {}, 0.3, 0.1),
                ("kept", {"isolation": "reuse"}, 0.3, 0.1),
                ("cold", {"warm": False}, 2.5, 1.0),
            )
            asked = 0
            for name, job, seconds, budget in cases:
                deployment = served.deploy("begin", name.replace(" ", "-"), **job)
                first = take(served, ledger, deployment, numbers=range(asked, asked + 1), every=seconds)
                asked += len(first)
                count = 5 if quick else 40 if seconds < 1 else 12
                waits = sorted(take(served, ledger, deployment, numbers=range(asked, asked + count), every=seconds))
                asked += count
                note = f"median of {count}, one every {seconds:g} s; least {waits[0]:.3f}, most {waits[-1]:.3f} s"
                yield Measurement(f"requested to user code, {name}", statistics.median(waits), "s", budget, note)
        expect_rows(home, "flow_run", asked)


def take(served: Server, ledger: Path, deployment: str, *, numbers: range, every: float) -> list[float]:
    """Ask at fixed times, whatever becomes of the requests before; how long each took to its first line."""
    asked_at: dict[int, int] = {}

    def ask(number: int) -> None:
        asked_at[number] = time.time_ns()
        served.ask(RequestRun(deployment=deployment, parameters={"number": number}))

    with ThreadPoolExecutor(8) as askers:
        begin = time.perf_counter()
        for place, number in enumerate(numbers):
            time.sleep(max(0.0, begin + place * every - time.perf_counter()))
            askers.submit(ask, number)
    began = wait_for(ledger, numbers)
    return [(began[number] - asked_at[number]) / 1e9 for number in numbers]


def wait_for(ledger: Path, numbers: range) -> dict[int, int]:
    """When each run began."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        lines = ledger.read_text().splitlines() if ledger.exists() else []
        began = {int(number): int(at) for number, at in (line.split() for line in lines)}
        if all(number in began for number in numbers):
            return began
        if time.monotonic() > deadline:
            missing = [number for number in numbers if number not in began]
            raise TimeoutError(f"runs {missing[:5]} ... did not begin within {WAIT_SECONDS_MAX} s")
        time.sleep(0.05)
