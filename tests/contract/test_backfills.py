"""Backfills: the periods of the past, a few at a time, after fresh runs."""

from itertools import pairwise

import pytest

from penstock.core.errors import Conflict, NotFound, ParameterInvalid, RequestInvalid
from penstock.core.ids import RunId
from penstock.ports import FlowRun, TakeFlowRun
from penstock.scheduling import (
    AdvanceBackfills,
    Backfill,
    CreateBackfill,
    DeleteDeployment,
    GetBackfill,
    ListBackfills,
    MoveBackfill,
)
from penstock.testing import FakeClock
from tests.contract.scheduled import (
    KEY,
    SCHEMA,
    SECOND_US,
    ask_for,
    cron,
    deploy,
    every,
    fire,
    request_of,
    runs_of,
    ticks_of,
)
from tests.contract.telling import Teller
from tests.contract.working import Office

HOUR_US = 3_600 * SECOND_US


def fill(teller: Teller, hours: float = 5, **said: object) -> Backfill:
    """A backfill of the last hours."""
    now = teller.clock.now_us()
    since = now - int(hours * HOUR_US)
    made: Backfill = teller.ask(CreateBackfill(**({"key": KEY, "since": since, "until": now} | said)))  # type: ignore[arg-type]
    return made


def advance(teller: Teller) -> int:
    asked: int = teller.ask(AdvanceBackfills())
    return asked


def begin(teller: Teller, run: FlowRun) -> int:
    epoch: int = teller.ask(TakeFlowRun(id=run.id, writer=teller.hello, holder_alive=False)).run.epoch
    return epoch


def end_all(teller: Teller) -> None:
    for run in runs_of(teller):
        if run.state.type == "SCHEDULED":
            teller.end(RunId(run.id), epoch=begin(teller, run))


def test_each_period_of_the_time_has_one_run(teller: Teller) -> None:
    deploy(teller, every(3_600, "hourly", parameters={"hour": "{{ period.start.hour }}"}), parameters={"x": 0})
    made = fill(teller, concurrency=100, parameters={"x": 1})
    assert (4, "running", {"waiting": 4}) == (made.total, made.status, dict(made.counts))
    assert [4, 0] == [advance(teller), advance(teller)]
    assert [18, 19, 20, 21] == [run.parameters["hour"] for run in runs_of(teller)]
    assert {1} == {run.parameters["x"] for run in runs_of(teller)}
    assert [HOUR_US] * 3 == [later - earlier for earlier, later in pairwise(ticks_of(teller))]
    requests = [request_of(teller, run) for run in runs_of(teller)]
    assert {("hourly", made.id)} == {(request.schedule, request.backfill_id) for request in requests}
    assert {"SCHEDULED": 4} == dict(teller.ask(GetBackfill(id=made.id)).counts)
    end_all(teller)
    advance(teller)
    done = teller.ask(GetBackfill(id=made.id))
    assert ("done", {"COMPLETED": 4}) == (done.status, dict(done.counts))


def test_no_more_run_at_once_than_was_said(teller: Teller) -> None:
    deploy(teller, every(3_600))
    made = fill(teller, hours=6, concurrency=2)
    open_runs = []
    while advance(teller):
        open_runs.append(sum(run.ended_at is None for run in runs_of(teller)))
        end_all(teller)
    assert [2, 2, 1] == open_runs
    assert made.total == len(runs_of(teller)) == len(set(ticks_of(teller)))


@pytest.mark.parametrize("newest_first", [False, True])
def test_the_order_is_as_was_asked(teller: Teller, newest_first: bool) -> None:
    deploy(teller, every(600))
    made = fill(teller, hours=30, concurrency=1, newest_first=newest_first)
    assert made.ahead[0].fire_at == (max if newest_first else min)(period.fire_at for period in made.ahead)
    asked = []
    for _ in range(8):
        assert 1 == advance(teller)
        (run,) = [run for run in runs_of(teller) if run.ended_at is None]
        asked.append(request_of(teller, run).fire_at)
        end_all(teller)
    assert [period.fire_at for period in made.ahead][:8] == asked


@pytest.mark.parametrize("newest_first", [False, True])
def test_all_of_many_periods_come_by_and_none_twice(teller: Teller, newest_first: bool) -> None:
    deploy(teller, cron("*/20 9-17 * * 1-5", "irregular"))
    made = fill(teller, hours=24 * 8, concurrency=100, newest_first=newest_first)
    while advance(teller):
        end_all(teller)
    assert 120 < made.total == len(set(ticks_of(teller))) == len(runs_of(teller))


def test_a_preview_makes_nothing_and_shows_what_each_period_would_get(teller: Teller) -> None:
    deploy(teller, every(3_600, parameters={"hour": "{{ period.start.hour }}"}))
    shown = fill(teller, dry_run=True, newest_first=True)
    assert (4, "preview", "") == (shown.total, shown.status, shown.id)
    assert [{"hour": hour} for hour in (21, 20, 19, 18)] == [dict(period.parameters) for period in shown.ahead]
    assert [] == list(teller.ask(ListBackfills()).items)
    assert 0 == advance(teller)


def test_what_cannot_be_filled_in_is_told_at_once(teller: Teller, clock: FakeClock) -> None:
    now = clock.now_us()
    deploy(teller, every(3_600, "a", parameters={"month": 4}), every(60, "b"), parameter_schema=SCHEMA)
    for wrong in (
        {"slug": "a", "since": now, "until": now},
        {"slug": "a", "since": now - 10, "until": now},
        {"slug": "a", "since": now, "until": now + 10 * HOUR_US},
        {"slug": "b", "since": 0},
        {"slug": "a", "concurrency": 0},
        {},
    ):
        with pytest.raises(RequestInvalid):
            fill(teller, **wrong)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        fill(teller, slug="c")
    with pytest.raises(ParameterInvalid):
        fill(teller, slug="b")
    with pytest.raises(ParameterInvalid):
        fill(teller, slug="a", parameters={"month": "april"})
    deploy(teller)
    with pytest.raises(RequestInvalid):
        fill(teller)


def test_a_backfill_is_beside_the_schedule_and_may_run_a_period_again(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(3_600, catchup="latest"))
    clock.move(seconds=3_600)
    assert 1 == fire(teller)
    (tick,) = ticks_of(teller)
    for _ in range(2):
        fill(teller, hours=2, concurrency=10)
    advance(teller)
    assert 3 == ticks_of(teller).count(tick)
    clock.move(seconds=3_600)
    assert 1 == fire(teller)


def test_a_backfill_goes_before_the_schedule_s_own_beginning(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(3_600, start_us=clock.now_us(), active=False))
    assert 4 == fill(teller).total


def test_a_backfill_is_paused_and_goes_on(teller: Teller) -> None:
    deploy(teller, every(3_600))
    made = fill(teller, concurrency=1)
    assert "paused" == teller.ask(MoveBackfill(id=made.id, action="pause")).status
    assert 0 == advance(teller)
    assert "running" == teller.ask(MoveBackfill(id=made.id, action="resume")).status
    assert 1 == advance(teller)
    with pytest.raises(RequestInvalid):
        teller.ask(MoveBackfill(id=made.id, action="explode"))
    with pytest.raises(NotFound):
        teller.ask(MoveBackfill(id="0" * 32, action="pause"))


@pytest.mark.parametrize("cancel_runs", [False, True])
def test_cancelling_ends_what_waits_and_what_runs_if_asked_to(teller: Teller, cancel_runs: bool) -> None:
    deploy(teller, every(3_600))
    other = ask_for(teller)
    made = fill(teller, concurrency=2)
    advance(teller)
    begun = next(run for run in runs_of(teller) if run.id != other.id)
    begin(teller, begun)
    cancelled = teller.ask(MoveBackfill(id=made.id, action="cancel", cancel_runs=cancel_runs))
    running = "CANCELLING" if cancel_runs else "RUNNING"
    assert ("cancelled", {running: 1, "CANCELLED": 1}) == (cancelled.status, dict(cancelled.counts))
    assert 0 == advance(teller)
    assert "SCHEDULED" == teller.run(other.id).state.type
    with pytest.raises(Conflict):
        teller.ask(MoveBackfill(id=made.id, action="resume"))


def test_fresh_runs_go_before_those_of_a_backfill(teller: Teller) -> None:
    office = Office(teller)
    deploy(teller, every(3_600), entrypoint="etl.py:etl", work_pool="mill")
    fill(teller, concurrency=3)
    assert 3 == advance(teller)
    fresh = office.request(KEY)
    assert [fresh.id] == [claimed.run.id for claimed in office.claim(count=1)]


def test_backfills_are_listed_newest_first(teller: Teller) -> None:
    deploy(teller, every(3_600))
    deploy(teller, every(3_600), name="other")
    made = [fill(teller).id, fill(teller, key="etl/other").id, fill(teller).id]
    first = teller.ask(ListBackfills(limit=2))
    rest = teller.ask(ListBackfills(limit=2, cursor=first.cursor))
    assert made[::-1] == [one.id for one in [*first.items, *rest.items]]
    assert [made[1]] == [one.id for one in teller.ask(ListBackfills(key="etl/other")).items]


def test_asked_twice_with_one_key_there_is_one_backfill(teller: Teller) -> None:
    deploy(teller, every(3_600))
    assert fill(teller, idempotency_key="k").id == fill(teller, idempotency_key="k").id
    assert 1 == len(teller.ask(ListBackfills()).items)


def test_a_backfill_ends_with_its_deployment(teller: Teller) -> None:
    deploy(teller, every(3_600))
    made = fill(teller, concurrency=1)
    advance(teller)
    teller.ask(DeleteDeployment(key=KEY))
    assert 0 == advance(teller)
    assert "cancelled" == teller.ask(GetBackfill(id=made.id)).status
