"""`durability="strict"`: a step's end and result are on the disk before anyone hears of it.

What reaches the disk is told by the system calls that Python makes: `mmap.flush` for journal and packs, `os.fsync` for
whole files and folders.
"""

import mmap
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from penstock import flow, task
from penstock.core.errors import InvalidDefinition
from penstock.task_runners import ProcessPoolTaskRunner
from penstock.testing import History, harness


class Syncs:
    """Counts the calls that bring something to the disk, in all threads begun meanwhile."""

    def __init__(self) -> None:
        self.count = 0

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

    assert 20 <= syncs_of(submitting) <= 26
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


def test_other_words_are_refused() -> None:
    with pytest.raises(InvalidDefinition):
        flow(durability="fsync")(lambda: None)
