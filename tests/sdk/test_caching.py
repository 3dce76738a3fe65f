"""Results that are used again: by key functions and policies, for a time, across runs and processes."""

import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy
import pandas
import pyarrow
import pytest

from penstock import flow, task, task_input_hash
from penstock.cache_policies import DEFAULT, FLOW_PARAMETERS, INPUTS, NO_CACHE, RUN_ID, TASK_SOURCE
from penstock.core.errors import InvalidDefinition
from penstock.testing import History

DATABASES = ("sqlite", "postgres")


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A result storage of this test's own, so that no other test's entries are hit."""
    monkeypatch.setenv("PENSTOCK_RESULTS_PATH", str(tmp_path / "results"))
    return tmp_path / "results"


class Counted:
    """A task function that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, value: Any = None) -> int:
        self.calls += 1
        return self.calls


def call_in_flow(subject: Any, *arguments: Any) -> list[Any]:
    """Call a task once for each argument, in one flow run."""

    @flow
    def body() -> list[Any]:
        return [subject(argument) for argument in arguments]

    return body()


def cached(**options: Any) -> tuple[Any, Counted]:
    counted = Counted()
    return task(name="counted", **options)(counted), counted


def test_equal_inputs_hit_and_others_miss(history: History) -> None:
    subject, _ = cached(cache_key_fn=task_input_hash)

    assert [1, 1, 2] == call_in_flow(subject, "a", "a", "b")
    assert ["Completed", "Cached", "Completed"] == [t.state.name for t in history.task_runs()]
    assert "cache_hit" == history.task_runs()[1].state.reason
    assert history.task_runs()[0].cache_key == history.task_runs()[1].cache_key
    assert [1, 2] == call_in_flow(subject, "a", "b")


def test_without_a_policy_nothing_is_cached() -> None:
    subject, _ = cached()
    assert [1, 2] == call_in_flow(subject, 1, 1)
    subject, _ = cached(cache_policy=NO_CACHE)
    assert [1, 2] == call_in_flow(subject, 1, 1)
    subject, _ = cached(cache_policy=None)
    assert [1, 2] == call_in_flow(subject, 1, 1)


def test_a_key_function_decides_and_none_means_do_not_cache() -> None:
    seen: list[Any] = []

    def key(run: Any, parameters: dict[str, Any]) -> str | None:
        seen.append((run.task.name, dict(parameters)))
        return None if parameters["value"] < 0 else str(parameters["value"] % 2)

    subject, _ = cached(cache_key_fn=key)

    assert [1, 2, 1, 3, 4] == call_in_flow(subject, 1, 2, 3, -1, -1)
    assert ("counted", {"value": 1}) == seen[0]


def test_a_key_function_that_breaks_or_returns_nonsense_fails_the_run(history: History) -> None:
    def breaks(*_: Any) -> str:
        raise RuntimeError("no key")

    for key_fn, error in ((breaks, RuntimeError), (lambda *_: 3, InvalidDefinition)):
        subject, counted = cached(cache_key_fn=key_fn)
        with pytest.raises(error):
            call_in_flow(subject, 1)
        assert (0, "Failed") == (counted.calls, history.task_run("counted").state.name)


def test_entries_expire() -> None:
    fresh, _ = cached(cache_key_fn=task_input_hash, cache_expiration=timedelta(days=1))
    stale, _ = cached(cache_key_fn=lambda *_: "stale", cache_expiration=timedelta(microseconds=1))

    assert [1, 1] == call_in_flow(fresh, 1, 1)
    assert [1, 2] == call_in_flow(stale, 1, 1)


def test_refresh_computes_anew_and_renews_the_entry() -> None:
    subject, _ = cached(cache_policy=INPUTS)

    assert [1, 1] == call_in_flow(subject, 1, 1)
    assert [2] == call_in_flow(subject.with_options(refresh_cache=True), 1)
    assert [2] == call_in_flow(subject, 1)


def test_policies_by_inputs_source_run_and_parameters() -> None:
    by_run, _ = cached(cache_policy=RUN_ID)
    assert ([1, 1], [2]) == (call_in_flow(by_run, 1, 2), call_in_flow(by_run, 1))

    default, _ = cached(cache_policy=DEFAULT)
    assert ([1, 1, 2], [3]) == (call_in_flow(default, 1, 1, 2), call_in_flow(default, 1))

    by_parameters, _ = cached(cache_policy=FLOW_PARAMETERS)

    @flow
    def body(n: int) -> Any:
        return by_parameters(1), by_parameters(2)

    assert [(1, 1), (2, 2), (1, 1)] == [body(1), body(2), body(1)]


def test_a_changed_source_misses() -> None:
    def first(value: int) -> str:
        return "first"

    def second(value: int) -> str:
        return "second"

    second.__qualname__, second.__module__ = first.__qualname__, first.__module__
    policy = INPUTS + TASK_SOURCE

    assert ["first"] == call_in_flow(task(cache_policy=policy)(first), 1)
    assert ["second"] == call_in_flow(task(cache_policy=policy)(second), 1)
    assert ["first"] == call_in_flow(task(cache_policy=policy)(first), 1)


def test_an_input_can_be_left_out_of_the_key() -> None:
    calls: list[int] = []

    @task(cache_policy=INPUTS - "connection")
    def query(sql: str, connection: Any) -> int:
        calls.append(1)
        return len(calls)

    @flow
    def body() -> list[int]:
        return [query("a", threading.Lock()), query("a", connection=threading.Lock()), query("b", object())]

    assert [1, 1, 2] == body()


def test_inputs_without_stable_content_are_warned_about_and_not_cached(history: History) -> None:
    subject, _ = cached(cache_policy=INPUTS)

    assert [1, 2] == call_in_flow(subject, threading.Lock(), threading.Lock())
    warnings = [line for line in history.logs() if line.level == 30]
    assert 2 == len(warnings)
    assert "value" in warnings[0].message


@dataclass
class Config:
    a: int


@pytest.mark.parametrize(
    ("make", "other"),
    [
        (lambda: pandas.DataFrame({"x": [1, 2], "t": ["a", None]}), pandas.DataFrame({"x": [1, 3], "t": ["a", None]})),
        (lambda: pandas.DataFrame({"x": [[1], [2]]}), pandas.DataFrame({"x": [[1], [3]]})),
        (lambda: pandas.Series([1.5, 2.5]), pandas.Series([1.5, 2.6])),
        (lambda: pandas.Index([1, 2]), pandas.Index([1, 3])),
        (lambda: pyarrow.table({"x": [1, 2]}), pyarrow.table({"x": [1, 3]})),
        (lambda: numpy.arange(4), numpy.arange(5)),
        (lambda: Config(1), Config(2)),
        (lambda: {"b": {2, 1}, "a": (1, [2])}, {"b": {2, 1}, "a": (1, [3])}),
        (lambda: "x" * 100_000, "x" * 100_001),
        (lambda: b"x" * 100_000, b"y" * 100_000),
        (lambda: list(range(50_000)), list(range(1, 50_001))),
        (lambda: 1, 1.0),
        (lambda: 1, True),
        (lambda: "1", 1),
        (lambda: [1, 2], (1, 2)),
    ],
    ids=lambda value: type(value() if callable(value) else value).__name__,
)
def test_content_decides_whatever_the_type(make: Any, other: Any) -> None:
    subject, _ = cached(cache_policy=INPUTS)

    assert [1, 1, 2] == call_in_flow(subject, make(), make(), other)


def test_tables_equal_in_content_but_not_in_chunks_hit() -> None:
    whole = pyarrow.table({"x": [1, 2, 3]})
    chunked = pyarrow.concat_tables([whole.slice(0, 1), whole.slice(1)])
    subject, _ = cached(cache_policy=INPUTS)

    assert [1, 1] == call_in_flow(subject, whole, chunked)


def test_frames_that_differ_in_columns_or_types_only_miss() -> None:
    frames = [
        pandas.DataFrame({"x": [1]}),
        pandas.DataFrame({"y": [1]}),
        pandas.DataFrame({"x": [1.0]}),
        pandas.DataFrame({"x": [1]}, index=[5]),
    ]
    subject, _ = cached(cache_policy=INPUTS)

    assert [1, 2, 3, 4] == call_in_flow(subject, *frames)


def test_results_of_any_kind_come_back_equal() -> None:
    frame = pandas.DataFrame({"x": [1, 2]})

    @task(cache_policy=INPUTS)
    def give(kind: str) -> Any:
        return {"frame": frame, "none": None, "tuple": (1, [2]), "stream": {"a": {1}}}[kind]

    @flow
    def body() -> Any:
        return [[give(kind), give(kind)] for kind in ("none", "tuple", "stream", "frame")]

    none, pair, mixed, frames = body()
    assert ([None, None], [(1, [2])] * 2, [{"a": {1}}] * 2) == (none, pair, mixed)
    pandas.testing.assert_frame_equal(*frames)


def test_a_failed_call_is_not_cached() -> None:
    calls: list[int] = []

    @task(cache_policy=INPUTS)
    def fails_once(n: int) -> int:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError
        return n

    @flow
    def body() -> Any:
        fails_once(1, return_state=True)
        return fails_once(1), fails_once(1)

    assert (1, 1) == body()
    assert 2 == len(calls)


def test_mapped_and_async_calls_use_the_cache_too() -> None:
    import asyncio

    subject, counted = cached(cache_policy=INPUTS)

    @task(cache_policy=INPUTS)
    async def later(n: int) -> int:
        return counted()

    @flow
    async def body() -> None:
        subject.map([1, 2, 3]).wait()
        subject.map([3, 2, 1]).wait()
        await later(9)
        await later.submit(9)

    asyncio.run(body())
    assert 4 == counted.calls


def test_a_cached_result_outlives_the_run_that_made_it(history: History, results: Path) -> None:
    import shutil

    subject, _ = cached(cache_policy=INPUTS)
    call_in_flow(subject, 1)
    shutil.rmtree(results / "runs")

    assert [1] == call_in_flow(subject, 1)


def test_a_lost_or_damaged_entry_is_no_entry(results: Path) -> None:
    subject, _ = cached(cache_policy=INPUTS)
    assert [1] == call_in_flow(subject, 1)

    for path in (results / "shared").iterdir():
        path.write_bytes(b"damaged")
    assert [2] == call_in_flow(subject, 1)
    for path in (results / "cache").iterdir():
        path.write_text("{torn")
    assert [3] == call_in_flow(subject, 1)
    for path in (results / "shared").iterdir():
        path.unlink()
    assert [4] == call_in_flow(subject, 1)


def test_a_task_that_keeps_no_results_still_caches_where_it_has_a_policy() -> None:
    subject, _ = cached(cache_policy=INPUTS, persist_result=False)

    assert [1, 1] == call_in_flow(subject, 1, 1)


def test_a_result_that_cannot_be_stored_is_not_cached_and_the_run_goes_on(history: History) -> None:
    @task(cache_policy=INPUTS)
    def give(n: int) -> Any:
        return threading.Lock()

    @flow
    def body() -> str:
        give(1)
        give(1)
        return "done"

    assert "done" == body()
    assert ["Completed", "Completed"] == [t.state.name for t in history.task_runs()]


SCRIPT = """
import sys
from penstock import flow, task, task_input_hash

@task(cache_key_fn=task_input_hash)
def slow(values, config):
    print("computed")
    return sum(values)

@flow
def body():
    print(slow([1, 2], {"b": {"y", "x"}, "a": frozenset("abc")}))

body()
"""


def test_keys_are_the_same_in_every_process(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    said = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        finished = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, check=True)
        said.append(finished.stdout.split())

    assert [["computed", "3"], ["3"]] == said
