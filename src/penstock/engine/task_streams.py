"""The life of a generator task: its items are handed out as they come.

It is retried only before its first item: nobody can take back what a consumer has seen. Its items are kept one by
one, and remembered as a whole once the generator is exhausted; one that its consumer left early is not.
"""

from functools import partial
from typing import Any

from penstock.core.errors import RunCancelled
from penstock.core.states import Reason, StateType
from penstock.engine.interrupts import Interrupted
from penstock.engine.kept_results import is_persisted, lead, results_of
from penstock.engine.options import Kind
from penstock.engine.programs import Block, Emit, Program
from penstock.engine.runs import TaskCall
from penstock.engine.states import State
from penstock.engine.task_life import (
    Skip,
    count_end,
    delay_before_retry,
    end_interrupted,
    failure,
    finish,
    prepare,
    recall,
    resolve_inputs,
    retry_of,
    run_hooks,
    sync_end,
    wait_for_retry,
)
from penstock.engine.usercalls import NextItem
from penstock.results.folder import STREAM


def task_stream_life(call: TaskCall) -> Program[State]:
    """Bring a generator task to its end, emitting its items, and return its final state."""
    run = call.run
    try:
        if run.recorded and (state := recall(call)) is not None:
            for item in state.result() or ():
                yield Emit(item)
            return count_end(call, state)
        refusal, args, kwargs = yield from resolve_inputs(call)
        if refusal is not None:
            return finish(call, refusal)
        state, key = yield from prepare(call, args, kwargs)
        if state is not None:
            for item in state.result() if state.is_completed() else ():
                yield Emit(item)
            return finish(call, state, cache_key=key)
        state = finish(call, (yield from _attempts(call, args, kwargs, key)), cache_key=key)
        yield from sync_end(call)
        return state
    except GeneratorExit:
        finish(
            call,
            State(
                StateType.COMPLETED,
                message="Its consumer stopped before the end, so it is not remembered.",
                reason=Reason.RETURNED,
            ),
        )
        raise
    except (Interrupted, KeyboardInterrupt, RunCancelled) as interruption:
        end_interrupted(call, interruption)
        raise


def task_list_life(call: TaskCall) -> Program[State]:
    """The same for a submitted generator task: its value is the list of its items."""
    items: list[Any] = []
    program = task_stream_life(call)
    try:
        effect = program.send(None)
        while True:
            if type(effect) is Emit:
                items.append(effect.item)
                effect = program.send(None)
                continue
            try:
                outcome = yield effect
            except BaseException as error:  # the stream decides what an error means
                effect = program.throw(error)
            else:
                effect = program.send(outcome)
    except StopIteration as stop:
        state: State = stop.value
        if state.type is StateType.COMPLETED and state.name != "Skipped":
            state._data, state._load = items, None
        return state


def _attempts(call: TaskCall, args: Any, kwargs: Any, key: str | None) -> Program[State]:
    run, task = call.run, call.task
    results, persist = results_of(call), is_persisted(call) or key is not None
    references: list[str] = []
    emitted = 0
    while True:
        if run.cancelled.is_set():
            run.check_going_on()
        call.attempt += 1
        call.place_counts = call.call_counts = None
        call.started_at = run.services.clock.now_us()
        call.seen("RUNNING", "Running" if call.attempt == 1 else "Retrying")
        run_hooks(call, task.hooks.on_running, State(StateType.RUNNING, run_id=call.id))
        try:
            made = task.fn(*args, **kwargs)
            step = NextItem(run, call, made if task.kind is Kind.ASYNC_GENERATOR else iter(made))
            while True:
                more, item = yield step
                if not more:
                    return (yield from _remember(call, references if persist else None, key, emitted))
                if persist:
                    keep = partial(results.put, item, run_id=run.id, serializer=task.result_serializer, key=key)
                    references.append((yield Block(keep)))
                emitted += 1
                yield Emit(item)
        except (Interrupted, KeyboardInterrupt, GeneratorExit):
            raise
        except Skip as skip:
            return State(StateType.COMPLETED, "Skipped", str(skip) or None, reason=Reason.SKIPPED_BY_TASK)
        except BaseException as error:
            state = failure(call, error)
            if not isinstance(error, Exception):
                finish(call, state)
                raise
        if emitted:
            state.message = (
                f"{state.message} (after {emitted:,} items, so it was not retried)"
                if retry_of(call).retries
                else state.message
            )
            return state
        delay = delay_before_retry(call, state)
        if delay is None:
            return state
        yield from wait_for_retry(call, state, delay)


def _remember(call: TaskCall, references: list[str] | None, key: str | None, emitted: int) -> Program[State]:
    state = State(StateType.COMPLETED, message=f"{emitted:,} items.", reason=Reason.RETURNED)
    if references is not None:
        results, run = results_of(call), call.run
        manifest = yield Block(lambda: results.put(references, run_id=run.id, serializer=None, key=key))
        state.result_reference = STREAM + manifest
        if key is not None:
            yield from lead(call, key, state.result_reference)
    return state
