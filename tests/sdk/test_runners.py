"""Task runners: threads, processes, the caller's own thread; and tasks in processes of their own."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from penstock import flow, get_run_logger, task
from penstock.artifacts import create_markdown_artifact
from penstock.blocks import Secret
from penstock.concurrency import concurrency
from penstock.core.errors import InvalidDefinition, NotFound, RunCrashed
from penstock.runtime import flow_run, task_run
from penstock.task_runners import (
    ConcurrentTaskRunner,
    InlineTaskRunner,
    ProcessPoolTaskRunner,
    SequentialTaskRunner,
    ThreadPoolTaskRunner,
)
from penstock.testing import History
from penstock.variables import Variable

DATABASES = ("sqlite", "postgres")
TWO_PROCESSES = ProcessPoolTaskRunner(max_workers=2)


@task
def where() -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


@task
def add(a: Any, b: Any = 0) -> Any:
    return a + b


@task
def fail(n: int) -> int:
    raise ValueError(n)


def test_threads_are_the_default() -> None:
    @flow
    def body() -> tuple[int, int]:
        return where.submit().result()

    pid, thread = body()
    assert (os.getpid(), True) == (pid, thread != threading.get_ident())


@pytest.mark.parametrize("runner", [InlineTaskRunner, SequentialTaskRunner, InlineTaskRunner()])
def test_inline_tasks_run_in_the_callers_thread_when_submitted(runner: Any, history: History) -> None:
    order: list[str] = []

    @task
    def step(name: str) -> None:
        order.append(name)

    @flow(task_runner=runner)
    def body() -> tuple[int, int]:
        futures = step.map(["a", "b"])
        order.append("flow")
        assert all(f.done() for f in futures)
        return where.submit().result()

    assert (os.getpid(), threading.get_ident()) == body()
    assert ["a", "b", "flow"] == order


def test_the_fields_own_names_are_known() -> None:
    assert ThreadPoolTaskRunner is ConcurrentTaskRunner
    assert InlineTaskRunner is SequentialTaskRunner
    assert ThreadPoolTaskRunner(max_workers=3) == ThreadPoolTaskRunner(max_workers=3) != ThreadPoolTaskRunner()


def test_processes_run_tasks_elsewhere_and_records_come_back(history: History) -> None:
    @task(log_prints=True, retries=1, tags=["far"])
    def works(n: int) -> Any:
        if task_run.run_count == 1:
            raise ValueError("first attempt")
        print("printed far away")
        get_run_logger().warning("logged far away")
        create_markdown_artifact("shown far away")
        return os.getpid(), flow_run.name, task_run.name, n

    @flow(task_runner=TWO_PROCESSES)
    def body() -> Any:
        return flow_run.name, works.submit(add.submit(3, 4)).result()

    name, (pid, run_name, call_name, n) = body()

    assert (True, name, "works-0", 7) == (pid != os.getpid(), run_name, call_name, n)
    recorded = history.task_run("works")
    assert ("Completed", 2, ["far"]) == (recorded.state.name, recorded.attempt, list(recorded.tags))
    said = {line.message for line in history.logs() if line.task_run_id == recorded.id}
    assert {"printed far away", "logged far away"} <= said
    assert ["shown far away"] == [a.data for a in history.artifacts()]


def test_errors_and_failed_dependencies_come_back_from_processes() -> None:
    @flow(task_runner=TWO_PROCESSES)
    def body() -> Any:
        failed = fail.submit(7)
        late = add.submit(failed)
        with pytest.raises(ValueError, match="7") as raised:
            failed.result()
        assert "raise ValueError(n)" in "".join(raised.value.__notes__)  # where it came from, over there
        return late.wait().state.name

    assert "NotReady" == body()


def test_tasks_in_processes_ask_by_way_of_the_flows_own() -> None:
    @task
    def asks() -> Any:
        Variable.set("last", Variable.get("first"), overwrite=True)
        with concurrency("database"), pytest.raises(NotFound, match="absent"):
            Variable.get("absent")
        return os.getpid(), Secret.load("key").get()

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def body() -> Any:
        return asks.submit().result()

    Variable.set("first", [1, 2], overwrite=True)
    Secret(value="told").save("key", overwrite=True)
    pid, told = body()
    assert (True, "told", [1, 2]) == (pid != os.getpid(), told, Variable.get("last"))


def test_large_results_come_back_from_processes() -> None:
    @flow(task_runner=TWO_PROCESSES)
    def body() -> int:
        return len(add.submit("x" * 300_000, "y" * 300_000).result())

    assert 600_000 == body()


def test_local_functions_and_closures_travel_to_processes() -> None:
    factor = 3

    @task
    def scale(n: int) -> int:
        return n * factor

    @flow(task_runner=TWO_PROCESSES)
    def body() -> list[int]:
        return scale.map([1, 2, 3]).result()

    assert [3, 6, 9] == body()


def test_tasks_call_tasks_inside_processes(history: History) -> None:
    @task
    def outer(n: int) -> int:
        return add(n, 1) + add.submit(n, 2).result()

    @flow(task_runner=TWO_PROCESSES)
    def body() -> int:
        return outer.submit(1).result()

    assert 5 == body()
    parent = history.task_run("outer").id
    assert [parent, parent] == [t.parent_id for t in history.task_runs() if t.task_name == "add"]


def test_what_cannot_travel_fails_the_task_run_and_names_it(history: History) -> None:
    @flow(task_runner=TWO_PROCESSES)
    def body() -> None:
        add.submit(threading.Lock())

    assert body(return_state=True).is_failed()
    assert "Failed" == history.task_run("add").state.name
    assert "add-0" in str(history.task_run("add").state.message)


def test_a_flow_that_could_not_travel_itself_is_no_obstacle() -> None:
    lock = threading.Lock()

    @flow(task_runner=TWO_PROCESSES, on_completion=[lambda *_: lock.locked()])
    def body(anything: Any) -> int:
        with lock:
            return add.submit(1, 1).result()

    assert 2 == body(threading.Lock())


def test_a_process_that_dies_crashes_its_task_run_only(history: History) -> None:
    @task
    def dies() -> None:
        os._exit(3)

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def body() -> int:
        crashed = dies.submit().wait()
        assert "Crashed" == crashed.state.name
        with pytest.raises(RunCrashed, match="3"):
            crashed.result()
        return add.submit(1, 2).result()

    assert 3 == body()
    assert ("Crashed", "process_died") == (history.task_run("dies").state.name, history.task_run("dies").state.reason)


@pytest.mark.parametrize("how", ["at once", "after a failure"])
def test_a_task_whose_process_died_is_tried_again_in_another(history: History, tmp_path: Path, how: str) -> None:
    """As often as the task says, counting what was tried in the process that is gone."""
    tried = tmp_path / "tried"

    @task(retries=2)
    def dies_once(how: str) -> int:
        before = tried.read_text() if tried.exists() else ""
        tried.write_text(before + "x")
        if how == "after a failure" and not before:
            raise ValueError("at first")
        if len(before) < 2 and (before or how == "at once"):
            os._exit(3)
        return len(before)

    @task(retries=1)
    def dies_always() -> None:
        os._exit(4)

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def body() -> tuple[int, str]:
        return dies_once.submit(how).result(), dies_always.submit().wait().state.name

    assert (2, "Crashed") == body()
    run, always = history.task_run("dies_once"), history.task_run("dies_always")
    first = "Crashed" if how == "at once" else "Failed"
    assert (3, [first, "Crashed", "Completed"]) == (run.attempt, [each.state_name for each in run.attempts])
    assert (2, ["Crashed", "Crashed"]) == (always.attempt, [each.state_name for each in always.attempts])


def test_async_and_generator_tasks_run_in_processes() -> None:
    @task
    async def later(n: int) -> int:
        return n

    @task
    def numbers(n: int) -> Any:
        yield from range(n)

    @flow(task_runner=TWO_PROCESSES)
    def body() -> Any:
        return later.submit(1).result(), numbers.submit(3).result()

    assert (1, [0, 1, 2]) == body()


def test_a_task_can_have_a_process_of_its_own(history: History) -> None:
    @task(isolation="process", retries=1)
    def alone(n: int) -> Any:
        if task_run.run_count == 1:
            raise ValueError
        return os.getpid(), n

    @flow
    def body() -> Any:
        return alone(1), alone.submit(2).result()

    (first, one), (second, two) = body()
    assert (1, 2, True) == (one, two, os.getpid() not in (first, second))
    assert [2, 2] == [t.attempt for t in history.task_runs()]


def test_a_process_of_its_own_that_dies_crashes_the_call(history: History) -> None:
    @task(isolation="process")
    def dies() -> None:
        os._exit(1)

    @flow
    def body() -> str:
        return dies(return_state=True).name

    assert body() in ("Crashed", "Failed")
    assert history.task_run("dies").state.is_final


def test_methods_travel_to_processes() -> None:
    class Scale:
        def __init__(self, factor: int):
            self.factor = factor

        @task
        def by(self, n: int) -> int:
            return n * self.factor

        @flow(task_runner=TWO_PROCESSES)
        def run(self) -> list[int]:
            return self.by.map([1, 2]).result()

    assert [5, 10] == Scale(5).run()


def test_a_runner_that_is_none_is_refused_at_decoration() -> None:
    with pytest.raises(InvalidDefinition):
        flow(task_runner=object())(lambda: None)
