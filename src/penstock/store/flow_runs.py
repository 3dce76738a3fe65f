"""Flow runs as they are read: one, by name or beginning of the id, and the lists."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, select, tuple_

from penstock.core.errors import NotFound, SearchInvalid
from penstock.core.ids import RunId, TaskRunId, WriterId, definition_id
from penstock.core.searching import TERMS_MAX, parse_search
from penstock.core.states import StateType
from penstock.ports import FindFlowRuns, FlowRun, GetFlowRun, ListFlowRuns, Page, RunFilter
from penstock.store.database import Store
from penstock.store.id_prefix import begins_with
from penstock.store.pages import clamp, decode_cursor, make_page
from penstock.store.run_search import has_tag, search_conditions
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
        )
        .join(flow, flow.c.seq == r.flow_seq)
        .join(workspace, workspace.c.id == r.workspace_id)
        .outerjoin(writer, writer.c.seq == r.writer_seq)
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
    row = connection.execute(select_flow_runs().where(r.workspace_id == workspace_id, r.id == run_id)).one_or_none()
    if row is None:
        raise NotFound("flow run", run_id, listing="penstock flow-run ls")
    running = row.state_type == StateType.RUNNING.value and row.taken_at is not None
    usual = usual_duration(connection, row.flow_seq) if running else None
    return to_flow_run(row, expected_end_at=None if usual is None else row.taken_at + usual)


def get_flow_run(store: Store, request: GetFlowRun, workspace: str) -> FlowRun:
    """Answer `GetFlowRun`."""
    with store.read() as connection:
        return read_flow_run(connection, store.workspace_id(connection, workspace), request.id)


def find_flow_runs(store: Store, request: FindFlowRuns, workspace: str) -> Sequence[RunId]:
    """Answer `FindFlowRuns`: by id first, as that is what people paste."""
    limit = clamp(request.limit)
    by_id = begins_with(r.id, request.text)
    by_name = select(r.id).where(r.name == request.text).order_by(r.start_at.desc(), r.seq.desc())
    found: dict[str, None] = {}
    with store.read() as connection:
        mine = r.workspace_id == store.workspace_id(connection, workspace)
        if by_id is not None:
            statement = select(r.id).where(mine, by_id).order_by(r.id.desc()).limit(limit)  # ids are in order of time
            found = dict.fromkeys(connection.execute(statement).scalars())
        if len(found) < limit:
            found |= dict.fromkeys(connection.execute(by_name.where(mine).limit(limit)).scalars())
    return [RunId(run_id) for run_id in list(found)[:limit]]


def list_flow_runs(store: Store, request: ListFlowRuns, workspace: str) -> Page[FlowRun]:
    """Answer `ListFlowRuns`: newest start first."""
    limit = clamp(request.limit)
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        now = store.now_us(connection)
        wanted = filter_conditions(connection, workspace_id, request.filter, now=now)
        conditions = [r.workspace_id == workspace_id, *wanted]
        if request.cursor is not None:
            at, last = tuple_(r.start_at, r.seq), tuple_(*decode_cursor(request.cursor, int, int))
            conditions.append(at > last if request.oldest_first else at < last)
        order = (r.start_at, r.seq) if request.oldest_first else (r.start_at.desc(), r.seq.desc())
        statement = select_flow_runs().where(*conditions).order_by(*order).limit(limit + 1)
        rows = connection.execute(statement).all()
    return make_page(rows, limit, item=to_flow_run, keys=lambda row: (row.start_at, row.seq))


def usual_duration(connection: Connection, flow_seq: int) -> int | None:
    """How long a flow's runs take, by the median of its last completed ones."""
    recent = (
        select(r.ended_at - func.coalesce(r.taken_at, r.start_at))
        .where(r.flow_seq == flow_seq, r.state_type == StateType.COMPLETED.value, r.ended_at.is_not(None))
        .order_by(r.start_at.desc(), r.seq.desc())
        .limit(DURATIONS_MAX)
    )
    durations = connection.execute(recent).scalars().all()
    return int(median(durations)) if durations else None


def filter_conditions(
    connection: Connection, workspace_id: int, wanted: RunFilter, *, now: int
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if len(wanted.tags) > TERMS_MAX:
        raise SearchInvalid("tags", f"there are more than {TERMS_MAX}")
    if wanted.state_types:
        conditions.append(_one_of(r.state_type, [str(type_) for type_ in wanted.state_types]))
    if wanted.state_names:
        conditions.append(_one_of(r.state_name, wanted.state_names))
    if wanted.flow_names:
        flows = connection.execute(
            select(flow.c.seq).where(flow.c.workspace_id == workspace_id, flow.c.name.in_(wanted.flow_names))
        )
        conditions.append(_one_of(r.flow_seq, flows.scalars().all()))
    if wanted.deployments:
        conditions.append(and_(r.deployment.is_not(None), _one_of(r.deployment, wanted.deployments)))
    if wanted.name_contains:
        conditions.append(func.lower(r.name).contains(wanted.name_contains.lower(), autoescape=True))
    conditions.extend(has_tag(connection.dialect.name, tag, f"f{place}") for place, tag in enumerate(wanted.tags))
    if wanted.parent_run_id is not None:
        conditions.append(r.parent_run_id == wanted.parent_run_id)
    if wanted.top_level:
        conditions.append(r.parent_run_id.is_(None))
    if wanted.since is not None:
        conditions.append(r.start_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(r.start_at < wanted.until)
    if wanted.ids:
        conditions.append(_one_of(r.id, wanted.ids))
    if wanted.where:
        conditions += search_conditions(connection, workspace_id, parse_search(wanted.where), now=now)
    return conditions


def _one_of(column: ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    # An equality lets the index give the order as well; IN would have it sorted afterwards.
    return column == values[0] if len(values) == 1 else column.in_(values)
