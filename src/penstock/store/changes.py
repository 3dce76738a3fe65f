"""What was committed after a cursor: the number of a transaction, below which all are surely there.

Log lines and events carry the number of their transaction in their position, so that one cursor serves all.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from penstock.reports import TOPICS, Changes, ListChanges
from penstock.store.database import POSITIONS_PER_TRANSACTION, Store
from penstock.store.facts import find_tree, to_event, to_log_line
from penstock.store.flow_runs import select_flow_runs, to_flow_run
from penstock.store.pages import in_workspace
from penstock.store.tables import counter, event, flow_run, log

RUNS_MAX = 500
LINES_MAX = 10_000
"""More than any batch of a journal holds."""
WATCHED_MAX = 200

r = flow_run.c


def list_changes(store: Store, request: ListChanges, workspace: str) -> Changes:
    """Answer `ListChanges`."""
    with store.read() as connection:
        newest = _newest(store, connection)
        after = newest if request.after is None else min(request.after, newest)
        if after == newest:
            return Changes(cursor=newest, flow_runs=(), logs=(), events=(), more=False, reset=False)
        workspace_id = store.workspace_id(connection, workspace)
        runs = _read_runs(connection, workspace_id, after, newest)
        lines = _read_lines(connection, workspace_id, request, after, newest)
        events = _read_events(connection, workspace_id, after, newest) if request.with_events else []
        topics = _read_topics(connection, workspace_id, after, newest)
    # Where a list was cut, all end before the transaction that it was cut in.
    cursor = min(
        _end(newest, runs, RUNS_MAX, lambda row: row.changed),
        _end(newest, lines, LINES_MAX, _transaction),
        _end(newest, events, LINES_MAX, _transaction),
    )
    if cursor <= after:
        return Changes(cursor=newest, flow_runs=(), logs=(), events=(), more=False, reset=True)
    return Changes(
        cursor=cursor,
        flow_runs=[to_flow_run(row) for row in runs if row.changed <= cursor],
        logs=[to_log_line(row) for row in lines if _transaction(row) <= cursor],
        events=[to_event(row) for row in events if _transaction(row) <= cursor],
        more=cursor < newest,
        reset=False,
        topics=topics,
    )


def _newest(store: Store, connection: Connection) -> int:
    settled = store.database.settled_before(connection)
    if settled is not None:
        return settled - 1
    return int(connection.execute(select(counter.c.value).where(counter.c.name == "changed")).scalar_one())


def _read_runs(connection: Connection, workspace_id: int, after: int, newest: int) -> Sequence[Row[Any]]:
    changed = (in_workspace(r.workspace_id, workspace_id), r.changed > after, r.changed <= newest)
    return connection.execute(select_flow_runs().where(*changed).order_by(r.changed).limit(RUNS_MAX + 1)).all()


def _read_lines(
    connection: Connection, workspace_id: int, request: ListChanges, after: int, newest: int
) -> Sequence[Row[Any]]:
    found: list[Row[Any]] = []
    for run_id in request.log_runs[:WATCHED_MAX]:
        tree = find_tree(connection, workspace_id, run_id)
        found += connection.execute(
            select(log, r.id.label("flow_run_id"))
            .join(flow_run, r.seq == log.c.flow_run_seq)
            .where(log.c.flow_run_seq.in_(tree), *_between(log.c.seq, after, newest))
            .order_by(log.c.seq)
            .limit(LINES_MAX + 1)
        ).all()
    found.sort(key=lambda row: row.seq)
    return found[: LINES_MAX + 1]


def _read_events(connection: Connection, workspace_id: int, after: int, newest: int) -> Sequence[Row[Any]]:
    mine = (in_workspace(event.c.workspace_id, workspace_id), *_between(event.c.seq, after, newest))
    return connection.execute(select(event).where(*mine).order_by(event.c.seq).limit(LINES_MAX + 1)).all()


def _read_topics(connection: Connection, workspace_id: int, after: int, newest: int) -> Sequence[str]:
    """What else there were events about; of very many, it may be anything."""
    mine = (in_workspace(event.c.workspace_id, workspace_id), *_between(event.c.seq, after, newest))
    kinds = connection.execute(select(event.c.kind).where(*mine).order_by(event.c.seq).limit(LINES_MAX + 1)).scalars()
    found = [kind.split(".")[1] for kind in kinds if kind.startswith("penstock.")]
    return TOPICS if len(found) > LINES_MAX else tuple(topic for topic in TOPICS if topic in found)


def _between(seq: Any, after: int, newest: int) -> tuple[Any, Any]:
    return seq >= (after + 1) * POSITIONS_PER_TRANSACTION, seq < (newest + 1) * POSITIONS_PER_TRANSACTION


def _transaction(row: Row[Any]) -> int:
    return int(row.seq) // POSITIONS_PER_TRANSACTION


def _end(newest: int, rows: Sequence[Row[Any]], limit: int, number: Any) -> int:
    return newest if len(rows) <= limit else int(number(rows[limit])) - 1
