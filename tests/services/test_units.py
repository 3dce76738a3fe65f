"""The units that run beside the server, each called by hand, with the time in the test's hand."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from penstock.core.ids import RunId
from penstock.core.keys import digest
from penstock.orchestrator.local import LocalOrchestrator
from penstock.ports import BeginFlowRun, FindCancellations, GetFlowRun, ListFlowRuns
from penstock.results.folder import FolderResultStore
from penstock.services.crashes import SilentWriters
from penstock.services.retention import Retention
from penstock.services.units import Services
from penstock.store import open_store
from penstock.testing import FakeClock
from tests.contract.telling import Teller, logged, moved

DAY = 86_400


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def orchestrator(tmp_path: Path, clock: FakeClock) -> Iterator[LocalOrchestrator]:
    local = LocalOrchestrator(open_store(f"sqlite:///{tmp_path}/penstock.db", clock=clock))
    yield local
    local.close()


@pytest.fixture
def teller(orchestrator: LocalOrchestrator, clock: FakeClock) -> Teller:
    return Teller(orchestrator, clock)


def begin_leased(teller: Teller) -> str:
    run_id = teller.new_id()
    hello = replace(teller.hello, lease_seconds=60.0)
    teller.ask(BeginFlowRun(id=run_id, flow_name="etl", name="a", writer=hello))  # type: ignore[arg-type]
    return run_id


def test_a_process_that_is_silent_for_a_lease_has_crashed(teller: Teller, clock: FakeClock) -> None:
    unit = SilentWriters(teller.orchestrator, clock, listening_since=clock.now_us() - 3600 * 1_000_000)
    run_id, lockable = begin_leased(teller), teller.begin()
    clock.move(seconds=50)
    assert 0 == unit.run_once()
    clock.move(seconds=11)
    assert 1 <= unit.run_once()
    run = teller.ask(GetFlowRun(id=run_id))  # type: ignore[arg-type]
    assert "CRASHED" == run.state.type
    assert lockable  # of the same writer: it is dead as a whole


def test_a_process_without_a_lease_is_not_judged_by_silence(teller: Teller, clock: FakeClock) -> None:
    unit = SilentWriters(teller.orchestrator, clock, listening_since=0)
    run_id = teller.begin()
    clock.move(seconds=DAY)
    assert 0 == unit.run_once()
    assert "RUNNING" == teller.run(run_id).state.type


@pytest.mark.parametrize("how", ["records", "asking"])
def test_whatever_is_heard_of_a_process_renews_its_lease(teller: Teller, clock: FakeClock, how: str) -> None:
    unit = SilentWriters(teller.orchestrator, clock, listening_since=0)
    run_id = begin_leased(teller)
    for _ in range(5):
        clock.move(seconds=40)
        if how == "records":
            teller.tell(logged(run_id))
        else:
            teller.ask(FindCancellations(run_ids=[run_id], writer_id=teller.id))  # type: ignore[list-item]
        assert 0 == unit.run_once()


def test_a_server_that_starts_listens_for_a_lease_before_it_judges(teller: Teller, clock: FakeClock) -> None:
    begin_leased(teller)
    clock.move(seconds=3600)  # the server was away
    unit = SilentWriters(teller.orchestrator, clock, listening_since=clock.now_us())
    assert 0 == unit.run_once()
    clock.move(seconds=59)
    assert 0 == unit.run_once()
    clock.move(seconds=2)
    assert 1 == unit.run_once()


def test_a_run_whose_process_is_heard_of_again_runs(teller: Teller, clock: FakeClock) -> None:
    unit = SilentWriters(teller.orchestrator, clock, listening_since=0)
    run_id = RunId(begin_leased(teller))
    clock.move(seconds=100)
    unit.run_once()
    assert ("CRASHED", "lease_expired") == (teller.run(run_id).state.type, teller.run(run_id).state.reason)
    teller.ask(FindCancellations(run_ids=[run_id], writer_id=teller.id))
    assert ("RUNNING", None) == (teller.run(run_id).state.type, teller.run(run_id).ended_at)
    teller.end(run_id)
    assert "COMPLETED" == teller.run(run_id).state.type


def test_a_crash_that_was_only_presumed_is_taken_back_by_what_the_process_says(
    teller: Teller, clock: FakeClock
) -> None:
    unit = SilentWriters(teller.orchestrator, clock, listening_since=0)
    run_id = begin_leased(teller)
    clock.move(seconds=100)
    unit.run_once()
    teller.end(run_id)  # type: ignore[arg-type]
    assert "COMPLETED" == teller.run(run_id).state.type


def test_retention_removes_what_ended_long_ago(teller: Teller, clock: FakeClock, tmp_path: Path) -> None:
    old, recent = teller.begin(at=clock.now_us() - 100 * DAY * 1_000_000), teller.begin()
    teller.tell(logged(old))

    teller.tell(moved(old, "Completed", at=clock.now_us() - 99 * DAY * 1_000_000))
    results = FolderResultStore(tmp_path / "results", writer="w")
    kept_of_old, kept_of_recent = results.put("old", run_id=old), results.put("recent", run_id=recent)
    assert 0 == Retention(teller.orchestrator, results, clock, days=0).run_once()
    assert 1 == Retention(teller.orchestrator, results, clock, days=90).run_once()
    assert [recent] == [run.id for run in teller.ask(ListFlowRuns()).items]
    assert (False, True) == (results.exists(kept_of_old), results.exists(kept_of_recent))


def test_retention_drops_cached_results_that_have_expired(teller: Teller, clock: FakeClock, tmp_path: Path) -> None:
    results, now = FolderResultStore(tmp_path / "results", writer="w"), clock.now_us()
    live, dead = (results.put(text, run_id="r", key=text) for text in ("live", "dead"))
    results.put_cached("live", live, now=now, expires_at=None)
    results.put_cached("dead", dead, now=now, expires_at=now + 1)
    clock.move(seconds=1)
    assert 0 == Retention(teller.orchestrator, results, clock, days=1).run_once()
    assert "live" == results.get(live)
    assert results.find_cached("live", now=now) is not None
    assert [] == list((tmp_path / "results/cache").glob(f"{digest('dead')}*"))


class Counting:
    def __init__(self, interval_seconds: float, *, fails: bool = False):
        self.name = "failing" if fails else "counting"
        self.interval_seconds, self.fails, self.calls = interval_seconds, fails, 0

    def run_once(self) -> int:
        self.calls += 1
        if self.fails:
            raise ZeroDivisionError
        return 1


def test_each_unit_is_called_when_it_is_due_and_no_failure_stops_the_others() -> None:
    now = [0.0]
    often, seldom = Counting(1, fails=True), Counting(3)
    services = Services([often, seldom], clock=lambda: now[0])
    assert [None, None] == [report.last for report in services.report()]
    for _ in range(6):
        now[0] += 1
        services.run_due()
    assert (6, 2) == (often.calls, seldom.calls)
    counting, failing = (report.last for report in services.report())
    assert counting is not None
    assert failing is not None
    assert (1, None, 0) == (counting.done, counting.error, failing.done)
    assert "ZeroDivisionError" in (failing.error or "")
