"""Cancelling a run while it goes on, asked for through the store as another process would."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from penstock import flow, task
from penstock.core.errors import RunCancelled
from penstock.core.ids import RunId
from penstock.ports import CancelFlowRun
from penstock.runtime import flow_run
from penstock.testing import History

DATABASES = ("sqlite", "postgres")


@pytest.fixture(autouse=True)
def quick_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_CANCEL_POLL_SECONDS", "0.02")
    monkeypatch.setenv("PENSTOCK_CANCEL_GRACE_SECONDS", "0.2")


@pytest.fixture
def cancel(history: History) -> Any:
    """Ask for cancellation from another thread once the run says that it is under way."""
    under_way = threading.Event()
    run_id: list[str] = []

    def ask() -> None:
        assert under_way.wait(30)
        history.ask(CancelFlowRun(id=RunId(run_id[0].replace("-", "")), holder_alive=True))

    def now() -> None:
        run_id.append(flow_run.id)
        under_way.set()

    thread = threading.Thread(target=ask)
    thread.start()
    yield now
    thread.join(30)


def test_a_sync_flow_is_ended_even_while_it_blocks(cancel: Any, history: History) -> None:
    @flow
    def body() -> None:
        cancel()
        time.sleep(60)

    with pytest.raises(RunCancelled):
        body()
    assert ["Running", "Cancelling", "Cancelled"] == history.state_names()


def test_a_task_that_blocks_is_ended_with_its_flow(cancel: Any, history: History) -> None:
    @task
    def blocks() -> None:
        cancel()
        time.sleep(60)

    @flow
    def body() -> None:
        blocks()

    with pytest.raises(RunCancelled):
        body()
    assert ("Cancelled", "Cancelled") == (history.flow_run().state.name, history.task_run("blocks").state.name)


def test_an_async_flow_is_ended(cancel: Any, history: History) -> None:
    @task
    async def waits() -> None:
        cancel()
        await asyncio.sleep(60)

    @flow
    async def body() -> None:
        await waits()

    with pytest.raises(RunCancelled):
        asyncio.run(body())
    assert ("Cancelled", "Cancelled") == (history.flow_run().state.name, history.task_run("waits").state.name)


def test_submitted_tasks_are_ended_while_the_flow_waits_for_them(cancel: Any, history: History) -> None:
    @task
    def spins() -> None:
        cancel()
        while True:
            pass

    @task
    async def waits() -> None:
        await asyncio.sleep(60)

    @task
    def depends(value: Any) -> None: ...

    @flow
    def body() -> str:
        waits.submit()
        depends.submit(spins.submit())
        return "nobody waits for me"

    with pytest.raises(RunCancelled):
        body()
    assert "Cancelled" == history.flow_run().state.name
    assert {"spins": "Cancelled", "waits": "Cancelled", "depends": "NotReady"} == {
        t.task_name: t.state.name for t in history.task_runs()
    }


def test_a_task_that_cannot_be_ended_is_given_up(cancel: Any, history: History) -> None:
    release = threading.Event()

    @task
    def stubborn() -> None:
        cancel()
        for _ in range(2):
            try:
                release.wait(60)
            except BaseException:  # whatever is thrown in
                pass

    @flow
    def body() -> None:
        stubborn.submit().wait()

    with pytest.raises(RunCancelled):
        body()
    release.set()
    assert ("Cancelled", "Cancelled") == (history.flow_run().state.name, history.task_run("stubborn").state.name)


def test_subflows_are_ended_with_their_parent(cancel: Any, history: History) -> None:
    @flow
    def sub() -> None:
        time.sleep(60)

    @flow
    def body() -> None:
        cancel()
        sub()

    with pytest.raises(RunCancelled):
        body()
    assert ("Cancelled", "Cancelled") == (history.flow_run().state.name, history.subflow_runs()[0].state.name)


def test_subflows_on_other_threads_are_ended_too(history: History) -> None:
    @flow
    def sub() -> None:
        history.ask(CancelFlowRun(id=RunId(flow_run.root_flow_run_id.replace("-", "")), holder_alive=True))
        while True:
            pass

    @task
    def calls_a_flow() -> None:
        sub()

    @flow
    def body() -> None:
        calls_a_flow.submit().wait()

    with pytest.raises(RunCancelled):
        body()
    assert {"Cancelled"} == {history.flow_run().state.name, *(r.state.name for r in history.subflow_runs())}


def test_no_further_step_begins(cancel: Any, history: History) -> None:
    began: list[int] = []

    @task
    def step(n: int) -> None:
        began.append(n)

    @flow
    def body() -> None:
        cancel()
        try:
            time.sleep(60)
        except BaseException:  # user code that swallows everything
            pass
        step(1)

    with pytest.raises(RunCancelled):
        body()
    assert [] == began


def test_a_run_that_waits_for_its_retry_is_ended(cancel: Any, history: History) -> None:
    @flow(retries=1, retry_delay_seconds=60)
    def body() -> None:
        cancel()
        raise ValueError

    with pytest.raises(RunCancelled):
        body()
    assert "Cancelled" == history.flow_run().state.name


def test_a_task_that_waits_for_its_retry_is_ended(cancel: Any, history: History) -> None:
    @task(retries=1, retry_delay_seconds=60)
    def fails() -> None:
        cancel()
        raise ValueError

    @flow
    def body() -> None:
        fails.submit().wait()

    with pytest.raises(RunCancelled):
        body()
    assert ("Cancelled", "Cancelled") == (history.flow_run().state.name, history.task_run("fails").state.name)


def test_a_generator_flow_is_ended(cancel: Any, history: History) -> None:
    @flow
    def numbers() -> Iterator[int]:
        yield 1
        cancel()
        time.sleep(60)

    got: list[int] = []
    with pytest.raises(RunCancelled):
        got.extend(numbers())
    assert ([1], "Cancelled") == (got, history.flow_run().state.name)


def test_a_cancelled_run_calls_its_hooks_and_gives_its_state(cancel: Any) -> None:
    called: list[str] = []

    @flow(on_cancellation=[lambda f, r, s: called.append(s.name)], on_failure=[lambda *_: called.append("wrong")])
    def body() -> None:
        cancel()
        time.sleep(60)

    state = body(return_state=True)

    assert ("Cancelled", ["Cancelled"]) == (state.name, called)
