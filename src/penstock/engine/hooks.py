"""Calling users' hooks: inside the run that they are about, whatever the colour of the hook."""

from collections.abc import Coroutine, Iterable
from contextvars import copy_context
from threading import Thread
from typing import TYPE_CHECKING, Any

from penstock.engine.context import current_flow_run, current_task_run
from penstock.engine.logs import ERROR, emit
from penstock.engine.states import State

if TYPE_CHECKING:
    from penstock.engine.runs import FlowRunContext, TaskCall


def call_hooks(
    hooks: Iterable[Any], subject: Any, state: State, *, run: "FlowRunContext", call: "TaskCall | None" = None
) -> None:
    """Call `hook(subject, run, state)` for each. One that raises is logged and changes nothing."""
    for hook in hooks:
        tokens = current_flow_run.set(run), current_task_run.set(call)
        try:
            outcome = hook(subject, run if call is None else call, state)
            if isinstance(outcome, Coroutine):
                _finish(outcome)
        except Exception as error:
            name = getattr(hook, "__name__", hook)
            emit(run, call, ERROR, f"The hook `{name}` raised {type(error).__name__}: {error}.")
        finally:
            current_flow_run.reset(tokens[0])
            current_task_run.reset(tokens[1])


def _finish(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run a hook's coroutine to its end; in a thread of its own if this one has a loop that runs."""
    import asyncio  # lazy: 30 ms, for async hooks only

    if asyncio._get_running_loop() is None:
        asyncio.run(coroutine)
        return
    context, raised = copy_context(), []

    def body() -> None:
        try:
            context.run(asyncio.run, coroutine)
        except Exception as error:
            raised.append(error)

    thread = Thread(target=body, name="penstock-hook")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
