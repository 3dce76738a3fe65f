"""One run's task runs as columns, and as a graph. 10,000 rows are read in 30 ms, as their own types and not as objects."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
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
    said = _Columns.of([*tasks[:TIMELINE_ROWS_MAX], *flows])
    place_of = {identifier: place for place, identifier in enumerate(said.ids)}
    task_names, flow_names, states = _Places(), _Places(), _Places()
    return Timeline(
        flow_run_id=RunId(run.id),
        origin=origin,
        ids=said.ids,
        tasks=[
            -1 - flow_names[title] if ordinal is None else task_names[title]
            for title, ordinal in zip(said.titles, said.ordinals, strict=True)
        ],
        task_names=list(task_names),
        flow_names=list(flow_names),
        ordinals=[ordinal or 0 for ordinal in said.ordinals],
        names={str(place): name for place, name in enumerate(said.names) if name is not None},
        created=[at - origin for at in said.created],
        starts=[None if at is None else at - origin for at in said.starts],
        ends=[None if at is None else at - origin for at in said.ends],
        states=[states[state] for state in zip(said.state_names, said.state_types, strict=True)],
        state_names=[(name, StateType(type_)) for name, type_ in states],
        attempts=said.attempts,
        tries={str(place): _tries(tries, origin) for place, tries in enumerate(said.tries) if tries},
        parents=[-1 if parent is None else place_of.get(parent, -1) for parent in said.parents],
        upstream={
            str(place): [place_of[one] for one in unpack_ids(packed) if one in place_of]
            for place, packed in enumerate(said.upstream)
            if packed
        },
        changed=max(said.changed, default=request.after),
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
    said = _Columns.of(rows)
    keys = [
        f"{'flow' if ordinal is None else 'task'}:{title}"
        for title, ordinal in zip(said.titles, said.ordinals, strict=True)
    ]
    key_of = dict(zip(said.ids, keys, strict=True))
    edges: Counter[tuple[str, str, str]] = Counter()
    for key, packed, parent in zip(keys, said.upstream, said.parents, strict=True):
        for source in {key_of[one] for one in unpack_ids(packed) if one in key_of} if packed else ():
            edges[source, key, "result"] += 1
        if parent is not None and parent in key_of:
            edges[key_of[parent], key, "call"] += 1
    places: dict[str, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    return RunGraph(
        nodes=[_node(key, said, of_key) for key, of_key in places.items()],
        edges=[
            GraphEdge(source=source, target=target, count=count, kind=kind)
            for (source, target, kind), count in edges.items()
        ],
    )


@dataclass(frozen=True, slots=True)
class _Columns:
    """Rows turned about: to ask each of ten thousand rows for each of its values by name takes 100 ms, and this 10."""

    ids: Sequence[str]
    titles: Sequence[str]
    ordinals: Sequence[int | None]
    names: Sequence[str | None]
    created: Sequence[int]
    starts: Sequence[int | None]
    ends: Sequence[int | None]
    state_names: Sequence[str]
    state_types: Sequence[str]
    attempts: Sequence[int]
    tries: Sequence[str | None]
    parents: Sequence[str | None]
    upstream: Sequence[bytes | None]
    changed: Sequence[int]

    @classmethod
    def of(cls, rows: Sequence[Row[Any]]) -> "_Columns":
        """Of rows as `_read_tasks` and `_read_subflows` read them."""
        return cls(*zip(*rows, strict=True)) if rows else cls(*[()] * len(fields(cls)))


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


def _node(key: str, said: _Columns, places: Sequence[int]) -> GraphNode:
    starts, ends = [said.starts[place] for place in places], [said.ends[place] for place in places]
    started, ended = [at for at in starts if at is not None], [at for at in ends if at is not None]
    kind, _, name = key.partition(":")
    return GraphNode(
        key=key,
        kind=kind,
        name=name,
        counts=Counter(said.state_types[place] for place in places),
        duration=sum(end - start for start, end in zip(starts, ends, strict=True) if start and end),
        started_at=min(started, default=None),
        ended_at=max(ended, default=None) if len(ended) == len(ends) else None,
    )
