"""Resuming under changed code: refused, unless allowed; then changed tasks and what depends on them run again."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from penstock.core.errors import RunNotResumable
from penstock.testing import History

DATABASES = ("sqlite", "postgres")

SOURCE = """
from penstock import flow, task
from penstock.runtime import flow_run

ran = []

class Opaque:
    def __init__(self, n): self.n = n

@task
def first(n):
    ran.append("first")
    return Opaque(n{change})

@task
def depends(value):
    ran.append("depends")
    return value.n

@task
def apart(n):
    ran.append("apart")
    return n

@flow
def sub(n):
    return apart(n + 1)

@flow
def body(n):
    total = depends.submit(first.submit(n)).result() + apart(n) + depends(first(n)) + sub(n)
    if flow_run.epoch in FAILING:
        raise RuntimeError("first time")
    return total

FAILING = [1]
"""


@pytest.fixture
def load(tmp_path: Path) -> Any:
    """Load the flows' file anew, with a change."""

    def load_file(change: str, extra: str = "") -> ModuleType:
        path = tmp_path / "changing_flows.py"
        path.write_text(SOURCE.replace("{change}", change) + extra)
        spec = importlib.util.spec_from_file_location("changing_flows", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        import sys

        sys.modules["changing_flows"] = module
        exec(compile(path.read_text(), path, "exec"), vars(module))
        return module

    return load_file


def begin(load: Any, history: History) -> str:
    module = load("")
    module.body(1, return_state=True)
    assert 6 == len(module.ran)
    return history.flow_run().id


def test_changed_code_is_refused(load: Any, history: History) -> None:
    run_id = begin(load, history)

    with pytest.raises(RunNotResumable, match="allow"):
        load(" + 100").body.resume(run_id)
    assert 1 == history.flow_run(run_id).epoch


def test_unchanged_code_goes_on(load: Any, history: History) -> None:
    run_id = begin(load, history)
    module = load("")

    assert 1 + 1 + 1 + 2 == module.body.resume(run_id)
    assert [] == module.ran


def test_changed_tasks_and_what_depends_on_them_run_again(load: Any, history: History) -> None:
    run_id = begin(load, history)
    module = load(" + 100")

    assert 101 + 1 + 101 + 2 == module.body.resume(run_id, allow_code_change=True)
    assert ["depends", "depends", "first", "first"] == sorted(module.ran)


def test_a_change_that_touches_no_task_repeats_none(load: Any, history: History) -> None:
    run_id = begin(load, history)
    module = load("", extra="\n# a remark\nunused = 1\n")

    assert 5 == module.body.resume(run_id, allow_code_change=True)
    assert [] == module.ran


def test_a_change_is_not_forgotten_by_an_attempt_that_failed_before_it_got_there(load: Any, history: History) -> None:
    run_id = begin(load, history)
    changed = load(" + 100")
    changed.first = changed.first.with_options(cache_key_fn=lambda *_: 1 / 0)
    assert changed.body.resume(run_id, allow_code_change=True, return_state=True).is_failed()

    module = load(" + 100")
    assert 101 + 1 + 101 + 2 == module.body.resume(run_id)
    assert ["depends", "depends", "first", "first"] == sorted(module.ran)
