"""Async flows and tasks: on the user's loop, side by side, ended from outside, and inside loops that run already."""

import asyncio
import contextvars
import threading
from typing import Any

import pytest

from penstock import flow, get_run_logger, tags, task
from penstock.core.errors import RunCancelled
from penstock.testing import History
from tests.engine.interruptions import GROWING_SECONDS

DATABASES = ("sqlite", "postgres")


@task
async def double(n: int) -> int:
    await asyncio.sleep(0)
    return 2 * n


@task
def increment(n: int) -> int:
    return n + 1


def test_an_async_flow_awaits_its_tasks_and_calls_sync_ones() -> None:
    @flow
    async def body() -> int:
        return increment(await double(2))

    assert 5 == asyncio.run(body())


def test_awaited_tasks_run_on_the_users_loop_side_by_side() -> None:
    here: list[int] = []

    @task
    async def meets(n: int) -> Any:
        here.append(n)
        while len(here) < 3:  # noqa: ASYNC110  # it is the meeting that counts
            await asyncio.sleep(0)
        return asyncio.get_running_loop()

    @flow
    async def body() -> bool:
        loops = await asyncio.gather(*(meets(n) for n in range(3)))
        return set(loops) == {asyncio.get_running_loop()}

    assert asyncio.run(body()) is True


def test_a_task_group_works(history: History) -> None:
    @flow
    async def body() -> list[int]:
        async with asyncio.TaskGroup() as group:
            made = [group.create_task(double(n)) for n in range(3)]
        return [m.result() for m in made]

    assert [0, 2, 4] == asyncio.run(body())
    assert {"COMPLETED": 3} == history.flow_run().task_counts


def test_an_error_in_a_coroutine_reaches_the_caller() -> None:
    @task
    async def fails() -> None:
        raise ValueError("async")

    @flow
    async def body() -> None:
        await fails()

    with pytest.raises(ValueError, match="async"):
        asyncio.run(body())


def test_a_sync_flow_submits_coroutines() -> None:
    @flow
    def body() -> list[int]:
        return double.map([1, 2]).result()

    assert [2, 4] == body()


def test_each_coroutine_sees_its_own_run_and_tags(history: History) -> None:
    @task
    async def speaks(name: str) -> None:
        await asyncio.sleep(0)
        get_run_logger().info(name)

    @flow
    async def body() -> None:
        async def tagged(name: str) -> None:
            with tags(name):
                await speaks(name)

        await asyncio.gather(*(tagged(f"t{n}") for n in range(5)))

    asyncio.run(body())

    by_id = {t.id: t for t in history.task_runs()}
    lines = [line for line in history.logs() if line.logger == "penstock.task_runs"]
    assert 5 == len(lines)
    assert all([line.message] == list(by_id[line.task_run_id].tags) for line in lines)  # type: ignore[index]  # of tasks


def test_context_variables_of_the_caller_reach_flow_and_tasks() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    @task
    def reads() -> str:
        return variable.get()

    @flow
    async def body() -> list[str]:
        return [variable.get(), reads(), reads.submit().result()]

    variable.set("set")
    assert ["set"] * 3 == asyncio.run(body())


# ---- Loops that run already, as in notebooks ----


def test_a_sync_flow_runs_inside_a_running_loop() -> None:
    @flow
    def body() -> list[int]:
        return [increment(1), increment.submit(2).result(), *double.map([1]).result()]

    async def cell() -> list[int]:
        return body()

    assert [2, 3, 2] == asyncio.run(cell())


def test_an_async_flow_is_awaited_in_a_running_loop() -> None:
    @flow
    async def body() -> int:
        return await double(3)

    async def cell() -> int:
        return await body()

    assert 6 == asyncio.run(cell())


def test_several_flows_share_a_loop(history: History) -> None:
    @flow
    async def shares(n: int) -> int:
        return await double(n)

    async def cell() -> list[int]:
        return await asyncio.gather(*(shares(n) for n in range(5)))

    assert [0, 2, 4, 6, 8] == asyncio.run(cell())
    assert ["Completed"] * 5 == [run.state.name for run in history.flow_runs("shares")]


def test_a_flow_without_entrypoint_runs_as_from_a_notebook(history: History) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(
        "from penstock import flow, task\n@task\ndef step(n): return n + 1\n@flow\ndef cell(n: int): return step(n)",
        namespace,
    )

    assert 4 == namespace["cell"]("3")
    assert None is history.flow_run().entrypoint


# ---- Ended from outside ----


def test_a_flow_that_its_caller_cancels_is_recorded_and_the_cancellation_goes_on(history: History) -> None:
    begun = asyncio.Event()

    @flow
    async def body() -> None:
        begun.set()
        await asyncio.sleep(60)

    async def caller() -> None:
        running = asyncio.create_task(body())
        await begun.wait()
        running.cancel()
        await running

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(caller())
    assert "Cancelled" == history.flow_run().state.name


def test_a_time_out_of_the_caller_works_around_a_flow(history: History) -> None:
    begun: list[str] = []

    @flow(name="timed-from-outside")
    async def body() -> None:
        begun.append("begun")
        await asyncio.sleep(60)

    async def caller(seconds: float) -> None:
        async with asyncio.timeout(seconds):
            await body()

    for seconds in GROWING_SECONDS:
        with pytest.raises(TimeoutError):
            asyncio.run(caller(seconds))
        if begun:
            break
    assert {"Cancelled"} == {run.state.name for run in history.flow_runs("timed-from-outside")}


def test_a_flow_that_is_cancelled_while_it_begins_has_ended(history: History) -> None:
    """At each of its steps: what the database learns in a thread meanwhile must not be left there as running."""
    began: list[int] = []

    @flow(name="cancelled-at-once")
    async def body() -> None:
        began.append(1)
        await asyncio.sleep(60)

    async def caller(steps: int) -> None:
        running = asyncio.create_task(body())
        for _ in range(steps):
            await asyncio.sleep(0)
        running.cancel()
        await running

    for steps in range(1, 40):
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(caller(steps))
    assert {"Cancelled"} == {run.state.name for run in history.flow_runs("cancelled-at-once")}


def test_a_time_out_of_the_flow_works_around_a_task(history: History) -> None:
    @task
    async def endless() -> None:
        await asyncio.sleep(60)

    @flow
    async def body() -> str:
        try:
            async with asyncio.timeout(0.05):
                await endless()
        except TimeoutError:
            return "gave up"
        return "no"

    assert "gave up" == asyncio.run(body())
    assert "Cancelled" == history.task_run("endless").state.name
    assert "Completed" == history.flow_run().state.name


def test_what_a_cancelled_flow_submitted_is_stopped(history: History) -> None:
    spinning, ended = threading.Event(), threading.Event()

    @task
    def spins() -> None:
        spinning.set()
        try:
            while True:
                pass
        finally:
            ended.set()

    @flow
    async def body() -> None:
        spins.submit()
        await asyncio.to_thread(spinning.wait, 30)
        await asyncio.sleep(60)

    async def caller() -> None:
        running = asyncio.create_task(body())
        await asyncio.to_thread(spinning.wait, 30)
        running.cancel()
        await running

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(caller())
    assert ended.is_set()
    assert "Cancelled" == history.task_run("spins").state.name


def test_a_cancelled_subflow_cancels_only_itself(history: History) -> None:
    @flow
    async def sub() -> None:
        await asyncio.sleep(60)

    @flow
    async def body() -> int:
        running = asyncio.create_task(sub())
        await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises((asyncio.CancelledError, RunCancelled)):
            await running
        return await double(1)

    assert 2 == asyncio.run(body())
    assert ("Completed", "Cancelled") == (history.flow_run().state.name, history.subflow_runs()[0].state.name)
