"""Flows that call flows: as runs of their own, from flows and tasks, side by side, with futures as arguments."""

import asyncio
from typing import Any

import pytest

from penstock import flow, task
from penstock.core.errors import UpstreamFailed
from penstock.states import Completed
from penstock.testing import History

DATABASES = ("sqlite", "postgres")


@task
def give(value: Any = 1) -> Any:
    return value


@task
def fail() -> None:
    raise ValueError("upstream")


@flow
def child(n: int = 1) -> int:
    return give(n) + 1


def test_a_subflow_is_a_run_of_its_own_that_knows_its_parent(history: History) -> None:
    @flow
    def parent() -> int:
        return child(1) + child(2)

    assert 5 == parent()

    run = history.flow_run()
    children = history.subflow_runs()
    assert [("child", run.id, "Completed")] * 2 == [(c.flow_name, c.parent_run_id, c.state.name) for c in children]
    assert [{"n": 1}, {"n": 2}] == [c.parameters for c in children]
    assert len(history.task_runs(children[0].id)) == 1
    assert history.task_runs() == []


def test_a_subflow_called_from_a_task_belongs_to_that_task(history: History) -> None:
    @task
    def calls_a_flow() -> int:
        return child(5)

    @flow
    def parent() -> list[int]:
        return [calls_a_flow(), calls_a_flow.submit().result()]

    assert [6, 6] == parent()
    assert [t.id for t in history.task_runs()] == [c.parent_task_run_id for c in history.subflow_runs()]


def test_futures_given_to_a_subflow_are_waited_for_and_resolved(history: History) -> None:
    @flow
    def parent() -> int:
        return child(give.submit(7))

    assert 8 == parent()
    assert [history.task_run("give").id] == list(history.subflow_runs()[0].upstream)
    assert {"n": 7} == history.subflow_runs()[0].parameters


def test_a_subflow_whose_input_failed_is_not_ready(history: History) -> None:
    @flow
    def parent() -> str:
        with pytest.raises(UpstreamFailed):
            child(fail.submit())
        return child(fail.submit(), return_state=True).name

    assert "NotReady" == parent()
    assert ["NotReady", "NotReady"] == [c.state.name for c in history.subflow_runs()]


def test_a_subflow_waits_for_what_it_is_told_to() -> None:
    @flow
    def parent() -> str:
        return child(1, wait_for=[fail.submit()], return_state=True).name

    assert "NotReady" == parent()


def test_the_error_of_a_subflow_reaches_the_parent_untouched(history: History) -> None:
    @flow
    def broken() -> None:
        fail()

    @flow
    def parent() -> None:
        broken()

    with pytest.raises(ValueError, match="upstream"):
        parent()
    assert ["Failed", "Failed"] == [history.flow_run().state.name, history.subflow_runs()[0].state.name]


def test_a_subflow_that_failed_by_its_tasks_can_be_tolerated() -> None:
    @flow
    def broken() -> None:
        fail.submit()

    @flow
    def parent() -> str:
        return broken(return_state=True).name

    assert "Failed" == parent()


def test_subflows_nest_and_recurse(history: History) -> None:
    @flow
    def countdown(n: int) -> int:
        return 0 if n == 0 else 1 + countdown(n - 1)

    assert 5 == countdown(5)
    assert 6 == len(history.flow_runs("countdown"))


def test_async_subflows_run_side_by_side(history: History) -> None:
    here: list[int] = []

    @flow
    async def meets(n: int) -> int:
        here.append(n)
        while len(here) < 20:  # noqa: ASYNC110  # it is the meeting that counts
            await asyncio.sleep(0)
        return give(n)

    @flow
    async def parent() -> list[int]:
        return list(await asyncio.gather(*(meets(n) for n in range(20))))

    assert list(range(20)) == asyncio.run(parent())
    assert {"Completed"} == {c.state.name for c in history.subflow_runs()}
    assert 20 == len(history.subflow_runs())


def test_a_sync_subflow_runs_inside_an_async_flow_and_the_other_way_round() -> None:
    @flow
    async def asynchronous(n: int) -> int:
        return child(n) + n

    @flow
    def parent() -> int:
        return asyncio.run(asynchronous(2))

    assert 3 + 2 == parent()


def test_equal_subflow_calls_are_two_runs(history: History) -> None:
    @flow
    def parent() -> None:
        child(1)
        child(1)

    parent()

    assert 2 == len({c.id for c in history.subflow_runs()})


def test_a_subflow_returns_states_and_futures_as_values() -> None:
    @flow
    def inner() -> Any:
        return [give.submit(1), Completed(data=2)]

    @flow
    def parent() -> Any:
        return inner()

    assert [1, 2] == parent()


def test_the_state_of_a_subflow_can_be_given_to_a_task(history: History) -> None:
    @flow
    def parent() -> int:
        return give(child(3, return_state=True))

    assert 4 == parent()
    assert [history.subflow_runs()[0].id] == list(history.task_run("give").upstream)


def test_a_bad_parameter_fails_the_subflow_before_its_code_runs(history: History) -> None:
    ran: list[int] = []

    @flow
    def picky(n: int) -> None:
        ran.append(n)

    @flow
    def parent() -> str:
        return picky("many", return_state=True).name  # type: ignore[call-overload]  # the point

    assert "Failed" == parent()
    assert [] == ran
    assert "parameters_invalid" == history.subflow_runs()[0].state.reason


def test_a_task_that_is_tried_again_calls_its_subflow_in_a_new_epoch(history: History) -> None:
    """The second attempt's call is the same call: what the first one recorded of it does not stand for its end."""
    tries: list[int] = []

    @flow
    def within() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise ValueError("not yet")
        return 7

    @task(retries=2)
    def caller() -> int:
        return within()

    @flow
    def outer() -> int:
        return caller()

    assert 7 == outer()
    assert [("Completed", 3)] == [(run.state.name, run.epoch) for run in history.subflow_runs()]
