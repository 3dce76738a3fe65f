"""Programs and what drives them.

The life of a run is a generator that yields effects: what it needs done. `drive` performs them in this thread,
`drive_async` on the running loop; they differ by `await` alone. A program that streams yields `Emit` for each item,
which `drive_stream` and `drive_stream_async` hand to whoever iterates.
"""

import time
from collections.abc import AsyncIterator, Callable, Generator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from penstock.engine.gates import Flag

T = TypeVar("T")


class Effect(Protocol):
    """Something that a program needs done; its outcome is sent, or its error thrown, into the program."""

    def perform(self) -> Any:
        """Do it in this thread."""

    async def perform_async(self) -> Any:
        """Do it without holding up the loop."""


Program = Generator[Effect, Any, T]


def rename(coroutine: Any, name: str) -> Any:  # Any: the types of coroutines know no names
    """Call a coroutine what the user calls it: Python's warning about one that nobody awaited says its name."""
    coroutine.__name__ = coroutine.__qualname__ = name
    return coroutine


def drive(program: Program[T]) -> T:
    """Run a program to its end in this thread and return what it returns.

    What ends this thread from outside may strike between two steps: the program hears of that too, and says how it ended.
    """
    struck: BaseException | None = None
    while True:
        try:
            effect = program.send(None) if struck is None else program.throw(struck)
            while True:
                try:
                    outcome = effect.perform()
                except BaseException as error:  # the program decides what an error means
                    effect = program.throw(error)
                else:
                    effect = program.send(outcome)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T, by the program's type
        except BaseException as error:
            if getattr(program, "gi_frame", None) is None:  # it came out of the program
                raise
            struck = error


async def drive_async(program: Program[T]) -> T:
    """Run a program to its end on the running loop and return what it returns."""
    try:
        effect = program.send(None)
        while True:
            try:
                outcome = await effect.perform_async()
            except BaseException as error:  # the program decides what an error means
                effect = program.throw(error)
            else:
                effect = program.send(outcome)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # T, by the program's type


def drive_stream(program: Program[T]) -> Generator[Any, None, T]:
    """Run a program, handing out what it emits, and return what it returns. A consumer that stops early closes it."""
    try:
        effect = program.send(None)
        while True:
            try:
                outcome = (yield effect.item) if type(effect) is Emit else effect.perform()
            except GeneratorExit:
                program.close()
                raise
            except BaseException as error:  # the program decides what an error means
                effect = program.throw(error)
            else:
                effect = program.send(outcome)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # T, by the program's type


async def drive_stream_async(program: Program[T], done: Callable[[T], None]) -> AsyncIterator[Any]:
    """Run a program on the running loop, handing out what it emits; `done` gets what it returns."""
    try:
        effect = program.send(None)
        while True:
            try:
                outcome = (yield effect.item) if type(effect) is Emit else await effect.perform_async()
            except GeneratorExit:
                program.close()
                raise
            except BaseException as error:  # the program decides what an error means
                effect = program.throw(error)
            else:
                effect = program.send(outcome)
    except StopIteration as stop:
        done(stop.value)


@dataclass(frozen=True, slots=True)
class Emit:
    """Hand an item to whoever iterates; understood by the streaming drivers only."""

    item: Any

    def perform(self) -> Any:
        """Without a consumer an item goes nowhere."""

    async def perform_async(self) -> Any:
        """Without a consumer an item goes nowhere."""


@dataclass(frozen=True, slots=True)
class Block:
    """Do something that may take a while (a database, a file) off the loop; in a thread of its own if async.

    What others may know of once it has begun is waited for as a `whole`, also by a coroutine that is cancelled meanwhile.
    """

    action: Callable[[], Any]
    whole: bool = False

    def perform(self) -> Any:
        return self.action()

    async def perform_async(self) -> Any:
        import asyncio  # lazy: 30 ms; a loop runs, so it is loaded

        if not self.whole:
            return await asyncio.to_thread(self.action)
        work = asyncio.ensure_future(asyncio.to_thread(self.action))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait({work})
            if not work.cancelled():
                work.exception()  # which nobody asks for any more
            raise


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait, unless `interrupted` is set first; tells whether the whole time passed."""

    seconds: float
    interrupted: Flag
    sleep: Callable[[float, Flag], bool] | None = None

    def perform(self) -> bool:
        if self.sleep is not None:
            return self.sleep(self.seconds, self.interrupted)
        return not self.interrupted.wait(self.seconds)

    async def perform_async(self) -> bool:
        import asyncio  # lazy: 30 ms; a loop runs, so it is loaded

        if self.sleep is not None:
            return await asyncio.to_thread(self.sleep, self.seconds, self.interrupted)
        end = time.monotonic() + self.seconds
        while (left := end - time.monotonic()) > 0:
            if self.interrupted.is_set():
                return False
            await asyncio.sleep(min(left, 0.25))
        return True
