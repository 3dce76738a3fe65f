"""What waits for what: upstream failures, trigger rules, skipping, `wait_for`, `allow_failure` and `quote`."""

from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import pytest

from penstock import Skip, allow_failure, flow, quote, task
from penstock.core.errors import UpstreamFailed
from penstock.core.states import Reason, StateType
from penstock.states import Completed, Failed
from penstock.testing import History

DATABASES = ("sqlite", "postgres")


@task
def give(value: Any = 1) -> Any:
    return value


@task
def fail() -> None:
    raise ValueError("upstream")


@task
def skip() -> None:
    raise Skip("nothing to do")


@task
def take(*values: Any) -> Any:
    return values


def outcome_of(body: Any) -> Any:
    """Run a flow whose body returns futures, and return the last one's state."""

    @flow
    def wrapper() -> str:
        futures = body()
        futures[-1].wait()
        kept.append(futures[-1].state)
        return "done"

    kept: list[Any] = []
    wrapper()
    return kept[0]


def test_what_depends_on_a_failure_does_not_run(history: History) -> None:
    state = outcome_of(lambda: [f := fail.submit(), take.submit(f)])

    assert (StateType.PENDING, "NotReady", Reason.UPSTREAM_FAILED) == (state.type, state.name, state.reason)
    assert state.is_final()
    with pytest.raises(UpstreamFailed, match="fail-0"):
        state.result()
    assert "NotReady" == history.task_run("take").state.name
    assert history.task_run("take").attempt == 0


def test_a_failure_spreads_along_the_chain() -> None:
    state = outcome_of(lambda: [f := fail.submit(), t := take.submit(f), take.submit(t)])

    assert "NotReady" == state.name


def test_a_direct_call_with_a_failed_future_raises(history: History) -> None:
    @flow
    def body() -> None:
        take(fail.submit())

    with pytest.raises(UpstreamFailed):
        body()
    assert "NotReady" == history.task_run("take").state.name


def test_what_does_not_depend_on_a_failure_runs(history: History) -> None:
    @flow
    def branching() -> None:
        take.submit(fail.submit())
        take.submit(give.submit())

    branching(return_state=True)

    assert {"fail-0": "Failed", "take-0": "NotReady", "give-0": "Completed", "take-1": "Completed"} == {
        t.name: t.state.name for t in history.task_runs()
    }


def test_allow_failure_hands_over_the_exception() -> None:
    state = outcome_of(lambda: [f := fail.submit(), take.submit(allow_failure(f))])

    assert "Completed" == state.name
    assert [ValueError] == [type(value) for value in state.result()]


def test_allow_failure_in_wait_for_lets_the_task_run() -> None:
    state = outcome_of(lambda: [f := fail.submit(), take.submit(1, wait_for=[allow_failure(f)])])

    assert (1,) == state.result()


def test_wait_for_orders_tasks_and_is_recorded(history: History) -> None:
    outcome_of(lambda: [g := give.submit(), take.submit(wait_for=[g])])

    assert [history.task_run("give").id] == list(history.task_run("take").upstream)


def test_wait_for_a_failure_keeps_the_task_from_running() -> None:
    assert "NotReady" == outcome_of(lambda: [f := fail.submit(), take.submit(wait_for=[f])]).name


def test_wait_for_takes_one_future_lists_and_states() -> None:
    @flow
    def body() -> list[str]:
        future, state = give.submit(), give(return_state=True)
        waits = (future, [future], [[future], state], give.map([1, 2]), state)
        return [take.submit(wait_for=w, return_state=True).name for w in waits]

    assert ["Completed"] * 5 == body()


def test_futures_are_found_however_nested_and_resolved() -> None:
    Point = namedtuple("Point", "x y")

    @dataclass
    class Box:
        inside: Any
        label: str = "box"

    @flow
    def body() -> Any:
        one, two = give.submit(1), give.submit(2)
        return take([one, (two,)], {"k": {"deep": [one]}}, {one: 1} if False else {}, Point(one, two), Box(two))

    first, second, _, point, box = body()

    assert ([1, (2,)], {"k": {"deep": [1]}}) == (first, second)
    assert (1, 2) == tuple(point)
    assert type(point).__name__ == "Point"
    assert (2, "box") == (box.inside, box.label)


def test_values_without_futures_are_the_very_objects_that_were_passed() -> None:
    data, box = [1, [2]], object()

    @flow
    def body() -> bool:
        got = take(data, box)
        return got[0] is data and got[1] is box

    assert body() is True


def test_a_state_as_argument_gives_its_value() -> None:
    @flow
    def body() -> Any:
        return take(give(5, return_state=True), Completed(data=6))

    assert (5, 6) == body()


def test_a_failed_state_as_argument_keeps_the_task_from_running() -> None:
    @flow
    def body() -> str:
        return take(fail(return_state=True), return_state=True).name

    assert "NotReady" == body()


def test_quote_passes_futures_as_they_are() -> None:
    @flow
    def body() -> bool:
        future = fail.submit()
        (got,) = take(quote([future]))
        return got == [future]

    assert body() is True


def test_a_skipped_task_completes_under_that_name_and_reason(history: History) -> None:
    state = outcome_of(lambda: [skip.submit()])

    assert (StateType.COMPLETED, "Skipped", "nothing to do") == (state.type, state.name, state.message)
    assert None is state.result()
    assert Reason.SKIPPED_BY_TASK == history.task_run("skip").state.reason


def test_what_needs_success_of_a_skipped_task_is_skipped_too() -> None:
    state = outcome_of(lambda: [s := skip.submit(), take.submit(s)])

    assert ("Skipped", Reason.SKIPPED_BY_UPSTREAM) == (state.name, state.reason)


def test_a_flow_whose_tasks_were_skipped_completes(history: History) -> None:
    @flow
    def body() -> None:
        take(skip.submit(), return_state=True)

    body()

    assert "Completed" == history.flow_run().state.name


@pytest.mark.parametrize(
    ("when", "upstreams", "expected"),
    [
        ("all_done", [fail, give], "Completed"),
        ("all_done", [skip], "Completed"),
        ("one_failed", [fail, give], "Completed"),
        ("one_failed", [give], "Skipped"),
        ("one_success", [fail, give], "Completed"),
        ("one_success", [fail, fail], "TriggerFailed"),
        ("one_success", [skip, skip], "Skipped"),
        ("all_success", [give, give], "Completed"),
        ("all_success", [fail, give], "NotReady"),
        ("all_success", [skip, give], "Skipped"),
    ],
)
def test_trigger_rules_decide_whether_a_task_runs(when: str, upstreams: list[Any], expected: str) -> None:
    ruled = take.with_options(when=when)

    assert expected == outcome_of(lambda: [ruled.submit(*[u.submit() for u in upstreams])]).name


def test_all_done_gets_exceptions_in_place_of_values() -> None:
    cleanup = take.with_options(when="all_done")
    state = outcome_of(lambda: [f := fail.submit(), cleanup.submit(f, give.submit(3))])

    error, value = state.result()
    assert (ValueError, 3) == (type(error), value)


def test_a_task_may_return_a_state_to_say_how_it_ended() -> None:
    @task
    def decides(good: bool) -> Any:
        return Completed("fine", data=4) if good else Failed("not fine")

    @flow
    def body() -> list[Any]:
        good, bad = decides(True, return_state=True), decides(False, return_state=True)
        return [good.name, good.message, good.result(), bad.name, bad.message, take(bad, return_state=True).name]

    assert ["Completed", "fine", 4, "Failed", "not fine", "NotReady"] == body()


def test_a_task_that_returns_a_future_returns_its_value() -> None:
    @task
    def outer() -> Any:
        return give.submit(9)

    @flow
    def body() -> Any:
        return outer()

    assert 9 == body()
