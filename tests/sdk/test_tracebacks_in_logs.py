"""Where an error came from is on record, also for a task that nobody was waiting for, and told without the engine's frames."""

import traceback

import pytest

from penstock import Failed, State, flow, task
from penstock.errors import ParameterInvalid
from penstock.testing import History

ERROR = 40


@task
def divide(a: float, b: float) -> float:
    return a / b


@task
def says_that_it_failed() -> State:
    return Failed("no rows")


@flow
def raises_in_a_task() -> int:
    divide.submit(1, 0)
    return 1


@flow
def raises_what_its_task_raised() -> float:
    return divide(1, 0)


@flow
def fails_by_word() -> str:
    says_that_it_failed.submit()
    return "done"


def traces(history: History) -> list[str | None]:
    """The task runs, or none for the flow itself, that logged where an error came from: the line that raised it."""
    return [line.task_run_id for line in history.logs() if line.level == ERROR and "return a / b" in line.message]


def test_a_submitted_task_that_raised_says_where(history: History) -> None:
    raises_in_a_task()
    assert [history.task_run("divide").id] == traces(history)


def test_an_error_that_passes_through_the_flow_is_told_once(history: History) -> None:
    raises_what_its_task_raised(return_state=True)
    assert [history.task_run("divide").id] == traces(history)


def test_a_failure_without_an_error_has_no_traceback(history: History) -> None:
    fails_by_word()
    assert [] == traces(history)


@task
def halves(a: float) -> float:
    return divide(a, 0)


@flow
def in_a_subflow(a: float) -> float:
    return halves.submit(a).result()


@flow
def outermost(a: float) -> float:
    return in_a_subflow(a)


def test_what_is_raised_leads_through_the_users_own_lines_only() -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        outermost(1)
    places = traceback.extract_tb(raised.value.__traceback__)
    assert {__file__} == {place.filename for place in places}
    assert ["outermost", "in_a_subflow", "halves", "divide"] == [place.name for place in places[1:]]


def test_what_penstock_itself_refuses_is_told_where_it_was_called() -> None:
    with pytest.raises(ParameterInvalid) as raised:
        outermost("many")  # type: ignore[arg-type]
    assert {__file__} == {place.filename for place in traceback.extract_tb(raised.value.__traceback__)}
