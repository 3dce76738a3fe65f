"""Programs and their drivers: one behaviour, whether it is performed in this thread or on a loop."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from dataclasses import dataclass
from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.engine.programs import Block, Emit, Program, Sleep, drive, drive_async, drive_stream, drive_stream_async


class Oops(Exception):
    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


@dataclass(frozen=True)
class Give:
    """An effect with an outcome; on the loop it may take a turn."""

    value: Any
    turns: int = 0

    def perform(self) -> Any:
        return self.value

    async def perform_async(self) -> Any:
        for _ in range(self.turns):
            await asyncio.sleep(0)
        return self.value


@dataclass(frozen=True)
class Fail:
    """An effect that fails."""

    error: BaseException

    def perform(self) -> Any:
        raise self.error

    async def perform_async(self) -> Any:
        raise self.error


Steps = list[tuple[Any, ...]]


def program(steps: Steps, log: list[Any]) -> Program[Any]:
    """A program as its steps say: it collects outcomes, and writes down what it passes."""
    outcomes: list[Any] = []
    for name, *rest in steps:
        log.append(name)
        match name:
            case "give":
                outcomes.append((yield Give(*rest)))
            case "emit":
                outcomes.append((yield Emit(*rest)))
            case "fail":
                yield Fail(Oops(*rest))
            case "raise":
                raise Oops(*rest)
            case "return":
                return rest[0]
            case "call":
                outcomes.append((yield from program(rest[0], log)))
            case "try":
                try:
                    outcomes.append((yield from program(rest[0], log)))
                except Oops as error:
                    outcomes.append((error.number, (yield from program(rest[1], log))))
                finally:
                    log.append("finally")
    return tuple(outcomes)


numbers = st.integers(0, 9)
simple = st.one_of(
    st.tuples(st.just("give"), numbers, st.integers(0, 2)),
    st.tuples(st.just("emit"), numbers),
    st.tuples(st.just("fail"), numbers),
    st.tuples(st.just("raise"), numbers),
    st.tuples(st.just("return"), numbers),
)
programs = st.lists(
    st.recursive(
        simple,
        lambda step: (
            st.tuples(st.just("call"), st.lists(step, max_size=4))
            | st.tuples(st.just("try"), st.lists(step, max_size=4), st.lists(step, max_size=4))
        ),
        max_leaves=10,
    ),
    max_size=6,
)


def outcome(act: Any) -> Any:
    try:
        return "returned", act()
    except Oops as error:
        return "raised", error.number


def streamed(steps: Steps, log: list[Any], take: int | None = None) -> Any:
    items: list[Any] = []
    with closing(drive_stream(program(steps, log))) as stream:
        while take is None or len(items) < take:
            try:
                items.append(next(stream))
            except StopIteration as stop:
                return items, ("returned", stop.value)
            except Oops as error:
                return items, ("raised", error.number)
    return items, "left"


async def streamed_async(steps: Steps, log: list[Any], take: int | None = None) -> Any:
    items: list[Any] = []
    ended: list[Any] = []
    async with aclosing(drive_stream_async(program(steps, log), ended.append)) as stream:  # type: ignore[type-var]
        while take is None or len(items) < take:
            try:
                items.append(await anext(stream))
            except StopAsyncIteration:
                return items, ("returned", ended[0])
            except Oops as error:
                return items, ("raised", error.number)
    return items, "left"


@given(programs)
def test_both_drivers_bring_a_program_to_the_same_end_by_the_same_way(steps: Steps) -> None:
    log: list[Any] = []
    log_async: list[Any] = []
    here = outcome(lambda: drive(program(steps, log)))
    on_loop = outcome(lambda: asyncio.run(drive_async(program(steps, log_async))))
    assert (here, log) == (on_loop, log_async)


@given(programs)
def test_both_streaming_drivers_hand_out_the_same_items_and_come_to_the_same_end(steps: Steps) -> None:
    log: list[Any] = []
    log_async: list[Any] = []
    here = streamed(steps, log)
    assert (here, log) == (asyncio.run(streamed_async(steps, log_async)), log_async)


@given(programs, st.integers(0, 4))
def test_a_consumer_that_leaves_early_closes_the_program_in_both_ways_alike(steps: Steps, take: int) -> None:
    log: list[Any] = []
    log_async: list[Any] = []
    here = streamed(steps, log, take)
    assert (here, log) == (asyncio.run(streamed_async(steps, log_async, take)), log_async)


@given(programs)
def test_streaming_changes_nothing_about_the_end(steps: Steps) -> None:
    log: list[Any] = []
    log_streamed: list[Any] = []
    here = outcome(lambda: drive(program(steps, log)))
    assert (here, log) == (streamed(steps, log_streamed)[1], log_streamed)


# ---- Errors and interruptions ----


def guarded(error: BaseException, seen: list[Any]) -> Program[str]:
    try:
        yield Fail(error)
    except BaseException as met:
        seen.append(met)
        seen.append((yield Give("cleaned up")))
        raise
    return "unreachable"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError()])
def test_an_interruption_reaches_the_program_which_may_still_clean_up(error: BaseException) -> None:
    seen: list[Any] = []
    with pytest.raises(type(error)):
        drive(guarded(error, seen))
    assert [error, "cleaned up"] == seen


def test_a_cancelled_loop_task_lets_its_program_clean_up() -> None:
    seen: list[Any] = []

    class Waits(Give):
        async def perform_async(self) -> None:
            reached.set()
            await asyncio.Event().wait()

    def waiting() -> Program[None]:
        try:
            yield Waits(None)
        except BaseException as error:
            seen.append(type(error))
            seen.append((yield Give("cleaned up", 2)))
            raise

    async def main() -> None:
        nonlocal reached
        reached = asyncio.Event()
        task = asyncio.create_task(drive_async(waiting()))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    reached: Any = None
    asyncio.run(main())
    assert [asyncio.CancelledError, "cleaned up"] == seen


def test_an_effect_that_raises_stop_iteration_does_not_end_the_program_as_if_it_had_returned() -> None:
    with pytest.raises(RuntimeError):
        drive(failing(StopIteration("not the end")))
    with pytest.raises(RuntimeError):
        asyncio.run(drive_async(failing(StopIteration("not the end"))))


def failing(error: BaseException) -> Program[str]:
    yield Fail(error)
    return "the end"


def test_what_a_consumer_throws_reaches_the_program_at_its_item() -> None:
    def forgiving() -> Program[str]:
        try:
            yield Emit(1)
        except Oops as error:
            yield Emit(error.number)
        return "end"

    stream: Generator[Any, None, str] = drive_stream(forgiving())
    assert (1, 7) == (next(stream), stream.throw(Oops(7)))
    with pytest.raises(StopIteration) as stop:
        next(stream)
    assert "end" == stop.value.value


def test_what_an_async_consumer_throws_reaches_the_program_at_its_item() -> None:
    def forgiving() -> Program[str]:
        try:
            yield Emit(1)
        except Oops as error:
            yield Emit(error.number)
        return "end"

    async def main() -> list[Any]:
        ended: list[Any] = []
        stream: AsyncGenerator[Any, None] = drive_stream_async(forgiving(), ended.append)  # type: ignore[assignment]
        return [await anext(stream), await stream.athrow(Oops(7)), [item async for item in stream], ended]

    assert [1, 7, [], ["end"]] == asyncio.run(main())


# ---- Effects ----


def test_what_blocks_runs_here_without_a_loop_and_beside_it_with_one() -> None:
    def where() -> Program[int]:
        return (yield Block(threading.get_ident))

    async def main() -> bool:
        return threading.get_ident() != await drive_async(where())

    assert threading.get_ident() == drive(where())
    assert asyncio.run(main())


def test_what_blocks_fails_alike_with_and_without_a_loop() -> None:
    def failing_block() -> Program[str]:
        try:
            yield Block(lambda: 1 // 0)
        except ZeroDivisionError:
            return "caught"
        return "went on"

    assert ("caught", "caught") == (drive(failing_block()), asyncio.run(drive_async(failing_block())))


def napping(seconds: float, interrupted: Event, sleep: Any = None) -> Program[bool]:
    return (yield Sleep(seconds, interrupted, sleep))


@pytest.mark.parametrize("run", [drive, lambda program: asyncio.run(drive_async(program))])
def test_a_sleep_that_is_interrupted_says_so(run: Any) -> None:
    interrupted = Event()
    assert run(napping(0.0, interrupted))
    interrupted.set()
    assert not run(napping(3_600.0, interrupted))


def test_a_sleep_that_is_interrupted_from_another_thread_ends() -> None:
    for run in (drive, lambda program: asyncio.run(drive_async(program))):
        interrupted = Event()
        threading.Timer(0.0, interrupted.set).start()
        assert not run(napping(3_600.0, interrupted))


@pytest.mark.parametrize("run", [drive, lambda program: asyncio.run(drive_async(program))])
def test_a_sleep_can_be_passed_by_a_clock_of_the_tests(run: Any) -> None:
    slept: list[float] = []

    def sleep(seconds: float, interrupted: Event) -> bool:
        slept.append(seconds)
        return not interrupted.is_set()

    assert run(napping(3_600.0, Event(), sleep))
    assert [3_600.0] == slept


def test_other_tasks_of_the_loop_go_on_while_a_program_blocks_or_sleeps() -> None:
    def waits() -> Program[str]:
        yield Block(lambda: passed.wait(30))
        yield Sleep(3_600.0, passed)
        return "done"

    async def main() -> str:
        task = asyncio.create_task(drive_async(waits()))
        await asyncio.sleep(0)
        passed.set()
        return await task

    passed = Event()
    assert "done" == asyncio.run(main())
