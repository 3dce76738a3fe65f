"""Calling and submitting tasks, and what is recorded of them."""

import pytest

from penstock import flow, task
from penstock.core.states import StateType
from penstock.testing import History

DATABASES = ("sqlite", "postgres")


@task
def add(a: int, b: int = 1) -> int:
    return a + b


@task
def fail(message: str = "no") -> None:
    raise ValueError(message)


def test_a_flow_returns_what_its_function_returns() -> None:
    @flow
    def answer() -> int:
        return add(1) + add(1, b=40)

    assert 43 == answer()


def test_a_run_is_recorded_with_its_task_runs(history: History) -> None:
    @flow
    def two() -> int:
        return add(add(1))

    two()

    run = history.flow_run()
    assert ("two", "Completed", {"COMPLETED": 2}) == (run.flow_name, run.state.name, run.task_counts)
    assert [("add-0", "Completed", 1), ("add-1", "Completed", 1)] == [
        (t.name, t.state.name, t.attempt) for t in history.task_runs()
    ]
    assert ["Running", "Completed"] == history.state_names()


def test_an_error_passes_through_untouched_and_fails_task_and_flow(history: History) -> None:
    @flow
    def broken() -> None:
        fail("the reason")

    with pytest.raises(ValueError, match="the reason"):
        broken()

    assert (StateType.FAILED, "ValueError: the reason") == (
        history.task_run("fail").state.type,
        history.task_run("fail").state.message,
    )
    assert StateType.FAILED == history.flow_run().state.type


def test_an_error_shows_the_frames_of_users_code_only() -> None:
    @flow
    def broken() -> None:
        fail()

    with pytest.raises(ValueError) as caught:
        broken()

    assert __file__ == str(caught.traceback[-1].path)
    files = [str(entry.path) for entry in caught.traceback]
    assert [] == [name for name in files[1:] if "/penstock/engine/" in name and name != files[-1]][5:]


def test_an_error_that_user_code_catches_is_its_own_business() -> None:
    @flow
    def careful() -> str:
        try:
            fail()
        except ValueError:
            return "caught"
        return "not caught"

    assert "caught" == careful()


def test_a_submitted_task_gives_a_future_with_its_value() -> None:
    @flow
    def submitting() -> int:
        return add.submit(1, b=2).result()

    assert 3 == submitting()


def test_a_flow_waits_for_everything_that_it_submitted(history: History) -> None:
    @flow
    def careless() -> str:
        add.map(range(20))
        return "done"

    careless()

    assert {"COMPLETED": 20} == history.flow_run().task_counts


def test_return_state_gives_the_final_state_in_place_of_value_or_error() -> None:
    @flow
    def states() -> list[str]:
        good, bad = add(1, return_state=True), fail(return_state=True)
        later = add.submit(2, return_state=True)
        many = add.map([1, 2], return_state=True)
        return [good.name, str(good.result()), bad.name, bad.message, later.name, *(str(s.result()) for s in many)]

    assert ["Completed", "2", "Failed", "ValueError: no", "Completed", "2", "3"] == states()


def test_a_flow_called_with_return_state_raises_nothing() -> None:
    @flow
    def broken() -> None:
        fail()

    state = broken(return_state=True)

    assert state.is_failed()
    with pytest.raises(ValueError):
        state.result()
    assert isinstance(state.result(raise_on_failure=False), ValueError)


def test_fn_is_the_function_itself_and_records_nothing(history: History) -> None:
    @flow
    def recorded() -> None: ...

    recorded()
    before = len(history.flow_runs())

    assert 3 == add.fn(1, 2)
    assert before == len(history.flow_runs())


def test_a_task_called_on_its_own_is_recorded_as_a_run_of_its_own(history: History) -> None:
    assert 3 == add(1, 2)

    run = history.flow_run()
    assert ("add", "Completed") == (run.flow_name, run.state.name)
    assert ["add-0"] == [t.name for t in history.task_runs()]


def test_tasks_call_tasks_and_the_records_say_who_called_whom(history: History) -> None:
    @task
    def outer() -> int:
        return add(1) + add.submit(2).result()

    @flow
    def nested() -> int:
        return outer()

    assert 5 == nested()

    parent = history.task_run("outer")
    assert [parent.id, parent.id] == [t.parent_id for t in history.task_runs() if t.task_name == "add"]
    assert parent.parent_id is None


def test_a_task_that_calls_itself_ends() -> None:
    @task
    def countdown(n: int) -> int:
        return 0 if n == 0 else countdown(n - 1)

    @flow
    def recursive() -> int:
        return countdown.submit(30).result()

    assert 0 == recursive()


def test_a_call_that_does_not_fit_the_signature_is_told_as_python_tells_it() -> None:
    @flow
    def wrong() -> None:
        add(1, 2, 3)

    @flow
    def needs(one: int) -> None: ...

    with pytest.raises(TypeError):
        wrong()
    with pytest.raises(TypeError, match="one"):
        needs()  # type: ignore[call-arg]  # the point
    with pytest.raises(TypeError, match="other"):
        needs(1, other=2)  # type: ignore[call-arg]  # the point


def test_ten_thousand_task_runs_are_ten_thousand_records(history: History) -> None:
    @flow
    def many() -> int:
        for n in range(5_000):
            add(n)
        return len(add.map(range(5_000)).result())

    assert 5_000 == many()
    assert {"COMPLETED": 10_000} == history.flow_run().task_counts
