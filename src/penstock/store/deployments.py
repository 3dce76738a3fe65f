"""Deployments and their versions: a version never changes, and a deployment is what its current version says."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, func, select, update
from sqlalchemy import text as sql

from penstock.core.errors import NotFound, RequestInvalid
from penstock.core.ids import time_ordered_id
from penstock.core.json_schemas import check_schema
from penstock.core.templates import check_templates
from penstock.ports import FlowRun, Page
from penstock.scheduling import (
    DeleteDeployment,
    Deployment,
    DeploymentSpec,
    DeploymentVersion,
    GetDeployment,
    ListDeployments,
    ListDeploymentVersions,
    PauseDeployment,
    SaveDeployment,
    UseDeploymentVersion,
)
from penstock.store.beginnings import find_flow
from penstock.store.database import Store, Transaction
from penstock.store.events import Told, add_events
from penstock.store.flow_runs import select_flow_runs, to_flow_run
from penstock.store.pages import clamp, decode_cursor, make_page
from penstock.store.requests import cancel_waiting
from penstock.store.schedule_rows import read_schedules, remove_schedules, rest_or_go_on, save_schedules
from penstock.store.tables import flow, flow_run
from penstock.store.targets import (
    Target,
    check_given,
    check_job_variables,
    find_deployment,
    find_pool,
    find_target,
    read_spec,
    read_target,
    write_spec,
)
from penstock.store.upserts import insert_if_new
from penstock.store.values import clean, clean_text, encode_json
from penstock.store.work_tables import deployment, deployment_version, run_request, work_queue

COLLISIONS = ("enqueue", "cancel_new")
ON_CRASH = ("none", "resume", "retry")
NAME_CHARACTERS_MAX = 200
SPEC_CHARACTERS_MAX = 1_000_000
PRIORITY_DEFAULT = 1

d, v = deployment.c, deployment_version.c


def save_deployment(store: Store, request: SaveDeployment, workspace: str, *, actor: str) -> Deployment:
    """Answer `SaveDeployment`."""
    check_spec(request)
    with store.write() as transaction:
        connection, now = transaction.connection, transaction.now_us()
        workspace_id = store.make_workspace(transaction, workspace)
        pool_seq = _pool_of(transaction, workspace_id, request.spec)
        check_job_variables(connection, pool_seq, request.spec.job_variables)
        flow_seq = find_flow(transaction, workspace_id, clean_text(request.flow_name), at=now)
        mine = and_(d.workspace_id == workspace_id, d.flow_seq == flow_seq, d.name == clean_text(request.name))
        values = {
            "pool_seq": pool_seq,
            "tags": encode_json(clean(list(request.spec.tags))) if request.spec.tags else None,
        }
        known = connection.execute(select(d.seq).where(mine).with_for_update()).scalar()
        created = known is None
        if known is None:
            known = _insert(transaction, workspace_id, flow_seq, request, now=now, actor=actor, **values)
        before = read_target(connection, known)
        changes: list[str] = []
        if write_spec(request.spec) != write_spec(before.spec):
            number = 1 + connection.execute(select(func.max(v.number)).where(v.deployment_seq == known)).scalar_one()
            _add_version(connection, known, number, request.spec, now=now, actor=actor)
            connection.execute(update(deployment).where(d.seq == known).values(version=number, **values))
            changes.append("version")
        if request.paused is not None and request.paused != before.paused:
            connection.execute(update(deployment).where(d.seq == known).values(paused=request.paused))
            changes.append("paused")
        target = read_target(connection, known)
        if request.schedules is not None:
            changes += save_schedules(transaction, target, request.schedules, now=now, actor=actor)
        if "paused" in changes and not created:
            rest_or_go_on(transaction, target, now=now)
        if created or changes:
            touch(transaction, target.seq, now=now)
            kind = "deployment.created" if created else "deployment.updated"
            add_events(transaction, [_told(target, kind, now, actor, changes=changes)])
        return read_deployments(connection, d.seq == known, now=now)[0]


def get_deployment(store: Store, request: GetDeployment, workspace: str) -> Deployment:
    """Answer `GetDeployment`."""
    with store.read() as connection:
        seq = find_deployment(connection, store.workspace_id(connection, workspace), request.key)
        return read_deployments(connection, d.seq == seq, now=store.now_us(connection))[0]


def list_deployments(store: Store, request: ListDeployments, workspace: str) -> Page[Deployment]:
    """Answer `ListDeployments`."""
    limit = clamp(request.limit)
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        conditions = [flow.c.workspace_id == workspace_id, d.workspace_id == flow.c.workspace_id]
        if request.flow_name is not None:
            conditions.append(flow.c.name == request.flow_name)
        if request.work_pool is not None:
            conditions.append(d.pool_seq == find_pool(connection, workspace_id, request.work_pool))
        if request.tag is not None:
            conditions.append(_has_tag(connection.dialect.name, request.tag))
        if request.name_contains:
            wanted = request.name_contains.lower()
            conditions.append(func.lower(flow.c.name + "/" + d.name).contains(wanted, autoescape=True))
        if request.cursor is not None:
            flow_name, name = decode_cursor(request.cursor, str, str)
            after = (flow.c.name > flow_name) | ((flow.c.name == flow_name) & (d.name > name))
            conditions += [flow.c.name >= flow_name, after]
        rows = connection.execute(
            _select(by_flow=True).where(*conditions).order_by(flow.c.name, d.name).limit(limit + 1)
        ).all()
        now = store.now_us(connection)
        shown = {item.id: item for item in _to_deployments(connection, rows[:limit], now=now)}
    return make_page(rows, limit, item=lambda row: shown[row.id], keys=lambda row: (row.flow_name, row.name))


def delete_deployment(store: Store, request: DeleteDeployment, workspace: str, *, actor: str) -> None:
    """Answer `DeleteDeployment`. Its versions stay: the runs that are there go on by them."""
    with store.write() as transaction:
        workspace_id, now = store.make_workspace(transaction, workspace), transaction.now_us()
        target = find_target(transaction.connection, workspace_id, request.key, lock=True)
        # Schedules first: whoever is firing one has it locked, and its run is there to be cancelled afterwards.
        remove_schedules(transaction, target.seq)
        mine = run_request.c.deployment_seq == target.seq
        message = f"Deployment `{target.key}` was deleted."
        cancelled = cancel_waiting(transaction, workspace_id, mine, message=message, actor=actor)
        transaction.connection.execute(delete(deployment).where(d.seq == target.seq))
        add_events(transaction, [_told(target, "deployment.deleted", now, actor, cancelled_runs=cancelled)])


def pause_deployment(store: Store, request: PauseDeployment, workspace: str, *, actor: str) -> Deployment:
    """Answer `PauseDeployment`."""
    with store.write() as transaction:
        workspace_id, now = store.make_workspace(transaction, workspace), transaction.now_us()
        connection = transaction.connection
        target = find_target(connection, workspace_id, request.key, lock=True)
        if target.paused != request.paused:
            connection.execute(update(deployment).where(d.seq == target.seq).values(paused=request.paused))
            target = find_target(connection, workspace_id, request.key)
            rest_or_go_on(transaction, target, now=now)
            touch(transaction, target.seq, now=now)
            kind = "deployment.paused" if request.paused else "deployment.resumed"
            add_events(transaction, [_told(target, kind, now, actor)])
        return read_deployments(connection, d.seq == target.seq, now=now)[0]


def list_versions(store: Store, request: ListDeploymentVersions, workspace: str) -> Page[DeploymentVersion]:
    """Answer `ListDeploymentVersions`."""
    limit = clamp(request.limit)
    with store.read() as connection:
        target = find_target(connection, store.workspace_id(connection, workspace), request.key)
        conditions = [v.deployment_seq == target.seq]
        if request.cursor is not None:
            conditions.append(v.number < decode_cursor(request.cursor, int)[0])
        rows = connection.execute(
            select(deployment_version).where(*conditions).order_by(v.number.desc()).limit(limit + 1)
        ).all()
    return make_page(
        rows,
        limit,
        item=lambda row: DeploymentVersion(
            number=row.number,
            spec=read_spec(row.spec),
            created_at=row.created_at,
            actor=row.actor,
            current=row.number == target.version,
        ),
        keys=lambda row: (row.number,),
    )


def use_version(store: Store, request: UseDeploymentVersion, workspace: str, *, actor: str) -> Deployment:
    """Answer `UseDeploymentVersion`."""
    with store.write() as transaction:
        workspace_id, now = store.make_workspace(transaction, workspace), transaction.now_us()
        connection = transaction.connection
        target = find_target(connection, workspace_id, request.key, lock=True)
        mine = and_(v.deployment_seq == target.seq, v.number == request.number)
        said = connection.execute(select(v.spec).where(mine)).scalar()
        if said is None:
            listing = f"penstock deployment versions {target.key}"
            raise NotFound(f"version of `{target.key}`", str(request.number), listing=listing)
        spec = read_spec(said)
        if request.number != target.version:
            values = {
                "version": request.number,
                "pool_seq": _pool_of(transaction, workspace_id, spec),
                "tags": encode_json(list(spec.tags)) if spec.tags else None,
            }
            connection.execute(update(deployment).where(d.seq == target.seq).values(values))
            touch(transaction, target.seq, now=now)
            target = find_target(connection, workspace_id, request.key)
            add_events(transaction, [_told(target, "deployment.updated", now, actor, changes=["version"])])
        return read_deployments(connection, d.seq == target.seq, now=now)[0]


def touch(transaction: Transaction, seq: int, *, now: int) -> None:
    """Something about a deployment changed."""
    values = {"updated_at": now, "changed": transaction.changed}
    transaction.connection.execute(update(deployment).where(d.seq == seq).values(values))


# ---- What may be saved ------------------------------------------------------------------------------------------


def check_spec(request: SaveDeployment) -> None:
    """Raises `RequestInvalid`, `TemplateInvalid` or `ParameterInvalid` for what no deployment can be."""
    name, flow_name, spec = request.name, request.flow_name, request.spec
    for what, text in (("flow", flow_name), ("deployment", name)):
        if not text.strip() or len(text) > NAME_CHARACTERS_MAX:
            raise RequestInvalid(f"The name of a {what} has 1 to {NAME_CHARACTERS_MAX} characters, not {text[:50]!r}.")
    if "/" in name:
        raise RequestInvalid(f"A deployment's name has no `/`, as it is known as `flow/name`: {name!r}.")
    for what, text, choices in (("collision", spec.collision, COLLISIONS), ("on_crash", spec.on_crash, ON_CRASH)):
        if text not in choices:
            raise RequestInvalid(f"`{what}` is one of {', '.join(choices)}, not {text[:50]!r}.")
    if spec.concurrency_limit is not None and spec.concurrency_limit < 1:
        raise RequestInvalid(
            "`concurrency_limit` is at least 1; to let no run begin, pause the deployment or its queue."
        )
    if spec.deadline_seconds is not None and not 0 < spec.deadline_seconds < 1e9:
        raise RequestInvalid("`deadline_seconds` is more than 0.")
    if spec.work_queue is not None and spec.work_pool is None:
        raise RequestInvalid(f"Queue `{spec.work_queue}` is of no use without a work pool: name `work_pool` too.")
    if len(write_spec(spec)) > SPEC_CHARACTERS_MAX:
        raise RequestInvalid(f"A deployment's version has at most {SPEC_CHARACTERS_MAX:,} characters as JSON.")
    check_templates(spec.parameters)
    if spec.parameter_schema is not None:
        wrong = check_schema(spec.parameter_schema)
        if wrong is not None:
            raise RequestInvalid(f"`parameter_schema` is no JSON Schema: {wrong}.")
        check_given(flow_name, spec, spec.parameters)


# ---- Rows -------------------------------------------------------------------------------------------------------


def _pool_of(transaction: Transaction, workspace_id: int, spec: DeploymentSpec) -> int | None:
    if spec.work_pool is None:
        return None
    pool_seq = find_pool(transaction.connection, workspace_id, spec.work_pool)
    if spec.work_queue is not None:
        values = {"pool_seq": pool_seq, "name": spec.work_queue, "priority": PRIORITY_DEFAULT, "paused": False}
        insert_if_new(transaction.connection, work_queue, values)
    return pool_seq


def _insert(
    transaction: Transaction,
    workspace_id: int,
    flow_seq: int,
    request: SaveDeployment,
    *,
    now: int,
    actor: str,
    **values: Any,
) -> int:
    connection, name = transaction.connection, clean_text(request.name)
    row = {
        "workspace_id": workspace_id,
        "id": time_ordered_id(now, os.urandom(10)),
        "flow_seq": flow_seq,
        "name": name,
        "version": 1,
        "paused": bool(request.paused),
        "created_at": now,
        "updated_at": now,
        "changed": transaction.changed,
        **values,
    }
    if connection.dialect.name == "sqlite":  # it would give the number of a deleted deployment once more
        used = connection.execute(select(func.max(v.deployment_seq))).scalar() or 0
        row["seq"] = 1 + max(used, connection.execute(select(func.max(d.seq))).scalar() or 0)
    seq = insert_if_new(connection, deployment, row)
    if seq is None:  # made by somebody else this moment
        mine = and_(d.workspace_id == workspace_id, d.flow_seq == flow_seq, d.name == name)
        return int(connection.execute(select(d.seq).where(mine).with_for_update()).scalar_one())
    _add_version(connection, seq, 1, request.spec, now=now, actor=actor)
    return seq


def _add_version(connection: Connection, seq: int, number: int, spec: DeploymentSpec, *, now: int, actor: str) -> None:
    values = {
        "deployment_seq": seq,
        "number": number,
        "spec": write_spec(spec),
        "work_queue": spec.work_queue,
        "created_at": now,
        "actor": actor,
    }
    connection.execute(deployment_version.insert().values(values))


def read_deployments(connection: Connection, *conditions: ColumnElement[bool], now: int) -> list[Deployment]:
    """Deployments with schedules and last runs: four statements, however many there are."""
    return _to_deployments(connection, connection.execute(_select().where(*conditions)).all(), now=now)


def _select(*, by_flow: bool = False) -> Select[Any]:
    # With the sum SQLite cannot look flows up by their numbers: it goes by flows' names, and by those of each one's deployments.
    of_flow = d.flow_seq == (flow.c.seq + 0 if by_flow else flow.c.seq)
    return (
        select(
            d.seq, d.id, d.name, d.version, d.paused, d.created_at, d.updated_at, d.changed,
            flow.c.name.label("flow_name"), v.spec,
        )
        .join(flow, of_flow)
        .join(deployment_version, and_(v.deployment_seq == d.seq, v.number == d.version))
    )  # fmt: skip


def _last_runs(connection: Connection, seqs: Sequence[int], now: int) -> Mapping[int, FlowRun]:
    """The last run that was due of each deployment."""
    r = flow_run.c
    mine = and_(r.flow_seq == d.flow_seq, r.deployment == d.name, r.deployment.is_not(None), r.start_at <= now)
    last = select(r.seq).where(mine).order_by(r.start_at.desc(), r.seq.desc()).limit(1).scalar_subquery()
    newest = {row.seq: row.last for row in connection.execute(select(d.seq, last.label("last")).where(d.seq.in_(seqs)))}
    found = connection.execute(select_flow_runs().where(r.seq.in_([run for run in newest.values() if run is not None])))
    runs = {row.seq: to_flow_run(row) for row in found}
    return {seq: runs[run] for seq, run in newest.items() if run in runs}


def _to_deployments(connection: Connection, rows: Sequence[Row[Any]], *, now: int) -> list[Deployment]:
    seqs = [row.seq for row in rows]
    schedules, runs = read_schedules(connection, seqs), _last_runs(connection, seqs, now)
    return [
        Deployment(
            id=row.id,
            name=row.name,
            flow_name=row.flow_name,
            version=row.version,
            spec=read_spec(row.spec),
            schedules=schedules.get(row.seq, ()),
            paused=row.paused,
            created_at=row.created_at,
            updated_at=row.updated_at,
            last_run=runs.get(row.seq),
            changed=row.changed,
        )
        for row in rows
    ]


def _has_tag(dialect: str, tag: str) -> ColumnElement[bool]:
    elements = (
        "json_each(deployment.tags)"
        if dialect == "sqlite"
        else "json_array_elements_text(deployment.tags::json) AS tag(value)"
    )
    wanted = sql(f"EXISTS (SELECT 1 FROM {elements} WHERE value = :tag)").bindparams(tag=tag)
    return and_(d.tags.is_not(None), wanted)


def _told(target: Target, kind: str, now: int, actor: str, **payload: Any) -> Told:
    return Told(
        workspace_id=target.workspace_id,
        at=now,
        kind=kind,
        resource=target.resource,
        related=(f"flow.{target.flow_name}",),
        actor=actor,
        payload={"deployment": target.key, "version": target.version, **payload},
    )
