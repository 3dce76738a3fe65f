"""Mistakes are told where they are made: when a function is decorated."""

import functools
import pickle
from datetime import timedelta
from typing import Any

import cloudpickle
import pytest

from penstock import flow, task
from penstock.core.errors import InvalidDefinition, ReservedParameter
from penstock.tasks import exponential_backoff
from penstock.testing import History


def function(n: int = 1) -> int:
    """What it does."""
    return n


@flow
def importable_flow(n: int = 1) -> int:
    return importable_task(n)


@task
def importable_task(n: int = 1) -> int:
    return n


@pytest.mark.parametrize("decorator", [flow, task])
@pytest.mark.parametrize("thing", [3, "name", None.__class__, object(), dict])
def test_only_functions_can_be_decorated(decorator: Any, thing: Any) -> None:
    with pytest.raises(InvalidDefinition):
        decorator(thing)


@pytest.mark.parametrize("decorator", [flow, task])
def test_static_and_class_methods_are_decorated_from_outside(decorator: Any) -> None:
    for wrapper in (staticmethod, classmethod):
        with pytest.raises(InvalidDefinition, match=wrapper.__name__):
            decorator(wrapper(function))


@pytest.mark.parametrize(
    "options",
    [
        {"retries": -1},
        {"retries": 1.5},
        {"retries": True},
        {"retries": 1_000_000},
        {"retries": 1, "retry_delay_seconds": -1},
        {"retries": 1, "retry_delay_seconds": [1, "x"]},
        {"retries": 1, "retry_jitter_factor": -0.5},
        {"timeout_seconds": 0},
        {"timeout_seconds": -1},
        {"timeout_seconds": "1"},
        {"name": ""},
        {"name": "  "},
        {"name": 3},
        {"name": "x" * 501},
        {"durability": "sometimes"},
        {"result_serializer": "yaml"},
        {"on_failure": "not callable"},
        {"on_completion": [print, 3]},
        {"no_such_option": 1},
        {"persist_result": "yes"},
        {"log_prints": "no"},
        {"cache_result_in_memory": 3},
        {"version": 3},
        {"description": 3},
        {"tags": "one-text"},
        {"tags": [""]},
        {"tags": [3]},
    ],
    ids=str,
)
@pytest.mark.parametrize("decorator", [flow, task])
def test_options_that_make_no_sense_are_refused_at_decoration(decorator: Any, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidDefinition):
        decorator(**options)(function)
    with pytest.raises(InvalidDefinition):
        decorator(function).with_options(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"when": "some_success"},
        {"cache_policy": "INPUTS"},
        {"cache_key_fn": "task_input_hash"},
        {"cache_expiration": 60},
        {"cache_expiration": timedelta(days=-1)},
        {"isolation": "container"},
        {"retry_condition_fn": "always"},
        {"result_storage_key": 3},
        {"task_run_name": 3},
        {"refresh_cache": "yes"},
    ],
    ids=str,
)
def test_options_of_tasks_are_checked_too(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidDefinition):
        task(**options)(function)


@pytest.mark.parametrize(
    "options", [{"task_runner": "threads"}, {"flow_run_name": 3}, {"validate_parameters": "maybe"}], ids=str
)
def test_options_of_flows_are_checked_too(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidDefinition):
        flow(**options)(function)


def test_an_unknown_option_names_its_likeness() -> None:
    with pytest.raises(InvalidDefinition, match="retries"):
        task(retry=3)(function)


@pytest.mark.parametrize("name", ["a/b", "50%", "new\nline"])
def test_names_of_flows_that_would_break_addresses_are_refused(name: str) -> None:
    with pytest.raises(InvalidDefinition):
        flow(name=name)(function)


@pytest.mark.parametrize("name", ["return_state", "wait_for"])
def test_parameters_that_every_call_takes_itself_are_refused(name: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def function({name}): ...", namespace)

    with pytest.raises(ReservedParameter, match=name):
        task(namespace["function"])
    with pytest.raises(ReservedParameter, match=name):
        flow(namespace["function"])


def test_what_was_decorated_can_still_be_read() -> None:
    assert ("function", "What it does.") == (task(function).__name__, task(function).__doc__)
    assert "function" == flow(function).__name__
    assert function is flow(function).fn
    assert "What it does." == flow(function).description == task(function).description


@pytest.mark.parametrize("decorator", [flow, task])
def test_what_is_said_of_a_flow_or_task_goes_before_what_its_function_says(decorator: Any) -> None:
    said = decorator(description="Said.", version="7")(function)
    assert ("Said.", "7") == (said.description, said.version)
    assert ("Said.", "8") == (said.with_options(version="8").description, said.with_options(version="8").version)


def test_a_runs_record_says_the_version_of_its_flow(history: History) -> None:
    flow(lambda: 1, name="versioned", version="2.1")()
    flow(lambda: 1, name="versioned")()
    assert ["2.1", None] == [run.flow_version for run in history.flow_runs("versioned")]


def test_names_come_from_functions() -> None:
    def a_long_name() -> None: ...

    assert "a-long-name" == flow(a_long_name).name
    assert "a_long_name" == task(a_long_name).name
    assert "lambda" == task(lambda: 1).name


def test_decorating_twice_is_a_mistake() -> None:
    for outer in (flow, task):
        for inner in (flow, task):
            with pytest.raises(InvalidDefinition):
                outer(inner(function))


def test_lambdas_partials_and_callables_are_functions_too() -> None:
    class Adder:
        def __call__(self, n: int) -> int:
            return n + 1

    @flow
    def body() -> list[Any]:
        return [task(lambda n: n)(1), task(functools.partial(function, 2))(), task(Adder())(1), task(len)([1, 2])]

    assert [1, 2, 2, 2] == body()
    assert 2 == flow(functools.partial(function, 2))()
    assert 3 == flow(Adder())(2)
    assert 4 == flow(lambda n: n)(4)


def test_delays_may_be_a_number_a_list_or_a_function() -> None:
    for delays in (1, 0.5, [1, 2], (1,), exponential_backoff(2), lambda retries: [1] * retries):
        assert 2 == task(retries=2, retry_delay_seconds=delays)(function).options.retry.retries


def test_with_options_changes_a_copy_and_keeps_the_rest() -> None:
    first = task(retries=2, tags=["a"], name="first", retry_delay_seconds=3)(function)
    second = first.with_options(name="second", retries=5)

    assert ("first", 2, (3.0,)) == (first.name, first.options.retry.retries, first.options.retry.delays)
    assert ("second", 5, (3.0,)) == (second.name, second.options.retry.retries, second.options.retry.delays)
    assert frozenset({"a"}) == second.tags
    assert "renamed" == flow(function).with_options(name="renamed").name


@pytest.mark.parametrize("thing", [importable_flow, importable_task])
def test_flows_and_tasks_can_be_pickled_by_name(thing: Any) -> None:
    assert thing is pickle.loads(pickle.dumps(thing))
    assert thing is pickle.loads(cloudpickle.dumps(thing))


def test_local_flows_and_tasks_travel_by_value() -> None:
    @task
    def local(n: int) -> int:
        return n

    @flow
    def local_flow(n: int) -> int:
        return local(n)

    again = pickle.loads(cloudpickle.dumps(local_flow))

    assert "local-flow" == again.name
    assert 3 == again(3)
