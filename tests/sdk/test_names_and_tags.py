"""Names of runs from templates and functions, and tags."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from penstock import flow, tags, task
from penstock.core.errors import InvalidDefinition
from penstock.runtime import flow_run, task_run
from penstock.testing import History


@task
def plain() -> None: ...


def test_a_flow_run_is_named_by_its_template(history: History) -> None:
    @flow(flow_run_name="{color}-{day:%Y-%m}-{count:03}")
    def named(color: str, day: date, count: int = 7) -> str:
        return str(flow_run.name)

    assert "green-2020-04-007" == named("green", "2020-04-01")  # type: ignore[arg-type]  # coerced
    assert "green-2020-04-007" == history.flow_run().name


def test_a_flow_run_is_named_by_a_function(history: History) -> None:
    @flow(flow_run_name=lambda: "by-function")
    def named() -> None: ...

    @flow(flow_run_name=lambda parameters: f"n{parameters['n']}")
    def with_parameters(n: int) -> None: ...

    named()
    assert "by-function" == history.flow_run().name
    with_parameters(3)
    assert "n3" == history.flow_run().name


def test_functions_that_name_runs_and_make_keys_know_where_they_are(history: History) -> None:
    def month() -> str:
        return f"{flow_run.flow_name}-{flow_run.parameters['n']}"

    def part() -> str:
        return f"{flow_run.name}/{task_run.task_name}-{task_run.parameters['x']}"

    @task(task_run_name=part, cache_key_fn=lambda run, inputs: f"{run.name} of {flow_run.name}")
    def step(x: int) -> int:
        return x

    @task(task_run_name=part)
    def items(x: int) -> Iterator[int]:
        yield x

    @flow(flow_run_name=month)
    def inner(n: int) -> None:
        step(n)

    @flow(flow_run_name=month)
    def outer(n: int) -> None:
        inner(n + 1)
        step.submit(n)
        list(items(n))

    outer(1)

    assert ["outer-1/items-1", "outer-1/step-1"] == sorted(t.name for t in history.task_runs())
    assert ["inner-2"] == [run.name for run in history.subflow_runs()]


def test_task_runs_are_named_by_templates_functions_and_count(history: History) -> None:
    @task(task_run_name="{self_}-{n:02}")
    def by_template(n: int, self_: str = "x") -> None: ...

    @task(task_run_name=lambda: "by-function")
    def by_function() -> None: ...

    @flow
    def body() -> None:
        by_template(3)
        by_function()
        plain()
        plain()

    body()

    assert ["x-03", "by-function", "plain-0", "plain-1"] == [t.name for t in history.task_runs()]


def test_a_template_sees_resolved_futures(history: History) -> None:
    @task
    def number() -> int:
        return 4

    @task(task_run_name="got-{n}")
    def named(n: int) -> None: ...

    @flow
    def body() -> None:
        named.submit(number.submit())

    body()

    assert "got-4" == history.task_runs()[-1].name


def test_a_template_that_names_no_parameter_fails_the_run_and_says_so(history: History) -> None:
    @task(task_run_name="{nothing}")
    def misnamed(n: int) -> None: ...

    @flow
    def by_call() -> None:
        misnamed(1)

    @flow
    def by_submit() -> None:
        misnamed.submit(1)

    with pytest.raises(InvalidDefinition, match="nothing"):
        by_call()
    assert "Failed" == history.task_run("misnamed").state.name
    assert "Failed" == by_submit(return_state=True).name
    assert "Failed" == history.task_run("misnamed").state.name


def test_a_flow_run_whose_name_cannot_be_made_fails(history: History) -> None:
    def broken() -> str:
        raise RuntimeError("no name today")

    @flow(flow_run_name=broken)
    def named() -> None: ...

    with pytest.raises(InvalidDefinition, match="no name today"):
        named()
    assert "Failed" == history.flow_run().state.name


@pytest.mark.parametrize("name", ["ünïcödé 🚕", "a" * 400, "line\nbreak", "quote'\"", "<script>", "100%", "a/b"])
def test_odd_names_of_tasks_and_runs_are_kept_as_they_are(name: str, history: History) -> None:
    @task(name=name, task_run_name=name.replace("{", "{{"))
    def odd() -> None: ...

    @flow(flow_run_name=name)
    def body() -> None:
        odd()

    body()

    assert (name, name) == (history.task_runs()[0].task_name, history.task_runs()[0].name)
    assert name == history.flow_run().name


def test_tasks_of_equal_name_count_together(history: History) -> None:
    def make(value: int) -> Any:
        @task(name="same")
        def same() -> int:
            return value

        return same

    first, second = make(1), make(2)

    @flow
    def body() -> list[int]:
        return [first(), second(), first()]

    assert [1, 2, 1] == body()
    assert ["same-0", "same-1", "same-2"] == [t.name for t in history.task_runs()]


def test_tags_of_flow_task_and_context_are_recorded(history: History) -> None:
    @task(tags=["web"])
    def tagged() -> None: ...

    @flow(tags=["nightly"])
    def body() -> None:
        tagged()
        with tags("eu", "retry"):
            tagged()
            tagged.submit()

    with tags("outer"):
        body()

    assert ["nightly", "outer"] == sorted(history.flow_run().tags)
    assert [["outer", "web"], ["eu", "outer", "retry", "web"], ["eu", "outer", "retry", "web"]] == [
        sorted(t.tags) for t in history.task_runs()
    ]


def test_subflows_get_the_tags_of_their_context(history: History) -> None:
    @flow
    def sub() -> None: ...

    @flow
    def body() -> None:
        with tags("inner"):
            sub()

    body()

    assert ["inner"] == list(history.subflow_runs()[0].tags)


def test_tags_are_gone_after_their_block() -> None:
    with tags("a"), tags("b") as both:
        assert {"a", "b"} == both
    with tags("c") as alone:
        assert {"c"} == alone
