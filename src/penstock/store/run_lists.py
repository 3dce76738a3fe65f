"""Flow runs as they are looked for: the list, by name or beginning of the id, and what became of one."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select, tuple_

from penstock.core.errors import SearchInvalid
from penstock.core.ids import RunId
from penstock.core.searching import TERMS_MAX, is_oldest_first, parse_search
from penstock.ports import FindFlowRuns, FlowRun, ListFlowRuns, ListStates, Page, RunFilter, StateEntry
from penstock.store.database import Store
from penstock.store.flow_runs import select_flow_runs, to_flow_run
from penstock.store.id_prefix import begins_with
from penstock.store.pages import clamp, decode_cursor, make_page
from penstock.store.run_search import has_tag, search_conditions
from penstock.store.tables import flow, flow_run, flow_run_state
from penstock.store.values import make_state

r = flow_run.c


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
    """Answer `ListFlowRuns`: newest start first, unless the oldest are asked for."""
    limit = clamp(request.limit)
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        now = store.now_us(connection)
        wanted = filter_conditions(connection, workspace_id, request.filter, now=now)
        conditions = [r.workspace_id == workspace_id, *wanted]
        oldest_first = request.oldest_first or is_oldest_first(parse_search(request.filter.where or ""))
        if request.cursor is not None:
            at, last = tuple_(r.start_at, r.seq), tuple_(*decode_cursor(request.cursor, int, int))
            conditions.append(at > last if oldest_first else at < last)
        order = (r.start_at, r.seq) if oldest_first else (r.start_at.desc(), r.seq.desc())
        statement = select_flow_runs().where(*conditions).order_by(*order).limit(limit + 1)
        rows = connection.execute(statement).all()
    return make_page(rows, limit, item=to_flow_run, keys=lambda row: (row.start_at, row.seq))


def list_states(store: Store, request: ListStates, workspace: str) -> Sequence[StateEntry]:
    """A run's history, oldest first: by epoch, then as it was recorded."""
    s = flow_run_state.c
    statement = (
        select(s.type, s.name, s.at, s.reason, s.message, s.epoch)
        .join(flow_run, flow_run.c.seq == s.flow_run_seq)
        .order_by(s.epoch, s.seq)
    )
    with store.read() as connection:
        mine = (
            flow_run.c.workspace_id == store.workspace_id(connection, workspace),
            flow_run.c.id == request.flow_run_id,
        )
        rows = connection.execute(statement.where(*mine)).all()
    return [StateEntry(state=make_state(*row[:5]), epoch=row.epoch) for row in rows]


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
