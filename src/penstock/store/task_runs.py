"""Task runs as they are read: one, the lists, and the complete calls that a new epoch need not make again."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, literal, select, tuple_

from penstock.core.errors import NotFound
from penstock.core.ids import RunId, TaskRunId
from penstock.core.states import FINAL_TYPES, StateType
from penstock.ports import (
    Attempt,
    FindTaskRuns,
    GetTaskRun,
    ListRecordedCalls,
    ListTaskRuns,
    Page,
    RecordedCall,
    TaskRun,
)
from penstock.store.database import Store
from penstock.store.flow_runs import find_run
from penstock.store.id_prefix import begins_with
from penstock.store.pages import clamp, decode_cursor, in_workspace, make_page
from penstock.store.tables import flow, flow_run, task, task_run
from penstock.store.task_definitions import NO_HASH
from penstock.store.values import decode_json, make_state, unpack_ids

t = task_run.c


def select_task_runs() -> Select[Any]:
    """Task runs with what is shown of their flow run and task."""
    return (
        select(
            task_run,
            flow_run.c.id.label("flow_run_id"),
            task.c.id.label("task_id"),
            task.c.key.label("task_key"),
            task.c.name.label("task_name"),
            task.c.tags.label("task_tags"),
        )
        .join(flow_run, flow_run.c.seq == t.flow_run_seq)
        .join(task, task.c.seq == t.task_seq)
    )


def to_task_run(row: Row[Any]) -> TaskRun:
    """Make a task run of its row."""
    v = row._mapping
    at = v["ended_at"] or v["started_at"] or v["created_at"]
    return TaskRun(
        id=TaskRunId(v["id"]),
        flow_run_id=RunId(v["flow_run_id"]),
        task_id=v["task_id"],
        task_key=v["task_key"],
        task_name=v["task_name"],
        name=v["name"] or f"{v['task_name']}-{v['ordinal']}",
        ordinal=v["ordinal"],
        epoch=v["epoch"],
        parent_id=v["parent_id"],
        state=make_state(v["state_type"], v["state_name"], at, v["reason"], v["message"]),
        attempt=v["attempt"],
        attempts=_attempts(v),
        created_at=v["created_at"],
        started_at=v["started_at"],
        ended_at=v["ended_at"],
        tags=tuple(decode_json(v["tags"] or v["task_tags"]) or ()),
        upstream=tuple(TaskRunId(identifier) for identifier in unpack_ids(v["upstream"])),
        result=v["result"],
        cache_key=v["cache_key"],
        changed=v["changed"],
    )


def get_task_run(store: Store, request: GetTaskRun, workspace: str) -> TaskRun:
    """Answer `GetTaskRun`."""
    with store.read() as connection:
        mine = flow_run.c.workspace_id == store.workspace_id(connection, workspace)
        row = connection.execute(select_task_runs().where(mine, t.id == request.id)).one_or_none()
    if row is None:
        raise NotFound("task run", request.id, listing="penstock task-run ls")
    return to_task_run(row)


def find_task_runs(store: Store, request: FindTaskRuns, workspace: str) -> Sequence[TaskRunId]:
    """Answer `FindTaskRuns`."""
    prefix = begins_with(t.id, request.text)
    if prefix is None:
        return []
    with store.read() as connection:
        mine = in_workspace(flow_run.c.workspace_id, store.workspace_id(connection, workspace))
        statement = select(t.id).join(flow_run, flow_run.c.seq == t.flow_run_seq).where(mine, prefix).order_by(t.id)
        return [TaskRunId(found) for found in connection.execute(statement.limit(clamp(request.limit))).scalars()]


def list_task_runs(store: Store, request: ListTaskRuns, workspace: str) -> Page[TaskRun]:
    """Answer `ListTaskRuns`: in the order in which they were first recorded, or backwards over all runs."""
    limit = clamp(request.limit)
    statement = select_task_runs().limit(limit + 1)
    place: ColumnElement[int] = t.seq
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        if request.flow_run_id is None:
            if request.state_types and FINAL_TYPES.isdisjoint(request.state_types):
                # There are few: the index of all that is not completed finds them, and the order is made afterwards.
                place = t.seq + 0
            statement = statement.where(in_workspace(flow_run.c.workspace_id, workspace_id)).order_by(place.desc())
        else:
            statement = statement.where(
                t.flow_run_seq == find_run(connection, workspace_id, request.flow_run_id)
            ).order_by(t.seq)
        if request.state_types:
            statement = statement.where(*_in_states(request.state_types))
        if request.task_names:
            tasks = _find_tasks(connection, workspace_id, request.task_names)
            if not tasks:
                return Page([])
            statement = statement.where(t.task_seq.in_(tasks))
        if request.cursor is not None:
            (last,) = decode_cursor(request.cursor, int)
            statement = statement.where(place < last if request.flow_run_id is None else t.seq > last)
        rows = connection.execute(statement).all()
    return make_page(rows, limit, item=to_task_run, keys=lambda row: (row.seq,))


def _find_tasks(connection: Connection, workspace_id: int, names: Sequence[str]) -> Sequence[int]:
    """The numbers of tasks with these names, one for each text of the source."""
    known = select(task.c.seq).where(task.c.workspace_id == workspace_id, task.c.name.in_(names))
    return connection.execute(known).scalars().all()


def list_recorded_calls(store: Store, request: ListRecordedCalls, workspace: str) -> Page[RecordedCall]:
    """Answer `ListRecordedCalls`: tasks as they were recorded, then subflows as they started."""
    limit, r = clamp(request.limit), flow_run.c
    kind, at, last = ("task", 0, 0) if request.cursor is None else decode_cursor(request.cursor, str, int, int)
    found: list[Row[Any]] = []
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        if kind == "task":
            tasks = _completed_tasks(find_run(connection, workspace_id, request.flow_run_id))
            found.extend(connection.execute(tasks.where(t.seq > last).order_by(t.seq).limit(limit + 1)))
            at, last = 0, 0
        if len(found) <= limit:
            flows = _completed_subflows(workspace_id, request.flow_run_id).order_by(r.start_at, r.seq)
            flows = flows.where(tuple_(r.start_at, r.seq) > tuple_(at, last))
            found.extend(connection.execute(flows.limit(limit + 1 - len(found))))
    return make_page(found, limit, item=_to_call, keys=lambda row: (row.kind, row.at, row.seq))


def _completed_tasks(run_seq: int) -> Select[Any]:
    return (
        select(
            t.id, literal("task").label("kind"), literal(0).label("at"), t.seq, task.c.key, t.state_name, t.state_type, t.result, t.message,
            task.c.source_hash, t.upstream, t.epoch,
        )
        .join(task, task.c.seq == t.task_seq)
        .where(t.flow_run_seq == run_seq, t.state_type == StateType.COMPLETED.value)
    )  # fmt: skip


def _completed_subflows(workspace_id: int, run_id: str) -> Select[Any]:
    r = flow_run.c
    return (
        select(
            r.id, literal("flow").label("kind"), r.start_at.label("at"), r.seq, flow.c.name.label("key"), r.state_name, r.state_type, r.result,
            r.state_message.label("message"), r.code_version.label("source_hash"), r.upstream, r.epoch,
        )
        .join(flow, flow.c.seq == r.flow_seq)
        .where(r.workspace_id == workspace_id, r.parent_run_id == run_id, r.state_type == StateType.COMPLETED.value)
    )  # fmt: skip


def _to_call(row: Row[Any]) -> RecordedCall:
    return RecordedCall(
        id=row.id,
        kind=row.kind,
        task_key=row.key,
        state_name=row.state_name,
        state_type=StateType(row.state_type),
        result=row.result,
        message=row.message,
        source_hash=None if row.source_hash == NO_HASH else row.source_hash,
        upstream=unpack_ids(row.upstream),
        epoch=row.epoch,
    )


def _in_states(wanted: Sequence[StateType]) -> list[Any]:
    names = [str(type_) for type_ in wanted]
    conditions: list[Any] = [t.state_type == names[0] if len(names) == 1 else t.state_type.in_(names)]
    if StateType.COMPLETED not in wanted:
        conditions.append(t.state_type != StateType.COMPLETED.value)  # so that the index of the others serves
    return conditions


def _attempts(v: Any) -> Sequence[Attempt]:
    earlier = [
        Attempt(number=number, started_at=started, ended_at=ended, state_name=name, message=message)
        for number, (started, ended, name, message) in enumerate(decode_json(v["attempts"]) or (), start=1)
    ]
    if v["attempt"] <= 0:
        return earlier
    current = Attempt(
        number=v["attempt"],
        started_at=v["started_at"],
        ended_at=v["ended_at"],
        state_name=v["state_name"],
        message=v["message"],
    )
    return [*earlier, current]
