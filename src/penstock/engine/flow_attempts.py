"""One attempt of a flow run: call the function, wait for what it submitted, and say how all of it ended.

An attempt ends in one of five ways: the function returned; it raised; its time was up; somebody stopped it; it went to rest
until somebody answers. In the last three what it submitted is stopped as well, and what cannot be stopped is given up after the
grace period.
"""

from collections.abc import Sequence
from time import monotonic
from typing import Any

from penstock.core.errors import JournalError, RunCancelled, RunFailed, RunTimedOut, UpstreamFailed
from penstock.core.finals import settle, settle_counts
from penstock.core.states import FINAL_TYPES, Reason, StateType
from penstock.engine.execution import give_up, wait_until_quiet
from penstock.engine.futures import wait
from penstock.engine.inputs import find_dependencies, resolve, state_of
from penstock.engine.interrupts import CancelNow, Interrupted
from penstock.engine.journal import FORKED
from penstock.engine.options import Kind
from penstock.engine.programs import Block, Emit, Program, drive
from penstock.engine.runs import FlowRunContext
from penstock.engine.states import State, is_state, unawaited
from penstock.engine.task_life import Skip, describe_error
from penstock.engine.tracebacks import trim
from penstock.engine.usercalls import CallFlow, NextItem

Ending = tuple[State, BaseException | None]
"""How an attempt ended, and what must end the caller as well."""


class SuspendNow(Interrupted):
    """The run goes to rest, and its process with it, until somebody answers what it asked."""


def attempt_flow(run: FlowRunContext, args: Sequence[Any], kwargs: dict[str, Any]) -> Program[Ending]:
    """Try once. A consumer that leaves a generator flow early raises `GeneratorExit` here, all tasks being stopped."""
    try:
        if run.flow.kind in (Kind.GENERATOR, Kind.ASYNC_GENERATOR):
            value = yield from _stream(run, args, kwargs)
        else:
            value = yield CallFlow(run, args, kwargs)
        if run.services.journal.is_foreign:  # the user's function forked, and this is the child: the run is not its own
            raise JournalError(FORKED)
        yield from _await_tasks(run)
    except GeneratorExit:  # no more effects can be yielded
        drive(_stop_tasks(run))
        raise
    except BaseException as error:
        if run.services.journal.is_foreign:
            raise
        return (yield from _end_with(run, error))
    return (_cancelled(run) if run.cancelled.is_set() else _settle(run, value)), None


def _stream(run: FlowRunContext, args: Sequence[Any], kwargs: dict[str, Any]) -> Program[Any]:
    """Hand out a generator flow's items; it is retried only before the first, which nobody can take back."""
    made = run.flow.fn(*args, **kwargs)
    step = NextItem(run, None, made if run.flow.kind is Kind.ASYNC_GENERATOR else iter(made))
    while True:
        more, item = yield step
        if not more:
            return None
        run.streamed = True
        yield Emit(item)


# ---- Waiting and stopping ----


def _await_tasks(run: FlowRunContext) -> Program[None]:
    """A flow run ends when everything that it submitted has ended."""
    if run.outstanding:
        yield Block(lambda: _wait_for_all(run))


def _wait_for_all(run: FlowRunContext) -> None:
    while run.outstanding:
        for future in list(run.outstanding):
            future.wait()
            run.outstanding.discard(future)


def _stop_tasks(run: FlowRunContext) -> Program[None]:
    """End what is still running, give it the grace period to say so, and give up what does not."""
    run.cancel()
    if run.runner is not None:
        run.runner.interrupt()
    try:
        if run.outstanding or run.going_on or run.children:
            yield Block(lambda: _grant_grace(run))
    except (Interrupted, KeyboardInterrupt):
        pass  # asked twice: no more grace
    give_up(run)


def _grant_grace(run: FlowRunContext) -> None:
    """Wait for what was submitted, and for what goes on in threads that were left behind."""
    begun, grace = monotonic(), run.services.settings.cancel_grace_seconds
    wait(list(run.outstanding), timeout=grace)
    wait_until_quiet(run, seconds=grace - (monotonic() - begun))


def _end_with(run: FlowRunContext, error: BaseException) -> Program[Ending]:
    try:
        if isinstance(error, Interrupted | KeyboardInterrupt) or is_cancellation(error) or _is_own_time_out(run, error):
            yield from _stop_tasks(run)
        else:
            yield from _await_tasks(run)
    except BaseException as later:  # while it waited, somebody stopped it
        error = later
        yield from _stop_tasks(run)
    return state_after(run, error), error if _ends_caller(run, error) else None


def _ends_caller(run: FlowRunContext, error: BaseException) -> bool:
    """Whether an error must end what called the flow as well: an interrupt of the whole program, or of the parent run."""
    if isinstance(error, Exception | SuspendNow):
        return False
    ours = isinstance(error, CancelNow) or (is_cancellation(error) and run.cancel_message is not None)
    return run.parent is not None or not ours


def is_cancellation(error: BaseException) -> bool:
    """Whether an error is asyncio's, told without importing it."""
    return type(error).__name__ == "CancelledError"


def _is_own_time_out(run: FlowRunContext, error: BaseException) -> bool:
    return isinstance(error, RunTimedOut) and error.owner == run.id


# ---- How it ended ----


def state_after(run: FlowRunContext, error: BaseException) -> State:
    """The state that a run ends in, given what was raised in it or thrown into it."""
    trim(error)
    if isinstance(error, SuspendNow):
        return State(StateType.PAUSED, "Suspended", str(error), reason=Reason.WAITING_FOR_INPUT)
    if _is_own_time_out(run, error):
        return State(StateType.FAILED, "TimedOut", str(error), error, reason=Reason.TIMED_OUT)
    if isinstance(error, KeyboardInterrupt):
        return State(StateType.CANCELLED, message="Interrupted from the keyboard.", reason=Reason.INTERRUPTED)
    if is_cancellation(error) and run.cancel_message is None:  # by its caller, or by Ctrl-C, which loops turn into it
        return State(StateType.CANCELLED, message="Its coroutine was cancelled.", reason=Reason.INTERRUPTED)
    if isinstance(error, Interrupted) and not isinstance(error, CancelNow) and run.cancel_message is None:
        return State(StateType.CANCELLED, message="The time of what called it was up.", reason=Reason.INTERRUPTED)
    if run.cancelled.is_set() or isinstance(error, RunCancelled | CancelNow):
        return _cancelled(run, None if run.cancelled.is_set() else error)
    if isinstance(error, Skip):
        return State(StateType.COMPLETED, "Skipped", str(error) or None, reason=Reason.SKIPPED_BY_TASK)
    message = f"Flow run encountered an exception: {describe_error(error)}"
    return State(StateType.FAILED, message=message, data=error, reason=Reason.RAISED)


def _cancelled(run: FlowRunContext, error: BaseException | None = None) -> State:
    message = run.cancel_message or "Cancelled while it ran."
    return State(StateType.CANCELLED, message=message, data=error, reason=Reason.CANCEL_REQUESTED)


def _settle(run: FlowRunContext, value: Any) -> State:
    if (refused := unawaited(value, "flow")) is not None:
        return refused
    if is_state(value):
        return _own(value)
    if value is None:
        return _settle_by_tasks(run)
    dependencies = list(find_dependencies(value))
    if not dependencies:
        return State(StateType.COMPLETED, data=value, reason=Reason.RETURNED)
    states = [state_of(dependency) for dependency, _ in dependencies]
    final = settle([state.type for state in states])
    if final.type is StateType.COMPLETED:
        return State(final.type, message=final.message, data=resolve(value), reason=final.reason)
    error = next((state.error() for state in states if state.type is not StateType.COMPLETED), None)
    if isinstance(error, UpstreamFailed) and run.first_failure is not None:
        error.__cause__ = run.first_failure.error()
    message = final.message if len(states) > 1 or error is None else describe_error(error)
    return State(final.type, message=message, data=error, reason=final.reason)


def _own(state: State) -> State:
    """A state that the function returned, as the flow run's own."""
    if state.type in FINAL_TYPES:
        return state.adopted()
    message = f"The flow returned the state {state.name}, which ends nothing."
    return State(StateType.FAILED, message=message, reason=Reason.RETURNED_FAILED)


def _settle_by_tasks(run: FlowRunContext) -> State:
    final = settle_counts(run.type_counts)
    error: RunFailed | None = None
    first = run.first_failure
    if final.type is StateType.FAILED and first is not None:
        first_error = first.error()
        error = RunFailed(
            f"Flow run `{run.name}` failed: {final.message} `{first.run_name}`: {describe_error(first_error)}"
        )
        error.__cause__ = first_error
    return State(final.type, message=final.message, data=error, reason=final.reason)
