"""The life of a task run, written once: recall, wait, admit, look in the cache, try, try again, remember.

    recall -> resolve inputs -> admit -> cached? -> attempt -> (retry -> attempt)* -> remember -> end

Each step that changes what is known of the run is journaled before the next begins.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from penstock.core.errors import ResultNotStorable, RunTimedOut
from penstock.core.keys import SCALARS
from penstock.core.records import STATE_MESSAGE_CHARACTERS_MAX, UPSTREAMS_MAX
from penstock.core.states import Reason, StateType
from penstock.core.triggers import Admission, rule
from penstock.engine.bindings import bind_arguments, format_name
from penstock.engine.caching import cache_key_of
from penstock.engine.context import current_transaction
from penstock.engine.futures import is_future
from penstock.engine.inputs import dependencies_of, ids_of, is_plain, resolve, upstreams_of
from penstock.engine.interrupts import CancelNow, Interrupted
from penstock.engine.logs import ERROR, INFO, WARNING, emit
from penstock.engine.programs import Block, Program, Sleep
from penstock.engine.runs import TaskCall, source_of
from penstock.engine.states import State, is_state
from penstock.engine.tracebacks import trim
from penstock.engine.usercalls import CallTask, CallTaskWithin, logs_prints
from penstock.results.folder import STREAM


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
        if task.task_run_name is not None:
            call.name = format_name(
                task.task_run_name, inputs_of(call, args, kwargs), what=f"task_run_name of `{task.name}`"
            )
        key = None
        if task.cache_key_fn is not None or task.cache_policy.parts:
            key = cache_key_of(call, inputs_of(call, args, kwargs))
            if key is not None and (state := (yield from find_cached(call, key))) is not None:
                return finish(call, state, cache_key=key)
        state = yield from _attempts(call, args, kwargs, key)
        return finish(call, state, cache_key=key)
    except GeneratorExit:
        raise
    except (Interrupted, KeyboardInterrupt) as interruption:
        end_interrupted(call, interruption)
        raise
    finally:
        call.args, call.kwargs, call.wait_for, call.inputs = (), {}, None, None  # let go of data


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
    run.services.console.flood_line(
        INFO, f"Task run '{call.display_name}'", "Recalled from an earlier attempt of this run"
    )
    results = results_of(call)
    load = None if reference is None else (lambda: load_result(results, reference))
    return State(
        known.state_type,
        known.state_name,
        known.message,
        run_id=call.id,
        run_name=call.display_name,
        result_reference=reference,
        load=load,
    )


def load_result(results: Any, reference: str) -> Any:
    """Load a result by its reference; a stream's comes as an iterator that loads each item when asked for it."""
    if reference.startswith(STREAM):
        return (results.get(item) for item in results.get(reference.removeprefix(STREAM)))
    return results.get(reference)


def _is_outdated(call: TaskCall, known: Any) -> bool:
    run = call.run
    if not run.code_changed:
        return False
    if known.source_hash != source_of(call.task):
        return True
    return bool(run.rerun and (not call.exact or any(upstream in run.rerun for upstream in known.upstream)))


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
    reason = Reason.SKIPPED_BY_UPSTREAM if admission is Admission.SKIP_UPSTREAM else Reason.SKIPPED_BY_RULE
    return State(StateType.COMPLETED, "Skipped", message, reason=reason)


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
    effect = CallTaskWithin(call, args, kwargs) if special and _is_special(call) else CallTask(call, args, kwargs)
    while True:
        if run.cancelled.is_set():
            run.check_going_on()
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
            state = failure(call, error)
            if not isinstance(error, Exception):
                finish(call, state)
                raise
        else:
            state = _outcome(value)
            if state.type is StateType.COMPLETED:
                return (yield from _remember(call, state, key))
        delay = delay_before_retry(call, state)
        if delay is None:
            return state
        yield from wait_for_retry(call, state, delay)


def _is_special(call: TaskCall) -> bool:
    return call.task.timeout_seconds is not None or call.task.isolation != "thread" or logs_prints(call.run, call)


def _outcome(value: Any) -> State:
    if is_state(value):
        if not value.is_final():
            return State(
                StateType.FAILED,
                message=f"The task returned the state {value.name}, which ends nothing.",
                reason=Reason.RETURNED_FAILED,
            )
        if value.reason is None:
            value.reason = Reason.RETURNED if value.type is StateType.COMPLETED else Reason.RETURNED_FAILED
        return value
    if is_future(value):
        return _outcome(value.wait().state)
    return State(StateType.COMPLETED, data=value)


def failure(call: TaskCall, error: BaseException) -> State:
    """The state that an error of the user's function leads to."""
    trim(error)
    if type(error).__name__ == "CancelledError":  # asyncio's, told without importing it
        return State(StateType.CANCELLED, message="Its coroutine was cancelled.", data=error, reason=Reason.INTERRUPTED)
    if isinstance(error, RunTimedOut):
        return State(StateType.FAILED, "TimedOut", str(error), error, reason=Reason.TIMED_OUT)
    return State(StateType.FAILED, message=describe_error(error), data=error, reason=Reason.RAISED)


def describe_error(error: BaseException) -> str:
    """An error as a state's message: its type and what it says."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return text[:STATE_MESSAGE_CHARACTERS_MAX]


def delay_before_retry(call: TaskCall, state: State) -> float | None:
    """Seconds until the next attempt, or none if there is none."""
    task = call.task
    if not task.retry.allows(call.attempt) or call.run.cancelled.is_set():
        return None
    if task.retry_condition_fn is not None:
        try:
            if not task.retry_condition_fn(task, call, state):
                return None
        except Exception as error:
            emit(call.run, call, ERROR, f"Its retry_condition_fn raised {describe_error(error)}; it is not retried.")
            return None
    return task.retry.delay_seconds(call.attempt, chance=call.run.services.chance())


def wait_for_retry(call: TaskCall, state: State, delay: float) -> Program[None]:
    """Note the failed attempt and wait for the next."""
    run = call.run
    if call.attempts is None:
        call.attempts = []
    call.attempts.append([call.started_at, run.services.clock.now_us(), state.name, state.message])
    left = f"{call.attempt} of {call.task.retry.retries}"
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


def _remember(call: TaskCall, state: State, key: str | None) -> Program[State]:
    """Keep the value in the result storage, and let the cache key lead to it."""
    task, run = call.task, call.run
    value = state._data
    if state.name == "Skipped" or not (is_persisted(call) or key is not None or task.result_storage_key):
        return state
    results = results_of(call)
    serializer = task.result_serializer or run.flow.result_serializer
    try:
        if type(value) in SCALARS and key is None:
            state.result_reference = results.put(value, run_id=run.id, serializer=serializer)
        else:
            state.result_reference = yield Block(
                lambda: results.put(value, run_id=run.id, serializer=serializer, key=key)
            )
            _note_producer(call, value)
        if key is not None:
            expires = None if task.cache_expiration is None else int(task.cache_expiration.total_seconds() * 1e6)
            now, reference = run.services.clock.now_us(), state.result_reference
            yield Block(
                lambda: results.put_cached(
                    key, reference, now=now, expires_at=None if expires is None else now + expires
                )
            )
        if task.result_storage_key is not None:
            name = format_name(
                task.result_storage_key,
                inputs_of(call, call.args, call.kwargs),
                what=f"result_storage_key of `{task.name}`",
            )
            reference = state.result_reference
            yield Block(
                lambda: results.put_cached(f"named:{name}", reference, now=run.services.clock.now_us(), expires_at=None)
            )
    except ResultNotStorable as error:
        emit(run, call, WARNING, f"{error} The run goes on; a resume would run this task again.")
        state.message = state.message or "Its result was not kept."
        state.reason = Reason.RESULT_UNSTORABLE
    if not task.cache_result_in_memory and state.result_reference is not None:
        reference = state.result_reference
        state._data, state._load = None, lambda: results.get(reference)
    return state


def is_persisted(call: TaskCall) -> bool:
    """Whether the call's result is kept: the task says so, else its flow, else the settings."""
    for choice in (call.task.persist_result, call.run.flow.persist_result):
        if choice is not None:
            return choice
    return call.run.services.settings.persist_results


def results_of(call: TaskCall) -> Any:
    """The result storage of the call."""
    return (
        call.run.results
        if call.task.result_storage is None
        else call.run.services.open_results(call.task.result_storage)
    )


def _note_producer(call: TaskCall, value: Any) -> None:
    """Remember who made an object, so that a task that gets it as a plain value is known to depend on its maker."""
    import weakref  # lazy: a small module, but not needed for plain values

    try:
        call.run.producers[id(value)] = (weakref.ref(value), call.id)
    except TypeError:
        pass  # a list or a dict: nobody can watch it without keeping it alive


def finish(call: TaskCall, state: State, *, cache_key: str | None = None) -> State:
    """Journal the final state, count it, tell hooks, transaction and terminal."""
    now = call.run.services.clock.now_us()
    state.run_id, state.run_name, state.timestamp = call.id, call.display_name, now
    if cache_key is None and state.reason is None and state.message is None:
        call.seen(state.type.value, state.name, ended_at=now, result=state.result_reference)
    else:
        message = None if state.message is None else state.message[:STATE_MESSAGE_CHARACTERS_MAX]
        call.seen(
            state.type.value,
            state.name,
            reason=state.reason,
            message=message,
            ended_at=now,
            result=state.result_reference,
            cache_key=cache_key,
        )
    hooks = call.task.hooks
    if hooks.any():
        _run_final_hooks(call, hooks, state)
    if state.type is StateType.COMPLETED:
        transaction = current_transaction.get()
        if transaction is not None:
            transaction.stage_call(call, state)
        elif hooks.on_commit:
            run_hooks(call, hooks.on_commit, state)
        call.run.services.console.flood_line(INFO, f"Task run '{state.run_name}'", f"Finished in state {state!r}")
    elif state.type is not StateType.CANCELLED:
        emit(call.run, call, ERROR, f"Finished in state {state!r}")
    return count_end(call, state)


def count_end(call: TaskCall, state: State) -> State:
    """Let the end of a flow's direct child count for the flow's own."""
    if call.parent is None:
        call.run.count_state(state.type)
    return state


def end_interrupted(call: TaskCall, interruption: BaseException) -> None:
    """Record that a call was ended from outside."""
    if call.attempt == 0 and call.prefix is None:
        return  # it never began
    timed = not isinstance(interruption, CancelNow | KeyboardInterrupt)
    message = "The flow run's time was up." if timed else "Cancelled while it ran."
    reason = Reason.TIMED_OUT if timed else Reason.CANCEL_REQUESTED
    finish(call, State(StateType.CANCELLED, message=message, reason=reason))


def _run_final_hooks(call: TaskCall, hooks: Any, state: State) -> None:
    chosen: Iterable[Any] = ()
    if state.type is StateType.COMPLETED:
        chosen = hooks.on_completion
    elif state.type is StateType.FAILED:
        chosen = hooks.on_failure
    elif state.type is StateType.CANCELLED:
        chosen = hooks.on_cancellation
    run_hooks(call, chosen, state)


def run_hooks(call: TaskCall, hooks: Iterable[Any], state: State) -> None:
    """Call a user's hooks. One that raises is logged and changes nothing."""
    for hook in hooks:
        try:
            hook(call.task, call, state)
        except Exception as error:
            emit(call.run, call, ERROR, f"The hook `{getattr(hook, '__name__', hook)}` raised {describe_error(error)}.")
