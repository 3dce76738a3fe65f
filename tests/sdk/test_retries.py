"""Trying again: how often, after which delays, and what a later attempt of a flow remembers."""

import asyncio
from typing import Any

import pytest

from penstock import Failed, flow, task
from penstock.core.states import StateType
from penstock.runtime import flow_run, task_run
from penstock.tasks import exponential_backoff
from penstock.testing import History, harness

DATABASES = ("sqlite", "postgres")


class Flaky:
    """Fails the first `times` times that it is called."""

    def __init__(self, times: int, error: type[Exception] = ValueError):
        self.times, self.error, self.calls = times, error, 0

    def __call__(self) -> int:
        self.calls += 1
        if self.calls <= self.times:
            raise self.error(f"call {self.calls}")
        return self.calls


def run_task(function: Any, **options: Any) -> Any:
    """Run a flow of one task and return the task's state."""
    subject = task(name="flaky", **options)(function)

    @flow
    def body() -> str:
        kept.append(subject(return_state=True))
        return "done"

    kept: list[Any] = []
    body()
    return kept[0]


def test_a_task_is_tried_again_as_often_as_it_says(history: History) -> None:
    state = run_task(Flaky(2), retries=2)

    assert 3 == state.result()
    recorded = history.task_run("flaky")
    assert (3, ["Failed", "Failed", "Completed"]) == (recorded.attempt, [a.state_name for a in recorded.attempts])
    assert ["ValueError: call 1", "ValueError: call 2", None] == [a.message for a in recorded.attempts]


def test_a_task_that_goes_on_failing_fails_with_its_last_error() -> None:
    flaky = Flaky(9)
    state = run_task(flaky, retries=2)

    assert (3, "ValueError: call 3") == (flaky.calls, state.message)


def test_a_task_without_retries_is_tried_once() -> None:
    flaky = Flaky(9)
    run_task(flaky)

    assert 1 == flaky.calls


def test_a_task_that_returns_a_failed_state_is_tried_again() -> None:
    calls: list[int] = []

    def fails() -> Any:
        calls.append(1)
        return Failed("not yet") if len(calls) < 3 else "yes"

    assert "yes" == run_task(fails, retries=5).result()


def test_attempts_see_their_number() -> None:
    seen: list[Any] = []

    def watches() -> None:
        seen.append(task_run.run_count)
        if len(seen) < 3:
            raise ValueError

    run_task(watches, retries=3)

    assert [1, 2, 3] == seen


def test_a_condition_decides_what_is_worth_another_try() -> None:
    asked: list[Any] = []

    def only_lookups(subject: Any, run: Any, state: Any) -> bool:
        asked.append((subject.name, state.name))
        return isinstance(state.result(raise_on_failure=False), LookupError)

    wrong, right = Flaky(1, ValueError), Flaky(1, KeyError)

    assert run_task(wrong, retries=3, retry_condition_fn=only_lookups).is_failed()
    assert run_task(right, retries=3, retry_condition_fn=only_lookups).is_completed()
    assert [("flaky", "Failed")] * 2 == asked


def test_a_condition_that_breaks_ends_the_trying() -> None:
    def breaks(*_: Any) -> bool:
        raise RuntimeError("no opinion")

    flaky = Flaky(1)
    assert run_task(flaky, retries=3, retry_condition_fn=breaks).is_failed()
    assert 1 == flaky.calls


@pytest.mark.parametrize(
    ("delays", "expected"),
    [
        (0.001, (0.001,)),
        ([0.001, 0.002], (0.001, 0.002)),
        (exponential_backoff(0.001), (0.001, 0.002, 0.004)),
        (lambda retries: [0.001] * retries, (0.001,) * 3),
    ],
)
def test_delays_are_taken_as_given_and_waited_for(delays: Any, expected: tuple[float, ...], history: History) -> None:
    subject = task(retries=3, retry_delay_seconds=delays)(Flaky(1))

    @flow
    def body() -> int:
        return subject()

    assert 2 == body()
    assert expected == subject.options.retry.delays
    first, second = history.task_run("Flaky").attempts
    assert second.started_at >= first.ended_at + 1_000  # type: ignore[operator]  # both ended


@pytest.mark.parametrize("decorator", [flow, task])
def test_jitter_stretches_a_delay_by_up_to_its_share(decorator: Any) -> None:
    policy = decorator(retries=1, retry_delay_seconds=10, retry_jitter_factor=0.5)(lambda: 1).options.retry

    assert 10 == policy.delay_seconds(1, chance=0.0)
    assert 15 == policy.delay_seconds(1, chance=1.0)


def test_a_submitted_and_an_async_task_are_tried_again_too() -> None:
    submitted, awaited = Flaky(1), Flaky(1)

    @task(retries=1)
    async def later() -> int:
        return awaited()

    @flow
    async def body() -> list[int]:
        return [await task(retries=1)(submitted).submit(), await later(), await later.submit()]

    assert [2, 2, 3] == asyncio.run(body())


def test_the_settings_say_what_tasks_and_flows_that_do_not_say_do() -> None:
    with harness(task_retries="2", flow_retries="1"):
        silent, outspoken = Flaky(9), Flaky(9)
        run_task(silent)
        run_task(outspoken, retries=0)
        flow_calls = Flaky(1)

        @flow
        def body() -> int:
            return flow_calls()

        assert 2 == body()
    assert (3, 1) == (silent.calls, outspoken.calls)


# ---- Flows ----


def test_a_flow_is_tried_again_in_a_new_epoch(history: History) -> None:
    epochs: list[Any] = []

    @flow(retries=2)
    def body() -> str:
        epochs.append(flow_run.run_count)
        if len(epochs) < 3:
            raise ValueError("again")
        return "done"

    assert "done" == body()
    assert [1, 2, 3] == epochs
    assert 3 == history.flow_run().epoch
    assert ["Running", "AwaitingRetry", "Retrying", "AwaitingRetry", "Retrying", "Completed"] == history.state_names()


def test_a_retried_flow_does_not_repeat_what_completed(history: History) -> None:
    calls: list[str] = []

    @task
    def step(name: str) -> str:
        calls.append(name)
        return name.upper()

    @flow
    def sub(name: str) -> str:
        calls.append(f"sub {name}")
        return step(name)

    @flow(retries=1)
    def body() -> list[str]:
        done = [step("a"), *step.map(["b", "c"]).result(), sub("d")]
        if flow_run.run_count == 1:
            raise ValueError("after all of it")
        return [*done, step("e")]

    assert ["A", "B", "C", "D", "E"] == body()
    assert ["a", "b", "c", "d", "e"] == sorted(c for c in calls if "sub" not in c)
    assert 1 == calls.count("sub d")
    assert {"COMPLETED": 4} == history.flow_run().task_counts


def test_a_retried_flow_repeats_what_failed(history: History) -> None:
    flaky = Flaky(1)
    subject = task(name="flaky")(flaky)

    @flow(retries=1)
    def body() -> int:
        return subject()

    assert 2 == body()
    assert "Completed" == history.task_run("flaky").state.name
    assert 2 == history.task_run("flaky").epoch


def test_equal_calls_are_told_apart_by_their_order() -> None:
    calls: list[int] = []

    @task
    def count() -> int:
        calls.append(1)
        return len(calls)

    @flow(retries=1)
    def body() -> list[int]:
        done = [count(), count()]
        if flow_run.run_count == 1:
            raise ValueError
        return [*done, count()]

    assert [1, 2, 3] == body()


def test_a_flow_that_fails_by_its_tasks_is_tried_again() -> None:
    flaky = Flaky(1)

    @flow(retries=1)
    def body() -> None:
        task(flaky).submit()

    assert body(return_state=True).is_completed()


def test_a_retried_subflow_keeps_to_itself(history: History) -> None:
    flaky = Flaky(1)

    @flow(retries=1)
    def sub() -> int:
        return flaky()

    @flow
    def body() -> int:
        return sub()

    assert 2 == body()
    assert (1, 2) == (history.flow_run().epoch, history.subflow_runs()[0].epoch)
    assert "Completed" == history.subflow_runs()[0].state.name


def test_an_async_flow_is_tried_again() -> None:
    flaky = Flaky(1)

    @flow(retries=1, retry_delay_seconds=0.001)
    async def body() -> int:
        return flaky()

    assert 2 == asyncio.run(body())


def test_bad_parameters_are_not_tried_again(history: History) -> None:
    @flow(retries=3)
    def body(n: int) -> None: ...

    assert body("x", return_state=True).is_failed()  # type: ignore[call-overload]  # the point
    assert (1, StateType.FAILED) == (history.flow_run().epoch, history.flow_run().state.type)
