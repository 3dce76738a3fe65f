"""What /metrics tells, scraped after real runs."""

import re
from pathlib import Path

import pytest

from penstock import flow, task
from penstock.core.states import RunState
from penstock.ports import MoveFlowRun
from penstock.sdk import wiring
from penstock.testing import FakeClock
from tests.contract.scheduled import deploy, every, fire
from tests.contract.telling import Teller, logged
from tests.server.conftest import Served


def scrape(served: Served) -> dict[str, float]:
    """Samples by name and labels."""
    text = served.http.get("/metrics").text
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}


@task
def step(number: int) -> int:
    if number == 7:
        raise ValueError("an odd one")
    return number


@flow
def steps(count: int) -> int:
    return sum(step(number) for number in range(count))


def test_runs_batches_and_answers_are_counted(served: Served, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_API_URL", f"{served.url}/api")
    monkeypatch.setenv("PENSTOCK_LOGS_TO_TERMINAL", "false")
    assert 10 == steps(5)
    steps(9, return_state=True)  # type: ignore[call-arg]  # every flow takes it
    wiring.shut_down()
    found = scrape(served)
    assert (1, 1, 0) == tuple(
        found[f'penstock_flow_runs{{state="{state}"}}'] for state in ("COMPLETED", "FAILED", "RUNNING")
    )
    records = found["penstock_journal_records_total"]
    assert records >= 5 + 8  # the task runs; there are logs and states too
    assert records == found["penstock_journal_batch_records_sum"]
    batches = found["penstock_journal_batch_records_count"]
    assert batches == found["penstock_journal_batch_seconds_count"] >= 1
    assert found["penstock_journal_batch_seconds_sum"] > 0
    assert found["penstock_journal_delay_seconds_count"] >= 1
    assert 0 == found["penstock_journal_late_records_total"]
    assert found["penstock_events"] >= 4
    assert found["penstock_database_bytes"] > 0
    posted = [
        name for name in found if re.match(r'penstock_requests_total.*writers/\{writer_id\}/records.*"200"', name)
    ]
    assert batches == sum(found[name] for name in posted)


def test_what_waits_is_the_queue(served: Served, teller: Teller, clock: FakeClock) -> None:
    at = clock.now_us()
    waiting = [teller.begin(state=RunState.of("Pending", at=at)) for _ in range(3)]
    clock.move(seconds=90)
    found = scrape(served)
    assert 3 == found["penstock_queue_depth"]
    assert 90 == pytest.approx(found["penstock_queue_oldest_seconds"], abs=1)
    teller.ask(MoveFlowRun(id=waiting[0], epoch=1, state=RunState.of("Running", at=clock.now_us())))
    assert 2 == scrape(served)["penstock_queue_depth"]


def test_records_that_come_late_are_told_of(served: Served, clock: FakeClock) -> None:
    """The fake clock stands in the past, so that all that is said by it comes late."""
    remote = Teller(served.remote(), clock)
    run_id = remote.begin()
    remote.tell(logged(run_id, "one"), logged(run_id, "two"))
    assert 2 == scrape(served)["penstock_journal_late_records_total"]


def test_ticks_that_nobody_fires_are_the_schedulers_lag(served: Served, teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(60))
    assert 0 == scrape(served)["penstock_scheduler_lag_seconds"]
    clock.move(seconds=150)
    assert 90 < scrape(served)["penstock_scheduler_lag_seconds"] <= 150
    fire(teller)
    assert 0 == scrape(served)["penstock_scheduler_lag_seconds"]
