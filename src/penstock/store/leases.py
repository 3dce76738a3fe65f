"""Leases of processes that record through a server: renewed by what is heard of them, ended by silence."""

from collections.abc import Sequence

from sqlalchemy import and_, select, update

from penstock.core.ids import RunId
from penstock.ports import ReapLeases
from penstock.store.database import Store
from penstock.store.moves import mark_crashed, revive
from penstock.store.tables import flow_run, workspace, writer
from penstock.store.writers import held_by

LOOK_BACK_US = 7 * 86_400_000_000
"""Leases that ended before need not be looked at again."""
WRITERS_PER_PASS = 200

w = writer.c


def renew_lease(store: Store, writer_id: str, workspace_name: str, run_ids: Sequence[RunId]) -> int:
    """A writer that has a lease was heard of, and runs these; answers the lease's length in microseconds, 0 if it has none."""
    with store.write() as transaction:
        connection, now = transaction.connection, transaction.now_us()
        workspace_id = store.workspace_id(connection, workspace_name)
        leased = and_(w.workspace_id == workspace_id, w.id == writer_id, w.lease_until.is_not(None))
        row = connection.execute(select(w.seq, w.lease_until, w.seen_at).where(leased).with_for_update()).one_or_none()
        if row is None:
            return 0
        length: int = row.lease_until - row.seen_at
        connection.execute(update(writer).where(w.seq == row.seq).values(lease_until=now + length, seen_at=now))
        revive(store, transaction, workspace_id, row.seq, run_ids)
        return length


def find_lease(store: Store, writer_id: str, workspace_name: str) -> bool | None:
    """Whether a writer's lease holds; none if it has none."""
    with store.read() as connection:
        mine = and_(w.workspace_id == store.workspace_id(connection, workspace_name), w.id == writer_id)
        until = connection.execute(select(w.lease_until).where(mine)).scalar()
        return None if until is None else bool(until > store.now_us(connection))


def reap_leases(store: Store, request: ReapLeases, actor: str) -> Sequence[RunId]:
    """Answer `ReapLeases`."""
    with store.read() as connection:
        now = store.now_us(connection)
        ended = and_(w.lease_until < now, w.lease_until > now - LOOK_BACK_US)
        holds = select(flow_run.c.seq).where(held_by(w.seq)).exists()
        rows = connection.execute(
            select(w.id, w.host, w.pid, w.seen_at, workspace.c.name)
            .join(workspace, workspace.c.id == w.workspace_id)
            .where(ended, holds)
            .limit(WRITERS_PER_PASS)
        ).all()
    crashed: list[RunId] = []
    for row in rows:
        silent = max(0, now - row.seen_at) // 1_000_000
        message = f"Nothing was heard of process {row.pid} on {row.host} for {silent:,} s."
        crashed += mark_crashed(store, row.id, message, row.name, actor=actor, silent=True, last_seen_at=row.seen_at)
    return crashed
