"""Futures: handles on submitted task runs."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextvars import Context
from threading import Lock, current_thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeGuard, TypeVar

from penstock.core.errors import RunNotOver, UnfinishedRun
from penstock.core.states import StateType
from penstock.engine.gates import LOOK_SECONDS, wait_for
from penstock.engine.options import Kind
from penstock.engine.states import State

if TYPE_CHECKING:
    from queue import SimpleQueue

    from penstock.engine.runs import TaskCall

T = TypeVar("T")

_settling = Lock()
"""Guards the moment in which a future is settled, for all futures: it is held for some hundred nanoseconds."""


class Future(Generic[T]):
    """A task run that was submitted: wait for it, ask for its state, or take its result.

    A future given to another task is a dependency: that task starts when this one has ended, and gets the value.
    """

    __slots__ = ("task_run_id", "call", "context", "_state", "_callbacks", "_claimed")

    def __init__(self, call: "TaskCall", context: Context | None):
        self.task_run_id: str = call.id
        """The id of the task run, known before it starts."""
        self.call: TaskCall | None = call
        """Let go of with the end: flows keep futures by the hundred thousand."""
        self.context = context
        self._state: State | None = None
        self._callbacks: list[Callable[[Future[T]], Any]] | None = None
        self._claimed = False

    @property
    def name(self) -> str:
        """The name of the task run."""
        call = self.call
        return call.name if call is not None else self.state.run_name or ""

    @property
    def state(self) -> State:
        """Where the task run is now."""
        call, state = self.call, self._state
        if state is not None or call is None:
            return state  # type: ignore[return-value]  # a call is let go of once its state is known
        if call.started_at is not None:
            return State(StateType.RUNNING, run_id=call.id, run_name=call.name, timestamp=call.started_at)
        return State(StateType.PENDING, run_id=call.id, run_name=call.name, timestamp=call.created_at)

    def done(self) -> bool:
        """Whether the task run has ended."""
        return self._state is not None

    def wait(self, timeout: float | None = None) -> "Future[T]":
        """Wait until the task run has ended or `timeout` seconds have passed; raises nothing of what it raised."""
        if self._state is None:
            _wait_for(self, timeout)
        return self

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> T:
        """Wait for the task run's value, or raise its error. Raises `RunNotOver`, a `TimeoutError`, after `timeout` seconds."""
        if self._state is None:
            _wait_for(self, timeout)
        state = self._state
        if state is None:
            raise RunNotOver(f"Task run `{self.name}` has not ended within {timeout:g} seconds. It goes on.")
        return state.result(raise_on_failure=raise_on_failure)  # type: ignore[no-any-return]  # T, by the task's type

    async def result_async(self, timeout: float | None = None, raise_on_failure: bool = True) -> T:
        """The same without holding up the running loop."""
        if self._state is None:
            import asyncio  # lazy: 30 ms; a loop runs, so it is loaded

            loop = asyncio.get_running_loop()
            ended = loop.create_future()
            self.add_done_callback(lambda _: loop.call_soon_threadsafe(_settle_once, ended))
            _hurry(self)
            slots = getattr(current_thread(), "penstock_slots", None)
            if slots is not None:
                slots.release()  # while this coroutine waits, others may run: so they never wait for one another
            try:
                await asyncio.wait({ended}, timeout=timeout)
            finally:
                if slots is not None:
                    await slots.acquire()
        return self.result(timeout=0, raise_on_failure=raise_on_failure)

    def __await__(self) -> Generator[Any, None, T]:
        return self.result_async().__await__()

    def add_done_callback(self, callback: "Callable[[Future[T]], Any]") -> None:
        """Call back with this future when the task run has ended; at once if it has."""
        with _settling:
            if self._state is None:
                if self._callbacks is None:
                    self._callbacks = []
                self._callbacks.append(callback)
                return
        callback(self)

    def claim(self) -> "TaskCall | None":
        """Take the right to run the call; none if another thread has it, or it has ended."""
        with _settling:
            if self._claimed:
                return None
            self._claimed = True
            return self.call

    def settle(self, state: State) -> bool:
        """Say how the task run ended; false if that was said before (a time-out that came first)."""
        with _settling:
            if self._state is not None:
                return False
            self._state = state
            callbacks, self._callbacks = self._callbacks, None
        self.call = self.context = None
        if callbacks:
            for callback in callbacks:
                callback(self)
        return True

    def __repr__(self) -> str:
        return f"<Future {self.name} {self.state.name}>"


TaskFuture = Future[Any]


class FutureList(list[Future[T]]):
    """What `.map` returns: a list of futures that can be waited for as one."""

    def wait(self, timeout: float | None = None) -> None:
        """Wait until all have ended or `timeout` seconds have passed."""
        wait(self, timeout=timeout)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> list[T]:
        """All values in order. Raises the first error met, in order."""
        end = None if timeout is None else monotonic() + timeout
        return [
            future.result(None if end is None else max(0.0, end - monotonic()), raise_on_failure) for future in self
        ]


class DoneAndNot(NamedTuple):
    """What `wait` returns: the futures that have ended, and the others."""

    done: set[TaskFuture]
    not_done: set[TaskFuture]


def wait(futures: Iterable[TaskFuture], timeout: float | None = None) -> DoneAndNot:
    """Wait for futures to end, at most `timeout` seconds.

    Returns a pair of sets, `done` and `not_done`.
    """
    listed = list(futures)
    end = None if timeout is None else monotonic() + timeout
    for future in listed:
        if not future.done():
            future.wait(None if end is None else max(0.0, end - monotonic()))
    done = {future for future in listed if future.done()}
    return DoneAndNot(done, set(listed) - done)


def as_completed(
    futures: Sequence[TaskFuture] | Iterable[TaskFuture], timeout: float | None = None
) -> Iterator[TaskFuture]:
    """Iterate over futures as they end. Raises `RunNotOver`, a `TimeoutError`, once `timeout` seconds have passed with some left."""
    from queue import SimpleQueue  # lazy: few flows need it

    listed = list(dict.fromkeys(futures))
    ended: SimpleQueue[TaskFuture] = SimpleQueue()
    for future in listed:
        future.add_done_callback(ended.put)
    end = None if timeout is None else monotonic() + timeout
    for seen in range(len(listed)):
        if ended.empty():
            pending = next((future for future in listed if not future.done()), None)
            if pending is not None:
                _hurry(pending)
        with _blocked():
            next_ended = _take(ended, end)
        if next_ended is None:
            raise RunNotOver(
                f"{len(listed) - seen} of {len(listed)} task runs have not ended within {timeout:g} seconds."
            )
        yield next_ended


def _take(ended: "SimpleQueue[TaskFuture]", end: float | None) -> TaskFuture | None:
    """The next one, or none if there is none in time; in short turns, as in `gates.py`."""
    from queue import Empty  # lazy: as in `as_completed`

    while True:
        left = LOOK_SECONDS if end is None else min(LOOK_SECONDS, max(0.0, end - monotonic()))
        try:
            return ended.get(timeout=left)
        except Empty:
            if end is not None and monotonic() >= end:
                return None


def _settle_once(ended: Any) -> None:
    if not ended.done():
        ended.set_result(None)


def is_future(value: Any) -> TypeGuard[TaskFuture]:
    """Tell whether a value is a future."""
    return type(value) is Future


def _hurry(future: TaskFuture) -> None:
    call = future.call
    if call is not None and call.run.runner is not None:
        call.run.runner.hurry()


def _wait_for(future: TaskFuture, timeout: float | None) -> None:
    call = future.call
    if call is None:
        return
    runner = call.run.runner
    if runner is not None and timeout is None and runner.run_here(future):
        return
    if call.task.kind in (Kind.COROUTINE, Kind.ASYNC_GENERATOR) and hasattr(current_thread(), "penstock_slots"):
        raise UnfinishedRun(
            f"Task run `{call.name}` can never end while a coroutine waits for it without `await`: "
            "both need the same loop. Write `await future`."
        )
    gate = Lock()
    gate.acquire()
    future.add_done_callback(lambda _: gate.release())
    with _blocked():
        wait_for(gate, timeout)


class _blocked:
    """While a pool's own thread waits for a future, the pool may run one thread more: so it never deadlocks."""

    __slots__ = ("_pool",)

    def __enter__(self) -> None:
        self._pool = getattr(current_thread(), "penstock_pool", None)
        if self._pool is not None:
            self._pool.thread_blocked()

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.thread_unblocked()
