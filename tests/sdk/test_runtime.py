"""What running code can find out about its run."""

from datetime import datetime
from typing import Any

import pytest

import penstock
from penstock import flow, runtime, tags, task
from penstock.testing import History


def test_outside_of_runs_everything_is_none() -> None:
    assert [None] * len(dir(runtime.flow_run)) == [getattr(runtime.flow_run, name) for name in dir(runtime.flow_run)]
    assert [None] * len(dir(runtime.task_run)) == [getattr(runtime.task_run, name) for name in dir(runtime.task_run)]


def test_inside_a_flow_the_run_is_known(history: History) -> None:
    @flow(version="v7")
    def body(n: int) -> Any:
        r = runtime.flow_run
        return (r.id, r.name, r.flow_name, r.flow_version, r.parameters, r.tags, r.run_count, r.start_time)

    with tags("a"):
        found = body(3)

    run = history.flow_run()
    assert run.id == found[0].replace("-", "")
    assert (run.name, "body", "v7", {"n": 3}, ["a"], 1) == found[1:7]
    assert isinstance(found[7], datetime)


def test_inside_a_task_the_task_run_is_known(history: History) -> None:
    @task(tags=["web"], task_run_name="number-{n}")
    def step(n: int, factor: int = 2) -> Any:
        r = runtime.task_run
        return r.id, r.name, r.task_name, r.tags, r.run_count, r.parameters

    @flow
    def body() -> Any:
        return step.submit(step.with_options(task_run_name=None).fn.__defaults__[0]).result()

    found = body()

    call = history.task_runs()[0]
    assert call.id == found[0].replace("-", "")
    assert ("number-2", "step", ["web"], 1, {"n": 2, "factor": 2}) == found[1:]


def test_parameters_of_a_task_are_known_without_names_or_caches() -> None:
    @task
    def give() -> int:
        return 5

    @task
    def step(n: int, *, k: str = "x") -> Any:
        return runtime.task_run.parameters

    @flow
    def body() -> Any:
        return step(give.submit()), step.submit(1, k="y").result()

    assert ({"n": 5, "k": "x"}, {"n": 1, "k": "y"}) == body()


def test_a_subflow_knows_its_parent_and_root() -> None:
    @flow
    def leaf() -> Any:
        return runtime.flow_run.parent_flow_run_id, runtime.flow_run.root_flow_run_id

    @flow
    def middle() -> Any:
        return (runtime.flow_run.id, *leaf())

    @flow
    def root() -> Any:
        return (runtime.flow_run.id, *middle())

    root_id, middle_id, parent_of_leaf, root_of_leaf = root()
    assert (middle_id, root_id) == (parent_of_leaf, root_of_leaf)


def test_tests_can_set_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK__RUNTIME__FLOW_RUN__NAME", "pretended")

    assert "pretended" == runtime.flow_run.name


def test_a_misspelt_attribute_is_told_apart_from_nothing() -> None:
    with pytest.raises(AttributeError, match="id"):
        _ = runtime.flow_run.idd


def test_the_facades_are_reached_from_the_package() -> None:
    assert penstock.runtime is runtime
    for name in ("artifacts", "variables", "states", "tasks", "futures", "logging", "transactions", "task_runners"):
        assert getattr(penstock, name).__name__ == f"penstock.{name}"


def test_a_running_run_says_when_it_is_expected_to_end(history: History) -> None:
    @flow
    def expected(look: bool) -> Any:
        return history.flow_run().expected_end_at if look else None

    assert None is expected(True)
    for _ in range(3):
        expected(False)
    assert isinstance(expected(True), int)
