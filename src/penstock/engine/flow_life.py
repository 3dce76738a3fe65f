"""The life of a flow run, written once: begin, validate, call, wait for what was submitted, settle, remember.

    begin -> validate -> call -> (retry in a new epoch -> call)* -> settle -> remember -> end

A top-level run asks the orchestrator to begin; a subflow is a fact of its parent's process and is journaled.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.core.errors import (
    ParameterInvalid,
    PenstockError,
    ResultNotStorable,
    StoreUnavailable,
)
from penstock.core.ids import RunId
from penstock.core.records import FlowSeen
from penstock.core.retries import RetryPolicy
from penstock.core.states import Reason, RunState, StateType
from penstock.core.triggers import Admission, When, rule
from penstock.engine.calls import subflow_id
from penstock.engine.context import call_inside
from penstock.engine.flow_attempts import attempt_flow, is_cancellation, state_after
from penstock.engine.futures import is_future
from penstock.engine.hooks import call_hooks
from penstock.engine.inputs import find_dependencies, ids_of, list_waits, resolve, upstreams_of
from penstock.engine.interrupts import Interrupted
from penstock.engine.kept_results import load_result
from penstock.engine.logs import ERROR, INFO, WARNING, emit, emit_traceback
from penstock.engine.options import FlowOptions, effective_retry
from penstock.engine.programs import Block, Program, Sleep, drive
from penstock.engine.runs import FlowRunContext, TaskCall
from penstock.engine.services import Services
from penstock.engine.slots import Held, take_flow_slots
from penstock.engine.states import State
from penstock.engine.task_life import describe_error
from penstock.ports import BeginFlowRun, GetFlowRun, ListRecordedCalls, RecordedCall, RunTaken, TakeFlowRun

FLUSH_SECONDS_MAX = 60.0
RESTART_SECONDS_MAX = 5.0
"""How long the end of a run waits for a server that is being started anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Everything that a flow run begins with."""

    flow: FlowOptions
    subject: Any
    """What hooks get as the flow: the object that the user decorated."""
    services: Services
    named: Mapping[str, Any]
    """Arguments by parameter name, as given."""
    parent: FlowRunContext | None
    parent_call: TaskCall | None
    id: RunId
    name: str
    tags: frozenset[str]
    code_version: str | None
    validate: Callable[[Mapping[str, Any]], dict[str, Any]]
    """Coerces arguments to the signature. Raises `ParameterInvalid`."""
    describe: Callable[[Mapping[str, Any], Callable[[Any], str]], dict[str, Any]]
    """Writes parameters as JSON, given a way to put values into the result storage."""
    spread: Callable[[Mapping[str, Any]], tuple[list[Any], dict[str, Any]]]
    rename: Callable[[Mapping[str, Any]], str | None]
    """The run's name from its parameters, if the flow has a template for it."""
    wait_for: Sequence[Any] | None = None
    taken: RunTaken | None = None
    """A run that exists already and whose next epoch this process has taken."""
    recorded: Mapping[str, RecordedCall] = field(default_factory=dict)
    code_changed: bool = False


def flow_life(launch: Launch) -> Program[State]:
    """Bring a flow run to its end and return its final state. Raises only what must end the caller as well."""
    named = launch.named
    if launch.parent is not None:
        launch.parent.check_going_on()
        recalled = yield from _recall_subflow(launch)
        if recalled is not None:
            return recalled
    dependencies = list(find_dependencies([*named.values(), list_waits(launch.wait_for)]))
    if dependencies:
        pending = [d for d, _ in dependencies if is_future(d) and not d.done()]
        yield Block(lambda: [future.wait() for future in pending])
    named = {name: resolve(value) for name, value in named.items()}
    run = _make_run(launch)
    try:
        return (yield from _live(launch, run, named, dependencies))
    except BaseException as interruption:
        if not isinstance(interruption, Interrupted | KeyboardInterrupt) and not is_cancellation(interruption):
            raise
        if run.begun and not run.ending:  # it was struck between two steps, or while it waited for leave to go on
            yield from _end(launch, run, state_after(run, interruption))
        _leave(launch, run, interruption)
        raise


def _live(
    launch: Launch, run: FlowRunContext, named: Mapping[str, Any], dependencies: Sequence[tuple[Any, bool]]
) -> Program[State]:
    refusal = _refuse(dependencies) or _prepare(launch, run, named)
    yield from _begin(launch, run, ids_of(dependencies), runs=refusal is None)
    if refusal is not None:
        return (yield from _end(launch, run, refusal))
    if run.strict:
        yield Block(run.sync)
    emit(
        run,
        None,
        INFO,
        f"Beginning flow run '{run.name}' for flow '{run.flow.name}'"
        + (f" (attempt {run.epoch})" if run.epoch > 1 else ""),
    )
    watch = None if run.parent is not None else launch.services.watch(run)
    slots: Held | None = None
    try:
        if launch.services.journal.limits:
            slots = yield from take_flow_slots(run)
        state = yield from _attempts(launch, run)
    finally:
        if slots is not None:
            slots.release_soon()
        if watch is not None:
            watch()
    return (yield from _end(launch, run, state))


def _leave(launch: Launch, run: FlowRunContext, interruption: BaseException) -> None:
    """See that a run which was struck while it said how it ended has said so: nobody else will."""
    if run.begun and not run.seen_last(state_after(run, interruption).as_run_state()):
        run.repeat_last_words()
    launch.services.unfinished.discard(run.id)
    if run.parent is not None:
        run.parent.children.discard(run)


def _make_run(launch: Launch) -> FlowRunContext:
    taken = launch.taken
    run = FlowRunContext(
        id=launch.id,
        epoch=1 if taken is None else taken.run.epoch,
        flow=launch.flow,
        name=launch.name,
        services=launch.services,
        parent=launch.parent,
        parent_call=launch.parent_call,
        tags=launch.tags,
        code_version=launch.code_version,
        created_at=launch.services.clock.now_us(),
    )
    if launch.recorded:
        run.begin_epoch(run.epoch, recorded=launch.recorded, code_changed=launch.code_changed)
    return run


# ---- Beginning ----


def _refuse(dependencies: Sequence[tuple[Any, bool]]) -> State | None:
    """The state of a run that is not to begin, given how what it depends on ended."""
    ruling = rule(When.ALL_SUCCESS, upstreams_of(dependencies))
    if ruling.admission is Admission.RUN:
        return None
    if ruling.admission is Admission.NOT_READY:
        return State(StateType.PENDING, "NotReady", ruling.message, reason=Reason.UPSTREAM_FAILED)
    return State(StateType.COMPLETED, "Skipped", ruling.message, reason=Reason.SKIPPED_BY_UPSTREAM)


def _prepare(launch: Launch, run: FlowRunContext, named: Mapping[str, Any]) -> State | None:
    """Validate the parameters and name the run: its state if that cannot be done."""
    run.parameters = dict(named)
    try:
        run.parameters = launch.validate(named)
        if run.flow.flow_run_name is not None:
            run.name = call_inside(run, None, lambda: launch.rename(run.parameters)) or run.name
    except Exception as error:  # ours, or that of a user's validator
        reason = Reason.PARAMETERS_INVALID if isinstance(error, ParameterInvalid) else Reason.RAISED
        text = str(error) if isinstance(error, PenstockError) else describe_error(error)
        return State(StateType.FAILED, message=text, data=error, reason=reason)
    return None


def _recall_subflow(launch: Launch) -> Program[State | None]:
    parent = launch.parent
    known = parent.recorded.get(launch.id) if parent is not None and parent.recorded else None
    if parent is None or known is None or known.result is None or parent.code_changed:
        return None
    services, storage, reference = launch.services, launch.flow.result_storage, known.result
    results = services.open_results(storage, False)
    if not (yield Block(lambda: results.exists(reference))):
        text = f"The recorded result of its subflow run '{launch.name}' is missing or damaged, so it runs again."
        emit(parent, launch.parent_call, WARNING, text)
        return None
    state = State(
        known.state_type,
        known.state_name,
        known.message,
        run_id=launch.id,
        run_name=launch.name,
        load=lambda: load_result(results, reference),
    )
    if launch.parent_call is None:
        parent.count_state(state)
    return state


def _begin(launch: Launch, run: FlowRunContext, upstream: Sequence[str], *, runs: bool) -> Program[None]:
    """Have the run recorded: RUNNING, or PENDING if its code is not to run."""
    services = run.services
    run.started_at, run.begun = services.clock.now_us(), True
    if launch.taken is not None:
        services.unfinished.add(run.id)
        services.journal.limits = launch.taken.limits
        return
    parameters = yield Block(
        lambda: launch.describe(run.parameters, lambda value: run.results.put(value, run_id=run.id))
    )
    if run.parent is None:
        request = BeginFlowRun(
            id=run.id,
            flow_name=run.flow.name,
            name=run.name,
            writer=services.journal.hello(),
            at=run.started_at,
            flow_version=run.flow.version,
            code_version=run.code_version,
            entrypoint=run.entrypoint,
            parameters=parameters,
            tags=sorted(run.tags),
            state=None if runs else RunState(StateType.PENDING, "Pending", run.started_at),
        )
        begun: RunTaken = yield Block(lambda: services.orchestrator.ask(request, services.principal), whole=True)
        services.unfinished.add(run.id)
        services.journal.limits = begun.limits
        return
    before = run.parent.subflow_epochs.get(run.id)
    if before is not None:
        run.begin_epoch(before + 1, recorded={}, code_changed=False)
    elif run.parent.epoch > 1:
        yield from _continue_subflow(launch, run)
    run.parent.subflow_epochs[run.id] = run.epoch
    _see_subflow(run, parameters, upstream)
    if runs:
        run.seen(RunState(StateType.RUNNING, "Running" if run.epoch == 1 else "Retrying", run.started_at))
    else:
        run.seen(RunState(StateType.PENDING, "Pending", run.started_at))


def _continue_subflow(launch: Launch, run: FlowRunContext) -> Program[None]:
    """In a later epoch of the parent: go on from what an earlier epoch of this subflow completed."""
    services = run.services
    recorded = yield Block(lambda: list_recorded(services, run.id))  # waits for a server that is away
    try:
        known = yield Block(lambda: services.orchestrator.ask(GetFlowRun(id=run.id), services.principal))
    except LookupError:
        return
    run.begin_epoch(known.epoch + 1, recorded=recorded, code_changed=run.parent is not None and run.parent.code_changed)


def list_recorded(services: Services, run_id: RunId) -> dict[str, RecordedCall]:
    """All calls of a run whose record is complete."""
    found: dict[str, RecordedCall] = {}
    cursor: str | None = None
    while True:
        page = services.orchestrator.ask(ListRecordedCalls(flow_run_id=run_id, cursor=cursor), services.principal)
        found.update((call.id, call) for call in page.items)
        cursor = page.cursor
        if cursor is None:
            return found


def _see_subflow(run: FlowRunContext, parameters: Any, upstream: Sequence[str]) -> None:
    parent = run.parent
    seen = FlowSeen(
        run.id,
        run.epoch,
        run.flow.name,
        run.name,
        run.flow.version,
        parameters,
        None if parent is None else parent.id,
        None if run.parent_call is None else run.parent_call.id,
        run.created_at,
        sorted(run.tags),
        run.code_version,
        run.entrypoint,
        list(upstream) or None,
    )
    with run.lock:
        if not run.ended:  # who gave it up has said how it ended, and to nobody, for it had not begun
            run.services.journal.record(seen)


# ---- Attempts ----


def _attempts(launch: Launch, run: FlowRunContext) -> Program[State]:
    args, kwargs = launch.spread(run.parameters)
    call_hooks(run.flow.hooks.on_running, launch.subject, State(StateType.RUNNING, run_id=run.id), run=run)
    while True:
        try:
            state, interruption = yield from attempt_flow(run, args, kwargs)
        except GeneratorExit:  # the consumer of a generator flow stopped early: no more effects can be yielded
            message = "Its consumer stopped before the end."
            drive(_end(launch, run, State(StateType.COMPLETED, message=message, reason=Reason.RETURNED)))
            raise
        if interruption is not None:
            yield from _end(launch, run, state)
            raise interruption
        if state.type is not StateType.FAILED or not _retry_of(run).allows(run.attempt) or run.streamed:
            return state
        instead = yield from _begin_retry(launch, run, state)
        if instead is not None:
            return instead


def _retry_of(run: FlowRunContext) -> RetryPolicy:
    return effective_retry(run.flow, retries=run.services.settings.flow_retries)


def _begin_retry(launch: Launch, run: FlowRunContext, state: State) -> Program[State | None]:
    """Begin a new epoch: what completed is remembered, the rest runs again.

    Returns the state that the run ends in if it does not: it was cancelled meanwhile, or its server stays away.
    """
    services, retry = run.services, _retry_of(run)
    run.go_on()
    delay = retry.delay_seconds(run.attempt, chance=services.chance())
    emit(
        run,
        None,
        WARNING,
        f"{state.message} - Retry {run.attempt} of {retry.retries} will start {'immediately' if delay == 0 else f'{delay:g} second(s) from now'}",
    )
    run.seen(RunState(StateType.SCHEDULED, "AwaitingRetry", services.clock.now_us(), Reason.RETRYING, state.message))
    if delay > 0:
        yield Sleep(delay, run.cancelled, services.sleep)
    if run.cancelled.is_set():
        return State(StateType.CANCELLED, message=run.cancel_message, reason=Reason.CANCEL_REQUESTED)
    try:
        epoch, recorded = yield from _take_next_epoch(run)
    except StoreUnavailable as error:
        said = f"Retry {run.attempt} of {retry.retries} cannot begin: {error}"
        emit(run, None, ERROR, f"{said} Go on with the run later: penstock resume {run.id}")
        return state
    run.attempt += 1
    run.begin_epoch(epoch, recorded=recorded, code_changed=False)
    run.taking_epoch = False
    if run.parent is not None:
        run.parent.subflow_epochs[run.id] = epoch
        _see_subflow(run, launch.describe(run.parameters, lambda value: run.results.put(value, run_id=run.id)), ())
        run.seen(RunState(StateType.RUNNING, "Retrying", services.clock.now_us()))
    if run.strict:
        yield Block(run.sync)
    return None


def _take_next_epoch(run: FlowRunContext) -> Program[tuple[int, dict[str, RecordedCall]]]:
    """The run's next epoch, and the calls that are complete. Raises `StoreUnavailable` if the server stays away."""
    services = run.services
    patience = services.settings.api_wait_seconds
    yield Block(lambda: services.journal.flush(patience_seconds=patience))
    epoch = run.epoch + 1
    run.taking_epoch = True
    if run.parent is None:
        request = TakeFlowRun(
            id=run.id,
            writer=services.journal.hello(),
            holder_alive=False,
            state_name="Retrying",
            code_version=run.code_version,
        )
        taken = yield Block(lambda: services.orchestrator.ask(request, services.principal), whole=True)
        epoch = taken.run.epoch
    recorded = yield Block(lambda: list_recorded(services, run.id))
    return epoch, recorded


# ---- The end ----


def _end(launch: Launch, run: FlowRunContext, state: State) -> Program[State]:
    """Keep the result, journal the final state, tell hooks and terminal, and bring all of it into the store."""
    services = run.services
    if run.ended:  # it was given up, and that was said
        return state
    run.ending = True
    if state.type is StateType.COMPLETED and state.name != "Skipped":
        yield from _remember(run, state)
    state.run_id, state.run_name, state.timestamp = run.id, run.name, services.clock.now_us()
    if not run.superseded:  # what becomes of it is for the other process to tell
        call_hooks(_hooks_for(run, state), launch.subject, state, run=run)
    told = None if run.first_failure is None else run.first_failure._data
    if state.reason is Reason.RAISED and isinstance(state._data, BaseException) and state._data is not told:
        emit_traceback(run, None, state._data)
    if state.type is StateType.PAUSED:  # the store knows it, and that is no end: a process to come goes on from here
        emit(run, None, INFO, f"Suspended: {state.message}")
        run.ended = True
    else:
        level = {StateType.COMPLETED: INFO, StateType.FAILED: ERROR}.get(state.type, WARNING)
        emit(run, None, level, f"Finished in state {state!r}")
        run.seen_last(state.as_run_state(), result=state.result_reference)
    services.unfinished.discard(run.id)
    if run.strict:
        yield Block(run.sync)
    if run.runner is not None:
        run.runner.close()
    if run.parent is not None:
        run.parent.children.discard(run)
    if run.parent is None:
        yield Block(lambda: _bring_home(services))
        close_run = getattr(run.results, "close_run", None)
        if close_run is not None:
            close_run(run.id)
    elif run.parent_call is None:
        run.parent.count_state(state)
    return state


def _bring_home(services: Services) -> None:
    """Wait until the run's records are in the store. A store that is away is told and does not fail the run: the
    records are safe in the journal, and the next process brings them in. A full disk is an error."""
    try:
        services.journal.flush(FLUSH_SECONDS_MAX, patience_seconds=RESTART_SECONDS_MAX)
    except StoreUnavailable as error:
        pending, path = services.journal.pending, services.journal.path
        kept = (
            f"{pending} records wait in {path}; `penstock journal replay`, or whatever runs here next, brings them in"
        )
        services.console.line(ERROR, "Penstock", f"{kept}: {error}")
    else:
        services.after_run()


def _remember(run: FlowRunContext, state: State) -> Program[None]:
    persist = run.flow.persist_result if run.flow.persist_result is not None else run.services.settings.persist_results
    if not persist:
        return
    value, results = state._data, run.results
    try:
        state.result_reference = yield Block(
            lambda: results.put(value, run_id=run.id, serializer=run.flow.result_serializer)
        )
    except ResultNotStorable as error:
        emit(run, None, WARNING, f"{error} The run is complete; its return value is not kept.")
        return
    if not run.flow.cache_result_in_memory:
        reference = state.result_reference
        state._data, state._load = None, lambda: results.get(reference)


def _hooks_for(run: FlowRunContext, state: State) -> Iterable[Any]:
    hooks = run.flow.hooks
    return {
        StateType.COMPLETED: hooks.on_completion,
        StateType.FAILED: hooks.on_failure,
        StateType.CANCELLED: hooks.on_cancellation,
        StateType.CRASHED: hooks.on_crashed,
    }.get(state.type, ())


def subflow_identity(
    parent: FlowRunContext, flow: FlowOptions, named: Mapping[str, Any], *, parent_call: TaskCall | None
) -> RunId:
    """The id of a subflow call: the same in every epoch of its parent."""
    return RunId(subflow_id(parent, flow.name, named, parent=parent_call)[0])
