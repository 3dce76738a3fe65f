"""Flows as they are read."""

from sqlalchemy import ColumnElement, func, select

from penstock.core.ids import definition_id
from penstock.ports import Flow, ListFlows, Page
from penstock.store.database import Store
from penstock.store.pages import clamp, decode_cursor, make_page
from penstock.store.tables import flow, flow_run

f = flow.c


def list_flows(store: Store, request: ListFlows, workspace: str) -> Page[Flow]:
    """Answer `ListFlows`: by name, each with the number of its runs and the start of the last."""
    limit = clamp(request.limit)
    of_flow = flow_run.c.flow_seq == f.seq
    run_count = select(func.count()).where(of_flow).scalar_subquery().label("run_count")
    last_run_at = select(func.max(flow_run.c.start_at)).where(of_flow).scalar_subquery().label("last_run_at")
    with store.read() as connection:
        conditions: list[ColumnElement[bool]] = [f.workspace_id == store.workspace_id(connection, workspace)]
        if request.cursor is not None:
            conditions.append(f.name > decode_cursor(request.cursor, str)[0])
        rows = connection.execute(
            select(flow, run_count, last_run_at).where(*conditions).order_by(f.name).limit(limit + 1)
        ).all()
    return make_page(
        rows,
        limit,
        item=lambda row: Flow(
            id=definition_id(workspace, row.name),
            name=row.name,
            created_at=row.created_at,
            run_count=row.run_count,
            last_run_at=row.last_run_at,
        ),
        keys=lambda row: (row.name,),
    )
