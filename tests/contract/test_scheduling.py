"""Schedules: every tick has exactly one run, or an event that says why it has none."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from penstock.core.errors import NotFound, ParameterInvalid, RequestInvalid, ScheduleInvalid
from penstock.core.states import Reason
from penstock.ports import CancelFlowRun, TakeFlowRun
from penstock.scheduling import (
    ExceptTick,
    FireSchedules,
    GetDeployment,
    ListTicks,
    RemoveSchedule,
    SaveSchedule,
    ScheduleRow,
    SetScheduleActive,
)
from penstock.testing import FakeClock
from tests.contract.scheduled import (
    KEY,
    SCHEMA,
    SECOND_US,
    cron,
    deploy,
    events_of,
    every,
    fire,
    request_of,
    runs_of,
    seconds_after,
    ticks_of,
)
from tests.contract.telling import Teller

MINUTE_US = 60 * SECOND_US


def schedule_of(teller: Teller, slug: str = "often") -> ScheduleRow:
    rows: dict[str, ScheduleRow] = {row.slug: row for row in teller.ask(GetDeployment(key=KEY)).schedules}
    return rows[slug]


def next_at(teller: Teller, slug: str = "often") -> int:
    at = schedule_of(teller, slug).next_at
    assert at is not None
    return at


def skipped(teller: Teller) -> list[str]:
    return [payload["reason"] for payload in events_of(teller, "schedule.tick-skipped")]


def test_what_somebody_else_deploys_is_noticed_by_a_scheduler_that_had_nothing_to_do(
    teller: Teller, clock: FakeClock
) -> None:
    assert [0, 0] == [fire(teller), fire(teller)]
    deploy(teller, every(60))
    assert 60 >= (teller.ask(FireSchedules()).wait_seconds or 0) > 0
    clock.move(seconds=61)
    assert 1 == fire(teller)


# ---- Firing -----------------------------------------------------------------------------------------------------


def test_a_tick_makes_one_run_however_often_one_asks(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(60))
    assert 0 == fire(teller)
    clock.move(seconds=60)
    assert [1, 0, 0] == [fire(teller) for _ in range(3)]
    (run,) = runs_of(teller)
    request = request_of(teller, run)
    assert request.fire_at is not None
    assert (0, "often", "waiting") == (request.fire_at % MINUTE_US, request.schedule, request.status)
    assert (request.fire_at - MINUTE_US, request.fire_at) == (request.period_start, request.period_end)
    assert request.fire_at == run.expected_start_at == schedule_of(teller).last_at


def test_the_next_tick_is_told_so_that_nobody_has_to_look_before(teller: Teller, clock: FakeClock) -> None:
    assert teller.ask(FireSchedules()).wait_seconds is None
    deploy(teller, every(60))
    wait = teller.ask(FireSchedules()).wait_seconds
    assert wait == seconds_after(clock, schedule_of(teller).next_at)
    clock.move(seconds=wait - 0.001)
    assert 0 == teller.ask(FireSchedules()).runs
    clock.move(seconds=0.001)
    assert 1 == teller.ask(FireSchedules()).runs


def test_more_than_one_pass_may_be_needed(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, *(every(60, f"s{n}") for n in range(5)))
    clock.move(seconds=60)
    answers = [teller.ask(FireSchedules(limit=2)) for _ in range(3)]
    assert [(2, True), (2, True), (1, False)] == [(answer.runs, answer.wait_seconds == 0) for answer in answers]


def test_a_period_is_filled_into_parameters(teller: Teller, clock: FakeClock) -> None:
    monthly = cron("0 5 1 * *", timezone="Europe/Berlin", parameters={"month": "{{ period.start.month }}"})
    deploy(teller, monthly, parameters={"color": "green"}, parameter_schema=SCHEMA)
    clock.move(seconds=40 * 86_400)  # to 24 December
    assert 1 == fire(teller)
    (run,) = runs_of(teller)
    assert {"color": "green", "month": 11} == run.parameters


@pytest.mark.parametrize(
    "month",
    ["{{ period.start.minute - 1 }}", "{{ 1 // (14 - period.start.minute) }}"],
    ids=["more than the schema's maximum", "a division by nothing"],
)
def test_a_run_whose_parameters_fail_is_failed_and_says_so(teller: Teller, clock: FakeClock, month: str) -> None:
    assert "22:13" == datetime.fromtimestamp(clock.now_us() / 1e6, UTC).strftime("%H:%M")  # the first period fits
    deploy(teller, every(60, parameters={"month": month}), parameter_schema=SCHEMA)
    clock.move(seconds=60)
    assert 1 == fire(teller)
    (fine,) = runs_of(teller)
    clock.move(seconds=60)
    assert [1, 0] == [fire(teller), fire(teller)]
    (run,) = [one for one in runs_of(teller) if one.id != fine.id]
    assert "SCHEDULED" == fine.state.type
    assert ("FAILED", Reason.PARAMETERS_INVALID) == (run.state.type, run.state.reason)
    assert run.state.message is not None
    assert "month" in run.state.message
    assert run.ended_at is not None
    assert "done" == request_of(teller, run).status


def test_several_schedules_of_a_deployment_fire_each_for_itself(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(60, "a", parameters={"x": 1}), every(60, "b", parameters={"x": 2}), parameters={"y": 0})
    clock.move(seconds=60)
    assert 2 == fire(teller)
    assert [{"x": 1, "y": 0}, {"x": 2, "y": 0}] == sorted((run.parameters for run in runs_of(teller)), key=str)


@pytest.mark.parametrize(
    ("catchup", "limit", "expected"), [("skip", 9, 0), ("latest", 9, 1), ("all", 9, 9), ("all", 99, 10)]
)
def test_what_was_missed_is_made_up_for_as_the_schedule_says(
    teller: Teller, clock: FakeClock, catchup: str, limit: int, expected: int
) -> None:
    deploy(teller, every(600, catchup=catchup, catchup_limit=limit))
    clock.move(seconds=6_000 + 120)  # ten ticks, the last of them more than a minute ago
    assert expected == fire(teller)
    assert 0 == fire(teller)
    assert expected == len(set(ticks_of(teller)))
    assert ([] if expected == 10 else ["missed"]) == skipped(teller)
    clock.move(seconds=seconds_after(clock, next_at(teller)))
    assert 1 == fire(teller)


def test_runs_that_make_up_for_something_are_due_at_once(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(600, catchup="all"), deadline_seconds=60)
    clock.move(seconds=6_000)
    fire(teller)
    assert {clock.now_us()} == {request_of(teller, run).due_at for run in runs_of(teller)} - {max(ticks_of(teller))}


def test_jitter_moves_the_start_and_not_the_tick(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, *(every(3_600, f"s{n}", jitter_us=1_800 * SECOND_US, catchup="skip") for n in range(8)))
    expected = {
        (tick.slug, tick.at) for tick in teller.ask(ListTicks(since=0, until=clock.now_us() + 5_400 * SECOND_US))
    }
    clock.move(seconds=seconds_after(clock, next_at(teller, "s0")))
    assert 8 == fire(teller)
    assert 1 == len(set(ticks_of(teller)))
    requests = [request_of(teller, run) for run in runs_of(teller)]
    assert 4 <= len({request.due_at for request in requests})
    assert all(0 <= request.due_at - (request.fire_at or 0) < 1_800 * SECOND_US for request in requests)
    assert {(request.schedule, request.due_at) for request in requests} <= expected


def test_a_clock_that_steps_back_doubles_nothing(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(60))
    clock.move(seconds=60)
    assert 1 == fire(teller)
    clock.move(seconds=-45)
    assert 0 == fire(teller)
    clock.move(seconds=50)
    assert 0 == fire(teller)
    clock.move(seconds=60)
    assert 1 == fire(teller)
    assert 2 == len(set(ticks_of(teller)))


def test_a_clock_that_steps_back_far_fires_what_comes_and_nothing_twice(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(60))
    clock.move(seconds=60)
    assert 1 == fire(teller)
    clock.move(seconds=86_400)
    assert 1 == fire(teller)
    clock.move(seconds=-86_400)
    fire(teller)
    for _ in range(3):
        clock.move(seconds=60)
        assert 1 == fire(teller)
    assert 5 == len(runs_of(teller)) == len(set(ticks_of(teller)))


# ---- Overlap ----------------------------------------------------------------------------------------------------


def begin(teller: Teller, index: int = -1) -> str:
    """A run's process begins."""
    run = runs_of(teller)[index]
    teller.ask(TakeFlowRun(id=run.id, writer=teller.hello, holder_alive=False))
    return run.id


def test_a_schedule_that_skips_overlaps_waits_for_the_run_to_end(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(60, overlap="skip"))
    clock.move(seconds=60)
    assert 1 == fire(teller)
    run_id = begin(teller)
    clock.move(seconds=60)
    assert 0 == fire(teller)
    assert ["overlap"] == skipped(teller)
    teller.end(run_id)  # type: ignore[arg-type]
    clock.move(seconds=60)
    assert 1 == fire(teller)


def test_a_schedule_that_queues_has_each_run_follow_the_one_before(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(60, overlap="queue", catchup="all"))
    clock.move(seconds=60)
    assert 1 == fire(teller)
    clock.move(seconds=180)
    assert 3 == fire(teller)
    requests = sorted((request_of(teller, run) for run in runs_of(teller)), key=lambda one: one.fire_at or 0)
    ids = [request.flow_run_id for request in requests]
    assert [None, *ids[:-1]] == [request.after_run_id for request in requests]


def test_a_schedule_that_cancels_tells_the_earlier_run_to_stop(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(60, overlap="cancel_running"))
    clock.move(seconds=60)
    assert 1 == fire(teller)
    begun = begin(teller)
    clock.move(seconds=60)
    assert 1 == fire(teller)
    assert "CANCELLING" == teller.run(begun).state.type
    second = next(run for run in runs_of(teller) if run.id != begun)
    assert begun == request_of(teller, second).after_run_id
    clock.move(seconds=60)
    assert 1 == fire(teller)
    assert ["CANCELLING", "CANCELLED", "SCHEDULED"] == [run.state.type for run in runs_of(teller)]


def test_of_several_missed_ticks_that_would_cancel_one_another_the_newest_runs(
    teller: Teller, clock: FakeClock
) -> None:
    deploy(teller, every(600, overlap="cancel_running", catchup="all"))
    clock.move(seconds=1_800)
    assert 1 == fire(teller)
    assert ["overlap", "overlap"] == skipped(teller)


# ---- Exceptions -------------------------------------------------------------------------------------------------


def test_one_tick_can_be_skipped(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(60))
    at = next_at(teller)
    teller.ask(ExceptTick(key=KEY, slug="often", at=at))
    ahead = teller.ask(ListTicks(since=0, until=at + MINUTE_US))
    assert [True, False] == [tick.skipped for tick in ahead]
    assert [ahead[0]] == list(teller.ask(ListTicks(since=0, until=at + MINUTE_US, excepted=True)))
    assert at + MINUTE_US == next_at(teller)
    clock.move(seconds=60)
    assert 0 == fire(teller)
    assert ["excepted"] == skipped(teller)
    clock.move(seconds=60)
    assert 1 == fire(teller)
    assert [at + MINUTE_US] == ticks_of(teller)


def test_an_exception_can_be_taken_back(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(60))
    at = next_at(teller)
    teller.ask(ExceptTick(key=KEY, slug="often", at=at))
    teller.ask(ExceptTick(key=KEY, slug="often", at=at, restore=True))
    clock.move(seconds=60)
    assert 1 == fire(teller)


@pytest.mark.parametrize("minutes", [-4.5, 2.5])
def test_one_tick_can_be_moved(teller: Teller, clock: FakeClock, minutes: float) -> None:
    deploy(teller, every(600))
    at = next_at(teller)
    moved_to = at + int(minutes * MINUTE_US)
    teller.ask(ExceptTick(key=KEY, slug="often", at=at, to=moved_to))
    (tick,) = teller.ask(ListTicks(since=0, until=at + 4 * MINUTE_US))
    assert (moved_to, at) == (tick.at, tick.fire_at)
    assert [tick] == list(teller.ask(ListTicks(since=0, until=at + 4 * MINUTE_US, excepted=True)))
    assert moved_to == next_at(teller)
    clock.move(seconds=seconds_after(clock, moved_to) - 1)
    assert 0 == fire(teller)
    clock.move(seconds=1)
    assert 1 == fire(teller)
    (request,) = [request_of(teller, run) for run in runs_of(teller)]
    assert (at, moved_to, at) == (request.fire_at, request.due_at, request.period_end)
    assert [at + 600 * SECOND_US] == [
        tick.fire_at for tick in teller.ask(ListTicks(since=0, until=at + 601 * SECOND_US))
    ]
    clock.move(seconds=seconds_after(clock, at + 600 * SECOND_US))
    assert 1 == fire(teller)
    assert [at, at + 600 * SECOND_US] == ticks_of(teller)


def test_only_ticks_ahead_can_be_excepted(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(60))
    at = next_at(teller)
    for wrong in (at + 1, at - 60 * MINUTE_US):
        with pytest.raises(RequestInvalid):
            teller.ask(ExceptTick(key=KEY, slug="often", at=wrong))
    with pytest.raises(RequestInvalid):
        teller.ask(ExceptTick(key=KEY, slug="often", at=at, to=clock.now_us() - 1))
    with pytest.raises(NotFound):
        teller.ask(ExceptTick(key=KEY, slug="oftener", at=at))


# ---- Changing schedules -----------------------------------------------------------------------------------------


def test_a_redeploy_repeats_and_forgets_nothing(teller: Teller, clock: FakeClock) -> None:
    for turn in range(4):
        deploy(teller, every(600, catchup="all", parameters={"turn": turn}))
        clock.move(seconds=300)
        deploy(teller, every(600, catchup="all", parameters={"turn": turn}))
        fire(teller)
        clock.move(seconds=300)
    fire(teller)
    ticks = ticks_of(teller)
    assert 4 == len(ticks)
    assert [600 * SECOND_US] * 3 == [later - earlier for earlier, later in pairwise(ticks)]


def test_a_tick_that_came_before_a_redeploy_and_was_not_fired_yet_is_fired(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(60))
    clock.move(seconds=60)
    deploy(teller, every(60), parameters={"new": True})
    assert 1 == fire(teller)
    assert {"new": True} == runs_of(teller)[0].parameters


def test_other_times_begin_from_now(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(3_600, catchup="all"))
    clock.move(seconds=86_400)
    deploy(teller, every(60, catchup="all"))
    assert 0 == fire(teller)
    clock.move(seconds=60)
    assert 1 == fire(teller)


def test_schedules_that_are_not_named_go(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(60, "a"), every(60, "b"))
    assert ["a"] == [row.slug for row in deploy(teller, every(60, "a")).schedules]
    assert ["a"] == [row.slug for row in deploy(teller, keep=True, parameters={"x": 1}).schedules]
    clock.move(seconds=60)
    assert 1 == fire(teller)
    with pytest.raises(ScheduleInvalid):
        deploy(teller, every(60, "a"), every(61, "a"))
    assert [] == list(deploy(teller).schedules)


def test_a_schedule_is_switched_off_and_on(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(60, catchup="all"))
    row = teller.ask(SetScheduleActive(key=KEY, slug="often", active=False))
    assert (False, None, False) == (row.active, row.next_at, row.definition["active"])
    clock.move(seconds=600)
    assert 0 == fire(teller)
    assert [] == list(teller.ask(ListTicks(since=0, until=clock.now_us() + 600 * SECOND_US)))
    assert [False] == [row.active for row in deploy(teller, every(60, catchup="all")).schedules]
    assert teller.ask(SetScheduleActive(key=KEY, slug="often", active=True)).active
    assert 0 == fire(teller)
    clock.move(seconds=60)
    assert 1 == fire(teller)


def test_schedules_are_changed_one_by_one(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, parameter_schema=SCHEMA, parameters={"month": 1})
    made = teller.ask(SaveSchedule(key=KEY, definition=cron("0 5 1 * *")))
    assert ("nightly", True, None) == (made.slug, made.active, made.last_at)
    teller.ask(SaveSchedule(key=KEY, definition=every(60)))
    changed = teller.ask(SaveSchedule(key=KEY, definition=every(120)))
    assert 120 * SECOND_US == changed.definition["interval_us"]
    assert ["nightly", "often"] == [row.slug for row in teller.ask(GetDeployment(key=KEY)).schedules]
    teller.ask(RemoveSchedule(key=KEY, slug="nightly"))
    for gone in (RemoveSchedule(key=KEY, slug="nightly"), SetScheduleActive(key=KEY, slug="nightly", active=True)):
        with pytest.raises(NotFound):
            teller.ask(gone)
    for wrong in (every(60, timezone="Mars/Olympus"), every(0), {"slug": "x"}, every(60, nonsense=1)):
        with pytest.raises(ScheduleInvalid):
            teller.ask(SaveSchedule(key=KEY, definition=wrong))
    with pytest.raises(ParameterInvalid):
        teller.ask(SaveSchedule(key=KEY, definition=every(60, parameters={"month": "april"})))
    assert 1 == teller.ask(GetDeployment(key=KEY)).version


def test_a_schedule_made_anew_does_not_repeat_a_tick(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(60))
    clock.move(seconds=60)
    assert 1 == fire(teller)
    teller.ask(RemoveSchedule(key=KEY, slug="often"))
    clock.move(seconds=-50)  # and the clock was wrong
    teller.ask(SaveSchedule(key=KEY, definition=every(60)))
    clock.move(seconds=60)
    fire(teller)
    assert len(set(ticks_of(teller))) == len(runs_of(teller))


# ---- What is ahead ----------------------------------------------------------------------------------------------


def test_what_is_ahead_is_computed_in_order_and_cut(teller: Teller, clock: FakeClock) -> None:
    now = clock.now_us()
    deploy(teller, every(60, "a"), every(90, "b"))
    deploy(teller, every(45, "c"), name="other")
    deploy(teller, every(1, "d"), name="paused", paused=True)
    ahead = teller.ask(ListTicks(since=now, until=now + 180 * SECOND_US))
    assert sorted(tick.at for tick in ahead) == [tick.at for tick in ahead]
    assert {"a": 3, "b": 2, "c": 4} == {slug: sum(tick.slug == slug for tick in ahead) for slug in ("a", "b", "c")}
    assert len(ahead) == 9
    assert list(ahead)[:4] == list(teller.ask(ListTicks(since=now, until=now + 180 * SECOND_US, limit=4)))
    of_one = teller.ask(ListTicks(since=now, until=now + 180 * SECOND_US, deployment="etl/other"))
    assert {("etl", "other", "c")} == {(tick.flow_name, tick.deployment_name, tick.slug) for tick in of_one}
    later = teller.ask(ListTicks(since=now + 100 * SECOND_US, until=now + 180 * SECOND_US))
    assert [tick for tick in ahead if tick.at >= now + 100 * SECOND_US] == list(later)


def test_a_run_that_was_cancelled_before_it_began_keeps_its_tick(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(60))
    clock.move(seconds=60)
    fire(teller)
    teller.ask(CancelFlowRun(id=runs_of(teller)[0].id))
    assert 0 == fire(teller)
    assert ["CANCELLED"] == [run.state.type for run in runs_of(teller)]
