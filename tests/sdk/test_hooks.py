"""Hooks: users' functions that are called when a run enters a state."""

import asyncio
from typing import Any

import pytest

from penstock import Cancelled, Completed, flow, get_run_logger, task
from penstock.states import Crashed
from penstock.testing import History


class Calls:
    """Remembers what a hook was called with."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []

    def __call__(self, subject: Any, run: Any, state: Any) -> None:
        self.seen.append((subject.name, type(run).__name__, state.name))


def test_hooks_of_a_task_get_task_run_and_state() -> None:
    running, completed, failed = Calls(), Calls(), Calls()

    @task(on_running=[running], on_completion=[completed], on_failure=failed)
    def works(good: bool) -> None:
        if not good:
            raise ValueError

    @flow
    def body() -> str:
        works(True)
        works(False, return_state=True)
        works.submit(True).wait()
        return "done"

    body()

    assert [("works", "TaskCall", "Running")] * 3 == running.seen
    assert [("works", "TaskCall", "Completed")] * 2 == completed.seen
    assert [("works", "TaskCall", "Failed")] == failed.seen


def test_hooks_of_a_flow_get_flow_run_and_state() -> None:
    hooks = {name: Calls() for name in ("on_running", "on_completion", "on_failure", "on_cancellation", "on_crashed")}

    @flow(**{name: [hook] for name, hook in hooks.items()})
    def ends(how: str) -> Any:
        if how == "raises":
            raise ValueError
        return {"completes": Completed, "cancels": Cancelled, "crashes": Crashed}[how]()

    for how in ("completes", "raises", "cancels", "crashes"):
        ends(how, return_state=True)

    assert 4 == len(hooks["on_running"].seen)
    assert ["Completed", "Failed", "Cancelled", "Crashed"] == [
        hooks[name].seen[0][2] for name in ("on_completion", "on_failure", "on_cancellation", "on_crashed")
    ]
    assert ("ends", "FlowRunContext") == hooks["on_failure"].seen[0][:2]


def test_hooks_know_the_runs_id_name_and_parameters(history: History) -> None:
    seen: list[Any] = []

    def hook(subject: Any, run: Any, state: Any) -> None:
        seen.append((run.id, run.name, run.parameters, state.result()))

    @flow(on_completion=[hook])
    def body(n: int) -> int:
        return n

    body(3)

    assert [(history.flow_run().id, history.flow_run().name, {"n": 3}, 3)] == seen


def test_hooks_of_a_task_know_its_run(history: History) -> None:
    seen: list[Any] = []

    def hook(subject: Any, run: Any, state: Any) -> None:
        seen.append((subject.name, run.id, run.name, run.flow_run_id, run.run_count, sorted(run.tags)))

    @task(on_completion=[hook], retries=1, tags=["a"])
    def second_time() -> None:
        if not seen_once:
            seen_once.append(1)
            raise ValueError

    seen_once: list[int] = []

    @flow
    def body() -> None:
        second_time()

    body()

    assert [
        ("second_time", history.task_run("second_time").id, "second_time-0", history.flow_run().id, 2, ["a"])
    ] == seen


def test_hooks_are_added_by_decorators() -> None:
    calls = Calls()

    @task
    def works() -> None: ...

    @flow
    def body() -> None:
        works()

    works.on_completion(calls)
    works.on_running(calls)
    body.on_completion(calls)

    @body.on_running
    def begun(subject: Any, run: Any, state: Any) -> None:
        calls(subject, run, state)

    body()

    assert [("body", "Running"), ("works", "Running"), ("works", "Completed"), ("body", "Completed")] == [
        (name, state) for name, _, state in calls.seen
    ]


def test_a_hook_that_raises_changes_nothing_and_is_logged(history: History) -> None:
    def breaks(*_: Any) -> None:
        raise RuntimeError("hook down")

    @task(on_completion=[breaks], on_running=[breaks])
    def works() -> int:
        return 1

    @flow(on_completion=[breaks], on_running=[breaks])
    def body() -> int:
        return works()

    assert 1 == body()
    assert 4 == len([line for line in history.logs() if "hook down" in line.message])


def test_hooks_may_be_coroutines() -> None:
    seen: list[str] = []

    async def hook(subject: Any, run: Any, state: Any) -> None:
        await asyncio.sleep(0)
        seen.append(state.name)

    @task(on_completion=[hook])
    def works() -> None: ...

    @task(on_completion=[hook])
    async def works_later() -> None: ...

    @flow(on_completion=[hook])
    def body() -> None:
        works()

    @flow(on_completion=[hook])
    async def body_later() -> None:
        works()
        await works_later()

    body()
    asyncio.run(body_later())

    assert ["Completed"] * 5 == seen


def test_hooks_of_every_attempt_and_of_the_last_failure_only() -> None:
    running, failed = Calls(), Calls()

    @task(retries=2, on_running=[running], on_failure=[failed])
    def fails() -> None:
        raise ValueError

    @flow
    def body() -> str:
        fails(return_state=True)
        return "done"

    body()

    assert (3, 1) == (len(running.seen), len(failed.seen))


def test_a_hook_can_log_into_the_run(history: History) -> None:
    def hook(subject: Any, run: Any, state: Any) -> None:
        get_run_logger().info("from the hook of %s", subject.name)

    @task(on_completion=[hook])
    def works() -> None: ...

    @flow(on_completion=[hook])
    def body() -> None:
        works()

    body()

    assert ["from the hook of works", "from the hook of body"] == [
        line.message for line in history.logs() if line.logger != "penstock.engine"
    ]


def test_hooks_run_before_the_error_reaches_the_caller() -> None:
    calls = Calls()

    @flow(on_failure=[calls])
    def body() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        body()
    assert 1 == len(calls.seen)
