"""Asking for runs of deployments from code: `run_deployment`, on its own or as a subflow of the run that asks.

Within a run the request has the identity of a call: a parent that is retried or resumed finds the run that it asked for before.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.core.errors import NotFound, PenstockError, RunCancelled
from penstock.core.ids import RunId, TaskRunId, parse_id
from penstock.core.states import StateType
from penstock.deployments.errors import NotDeployable
from penstock.engine.calls import subflow_id
from penstock.engine.context import current_flow_run, current_task_run
from penstock.engine.inputs import resolve
from penstock.engine.interrupts import Interrupted
from penstock.engine.runs import FlowRunContext
from penstock.ports import CancelFlowRun, FlowRun
from penstock.scheduling import RequestRun, RequeueRun
from penstock.sdk.followed import FollowedRun, Following, followed, ports_here, refuse_in_coroutine
from penstock.sdk.parameters import as_json_value

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def run_deployment(
    name: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    scheduled_time: datetime | None = None,
    flow_run_name: str | None = None,
    timeout: float | None = None,
    poll_interval: float | None = None,
    tags: Sequence[str] | None = None,
    idempotency_key: str | None = None,
    work_queue_name: str | None = None,
    as_subflow: bool = True,
    job_variables: Mapping[str, Any] | None = None,
) -> FollowedRun:
    """Ask for a run of a deployment, by `flow/name` or id, and wait for its end; at most `timeout` seconds, with 0 not at all.

    Inside a flow it is a subflow of the flow's run, unless `as_subflow` is off: it is shown beneath it, cancelled with it,
    and found again when the parent is retried or resumed. A run that failed is answered like one that completed: see
    `.state`, or `.result()`, which raises. Raises `NotFound`, `ParameterInvalid`.
    """
    said = locals()
    if timeout != 0:
        refuse_in_coroutine("run_deployment")
    asked = _ask(said, current=current_flow_run.get() if as_subflow else None)
    following = Following(asked.run, timeout=timeout, poll_interval=poll_interval)
    try:
        return followed(asked.run) if timeout == 0 else following.wait()
    except (Interrupted, KeyboardInterrupt, RunCancelled):
        asked.cancel()
        raise


async def arun_deployment(
    name: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    scheduled_time: datetime | None = None,
    flow_run_name: str | None = None,
    timeout: float | None = None,
    poll_interval: float | None = None,
    tags: Sequence[str] | None = None,
    idempotency_key: str | None = None,
    work_queue_name: str | None = None,
    as_subflow: bool = True,
    job_variables: Mapping[str, Any] | None = None,
) -> FollowedRun:
    """`run_deployment` that lets other coroutines run while it waits."""
    said = locals()
    asked = await asyncio.to_thread(_ask, said, current=current_flow_run.get() if as_subflow else None)
    following = Following(asked.run, timeout=timeout, poll_interval=poll_interval)
    try:
        return followed(asked.run) if timeout == 0 else await following.wait_async()
    except (asyncio.CancelledError, RunCancelled):
        await asyncio.shield(asyncio.to_thread(asked.cancel))
        raise


@dataclass(frozen=True, slots=True)
class _Asked:
    """A run that was asked for, and whose it is."""

    run: FlowRun
    parent: FlowRunContext | None

    def cancel(self) -> None:
        """Its parent is cancelled, and so is it."""
        if self.parent is None:
            return
        orchestrator, principal = ports_here()
        request = CancelFlowRun(
            id=self.run.id, holder_alive=True, message=f"Its parent run `{self.parent.name}` stops."
        )
        try:
            orchestrator.ask(request, principal)
        except PenstockError:
            return  # the server is away, or the run is gone: nothing more can be done from here


def _ask(said: Mapping[str, Any], *, current: FlowRunContext | None) -> _Asked:
    name = said["name"]
    parameters = {key: _as_json(name, key, resolve(value)) for key, value in (said["parameters"] or {}).items()}
    call = None if current is None else current_task_run.get()
    key = said["idempotency_key"]
    if current is not None:
        current.check_going_on()
        identity, _ = subflow_id(current, f"deployment:{name}", parameters, parent=call)
        key = key or f"call:{identity}"
    request = RequestRun(
        deployment=name,
        parameters=parameters,
        at=_microseconds(said["scheduled_time"]),
        idempotency_key=key,
        name=said["flow_run_name"],
        tags=tuple(said["tags"] or ()),
        job_variables=said["job_variables"] or {},
        work_queue=said["work_queue_name"],
        parent_run_id=None if current is None else current.id,
        parent_task_run_id=None if call is None else TaskRunId(call.id),
    )
    orchestrator, principal = ports_here()
    run = _find(request, orchestrator, principal)
    again = current is not None and current.epoch > 1 and run.state.is_final
    if again and run.state.type is not StateType.COMPLETED:  # the parent is tried again, and so is what it asked for
        run = orchestrator.ask(RequeueRun(flow_run_id=run.id), principal)
    return _Asked(run, current)


def _find(request: RequestRun, orchestrator: Any, principal: Any) -> FlowRun:
    """The run. Raises `NotFound` with a hint that people in Python can follow."""
    try:
        run: FlowRun = orchestrator.ask(request, principal)
    except NotFound as error:
        if "/" not in request.deployment and not _is_id(request.deployment):
            error.args = (f"{error} A deployment is named `flow/name` here.",)
        raise
    return run


def _is_id(text: str) -> bool:
    try:
        RunId(parse_id(text))
    except (ValueError, PenstockError):
        return False
    return True


def _as_json(deployment: str, name: str, value: Any) -> Any:
    try:
        return as_json_value(value)
    except TypeError as error:
        raise NotDeployable(
            f"Parameter `{name}` for deployment `{deployment}`: {error}, and a run that is asked for gets nothing else. Give what "
            "the value can be made of, such as its path or its name."
        ) from error


def _microseconds(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    return (moment.astimezone() - EPOCH) // timedelta(microseconds=1)


__all__ = ["arun_deployment", "run_deployment"]
