"""Time-outs of tasks and flows, wherever they run. What must not go on waits on an event that nobody sets."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from penstock import flow, task
from penstock.core.errors import RunTimedOut
from penstock.core.states import StateType
from penstock.testing import History, harness

FOREVER = 60.0
SOON = 0.05
ENOUGH = 0.5
"""Time for what is within to begin, also on a machine that is busy."""


@task(timeout_seconds=SOON)
def sleeps() -> None:
    time.sleep(FOREVER)  # blocks in C: nothing to wait for, the time-out ends it


@task(timeout_seconds=SOON)
async def sleeps_later() -> None:
    await asyncio.sleep(FOREVER)


@task(timeout_seconds=FOREVER)
def quick() -> int:
    return 1


def recorded(history: History, name: str) -> tuple[StateType, str, Any]:
    state = history.task_run(name).state
    return state.type, state.name, state.reason


TIMED_OUT = (StateType.FAILED, "TimedOut", "timed_out")


def test_a_call_that_blocks_on_the_main_thread_is_ended(history: History) -> None:
    @flow
    def body() -> None:
        sleeps()

    with pytest.raises(RunTimedOut, match="sleeps-0"):
        body()
    assert TIMED_OUT == recorded(history, "sleeps")
    assert "Failed" == history.flow_run().state.name


def test_a_submitted_call_that_blocks_is_given_up(history: History) -> None:
    @flow
    def body() -> str:
        future = sleeps.submit()
        with pytest.raises(TimeoutError):
            future.result()
        return future.state.name

    assert "TimedOut" == body()
    assert TIMED_OUT == recorded(history, "sleeps")


def test_an_async_call_is_cancelled(history: History) -> None:
    @flow
    async def body() -> list[str]:
        with pytest.raises(RunTimedOut):
            await sleeps_later()
        return [sleeps_later.submit().wait().state.name]

    assert ["TimedOut"] == asyncio.run(body())


def test_a_call_in_time_is_none_the_wiser() -> None:
    @flow
    def body() -> tuple[int, int]:
        return quick(), quick.submit().result()

    assert (1, 1) == body()


def test_python_code_in_a_thread_is_ended_at_its_next_step() -> None:
    ended = threading.Event()

    @task(timeout_seconds=ENOUGH)
    def spins() -> None:
        try:
            while True:
                pass
        finally:
            ended.set()

    @flow
    def body() -> str:
        return spins.submit().wait().state.name

    assert "TimedOut" == body()
    assert ended.wait(30)


def test_a_late_result_is_refused(history: History) -> None:
    release, returned = threading.Event(), threading.Event()

    @task(timeout_seconds=ENOUGH)
    def ignores_it() -> str:
        try:
            release.wait(FOREVER)
        except BaseException:  # whatever is thrown in
            pass
        returned.set()
        return "late"

    @flow
    def body() -> str:
        future = ignores_it.submit()
        name = future.wait().state.name
        release.set()
        assert returned.wait(30)
        return name

    assert "TimedOut" == body()
    assert TIMED_OUT == recorded(history, "ignores_it")
    assert None is history.task_run("ignores_it").result


def test_a_timed_out_task_is_tried_again(history: History) -> None:
    calls: list[int] = []

    @task(timeout_seconds=0.2, retries=1)
    def slow_once() -> int:
        calls.append(1)
        if len(calls) == 1:
            time.sleep(FOREVER)
        return len(calls)

    @flow
    def body() -> int:
        return slow_once()

    assert 2 == body()
    assert ["TimedOut", "Completed"] == [a.state_name for a in history.task_run("slow_once").attempts]


def test_a_task_is_not_timed_out_because_one_that_it_called_was(history: History) -> None:
    @task(timeout_seconds=FOREVER)
    def outer() -> None:
        sleeps()

    @flow(timeout_seconds=FOREVER)
    def body() -> None:
        outer()

    with pytest.raises(RunTimedOut):
        body()
    assert ["Failed", "Failed", "TimedOut"] == [
        history.flow_run().state.name,
        history.task_run("outer").state.name,
        history.task_run("sleeps").state.name,
    ]


def test_the_inner_of_two_time_outs_strikes_first_and_the_outer_still_holds(history: History) -> None:
    @task(timeout_seconds=0.3)
    def outer() -> None:
        with pytest.raises(RunTimedOut):
            sleeps()
        time.sleep(FOREVER)

    @flow
    def body() -> None:
        outer()

    with pytest.raises(RunTimedOut, match="outer"):
        body()
    assert TIMED_OUT == recorded(history, "outer")


def test_a_flow_whose_time_is_up_is_timed_out_with_what_it_runs(history: History) -> None:
    @task
    def endless() -> None:
        time.sleep(FOREVER)

    @flow(timeout_seconds=ENOUGH)
    def body() -> None:
        endless()

    with pytest.raises(RunTimedOut):
        body()
    assert (StateType.FAILED, "TimedOut") == (history.flow_run().state.type, history.flow_run().state.name)
    assert ("Cancelled", "timed_out") == recorded(history, "endless")[1:]


def test_an_async_flow_whose_time_is_up_is_timed_out(history: History) -> None:
    @flow(timeout_seconds=SOON)
    async def body() -> None:
        await asyncio.sleep(FOREVER)

    with pytest.raises(RunTimedOut):
        asyncio.run(body())
    assert "TimedOut" == history.flow_run().state.name


def test_a_timed_out_flow_stops_what_it_submitted(history: History) -> None:
    ended = threading.Event()

    @task
    def spins() -> None:
        try:
            while True:
                pass
        finally:
            ended.set()

    @task
    def waits_for_it(value: Any) -> None: ...

    @flow(timeout_seconds=ENOUGH)
    def body() -> None:
        waits_for_it.submit(spins.submit())
        time.sleep(FOREVER)

    with pytest.raises(RunTimedOut):
        body()
    assert ended.is_set()
    assert "TimedOut" == history.flow_run().state.name
    assert "Cancelled" == history.task_run("spins").state.name


def test_what_cannot_be_stopped_is_given_up_and_its_late_end_refused(history: History) -> None:
    release, returned = threading.Event(), threading.Event()

    @task
    def stubborn() -> str:
        try:
            release.wait(FOREVER)
        except BaseException:  # whatever is thrown in
            pass
        returned.set()
        return "late"

    with harness(cancel_grace_seconds="0.05"):

        @flow(timeout_seconds=ENOUGH)
        def body() -> None:
            stubborn.submit()
            time.sleep(FOREVER)

        with pytest.raises(RunTimedOut):
            body()
        release.set()
        assert returned.wait(30)
        assert "TimedOut" == history.flow_run().state.name
        assert "Cancelled" == history.task_run("stubborn").state.name


def test_a_subflow_whose_time_is_up_leaves_its_parent_alone(history: History) -> None:
    @flow(timeout_seconds=SOON)
    def sub() -> None:
        time.sleep(FOREVER)

    @flow
    def body() -> int:
        assert "TimedOut" == sub(return_state=True).name
        return quick()

    assert 1 == body()
    assert "Completed" == history.flow_run().state.name


def test_a_parent_whose_time_is_up_ends_its_subflow(history: History) -> None:
    @flow
    def sub() -> None:
        time.sleep(FOREVER)

    @flow(timeout_seconds=ENOUGH)
    def body() -> None:
        sub()

    with pytest.raises(RunTimedOut):
        body()
    assert ("TimedOut", "Cancelled") == (history.flow_run().state.name, history.subflow_runs()[0].state.name)


def test_a_timed_out_flow_is_tried_again(history: History) -> None:
    calls: list[int] = []

    @flow(timeout_seconds=0.3, retries=1)
    def body() -> int:
        calls.append(1)
        if len(calls) == 1:
            time.sleep(FOREVER)
        return quick()

    assert 1 == body()
    assert ["Running", "AwaitingRetry", "Retrying", "Completed"] == history.state_names()


def test_a_flow_in_a_thread_is_timed_out_too(history: History) -> None:
    errors: list[BaseException] = []

    @flow(timeout_seconds=SOON)
    def body() -> None:
        time.sleep(FOREVER)

    def run() -> None:
        try:
            body()
        except RunTimedOut as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)

    assert 1 == len(errors)
    assert "TimedOut" == history.flow_run().state.name


def test_a_process_of_its_own_is_really_killed(history: History) -> None:
    @task(timeout_seconds=2.0, isolation="process")
    def sleeps_hard() -> None:
        import signal

        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            try:
                time.sleep(FOREVER)
            except BaseException:
                pass

    @flow
    def body() -> None:
        sleeps_hard()

    with pytest.raises(RunTimedOut):
        body()
    assert TIMED_OUT == recorded(history, "sleeps_hard")


def test_a_generator_is_timed_by_what_it_takes_itself(history: History) -> None:
    @task(timeout_seconds=0.3)
    def numbers(patient: bool) -> Iterator[int]:
        yield 1
        if not patient:
            time.sleep(FOREVER)
        yield 2

    @task(timeout_seconds=0.3)
    async def numbers_later() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(FOREVER)

    @flow
    async def body() -> list[int]:
        got = []
        for n in numbers(True):
            got.append(n)
            threading.Event().wait(0.2)  # the consumer's own time does not count
        with pytest.raises(RunTimedOut):
            got.extend(numbers(False))
        later = numbers_later()
        got.append(await anext(later))
        with pytest.raises(RunTimedOut):
            await anext(later)
        got += [numbers.submit(False).wait().state.name]  # type: ignore[list-item]  # tells them apart
        return got

    assert [1, 2, 1, 1, "TimedOut"] == asyncio.run(body())
    assert ["Completed", "TimedOut", "TimedOut", "TimedOut"] == [t.state.name for t in history.task_runs()]


def test_a_generator_flow_has_its_time_too(history: History) -> None:
    @flow(timeout_seconds=SOON)
    def numbers() -> Iterator[int]:
        yield 1
        time.sleep(FOREVER)

    with pytest.raises(RunTimedOut, match=f"of {SOON:g} seconds"):
        list(numbers())
    assert "TimedOut" == history.flow_run().state.name
