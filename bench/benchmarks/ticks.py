"""A server with 10,000 active schedules: how late ticks are, and how long it takes when all come at once."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Measurement, throw_away_home
from bench.service import server
from penstock.orchestrator.local import LocalOrchestrator
from penstock.scheduling import DeploymentSpec, SaveDeployment
from penstock.store import open_store

SCHEDULES_EACH = 20
DUE_A_SECOND = 20
LEAD_SECONDS = 15
"""Between the server's start and the first tick."""
SETUP_SECONDS_EACH = 0.003
"""At most, for each schedule that is made."""


def measure(*, quick: bool) -> Iterator[Measurement]:
    schedules = 500 if quick else 10_000
    with throw_away_home() as home:
        seconds = 5 if quick else 40
        begin = begin_of(schedules)
        period_us, step_us = schedules * 1_000_000 // DUE_A_SECOND, 1_000_000 // DUE_A_SECOND
        add_schedules(home, schedules, begin=begin, period_us=period_us, step_us=step_us)
        with server(home):
            time.sleep(max(0.0, begin / 1e6 - time.time()) + seconds)
            late = lateness(home)
        if not late:
            raise RuntimeError("no schedule fired")
        note = f"{len(late):,} ticks in {seconds} s of {schedules:,} schedules; median {late[len(late) // 2]:.3f} s"
        yield Measurement("a tick is late by, 99th percentile", late[int(len(late) * 0.99)], "s", 0.25, note)
    with throw_away_home() as home:
        begin = begin_of(schedules)
        add_schedules(home, schedules, begin=begin, period_us=86_400_000_000, step_us=0)
        with server(home):
            time.sleep(max(0.0, begin / 1e6 - time.time()))
            while len(lateness(home)) < schedules:
                time.sleep(0.05)
            taken = time.time() - begin / 1e6
        yield Measurement(f"{schedules:,} ticks due at once, until all runs are there", taken, "s", 10)


def begin_of(schedules: int) -> int:
    """When the first tick is to be, in microseconds UTC."""
    return int((time.time() + LEAD_SECONDS + schedules * SETUP_SECONDS_EACH) * 1_000_000)


def add_schedules(home: Path, count: int, *, begin: int, period_us: int, step_us: int) -> None:
    orchestrator = LocalOrchestrator(open_store(f"sqlite:///{home}/penstock.db"))
    for place in range(0, count, SCHEDULES_EACH):
        definitions = [
            {
                "kind": "interval",
                "slug": f"s{number}",
                "interval_us": period_us,
                "anchor_us": begin + number * step_us,
                "start_us": begin,
                "catchup": "all",
            }
            for number in range(place, place + SCHEDULES_EACH)
        ]
        spec = DeploymentSpec(entrypoint="served.py:begin")
        orchestrator.ask(SaveDeployment(flow_name="begin", name=f"d{place}", spec=spec, schedules=definitions))
    orchestrator.close()


def lateness(home: Path) -> list[float]:
    """How long after its time each tick had its run, in seconds, sorted; of those that the server was there for."""
    with sqlite3.connect(home / "penstock.db") as connection:
        rows = connection.execute(
            "SELECT r.created_at - a.fire_at FROM run_request a JOIN flow_run r ON r.seq = a.flow_run_seq ORDER BY 1"
        ).fetchall()
    return [late / 1e6 for (late,) in rows]
