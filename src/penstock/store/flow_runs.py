"""Flow runs as they are read, one at a time; `run_lists.py` has the lists."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select

from penstock.core.errors import NotFound
from penstock.core.ids import RunId, TaskRunId, WriterId, definition_id
from penstock.core.states import StateType
from penstock.ports import FlowRun, GetFlowRun
from penstock.store.database import Store
from penstock.store.tables import COUNT_COLUMNS, flow, flow_run, workspace, writer
from penstock.store.values import decode_json, make_state, unpack_ids

DURATIONS_MAX = 20
"""Completed runs that the expected end of a running one is taken from."""

r = flow_run.c


def select_flow_runs() -> Select[Any]:
    """Runs with what is shown of their flow, workspace and writer."""
    return (
        select(
            flow_run,
            flow.c.name.label("flow_name"),
            workspace.c.name.label("workspace_name"),
            writer.c.id.label("writer_id"),
            writer.c.host,
            writer.c.pid,
            writer.c.environment,
        )
        .join(flow, flow.c.seq == r.flow_seq)
        .join(workspace, workspace.c.id == r.workspace_id)
        .outerjoin(writer, writer.c.seq == r.writer_seq)
    )


_one = select_flow_runs().where(r.workspace_id == bindparam("workspace"), r.id == bindparam("run"))
_number = select(r.seq).where(r.workspace_id == bindparam("workspace"), r.id == bindparam("run"))
_durations = (
    select(r.ended_at - func.coalesce(r.taken_at, r.start_at))
    .where(r.flow_seq == bindparam("flow"), r.state_type == StateType.COMPLETED.value, r.ended_at.is_not(None))
    .order_by(r.start_at.desc(), r.seq.desc())
    .limit(DURATIONS_MAX)
)


def to_flow_run(row: Row[Any] | Mapping[str, Any], *, expected_end_at: int | None = None) -> FlowRun:
    """Make a run of its row."""
    v = row._mapping if isinstance(row, Row) else row
    return FlowRun(
        id=RunId(v["id"]),
        flow_id=definition_id(v["workspace_name"], v["flow_name"]),
        flow_name=v["flow_name"],
        name=v["name"],
        state=make_state(v["state_type"], v["state_name"], v["state_at"], v["state_reason"], v["state_message"]),
        epoch=v["epoch"],
        version=v["version"],
        flow_version=v["flow_version"],
        code_version=v["code_version"],
        entrypoint=v["entrypoint"],
        parameters=decode_json(v["parameters"]),
        tags=tuple(decode_json(v["tags"]) or ()),
        parent_run_id=v["parent_run_id"],
        parent_task_run_id=v["parent_task_run_id"] and TaskRunId(v["parent_task_run_id"]),
        upstream=unpack_ids(v["upstream"]),
        created_at=v["created_at"],
        expected_start_at=v["expected_start_at"],
        started_at=v["started_at"],
        ended_at=v["ended_at"],
        result=v["result"],
        host=v["host"],
        pid=v["pid"],
        environment=decode_json(v["environment"]),
        writer_id=v["writer_id"] and WriterId(v["writer_id"]),
        cancel_requested_at=v["cancel_requested_at"],
        deployment=v["deployment"],
        deployment_version=v["deployment_version"],
        task_counts={type_.value: v[column] for type_, column in COUNT_COLUMNS.items() if v[column]},
        expected_end_at=expected_end_at,
        changed=v["changed"],
    )


def read_flow_run(connection: Connection, workspace_id: int, run_id: str) -> FlowRun:
    """One run, by its id. Raises `NotFound`."""
    row = connection.execute(_one, {"workspace": workspace_id, "run": run_id}).one_or_none()
    if row is None:
        raise NotFound("flow run", run_id, listing="penstock flow-run ls")
    running = row.state_type == StateType.RUNNING.value and row.taken_at is not None
    usual = usual_duration(connection, row.flow_seq) if running else None
    return to_flow_run(row, expected_end_at=None if usual is None else row.taken_at + usual)


def get_flow_run(store: Store, request: GetFlowRun, workspace: str) -> FlowRun:
    """Answer `GetFlowRun`."""
    with store.read() as connection:
        return read_flow_run(connection, store.workspace_id(connection, workspace), request.id)


def usual_duration(connection: Connection, flow_seq: int) -> int | None:
    """How long a flow's runs take, by the median of its last completed ones."""
    durations = sorted(connection.execute(_durations, {"flow": flow_seq}).scalars())
    return durations[len(durations) // 2] if durations else None


def find_run(connection: Connection, workspace_id: int, run_id: str) -> int:
    """The number of a flow run; 0, which no row has, if there is none."""
    known: int | None = connection.execute(_number, {"workspace": workspace_id, "run": run_id}).scalar()
    return known or 0
