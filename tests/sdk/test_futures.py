"""Futures: waiting, states, callbacks, `wait` and `as_completed`."""

import asyncio
import threading

import pytest

from penstock import as_completed, flow, task, wait
from penstock.core.states import StateType
from penstock.futures import Future
from penstock.task_runners import InlineTaskRunner, ThreadPoolTaskRunner

PATIENCE_SECONDS = 30.0


class Gates:
    """Events that tasks wait for, so that a test decides when they end."""

    def __init__(self, count: int):
        self.events = [threading.Event() for _ in range(count)]
        self.begun = [threading.Event() for _ in range(count)]

    def open(self, number: int) -> None:
        self.events[number].set()

    def pass_through(self, number: int) -> int:
        self.begun[number].set()
        assert self.events[number].wait(PATIENCE_SECONDS)
        return number


def test_a_future_says_where_its_task_run_is() -> None:
    gates = Gates(1)

    @task
    def waits() -> int:
        return gates.pass_through(0)

    @flow
    def watching() -> list[StateType]:
        future = waits.submit()
        assert gates.begun[0].wait(PATIENCE_SECONDS)
        seen = [future.state.type, future.done()]
        gates.open(0)
        future.wait()
        return [*seen, future.state.type, future.done()]

    assert [StateType.RUNNING, False, StateType.COMPLETED, True] == watching()


def test_result_gives_up_after_its_timeout_and_the_task_goes_on() -> None:
    gates = Gates(1)

    @task
    def waits() -> int:
        return gates.pass_through(0)

    @flow
    def impatient() -> int:
        future = waits.submit()
        with pytest.raises(TimeoutError):
            future.result(timeout=0.001)
        assert not future.wait(timeout=0.001).done()
        gates.open(0)
        return future.result()

    assert 0 == impatient()


def test_a_failed_future_raises_or_hands_over_its_error() -> None:
    @task
    def fails() -> None:
        raise KeyError("k")

    @flow
    def body() -> str:
        future = fails.submit()
        with pytest.raises(KeyError):
            future.result()
        return type(future.result(raise_on_failure=False)).__name__

    assert "KeyError" == body()


def test_callbacks_run_when_the_task_ends_and_at_once_if_it_has() -> None:
    gates = Gates(1)
    called: list[Future[int]] = []

    @task
    def waits() -> int:
        return gates.pass_through(0)

    @flow
    def body() -> bool:
        future = waits.submit()
        future.add_done_callback(called.append)
        assert called == []
        gates.open(0)
        future.wait()
        future.add_done_callback(called.append)
        return called == [future, future]

    assert body() is True


def test_as_completed_hands_out_futures_in_the_order_in_which_they_end() -> None:
    gates = Gates(3)

    @task
    def waits(number: int) -> int:
        return gates.pass_through(number)

    @flow
    def body() -> list[int]:
        order = []
        gates.open(2)
        for future in as_completed(waits.map(range(3))):
            order.append(future.result())
            if len(order) < 3:
                gates.open(2 - len(order))
        return order

    assert [2, 1, 0] == body()


def test_as_completed_and_wait_give_up_after_their_timeout() -> None:
    gates = Gates(2)

    @task
    def waits(number: int) -> int:
        return gates.pass_through(number)

    @flow
    def body() -> tuple[int, int]:
        gates.open(0)
        futures = waits.map(range(2))
        futures[0].wait()
        outcome = wait(futures, timeout=0.001)
        with pytest.raises(TimeoutError):
            list(as_completed(futures, timeout=0.001))
        gates.open(1)
        return len(outcome.done), len(outcome.not_done)

    assert (1, 1) == body()


def test_a_list_of_futures_is_waited_for_as_one() -> None:
    @task
    def double(n: int) -> int:
        return 2 * n

    @flow
    def body() -> list[int]:
        futures = double.map(range(4))
        futures.wait()
        assert all(future.done() for future in futures)
        return futures.result()

    assert [0, 2, 4, 6] == body()


@pytest.mark.parametrize("runner", [ThreadPoolTaskRunner(max_workers=1), InlineTaskRunner()])
def test_tasks_that_wait_for_tasks_never_deadlock(runner: object) -> None:
    @task
    def leaf(n: int) -> int:
        return n

    @task
    def branch(n: int) -> int:
        return sum(leaf.map(range(n)).result())

    @task
    def root(n: int) -> int:
        return sum(future.result() for future in as_completed(branch.map([n, n])))

    @flow(task_runner=runner)
    def tree() -> int:
        return root.submit(5).result()

    assert 20 == tree()


def test_a_chain_of_a_thousand_futures_runs_on_one_thread() -> None:
    @task
    def increment(n: int) -> int:
        return n + 1

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def chain() -> int:
        future = increment.submit(0)
        for _ in range(999):
            future = increment.submit(future)
        return future.result()

    assert 1_000 == chain()


def test_futures_are_awaited_without_holding_up_the_loop() -> None:
    gates = Gates(1)

    @task
    def waits() -> int:
        return gates.pass_through(0)

    @flow
    async def body() -> tuple[int, int]:
        future = waits.submit()

        async def open_the_gate() -> None:
            gates.open(0)

        opened = asyncio.create_task(open_the_gate())
        value = await future
        await opened
        return value, await future.result_async()

    assert (0, 0) == asyncio.run(body())


def test_submitted_coroutines_run_side_by_side() -> None:
    meeting: list[int] = []

    @task
    async def meets(n: int) -> int:
        meeting.append(n)
        while len(meeting) < 3:  # noqa: ASYNC110  # it is the meeting that counts
            await asyncio.sleep(0)
        return n

    @flow
    def body() -> list[int]:
        return meets.map(range(3)).result()

    assert [0, 1, 2] == body()


def test_max_workers_limits_how_many_run_at_once() -> None:
    lock = threading.Lock()
    running, most = 0, 0

    @task
    def counted(n: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.001)
        with lock:
            running -= 1

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=3))
    def body() -> None:
        counted.map(range(30)).wait()

    body()

    assert 1 <= most <= 3
