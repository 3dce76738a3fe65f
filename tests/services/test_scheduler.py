"""The units that make deployments run by themselves, called by hand, with the time in the test's hand."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from penstock.core.ids import RunId
from penstock.orchestrator.local import LocalOrchestrator
from penstock.ports import ListLogs, Orchestrator, Request, TakeFlowRun
from penstock.scheduling import CreateBackfill, FireSchedules, GetBackfill
from penstock.services.scheduler import (
    POLL_SECONDS,
    Backfills,
    Deadlines,
    Scheduler,
    make_embedded_services,
    make_scheduling_units,
)
from penstock.services.units import Services
from penstock.settings import Settings
from penstock.store import open_store
from penstock.testing import FakeClock
from tests.contract.scheduled import KEY, SECOND_US, ask_for, deploy, events_of, every, runs_of
from tests.contract.telling import Teller


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1_700_000_000_000_000 + 1)


@pytest.fixture
def orchestrator(tmp_path: Path, clock: FakeClock) -> Iterator[LocalOrchestrator]:
    local = LocalOrchestrator(open_store(f"sqlite:///{tmp_path}/penstock.db", clock=clock))
    yield local
    local.close()


@pytest.fixture
def teller(orchestrator: LocalOrchestrator, clock: FakeClock) -> Teller:
    return Teller(orchestrator, clock)


def test_a_scheduler_comes_again_exactly_when_the_next_tick_does(teller: Teller, clock: FakeClock) -> None:
    unit = Scheduler(teller.orchestrator)
    assert (0, POLL_SECONDS) == (unit.run_once(), unit.interval_seconds)
    deploy(teller, every(1, catchup="skip"))
    now = [0.0]
    services = Services([], prompt=[unit], clock=lambda: now[0])
    late = []
    for _ in range(40):
        wait = services.run_due()
        now[0] += wait
        clock.move(seconds=wait)
        late += [(run.created_at - (run.expected_start_at or 0)) / SECOND_US for run in runs_of(teller)[len(late) :]]
    assert 8 <= len(late)
    assert max(late) < 0.01


def test_a_thousand_and_more_due_at_once_are_all_asked_for_in_one_turn(teller: Teller, clock: FakeClock) -> None:
    for name in range(12):
        deploy(teller, *(every(60, f"s{n}") for n in range(100)), name=f"d{name}")
    clock.move(seconds=60)
    assert 1_200 == Scheduler(teller.orchestrator).run_once()
    assert 0 == Scheduler(teller.orchestrator).run_once()


class Failing:
    """An orchestrator that is away."""

    def __init__(self, orchestrator: Orchestrator):
        self.orchestrator, self.away = orchestrator, False

    def ask(self, request: Request[object], *rest: object) -> object:
        if self.away:
            raise ConnectionError
        return self.orchestrator.ask(request)


def test_a_scheduler_whose_database_is_away_does_not_spin(teller: Teller, clock: FakeClock) -> None:
    orchestrator = Failing(teller.orchestrator)
    unit = Scheduler(orchestrator)  # type: ignore[arg-type]
    deploy(teller, every(60))
    wait = teller.ask(FireSchedules()).wait_seconds
    clock.move(seconds=wait - 0.01)
    unit.run_once()
    assert unit.interval_seconds < POLL_SECONDS
    orchestrator.away = True
    with pytest.raises(ConnectionError):
        unit.run_once()
    assert POLL_SECONDS == unit.interval_seconds


def test_backfills_go_on_by_themselves(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(3_600))
    made = teller.ask(
        CreateBackfill(key=KEY, since=clock.now_us() - 5 * 3_600 * SECOND_US, until=clock.now_us(), concurrency=2)
    )
    unit = Backfills(teller.orchestrator)
    assert [2, 0] == [unit.run_once(), unit.run_once()]
    for _ in range(4):
        for run in runs_of(teller):
            if run.state.type == "SCHEDULED":
                end(teller, run.id)
        unit.run_once()
    assert ("done", made.total) == (teller.ask(GetBackfill(id=made.id)).status, len(runs_of(teller)))


def test_a_missed_deadline_is_told_of_once(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, deadline_seconds=60)
    slow, quick = ask_for(teller, name="slow"), ask_for(teller, name="quick")
    end(teller, quick.id)
    unit = Deadlines(teller.orchestrator)
    clock.move(seconds=59)
    assert 0 == unit.run_once()
    clock.move(seconds=2)
    assert [1, 0] == [unit.run_once(), unit.run_once()]
    assert ["slow"] == [payload["name"] for payload in events_of(teller, "flow-run.deadline-missed")]
    message = teller.run(slow.id).state.message
    assert message is not None
    assert "deadline" in message
    assert [message] == [line.message for line in teller.ask(ListLogs(flow_run_id=slow.id)).items]
    assert "SCHEDULED" == teller.run(slow.id).state.type
    assert teller.run(quick.id).state.message is None


def test_what_is_prompt_does_not_wait_for_the_rest() -> None:
    begun, ticked = Event(), Event()

    class Slow:
        name, interval_seconds = "slow", 0.0

        def run_once(self) -> int:
            begun.set()
            self.interval_seconds = 3_600.0
            return int(ticked.wait(30))

    class Prompt:
        name, interval_seconds = "prompt", 0.0

        def run_once(self) -> int:
            begun.wait(30)
            ticked.set()
            self.interval_seconds = 3_600.0
            return 0

    services = Services([Slow()], prompt=[Prompt()])
    services.start()
    assert ticked.wait(30)
    services.stop()


def test_a_process_beside_a_server_schedules_nothing_itself(orchestrator: LocalOrchestrator, tmp_path: Path) -> None:
    said = {"journals": tmp_path, "target": "sqlite://"}
    assert make_embedded_services(Settings(api_url="http://localhost:1/api"), orchestrator, **said) is None  # type: ignore[arg-type]
    assert make_embedded_services(Settings(), orchestrator, **said) is not None  # type: ignore[arg-type]
    assert {"scheduler", "backfills", "deadlines", "lost claims"} == {
        unit.name for unit in make_scheduling_units(orchestrator)
    }


def end(teller: Teller, run_id: str) -> None:
    """The run begins and completes."""
    epoch = teller.ask(TakeFlowRun(id=RunId(run_id), writer=teller.hello, holder_alive=False)).run.epoch
    teller.end(RunId(run_id), epoch=epoch)
