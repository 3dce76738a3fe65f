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
from penstock.engine.gates import wait_for

ALARM_AGAIN_SECONDS = 0.05
STRIKE_AGAIN_SECONDS = 5.0
SIGNAL_AGAIN_SECONDS = (0.001, 0.01, 0.1, 0.5, 2.0)


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


class Stopper:
    """How somebody else ends what this thread is doing: called from another thread, it strikes while it is open.

    What was on its way when it is closed is taken back, and strikes when it is opened again. What others wait for, and
    must not be left half-way, is done while it is closed. `close` may itself be struck, once: whoever must not be sets
    `is_open = False` first, in one step, and closes again if need be.
    """

    __slots__ = ("_ident", "_main", "_lock", "is_open", "_sent", "_wanted")

    def __init__(self, *, is_open: bool = True) -> None:
        self._ident, self._main = threading.get_ident(), is_main_thread()
        self._lock = threading.Lock()
        self.is_open = is_open
        self._sent: type[Interrupted] | None = None
        self._wanted: type[Interrupted] | None = None

    def __call__(self, kind: type[Interrupted] = CancelNow) -> None:
        with self._lock:
            if not self.is_open:
                self._wanted = kind
                return
            self._sent = kind
            if not self._main:
                interrupt_thread(self._ident, kind)
                return
            sent = _MAIN.send(kind, self)
        _MAIN.send_again(sent)

    def open(self) -> None:
        """What follows may be ended. Raises what was wanted in the meantime."""
        with self._lock:
            self.is_open = True
            wanted, self._wanted = self._wanted, None
        if wanted is not None:
            raise wanted()

    def close(self) -> None:
        """What follows is not ended half-way. Closing twice is no error."""
        with self._lock:
            self.is_open = False
            sent, self._sent = self._sent, None
            if sent is None:
                return
            self._wanted = sent
        if self._main:
            _MAIN.take_back(self)
        else:
            _take_back(self._ident)


class _Nothing(Interrupted):
    """Takes the place of an interrupt that came too late."""


def _take_back(ident: int) -> None:
    """Have this thread forget what was thrown into it and has not struck yet.

    By another throw, which strikes here and now: clearing it alone leaves Python looking for it at every byte code, and
    Python 3.11 under a debugger for ever (seen as a hang in the first byte code of a function).
    """
    try:
        interrupt_thread(ident, _Nothing)
        for _ in range(1_000):
            continue
    except _Nothing:
        pass


def stopper_of_this_thread() -> Stopper | None:
    """What ends this thread, if it is one of those that run tasks."""
    return getattr(threading.current_thread(), "penstock_stop", None)


class CoroutineStopper:
    """The same for what this coroutine is doing."""

    __slots__ = ("_loop", "_task", "_over")

    def __init__(self) -> None:
        import asyncio  # lazy: 30 ms; a loop runs, so it is loaded

        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._over = False

    def __call__(self) -> None:
        if not self._over:
            self._loop.call_soon_threadsafe(self._cancel)

    def close(self) -> None:
        """Nothing is to be stopped any more."""
        self._over = True

    def _cancel(self) -> None:
        if self._task is not None and not self._over:
            self._task.cancel()


def interrupt_main(kind: type[Interrupted]) -> None:
    """Throw into the main thread by a signal, which also ends calls that block, such as `time.sleep`.

    Does nothing unless a flow runs there: without a handler the signal would end the process.
    """
    _MAIN.send_again(_MAIN.send(kind, None))


class _MainThread:
    """The main thread's timers and pending interrupt; one object, as signals belong to the process."""

    def __init__(self) -> None:
        self.deadlines: list[tuple[float, object]] = []
        """When whose time is up, the outermost call first."""
        self.before_alarms: Any = None
        self.accepting: list[object] = []
        """The flows that run here, in the order in which they began."""
        self.before_interrupts: Any = None
        self.pending: tuple[type[Interrupted], object] | None = None
        self.guard = threading.Lock()

    # ---- Time-outs ----

    def begin(self, seconds: float, owner: object) -> None:
        """Have `owner` told when its time is up."""
        if self.before_alarms is None:
            self.before_alarms = _set_handler(signal.SIGALRM, self.on_alarm)
        self.deadlines.append((time.monotonic() + seconds, owner))
        self.arm()

    def end(self, owner: object) -> None:
        """The call has ended, and with it all that was called within. Ending it twice is no error."""
        for place, (_, known) in enumerate(self.deadlines):
            if known is owner:
                del self.deadlines[place:]
                break
        self.arm()
        if not self.deadlines and self.before_alarms is not None:
            handler, self.before_alarms = self.before_alarms, None
            signal.signal(signal.SIGALRM, handler)

    def on_alarm(self, _signal: int, _frame: FrameType | None) -> None:
        """Strike: what is called within ends by the same stroke, and has some time to say so undisturbed.

        Then it strikes again, for Python drops what is raised inside a finalizer, and users' code may.
        """
        now = time.monotonic()
        for place, (deadline, owner) in enumerate(self.deadlines):
            if deadline <= now + 0.001:
                self.deadlines[place:] = [(now + STRIKE_AGAIN_SECONDS, owner)]
                self.arm()
                raise TimeIsUp(owner)
        self.arm()

    def arm(self) -> None:
        if self.deadlines:
            left = min(deadline for deadline, _ in self.deadlines) - time.monotonic()
            # Again and again until it is heard: an alarm in the moment before the thread blocks does not wake it.
            signal.setitimer(signal.ITIMER_REAL, max(left, 0.000_1), ALARM_AGAIN_SECONDS)
        else:
            signal.setitimer(signal.ITIMER_REAL, 0)

    # ---- Interrupts ----

    def send(self, kind: type[Interrupted], owner: object) -> object:
        """Signal the main thread, if a flow runs there and nothing else is on its way."""
        with self.guard:
            if not self.accepting or self.pending is not None:
                return None
            self.pending = kind, owner
            self._signal()
            return self.pending

    def send_again(self, sent: object) -> None:
        """A signal that comes in the moment before the thread blocks does not wake it: look, and repeat it."""
        for seconds in SIGNAL_AGAIN_SECONDS:
            if sent is None:
                return
            time.sleep(seconds)
            with self.guard:
                if not self.accepting or self.pending is not sent:
                    return
                self._signal()

    def _signal(self) -> None:
        main = threading.main_thread().ident
        if main is not None:
            signal.pthread_kill(main, signal.SIGUSR1)

    def accept(self, flow: object) -> None:
        """A flow begins here; several may run at once on a loop."""
        if not self.accepting:
            self.before_interrupts = _set_handler(signal.SIGUSR1, self.on_interrupt)
        self.accepting.append(flow)

    def refuse(self, flow: object, *, with_later: bool) -> None:
        """A flow has ended here; after the last one nobody is interrupted any more."""
        with self.guard:
            if flow in self.accepting:
                place = self.accepting.index(flow)
                del self.accepting[place : None if with_later else place + 1]
            if self.accepting:
                return
            self.pending = None
        if is_main_thread():  # else an abandoned generator was closed elsewhere, and the handler stays, idle
            signal.signal(signal.SIGUSR1, self.before_interrupts)

    def on_interrupt(self, _signal: int, _frame: FrameType | None) -> None:
        pending, self.pending = self.pending, None
        if pending is not None:
            raise pending[0]()

    def take_back(self, owner: object) -> None:
        """What `owner` sent and was not yet delivered has come too late."""
        pending = self.pending
        if pending is not None and pending[1] is owner:
            self.pending = None


_MAIN = _MainThread()


def _set_handler(number: signal.Signals, handler: Any) -> Any:
    """Set a signal's handler and return the one before."""
    before = signal.signal(number, handler)
    return signal.SIG_DFL if before is None else before


class accept_interrupts:
    """On the main thread, while a flow runs there: let `interrupt_main` end user code.

    With `whole` the flow holds the thread until it ends, and with it ends all that began meanwhile: one that was struck
    while it began, or ended, may not have said so.
    """

    def __init__(self, *, whole: bool = False):
        self._whole = whole

    def __enter__(self) -> "accept_interrupts":
        self._entered = is_main_thread()
        if self._entered:
            _MAIN.accept(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._entered:
            _MAIN.refuse(self, with_later=self._whole)


def call_within(
    seconds: float, function: Callable[[], Any], *, what: str, owner: str, of_seconds: float | None = None
) -> Any:
    """Call a function and end it after so many seconds, or what is left of `of_seconds`.

    Raises `RunTimedOut`, whose `owner` is the run that `what` names.
    """
    try:
        return _call_with_alarm(seconds, function) if is_main_thread() else _call_in_thread(seconds, function, what)
    except _OutOfTime:
        raise timed_out(what, of_seconds or seconds, owner=owner) from None


class _OutOfTime(BaseException):
    """What the ways of calling say to `call_within`; never seen by anyone else."""


def timed_out(what: str, seconds: float, *, owner: str) -> RunTimedOut:
    """The error that a run ends with when its time is up."""
    error = RunTimedOut(f"{what} exceeded its time-out of {seconds:g} seconds.")
    error.owner = owner
    return error


def _call_with_alarm(seconds: float, function: Callable[[], Any]) -> Any:
    owner = object()
    try:
        try:
            _MAIN.begin(seconds, owner)
            return copy_context().run(function)  # what it set of context variables may be left if it is struck
        finally:
            _MAIN.end(owner)
    except TimeIsUp as interruption:
        _MAIN.end(owner)  # for it may have struck while that was done
        if interruption.owner is not owner:
            raise
        raise _OutOfTime from None


def _call_in_thread(seconds: float, function: Callable[[], Any], what: str) -> Any:
    """Run the function in a thread of its own, which is abandoned if it does not end in time."""
    outcome: list[tuple[bool, Any]] = []
    given_up: list[BaseException] = []
    gate = threading.Lock()  # and no `Event`, which an interrupt may leave locked
    gate.acquire()
    context = copy_context()

    def body() -> None:
        stop = thread.penstock_stop = Stopper()  # type: ignore[attr-defined]  # looked for by `stopper_of_this_thread`
        try:
            try:
                if not given_up:
                    outcome.append((True, context.run(function)))
            finally:
                stop.is_open = False
                stop.close()
        except BaseException as error:
            stop.close()
            outcome.append((False, error))
        finally:
            gate.release()

    thread = threading.Thread(target=body, name=f"penstock-timed-{what}", daemon=True)
    thread.penstock_pool = getattr(threading.current_thread(), "penstock_pool", None)  # type: ignore[attr-defined]  # read by futures
    try:
        thread.start()
        in_time = wait_for(gate, seconds)
    except BaseException as interruption:  # this thread is told to stop: pass it on
        given_up.append(interruption)
        _interrupt(thread, type(interruption) if isinstance(interruption, Interrupted) else CancelNow)
        raise
    if not in_time:
        given_up.append(TimeIsUp())  # it may not have begun yet: then it does not
        _interrupt(thread, TimeIsUp)
        raise _OutOfTime
    succeeded, value = outcome[0]
    if succeeded:
        return value
    raise value


def _interrupt(thread: threading.Thread, kind: type[Interrupted]) -> None:
    stop = getattr(thread, "penstock_stop", None)
    if stop is not None:
        stop(kind)


async def await_within(
    seconds: float, make: Callable[[], Any], *, what: str, owner: str, of_seconds: float | None = None
) -> Any:
    """Await a coroutine and cancel it after so many seconds, or what is left of `of_seconds`. Raises `RunTimedOut`."""
    import asyncio  # lazy: 30 ms; a loop runs, so it is loaded

    timer = asyncio.timeout(seconds)
    try:
        async with timer:
            return await make()
    except TimeoutError:
        if timer.expired():
            raise timed_out(what, of_seconds or seconds, owner=owner) from None
        raise


def reset_after_fork() -> None:
    """A forked child starts with no timers."""
    _MAIN.deadlines, _MAIN.pending, _MAIN.guard = [], None, threading.Lock()
