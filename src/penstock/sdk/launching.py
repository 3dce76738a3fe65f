"""Running and resuming flows: from a decorated function and its arguments to the engine.

Loads with the engine at the first run.
"""

import os
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from penstock.core.errors import Ambiguous, NotFound, RunNotResumable
from penstock.core.ids import RunId, time_ordered_id
from penstock.core.names import run_name
from penstock.engine.bindings import add_defaults, format_name, spread_arguments
from penstock.engine.context import current_flow_run, current_tags, current_task_run
from penstock.engine.flow_life import Launch, flow_life, list_recorded, subflow_identity
from penstock.engine.interrupts import accept_interrupts
from penstock.engine.options import Kind
from penstock.engine.programs import drive, drive_async, drive_stream, drive_stream_async, rename
from penstock.engine.runs import FlowRunContext
from penstock.engine.services import Services
from penstock.engine.states import State
from penstock.engine.tracebacks import trim
from penstock.ports import FlowRun, GetFlowRun, RecordedCall, RunTaken, TakeFlowRun
from penstock.sdk import wiring
from penstock.sdk.flows import Flow
from penstock.sdk.parameters import restore

AnyFlow = Flow[Any, Any]


def run_flow(subject: AnyFlow, named: Mapping[str, Any], *, wait_for: Any, return_state: bool) -> Any:
    """Run a flow with arguments by name: on its own, or as a subflow of the run that this code is part of."""
    parent = current_flow_run.get()
    if parent is None:
        services = wiring.services()
        launch = make_launch(subject, services, named, run_id=new_run_id(services))
    else:
        launch = _launch_inside(subject, parent, named)
    return _drive(replace(launch, wait_for=wait_for) if wait_for else launch, return_state=return_state)


def resume_flow(subject: AnyFlow, run_id: str, *, allow_code_change: bool, return_state: bool) -> Any:
    """Go on with a run in a new epoch; see `Flow.resume`."""
    services = wiring.services()
    services.journal.flush()
    wiring.sweep_dead_writers()  # what the run's dead process recorded last is in its journal
    run = _find_run(services, run_id)
    changed = _check_resumable(subject, run, allow_code_change)
    results = services.open_results(subject.options.result_storage, False)
    named = restore(run.parameters or {}, results.get)
    taken, recorded = _take(subject, services, run)
    launch = make_launch(subject, services, named, run_id=taken.run.id, name=taken.run.name)
    return _drive(replace(launch, taken=taken, recorded=recorded, code_changed=changed), return_state=return_state)


def run_claimed(
    subject: AnyFlow,
    run: FlowRun,
    *,
    claim: int,
    anew: bool,
    code_version: str | None = None,
    on_taken: Callable[[RunTaken], None] = lambda _: None,
) -> Any:
    """Run what a worker claimed, in the process that it started for that: as `resume_flow` does, or all of it `anew`.

    `code_version` is that of all the code that was fetched; without one it is that of the flow's own file. Changed code is
    gone on with: nobody is there to ask, and what changed runs again. Raises `RunNotResumable` if the claim does not hold
    any more.
    """
    if run.flow_name != subject.name:
        raise RunNotResumable(
            f"The deployment is of flow `{run.flow_name}`, and its entrypoint leads to `{subject.name}`."
        )
    services = wiring.services()
    results = services.open_results(subject.options.result_storage, False)
    named = add_defaults(subject.fn, restore(run.parameters or {}, results.get))
    version = code_version or code_version_of(subject.fn)
    request = TakeFlowRun(
        id=run.id, writer=services.journal.hello(), holder_alive=False, code_version=version, claim=claim
    )
    taken = services.orchestrator.ask(request, services.principal)
    again = taken.run.epoch > 1 and not anew
    on_taken(taken)
    launch = make_launch(subject, services, named, run_id=run.id, name=run.name, code_version=version)
    launch = replace(
        launch,
        tags=launch.tags | frozenset(run.tags),
        taken=taken,
        recorded=list_recorded(services, run.id) if again else {},
        code_changed=again and run.code_version not in (None, version),
    )
    return _drive(launch, return_state=True)


def make_launch(
    subject: AnyFlow,
    services: Services,
    named: Mapping[str, Any],
    *,
    run_id: RunId,
    name: str | None = None,
    code_version: str | None = None,
) -> Launch:
    """Everything that a run of the flow begins with; `name` is that of a run which exists already, `code_version` what is known."""
    options = subject.options
    return Launch(
        flow=options,
        subject=subject,
        services=services,
        named=named,
        parent=None,
        parent_call=None,
        id=run_id,
        name=name or run_name(int(run_id[-10:], 16)),
        tags=current_tags.get() | options.tags,
        code_version=code_version or code_version_of(options.fn),
        validate=subject.signature.validate if options.validate_parameters else dict,
        describe=subject.signature.describe,
        spread=partial(spread_arguments, options.fn),
        rename=partial(_name_run, subject) if name is None else lambda _: None,
    )


def new_run_id(services: Services) -> RunId:
    """A fresh id for a top-level run."""
    return RunId(time_ordered_id(services.clock.now_us(), services.entropy(10)))


def code_version_of(fn: Callable[..., Any]) -> str | None:
    """The version of a flow's code: a digest of the file that it is in, or none where there is no file."""
    code = getattr(fn, "__code__", None)
    if code is None or not os.path.isfile(code.co_filename):
        return None
    try:
        return blake2b(Path(code.co_filename).read_bytes(), digest_size=8).hexdigest()
    except OSError:
        return None


def _launch_inside(subject: AnyFlow, parent: FlowRunContext, named: Mapping[str, Any]) -> Launch:
    call = current_task_run.get()
    run_id = subflow_identity(parent, subject.options, named, parent_call=call)
    return replace(make_launch(subject, parent.services, named, run_id=run_id), parent=parent, parent_call=call)


def _name_run(subject: AnyFlow, parameters: Mapping[str, Any]) -> str | None:
    template = subject.options.flow_run_name
    return None if template is None else format_name(template, parameters, what=f"flow_run_name of `{subject.name}`")


def _drive(launch: Launch, *, return_state: bool) -> Any:
    kind = launch.flow.kind
    if kind is Kind.COROUTINE:
        return rename(_drive_async(launch, return_state=return_state), launch.flow.name)
    if kind is Kind.GENERATOR:
        return _iterate(launch)
    if kind is Kind.ASYNC_GENERATOR:
        return _iterate_async(launch)
    with accept_interrupts(whole=True):
        state = drive(flow_life(launch))
    return state if return_state else state.result()


async def _drive_async(launch: Launch, *, return_state: bool) -> Any:
    with accept_interrupts():
        state = await drive_async(flow_life(launch))
    try:
        return state if return_state else state.result()
    except Exception as error:
        trim(error)
        raise


def _iterate(launch: Launch) -> Generator[Any, None, None]:
    with accept_interrupts():
        state = yield from drive_stream(flow_life(launch))
    if not state.is_completed():
        raise state.error()


async def _iterate_async(launch: Launch) -> AsyncIterator[Any]:
    ended: list[State] = []
    with accept_interrupts():
        async for item in drive_stream_async(flow_life(launch), ended.append):
            yield item
    if not ended[0].is_completed():
        raise ended[0].error()


def _find_run(services: Services, text: str) -> FlowRun:
    """The run of that id or name. Raises `NotFound`, or `Ambiguous` for a name that several runs have."""
    from penstock.lookups import FindFlowRuns  # lazy: 20 ms that only who resumes a run needs

    found = services.orchestrator.ask(FindFlowRuns(text=text, limit=2), services.principal)
    if not found:
        raise NotFound("flow run", text, listing="penstock flow-run ls")
    if len(found) > 1:
        raise Ambiguous(f"`{text}` is the name of several runs; give the id of one. `penstock flow-run ls` lists them.")
    return services.orchestrator.ask(GetFlowRun(id=found[0]), services.principal)


def _check_resumable(subject: AnyFlow, run: FlowRun, allow_code_change: bool) -> bool:
    """Whether the flow's code changed since the run began; of a deployment's run nobody here can tell. Raises
    `RunNotResumable`."""
    if run.flow_name != subject.name:
        raise RunNotResumable(f"Run `{run.name}` is of flow `{run.flow_name}`, not of `{subject.name}`.")
    version = code_version_of(subject.fn)
    changed = run.code_version is not None and version is not None and run.code_version != version
    if changed and not allow_code_change and run.deployment is None:
        raise RunNotResumable(
            f"The code of flow `{subject.name}` changed since run `{run.name}` began. Resume with --allow-code-change "
            "(allow_code_change=True): tasks whose source changed, and what depends on them, then run again."
        )
    return changed


def _take(subject: AnyFlow, services: Services, run: FlowRun) -> tuple[RunTaken, dict[str, RecordedCall]]:
    request = TakeFlowRun(
        id=run.id,
        writer=services.journal.hello(),
        holder_alive=wiring.holder_alive(run),
        message="Resumed.",
        code_version=code_version_of(subject.fn),
    )
    taken = services.orchestrator.ask(request, services.principal)
    return taken, list_recorded(services, run.id)
