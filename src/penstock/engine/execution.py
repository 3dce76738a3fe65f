"""Submitting calls, and running what was submitted."""

from collections.abc import Callable
from contextvars import copy_context
from threading import Lock
from time import monotonic, sleep

from penstock.core.states import Reason, StateType
from penstock.engine.futures import Future, TaskFuture, is_future
from penstock.engine.inputs import dependencies_of, is_plain
from penstock.engine.interrupts import stopper_of_this_thread
from penstock.engine.options import Kind
from penstock.engine.programs import Program, drive, drive_async
from penstock.engine.runners import Runner
from penstock.engine.runs import FlowRunContext, TaskCall
from penstock.engine.states import State
from penstock.engine.task_life import describe_error, finish, task_life
from penstock.engine.task_streams import task_list_life

QUIET_LOOK_SECONDS_MIN, QUIET_LOOK_SECONDS_MAX = 0.001, 0.05
"""How often whoever gives something up looks whether it has ended by itself."""


def submit(call: TaskCall) -> TaskFuture:
    """Hand a call to the run's task runner, which begins it once all that it depends on has ended."""
    run = call.run
    runner = run.runner
    if runner is None:
        runner = start_runner(run)
    future: TaskFuture = Future(call, copy_context())
    if call.wait_for is None and is_plain(call.args, call.kwargs):
        run.outstanding.add(future)
        runner.enqueue(future)
        return future
    pending = [d for d, _ in dependencies_of(call) if is_future(d) and not d.done()]
    run.outstanding.add(future)
    if not pending:
        runner.enqueue(future)
    else:
        _Countdown(len(pending), future, runner).watch(pending)
    return future


def start_runner(run: FlowRunContext) -> Runner:
    """The run's task runner, started when the first task is submitted."""
    with run.lock:
        if run.runner is None:
            run.runner = (run.flow.task_runner or run.services.default_runner).start(run)
        return run.runner


def execute(future: TaskFuture) -> None:
    """Run a submitted call in this thread and settle its future. Raises nothing: the future holds what happened."""
    context, stop = future.context, stopper_of_this_thread()
    within = stop is not None and stop.is_open
    if stop is not None and within:
        stop.is_open = False
        stop.close()  # from here to the end nobody may leave the future half-way
    try:
        call = None if context is None else future.claim()
        if context is not None and call is not None:
            conclude(future, call, lambda: context.run(_drive_call, call))
    finally:
        if stop is not None and within:
            stop.open()


def conclude(future: TaskFuture, call: TaskCall, run_life: Callable[[], State]) -> None:
    """Settle a future with what its call's life comes to; that alone is done while this thread can be stopped."""
    stop = stopper_of_this_thread()
    try:
        try:
            if stop is not None:
                stop.open()
            state = run_life()
        finally:
            if stop is not None:
                stop.is_open = False  # in one step: from here on it is struck once more at most
                stop.close()
    except BaseException as error:
        if stop is not None:
            stop.close()
        state = interrupted_state(call, error)
        if call.prefix is not None:
            finish(call, state)  # if it had no time to say so itself
    future.settle(state)
    call.run.outstanding.discard(future)  # after it, so that nobody sees a run that waits for nothing unsettled


def wait_until_quiet(run: FlowRunContext, *, within: TaskCall | None = None, seconds: float) -> None:
    """Wait until whatever goes on in a run, or within one of its calls, has said how it ended; so long at most."""
    end, pause = monotonic() + seconds, QUIET_LOOK_SECONDS_MIN
    while monotonic() < end and any(
        kind not in (Kind.GENERATOR, Kind.ASYNC_GENERATOR)  # these may well rest where nobody iterates any more
        for kind in (
            *(call.task.kind for call in _calls_in(run, within)),
            *(child.flow.kind for child in _children_of(run, within)),
        )
    ):
        sleep(pause)
        pause = min(pause * 2, QUIET_LOOK_SECONDS_MAX)


def give_up(run: FlowRunContext, *, within: TaskCall | None = None) -> None:
    """Record as cancelled what does not end although it was told to, in a run or within one of its calls; what it says
    later is refused."""
    for child in _children_of(run, within):
        give_up(child)
        if not child.seen_last(_given_up(child).as_run_state()):
            child.repeat_last_words()
        run.children.discard(child)
    if within is None:
        for future in list(run.outstanding):
            call, state = future.call, _given_up(run)
            if call is not None:
                if future.claim() is None and not future.done():
                    finish(call, state)
                state.run_id, state.run_name = call.id, call.name
                future.settle(state)
            run.outstanding.discard(future)
    for call in _calls_in(run, within):
        finish(call, _given_up(run))


def _given_up(run: FlowRunContext) -> State:
    message = "Cancelled before it ended by itself."
    return State(StateType.CANCELLED, message=message, reason=Reason.CANCEL_REQUESTED)


def _calls_in(run: FlowRunContext, within: TaskCall | None) -> list[TaskCall]:
    """The calls that go on in a run, or in one of its calls, without that itself."""
    return [call for call in list(run.going_on) if within is None or (call is not within and is_within(call, within))]


def _children_of(run: FlowRunContext, within: TaskCall | None) -> list[FlowRunContext]:
    return [child for child in list(run.children) if within is None or is_within(child.parent_call, within)]


def is_within(call: TaskCall | None, outer: TaskCall) -> bool:
    """Whether a call was made by another one, or by what that called."""
    while call is not None and call is not outer:
        call = call.parent
    return call is outer


def interrupted_state(call: TaskCall, error: BaseException) -> State:
    """The state of a call whose life was ended from outside, or by an error of ours, which is told as it is."""
    cancelled = call.run.cancelled.is_set() or not isinstance(error, Exception)
    type_ = StateType.CANCELLED if cancelled else StateType.FAILED
    state = State(
        type_, message=describe_error(error), data=error, reason=Reason.CANCEL_REQUESTED if cancelled else Reason.RAISED
    )
    state.run_id, state.run_name = call.id, call.name
    return state


def life_of(call: TaskCall) -> Program[State]:
    """The program that brings a submitted call to its end; a generator task's value is the list of its items."""
    if call.task.kind in (Kind.GENERATOR, Kind.ASYNC_GENERATOR):
        return task_list_life(call)
    return task_life(call)


def _drive_call(call: TaskCall) -> State:
    if call.task.kind in (Kind.COROUTINE, Kind.ASYNC_GENERATOR):
        import asyncio  # lazy: 30 ms, for async tasks only

        return asyncio.run(drive_async(life_of(call)))
    return drive(life_of(call))


class _Countdown:
    """Enqueues a future when the last of those that it waits for has ended."""

    __slots__ = ("left", "future", "runner", "lock")

    def __init__(self, left: int, future: TaskFuture, runner: Runner):
        self.left, self.future, self.runner, self.lock = left, future, runner, Lock()

    def watch(self, pending: list[TaskFuture]) -> None:
        for upstream in pending:
            upstream.add_done_callback(self._one_ended)

    def _one_ended(self, _: TaskFuture) -> None:
        with self.lock:
            self.left -= 1
            last = self.left == 0
        if last:
            self.runner.enqueue(self.future)
