"""Removing runs: one that somebody names, or those that retention no longer keeps."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection, Table, delete, func, literal_column, or_, select, update

from penstock.core.errors import Conflict, NotFound
from penstock.core.ids import RunId
from penstock.ports import DeleteFlowRun, Prune, Pruned
from penstock.store.database import Store, Transaction
from penstock.store.facts import find_tree
from penstock.store.tables import artifact, dataset_use, event, flow_run, flow_run_state, log, task_run, writer
from penstock.store.work_tables import run_input, run_message, run_request

HANGING: Sequence[Table] = (task_run, log, flow_run_state, event, artifact, dataset_use, run_input, run_message)
"""Tables whose rows belong to a flow run by `flow_run_seq`, which a later run may have: SQLite gives the highest number again."""
RUNS_PER_TRANSACTION = 20
"""So that no pass keeps other writers waiting."""
ROWS_PER_STATEMENT = 10_000
SILENCE_MAX_US = 90 * 86_400_000_000
"""A writer that has not said that it ends may be a process that rests; without its mark it could never speak again."""

r = flow_run.c


def delete_flow_run(store: Store, request: DeleteFlowRun, workspace: str) -> int:
    """Answer `DeleteFlowRun`."""
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        row = connection.execute(
            select(r.seq, r.name, r.state_name, r.ended_at).where(r.workspace_id == workspace_id, r.id == request.id)
        ).one_or_none()
        if row is None:
            raise NotFound("flow run", request.id, listing="penstock flow-run ls")
        if row.ended_at is None and not request.force:
            raise Conflict(
                f"Flow run `{row.name}` is {row.state_name} and would go on. Cancel it first, or delete it with force."
            )
        tree = find_tree(connection, workspace_id, request.id)
    removed = _remove(store, list(tree))
    return removed["flow_run"]


def prune(store: Store, request: Prune, workspace: str) -> Pruned:
    """Answer `Prune`: the oldest first, a bounded number a pass."""
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        going: dict[int, RunId] = {}
        if request.runs_older_than is not None:
            for run_id in _ended_before(connection, workspace_id, request.runs_older_than, request.limit):
                going |= find_tree(connection, workspace_id, run_id)
        if request.dry_run:
            hanging = {table.name: _count(connection, table, list(going)) for table in HANGING}
            return Pruned(rows={"flow_run": len(going), **hanging}, run_ids=list(going.values()))
    removed = _remove(store, list(going))
    if request.runs_older_than is not None:
        removed["writer"] += _remove_writers(store, workspace_id, before=request.runs_older_than, limit=request.limit)
    return Pruned(rows=dict(removed), run_ids=list(going.values()))


def _ended_before(connection: Connection, workspace_id: int, before: int, limit: int) -> Sequence[str]:
    # A run starts before it ends, so that the order of starts finds the old ones. Subflows go with their parents.
    old = (r.workspace_id == workspace_id, r.start_at < before, r.ended_at < before, r.parent_run_id.is_(None))
    return connection.execute(select(r.id).where(*old).order_by(r.start_at, r.seq).limit(max(0, limit))).scalars().all()


def _remove(store: Store, seqs: Sequence[int]) -> Counter[str]:
    removed: Counter[str] = Counter()
    for start in range(0, len(seqs), RUNS_PER_TRANSACTION):
        part = seqs[start : start + RUNS_PER_TRANSACTION]
        for table in HANGING:
            removed[table.name] += _remove_hanging(store, table, part)
        with store.write() as transaction:
            # What was recorded since goes in the same transaction as the runs themselves.
            for table in HANGING:
                removed[table.name] += transaction.connection.execute(
                    delete(table).where(table.c.flow_run_seq.in_(part))
                ).rowcount
            _remove_requests(transaction, part)
            removed["flow_run"] += transaction.connection.execute(delete(flow_run).where(r.seq.in_(part))).rowcount
    return removed


def _remove_requests(transaction: Transaction, seqs: Sequence[int]) -> None:
    """How the runs were asked for; those that wait for one of them to end wait no more."""
    a = run_request.c
    waiting = a.status == literal_column("'waiting'")  # as the partial index has it
    follows = update(run_request).where(waiting, a.after_seq.in_(seqs)).values(after_seq=None)
    transaction.connection.execute(follows)
    transaction.connection.execute(delete(run_request).where(a.flow_run_seq.in_(seqs)))


def _remove_hanging(store: Store, table: Table, seqs: Sequence[int]) -> int:
    removed = 0
    while True:
        with store.write() as transaction:
            some = select(table.c.seq).where(table.c.flow_run_seq.in_(seqs)).limit(ROWS_PER_STATEMENT).scalar_subquery()
            went = transaction.connection.execute(delete(table).where(table.c.seq.in_(some))).rowcount
        removed += went
        if went < ROWS_PER_STATEMENT:
            return removed


def _remove_writers(store: Store, workspace_id: int, *, before: int, limit: int) -> int:
    w = writer.c
    unused = ~select(r.seq).where(r.writer_seq == w.seq).exists()
    ended = or_(w.closed_at.is_not(None), w.seen_at < before - SILENCE_MAX_US)
    old = (
        select(w.seq)
        .where(w.workspace_id == workspace_id, w.seen_at < before, ended, unused)
        .limit(max(0, limit))
        .scalar_subquery()
    )
    with store.write() as transaction:
        return transaction.connection.execute(delete(writer).where(w.seq.in_(old))).rowcount


def _count(connection: Connection, table: Table, seqs: Sequence[int]) -> int:
    total = 0
    for start in range(0, len(seqs), 500):
        total += connection.execute(
            select(func.count()).select_from(table).where(table.c.flow_run_seq.in_(seqs[start : start + 500]))
        ).scalar_one()
    return total
