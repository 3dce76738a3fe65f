"""Ending user code from outside: time-outs and cancellation.

On the main thread a real signal ends even a blocking call. In another thread an asynchronous exception ends Python
code at its next byte code; a call that blocks in C cannot be ended, so its thread is abandoned and its late result
refused. `isolation="process"` is for work that must really end.
"""

import ctypes
import signal
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from types import FrameType
from typing import Any

from penstock.core.errors import RunTimedOut


class Interrupted(BaseException):
    """Thrown into user code to end it; not an `Exception`, so that user code does not swallow it by chance."""


class TimeIsUp(Interrupted):
    """A time-out struck; `owner` tells whose."""

    def __init__(self, owner: object = None):
        self.owner = owner


class CancelNow(Interrupted):
    """The run is being cancelled."""


def is_main_thread() -> bool:
    """Whether signals reach this thread."""
    return threading.current_thread() is threading.main_thread()


def interrupt_thread(ident: int, kind: type[Interrupted]) -> None:
    """Throw `kind` into a thread at its next byte code."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(kind))


def interrupt_main(kind: type[Interrupted]) -> None:
    """Throw into the main thread by a signal, which also ends calls that block, such as `time.sleep`."""
    main = threading.main_thread().ident
    if main is None:
        return
    if _MAIN.pending is None:
        _MAIN.pending = kind
        signal.pthread_kill(main, signal.SIGUSR1)


class _MainThread:
    """The main thread's timers and pending interrupt; one object, as signals belong to the process."""

    def __init__(self) -> None:
        self.deadlines: list[tuple[float, object]] = []
        self.pending: type[Interrupted] | None = None

    def on_alarm(self, _signal: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        for deadline, owner in self.deadlines:  # the outermost first
            if deadline <= now + 0.001:
                raise TimeIsUp(owner)
        self.arm()

    def on_interrupt(self, _signal: int, _frame: FrameType | None) -> None:
        kind, self.pending = self.pending, None
        if kind is not None:
            raise kind()

    def arm(self) -> None:
        if self.deadlines:
            left = min(deadline for deadline, _ in self.deadlines) - time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, max(left, 0.000_1))
        else:
            signal.setitimer(signal.ITIMER_REAL, 0)


_MAIN = _MainThread()


class accept_interrupts:
    """On the main thread, while a flow runs there: let `interrupt_main` end user code."""

    def __enter__(self) -> "accept_interrupts":
        self._previous = signal.signal(signal.SIGUSR1, _MAIN.on_interrupt) if is_main_thread() else None
        self._entered = is_main_thread()
        return self

    def __exit__(self, *_: object) -> None:
        if self._entered:
            _MAIN.pending = None
            signal.signal(signal.SIGUSR1, self._previous if self._previous is not None else signal.SIG_DFL)


def call_within(seconds: float, function: Callable[[], Any], *, what: str) -> Any:
    """Call a function and end it after so many seconds. Raises `RunTimedOut`."""
    if is_main_thread():
        return _call_with_alarm(seconds, function, what)
    return _call_in_thread(seconds, function, what)


def timed_out(what: str, seconds: float) -> RunTimedOut:
    """The error that a run ends with when its time is up."""
    return RunTimedOut(f"{what} exceeded its time-out of {seconds:g} seconds.")


def _call_with_alarm(seconds: float, function: Callable[[], Any], what: str) -> Any:
    owner = object()
    previous = signal.signal(signal.SIGALRM, _MAIN.on_alarm) if not _MAIN.deadlines else None
    _MAIN.deadlines.append((time.monotonic() + seconds, owner))
    try:
        _MAIN.arm()
        return function()
    except TimeIsUp as interruption:
        if interruption.owner is not owner:
            raise
        raise timed_out(what, seconds) from None
    finally:
        _MAIN.deadlines = [pair for pair in _MAIN.deadlines if pair[1] is not owner]
        _MAIN.arm()
        if previous is not None:
            signal.signal(signal.SIGALRM, previous)


def _call_in_thread(seconds: float, function: Callable[[], Any], what: str) -> Any:
    """Run the function in a thread of its own, which is abandoned if it does not end in time."""
    outcome: list[tuple[bool, Any]] = []
    ended = threading.Event()
    context = copy_context()

    def body() -> None:
        try:
            outcome.append((True, context.run(function)))
        except BaseException as error:
            outcome.append((False, error))
        finally:
            ended.set()

    thread = threading.Thread(target=body, name=f"penstock-timed-{what}", daemon=True)
    thread.penstock_pool = getattr(threading.current_thread(), "penstock_pool", None)  # type: ignore[attr-defined]  # read by futures
    thread.start()
    try:
        in_time = ended.wait(seconds)
    except BaseException as interruption:  # this thread is told to stop: pass it on
        if thread.ident is not None:
            interrupt_thread(thread.ident, type(interruption) if isinstance(interruption, Interrupted) else CancelNow)
        raise
    if not in_time:
        if thread.ident is not None:
            interrupt_thread(thread.ident, TimeIsUp)
        raise timed_out(what, seconds)
    succeeded, value = outcome[0]
    if succeeded:
        return value
    raise value


async def await_within(seconds: float, make: Callable[[], Any], *, what: str) -> Any:
    """Await a coroutine and cancel it after so many seconds. Raises `RunTimedOut`."""
    import asyncio  # lazy: 30 ms; a loop runs, so it is loaded

    timer = asyncio.timeout(seconds)
    try:
        async with timer:
            return await make()
    except TimeoutError:
        if timer.expired():
            raise timed_out(what, seconds) from None
        raise


def reset_after_fork() -> None:
    """A forked child starts with no timers."""
    _MAIN.deadlines, _MAIN.pending = [], None
