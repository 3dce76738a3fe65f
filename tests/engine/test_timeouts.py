"""Time-outs of flows and tasks, wherever they run: what is recorded is true, and what comes too late is refused."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Event, Lock
from typing import Any

import pytest

from penstock import flow, task
from penstock.core.errors import RunTimedOut
from penstock.core.states import Reason, StateType
from penstock.ports import FlowRun, ListFlowRuns, ListTaskRuns, TaskRun
from penstock.sdk import wiring
from penstock.testing import harness
from tests.engine.interruptions import GROWING_SECONDS, points, strike

SHORT, LONG = 0.05, 3_600.0


@pytest.fixture(autouse=True)
def home() -> Iterator[Path]:
    with harness(cancel_grace_seconds="2") as home:
        yield home


def tasks() -> dict[str, TaskRun]:
    wiring.flush()
    return {run.name: run for run in wiring.open_orchestrator().ask(ListTaskRuns(limit=1_000)).items}


def flows() -> dict[str, FlowRun]:
    wiring.flush()
    return {run.flow_name: run for run in wiring.open_orchestrator().ask(ListFlowRuns(limit=1_000)).items}


def spin() -> None:
    while True:
        continue


def block() -> None:
    lock = Lock()
    lock.acquire()
    lock.acquire()


def in_thread(act: Callable[[], Any]) -> Any:
    outcome: list[Any] = []
    thread = threading.Thread(target=lambda: outcome.append(act()))
    thread.start()
    thread.join()
    return outcome[0]


@pytest.mark.parametrize("work", [spin, block])
def test_a_task_whose_time_is_up_has_timed_out_and_so_has_none_of_the_others(work: Callable[[], None]) -> None:
    @task(timeout_seconds=SHORT)
    def slow() -> None:
        work()

    @task
    def quick() -> str:
        return "quick"

    @flow
    def body() -> list[Any]:
        called = slow(return_state=True)
        submitted = slow.submit().wait().state
        return [called.name, submitted.name, quick(), quick.submit().result()]

    assert ["TimedOut", "TimedOut", "quick", "quick"] == body()
    recorded = tasks()
    assert {(StateType.FAILED, "TimedOut", Reason.TIMED_OUT)} == {
        (run.state.type, run.state.name, run.state.reason) for name, run in recorded.items() if "slow" in name
    }


@pytest.mark.parametrize("work", [spin, block])
@pytest.mark.parametrize("where", ["main thread", "other thread"])
def test_a_flow_whose_time_is_up_has_timed_out(work: Callable[[], None], where: str) -> None:
    @flow(timeout_seconds=SHORT)
    def slow() -> None:
        work()

    state = slow(return_state=True) if where == "main thread" else in_thread(lambda: slow(return_state=True))
    assert ("TimedOut", RunTimedOut) == (state.name, type(state.result(raise_on_failure=False)))
    assert "TimedOut" == flows()["slow"].state.name


def test_a_coroutine_whose_time_is_up_has_timed_out() -> None:
    @task(timeout_seconds=SHORT)
    async def slow() -> None:
        await asyncio.Event().wait()

    @flow
    async def body() -> list[str]:
        submitted = slow.submit()
        with pytest.raises(RunTimedOut):
            await submitted
        return [(await slow(return_state=True)).name, submitted.state.name]

    assert ["TimedOut", "TimedOut"] == asyncio.run(body())
    assert {"TimedOut"} == {run.state.name for run in tasks().values()}


@pytest.mark.parametrize("limit", [None, LONG])
@pytest.mark.parametrize("where", ["main thread", "other thread"])
def test_what_a_timed_out_flow_was_doing_is_recorded_as_ended(limit: float | None, where: str) -> None:
    """Not as running for ever: also where the task has a limit of its own, which is begun and ended meanwhile."""
    begun = Event()

    @task(timeout_seconds=limit)
    def called() -> None:
        begun.set()
        spin()

    @flow
    def inner() -> None:
        called()

    @flow
    def outer() -> None:
        inner()

    for seconds in GROWING_SECONDS:
        with harness(cancel_grace_seconds="2"):
            limited = outer.with_options(timeout_seconds=seconds)
            act = partial(limited, return_state=True)
            assert "TimedOut" == (act() if where == "main thread" else in_thread(act)).name
            assert_ended_as_far_as_it_had_begun(begun.is_set())
        if begun.is_set():
            break


def assert_ended_as_far_as_it_had_begun(begun: bool) -> None:
    flow_names = {name: run.state.name for name, run in flows().items()}
    task_names = {name: run.state.name for name, run in tasks().items()}
    if not begun:
        assert {"TimedOut", "Cancelled"} >= {*flow_names.values(), *task_names.values()}
        return
    assert {"outer": "TimedOut", "inner": "Cancelled"} == flow_names
    assert {"called-0": "Cancelled"} == task_names


def test_what_a_timed_out_flow_had_submitted_is_recorded_as_ended() -> None:
    begun = Event()

    @task
    def submitted() -> None:
        begun.set()
        spin()

    @flow
    def outer() -> None:
        submitted.submit().result()

    for seconds in GROWING_SECONDS:
        with harness(cancel_grace_seconds="2"):
            assert "TimedOut" == outer.with_options(timeout_seconds=seconds)(return_state=True).name
            assert {StateType.CANCELLED} >= {run.state.type for run in tasks().values()}
            if begun.is_set():
                assert 1 == len(tasks())
                break


def test_a_timed_out_task_is_tried_again() -> None:
    calls: list[int] = []

    @task(timeout_seconds=SHORT, retries=50)
    def slow_at_first() -> str:
        calls.append(1)
        if len(calls) < 3:
            spin()
        return "in time"

    @flow
    def body() -> list[str]:
        first = slow_at_first()
        calls.clear()
        return [first, slow_at_first.submit().result()]

    assert ["in time", "in time"] == body()
    assert {"slow_at_first-0", "slow_at_first-1"} == {name for name, run in tasks().items() if run.attempt >= 3}


def test_what_a_task_returns_after_its_time_is_refused() -> None:
    """The thread hears nothing while it is blocked; when it goes on, its run has ended long since."""
    lock, begun, ended = Lock(), Event(), Event()
    lock.acquire()

    @task
    def deaf() -> str:
        begun.set()
        try:
            lock.acquire()
        finally:
            ended.set()
        return "too late"

    @flow
    def body() -> list[Any]:
        for seconds in GROWING_SECONDS:
            future = deaf.with_options(timeout_seconds=seconds).submit()
            before = future.wait().state
            if begun.is_set():
                break
        lock.release()
        ended.wait()
        return [before.name, future.state.name]

    assert ["TimedOut", "TimedOut"] == body()
    assert {("TimedOut", None)} == {(run.state.name, run.result) for run in tasks().values()}


def test_a_thread_that_goes_on_after_its_flow_has_ended_harms_nobody() -> None:
    lock, begun, ended = Lock(), Event(), Event()
    lock.acquire()

    @task
    def other() -> int:
        return 1

    @task
    def deaf() -> None:
        begun.set()
        try:
            lock.acquire()
            other()
        finally:
            ended.set()

    @flow
    def body(seconds: float) -> str:
        return deaf.with_options(timeout_seconds=seconds).submit().wait().state.name

    for seconds in GROWING_SECONDS:
        assert "TimedOut" == body(seconds)
        if begun.is_set():
            break
    lock.release()
    assert ended.wait(30)
    assert "TimedOut" == body(SHORT)


def test_a_flow_within_a_flow_has_a_time_of_its_own() -> None:
    @flow(timeout_seconds=SHORT)
    def inner() -> None:
        spin()

    @flow(timeout_seconds=LONG)
    def outer() -> str:
        return inner(return_state=True).name

    assert "TimedOut" == outer()
    assert {"outer": "Completed", "inner": "TimedOut"} == {name: run.state.name for name, run in flows().items()}


def test_a_time_out_of_the_users_own_is_a_failure_like_any_other() -> None:
    @task(timeout_seconds=LONG)
    def own() -> None:
        raise TimeoutError("of a socket")

    @flow
    def body() -> str:
        return own(return_state=True).name

    assert "Failed" == body()


def test_what_a_deaf_thread_was_doing_is_given_up_and_its_late_words_are_refused() -> None:
    """Both what the thread called directly and the flow within: nobody may read them as running for ever."""
    lock, begun, ended = Lock(), Event(), Event()
    lock.acquire()

    @task
    def called() -> str:
        begun.set()
        lock.acquire()
        return "too late"

    @flow
    def inner() -> str:
        return called()

    @flow
    def outer() -> None:
        try:
            inner()
        finally:
            ended.set()

    for seconds in GROWING_SECONDS:
        with harness(cancel_grace_seconds="0.1"):
            limited = outer.with_options(timeout_seconds=seconds)
            assert "TimedOut" == in_thread(partial(limited, return_state=True)).name
            if begun.is_set():
                assert_given_up(lock, ended)
                break


def assert_given_up(lock: Any, ended: Event) -> None:
    before = {run.flow_name: run.state for run in flows().values()} | {k: run.state for k, run in tasks().items()}
    lock.release()
    assert ended.wait(30)
    after = {run.flow_name: run.state for run in flows().values()} | {k: run.state for k, run in tasks().items()}
    assert {"outer": "TimedOut", "inner": "Cancelled", "called-0": "Cancelled"} == {
        k: s.name for k, s in before.items()
    }
    assert before == after


def test_what_a_timed_out_task_had_called_is_recorded_as_ended_before_it_is_tried_again() -> None:
    attempts: list[int] = []

    @task
    def called() -> str:
        if len(attempts) == 1:
            spin()
        return "called"

    @flow
    def within() -> str:
        return called()

    @task(timeout_seconds=1.0, retries=20)
    def caller() -> str:
        attempts.append(1)
        return within()

    @flow
    def body() -> str:
        return caller.submit().result()

    assert "called" == body()
    assert {"body": "Completed", "within": "Completed"} == {name: run.state.name for name, run in flows().items()}
    assert {"Completed"} == {run.state.name for run in tasks().values()}


def test_a_task_that_is_struck_anywhere_ends_once_and_its_record_says_how() -> None:
    """Also between two steps of its life, and in the moment in which its end is journaled."""
    ran: set[int] = set()

    @task
    def work(n: int) -> int:
        ran.add(n)
        return n

    @flow
    def body() -> None:
        for point in points():
            if not strike(point, partial(work, point)):
                break

    body(return_state=True)
    recorded = tasks()
    assert len(recorded) > 20
    states = {run.state.name for run in recorded.values()}
    assert {"Completed", "Cancelled"} == states
    completed = sum(run.state.name == "Completed" for run in recorded.values())
    assert completed <= len(ran)


def test_a_subflow_that_is_struck_anywhere_ends_once_and_its_record_says_how() -> None:
    """Also while it begins, and in the moment in which its end is journaled."""
    ran: set[int] = set()
    last = 0

    @flow
    def inner(n: int) -> int:
        ran.add(n)
        return n

    @flow
    def outer() -> None:
        nonlocal last
        for last in points():
            if not strike(last, partial(inner, last)):
                break

    with harness(cancel_grace_seconds="2", persist_results="0"):
        outer(return_state=True)
        wiring.flush()
        runs = wiring.open_orchestrator().ask(ListFlowRuns(limit=2_000)).items
        recorded = [run.state.name for run in runs if run.flow_name == "inner"]
    assert last > 100
    assert len(recorded) <= last
    assert {"Completed", "Cancelled"} == set(recorded)
    assert recorded.count("Completed") <= len(ran)
