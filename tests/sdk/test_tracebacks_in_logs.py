"""Where an error came from is on record, also for a task that nobody was waiting for."""

from penstock import Failed, State, flow, task
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
