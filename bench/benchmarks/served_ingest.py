"""Journals of several writers sent to a server on SQLite at once: what a record costs, and how soon a run begins meanwhile."""

import os
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from bench.measure import Finished, Measurement, expect_rows, percentile, run_program, throw_away_home
from bench.service import Server, new_id, started
from penstock.core.ids import RunId, WriterId
from penstock.ports import BeginFlowRun, WriterHello

WRITERS = 4
COUNT_EACH = 50_000
RECORD_BUDGET_MICROSECONDS = 100
"""10,000 a second."""
CPU_BUDGET_MICROSECONDS = 100
START_BUDGET_MILLISECONDS = 100
START_EVERY_SECONDS = 0.1


def measure(*, quick: bool) -> Iterator[Measurement]:
    each = COUNT_EACH // 10 if quick else COUNT_EACH
    with throw_away_home() as home, started(home) as served, ThreadPoolExecutor(1) as aside:
        before = served.cpu_seconds()
        sending = aside.submit(
            run_program, "served_ingest", WRITERS, each, home=home / "client", api_url=served.api_url
        )
        starts = start_runs(served, sending)
        computed = served.cpu_seconds() - before
        expect_rows(home, "task_run", WRITERS * each)
        expect_rows(home, "flow_run", WRITERS + len(starts))
    said = sending.result().said
    seconds = said["ended"] - said["begun"]
    count = WRITERS * each
    meanwhile = [took * 1_000 for at, took in starts if said["begun"] <= at <= said["ended"]]
    yield Measurement(
        f"{count:,} records of {WRITERS} writers, each",
        seconds / count * 1e6,
        "µs",
        RECORD_BUDGET_MICROSECONDS,
        f"{count / seconds:,.0f} records/s, each a row",
    )
    yield Measurement("processor time of the server per record", computed / count * 1e6, "µs", CPU_BUDGET_MICROSECONDS)
    yield Measurement(
        "a new run begins meanwhile, 95th percentile",
        percentile(meanwhile, 0.95),
        "ms",
        START_BUDGET_MILLISECONDS,
        f"of {len(meanwhile)}; median {statistics.median(meanwhile):.0f}, most {max(meanwhile):.0f} ms",
    )


def start_runs(served: Server, sending: "Future[Finished]") -> list[tuple[float, float]]:
    """Begin a run at fixed times until all is sent; when each was asked for, and how long it took."""
    hello = WriterHello(writer_id=WriterId(new_id()), host="bench", boot_id="", pid=os.getpid(), lease_seconds=60.0)
    starts: list[tuple[float, float]] = []
    begin = time.perf_counter()
    while not sending.done():
        due = begin + (len(starts) + 1) * START_EVERY_SECONDS
        time.sleep(max(0.0, due - time.perf_counter()))
        asked_at, due = time.time(), time.perf_counter()
        served.ask(BeginFlowRun(id=RunId(new_id()), flow_name="meanwhile", name=f"{len(starts)}", writer=hello))
        starts.append((asked_at, time.perf_counter() - due))
    return starts
