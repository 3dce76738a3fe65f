"""Keeping what calls return, and finding it again: in the result storage, never in the orchestration database."""

from typing import TYPE_CHECKING, Any

from penstock.core.errors import ResultNotStorable
from penstock.core.keys import SCALARS
from penstock.core.states import Reason
from penstock.engine.bindings import format_name
from penstock.engine.context import current_transaction
from penstock.engine.logs import WARNING, emit
from penstock.engine.programs import Block, Program
from penstock.engine.states import State
from penstock.results.folder import STREAM

if TYPE_CHECKING:
    from penstock.engine.runs import TaskCall


def remember(call: "TaskCall", state: State, key: str | None) -> Program[State]:
    """Keep the value in the result storage, and let the cache key lead to it."""
    task, run = call.task, call.run
    value = state._data
    if state.name == "Skipped" or not (is_persisted(call) or key is not None or task.result_storage_key):
        return state
    results = results_of(call)
    serializer = task.result_serializer or run.flow.result_serializer
    try:
        if type(value) in SCALARS and key is None and not getattr(results, "is_remote", False):
            state.result_reference = results.put(value, run_id=run.id, serializer=serializer)
        else:
            state.result_reference = yield Block(
                lambda: results.put(value, run_id=run.id, serializer=serializer, key=key)
            )
            _note_producer(call, value)
        if key is not None:
            yield from lead(call, key, state.result_reference)
        if task.result_storage_key is not None:
            name = format_name(task.result_storage_key, call.inputs or {}, what=f"result_storage_key of `{task.name}`")
            yield from lead(call, f"named:{name}", state.result_reference)
    except ResultNotStorable as error:
        emit(run, call, WARNING, f"{error} The run goes on; a resume would run this task again.")
        state.message = state.message or "Its result was not kept."
        state.reason = Reason.RESULT_UNSTORABLE
    if not task.cache_result_in_memory and state.result_reference is not None:
        reference = state.result_reference
        state._data, state._load = None, lambda: results.get(reference)
    return state


def lead(call: "TaskCall", key: str, reference: str) -> Program[None]:
    """Let a cache key lead to a result; inside a transaction not before that commits."""
    results, now, expiration = results_of(call), call.run.services.clock.now_us(), call.task.cache_expiration
    expires_at = None if expiration is None else now + int(expiration.total_seconds() * 1e6)
    transaction = current_transaction.get()
    if transaction is not None:
        transaction.defer(lambda: results.put_cached(key, reference, now=now, expires_at=expires_at))
    else:
        yield Block(lambda: results.put_cached(key, reference, now=now, expires_at=expires_at))


def is_persisted(call: "TaskCall") -> bool:
    """Whether the call's result is kept: the task says so, else its flow, else the settings."""
    for choice in (call.task.persist_result, call.run.flow.persist_result):
        if choice is not None:
            return choice
    return call.run.services.settings.persist_results


def results_of(call: "TaskCall") -> Any:
    """The result storage of the call."""
    run, task = call.run, call.task
    if task.result_storage is None and task.durability is None:
        return run.results
    storage = run.flow.result_storage if task.result_storage is None else task.result_storage
    return run.services.open_results(storage, is_strict(call))


def is_strict(call: "TaskCall") -> bool:
    """Whether the call's end and result are on the disk before it counts as ended."""
    durability = call.task.durability
    return call.run.strict if durability is None else durability == "strict"


def _note_producer(call: "TaskCall", value: Any) -> None:
    """Remember who made an object, so that a task that gets it as a plain value is known to depend on its maker."""
    import weakref  # lazy: a small module, but not needed for plain values

    try:
        call.run.producers[id(value)] = (weakref.ref(value), call.id)
    except TypeError:
        pass  # a list or a dict: nobody can watch it without keeping it alive


def load_result(results: Any, reference: str) -> Any:
    """Load a result by its reference; a stream's comes as an iterator that loads each item when asked for it."""
    if reference.startswith(STREAM):
        return (results.get(item) for item in results.get(reference.removeprefix(STREAM)))
    return results.get(reference)
