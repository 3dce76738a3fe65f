"""What the metrics tell of the database as a whole. Cheap at any size: task runs and log lines are not counted."""

from sqlalchemy import Connection, func, select

from penstock.core.states import StateType
from penstock.reports import MeasureStore, StoreMeasures
from penstock.store.database import Store
from penstock.store.tables import event, flow_run

WAITING = (StateType.SCHEDULED.value, StateType.PENDING.value)

r = flow_run.c


def measure_store(store: Store, request: MeasureStore, workspace: str) -> StoreMeasures:
    """Answer `MeasureStore`; of all workspaces."""
    with store.read() as connection:
        now = store.now_us(connection)
        # By the columns of an index, which is all that is read.
        counted = connection.execute(
            select(r.workspace_id, r.state_type, func.count()).group_by(r.workspace_id, r.state_type)
        ).all()
        runs: dict[str, int] = {}
        for _, state_type, number in counted:
            runs[state_type] = runs.get(state_type, 0) + number
        due, oldest = 0, now
        for workspace_id in {row.workspace_id for row in counted if row.state_type in WAITING}:
            for state_type in WAITING:
                waiting = (r.workspace_id == workspace_id, r.state_type == state_type, r.start_at <= now)
                number, earliest = connection.execute(select(func.count(), func.min(r.start_at)).where(*waiting)).one()
                due, oldest = due + number, min(oldest, earliest if earliest is not None else now)
        return StoreMeasures(
            at=now,
            flow_runs=runs,
            waiting=due,
            oldest_wait_us=now - oldest,
            events=connection.execute(select(func.count()).select_from(event)).scalar_one(),
            bytes=store.database.size_bytes(connection),
            scheduler_lag_us=max(0, now - (_first_due(connection) or now)),
        )


def _first_due(connection: Connection) -> int | None:
    from penstock.store.work_tables import schedule  # lazy: processes that run flows load none of it

    due_at = schedule.c.due_at
    first: int | None = connection.execute(select(func.min(due_at)).where(due_at.is_not(None))).scalar()
    return first
