"""Ticks under stress: many schedulers at once, redeploys between them, processes killed in the middle. Each tick has one run."""

import os
import shutil
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from penstock.orchestrator.local import LocalOrchestrator
from penstock.ports import ListFlowRuns, Request
from penstock.scheduling import (
    AdvanceBackfills,
    CreateBackfill,
    DeleteDeployment,
    DeploymentSpec,
    FireSchedules,
    GetDeployment,
    ListBackfills,
    ListDeployments,
    ListDeploymentVersions,
    ListTicks,
    PauseDeployment,
    RequestRun,
    SaveDeployment,
)
from penstock.store import open_store
from penstock.store.tables import metadata
from penstock.testing import Failpoints, FakeClock
from penstock.testing.failpoints import Injected
from tests.contract.scheduled import KEY, SECOND_US, deploy, every, fire, runs_of, ticks_of
from tests.contract.telling import Teller
from tests.store.test_plans import scans, sortings
from tests.store.test_processes import exit_code, start_fork

NOW = 1_700_000_000_000_000
SCHEDULERS, SCHEDULES, TURNS = 4, 40, 6
STATEMENTS_MAX = 200


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/penstock.db"
        return
    server = request.getfixturevalue("postgres")
    fresh = server.fresh_database(template=server.template("penstock_empty", lambda url: open_store(url).close()))
    yield fresh
    server.drop_database(fresh)


def open_teller(url: str, clock: FakeClock, before_statement: Callable[[str], None] | None = None) -> Teller:
    return Teller(LocalOrchestrator(open_store(url, clock=clock, before_statement=before_statement)), clock)


def test_schedulers_in_many_threads_fire_each_tick_once_while_others_deploy(url: str) -> None:
    clock = FakeClock(NOW)
    schedules = [every(60, f"s{n}", catchup="all") for n in range(SCHEDULES)]
    tellers = [open_teller(url, clock) for _ in range(SCHEDULERS)]
    deploy(tellers[0], *schedules)
    faults: list[BaseException] = []

    def work(number: int) -> None:
        try:
            if number == 0:
                deploy(tellers[0], *schedules, parameters={"turn": clock.now_us()})
            for _ in range(3):
                fire(tellers[number])
        except BaseException as error:
            faults.append(error)

    for turn in range(TURNS):
        clock.move(seconds=-20 if turn == 3 else 60)
        threads = [threading.Thread(target=work, args=[number]) for number in range(SCHEDULERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [] == faults
    fire(tellers[0])
    ticks = ticks_of(tellers[0])
    assert [SCHEDULES] * len(set(ticks)) == [ticks.count(tick) for tick in sorted(set(ticks))]
    assert len(set(ticks)) == (max(ticks) - min(ticks)) // (60 * SECOND_US) + 1
    for teller in tellers:
        teller.orchestrator.close()


def test_schedulers_in_many_processes_fire_each_tick_once(url: str) -> None:
    teller = open_teller(url, FakeClock(NOW))
    deploy(teller, *(every(60, f"s{n}") for n in range(SCHEDULES)))
    teller.orchestrator.close()
    waiting, ready = os.pipe()

    def work() -> None:
        os.close(ready)
        mine = open_teller(url, FakeClock(NOW + 60 * SECOND_US))
        os.read(waiting, 1)  # until all are there
        while mine.ask(FireSchedules(limit=7)).wait_seconds < 1:
            pass
        mine.orchestrator.close()

    children = [start_fork(work) for _ in range(SCHEDULERS)]
    os.close(ready)
    os.close(waiting)
    assert [0] * SCHEDULERS == [exit_code(child) for child in children]
    ticks = ticks_of(open_teller(url, FakeClock(NOW)))
    assert (SCHEDULES, 1) == (len(ticks), len(set(ticks)))


def prepare(path: Path) -> None:
    """Schedules of every kind of overlap, with runs that are open, and a backfill."""
    teller = open_teller(f"sqlite:///{path}", FakeClock(NOW))
    kinds = ("allow", "skip", "queue", "cancel_running")
    deploy(teller, *(every(60, kind.replace("_", "-"), overlap=kind) for kind in kinds))
    teller.clock.move(seconds=60)
    assert len(kinds) == fire(teller)
    since = NOW - 10 * 60 * SECOND_US
    teller.ask(CreateBackfill(key=KEY, slug="allow", since=since, until=NOW, concurrency=3))
    teller.clock.move(seconds=60)
    teller.orchestrator.close()


LATER = NOW + 125 * SECOND_US
EXPECTED = {"allow": 2, "skip": 1, "queue": 2, "cancel-running": 2}


def runs_by_slug(path: Path) -> dict[str, int]:
    with sqlite3.connect(path) as connection:
        counted = connection.execute("SELECT slug, count(*) FROM run_request WHERE slug IS NOT NULL GROUP BY slug")
        return dict(counted.fetchall())


def test_a_process_that_is_killed_at_any_statement_loses_and_doubles_no_tick(tmp_path: Path) -> None:
    prepared = tmp_path / "prepared.db"
    prepare(prepared)
    for n in range(1, STATEMENTS_MAX):
        path = tmp_path / f"{n}.db"
        shutil.copy(prepared, path)

        def die(path: Path = path, n: int = n) -> None:
            failpoints = Failpoints()
            teller = open_teller(f"sqlite:///{path}", FakeClock(LATER), failpoints)
            failpoints.seen.clear()
            failpoints.fail_at, failpoints.kill = n, True
            fire(teller)

        code = exit_code(start_fork(die))
        survivor = open_teller(f"sqlite:///{path}", FakeClock(LATER))
        fire(survivor)
        survivor.orchestrator.close()
        assert EXPECTED == runs_by_slug(path), n
        with sqlite3.connect(path) as connection:
            orphans = "SELECT count(*) FROM flow_run WHERE seq NOT IN (SELECT flow_run_seq FROM run_request)"
            assert (0,) == connection.execute(orphans).fetchone()
        if code == 0:
            return
        assert -signal.SIGKILL == code
    pytest.fail("it never came to an end")


REQUESTS: list[Request[object]] = [
    SaveDeployment(flow_name="etl", name="nightly", spec=DeploymentSpec(parameters={"x": 1}), schedules=[every(30)]),
    SaveDeployment(flow_name="new", name="x", schedules=[every(30)]),
    PauseDeployment(key=KEY, paused=True),
    DeleteDeployment(key=KEY),
    RequestRun(deployment=KEY, idempotency_key="k"),
    AdvanceBackfills(),
    CreateBackfill(key=KEY, slug="allow", since=NOW - 600 * SECOND_US, until=NOW),
]


@pytest.mark.parametrize("request_of", REQUESTS, ids=lambda request: type(request).__name__)
def test_a_statement_that_fails_leaves_nothing_half_written(tmp_path: Path, request_of: Request[object]) -> None:
    prepared = tmp_path / "prepared.db"
    prepare(prepared)
    before = dump(prepared)
    for n in range(1, STATEMENTS_MAX):
        path = tmp_path / f"{n}.db"
        shutil.copy(prepared, path)
        failpoints = Failpoints()
        teller = open_teller(f"sqlite:///{path}", FakeClock(LATER), failpoints)
        failpoints.seen.clear()
        failpoints.fail_at = n
        try:
            teller.ask(request_of)
        except Injected:
            assert before == dump(path), failpoints.seen[n - 1]
            continue
        finally:
            teller.orchestrator.close()
        assert before != dump(path)
        return
    pytest.fail("it never came to an end")


def dump(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with sqlite3.connect(path) as connection:
        names = [table.name for table in metadata.sorted_tables if table.name != "counter"]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}


# ---- Plans ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_of",
    [
        ListDeployments(),
        ListDeployments(flow_name="etl"),
        GetDeployment(key=KEY),
        ListDeploymentVersions(key=KEY),
        ListTicks(since=0, until=NOW * 2, limit=3),
        ListTicks(since=0, until=NOW * 2, limit=3, deployment=KEY),
        ListBackfills(),
        ListBackfills(key=KEY),
        FireSchedules(),
        RequestRun(deployment=KEY),
        RequestRun(deployment=KEY, idempotency_key="k"),
        AdvanceBackfills(),
    ],
    ids=lambda request: type(request).__name__,
)
def test_nothing_is_read_from_end_to_end(tmp_path: Path, request_of: Request[object]) -> None:
    path = tmp_path / "plans.db"
    prepare(path)
    statements: list[str] = []
    teller = open_teller(f"sqlite:///{path}", FakeClock(LATER), statements.append)
    teller.ask(FireSchedules())  # the first looks at all of them, as the clock may have gone back
    teller.clock.move(seconds=60)
    statements.clear()
    teller.ask(request_of)
    asked = [statement for statement in statements if "VALUES" not in statement]
    bounded = (
        "SCAN anon_",
        "SCAN backfill: SELECT backfill.seq, backfill.workspace_id",
    )  # a page, in the order of numbers
    found = [scan for scan in scans(path, asked) if not scan.startswith(bounded)]
    assert ([], []) == (found, [one for one in sortings(path, asked) if "count(*)" not in one and "anon_1" not in one])


def test_a_page_of_deployments_takes_as_many_statements_as_one(tmp_path: Path) -> None:
    path = tmp_path / "pages.db"
    statements: list[str] = []
    teller = open_teller(f"sqlite:///{path}", FakeClock(NOW), statements.append)
    for n in range(30):
        deploy(teller, every(60), name=f"d{n}")
        teller.ask(RequestRun(deployment=f"etl/d{n}"))
    counts = []
    for limit in (1, 30):
        statements.clear()
        assert limit == len(teller.ask(ListDeployments(limit=limit)).items)
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert 30 == len(teller.ask(ListFlowRuns()).items)
    assert 1 == len(runs_of(teller, "d7"))
