"""Calling the user's function: in its context, within its time, with its prints caught."""

import builtins
import sys
from collections.abc import Callable, Sequence
from contextvars import ContextVar, copy_context
from io import StringIO
from time import monotonic
from typing import TYPE_CHECKING, Any

from penstock.engine.context import current_flow_run, current_task_run
from penstock.engine.interrupts import CoroutineStopper, Stopper, await_within, call_within
from penstock.engine.logs import INFO, emit
from penstock.engine.options import Kind

if TYPE_CHECKING:
    from penstock.engine.runs import FlowRunContext, TaskCall

PRINTS = "penstock.prints"


class CallTask:
    """Call a task's function; its outcome is the value, or the error thrown."""

    __slots__ = ("call", "args", "kwargs")

    def __init__(self, call: "TaskCall", args: Sequence[Any], kwargs: dict[str, Any]):
        self.call, self.args, self.kwargs = call, args, kwargs

    def perform(self) -> Any:
        token = current_task_run.set(self.call)
        try:
            return self.call.task.fn(*self.args, **self.kwargs)
        finally:
            current_task_run.reset(token)

    async def perform_async(self) -> Any:
        token = current_task_run.set(self.call)
        try:
            value = self.call.task.fn(*self.args, **self.kwargs)
            return await value if self.call.task.kind is Kind.COROUTINE else value
        finally:
            current_task_run.reset(token)


class CallTaskWithin(CallTask):
    """The same, for tasks with a time-out, caught prints, or a process of their own."""

    __slots__ = ()

    def perform(self) -> Any:
        call = self.call
        with _prints_of(call.run, call):
            if call.task.isolation == "process":
                return _call_isolated(call, self.args, self.kwargs)
            if call.task.timeout_seconds is not None:
                return call_within(
                    call.task.timeout_seconds, super().perform, what=f"Task run `{call.name}`", owner=call.id
                )
            return super().perform()

    async def perform_async(self) -> Any:
        call, inner = self.call, super().perform_async
        with _prints_of(call.run, call):
            if call.task.isolation == "process":
                import asyncio  # lazy: 30 ms; a loop runs, so it is loaded

                return await asyncio.to_thread(_call_isolated, call, self.args, self.kwargs)
            if call.task.kind is not Kind.COROUTINE:
                return self.perform()
            if call.task.timeout_seconds is not None:
                return await await_within(
                    call.task.timeout_seconds, inner, what=f"Task run `{call.name}`", owner=call.id
                )
            return await inner()


class CallFlow:
    """Call a flow's function."""

    __slots__ = ("run", "args", "kwargs")

    def __init__(self, run: "FlowRunContext", args: Sequence[Any], kwargs: dict[str, Any]):
        self.run, self.args, self.kwargs = run, args, kwargs

    def perform(self) -> Any:
        seconds = self.run.flow.timeout_seconds
        with _prints_of(self.run, None):
            if seconds is not None:
                return call_within(seconds, self._call, what=f"Flow run `{self.run.name}`", owner=self.run.id)
            return self._call()

    async def perform_async(self) -> Any:
        seconds = self.run.flow.timeout_seconds
        with _prints_of(self.run, None):
            if self.run.flow.kind is not Kind.COROUTINE:
                return self.perform()
            if seconds is not None:
                return await await_within(
                    seconds, self._call_async, what=f"Flow run `{self.run.name}`", owner=self.run.id
                )
            return await self._call_async()

    def _call(self) -> Any:
        stop = self.run.stop = Stopper()
        try:
            return copy_context().run(self._call_inside)  # which is left in one step, wherever the function is struck
        finally:
            self.run.stop = None
            stop.is_open = False
            stop.close()

    def _call_inside(self) -> Any:
        current_flow_run.set(self.run)
        current_task_run.set(None)
        return self.run.flow.fn(*self.args, **self.kwargs)

    async def _call_async(self) -> Any:
        stop = self.run.stop = CoroutineStopper()
        tokens = current_flow_run.set(self.run), current_task_run.set(None)
        try:
            return await self.run.flow.fn(*self.args, **self.kwargs)
        finally:
            self.run.stop = None
            stop.close()
            current_flow_run.reset(tokens[0])
            current_task_run.reset(tokens[1])


class NextItem:
    """Take the next item of a user's generator, within its context. The outcome is (True, item) or (False, None).

    One of these serves all items: a time-out counts what the generator itself takes, and not its consumer.
    """

    __slots__ = ("run", "call", "items", "left_seconds", "said")

    def __init__(self, run: "FlowRunContext", call: "TaskCall | None", items: Any):
        self.run, self.call, self.items = run, call, items
        self.left_seconds = run.flow.timeout_seconds if call is None else call.task.timeout_seconds
        self.said: dict[str, Any] = {
            "what": f"Flow run `{run.name}`" if call is None else f"Task run `{call.name}`",
            "owner": run.id if call is None else call.id,
            "of_seconds": self.left_seconds,
        }

    def perform(self) -> tuple[bool, Any]:
        begun = monotonic()
        with _within(self.run, self.call, Stopper):
            try:
                if self.left_seconds is None:
                    return True, next(self.items)
                left = max(self.left_seconds, 0.000_1)
                return True, call_within(left, lambda: next(self.items), **self.said)
            except StopIteration:
                return False, None
            finally:
                self._spend(begun)

    async def perform_async(self) -> tuple[bool, Any]:
        begun = monotonic()
        with _within(self.run, self.call, CoroutineStopper):
            try:
                if self.left_seconds is None:
                    return True, await anext(self.items)
                left = max(self.left_seconds, 0.0)
                return True, await await_within(left, lambda: anext(self.items), **self.said)
            except StopAsyncIteration:
                return False, None
            finally:
                self._spend(begun)

    def _spend(self, begun: float) -> None:
        if self.left_seconds is not None:
            self.left_seconds -= monotonic() - begun


class _within:
    """Set the contexts of a run around a step of its generator."""

    __slots__ = ("run", "call", "stop", "tokens", "prints")

    def __init__(self, run: "FlowRunContext", call: "TaskCall | None", stop: type[Stopper] | type[CoroutineStopper]):
        self.run, self.call, self.stop = run, call, stop() if call is None else None

    def __enter__(self) -> None:
        if self.stop is not None:
            self.run.stop = self.stop
        self.tokens = current_flow_run.set(self.run), current_task_run.set(self.call)
        self.prints = _prints_of(self.run, self.call)
        self.prints.__enter__()

    def __exit__(self, *error: Any) -> None:
        if self.stop is not None:
            self.run.stop = None
            self.stop.close()
        self.prints.__exit__(*error)
        current_flow_run.reset(self.tokens[0])
        current_task_run.reset(self.tokens[1])


def logs_prints(run: "FlowRunContext", call: "TaskCall | None") -> bool:
    """Whether what is printed here belongs into the log."""
    if call is not None and call.task.log_prints is not None:
        return call.task.log_prints
    return bool(run.log_prints)


# ---- Prints ----

_catching: ContextVar[Callable[[str], None] | None] = ContextVar("penstock_prints", default=None)
_plain_print = builtins.print


def _print(
    *values: object, sep: str | None = " ", end: str | None = "\n", file: Any = None, flush: bool = False
) -> None:
    """Stands in for `print` once a flow has asked for its prints to be logged; elsewhere it is `print` itself."""
    catch = _catching.get()
    if catch is None or not (file is None or file is sys.stdout or file is sys.stderr):
        _plain_print(*values, sep=sep, end=end, file=file, flush=flush)
        return
    text = StringIO()
    _plain_print(*values, sep=sep, end="", file=text)
    catch(text.getvalue())


class _prints_of:
    """While user code runs: what it prints goes to its log, if it asked for that."""

    __slots__ = ("run", "call", "token")

    def __init__(self, run: "FlowRunContext", call: "TaskCall | None"):
        self.run, self.call = run, call

    def __enter__(self) -> None:
        self.token = None
        run, call = self.run, self.call
        if logs_prints(run, call):
            if builtins.print is not _print:
                builtins.print = _print
            self.token = _catching.set(lambda text: emit(run, call, INFO, text, logger=PRINTS))
        elif _catching.get() is not None:
            self.token = _catching.set(None)

    def __exit__(self, *_: object) -> None:
        if self.token is not None:
            _catching.reset(self.token)


def _call_isolated(call: "TaskCall", args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    from penstock.engine.processes import call_in_process  # lazy: subprocess and pipes, 10 ms

    return call_in_process(call, args, kwargs)
