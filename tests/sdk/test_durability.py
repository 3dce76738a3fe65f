"""`durability="strict"`: a step's end and result are on the disk before anyone hears of it.

What reaches the disk is told by the system calls that Python makes: `mmap.flush` for journal and packs, `os.fsync` for
whole files and folders.
"""

import mmap
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from penstock import flow, task
from penstock.core.errors import InvalidDefinition
from penstock.orchestrator.local import LocalOrchestrator
from penstock.server.app import create_app
from penstock.store import open_store
from penstock.task_runners import ProcessPoolTaskRunner
from penstock.testing import History, harness
from tests.fixtures.servers import serving


class Syncs:
    """Counts the calls that bring something to the disk, in all threads begun meanwhile."""

    def __init__(self) -> None:
        self.count = 0
        self.of_the_store = 0

    def __enter__(self) -> "Syncs":
        sys.setprofile(self._see)
        threading.setprofile(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def _see(self, frame: Any, event: str, called: Any) -> None:
        if event == "c_call" and (
            called is os.fsync
            or (called.__name__ == "flush" and isinstance(getattr(called, "__self__", None), mmap.mmap))
        ):
            self.count += 1
            self.of_the_store += frame.f_code.co_qualname == "SqliteDatabase.make_durable"


@task
def step(n: int) -> int:
    return n


@task(durability="strict")
def careful(n: int) -> int:
    return n


@task(durability="batched")
def careless(n: int) -> int:
    return n


@task(durability="strict")
def numbers(n: int) -> Iterator[int]:
    yield from range(n)


def syncs_of(body: Any, **options: Any) -> int:
    run = flow(**options)(body)
    run()  # the first run builds what is built once
    with Syncs() as syncs:
        run()
    return syncs.count


def ten(subject: Any) -> Any:
    def body() -> None:
        for n in range(10):
            subject(n)

    return body


def test_ordinary_steps_wait_for_no_disk() -> None:
    assert 0 == syncs_of(ten(step))


def test_each_step_of_a_strict_flow_is_on_the_disk() -> None:
    assert 20 <= syncs_of(ten(step), durability="strict") <= 26


def test_a_strict_task_is_so_in_any_flow_and_a_careless_one_is_not() -> None:
    assert 20 <= syncs_of(ten(careful)) <= 26
    assert syncs_of(ten(careless), durability="strict") <= 4


def test_the_setting_holds_for_flows_that_do_not_say() -> None:
    with harness(durability="strict"):
        assert 20 <= syncs_of(ten(step)) <= 26
        assert 0 == syncs_of(ten(step), durability="batched")


def test_submitted_and_generator_steps_are_on_the_disk_too() -> None:
    def submitting() -> None:
        careful.map(range(10)).wait()

    assert 11 <= syncs_of(submitting) <= 26  # each result's, and the journal's: steps that end together share one
    assert 2 <= syncs_of(lambda: list(numbers(1)))


def test_a_subflow_is_as_strict_as_its_parent() -> None:
    @flow
    def sub() -> None:
        step(1)

    def body() -> None:
        sub()

    assert syncs_of(body) == 0
    assert syncs_of(body, durability="strict") >= 4


def test_a_step_without_a_result_costs_one_sync() -> None:
    @task(persist_result=False)
    def bare(n: int) -> None: ...

    assert 10 <= syncs_of(ten(bare), durability="strict") <= 13


def test_steps_in_processes_are_brought_to_the_disk_by_their_owner(history: History) -> None:
    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1), durability="strict")
    def body() -> int:
        return step.submit(1).result()

    with Syncs() as syncs:
        assert 1 == body()
    assert syncs.count >= 1


def test_results_of_strict_steps_come_back(history: History) -> None:
    @flow(durability="strict")
    def body() -> Any:
        return step(1), careless(2), careful.submit(3).result(), list(numbers(2)), "x" * 100_000

    assert (1, 2, 3, [0, 1], "x" * 100_000) == body()
    assert {"COMPLETED": 4} == history.flow_run().task_counts


@pytest.mark.parametrize("served", [False, True])
def test_the_beginning_of_a_strict_run_is_on_the_disk_before_its_code_runs(tmp_path: Path, served: bool) -> None:
    """It is a row of the store, and no record: SQLite itself would bring it there only now and then."""

    @flow(durability="strict")
    def strict() -> int:
        return syncs.of_the_store

    @flow
    def batched(n: int) -> int:
        before = syncs.of_the_store
        careful(n)
        return syncs.of_the_store - before

    with ExitStack() as stack:
        syncs = stack.enter_context(Syncs())  # first, so that it sees the server's threads
        if served:
            store = stack.enter_context(closing(LocalOrchestrator(open_store(f"sqlite:///{tmp_path}/penstock.db"))))
            stack.enter_context(harness(api_url=stack.enter_context(serving(create_app(store))) + "/api"))
        else:
            stack.enter_context(harness())
        assert strict() >= 1
        assert batched(1) >= 1
        assert batched(2) >= 1  # also where only a task is strict, for each run


def test_each_retry_of_a_strict_run_begins_on_the_disk() -> None:
    seen: list[int] = []

    @flow(durability="strict", retries=1)
    def strict() -> None:
        seen.append(syncs.of_the_store)
        raise ValueError("again")

    with harness(), Syncs() as syncs:
        strict(return_state=True)  # type: ignore[call-arg]  # taken by every flow
    assert 0 < seen[0] < seen[1]


def test_other_words_are_refused() -> None:
    with pytest.raises(InvalidDefinition):
        flow(durability="fsync")(lambda: None)
