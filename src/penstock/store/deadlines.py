"""Deadlines of runs: looked at once each, when they have come."""

import logging

from sqlalchemy import func, select, update

from penstock.core.records import LogSeen
from penstock.store.database import Store
from penstock.store.events import Told, add_events
from penstock.store.fact_rows import write_logs
from penstock.store.tables import flow, flow_run
from penstock.store.work_tables import run_request

RUNS_PER_PASS = 500
LOGGER = "penstock.deadlines"

r, a = flow_run.c, run_request.c


def check_deadlines(store: Store) -> tuple[int, int | None]:
    """Answer `CheckDeadlines`: an event, a line in the run's log, and a message beside its state.

    Also tells when to look again if nobody writes before, none if never.
    """
    with store.read() as connection:
        now = store.now_us(connection)
        earliest = connection.execute(select(func.min(a.deadline_at)).where(a.deadline_at.is_not(None))).scalar()
        if earliest is None or earliest > now:
            return 0, earliest
    with store.write() as transaction:
        connection, now = transaction.connection, transaction.now_us()
        rows = connection.execute(
            select(
                r.seq, r.id, r.name, r.workspace_id, r.state_name, r.ended_at, r.epoch, r.deployment, a.due_at, a.deadline_at,
                flow.c.name.label("flow_name"),
            )
            .join(run_request, a.flow_run_seq == r.seq)
            .join(flow, flow.c.seq == r.flow_seq)
            .where(a.deadline_at <= now)
            .order_by(a.deadline_at)
            .limit(RUNS_PER_PASS)
            .with_for_update(of=run_request, skip_locked=True)
        ).all()  # fmt: skip
        missed = [row for row in rows if row.ended_at is None or row.ended_at > row.deadline_at]
        lines, events = [], []
        for row in missed:
            seconds = (row.deadline_at - row.due_at) / 1e6
            message = f"The deadline was missed: {seconds:,.0f} s after its time the run is {row.state_name}."
            lines.append(LogSeen(row.id, None, row.epoch, now, logging.WARNING, LOGGER, message))
            events.append(
                Told(
                    workspace_id=row.workspace_id,
                    at=now,
                    kind="flow-run.deadline-missed",
                    resource=f"flow-run.{row.id}",
                    related=(f"flow.{row.flow_name}",),
                    payload={
                        "name": row.name,
                        "deployment": row.deployment,
                        "deadline_at": row.deadline_at,
                        "state": row.state_name,
                    },
                    run_seq=row.seq,
                )
            )
            if row.ended_at is None:
                values = {"state_message": message, "changed": transaction.changed}
                open_still = (r.seq == row.seq, r.ended_at.is_(None))
                connection.execute(update(flow_run).where(*open_still).values(values))
        write_logs(transaction, lines, {row.id: row.seq for row in missed})
        add_events(transaction, events)
        looked_at = a.flow_run_seq.in_([row.seq for row in rows])
        connection.execute(update(run_request).where(looked_at).values(deadline_at=None))
        return len(missed), now
