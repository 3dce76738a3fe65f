"""The life of a task run, written once: recall, wait, admit, look in the cache, try, try again, remember.

    recall -> resolve inputs -> admit -> cached? -> attempt -> (retry -> attempt)* -> remember -> end

Each step that changes what is known of the run is journaled before the next begins.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from penstock.core.errors import JournalError, RunCancelled, RunTimedOut
from penstock.core.retries import RetryPolicy
from penstock.core.sizes import STATE_MESSAGE_CHARACTERS_MAX, UPSTREAMS_MAX
from penstock.core.states import FINAL_TYPES, Reason, StateType
from penstock.core.triggers import Admission, When, rule
from penstock.engine.bindings import bind_arguments, format_name
from penstock.engine.caching import cache_key_of
from penstock.engine.context import call_inside, current_transaction
from penstock.engine.futures import is_future
from penstock.engine.hooks import call_hooks
from penstock.engine.inputs import dependencies_of, ids_of, is_plain, resolve, upstreams_of
from penstock.engine.interrupts import CancelNow, Interrupted
from penstock.engine.kept_results import is_strict, load_result, remember, results_of
from penstock.engine.logs import ERROR, INFO, WARNING, emit, emit_traceback
from penstock.engine.options import effective_retry
from penstock.engine.programs import Block, Program, Sleep
from penstock.engine.runs import TaskCall, source_of
from penstock.engine.slots import take_task_slots
from penstock.engine.states import State, is_state, unawaited
from penstock.engine.tracebacks import trim
from penstock.engine.usercalls import CallTask, CallTaskWithin

NO_KWARGS: dict[str, Any] = {}


class Skip(Exception):
    """Raised by a task that has nothing to do; `Skip("why")`. What waits for its success is skipped too."""


def task_life(call: TaskCall) -> Program[State]:
    """Bring a call to its end and return its final state. Raises only what must end the caller as well."""
    run, task = call.run, call.task
    try:
        if run.recorded and (state := recall(call)) is not None:
            return count_end(call, state)
        args, kwargs = call.args, call.kwargs
        if call.wait_for is not None or not is_plain(args, kwargs):
            refusal, args, kwargs = yield from resolve_inputs(call)
            if refusal is not None:
                return finish(call, refusal)
        key = None
        if task.task_run_name is not None or task.cache_key_fn is not None or task.cache_policy.parts:
            state, key = yield from prepare(call, args, kwargs)
            if state is not None:
                return finish(call, state, cache_key=key)
        state = yield from _attempts(call, args, kwargs, key)
        finish(call, state, cache_key=key)
        if run.strict or task.durability is not None:
            yield from sync_end(call)
        return state
    except GeneratorExit:
        raise
    except (Interrupted, KeyboardInterrupt, RunCancelled) as interruption:
        end_interrupted(call, interruption)
        raise
    finally:
        call.args, call.kwargs, call.wait_for, call.inputs = (), NO_KWARGS, None, None  # let go of data


def recall(call: TaskCall) -> State | None:
    """What an earlier epoch recorded of this call, if that still holds; else the call counts as run again."""
    run = call.run
    known = run.recorded.get(call.id)
    if known is None or (known.result is None and known.state_name != "Skipped") or _is_outdated(call, known):
        run.rerun.add(call.id)
        return None
    reference = known.result
    if reference is not None and not results_of(call).exists(reference):
        emit(run, call, WARNING, "Its recorded result is missing or does not match its checksum, so it runs again.")
        run.rerun.add(call.id)
        return None
    run.services.console.flood_line(INFO, f"Task run '{call.name}'", "Recalled from an earlier attempt of this run")
    results = results_of(call)
    load = None if reference is None else (lambda: load_result(results, reference))
    return State(
        known.state_type,
        known.state_name,
        known.message,
        run_id=call.id,
        run_name=call.name,
        result_reference=reference,
        load=load,
    )


def _is_outdated(call: TaskCall, known: Any) -> bool:
    run = call.run
    if _tolerates_failure(call) and any(_ran_since(call, upstream, known.epoch) for upstream in known.upstream):
        return True
    changed = run.rerun if run.code_changed else run.outdated
    if known.source_hash != source_of(call.task) or (
        changed and (not call.exact or any(upstream in changed for upstream in known.upstream))
    ):
        run.outdated.add(call.id)  # an earlier epoch may have allowed the change, and ended before it came here
        emit(run, call, INFO, "Its code, or that of what it depends on, changed since it completed, so it runs again.")
        return True
    return False


def _tolerates_failure(call: TaskCall) -> bool:
    """Whether the call may have completed on a failure of what it depends on, which the new epoch may have mended."""
    return call.task.when is not When.ALL_SUCCESS or any(tolerated for _, tolerated in dependencies_of(call))


def _ran_since(call: TaskCall, upstream: str, epoch: int) -> bool:
    recorded = call.run.recorded.get(upstream)
    return upstream in call.run.rerun or (recorded is not None and recorded.epoch > epoch)


# ---- Before the first attempt ----


def resolve_inputs(call: TaskCall) -> Program[tuple[State | None, Sequence[Any], dict[str, Any]]]:
    """Wait for what the call depends on: a state if it is not to run, and what the function gets if it is."""
    pending = [d for d, _ in dependencies_of(call) if is_future(d) and not d.done()]
    if pending:
        yield Block(lambda: [future.wait() for future in pending])
    refusal = admit(call)
    if refusal is not None:
        return refusal, (), {}
    return None, [resolve(value) for value in call.args], {name: resolve(value) for name, value in call.kwargs.items()}


def admit(call: TaskCall) -> State | None:
    """Decide by the trigger rule whether the call runs, all that it depends on having ended; its state if it does not."""
    producers = call.run.producers
    makers: list[str] = []
    if producers:
        makers = [
            producers[id(v)][1]
            for v in (*call.args, *call.kwargs.values())
            if id(v) in producers and producers[id(v)][0]() is v
        ]
    dependencies = dependencies_of(call)
    if dependencies or makers:
        call.upstream = list(dict.fromkeys(makers + ids_of(dependencies)))[:UPSTREAMS_MAX]
    ruling = rule(call.task.when, upstreams_of(dependencies))
    return None if ruling.admission is Admission.RUN else _refusal(ruling.admission, ruling.message)


def _refusal(admission: Admission, message: str) -> State:
    if admission is Admission.NOT_READY:
        return State(StateType.PENDING, "NotReady", message, reason=Reason.UPSTREAM_FAILED)
    if admission is Admission.TRIGGER_FAILED:
        return State(StateType.FAILED, "TriggerFailed", message, reason=Reason.UPSTREAM_FAILED)
    reason = Reason.SKIPPED_BY_UPSTREAM if admission is Admission.SKIP_UPSTREAM else Reason.SKIPPED_BY_RULE
    return State(StateType.COMPLETED, "Skipped", message, reason=reason)


def prepare(call: TaskCall, args: Sequence[Any], kwargs: dict[str, Any]) -> Program[tuple[State | None, str | None]]:
    """Name the call and look for its result in the cache: its state if it need not or cannot run, and its cache key.

    A user's template or function that fails here fails the task run, as it would inside the task.
    """
    task, key = call.task, None
    is_cached = task.cache_key_fn is not None or bool(task.cache_policy.parts)
    if task.task_run_name is None and not is_cached:
        return None, None
    try:
        inputs, name = inputs_of(call, args, kwargs), task.task_run_name
        if name is not None:
            what = f"task_run_name of `{task.name}`"
            call.given_name = call_inside(call.run, call, lambda: format_name(name, inputs, what=what))
        if is_cached:
            key = call_inside(call.run, call, lambda: cache_key_of(call, inputs))
        return (None if key is None else (yield from find_cached(call, key))), key
    except JournalError:
        raise
    except Exception as error:
        return failure(call, error), None


def parameters_of(call: TaskCall) -> dict[str, Any]:
    """The same while the call runs, for whoever asks."""
    if call.inputs is None and call.attempt:
        inputs_of(call, [resolve(v) for v in call.args], {name: resolve(v) for name, v in call.kwargs.items()})
    return call.inputs or {}


def inputs_of(call: TaskCall, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The call's arguments by name, bound once."""
    if call.inputs is None:
        call.inputs = bind_arguments(call.task.fn, args, kwargs)
    return call.inputs


def find_cached(call: TaskCall, key: str) -> Program[State | None]:
    """The state of a call whose result is in the cache."""
    task, results, now = call.task, results_of(call), call.run.services.clock.now_us()
    if task.refresh_cache:
        return None
    hit = yield Block(lambda: results.find_cached(key, now=now))
    if hit is None:
        return None
    reference = hit.reference
    return State(
        StateType.COMPLETED,
        "Cached",
        None,
        reason=Reason.CACHE_HIT,
        result_reference=reference,
        load=lambda: load_result(results, reference),
    )


# ---- Attempts ----


def _attempts(call: TaskCall, args: Sequence[Any], kwargs: dict[str, Any], key: str | None) -> Program[State]:
    run, task = call.run, call.task
    services = run.services
    special = task.timeout_seconds is not None or task.isolation != "thread" or run.log_prints or task.log_prints
    effect = CallTaskWithin(call, args, kwargs) if special else CallTask(call, args, kwargs)
    while True:
        if run.cancelled.is_set():
            run.check_going_on()
        slots = (yield from take_task_slots(call)) if services.journal.limits else None
        call.attempt += 1
        call.place_counts = call.call_counts = None
        call.started_at = services.clock.now_us()
        call.seen("RUNNING", "Running" if call.attempt == 1 else "Retrying")
        if task.hooks.on_running:
            run_hooks(call, task.hooks.on_running, State(StateType.RUNNING, run_id=call.id))
        try:
            value = yield effect
        except (Interrupted, KeyboardInterrupt, GeneratorExit):
            raise
        except Skip as skip:
            return State(StateType.COMPLETED, "Skipped", str(skip) or None, reason=Reason.SKIPPED_BY_TASK)
        except BaseException as error:
            if services.journal.is_foreign:  # the user's function forked, and this is the child
                raise
            state = failure(call, error)
            if not isinstance(error, Exception):
                finish(call, state)
                raise
            if state.name == "TimedOut":
                yield Block(lambda: services.calls.end_within(call))
        else:
            state = _outcome(call, value)
            if state.type is StateType.COMPLETED:
                if task.result_storage_key is not None:
                    inputs_of(call, args, kwargs)
                return (yield from _keep(call, state, key))
        finally:
            if slots is not None:
                slots.release_soon()
        delay = delay_before_retry(call, state)
        if delay is None:
            return state
        yield from wait_for_retry(call, state, delay)


def _keep(call: TaskCall, state: State, key: str | None) -> Program[State]:
    """Keep the result. Where there is no room or no right to, the task failed: what it computed is lost."""
    try:
        return (yield from remember(call, state, key))
    except JournalError:
        raise
    except Exception as error:
        return failure(call, error)


def _outcome(call: TaskCall, value: Any) -> State:
    if is_future(value):
        value = value.wait().state
    if not is_state(value):
        return unawaited(value, "task") or State(StateType.COMPLETED, data=value)
    if value.type not in FINAL_TYPES:
        message = (
            f"The task returned the state {value.name}, which ends nothing." if value.message is None else value.message
        )
        return State(StateType.FAILED, message=message, data=value.error(), reason=Reason.RETURNED_FAILED)
    try:
        state = value.adopted()
    except Exception as error:  # its value cannot be loaded
        return failure(call, error)
    state.reason = state.reason or (Reason.RETURNED if state.type is StateType.COMPLETED else Reason.RETURNED_FAILED)
    return state


def failure(call: TaskCall, error: BaseException) -> State:
    """The state that an error of the user's function leads to."""
    trim(error)
    if type(error).__name__ == "CancelledError":  # asyncio's, told without importing it
        return State(StateType.CANCELLED, message="Its coroutine was cancelled.", data=error, reason=Reason.INTERRUPTED)
    if isinstance(error, RunCancelled) and call.run.cancelled.is_set():
        return State(StateType.CANCELLED, message="Cancelled while it ran.", data=error, reason=Reason.CANCEL_REQUESTED)
    if isinstance(error, RunTimedOut) and error.owner == call.id:
        return State(StateType.FAILED, "TimedOut", str(error), error, reason=Reason.TIMED_OUT)
    return State(StateType.FAILED, message=describe_error(error), data=error, reason=Reason.RAISED)


def describe_error(error: BaseException) -> str:
    """An error as a state's message: its type and what it says."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return text[:STATE_MESSAGE_CHARACTERS_MAX]


def delay_before_retry(call: TaskCall, state: State) -> float | None:
    """Seconds until the next attempt, or none if there is none."""
    task, retry = call.task, retry_of(call)
    if not retry.allows(call.attempt) or call.run.cancelled.is_set():
        return None
    if task.retry_condition_fn is not None:
        try:
            if not task.retry_condition_fn(task, call, state):
                return None
        except Exception as error:
            emit(call.run, call, ERROR, f"Its retry_condition_fn raised {describe_error(error)}; it is not retried.")
            return None
    return retry.delay_seconds(call.attempt, chance=call.run.services.chance())


def retry_of(call: TaskCall) -> RetryPolicy:
    """How the task is tried again: as it says, else as the settings do."""
    settings = call.run.services.settings
    return effective_retry(call.task, retries=settings.task_retries, delay_seconds=settings.task_retry_delay_seconds)


def wait_for_retry(call: TaskCall, state: State, delay: float) -> Program[None]:
    """Note the failed attempt and wait for the next."""
    run = call.run
    if call.attempts is None:
        call.attempts = []
    call.attempts.append([call.started_at, run.services.clock.now_us(), state.name, state.message])
    left = f"{call.attempt} of {retry_of(call).retries}"
    emit(
        run,
        call,
        WARNING,
        f"{state.message} - Retry {left} will start {'immediately' if delay == 0 else f'{delay:g} second(s) from now'}",
    )
    if delay > 0:
        call.seen("SCHEDULED", "AwaitingRetry", reason=Reason.RETRYING, message=state.message)
        yield Sleep(delay, run.cancelled, run.services.sleep)


# ---- The end ----


def finish(call: TaskCall, state: State, *, cache_key: str | None = None) -> State:
    """Journal the final state, count it, tell hooks, transaction and terminal. What has ended is left as it ended."""
    if call.last_words is not None:
        call.repeat_last_words()
        return state
    now = call.run.services.clock.now_us()
    state.run_id, state.run_name, state.timestamp = call.id, call.name, now
    if cache_key is None and state.reason is None and state.message is None:
        first = call.seen(state.type.value, state.name, ended_at=now, result=state.result_reference)
    else:
        message = None if state.message is None else state.message[:STATE_MESSAGE_CHARACTERS_MAX]
        first = call.seen(
            state.type.value,
            state.name,
            reason=state.reason,
            message=message,
            ended_at=now,
            result=state.result_reference,
            cache_key=cache_key,
        )
    if not first:
        return state
    hooks = call.task.hooks
    if hooks.any():
        run_hooks(call, _hooks_at_end(call, state), state)
    if state.type is StateType.COMPLETED:
        transaction = current_transaction.get()
        if transaction is not None:
            transaction.stage_call(call, state)
        elif hooks.on_commit:
            call.run.services.calls.commit_alone(call, state)
        call.run.services.console.flood_line(INFO, f"Task run '{state.run_name}'", f"Finished in state {state!r}")
    elif state.type is not StateType.CANCELLED:
        if state.reason is Reason.RAISED and isinstance(state._data, BaseException):
            emit_traceback(call.run, call, state._data)
        emit(call.run, call, ERROR, f"Finished in state {state!r}")
    return count_end(call, state)


def sync_end(call: TaskCall) -> Program[None]:
    """With `durability="strict"`: the end is on the disk before anyone hears of it."""
    if is_strict(call):
        yield Block(call.run.sync)


def count_end(call: TaskCall, state: State) -> State:
    """Let the end of a flow's direct child count for the flow's own."""
    if call.parent is None:
        call.run.count_state(state)
    return state


def end_interrupted(call: TaskCall, interruption: BaseException) -> None:
    """Record that a call was ended from outside."""
    if call.attempt == 0 and call.prefix is None:
        return  # it never began
    timed = not isinstance(interruption, CancelNow | KeyboardInterrupt | RunCancelled)
    message = "The flow run's time was up." if timed else "Cancelled while it ran."
    reason = Reason.TIMED_OUT if timed else Reason.CANCEL_REQUESTED
    finish(call, State(StateType.CANCELLED, message=message, reason=reason))


def _hooks_at_end(call: TaskCall, state: State) -> Iterable[Any]:
    hooks = call.task.hooks
    if state.type is StateType.COMPLETED:
        return hooks.on_completion
    return hooks.on_failure if state.type is StateType.FAILED else ()


def run_hooks(call: TaskCall, hooks: Iterable[Any], state: State) -> None:
    """Call a user's hooks. One that raises is logged and changes nothing."""
    call_hooks(hooks, call.task, state, run=call.run, call=call)
