"""Runs that are asked for: a flow run that waits, and beside it the row that says how it was asked for."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select, update

from penstock.core.errors import NotFound, RequestInvalid
from penstock.core.ids import RunId, time_ordered_id
from penstock.core.names import run_name
from penstock.core.states import Reason, RunState, StateType
from penstock.core.templates import render
from penstock.ports import FlowRun
from penstock.scheduling import DeploymentSpec, GetRunRequest, RequestRun, RunRequest
from penstock.store.bulk import BulkInsert
from penstock.store.database import Store, Transaction
from penstock.store.events import Told, add_events
from penstock.store.flow_runs import read_flow_run
from penstock.store.states import Moved, add_moves
from penstock.store.tables import flow, flow_run
from penstock.store.targets import (
    Target,
    check_job_variables,
    check_parameters,
    find_queue,
    find_target,
    read_spec,
)
from penstock.store.values import clean, clean_text, decode_json, encode_json, reason_text
from penstock.store.work_tables import (
    backfill,
    deployment,
    deployment_version,
    run_request,
    work_pool,
    work_queue,
    worker,
)

WAITING, CLAIMED, SUSPENDED, DONE = "waiting", "claimed", "suspended", "done"
"""What a request's status is."""
KEY_CHARACTERS_MAX = 500
IDS_PER_STATEMENT = 500

r, a = flow_run.c, run_request.c

_RUN_COLUMNS = (
    "workspace_id", "id", "flow_seq", "name", "state_type", "state_name", "state_at", "state_reason", "state_message", "epoch",
    "version", "parent_run_id", "parent_task_run_id", "created_at", "expected_start_at", "start_at", "ended_at", "changed",
    "code_version", "entrypoint", "tags", "parameters", "deployment", "deployment_version",
)  # fmt: skip
_REQUEST_COLUMNS = (
    "flow_run_seq", "workspace_id", "deployment_seq", "version", "pool_seq", "queue_seq", "status", "due_at", "claim", "crashes",
    "job_variables", "slug", "fire_at", "period_start", "period_end", "idempotency_key", "backfill_seq", "after_seq", "deadline_at",
)  # fmt: skip
insert_runs = BulkInsert(flow_run, _RUN_COLUMNS)
insert_requests = BulkInsert(run_request, _REQUEST_COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A run that is to wait, or that failed before it could."""

    target: Target
    id: RunId
    name: str
    state: RunState
    due_at: int
    parameters: Mapping[str, Any]
    tags: Sequence[str] = ()
    """Beside the version's own."""
    job_variables: Mapping[str, Any] = field(default_factory=dict)
    queue_seq: int | None = None
    """Another queue than the version's."""
    parent_run_id: str | None = None
    parent_task_run_id: str | None = None
    slug: str | None = None
    fire_at: int | None = None
    period_start: int | None = None
    period_end: int | None = None
    key: str | None = None
    backfill_seq: int | None = None
    after: RunId | int | None = None
    """The run that has to end first: its number, or its id if it is made by the same call."""


def new_run(target: Target, parameters: Mapping[str, Any], *, now: int, due_at: int, **said: Any) -> NewRun:
    """A run of a deployment. One whose parameters do not fit is to be made nevertheless: pass `state`."""
    identifier = RunId(time_ordered_id(now, os.urandom(10)))
    said.setdefault("name", run_name(int.from_bytes(os.urandom(8), "big")))
    said.setdefault("state", RunState.of("Scheduled", at=now))
    return NewRun(target=target, id=identifier, parameters=parameters, due_at=due_at, **said)


def failed_for_parameters(message: str, *, now: int) -> RunState:
    """Where a run is that nobody can be told about who would mend it at once."""
    return RunState.of("Failed", at=now, reason=Reason.PARAMETERS_INVALID, message=clean_text(message))


def add_requests(transaction: Transaction, runs: Sequence[NewRun], *, now: int, actor: str) -> Mapping[RunId, int]:
    """Make runs and their requests, a few statements for all of them; answers the runs' numbers."""
    if not runs:
        return {}
    connection = transaction.connection
    ident = _ident(connection)
    insert_runs.run(connection, [_run_row(run, ident, now=now, changed=transaction.changed) for run in runs])
    numbers = _numbers(connection, {run.target.workspace_id for run in runs}, [run.id for run in runs])
    insert_requests.run(connection, [_request_row(run, numbers) for run in runs])
    add_moves(transaction, [_first_move(run, numbers[run.id], actor) for run in runs])
    add_events(transaction, [_requested(run, numbers[run.id], now, actor) for run in runs])
    return numbers


# ---- One run, asked for by somebody -----------------------------------------------------------------------------


def request_run(store: Store, request: RequestRun, workspace: str, *, actor: str) -> FlowRun:
    """Answer `RequestRun`."""
    if request.idempotency_key is not None and not 0 < len(request.idempotency_key) <= KEY_CHARACTERS_MAX:
        raise RequestInvalid(f"An idempotency key has 1 to {KEY_CHARACTERS_MAX} characters.")
    with store.write() as transaction:
        connection = transaction.connection
        workspace_id = store.make_workspace(transaction, workspace)
        # Requests with keys come one by one, so that of two with the same key the second finds the first one's run.
        target = find_target(connection, workspace_id, request.deployment, lock=request.idempotency_key is not None)
        known = _find_by_key(connection, target, request.idempotency_key)
        if known is None:
            now = transaction.now_us()
            run = _asked_for(connection, target, request, now=now)
            add_requests(transaction, [run], now=now, actor=actor)
            known = run.id
        return read_flow_run(connection, workspace_id, known)


def _asked_for(connection: Connection, target: Target, request: RequestRun, *, now: int) -> NewRun:
    due_at = now if request.at is None else request.at
    # Templates in a deployment's own parameters speak of a period; that of a run by hand is the moment that it is for.
    own = render(
        target.spec.parameters,
        period_start=due_at,
        period_end=due_at,
        timezone="UTC",
        scheduled_at=due_at,
        deployment=target.name,
        flow=target.flow_name,
    )
    parameters = {**own, **request.parameters}
    check_parameters(target, parameters)
    check_job_variables(connection, target.pool_seq, request.job_variables)
    queue_seq = None
    if request.work_queue is not None:
        if target.pool_seq is None:
            raise RequestInvalid(f"Deployment `{target.key}` has no work pool, and so no queue `{request.work_queue}`.")
        queue_seq = find_queue(connection, target.pool_seq, request.work_queue, pool=target.spec.work_pool)
    return new_run(
        target,
        parameters,
        now=now,
        due_at=due_at,
        tags=request.tags,
        job_variables=request.job_variables,
        queue_seq=queue_seq,
        key=None if request.idempotency_key is None else clean_text(request.idempotency_key),
        parent_run_id=request.parent_run_id,
        parent_task_run_id=request.parent_task_run_id,
        **({} if request.name is None else {"name": clean_text(request.name)}),
    )


def _find_by_key(connection: Connection, target: Target, key: str | None) -> RunId | None:
    if key is None:
        return None
    mine = and_(
        a.workspace_id == target.workspace_id,
        a.deployment_seq == target.seq,
        a.idempotency_key == clean_text(key),
    )
    statement = select(r.id).join(run_request, a.flow_run_seq == r.seq).where(mine)
    found: RunId | None = connection.execute(statement).scalar()
    return found


# ---- How a run was asked for ------------------------------------------------------------------------------------


def get_run_request(store: Store, request: GetRunRequest, workspace: str) -> RunRequest:
    """Answer `GetRunRequest`."""
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        found = read_requests(connection, r.workspace_id == workspace_id, r.id == request.flow_run_id)
    if not found:
        raise NotFound("request of flow run", request.flow_run_id, listing="penstock flow-run ls")
    return found[0]


def read_requests(connection: Connection, *conditions: ColumnElement[bool]) -> list[RunRequest]:
    """Requests, by conditions on flow runs and requests."""
    statement = (
        select(
            run_request,
            r.id,
            r.deployment.label("said_deployment"),
            deployment.c.id.label("deployment_id"),
            deployment_version.c.spec,
            work_pool.c.name.label("pool_name"),
            work_queue.c.name.label("queue_name"),
            worker.c.name.label("worker_name"),
            backfill.c.id.label("backfill_id"),
            backfill.c.slug.label("backfill_slug"),
            _earlier.c.id.label("after_id"),
        )
        .join(flow_run, r.seq == a.flow_run_seq)
        .outerjoin(deployment, deployment.c.seq == a.deployment_seq)
        .outerjoin(deployment_version, and_(
            deployment_version.c.deployment_seq == a.deployment_seq, deployment_version.c.number == a.version
        ))
        .outerjoin(work_pool, work_pool.c.seq == a.pool_seq)
        .outerjoin(work_queue, work_queue.c.seq == a.queue_seq)
        .outerjoin(worker, worker.c.seq == a.worker_seq)
        .outerjoin(backfill, backfill.c.seq == a.backfill_seq)
        .outerjoin(_earlier, _earlier.c.seq == a.after_seq)
    )  # fmt: skip
    return [_to_request(row) for row in connection.execute(statement.where(*conditions))]


_earlier = flow_run.alias("earlier")


def _to_request(row: Any) -> RunRequest:
    return RunRequest(
        flow_run_id=RunId(row.id),
        deployment_id=row.deployment_id,
        deployment_name=row.said_deployment,
        version=row.version,
        spec=DeploymentSpec() if row.spec is None else read_spec(row.spec),
        status=row.status,
        due_at=row.due_at,
        claim=row.claim,
        worker=row.worker_name,
        work_pool=row.pool_name,
        work_queue=row.queue_name,
        lease_until=row.lease_until,
        infrastructure=row.infrastructure,
        job_variables=decode_json(row.job_variables) or {},
        schedule=row.slug or row.backfill_slug,
        fire_at=row.fire_at,
        period_start=row.period_start,
        period_end=row.period_end,
        idempotency_key=row.idempotency_key,
        backfill_id=row.backfill_id,
        after_run_id=row.after_id and RunId(row.after_id),
        anew=bool(row.anew),
    )


# ---- Runs that will not be wanted -------------------------------------------------------------------------------


def cancel_waiting(
    transaction: Transaction, workspace_id: int, condition: ColumnElement[bool], *, message: str, actor: str
) -> int:
    """Cancel the runs that wait, in this transaction; answers how many. Those that a worker has are not touched."""
    connection, now = transaction.connection, transaction.now_us()
    rows = connection.execute(
        select(r.seq, r.id, r.name, r.epoch, r.version, flow.c.name.label("flow_name"))
        .join(run_request, a.flow_run_seq == r.seq)
        .join(flow, flow.c.seq == r.flow_seq)
        .where(condition, a.status == WAITING, r.state_type == StateType.SCHEDULED.value)
        .with_for_update(of=(flow_run, run_request))
    ).all()
    state = RunState.of("Cancelled", at=now, reason=Reason.CANCEL_REQUESTED, message=message)
    for start in range(0, len(rows), IDS_PER_STATEMENT):
        seqs = [row.seq for row in rows[start : start + IDS_PER_STATEMENT]]
        values = {
            "state_type": state.type.value,
            "state_name": state.name,
            "state_at": now,
            "state_reason": reason_text(state),
            "state_message": message,
            "ended_at": now,
            "cancel_requested_at": now,
            "changed": transaction.changed,
        }
        connection.execute(update(flow_run).where(r.seq.in_(seqs)).values(version=r.version + 1, **values))
        connection.execute(update(run_request).where(a.flow_run_seq.in_(seqs)).values(status=DONE))
    moves = [
        Moved(
            workspace_id=workspace_id,
            run_seq=row.seq,
            run_id=row.id,
            run_name=row.name,
            flow_name=row.flow_name,
            epoch=row.epoch,
            version=row.version + 1,
            state=state,
            actor=actor,
        )
        for row in rows
    ]
    add_moves(transaction, moves)
    return len(rows)


# ---- Rows -------------------------------------------------------------------------------------------------------


def _run_row(run: NewRun, ident: Any, *, now: int, changed: int) -> tuple[Any, ...]:
    target, state = run.target, run.state
    tags = list(dict.fromkeys([*target.spec.tags, *run.tags]))
    return (
        target.workspace_id,
        ident(run.id),
        target.flow_seq,
        run.name,
        state.type.value,
        state.name,
        state.at,
        reason_text(state),
        state.message,
        0,  # its first process begins epoch 1
        1,
        ident(run.parent_run_id),
        ident(run.parent_task_run_id),
        now,
        run.due_at,
        run.due_at,
        state.at if state.is_final else None,
        changed,
        target.spec.code_version,
        target.spec.entrypoint,
        encode_json(clean(tags)) if tags else None,
        encode_json(dict(run.parameters)),
        target.name,
        target.version,
    )


def _request_row(run: NewRun, numbers: Mapping[RunId, int]) -> tuple[Any, ...]:
    target, after = run.target, run.after
    deadline = target.spec.deadline_seconds
    return (
        numbers[run.id],
        target.workspace_id,
        target.seq,
        target.version,
        target.pool_seq,
        target.queue_seq if run.queue_seq is None else run.queue_seq,
        DONE if run.state.is_final else WAITING,
        run.due_at,
        0,
        0,
        encode_json(dict(run.job_variables)) if run.job_variables else None,
        run.slug,
        run.fire_at,
        run.period_start,
        run.period_end,
        run.key,
        run.backfill_seq,
        numbers[after] if isinstance(after, str) else after,
        None if deadline is None or run.state.is_final else run.due_at + int(deadline * 1_000_000),
    )


def _first_move(run: NewRun, seq: int, actor: str) -> Moved:
    return Moved(
        workspace_id=run.target.workspace_id,
        run_seq=seq,
        run_id=run.id,
        run_name=run.name,
        flow_name=run.target.flow_name,
        epoch=0,
        version=1,
        state=run.state,
        actor=actor,
    )


def _requested(run: NewRun, seq: int, now: int, actor: str) -> Told:
    target = run.target
    return Told(
        workspace_id=target.workspace_id,
        at=now,
        kind="flow-run.requested",
        resource=f"flow-run.{run.id}",
        related=(target.resource, f"flow.{target.flow_name}"),
        actor=actor,
        payload={
            "name": run.name,
            "deployment": target.key,
            "version": target.version,
            "due_at": run.due_at,
            "schedule": run.slug,
            "fire_at": run.fire_at,
        },
        run_seq=seq,
    )


def _numbers(connection: Connection, workspaces: set[int], ids: Sequence[RunId]) -> dict[RunId, int]:
    numbers: dict[RunId, int] = {}
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        mine = and_(r.workspace_id.in_(sorted(workspaces)), r.id.in_(ids[start : start + IDS_PER_STATEMENT]))
        numbers |= {RunId(row.id): row.seq for row in connection.execute(select(r.seq, r.id).where(mine))}
    return numbers


def _ident(connection: Connection) -> Any:
    if connection.dialect.name == "sqlite":
        return lambda identifier: None if identifier is None else bytes.fromhex(identifier)
    return lambda identifier: identifier
