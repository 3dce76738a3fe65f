"""Generator tasks and flows: items as they come, retried only before the first, remembered only once exhausted."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from penstock import Skip, flow, task
from penstock.cache_policies import INPUTS
from penstock.core.errors import InvalidDefinition, UpstreamFailed
from penstock.runtime import flow_run, task_run
from penstock.testing import History

DATABASES = ("sqlite", "postgres")


@task
def count(n: int) -> Iterator[int]:
    yield from range(n)


@task
async def count_later(n: int) -> AsyncIterator[int]:
    for i in range(n):
        await asyncio.sleep(0)
        yield i


@task
def fail() -> int:
    raise ValueError("upstream")


async def collect(items: Any) -> list[Any]:
    return [item async for item in items]


def test_items_are_handed_out_as_they_come(history: History) -> None:
    order: list[str] = []

    @task
    def numbers() -> Iterator[int]:
        for n in range(2):
            order.append(f"made {n}")
            yield n

    @flow
    def body() -> None:
        for n in numbers():
            order.append(f"got {n}")  # noqa: PERF401  # in turns

    body()

    assert ["made 0", "got 0", "made 1", "got 1"] == order
    assert ("Completed", "2 items.") == (
        history.task_run("numbers").state.name,
        history.task_run("numbers").state.message,
    )


def test_async_items_are_handed_out_too(history: History) -> None:
    @flow
    async def body() -> list[int]:
        return await collect(count_later(3))

    assert [0, 1, 2] == asyncio.run(body())
    assert "Completed" == history.task_run("count_later").state.name


def test_a_sync_generator_task_works_in_an_async_flow() -> None:
    @flow
    async def body() -> list[int]:
        return list(count(2))

    assert [0, 1] == asyncio.run(body())


def test_a_submitted_generator_gives_the_list_of_its_items() -> None:
    @flow
    def body() -> Any:
        return count.submit(2).result(), count_later.submit(2).result(), count.map([1, 2]).result()

    assert ([0, 1], [0, 1], [[0], [0, 1]]) == body()


def test_a_generator_gets_resolved_futures_and_is_not_ready_after_failures(history: History) -> None:
    @task
    def two() -> int:
        return 2

    @flow
    def body() -> list[int]:
        with pytest.raises(UpstreamFailed):
            list(count(fail.submit()))
        return list(count(two.submit()))

    assert [0, 1] == body()


def test_the_current_run_is_the_task_during_its_steps_only() -> None:
    seen: list[Any] = []

    @task
    def watches() -> Iterator[int]:
        seen.append(task_run.name)
        yield 1
        seen.append(task_run.name)

    @flow
    def body() -> None:
        for _ in watches():
            seen.append(task_run.name)  # noqa: PERF401  # in turns

    body()

    assert ["watches-0", None, "watches-0"] == seen


def test_tasks_called_between_items_are_children_of_the_flow(history: History) -> None:
    @task
    def inside() -> None: ...

    @task
    def between() -> None: ...

    @task
    def outer() -> Iterator[int]:
        inside()
        yield 1

    @flow
    def body() -> None:
        for _ in outer():
            between()

    body()

    assert history.task_run("outer").id == history.task_run("inside").parent_id
    assert None is history.task_run("between").parent_id


def test_a_generator_is_retried_before_its_first_item_only(history: History) -> None:
    tries: list[int] = []

    @task(retries=2)
    def early() -> Iterator[int]:
        tries.append(1)
        if len(tries) < 3:
            raise ValueError("early")
        yield len(tries)

    @task(retries=2)
    def late() -> Iterator[int]:
        tries.append(1)
        yield 1
        raise ValueError("late")

    @flow
    def body() -> list[int]:
        got = list(early())
        tries.clear()
        with pytest.raises(ValueError, match="late"):
            got.extend(late())
        return got

    assert [3, 1] == body()
    assert [1] == tries
    assert 3 == history.task_run("early").attempt
    assert ("Failed", 1) == (history.task_run("late").state.name, history.task_run("late").attempt)


def test_an_error_of_the_consumer_closes_the_generator(history: History) -> None:
    closed: list[bool] = []

    @task
    def watches() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    @flow
    def body() -> None:
        for _ in watches():
            raise KeyError("consumer")

    with pytest.raises(KeyError):
        body()
    assert [True] == closed
    assert "Completed" == history.task_run("watches").state.name
    assert None is history.task_run("watches").result


def test_a_generator_that_its_consumer_left_is_not_remembered(history: History) -> None:
    made: list[int] = []

    @task
    def numbers() -> Iterator[int]:
        for n in range(5):
            made.append(n)
            yield n

    @flow(retries=1)
    def body() -> list[int]:
        if flow_run.run_count == 1:
            next(iter(numbers()))
            raise ValueError
        return list(numbers())

    assert [0, 1, 2, 3, 4] == body()
    assert [0, 0, 1, 2, 3, 4] == made


def test_an_exhausted_generator_is_recalled_in_a_later_attempt(history: History) -> None:
    made: list[int] = []

    @task
    def numbers() -> Iterator[int]:
        for n in range(3):
            made.append(n)
            yield n

    @task
    async def numbers_later() -> AsyncIterator[int]:
        for n in range(3):
            made.append(n)
            yield n

    @flow(retries=1)
    async def body() -> Any:
        got = list(numbers()), await collect(numbers_later()), numbers.submit().result()
        if flow_run.run_count == 1:
            raise ValueError
        return got

    assert ([0, 1, 2],) * 3 == asyncio.run(body())
    assert [0, 1, 2] * 3 == made


def test_an_exhausted_generator_is_cached_by_its_policy() -> None:
    made: list[int] = []

    @task(cache_policy=INPUTS)
    def numbers(n: int) -> Iterator[int]:
        made.append(n)
        yield from range(n)

    @flow
    def body() -> Any:
        return list(numbers(2)), list(numbers(2)), numbers.submit(2).result(), list(numbers(3))

    assert ([0, 1], [0, 1], [0, 1], [0, 1, 2]) == body()
    assert [2, 3] == made


def test_a_generator_task_may_skip(history: History) -> None:
    @task
    def skips() -> Iterator[int]:
        raise Skip("no rows")
        yield 1

    @flow
    def body() -> list[int]:
        return list(skips())

    assert [] == body()
    assert "Skipped" == history.task_run("skips").state.name


def test_a_generator_task_outside_of_flows_says_what_to_do() -> None:
    with pytest.raises(InvalidDefinition, match="fn"):
        count(3)


# ---- Flows ----


def test_a_generator_flow_hands_out_items_and_is_recorded(history: History) -> None:
    @task
    def double(n: int) -> int:
        return 2 * n

    @flow
    def numbers(n: int) -> Iterator[int]:
        for i in range(n):
            yield double(i)

    assert [0, 2, 4] == list(numbers(3))
    assert ("Completed", {"COMPLETED": 3}) == (history.flow_run().state.name, history.flow_run().task_counts)


def test_an_async_generator_flow_does_too(history: History) -> None:
    @flow
    async def numbers(n: int) -> AsyncIterator[int]:
        for i in range(n):
            yield i

    assert [0, 1] == asyncio.run(collect(numbers(2)))
    assert "Completed" == history.flow_run().state.name


def test_a_generator_flow_is_a_subflow_inside_another(history: History) -> None:
    @flow
    def numbers(n: int) -> Iterator[int]:
        yield from range(n)

    @flow
    def body() -> list[int]:
        return list(numbers(3))

    assert [0, 1, 2] == body()
    assert ["Completed"] == [run.state.name for run in history.subflow_runs()]


def test_a_generator_flow_is_retried_before_its_first_item_only(history: History) -> None:
    tries: list[int] = []

    @flow(retries=3)
    def early() -> Iterator[int]:
        tries.append(1)
        if len(tries) < 2:
            raise ValueError("early")
        yield 1
        raise ValueError("late")

    got: list[int] = []
    with pytest.raises(ValueError, match="late"):
        got.extend(early())
    assert ([1], 2) == (got, len(tries))
    assert ("Failed", 2) == (history.flow_run().state.name, history.flow_run().epoch)


def test_a_generator_flow_that_its_consumer_left_is_complete(history: History) -> None:
    @flow
    def numbers() -> Iterator[int]:
        yield 1
        yield 2

    items = numbers()
    assert 1 == next(items)
    items.close()

    assert "Completed" == history.flow_run().state.name


def test_bad_parameters_fail_a_generator_flow_at_its_first_step(history: History) -> None:
    @flow
    def numbers(n: int) -> Iterator[int]:
        yield n

    items = numbers("x")  # type: ignore[arg-type]  # the point
    with pytest.raises(ValueError):
        next(items)
    assert "Failed" == history.flow_run().state.name
