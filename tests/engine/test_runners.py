"""Task runners: everything submitted ends, however tasks wait for one another, and no more of it at once than allowed."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock import flow, task
from penstock.core.errors import RunNotOver
from penstock.core.states import StateType
from penstock.engine.context import current_flow_run
from penstock.futures import as_completed, wait
from penstock.ports import ListTaskRuns
from penstock.sdk import wiring
from penstock.task_runners import InlineTaskRunner, ThreadPoolTaskRunner
from penstock.testing import harness
from tests.engine.interruptions import ends, points, strike, switching_often

WORKERS = pytest.mark.parametrize("workers", [1, 2, 3])
PATIENCE = 30.0


@pytest.fixture(autouse=True)
def home() -> Iterator[Path]:
    with harness(cancel_poll_seconds="0.01") as home:
        yield home


def run(body: Callable[[], Any], *, workers: int | None = None, runner: Any = None, **options: Any) -> Any:
    """Run a body as a flow with so many workers."""
    runner = ThreadPoolTaskRunner(max_workers=workers) if runner is None else runner
    return flow(body, name="body", task_runner=runner, **options)()


def recorded_types() -> list[StateType]:
    wiring.flush()
    page = wiring.open_orchestrator().ask(ListTaskRuns(limit=1_000))
    return [run.state.type for run in page.items]


class Meter:
    """How many were inside at once, at most."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.inside -= 1


# ---- Tasks that wait for tasks ----


@task
def descend(depth: int) -> int:
    return 0 if depth == 0 else 1 + descend.submit(depth - 1).result()


@task
def branch(depth: int) -> int:
    return 1 if depth == 0 else sum(future.result() for future in branch.map([depth - 1] * 3))


@task
def collect(depth: int) -> int:
    if depth == 0:
        return 1
    futures = collect.map([depth - 1, depth - 1])
    return sum(future.result() for future in as_completed(futures))


@WORKERS
def test_tasks_that_wait_for_tasks_deeper_than_the_pool_end(workers: int) -> None:
    assert 40 == run(lambda: descend.submit(40).result(), workers=workers)


@WORKERS
def test_a_tree_of_tasks_wider_and_deeper_than_the_pool_ends(workers: int) -> None:
    assert 27 == run(lambda: branch.submit(3).result(), workers=workers)


@WORKERS
def test_tasks_that_take_what_is_ready_first_end(workers: int) -> None:
    assert 16 == run(lambda: collect.submit(4).result(), workers=workers)


@WORKERS
def test_tasks_that_wait_with_a_limit_let_others_run(workers: int) -> None:
    @task
    def patient(depth: int) -> int:
        if depth == 0:
            return 0
        done, not_done = wait([patient.submit(depth - 1)], timeout=PATIENCE)
        assert not not_done
        return 1 + next(iter(done)).result(timeout=PATIENCE)

    assert 6 == run(lambda: patient.submit(6).result(), workers=workers)


graphs = st.lists(st.lists(st.integers(0, 1_000), max_size=3), min_size=1, max_size=25)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graphs, st.integers(1, 3), st.randoms(use_true_random=False))
def test_any_graph_of_tasks_that_wait_for_one_another_ends(graph: list[list[int]], workers: int, random: Any) -> None:
    """Each waits inside for some of those submitted before it, in any order."""
    needs = [[earlier % n for earlier in wanted] if n else [] for n, wanted in enumerate(graph)]
    expected: list[int] = []
    for wanted in needs:
        expected.append(1 + sum(expected[n] for n in wanted))

    @task
    def node(n: int) -> int:
        return 1 + sum(futures[m].result() for m in needs[n])

    futures: dict[int, Any] = {}

    def body() -> list[int]:
        for n in range(len(needs)):
            futures[n] = node.submit(n)
        order = list(futures.items())
        random.shuffle(order)
        values = {n: future.result() for n, future in order}
        return [values[n] for n in range(len(needs))]

    assert expected == run(body, workers=workers)


# ---- How many at once ----


@WORKERS
def test_as_many_tasks_run_at_once_as_there_are_workers(workers: int) -> None:
    """Tasks that meet at a barrier end only if all of them run at the same time."""
    barrier = Barrier(workers)

    @task
    def meet() -> int:
        return barrier.wait(PATIENCE)

    assert list(range(workers)) == sorted(run(lambda: [meet.submit() for _ in range(workers)], workers=workers))


@WORKERS
def test_no_more_tasks_run_at_once_than_there_are_workers(workers: int) -> None:
    meter = Meter()

    @task
    def work(n: int) -> int:
        with meter:
            return sum(range(2_000)) * 0 + n

    assert list(range(60)) == run(lambda: work.map(range(60)).result(), workers=workers)
    assert 1 <= meter.most <= workers


@WORKERS
def test_a_task_that_waits_for_another_does_not_count(workers: int) -> None:
    meter = Meter()

    @task
    def leaf() -> None:
        with meter:
            sum(range(2_000))

    @task
    def parent() -> None:
        leaf.submit().result()
        with meter:
            sum(range(2_000))

    run(lambda: [parent.submit() for _ in range(20)], workers=workers)
    assert 1 <= meter.most <= workers


def test_no_task_is_left_waiting_while_the_pool_grows() -> None:
    """Tasks that need each other at the same time, submitted while threads come up: again and again, in new pools."""

    @task
    def meet(barrier: Barrier) -> int:
        return barrier.wait(PATIENCE)

    def body() -> int:
        barrier = Barrier(4)
        return sum(future.result() for future in [meet.submit(barrier) for _ in range(4)])

    with switching_often():
        assert [6] * 40 == [run(body, workers=4) for _ in range(40)]


def test_tasks_that_compute_keep_none_waiting_that_there_are_workers_for() -> None:
    freed = Event()

    @task
    def compute() -> str:
        while not freed.is_set():
            pass
        return "computed"

    @task
    def free() -> str:
        freed.set()
        return "freed"

    def body() -> list[str]:
        return [future.result(PATIENCE) for future in [*(compute.submit() for _ in range(4)), free.submit()]]

    assert ["computed"] * 4 + ["freed"] == run(body, workers=32)


def test_more_threads_come_again_after_tasks_that_needed_few() -> None:
    barrier = Barrier(32)

    @task
    def nothing() -> None: ...

    @task
    def meet() -> int:
        return barrier.wait(PATIENCE)

    def body() -> list[int]:
        for future in [nothing.submit() for _ in range(3_000)]:
            future.result()
        return [future.result() for future in [meet.submit() for _ in range(32)]]

    assert list(range(32)) == sorted(run(body, workers=32))


def test_the_threads_of_a_run_end_with_it() -> None:
    before = set(threading.enumerate())
    run(lambda: descend.map([3] * 10).result(), workers=4)
    left = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("penstock-task")]
    for thread in left:
        thread.join(PATIENCE)
    assert [] == [thread for thread in left if thread.is_alive()]


# ---- Coroutines ----


@task
async def descend_async(depth: int) -> int:
    return 0 if depth == 0 else 1 + await descend_async.submit(depth - 1)


@task
async def branch_async(depth: int) -> int:
    return 1 if depth == 0 else sum(await asyncio.gather(*branch_async.map([depth - 1] * 3)))


@WORKERS
def test_coroutines_that_wait_for_coroutines_deeper_than_allowed_at_once_end(workers: int) -> None:
    assert 20 == run(lambda: descend_async.submit(20).result(), workers=workers)


@WORKERS
def test_a_tree_of_coroutines_ends(workers: int) -> None:
    assert 27 == run(lambda: branch_async.submit(3).result(), workers=workers)


@WORKERS
def test_no_more_coroutines_run_at_once_than_allowed(workers: int) -> None:
    meter = Meter()

    @task
    async def work() -> None:
        with meter:
            await asyncio.sleep(0)

    run(lambda: [work.submit() for _ in range(30)], workers=workers)
    assert 1 <= meter.most <= workers


@WORKERS
def test_coroutines_and_threads_may_wait_for_each_other(workers: int) -> None:
    @task
    async def outer(depth: int) -> int:
        return 0 if depth == 0 else 1 + await inner.submit(depth - 1)

    @task
    def inner(depth: int) -> int:
        return 0 if depth == 0 else 1 + outer.submit(depth - 1).result()

    assert 6 == run(lambda: outer.submit(6).result(), workers=workers)


def test_a_coroutine_that_waits_with_a_limit_goes_on_after_it() -> None:
    release = Event()

    @task
    def slow() -> str:
        release.wait(PATIENCE)
        return "slow"

    @task
    async def impatient() -> str:
        future = slow.submit()
        with pytest.raises(RunNotOver):
            await future.result_async(timeout=0.001)
        release.set()
        return await future

    assert "slow" == run(lambda: impatient.submit().result(), workers=1)


# ---- What goes wrong inside ----


@pytest.mark.parametrize(
    "error", [ValueError("x"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), StopIteration()]
)
def test_whatever_a_task_raises_its_future_ends_and_the_pool_goes_on(error: BaseException) -> None:
    @task
    def bad() -> None:
        raise error

    @task
    def good() -> str:
        return "good"

    def body() -> tuple[bool, str]:
        state = bad.submit().wait(PATIENCE).state
        return state.is_final() and not state.is_completed(), good.submit().result()

    assert (True, "good") == run(body, workers=1)


def test_every_future_ends_although_the_pool_is_interrupted_again_and_again() -> None:
    """An interrupt may strike between a task's last step and the moment in which its future says so."""

    @task
    def work(n: int) -> int:
        return n

    def body() -> int:
        futures = []
        run_context = current_flow_run.get()
        assert run_context is not None
        stop = Event()

        def hammer() -> None:
            while not stop.is_set():
                if run_context.runner is not None:
                    run_context.runner.interrupt()

        thread = threading.Thread(target=hammer)
        thread.start()
        try:
            futures = [work.submit(n) for n in range(300)]
            return sum(ends(future.wait) for future in futures)
        finally:
            stop.set()
            thread.join()

    with switching_often():
        state = flow(body, task_runner=ThreadPoolTaskRunner(max_workers=4))(return_state=True)
    assert state.is_final()


def test_whoever_waits_for_a_task_may_be_ended_anywhere() -> None:
    @task
    def work(n: int) -> int:
        return n

    def body() -> int:
        for point in points():
            future = work.submit(point)
            struck = strike(point, future.result)
            assert ends(future.wait)
            assert point == future.result()
            assert point == work.submit(point).result()
            if not struck or point > 60:
                break
        return point

    assert run(body, workers=2) > 3


# ---- One after another ----


def test_the_inline_runner_runs_each_task_when_it_is_submitted_in_the_callers_thread() -> None:
    seen: list[Any] = []

    @task
    def work(n: int) -> int:
        seen.append((n, threading.get_ident()))
        return n

    def body() -> list[Any]:
        futures = []
        for n in range(3):
            futures.append(work.submit(n))
            seen.append(("submitted", futures[-1].done()))
        return [future.result() for future in futures]

    assert [0, 1, 2] == run(body, runner=InlineTaskRunner())
    here = threading.get_ident()
    assert [step for n in range(3) for step in ((n, here), ("submitted", True))] == seen


def test_the_inline_runner_takes_tasks_that_submit_tasks() -> None:
    assert 30 == run(lambda: descend.submit(30).result(), runner=InlineTaskRunner())


def test_everything_that_was_submitted_is_recorded() -> None:
    run(lambda: [branch.submit(2), descend.submit(5)], workers=2)
    assert [StateType.COMPLETED] * (13 + 6) == recorded_types()
