"""How a flow run ends: what it returned, its states, its tasks, its subflows; and users' own state names."""

from typing import Any

import pytest

from penstock import Cancelled, Completed, Failed, Skip, flow, task
from penstock.core.errors import InvalidState, RunCancelled, RunFailed
from penstock.core.states import StateType
from penstock.states import Crashed, Paused, Pending, Running, Scheduled, Skipped
from penstock.testing import History

DATABASES = ("sqlite", "postgres")


@task
def good(value: int = 1) -> int:
    return value


@task
def bad() -> None:
    raise ValueError("bad")


def final(body: Any) -> Any:
    return flow(body)(return_state=True)


def test_a_flow_that_returns_data_completes_whatever_its_tasks_did() -> None:
    def body() -> str:
        bad.submit().wait()
        return "data"

    state = final(body)
    assert ("Completed", "data") == (state.name, state.result())


def test_a_flow_that_returns_nothing_ends_as_its_tasks_did(history: History) -> None:
    def body() -> None:
        good.submit()
        bad.submit()

    state = final(body)

    assert (StateType.FAILED, "1 of 2 states failed.") == (state.type, state.message)
    with pytest.raises(RunFailed) as caught:
        state.result()
    assert isinstance(caught.value.__cause__, ValueError)
    assert StateType.FAILED == history.flow_run().state.type


def test_returned_futures_decide_and_their_values_are_the_result() -> None:
    def body() -> Any:
        bad.submit()
        return [good.submit(1), {"two": good.submit(2)}]

    assert [1, {"two": 2}] == final(body).result()


def test_one_failed_future_among_those_returned_fails_the_flow() -> None:
    state = final(lambda: [good.submit(), bad.submit(), bad.submit()])

    assert (StateType.FAILED, "2 of 3 states failed.") == (state.type, state.message)
    with pytest.raises(ValueError):
        state.result()


def test_a_returned_state_is_the_final_state() -> None:
    failed = final(lambda: Failed("by decision"))
    completed = final(lambda: Completed("all there", data=7))

    assert (StateType.FAILED, "by decision") == (failed.type, failed.message)
    assert ("all there", 7) == (completed.message, completed.result())


def test_returned_states_of_tasks_decide() -> None:
    assert final(lambda: [good(return_state=True), bad(return_state=True)]).is_failed()
    assert 1 == final(lambda: good(return_state=True)).result()


def test_the_state_of_a_task_stays_its_own_when_a_flow_returns_it(history: History) -> None:
    kept: list[Any] = []

    def body() -> Any:
        kept.append(good(return_state=True))
        return kept[0]

    state = final(body)

    assert kept[0].run_id == history.task_run("good").id
    assert state.run_id == history.flow_run().id


def test_users_own_state_names_are_shown_and_mean_their_type(history: History) -> None:
    state = final(lambda: Completed("3 rows", name="No new rows"))

    assert (StateType.COMPLETED, "No new rows") == (state.type, state.name)
    assert ("No new rows", StateType.COMPLETED) == (history.flow_run().state.name, history.flow_run().state.type)
    with pytest.raises(InvalidState):
        Completed(name="Failed")


def test_a_task_under_its_own_state_name_succeeds_for_what_waits_for_it(history: History) -> None:
    @task
    def named() -> Any:
        return Completed("half of it", data=2, name="Partial")

    def body() -> int:
        return good(named.submit())

    assert 2 == final(body).result()
    assert "Partial" == history.task_run("named").state.name


def test_a_flow_may_say_that_it_was_cancelled(history: History) -> None:
    state = final(lambda: Cancelled("not today"))

    assert StateType.CANCELLED == history.flow_run().state.type
    with pytest.raises(RunCancelled, match="not today"):
        state.result()


@pytest.mark.parametrize("make", [Running, Pending, Scheduled, Paused])
def test_a_state_that_ends_nothing_fails_the_flow_that_returns_it(make: Any) -> None:
    state = final(lambda: make())

    assert (StateType.FAILED, True) == (state.type, make.__name__ in state.message)


def test_skipping_a_flow_records_it_as_skipped(history: History) -> None:
    def body() -> None:
        raise Skip("holiday")

    state = final(body)

    assert (StateType.COMPLETED, "Skipped", "holiday") == (state.type, state.name, state.message)
    assert "Skipped" == history.flow_run().state.name
    assert None is final(lambda: Skipped("as well")).result()


def test_a_failed_subflow_fails_a_flow_that_returns_nothing() -> None:
    @flow
    def sub() -> None:
        raise ValueError("sub")

    def body() -> None:
        sub(return_state=True)

    state = final(body)
    assert (StateType.FAILED, "1 of 1 states failed.") == (state.type, state.message)


def test_a_failure_inside_a_task_does_not_count_if_the_task_completed() -> None:
    @task
    def tolerant() -> str:
        bad.submit().wait()
        return "fine"

    def body() -> None:
        tolerant()

    assert "Completed" == final(body).name


def test_a_crashed_state_counts_as_a_failure() -> None:
    @task
    def crashes() -> Any:
        return Crashed("gone")

    def body() -> None:
        crashes.submit()

    assert StateType.FAILED == final(body).type


def test_states_know_what_they_are() -> None:
    for make, asked in ((Completed, "is_completed"), (Failed, "is_failed"), (Cancelled, "is_cancelled")):
        assert getattr(make(), asked)()
        assert make().is_final()
    assert [True] * 4 == [
        Running().is_running(),
        Pending().is_pending(),
        Scheduled().is_scheduled(),
        Paused().is_paused(),
    ]
    assert Completed("a") == Completed("a") != Completed("b")
    assert "Failed(message='x')" == repr(Failed("x"))
