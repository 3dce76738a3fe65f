"""Logs, artifacts, dataset uses and events as they are read."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, select

from penstock.core.errors import NotFound
from penstock.core.ids import ArtifactId, RunId, TaskRunId
from penstock.ports import (
    Artifact,
    DatasetUse,
    Event,
    GetArtifact,
    ListArtifacts,
    ListDatasetUses,
    ListEvents,
    ListLogs,
    LogLine,
    Page,
)
from penstock.store.database import POSITIONS_PER_TRANSACTION, Store
from penstock.store.flow_runs import find_run
from penstock.store.id_prefix import begins_with
from penstock.store.log_search import search_logs
from penstock.store.pages import clamp, decode_cursor, in_workspace, make_page
from penstock.store.tables import artifact, dataset_use, event, flow_run, log
from penstock.store.values import decode_json

SUBFLOWS_MAX = 10_000


def list_logs(store: Store, request: ListLogs, workspace: str) -> Page[LogLine]:
    """Answer `ListLogs`."""
    limit = clamp(request.limit)
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        conditions: list[ColumnElement[bool]] = [in_workspace(flow_run.c.workspace_id, workspace_id)]
        if request.flow_run_id is not None:
            conditions.append(_of_runs(connection, workspace_id, request))
        if request.task_run_id is not None:
            conditions.append(log.c.task_run_id == request.task_run_id)
        if request.level_min > 0:
            conditions.append(log.c.level >= request.level_min)
        joined = log.join(flow_run, flow_run.c.seq == log.c.flow_run_seq)
        source, place, searched = search_logs(connection, request, joined)
        if request.cursor is not None:
            (last,) = decode_cursor(request.cursor, int)
            conditions.append(place < last if request.newest_first else place > last)
        statement = (
            select(log, flow_run.c.id.label("flow_run_id"))
            .select_from(source)
            .where(*conditions, *searched)
            .order_by(place.desc() if request.newest_first else place)
            .limit(limit + 1)
        )
        rows = connection.execute(statement).all()
    return make_page(rows, limit, item=to_log_line, keys=lambda row: (row.seq,))


def list_artifacts(store: Store, request: ListArtifacts, workspace: str) -> Page[Artifact]:
    """Answer `ListArtifacts`."""
    limit, a = clamp(request.limit), artifact.c
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        statement = _select_artifacts().where(a.workspace_id == workspace_id).order_by(a.seq.desc()).limit(limit + 1)
        if request.flow_run_id is not None:
            statement = statement.where(a.flow_run_seq == find_run(connection, workspace_id, request.flow_run_id))
        if request.key is not None:
            statement = statement.where(a.key == request.key)
        if request.latest_only:
            newer = artifact.alias("newer")
            same = (
                newer.c.workspace_id == a.workspace_id,
                newer.c.key == a.key,
                newer.c.key.is_not(None),
                newer.c.seq > a.seq,
            )
            statement = statement.where(~select(newer.c.seq).where(*same).exists())
        if request.cursor is not None:
            statement = statement.where(a.seq < decode_cursor(request.cursor, int)[0])
        rows = connection.execute(statement).all()
    return make_page(rows, limit, item=_to_artifact, keys=lambda row: (row.seq,))


def get_artifact(store: Store, request: GetArtifact, workspace: str) -> Artifact:
    """Answer `GetArtifact`: by id or its beginning, else the latest by key."""
    a = artifact.c
    prefix = begins_with(a.id, request.id_or_key)
    with store.read() as connection:
        mine = (
            _select_artifacts()
            .where(a.workspace_id == store.workspace_id(connection, workspace))
            .order_by(a.seq.desc())
            .limit(1)
        )
        row = connection.execute(mine.where(a.key == request.id_or_key)).one_or_none()
        if row is None and prefix is not None:
            row = connection.execute(mine.where(prefix)).one_or_none()
    if row is None:
        raise NotFound("artifact", request.id_or_key, listing="penstock artifact ls")
    return _to_artifact(row)


def list_dataset_uses(store: Store, request: ListDatasetUses, workspace: str) -> Page[DatasetUse]:
    """Answer `ListDatasetUses`."""
    limit, d = clamp(request.limit), dataset_use.c
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        statement = (
            select(dataset_use, flow_run.c.id.label("flow_run_id"))
            .outerjoin(flow_run, flow_run.c.seq == d.flow_run_seq)
            .where(d.workspace_id == workspace_id)
            .order_by(d.seq.desc())
            .limit(limit + 1)
        )
        if request.flow_run_id is not None:
            statement = statement.where(d.flow_run_seq == find_run(connection, workspace_id, request.flow_run_id))
        for column, wanted in (
            (d.dataset, request.dataset),
            (d.action, request.action),
            (d.write_key, request.write_key),
        ):
            if wanted is not None:
                statement = statement.where(column == wanted)
        if request.cursor is not None:
            statement = statement.where(d.seq < decode_cursor(request.cursor, int)[0])
        rows = connection.execute(statement).all()
    return make_page(rows, limit, item=_to_dataset_use, keys=lambda row: (row.seq,))


def list_events(store: Store, request: ListEvents, workspace: str) -> Page[Event]:
    """Answer `ListEvents`: only what is surely preceded by all that it will ever be preceded by."""
    limit, e = clamp(request.limit), event.c
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        statement = select(event).where(e.seq > request.after)
        if request.before is not None:
            statement = statement.where(e.seq < request.before)
        settled = store.database.settled_before(connection)
        if settled is not None:
            statement = statement.where(e.seq < settled * POSITIONS_PER_TRANSACTION)
        if len(request.kinds) == 1:
            statement = statement.where(e.workspace_id == workspace_id, e.kind == request.kinds[0])
        else:
            statement = statement.where(in_workspace(e.workspace_id, workspace_id))
            if request.kinds:
                statement = statement.where(e.kind.in_(request.kinds))
        order = e.seq.desc() if request.newest_first else e.seq
        rows = connection.execute(statement.order_by(order).limit(limit + 1)).all()
    return make_page(rows, limit, item=to_event, keys=lambda row: (row.seq,))


def _of_runs(connection: Connection, workspace_id: int, request: ListLogs) -> ColumnElement[bool]:
    assert request.flow_run_id is not None
    if not request.with_subflows:
        return log.c.flow_run_seq == find_run(connection, workspace_id, request.flow_run_id)
    return log.c.flow_run_seq.in_(find_tree(connection, workspace_id, request.flow_run_id))


def find_tree(connection: Connection, workspace_id: int, run_id: str) -> dict[int, RunId]:
    """A run and all runs below it: their ids by their numbers."""
    r = flow_run.c
    tree = select(r.seq, r.id).where(r.workspace_id == workspace_id, r.id == run_id).cte("tree", recursive=True)
    below = flow_run.alias("below")
    tree = tree.union(
        select(below.c.seq, below.c.id).where(below.c.workspace_id == workspace_id, below.c.parent_run_id == tree.c.id)
    )
    found = connection.execute(select(tree.c.seq, tree.c.id).limit(SUBFLOWS_MAX))
    return {row.seq: RunId(row.id) for row in found}


def _select_artifacts() -> Select[Any]:
    return select(artifact, flow_run.c.id.label("flow_run_id")).outerjoin(
        flow_run, flow_run.c.seq == artifact.c.flow_run_seq
    )


def to_log_line(row: Row[Any]) -> LogLine:
    """Make a log line of its row."""
    return LogLine(
        seq=row.seq,
        flow_run_id=RunId(row.flow_run_id),
        task_run_id=row.task_run_id and TaskRunId(row.task_run_id),
        at=row.at,
        level=row.level,
        logger=row.logger,
        message=row.message,
    )


def _to_artifact(row: Row[Any]) -> Artifact:
    return Artifact(
        id=ArtifactId(row.id),
        key=row.key,
        type=row.type,
        description=row.description,
        data=decode_json(row.data),
        flow_run_id=row.flow_run_id and RunId(row.flow_run_id),
        task_run_id=row.task_run_id and TaskRunId(row.task_run_id),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _to_dataset_use(row: Row[Any]) -> DatasetUse:
    return DatasetUse(
        dataset=row.dataset,
        location=row.location,
        version=row.version,
        action=row.action,
        at=row.at,
        flow_run_id=row.flow_run_id and RunId(row.flow_run_id),
        task_run_id=row.task_run_id and TaskRunId(row.task_run_id),
        write_key=row.write_key,
        rows=row.rows,
        bytes=row.bytes,
        schema_digest=row.schema_digest,
        details=decode_json(row.details),
    )


def to_event(row: Row[Any]) -> Event:
    """Make an event of its row."""
    return Event(
        seq=row.seq,
        id=row.id,
        at=row.at,
        kind=row.kind,
        resource=row.resource,
        related=tuple(decode_json(row.related) or ()),
        actor=row.actor,
        cause=row.cause,
        payload=decode_json(row.payload),
    )
