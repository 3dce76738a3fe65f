"""Calling the user's function: in its context, within its time, with its prints caught."""

import builtins
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from io import StringIO
from threading import get_ident
from typing import TYPE_CHECKING, Any

from penstock.engine.context import current_flow_run, current_task_run
from penstock.engine.interrupts import (
    CancelNow,
    await_within,
    call_within,
    interrupt_main,
    interrupt_thread,
    is_main_thread,
)
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
                return call_within(call.task.timeout_seconds, super().perform, what=f"Task run `{call.display_name}`")
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
                return await await_within(call.task.timeout_seconds, inner, what=f"Task run `{call.display_name}`")
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
                return call_within(seconds, self._call, what=f"Flow run `{self.run.name}`")
            return self._call()

    async def perform_async(self) -> Any:
        seconds = self.run.flow.timeout_seconds
        with _prints_of(self.run, None):
            if self.run.flow.kind is not Kind.COROUTINE:
                return self.perform()
            if seconds is not None:
                return await await_within(seconds, self._call_async, what=f"Flow run `{self.run.name}`")
            return await self._call_async()

    def _call(self) -> Any:
        self.run.stop = stop_this_thread()
        tokens = current_flow_run.set(self.run), current_task_run.set(None)
        try:
            return self.run.flow.fn(*self.args, **self.kwargs)
        finally:
            current_flow_run.reset(tokens[0])
            self.run.stop = None
            current_task_run.reset(tokens[1])

    async def _call_async(self) -> Any:
        self.run.stop = stop_this_coroutine()
        tokens = current_flow_run.set(self.run), current_task_run.set(None)
        try:
            return await self.run.flow.fn(*self.args, **self.kwargs)
        finally:
            self.run.stop = None
            current_flow_run.reset(tokens[0])
            current_task_run.reset(tokens[1])


class NextItem:
    """Take the next item of a user's generator, within its context. The outcome is (True, item) or (False, None)."""

    __slots__ = ("run", "call", "items")

    def __init__(self, run: "FlowRunContext", call: "TaskCall | None", items: Any):
        self.run, self.call, self.items = run, call, items

    def perform(self) -> tuple[bool, Any]:
        with _within(self.run, self.call):
            try:
                return True, next(self.items)
            except StopIteration:
                return False, None

    async def perform_async(self) -> tuple[bool, Any]:
        with _within(self.run, self.call):
            try:
                return True, await anext(self.items)
            except StopAsyncIteration:
                return False, None


class _within:
    """Set the contexts of a run around a step of its generator."""

    __slots__ = ("run", "call", "tokens", "prints")

    def __init__(self, run: "FlowRunContext", call: "TaskCall | None"):
        self.run, self.call = run, call

    def __enter__(self) -> None:
        self.tokens = current_flow_run.set(self.run), current_task_run.set(self.call)
        self.prints = _prints_of(self.run, self.call)
        self.prints.__enter__()

    def __exit__(self, *error: Any) -> None:
        self.prints.__exit__(*error)
        current_flow_run.reset(self.tokens[0])
        current_task_run.reset(self.tokens[1])


def stop_this_thread() -> Callable[[], None]:
    """How somebody else ends what this thread is doing."""
    if is_main_thread():
        return lambda: interrupt_main(CancelNow)
    ident = get_ident()
    return lambda: interrupt_thread(ident, CancelNow)


def stop_this_coroutine() -> Callable[[], None]:
    """How somebody else ends what this coroutine is doing."""
    import asyncio  # lazy: 30 ms; a loop runs, so it is loaded

    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def stop() -> None:
        if task is not None:
            loop.call_soon_threadsafe(task.cancel)

    return stop


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
    if catch is None or file is not None:
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
